"""No side effects: functions that draw a state, ask about it or choose an action must not change it."""

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from games.check.compare import changed
from games.check.definition import DRAWN, Failed, check, located, place_of
from games.check.play import DECISIONS, PLAIN_SECONDS, display_lists, pick, world_masks
from games.check.process import elsewhere, task
from games.engine.batch import RANDOM, Batch
from games.engine.loader import Game

HUD_SECONDS = 0.5  # of play, at most


@task(plain=True)
def look(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python: call the game's functions one by one at each tick at which a seat is asked."""
    batch = Batch(game, 1, 3)
    dice = np.random.default_rng(3)
    deadline = time.process_time() + PLAIN_SECONDS / 2
    count = 0
    while time.process_time() < deadline and count < DECISIONS:
        look_at(game, batch)
        masks = world_masks(batch)
        batch.step(pick(masks, dice.random(masks.shape[:2])))
        count += 1
    return {"count": np.array(count)}


def look_at(game: Game, batch: Batch) -> None:
    """Call every function that must not change a state, for every seat."""
    for seat in range(-1, game.players):
        for people in (False, True):
            must_change_nothing(game, batch, f"draw for seat {seat}", partial(see, batch, seat, people))
    mask = np.zeros(game.num_actions, np.uint8)
    asks, legal, bot = (game.functions[name] for name in ("asks", "legal", "bot"))
    for seat in range(game.players):
        must_change_nothing(game, batch, "asks", partial(call, asks, seat))
        mask[:] = 1
        must_change_nothing(game, batch, "legal", partial(call, legal, seat, mask))
        for skill in (0.0, 0.5, 1.0) if batch.asked[0, seat] else ():
            action = must_change_nothing(game, batch, "bot", partial(call, bot, seat, skill))
            if not 0 <= action < game.num_actions or not mask[int(action)]:
                tick = batch.states["tick"][0]
                what = f"the bot of skill {skill} plays {action} for seat {seat}, which is not legal (tick {tick})"
                raise Failed(located(game, "bot", what))


def see(batch: Batch, seat: int, people: bool, s: Any) -> None:
    display_lists(batch, np.zeros(1, int), np.full(1, seat), people)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function with a state, which is the last argument here and the first of the function."""
    return function(arguments[-1], *arguments[:-1])


def must_change_nothing(game: Game, batch: Batch, what: str, call: Callable[[Any], Any]) -> Any:
    """Call a function with the state of a batch's first environment; `Failed`, with the line, if it changes a field."""
    before = batch.states.copy()
    result = call(batch.record())
    fields = changed(batch.states, before)
    if not fields:
        return result
    batch.states[:] = before
    batch.states.flags.writeable = False
    try:
        call(batch.record())
        place = ""
    except ValueError as error:  # the state is read-only
        place = place_of(game, error)
    raise Failed(located(game, what.split()[0], f"{f'{place}: ' if place else ''}{what} changes {', '.join(fields)}"))


@task(plain=True)
def write_texts(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python: the texts of `hud` in the first ticks and at the end of an episode."""
    batch = Batch(game, 1, 3, bots=RANDOM)
    until = time.process_time() + HUD_SECONDS
    while time.process_time() < until:
        final = bool(batch.end[0])
        before = (batch.final if final else batch.states).copy()
        check_hud(game.hud(batch.record(0, final)))
        for field in changed(batch.final if final else batch.states, before):
            raise Failed(f"hud changes {field}")
        if final:
            break
        batch.step(np.zeros((1, game.players), np.int64))
    return {}


def check_hud(texts: Any) -> None:
    """`hud` returns three texts that the window can show."""
    if not (isinstance(texts, tuple) and len(texts) == 3 and all(isinstance(text, str) for text in texts)):
        raise Failed(f"hud gives {texts!r}; it needs three texts: left, middle, right")
    check_letters("hud", "".join(texts))


def check_letters(what: str, text: str) -> None:
    """The window can show all characters of a text: for others it would show boxes."""
    if find_spec("pygame"):
        from games.render.glyphs import GLYPHS, unprintable

        for sign in unprintable(text)[:1]:
            raise Failed(f"{what} writes '{sign}', which the window's font lacks; beside letters it has {' '.join(GLYPHS)}")


@check("looking changes nothing: draw, asks, legal, bot; the bot's choice is legal", calls=DRAWN)
def quiet(game: Game) -> str:
    return f"{elsewhere(game, look)['count']} decisions"


@check("hud gives three texts that the window can show, and changes nothing", about="hud", calls=("step", "legal", "hud"))
def hud(game: Game) -> str | None:
    elsewhere(game, write_texts)
    return None if find_spec("pygame") else "letters not looked at: Pygame is not installed"
