"""Decisions a second that PPO learns from, beside Stable-Baselines3's PPO with the same network and settings."""

import dataclasses
import statistics
from collections.abc import Iterator
from time import process_time

import torch

from agents.networks import best_dtype
from agents.ppo import PPOSettings
from games.errors import UserError
from games.game import Game
from speed.peers import NETWORKS, Ours, Sb3
from speed.rows import CORES, Row, Sight, prove, take_turns, timed

TURNS = 5  # that ours and the peer take
UNDER_WAY = 400  # random decisions that games have behind them before learning is timed, so that some end meanwhile


class Learning:
    """A learner, timed over whole iterations: decisions learned from a second."""

    def __init__(self, learner: Ours | Sb3):
        self.learner, self.before = learner, self.sight(learner)
        self.processor: list[float] = []  # its seconds for a decision, of each turn: what else runs matters less to them

    def run(self, seconds: float) -> float:
        return timed(self.iterate, seconds)

    def iterate(self) -> int:
        began = process_time()
        decisions = self.learner.iterate()
        self.processor.append((process_time() - began) / max(decisions, 1))
        return decisions

    def check(self) -> None:
        prove(self.learner.name, self.before, lambda: self.sight(self.learner), self.learner.iterate, 20)
        if not self.learner.weights().isfinite().all():
            raise UserError(f"{self.learner.name}: a weight is not finite.")

    @staticmethod
    def sight(learner: Ours | Sb3) -> Sight:
        episodes, rewards = learner.happened()
        weights = learner.weights().numpy().tobytes()
        return {"change of the weights": weights, "end of an episode": episodes, "reward": rewards}


def measure(named: list[Game], seconds: float, quick: bool) -> Iterator[Row]:
    """PPO with each network, in the processor's best precision and in fp32, beside Stable-Baselines3's."""
    game = named[0]
    if hasattr(game.module, "legal"):
        raise UserError(f"{game.heading} bars actions, and Stable-Baselines3's PPO knows no masks.\nChoose another: pong.")
    fast = best_dtype(torch.device("cpu"), "auto") != torch.float32
    smaller = {"n_envs": 32, "n_steps": 8, "batch_size": 128} if quick else {}
    for network, recipe in NETWORKS.items():
        settings = PPOSettings(**{**recipe, **smaller, "network": network, "schedule": "constant"})
        yield from network_rows(game, settings, ("bf16", "fp32") if fast else ("fp32",), seconds, quick)


def network_rows(game: Game, settings: PPOSettings, precisions: tuple[str, ...], seconds: float, quick: bool) -> Iterator[Row]:
    """A row for each precision; all precisions, thread counts and sides take turns, the better thread count counts."""
    ways: list = [(p, dataclasses.replace(settings, precision=p), min(CORES, 4)) for p in precisions]
    ways.append((Sb3.name, settings, CORES))
    sides, keys = [], []
    for key, how, most in ways:
        for threads in [1] if quick else sorted({1, most}):
            sides.append(Learning((Sb3 if key == Sb3.name else Ours)(game, how, threads, UNDER_WAY)))
            keys.append(key)
    if len({len(side.learner.weights()) for side in sides}) > 1:
        raise UserError(f"The {settings.network} networks of the two sides differ: that would be no comparison.")
    found = take_turns([side.run for side in sides], seconds / len(sides), 2 if quick else TURNS)
    best: dict[str, tuple[float, int]] = {}  # steps/s and threads
    busy: dict[str, float] = {}  # on one thread, seconds of the processor
    for side, key, speeds in zip(sides, keys, found, strict=True):
        side.check()
        side.learner.close()
        best[key] = max(best.get(key, (0.0, 0)), (statistics.median(speeds), side.learner.threads))
        busy.setdefault(key, statistics.median(side.processor[1:]))
    theirs, their_threads = best.pop(Sb3.name)
    same = f"{settings.n_envs} games × {settings.n_steps} decisions, {settings.n_epochs} × minibatches of {settings.batch_size}"
    for precision, (ours, threads) in best.items():
        name = f"ppo {settings.network}{'' if precision == precisions[0] else f' {precision}'}"
        note = f"{precision}, threads: {threads}; theirs fp32, threads: {their_threads}; both {same}; "
        note += f"by one thread's processor time × {busy[Sb3.name] / busy[precision]:.2f}"
        yield Row(name, "steps/s", ours, note=note).beside(theirs, Sb3.name)
