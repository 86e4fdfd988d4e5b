"""Decisions a second that our learners learn from, compared with Stable-Baselines3's with the same network and settings."""

import dataclasses
import statistics
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch

import games
from agents.algorithms.dqn import DQNSettings
from agents.algorithms.on_policy import OnPolicySettings
from agents.algorithms.ppo import PPOSettings
from agents.algorithms.pqn import PQNSettings
from agents.core.precision import best_dtype
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.pool import Member, Pool
from agents.training.config import RunSettings
from agents.training.league import first_members, shares_of
from games.engine.loader import Game
from games.errors import UserError, nearest
from speed.learner_baselines import NETWORKS, AlgorithmSettings, Ours, Sb3
from speed.remote_peer import PeerProcess, RemotePeer
from speed.rows import CORES, Row, Signs, prove, take_turns, timed

TURNS = 5  # turns that ours and the peer take
WARM_START = 400  # random decisions in every game before learning is timed, so that some games end meanwhile
PEER = "peer"  # the key of all the peer's sides
LEAGUE = "ppo league"  # the row of a pool of opponents
ALONE = 0.2  # fraction of a measurement's seconds if there is no peer


@dataclasses.dataclass
class LearnerComparison:
    """One comparison: a row for each precision of ours. The peer uses the fastest of the settings `theirs`."""

    name: str
    ours: AlgorithmSettings
    theirs: list[AlgorithmSettings] = dataclasses.field(default_factory=list)  # empty: no peer
    game: str | None = None  # None: any game


# Observations and networks.
OBJECTS: dict[str, Any] = {"observation": "objects", "stack": 1, "network": "mlp"}
PIXELS: dict[str, Any] = {"size": 42, "stack": 1, "network": "small"}
BOARD: dict[str, Any] = {"observation": "planes", "size": 14, "stack": 1, "patch": 2, "channels": 8, "hidden": 256}
LSTM: dict[str, Any] = {"memory": "lstm", "memory_size": 256}  # sb3-contrib's size

# PPO with a memory. RecurrentPPO gets its usual number of environments (FEW), and as many as ours (MANY).
PASSES: dict[str, Any] = {"batch_size": 1024, "n_epochs": 2}
MANY, FEW = {"n_envs": 256, "n_steps": 16}, {"n_envs": 8, "n_steps": 128}
# DQN of 2015, as Stable-Baselines3 implements it: a batch of 32 for every 4 decisions.
VANILLA: dict[str, Any] = {
    "batch_size": 32, "buffer_size": 10_000, "learning_starts": 1_000, "target_update_interval": 10_000, "learning_rate": 1e-4,
    "double": False, "dueling": False, "n_step": 1, "prioritized": False,
    "exploration_initial_eps": 0.05, "exploration_final_eps": 0.05,
}  # fmt: skip
ROUNDS = {"ours": {"n_envs": 32, "train_freq": 1, "gradient_steps": 8}, 1: {"n_envs": 1, "train_freq": 4, "gradient_steps": 1}}
ROUNDS[8] = {"n_envs": 8, "train_freq": 1, "gradient_steps": 2}


def comparisons(quick: bool) -> list[LearnerComparison]:
    """All comparisons, in the order of the table."""
    few = {"n_envs": 32, "n_steps": 8, "batch_size": 128} if quick else {}
    less = {"learning_starts": 100} if quick else {}

    def ppo(**recipe: Any) -> PPOSettings:
        return PPOSettings(**{**recipe, **few, "schedule": "constant"})

    def pqn(**recipe: Any) -> PQNSettings:
        return PQNSettings(**{**recipe, **few, "schedule": "constant"})

    def dqn(**recipe: Any) -> DQNSettings:
        return DQNSettings(**{**recipe, **less, "schedule": "constant"})

    found = []
    for network, recipe in NETWORKS.items():
        settings = ppo(**recipe, network=network)
        found.append(LearnerComparison(f"ppo {network}", settings, [settings]))
    for name, seen in (("mlp", OBJECTS), ("cnn", PIXELS)):
        recipe = {**seen, **LSTM, **PASSES}
        found.append(
            LearnerComparison(f"ppo lstm {name}", ppo(**recipe, **MANY), [ppo(**recipe, **FEW), ppo(**recipe, **MANY)])
        )
    for network in ("small", "nature"):
        seen = {name: NETWORKS[network][name] for name in ("size", "stack")}
        ours, *theirs = (dqn(**seen, **VANILLA, **rounds, network=network) for rounds in ROUNDS.values())
        found.append(LearnerComparison(f"dqn {network}", ours, [*theirs]))
    return [
        *found,
        LearnerComparison("ppo mlp", ppo(**OBJECTS)),
        LearnerComparison("ppo masked", ppo(**BOARD), game="connect_four"),
        LearnerComparison("ppo lstm masked", ppo(**BOARD, memory="lstm"), game="connect_four"),
        LearnerComparison("pqn patch", pqn()),
        LearnerComparison("pqn lstm mlp", pqn(**OBJECTS, memory="lstm")),
        LearnerComparison("pqn masked", pqn(**BOARD), game="connect_four"),
        LearnerComparison("dqn patch", dqn()),
        LearnerComparison("dqn lstm mlp", dqn(**OBJECTS, memory="lstm")),
        LearnerComparison("dqn lstm cnn", dqn(**PIXELS, memory="lstm")),
        LearnerComparison("dqn masked", dqn(**BOARD), game="connect_four"),
        LearnerComparison("dqn lstm masked", dqn(**BOARD, memory="lstm"), game="connect_four"),
    ]


class TimedLearner:
    """A learner whose speed is measured over whole iterations."""

    def __init__(self, learner: Ours | Sb3 | RemotePeer, key: str):
        """key: the row it competes for, a precision of ours or PEER."""
        self.learner, self.key, self.before = learner, key, self.signs(learner)
        self.cpu_seconds: list[float] = []  # processor time for a decision, of each iteration

    def run(self, seconds: float) -> float:
        """Decisions a second."""
        return timed(self.iterate, seconds)

    def iterate(self) -> int:
        """One iteration; returns the number of decisions."""
        decisions = self.learner.iterate()
        self.cpu_seconds.append(self.learner.cpu_seconds / max(decisions, 1))
        return decisions

    def check(self) -> None:
        """`UserError` unless it has learned and its weights are finite."""
        prove(self.learner.name, self.before, lambda: self.signs(self.learner), self.learner.iterate, 20)
        if not self.learner.weights().isfinite().all():
            raise UserError(f"{self.learner.name}: a weight is not finite.")

    @staticmethod
    def signs(learner: Ours | Sb3 | RemotePeer) -> Signs:
        episodes, rewards = learner.counts()
        weights = learner.weights().numpy().tobytes()
        return {"change of the weights": weights, "end of an episode": episodes, "reward": rewards}


def measure(named: list[Game], seconds: float, quick: bool, only: str | None = None) -> Iterator[Row]:
    """Every comparison, in the processor's fastest precision and in fp32. only: words that a comparison's name must have."""
    game = named[0]
    if game.has_legal:
        raise UserError(f"{game.heading} bars actions, and Stable-Baselines3's PPO knows no masks.\nChoose another: pong.")
    every, wanted = comparisons(quick), set((only or "").split())
    chosen = [comparison for comparison in every if wanted <= set(comparison.name.split())]
    leagues = [name for name in (LEAGUE, f"{LEAGUE} agents") if game.competitive and wanted <= set(name.split())]
    if not chosen and not leagues:
        names = [*(comparison.name for comparison in every), LEAGUE]
        raise UserError(f"There is no row '{only}'.\n{nearest(only or '', names)}")
    process = PeerProcess()
    try:
        for comparison in chosen:
            played = games.load(comparison.game) if comparison.game else game
            yield from comparison_rows(played, comparison, seconds, quick, process)
    finally:
        process.close()
    for name in leagues:
        yield league_row(game, name, seconds, quick)


def league_row(game: Game, name: str, seconds: float, quick: bool) -> Row:
    """PPO against a pool with eight agents whose networks are like its own, beside PPO against the bot."""
    few = {"n_envs": 32, "n_steps": 8, "batch_size": 128} if quick else {}
    settings = PPOSettings(**few, schedule="constant")  # type: ignore[arg-type] # the defaults, as in Pong's recipe
    warm_start = 0 if game.has_legal else WARM_START
    pools = (pool_of_eight(game, settings, alone=name != LEAGUE), None)
    sides = [TimedLearner(Ours(game, settings, 1, warm_start, pool), name) for pool in pools]
    found = take_turns([side.run for side in sides], 0.0 if quick else 0.375 * seconds, 2 if quick else TURNS)
    for side in sides:
        side.check()
        side.learner.close()
    league, bot = (statistics.median(turns) for turns in found)
    cost = one_thread(sides[0]) / one_thread(sides[1]) - 1
    who = "8 agents alone" if name != LEAGUE else "8 snapshots and all others, in the default shares"
    note = f"{who}, {chosen_settings(sides[0])}; processor time of a step {cost:+.0%}"
    return Row(name, "steps/s", league, note=note).beside(bot, "against bot")


def pool_of_eight(game: Game, settings: PPOSettings, alone: bool) -> Pool:
    """A pool with eight untrained agents that sample their actions, as snapshots do. alone: and nobody else."""
    run = RunSettings()
    info = describe_agent(game, replace(settings, temperature=1.0), "ppo")
    members = [] if alone else first_members(game, [], shares_of(run))
    for number in range(8):
        agent = Agent(game, info, build_network(game, settings))
        members.append(Member(len(members), f"agent {number}", "past", agent=agent))
    return Pool(members, shares_of(run), "uniform", 0.0 if alone else run.league_self)


def comparison_rows(
    game: Game, comparison: LearnerComparison, seconds: float, quick: bool, process: PeerProcess
) -> Iterator[Row]:
    """A row for each precision, with the peer if there is one. All take turns, each with its best number of threads."""
    sides = sides_of(game, comparison, quick, process)
    if len({len(side.learner.weights()) for side in sides}) > 1:
        raise UserError(f"The networks of the two sides differ in '{comparison.name}': that would be no comparison.")
    best, trial = fastest_sides(sides, 0.0 if quick else seconds / 4 / len(sides))
    duration = (1.0 if comparison.theirs else ALONE) * 0.75 * seconds / len(best)
    found = take_turns([side.run for side in best.values()], duration, 2 if quick else TURNS)
    for side in sides:
        side.check()
        side.learner.close()
    speeds = {key: statistics.median(turns) for key, turns in zip(best, found, strict=True)}
    cpu_seconds = {key: min(one_thread(side) for side in sides if side.key == key) for key in best}
    theirs = best.pop(PEER, None)
    slower = "" if theirs is None else slower_settings(theirs, sides, trial)
    for number, (precision, side) in enumerate(best.items()):
        name, note = comparison.name + (f" {precision}" if number else ""), f"{precision}, {chosen_settings(side)}"
        if theirs is None:
            yield Row(name, "steps/s", speeds[precision], note=f"{note}; {common_settings(side.learner.settings)}")
            continue
        note += f"; theirs fp32, {chosen_settings(theirs)}{slower}; both {common_settings(side.learner.settings)}; "
        note += f"by one thread's processor time × {cpu_seconds[theirs.key] / cpu_seconds[precision]:.2f}"
        yield Row(name, "steps/s", speeds[precision], note=note).beside(speeds[theirs.key], theirs.learner.name)


def sides_of(game: Game, comparison: LearnerComparison, quick: bool, process: PeerProcess) -> list[TimedLearner]:
    """Ours in each precision and theirs with each of their settings, each on one thread and on all."""
    fast = best_dtype(torch.device("cpu"), "auto") != torch.float32
    precisions = ("bf16", "fp32") if fast else ("fp32",)
    warm_start = 0 if game.has_legal else WARM_START
    variants: list[tuple[str, Any, AlgorithmSettings, int]] = []  # (key, class, settings, largest number of threads)
    for precision in precisions if comparison.theirs else precisions[:1]:
        variants.append((precision, Ours, dataclasses.replace(comparison.ours, precision=precision), min(CORES, 4)))
    variants += [(PEER, partial(RemotePeer, process), settings, CORES) for settings in comparison.theirs]
    return [
        TimedLearner(make(game, settings, threads, warm_start), key)
        for key, make, settings, most in variants
        for threads in ([1] if quick else sorted({1, most}))
    ]


def fastest_sides(sides: list[TimedLearner], seconds: float) -> tuple[dict[str, TimedLearner], list[float]]:
    """For each key the side that is fastest in a short trial; and the speeds of all sides in it."""
    speeds = [max(turns) for turns in take_turns([side.run for side in sides], seconds, 1)]
    ranked = sorted(zip(speeds, range(len(sides)), strict=True))
    keys = dict.fromkeys(side.key for side in sides)
    return {key: sides[[i for _, i in ranked if sides[i].key == key][-1]] for key in keys}, speeds


def slower_settings(best: TimedLearner, sides: list[TimedLearner], speeds: list[float]) -> str:
    """A note on the peer's other settings: their speed in the trial, each with its best number of threads."""
    found: dict[str, float] = {}
    for side, speed in zip(sides, speeds, strict=True):
        if side.key == best.key and side.learner.settings != best.learner.settings:
            found[games_played(side)] = max(speed, found.get(games_played(side), 0.0))
    return "".join(f" (with {name} {speed:,.0f} steps/s in a trial)" for name, speed in found.items())


def one_thread(side: TimedLearner) -> float:
    """Processor seconds for a decision on one thread; infinite for a side with more threads."""
    return statistics.median(side.cpu_seconds[1:]) if side.learner.threads == 1 else float("inf")


def chosen_settings(side: TimedLearner) -> str:
    """A note on the settings in which the two sides may differ."""
    return f"{games_played(side)}, threads: {side.learner.threads}"


def games_played(side: TimedLearner) -> str:
    """A note on the number of games at once, and of decisions in a rollout."""
    settings = side.learner.settings
    steps = f" × {settings.n_steps} decisions" if isinstance(settings, OnPolicySettings) else ""
    return f"{settings.n_envs} game{'s'[: settings.n_envs - 1]}{steps}"


def common_settings(settings: AlgorithmSettings) -> str:
    """A note on the settings that both sides share."""
    if isinstance(settings, OnPolicySettings):
        return f"{settings.n_epochs} × minibatches of {settings.batch_size}"
    per = settings.n_envs * settings.train_freq / settings.gradient_steps
    return f"a batch of {settings.batch_size} every {per:g} decisions"
