"""No side effects: functions that draw a state, ask about it or choose an action must not change it."""

import time
from importlib.util import find_spec
from typing import Any

import numpy as np

from games.check.compare import changed
from games.check.definition import Failed, check
from games.check.play import DECISIONS, PLAIN_SECONDS, display_lists, pick, world_masks
from games.check.process import elsewhere, task
from games.engine.batch import Batch
from games.engine.loader import Game


@task
def look(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python: call the game's functions one by one at each tick at which a seat is asked."""
    batch = Batch(game, 1, 3)
    dice = np.random.default_rng(3)
    deadline = time.perf_counter() + PLAIN_SECONDS / 2
    count = 0
    while time.perf_counter() < deadline and count < DECISIONS:
        look_at(game, batch)
        masks = world_masks(batch)
        batch.step(pick(masks, dice.random(masks.shape[:2])))
        count += 1
    return {"count": np.array(count)}


def look_at(game: Game, batch: Batch) -> None:
    """Call every function that must not change a state, for every seat."""
    before, s = batch.states.copy(), batch.record()

    def unchanged(what: str) -> None:
        if batch.states.tobytes() != before.tobytes():
            raise Failed(f"{what} changes {', '.join(changed(batch.states, before))}")

    for seat in range(-1, game.players):
        for people in (False, True):
            display_lists(batch, np.zeros(1, int), np.full(1, seat), people)
        unchanged(f"draw for seat {seat}")
    mask = np.zeros(game.num_actions, np.uint8)
    for seat in range(game.players):
        game.functions["asks"](s, seat)
        unchanged("asks")
        mask[:] = 1
        game.functions["legal"](s, seat, mask)
        unchanged("legal")
        for skill in (0.0, 0.5, 1.0) if batch.asked[0, seat] else ():
            action = game.functions["bot"](s, seat, skill)
            unchanged("bot")
            if not 0 <= action < game.num_actions or not mask[int(action)]:
                raise Failed(f"the bot of skill {skill} plays {action} for seat {seat}, which is not legal (tick {s.tick})")
    check_hud(game.hud(s))
    unchanged("hud")


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


@check("looking changes nothing: draw, asks, legal, bot, hud; the bot's choice is legal")
def quiet(game: Game) -> str:
    note = "" if find_spec("pygame") else "; hud's letters not looked at: Pygame is not installed"
    return f"{elsewhere(game, look, plain=True)['count']} decisions{note}"
