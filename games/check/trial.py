"""The first ticks, in plain Python: mistakes that compiled code would hide or die of are told with their lines."""

import _thread
import signal
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from games import core
from games.check.definition import Failed, check
from games.check.play import display_lists, pick, world_masks
from games.check.process import elsewhere, task
from games.engine.batch import Batch
from games.engine.loader import Game

DECISIONS = 60  # at most
SECONDS = 1.0  # at most, after which no new decision is begun
STUCK = 5.0  # a call that takes so many seconds in plain Python is taken for one without an end


@task
def first_ticks(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """Play some decisions; each function that fails is left alone from then on, so that the others are tried too."""
    trial = _Trial(game)
    batch = trial.call("step", lambda: Batch(game, 2, 8))  # which calls build, reset and asks, too
    dice = np.random.default_rng(8)
    until = time.perf_counter() + SECONDS
    for _ in range(DECISIONS):
        if batch is None or "step" in trial.problems or time.perf_counter() > until:
            break
        for env in range(2):
            _look(trial, batch, env)
        masks = trial.call("legal", lambda: world_masks(batch))
        actions = np.zeros((2, game.players), np.int64) if masks is None else pick(masks, dice.random(masks.shape[:2]))
        trial.call("step", partial(batch.step, actions))
    trial.end()
    return {}


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


def _decide(game: Game, s: Any, seat: int, skill: float) -> None:
    action = game.functions["bot"](s, seat, skill)
    if action is None:
        raise Failed(f"it returns nothing for seat {seat}: each of its paths must end in return, with an action's number")
    if not isinstance(action, (int, float, np.number)) or action != int(action):
        raise Failed(f"it returns {action!r} for seat {seat}, which is no action's number")


class _Trial:
    """Calls of a game's functions, the problems of each, and a watch that interrupts a call without an end."""

    def __init__(self, game: Game):
        self.game = game
        self.files = {Path(str(game.module.__file__)).resolve(), *(file.resolve() for file in game.imported_files())}
        self.lines = {node.name: node.lineno for node in game.tree.body if hasattr(node, "name")}
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
            self.problems[name] = self._told(name, stuck, f"still at work after {STUCK:.0f} s: a loop without an end?")
        except Failed as problem:
            self.problems[name] = f"line {self.lines.get(name, '?')}, {name}: {problem}"
        except Exception as error:  # a broken game may raise anything
            said = " ".join(str(error).splitlines())
            self.problems[name] = self._told(
                name, error, said if type(error) is ValueError else f"{type(error).__name__}: {said}"
            )
        return None

    def _told(self, name: str, error: BaseException, what: str) -> str:
        """A problem with the innermost line of the game's own files that was at work."""
        frames = traceback.extract_tb(error.__traceback__)
        in_game = [frame for frame in frames if Path(frame.filename).resolve() in self.files]
        if not in_game:
            return f"{name}: {what}"
        file = "" if Path(in_game[-1].filename).name == self.game.path.name else f"{Path(in_game[-1].filename).name} "
        return f"{file}line {in_game[-1].lineno}, {in_game[-1].name}: {what}"

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
            raise Failed("; ".join(dict.fromkeys(self.problems.values())))


@check("the first ticks run in plain Python", vital=True)
def trial(game: Game) -> None:
    elsewhere(game, first_ticks, plain=True)
