"""Decisions a second that our learners learn from, beside Stable-Baselines3's with the same network and settings."""

import dataclasses
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

import games
from agents.algorithms.dqn import DQNSettings
from agents.algorithms.ppo import PPOSettings
from agents.networks.network import best_dtype
from games.engine.loader import Game
from games.errors import UserError, nearest
from speed.learner_baselines import NETWORKS, Ours, Sb3, Settings
from speed.remote_peer import PeerProcess, RemotePeer
from speed.rows import CORES, Row, Signs, prove, take_turns, timed

TURNS = 5  # that ours and the peer take
UNDER_WAY = 400  # random decisions that games have behind them before learning is timed, so that some end meanwhile
PEER = "peer"  # the key of all its sides
ALONE = 0.2  # of a measurement's seconds, where there is no peer


@dataclasses.dataclass
class Contest:
    """Who learns what: a row for each precision of ours. Of `theirs` the peer takes the settings that are best for it."""

    name: str
    ours: Settings
    theirs: list[Settings] = dataclasses.field(default_factory=list)  # none: no peer
    game: str | None = None  # where it cannot be any


# What agents see and how they take it in.
OBJECTS: dict[str, Any] = {"observation": "objects", "stack": 1, "network": "mlp"}
PIXELS: dict[str, Any] = {"size": 42, "stack": 1, "network": "small"}
BOARD: dict[str, Any] = {"observation": "planes", "size": 14, "stack": 1, "patch": 2, "channels": 8, "hidden": 256}
LSTM: dict[str, Any] = {"memory": "lstm", "memory_size": 256}  # of sb3-contrib's size

# How they learn. Of RecurrentPPO's environments the usual number, and as many as we take.
PASSES: dict[str, Any] = {"batch_size": 1024, "n_epochs": 2}
MANY, FEW = {"n_envs": 256, "n_steps": 16}, {"n_envs": 8, "n_steps": 128}
# The algorithm of 2015 as Stable-Baselines3 has it, always learning: 32 decisions for every 4.
VANILLA: dict[str, Any] = {
    "batch_size": 32, "buffer_size": 10_000, "learning_starts": 1_000, "target_update_interval": 10_000, "learning_rate": 1e-4,
    "double": False, "dueling": False, "n_step": 1, "prioritized": False,
    "exploration_initial_eps": 0.05, "exploration_final_eps": 0.05,
}  # fmt: skip
ROUNDS = {"ours": {"n_envs": 32, "train_freq": 1, "gradient_steps": 8}, 1: {"n_envs": 1, "train_freq": 4, "gradient_steps": 1}}
ROUNDS[8] = {"n_envs": 8, "train_freq": 1, "gradient_steps": 2}


def contests(quick: bool) -> list[Contest]:
    """All of them, in the order of the table."""
    few = {"n_envs": 32, "n_steps": 8, "batch_size": 128} if quick else {}
    less = {"learning_starts": 100} if quick else {}

    def ppo(**recipe: Any) -> PPOSettings:
        return PPOSettings(**{**recipe, **few, "schedule": "constant"})

    def dqn(**recipe: Any) -> DQNSettings:
        return DQNSettings(**{**recipe, **less, "schedule": "constant"})

    found = []
    for network, recipe in NETWORKS.items():
        settings = ppo(**recipe, network=network)
        found.append(Contest(f"ppo {network}", settings, [settings]))
    for name, seen in (("mlp", OBJECTS), ("cnn", PIXELS)):
        recipe = {**seen, **LSTM, **PASSES}
        found.append(Contest(f"ppo lstm {name}", ppo(**recipe, **MANY), [ppo(**recipe, **FEW), ppo(**recipe, **MANY)]))
    for network in ("small", "nature"):
        sight = {name: NETWORKS[network][name] for name in ("size", "stack")}
        ours, *theirs = (dqn(**sight, **VANILLA, **way, network=network) for way in ROUNDS.values())
        found.append(Contest(f"dqn {network}", ours, [*theirs]))
    return [
        *found,
        Contest("ppo mlp", ppo(**OBJECTS)),
        Contest("ppo masked", ppo(**BOARD), game="connect_four"),
        Contest("ppo lstm masked", ppo(**BOARD, memory="lstm"), game="connect_four"),
        Contest("dqn patch", dqn()),
        Contest("dqn lstm mlp", dqn(**OBJECTS, memory="lstm")),
        Contest("dqn lstm cnn", dqn(**PIXELS, memory="lstm")),
        Contest("dqn masked", dqn(**BOARD), game="connect_four"),
        Contest("dqn lstm masked", dqn(**BOARD, memory="lstm"), game="connect_four"),
    ]


class Learning:
    """A learner, timed over whole iterations: decisions learned from a second."""

    def __init__(self, learner: Ours | Sb3 | RemotePeer, key: str):
        """key: of what it competes for, its precision or the peer's name."""
        self.learner, self.key, self.before = learner, key, self.sight(learner)
        self.processor: list[float] = []  # its seconds for a decision, of each iteration

    def run(self, seconds: float) -> float:
        return timed(self.iterate, seconds)

    def iterate(self) -> int:
        decisions = self.learner.iterate()
        self.processor.append(self.learner.spent / max(decisions, 1))
        return decisions

    def check(self) -> None:
        prove(self.learner.name, self.before, lambda: self.sight(self.learner), self.learner.iterate, 20)
        if not self.learner.weights().isfinite().all():
            raise UserError(f"{self.learner.name}: a weight is not finite.")

    @staticmethod
    def sight(learner: Ours | Sb3 | RemotePeer) -> Signs:
        episodes, rewards = learner.happened()
        weights = learner.weights().numpy().tobytes()
        return {"change of the weights": weights, "end of an episode": episodes, "reward": rewards}


def measure(named: list[Game], seconds: float, quick: bool, only: str | None = None) -> Iterator[Row]:
    """Every contest, in the processor's best precision and in fp32. only: those whose names have all of its words."""
    game = named[0]
    if game.has_legal:
        raise UserError(f"{game.heading} bars actions, and Stable-Baselines3's PPO knows no masks.\nChoose another: pong.")
    known = contests(quick)
    chosen = [one for one in known if set((only or "").split()) <= set(one.name.split())]
    if not chosen:
        raise UserError(f"There is no row '{only}'.\n{nearest(only or '', [one.name for one in known])}")
    elsewhere = PeerProcess()
    try:
        for contest in chosen:
            yield from contest_rows(games.load(contest.game) if contest.game else game, contest, seconds, quick, elsewhere)
    finally:
        elsewhere.close()


def contest_rows(game: Game, contest: Contest, seconds: float, quick: bool, elsewhere: PeerProcess) -> Iterator[Row]:
    """A row for each precision, beside the peer where there is one. All take turns; the best number of threads counts."""
    sides = sides_of(game, contest, quick, elsewhere)
    if len({len(side.learner.weights()) for side in sides}) > 1:
        raise UserError(f"The networks of the two sides differ in '{contest.name}': that would be no comparison.")
    best, trial = finalists(sides, 0.0 if quick else seconds / 4 / len(sides))
    share = (1.0 if contest.theirs else ALONE) * 0.75 * seconds / len(best)
    found = take_turns([side.run for side in best.values()], share, 2 if quick else TURNS)
    for side in sides:
        side.check()
        side.learner.close()
    speeds = {key: statistics.median(own) for key, own in zip(best, found, strict=True)}
    busy = {key: min(one_thread(side) for side in sides if side.key == key) for key in best}
    theirs = best.pop(PEER, None)
    worse = "" if theirs is None else beaten(theirs, sides, trial)
    for number, (precision, side) in enumerate(best.items()):
        name, note = contest.name + (f" {precision}" if number else ""), f"{precision}, {described(side)}"
        if theirs is None:
            yield Row(name, "steps/s", speeds[precision], note=f"{note}; {shared(side.learner.settings)}")
            continue
        note += f"; theirs fp32, {described(theirs)}{worse}; both {shared(side.learner.settings)}; "
        note += f"by one thread's processor time × {busy[theirs.key] / busy[precision]:.2f}"
        yield Row(name, "steps/s", speeds[precision], note=note).beside(speeds[theirs.key], theirs.learner.name)


def sides_of(game: Game, contest: Contest, quick: bool, elsewhere: PeerProcess) -> list[Learning]:
    """Ours in each precision and theirs in each of its settings, each on one thread and on all."""
    fast = best_dtype(torch.device("cpu"), "auto") != torch.float32
    precisions = ("bf16", "fp32") if fast else ("fp32",)
    under_way = 0 if game.has_legal else UNDER_WAY
    ways: list[tuple[str, Any, Settings, int]] = []
    for precision in precisions if contest.theirs else precisions[:1]:
        ways.append((precision, Ours, dataclasses.replace(contest.ours, precision=precision), min(CORES, 4)))
    ways += [(PEER, partial(RemotePeer, elsewhere), settings, CORES) for settings in contest.theirs]
    return [
        Learning(kind(game, settings, threads, under_way), key)
        for key, kind, settings, most in ways
        for threads in ([1] if quick else sorted({1, most}))
    ]


def finalists(sides: list[Learning], seconds: float) -> tuple[dict[str, Learning], list[float]]:
    """Of each key the side that is the fastest in a short trial; and the speeds of all in it."""
    speeds = [max(own) for own in take_turns([side.run for side in sides], seconds, 1)]
    ranked = sorted(zip(speeds, range(len(sides)), strict=True))
    best = {key: sides[[i for _, i in ranked if sides[i].key == key][-1]] for key in dict.fromkeys(one.key for one in sides)}
    return best, speeds


def beaten(best: Learning, sides: list[Learning], speeds: list[float]) -> str:
    """What the peer's other settings did in the trial, each with its best number of threads."""
    found: dict[str, float] = {}
    for side, speed in zip(sides, speeds, strict=True):
        if side.key == best.key and side.learner.settings != best.learner.settings:
            found[games_of(side)] = max(speed, found.get(games_of(side), 0.0))
    return "".join(f" (with {name} {speed:,.0f} steps/s in a trial)" for name, speed in found.items())


def one_thread(side: Learning) -> float:
    """Seconds of the processor for a decision; infinite where others helped."""
    return statistics.median(side.processor[1:]) if side.learner.threads == 1 else float("inf")


def described(side: Learning) -> str:
    """What was free to choose."""
    return f"{games_of(side)}, threads: {side.learner.threads}"


def games_of(side: Learning) -> str:
    """How many it plays at once, and for how long."""
    settings = side.learner.settings
    steps = f" × {settings.n_steps} decisions" if isinstance(settings, PPOSettings) else ""
    return f"{settings.n_envs} game{'s'[: settings.n_envs - 1]}{steps}"


def shared(settings: Settings) -> str:
    """What both sides have in common."""
    if isinstance(settings, PPOSettings):
        return f"{settings.n_epochs} × minibatches of {settings.batch_size}"
    per = settings.n_envs * settings.train_freq / settings.gradient_steps
    return f"a batch of {settings.batch_size} every {per:g} decisions"
