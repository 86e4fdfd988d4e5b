"""The values of the game file's names, and whether the game can be played at all."""

import importlib
import importlib.util
import warnings

import numpy as np

from games import core
from games.check.definition import PLAYED, Failed, check
from games.check.play import DECISIONS, Play
from games.check.process import elsewhere, task
from games.check.side_effects import check_letters
from games.engine.contract import did_you_mean
from games.engine.keys import keys_of
from games.engine.loader import Game
from games.engine.players import bot_skill
from games.errors import UserError

MOST_TICKS = 1_000_000  # of an episode: an unfinished game is played so far

# Keys with a meaning in every game's window, which a game must not use.
RESERVED_KEYS = {"escape": "pauses the game", "r": "begins a new one", "q": "closes the window", "f11": "fills the screen"}


@check("names, keys and places are in order")
def contract(game: Game) -> str | None:
    """The properties of a game that can be checked without playing it."""
    if len(game.doc.splitlines()) < 3:
        raise Failed("the docstring needs three lines: rule, reward, end")
    every = [*game.actions, *game.hands]
    for what, texts in (("the docstring", [game.doc]), ("ACTIONS", every), ("SEATS", game.seats)):
        check_letters(what, "".join(texts))
    if len(set(every)) < len(every):
        raise Failed("ACTIONS and HANDS name an action twice")
    if len(game.seats) != game.players:
        raise Failed(f"SEATS holds {len(game.seats)} names; it needs {game.players}")
    mirrored = [action for pair in game.mirror or () for action in pair]
    if len(set(mirrored)) < len(mirrored):
        raise Failed("MIRROR names an action twice")
    if game.mirror is not None and game.players == 1:
        raise Failed("MIRROR is for games of two seats")
    if game.turns and not game.has_asks:
        raise Failed("TURNS needs the function asks")
    if not (1 <= game.frame_skip <= 60 and game.max_ticks >= game.frame_skip):
        raise Failed(f"FRAME_SKIP {game.frame_skip} is from 1 to 60, and MAX_TICKS no less")
    if game.max_ticks > MOST_TICKS:
        raise Failed(f"MAX_TICKS {game.max_ticks:,} is at most {MOST_TICKS:,}, over four hours of play")
    if game.hands and not game.has_asks:
        raise Failed("HANDS are for games with asks: elsewhere people and agents act alike")
    check_spots(game)
    check_mark(game)
    notes = (check_mirror(game), check_keys(game), check_recipe(game))
    return "; ".join(note for note in notes if note) or None


def check_mark(game: Game) -> None:
    """MARK: a score against, or beside, the game's bot or random play; a win rate where one of two seats wins."""
    opponent, score = game.mark
    try:
        skill = bot_skill(opponent)
    except UserError:
        skill = None
    if skill is None:
        raise Failed(f"MARK names the opponent {opponent!r}; it is bot, bot:S with a skill S from 0 to 1, or random")
    if game.competitive and not 0.0 <= score <= 1.0:
        raise Failed(f"MARK's score is {score:g}; where one of two seats wins it is a win rate from 0 to 1, as 0.9")


def check_mirror(game: Game) -> str | None:
    """MIRROR: a note if the picture of seat 1 is flipped but its left and right actions are not."""
    if game.mirror is None:
        return None
    paired = {action for pair in game.mirror for action in pair}
    for action in game.actions:
        twin = action.replace("left", "right")
        if twin != action and twin in game.actions and not {action, twin} & paired:
            return f"MIRROR flips the picture of seat 1, yet {action!r} and {twin!r} do not change places: is that meant?"
    return None


def check_recipe(game: Game) -> str | None:
    """RECIPE: algorithms and settings that training accepts. A note if training is not installed."""
    if importlib.util.find_spec("torch") is None:
        return "RECIPE not looked at: torch is not installed"
    training = importlib.import_module("agents.training.config")  # by name, and only here: games/ works without agents/
    for algorithm, settings in game.recipe.items():
        try:
            training.resolve(game, algorithm, {}, None)
            training.opponents_of(list(settings.get("opponents", [])), game, "cpu")
        except UserError as error:
            raise Failed(f"RECIPE: {' '.join(str(error).split('Known: ')[0].split())}") from error
    return None


def check_spots(game: Game) -> None:
    """SPOTS: for each action a rectangle (left, top, width, height) of the world, or None."""
    if game.spots is None:
        return
    given = game.module.SPOTS
    if not isinstance(given, dict) and len(given) not in (game.num_actions, len(game.spots)):
        raise Failed(f"SPOTS holds {len(given)} rectangles; ACTIONS has {game.num_actions}")
    for action, spot in zip([*game.actions, *game.hands], game.spots, strict=True):
        if spot is None:
            continue
        x, y, w, h = spot
        if min(x, y) < 0 or min(w, h) <= 0 or max(x + w, y + h) > core.WORLD:
            raise Failed(f"SPOTS has {tuple(spot)} for {action!r}, which does not lie in the world")


def check_keys(game: Game) -> str | None:
    """KEYS: names that Pygame knows. Two people may share keys in games of turns, but not otherwise."""
    by_seat = [{part for key in keys for part in keys_of(key)} for keys in game.keys]
    used = list(dict.fromkeys(part for keys in game.keys for key in keys for part in keys_of(key)))
    for key in used:
        if all(key in keys for keys in by_seat) and len(by_seat) > 1 and not game.turns:
            raise Failed(f"KEYS gives {key!r} to both seats")
        if key in RESERVED_KEYS:
            raise Failed(f"KEYS uses {key!r}, which {RESERVED_KEYS[key]} in every window; choose another")
    check_chords(game)
    check_every_action_has_a_key(game)
    try:
        import pygame
    except ImportError:
        return "keys' names not looked at: Pygame is not installed"
    with warnings.catch_warnings():  # Pygame warns that it is not initialised, though it can name keys without
        warnings.simplefilter("ignore")
        valid = {pygame.key.name(getattr(pygame, name), use_compat=True) for name in dir(pygame) if name.startswith("K_")}
    for key in used:
        if key not in valid:
            chord = "+".join(key.split("-")) if all(part in valid for part in key.split("-")) else ""
            meant = f" Did you mean the chord {chord!r}?" if chord else did_you_mean(key, valid)
            raise Failed(f"KEYS names the key {key!r}, which Pygame does not know.{meant}")
    return None


def check_chords(game: Game) -> None:
    """A chord names different keys, and no other chord names the same ones."""
    for keys in game.keys:
        chords: dict[frozenset[str], str] = {}
        for name in keys:
            parts = keys_of(name)
            if len(set(parts)) < len(parts):
                raise Failed(f"KEYS names the chord {name!r}, which has a key twice")
            if chords.setdefault(frozenset(parts), name) != name:
                raise Failed(f"KEYS names the keys of {name!r} twice, as {chords[frozenset(parts)]!r} too: keep one of them")


def check_every_action_has_a_key(game: Game) -> None:
    """Each seat has a key or a spot for each action, but for the first where nobody waits: it is no key held.

    What a seat has no key for must be masked: only in games with `legal` one seat may lack a key that the other has. Where
    people have HANDS, they need no other action.
    """
    spots = dict(zip([*game.actions, *game.hands], game.spots or (), strict=False))
    named = [{*keys.values(), *(action for action, spot in spots.items() if spot)} for keys in game.keys]
    for action in game.hands or (game.actions if game.has_asks else game.actions[1:]):
        without = [seat for seat, actions in enumerate(named) if action not in actions]
        if without and (len(without) == game.players or not game.has_legal):
            raise Failed(f"KEYS gives seat {without[0]} no key for the action {action!r}: people could never play it")


@task()
def begin(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game, pictures=0).run(DECISIONS // 4)


@check("it compiles, begins and asks somebody", about="step", calls=PLAYED, breaks=("step",))
def begins(game: Game) -> None:
    """Played in a separate process: an endless loop or an index out of range must not stop or crash this one."""
    elsewhere(game, begin)
