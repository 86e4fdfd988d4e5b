"""The first ticks, in plain Python: mistakes that compiled code would hide or die of are told with their lines."""

import _thread
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from games import core
from games.check.definition import Failed, check, game_frames, located, place_of
from games.check.play import display_lists, pick, world_masks
from games.check.process import elsewhere, task
from games.engine.batch import RANDOM, Batch
from games.engine.contract import FUNCTIONS
from games.engine.loader import Game

DECISIONS = 60  # at most
SECONDS = 1.0  # at most, after which no new decision is begun
EPISODES = 2  # whole ones, of each pair of players
LATER = 1.5  # seconds for them
STUCK = 5.0  # a call that takes so many seconds in plain Python is taken for one without an end


@task(plain=True)
def first_ticks(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """Play some decisions; each function that fails is left alone from then on, so that the others are tried too."""
    trial = _Trial(game)
    batch = trial.call("step", lambda: Batch(game, 2, 8))  # which calls build, reset and asks, too
    dice = np.random.default_rng(8)
    until = time.process_time() + SECONDS
    for _ in range(DECISIONS):
        if batch is None or "step" in trial.problems or time.process_time() > until:
            break
        for env in range(2):
            _look(trial, batch, env)
        masks = trial.call("legal", lambda: world_masks(batch))
        actions = np.zeros((2, game.players), np.int64) if masks is None else pick(masks, dice.random(masks.shape[:2]))
        trial.call("step", partial(batch.step, actions))
    _play_on(trial)
    trial.end()
    return {}


def _play_on(trial: "_Trial") -> None:
    """Whole episodes of random play and of the bot: what happens late in an episode fails here."""
    game = trial.game
    if {"step", "legal"} & trial.problems.keys():
        return
    bots = np.full((3, game.players), RANDOM)
    if "bot" not in trial.problems:
        bots[1, 0], bots[2, -1] = 0.5, 0.5
    kernel, until = vars(game.kernel), time.process_time() + LATER
    kernel["bot"] = partial(_decide, game)
    try:
        batch = trial.call("step", lambda: Batch(game, len(bots), 8, bots=bots))
        while batch is not None and time.process_time() < until and batch.episode.min() < EPISODES:
            found = len(trial.problems)
            trial.call("step", partial(batch.step, np.zeros(bots.shape, np.int64), 8))
            if len(trial.problems) > found:
                break
    finally:
        kernel["bot"] = game.functions["bot"]


def _look(trial: "_Trial", batch: Batch, env: int) -> None:
    """Call what neither the rules nor other seats need: pictures, texts, the bot, and `valid`."""
    game, s = trial.game, core.PlainRecord(batch.states, env)
    for seat in range(-1, game.players):
        for people in (False, True):
            trial.call("draw", partial(display_lists, batch, np.array([env]), np.array([seat]), people))
    trial.call("hud", partial(game.hud, s))
    trial.call("valid", partial(game.functions["valid"], s))
    for seat in np.flatnonzero(batch.asked[env]).tolist():
        for skill in (0.0, 0.5, 1.0):
            trial.call("bot", partial(_decide, game, s, seat, skill))
    if hasattr(game.module, "solvable") and s.tick == 0:
        trial.call("solvable", partial(game.module.solvable, s))


def _decide(game: Game, s: Any, seat: int, skill: float) -> int:
    action = game.functions["bot"](s, seat, skill)
    if action is None:
        what = f"it returns nothing for seat {seat}: each of its paths must end in return, with an action's number"
        raise Failed(what, ["bot"])
    if not isinstance(action, (int, float, np.number)) or action != int(action):
        raise Failed(f"it returns {action!r} for seat {seat}, which is no action's number", ["bot"])
    return int(action)


class _Trial:
    """Calls of a game's functions, the problems of each, and a watch that interrupts a call without an end."""

    def __init__(self, game: Game):
        self.game = game
        self.problems: dict[str, str] = {}  # by the contract's function
        self.deadline = float("inf")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which the watch raises
        threading.Thread(target=self._watch, daemon=True).start()

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        """Call a function and return its result; None if it fails, or has failed before."""
        if name in self.problems:
            return None
        try:
            self.deadline = time.monotonic() + STUCK
            try:
                return function()
            finally:
                self.deadline = float("inf")
        except KeyboardInterrupt as stuck:
            self._note(name, stuck, f"still at work after {STUCK:.0f} s: a loop without an end?")
        except Failed as problem:
            for broken in problem.functions:
                self.problems[broken] = located(self.game, broken, str(problem))
        except Exception as error:  # a broken game may raise anything
            said = " ".join(str(error).splitlines())
            self._note(name, error, said if type(error) is ValueError else f"{type(error).__name__}: {said}")
        return None

    def _note(self, name: str, error: BaseException, what: str) -> None:
        """Note a problem of the contract's function that was called, with the innermost line of the game's own files.

        name: what the engine was asked for; `step` of a batch calls others too.
        """
        outermost = next((frame.name for frame in game_frames(self.game, error) if frame.name in FUNCTIONS), name)
        name = {"build": "step", "reset": "step", "asks": "step"}.get(outermost, outermost)
        self.problems[name] = f"{place_of(self.game, error) or name}: {what}"

    def _watch(self) -> None:
        """Interrupt the main thread when the deadline of a call has passed; a daemon, which ends with its process."""
        while True:
            time.sleep(0.05)
            if time.monotonic() > self.deadline:
                self.deadline = float("inf")
                _thread.interrupt_main()

    def end(self) -> None:
        """`Failed` with all problems, if there are any."""
        if self.problems:
            raise Failed("; ".join(dict.fromkeys(self.problems.values())), self.problems)


@check("the first ticks run in plain Python", breaks=("step",))
def trial(game: Game) -> None:
    elsewhere(game, first_ticks)
