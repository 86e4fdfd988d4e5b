"""Measure speed: python bench.py env, train or play"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import games
from games.errors import UserError, nearest

EPILOG = """what is measured:
  env     ticks a second of each game, beside Gymnasium's vector CartPole; compilation
  train   decisions a second that PPO learns from, beside Stable-Baselines3's PPO with the same network and settings
  play    how long an agent takes to decide, beside Stable-Baselines3's predict; how steady the clock is
Ours and the peer take turns within one run, so that whatever else the machine does hits both; the figures are medians."""

CORES = os.cpu_count() or 1
SECONDS = {"env": 0.5, "train": 60.0, "play": 60.0}  # of each measurement: a row, a network, the clock
QUICK = {"env": 0.02, "train": 0.0, "play": 1.0}
TURNS = 5  # that ours and the peer take, each, at least
TOGETHER = 1024  # environments of a batch
OBSERVATIONS = (("rules", 0), ("objects", 0), ("planes", 12), ("pixels", 42), ("pixels", 84))  # and their size
# Network → what it sees, and how it learns: for patch our defaults, for the others what is usual for such networks.
NETWORKS = {
    "patch": {"size": 36, "stack": 2, "n_envs": 512, "n_steps": 16, "batch_size": 1024, "n_epochs": 1},
    "small": {"size": 42, "stack": 3, "n_envs": 128, "n_steps": 16, "batch_size": 512, "n_epochs": 2},
    "nature": {"size": 84, "stack": 4, "n_envs": 128, "n_steps": 16, "batch_size": 512, "n_epochs": 2},
}
UNDER_WAY = 400  # random decisions that games have behind them before learning is timed, so that some end meanwhile
DECISIONS = 2000  # of a batch of one, timed on each side


@dataclasses.dataclass
class Row:
    """One figure. `ratio` says how many times better ours is than the peer's: faster, or shorter."""

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    ratio: float | None = None
    note: str = ""

    def beside(self, peer: float, name: str, less_is_better: bool = False) -> "Row":
        self.peer, self.peer_name = peer, name
        self.ratio = peer / self.ours if less_is_better else self.ours / peer
        return self


def prove(what: str, **signs: object) -> None:
    """`UserError` unless everything happened that must happen when what was timed is what it claims to be."""
    missing = [sign.replace("_", " ") for sign, seen in signs.items() if not seen]
    if missing:
        raise UserError(f"{what}: not once {', '.join(missing)} while it was timed.\nA speed of something else means nothing.")


def take_turns(sides: list[Callable[[float], float]], seconds: float) -> list[list[float]]:
    """The speeds of each side in `TURNS` turns; a side is called with how long, and gives its speed."""
    for side in sides:
        side(0.0)  # warm: memory, threads, the processor's clock
    turns = [[side(seconds / TURNS) for side in sides] for _ in range(TURNS)]
    return [list(speeds) for speeds in zip(*turns, strict=True)]


# --- env ------------------------------------------------------------------------------------------------------------


class Ticks:
    """A batch of a game under random actions, one tick a step, and what one seat of each game sees."""

    def __init__(self, game, num_envs: int, observation: str, size: int, threads: int):
        import numpy as np

        from games.batch import Batch
        from games.view import View

        self.game, self.what = game, f"{game.heading}, {observation}"
        self.batch = Batch(game, num_envs, seed=1, frame_skip=1, threads=threads)
        shape = (64, num_envs, game.players)
        self.actions = list(np.random.default_rng(1).integers(game.num_actions, size=shape))
        for k in range(1000):  # games in all their stages
            self.batch.step(self.actions[k % 64], 1)
        rows = [(env, 0) for env in range(num_envs)]
        self.view = None if observation == "rules" else View(self.batch, rows, observation, size or 84, stack=1)
        self.steps = 0

    def step(self) -> None:
        self.batch.step(self.actions[self.steps % 64], 1)
        if self.view is not None:
            self.view.observe()
        self.steps += 1

    def run(self, seconds: float) -> float:
        """Ticks a second."""
        before = self.sight()
        self.batch.returns[:] = 0
        steps, began = self.steps, perf_counter()
        while True:
            self.step()
            elapsed = perf_counter() - began
            if elapsed >= seconds:
                break
        speed = (self.steps - steps) * self.batch.num_envs / elapsed
        self.check(*before)
        return speed

    def sight(self):
        """Copies: the games' own fields, the episodes' numbers, what the seats see."""
        return self.own(), self.batch.episode.copy(), None if self.view is None else self.view.newest().copy()

    def own(self) -> list:
        """The games' own fields: what the engine counts by itself is no sign of life."""
        from games.core import COMMON

        return [self.batch.states[name].copy() for name in self.game.state.names[len(COMMON) :]]

    def check(self, own, episode, seen) -> None:
        """Prove that the games went on; the very same steps go on, untimed, until an episode ends."""
        moved = any((now != then).any() for now, then in zip(self.own(), own, strict=True))
        changed = self.view is None or (self.view.newest() != seen).any()
        for _ in range(self.game.max_ticks):
            if (self.batch.episode != episode).any() and self.batch.returns.any():
                break
            self.step()
            moved = moved or any((now != then).any() for now, then in zip(self.own(), own, strict=True))
            changed = changed or (self.view is not None and (self.view.newest() != seen).any())
        ended = (self.batch.episode != episode).any()
        prove(self.what, state_moved=moved, episode_ended=ended, reward_came=self.batch.returns.any(), picture_changed=changed)


class CartPole:
    """Gymnasium's own vector CartPole in NumPy under random actions: what one thread does in the usual way."""

    name = f"Gymnasium's CartPole, {TOGETHER:,} at once"

    def __init__(self) -> None:
        import gymnasium as gym

        self.envs = gym.make_vec("CartPole-v1", num_envs=TOGETHER, vectorization_mode="vector_entry_point")
        self.envs.reset(seed=1)
        self.envs.action_space.seed(1)
        self.actions = [self.envs.action_space.sample() for _ in range(64)]

    def run(self, seconds: float) -> float:
        """Steps a second."""
        before, steps, began = self.envs.step(self.actions[0])[0].copy(), 0, perf_counter()
        while True:
            seen, rewards, ended, _, _ = self.envs.step(self.actions[steps % 64])
            steps += 1
            elapsed = perf_counter() - began
            if elapsed >= seconds:
                break
        prove("CartPole", state_moved=(seen != before).any(), episode_ended=ended.any(), reward_came=rewards.any())
        return steps * TOGETHER / elapsed


def bench_env(named: list, seconds: float, quick: bool) -> Iterator[Row]:
    """Every game: alone and in a batch, rules alone and each observation, on one thread and on all."""
    cart_pole = CartPole()
    for game in named:
        for observation, size in OBSERVATIONS[:3] if quick else OBSERVATIONS:
            what = f"{game.name} {observation}{f' {size}' if size else ''}"
            for num_envs, threads in [(1, 1), (TOGETHER, 1), *([(TOGETHER, CORES)] if CORES > 1 else [])]:
                ticks = Ticks(game, num_envs, observation, size, threads)
                fair = num_envs > 1 and not size  # CartPole gives four numbers: beside those of `objects`, not beside pictures
                speeds, *beside = take_turns([ticks.run, cart_pole.run] if fair else [ticks.run], seconds)
                ticks.batch.close()
                where = "a batch of one" if num_envs == 1 else f"{num_envs:,} at once, {threads} thread{'s'[: threads - 1]}"
                name = f"{what} scalar" if num_envs == 1 else f"{what} all threads" if threads > 1 else what
                row = Row(name, "ticks/s", statistics.median(speeds), note=f"{where}; best {short(max(speeds))}")
                yield row.beside(statistics.median(beside[0]), cart_pole.name) if beside else row
    yield from bench_compilation(named[0])


COMPILE = """
import sys, time
import numpy as np
import games, games.batch, games.game, games.view
wall, cpu = time.perf_counter(), time.process_time()
game = games.load(sys.argv[1])
batch = games.batch.Batch(game, 8)
view = games.view.View(batch, [(0, 0)], "pixels", 84, 1)
first = view.observe().copy()
for _ in range(200):
    batch.step(np.full((8, game.players), game.num_actions - 1))
    moved = (view.observe() != first).any()
print(time.perf_counter() - wall, time.process_time() - cpu, moved or batch.episode[0] > 0)
"""


def bench_compilation(game) -> Iterator[Row]:
    """From a game's name to its first picture in a fresh process, without the imports: nothing compiled yet, and all."""
    with tempfile.TemporaryDirectory() as cache:
        for name in ("compile cold", "compile warm"):
            before = set(Path(cache).rglob("*.nbc"))
            runs = [compile_once(game, cache) for _ in range(1 if name == "compile cold" else 3)]
            compiled = set(Path(cache).rglob("*.nbc")) - before
            prove(name, compiled=bool(compiled) == (name == "compile cold"), picture_changed=all(run[2] for run in runs))
            wall, cpu = (statistics.median(run[k] for run in runs) for k in (0, 1))
            yield Row(name, "s", wall, note=f"{game.heading}'s rules and pixels, imports apart; {cpu:.2f} s of the processor")


def compile_once(game, cache: str) -> tuple[float, float, bool]:
    """Seconds by the clock, seconds of the processor, and whether the game moved."""
    environment = {**os.environ, "SPARRING_CACHE": cache, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", COMPILE, str(game.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{game.heading} does not compile:\n{done.stderr.strip().splitlines()[-1]}")
    wall, cpu, moved = done.stdout.split()
    return float(wall), float(cpu), moved == "True"


# --- train ----------------------------------------------------------------------------------------------------------


class Ours:
    """Our PPO with given settings."""

    name = "ours"

    def __init__(self, game, settings, threads: int, under_way: int = 0):
        """under_way: random decisions that every game has behind it in the beginning."""
        import numpy as np

        from agents.match import participant
        from agents.ppo import PPO

        opponents = [participant("bot", game)] if game.players == 2 else []
        self.threads = threads
        self.learner = PPO(game, settings, 1, [*opponents], threads=threads)
        chance = np.random.default_rng(1)
        for _ in range(under_way):
            self.learner.arena.step(chance.integers(game.num_actions, size=self.learner.arena.view.rows))
        self.episodes, self.rewards = 0, 0

    def iterate(self) -> int:
        """One rollout and the learning from it; its decisions."""
        import torch

        torch.set_num_threads(1)  # as our PPO does for its own threads
        before = self.learner.steps
        self.learner.collect()
        self.learner.update(0.0)
        self.episodes += len(self.learner.returns)
        self.rewards += int(self.learner.rollout.reward[1:].count_nonzero())
        return self.learner.steps - before

    def weights(self):
        """All of them, [parameters]; a copy."""
        from torch.nn.utils import parameters_to_vector

        return parameters_to_vector(self.learner.network.parameters()).detach().clone()

    def happened(self) -> tuple[int, int]:
        """Episodes that ended and rewards that came, since the beginning."""
        return self.episodes, self.rewards

    def close(self) -> None:
        self.learner.workers.close()


class Learning:
    """A learner, timed."""

    def __init__(self, learner):
        self.learner = learner

    def run(self, seconds: float) -> float:
        """Decisions a second, over whole iterations."""
        before, decisions, began = self.learner.weights(), 0, perf_counter()
        while True:
            decisions += self.learner.iterate()
            elapsed = perf_counter() - began
            if elapsed >= seconds:
                break
        now = self.learner.weights()
        prove(self.learner.name, weights_changed=(now != before).any(), numbers_stayed_finite=now.isfinite().all())
        return decisions / elapsed

    def check(self) -> None:
        """Prove that games were played; goes on, untimed, until one has ended."""
        for _ in range(200):
            episodes, rewards = self.learner.happened()
            if episodes and rewards:
                break
            self.learner.iterate()
        prove(self.learner.name, episode_ended=episodes, reward_came=rewards)


def bench_train(named: list, seconds: float, quick: bool) -> Iterator[Row]:
    """PPO with each network, in the processor's best precision and in fp32, beside Stable-Baselines3's."""
    import torch

    from agents.networks import best_dtype
    from agents.ppo import PPOSettings

    game = named[0]
    if hasattr(game.module, "legal"):
        raise UserError(f"{game.heading} bars actions, and Stable-Baselines3's PPO knows no masks.\nChoose another: pong.")
    fast = best_dtype(torch.device("cpu"), "auto") != torch.float32
    smaller = {"n_envs": 32, "n_steps": 8, "batch_size": 128} if quick else {}
    for network, recipe in NETWORKS.items():
        settings = PPOSettings(**{**recipe, **smaller, "network": network, "schedule": "constant"})
        yield from bench_network(game, settings, ("bf16", "fp32") if fast else ("fp32",), seconds, quick)


def bench_network(game, settings, precisions: tuple[str, ...], seconds: float, quick: bool) -> Iterator[Row]:
    """A row for each precision; all precisions, thread counts and sides take turns, the better thread count counts."""
    from agents.peers import Sb3

    counts = [1] if CORES == 1 or quick else [1, min(CORES, 4)]
    learners: list = [
        *(Ours(game, dataclasses.replace(settings, precision=p), count, UNDER_WAY) for p in precisions for count in counts),
        *(Sb3(game, settings, count, UNDER_WAY) for count in ([1] if CORES == 1 or quick else [1, CORES])),
    ]
    sizes = {len(learner.weights()) for learner in learners}
    prove(f"{settings.network} on both sides", the_same_number_of_weights=len(sizes) == 1)
    sides = [Learning(learner) for learner in learners]
    speeds = take_turns([side.run for side in sides], seconds / len(sides))
    for side in sides:
        side.check()
        side.learner.close()
    found = [(statistics.median(turns), learner) for turns, learner in zip(speeds, learners, strict=True)]
    theirs, peer = max((pair for pair in found if isinstance(pair[1], Sb3)), key=lambda pair: pair[0])
    a_update = f"{settings.n_envs} environments × {settings.n_steps} decisions, {settings.n_epochs} × minibatches of {settings.batch_size}"
    for k, precision in enumerate(precisions):
        ours, best = max(found[k * len(counts) : (k + 1) * len(counts)], key=lambda pair: pair[0])
        note = f"{precision}, threads: {best.threads}; theirs fp32, threads: {peer.threads}; both {a_update}"
        yield Row(f"ppo {settings.network}{' fp32' * (k > 0)}", "steps/s", ours, note=note).beside(theirs, Sb3.name)


# --- play -----------------------------------------------------------------------------------------------------------


class Table:
    """A game as the window holds it: a batch of one, an agent in the first seat, the bot in the other."""

    def __init__(self, game, agent):
        import numpy as np

        from games.batch import EXTERNAL, Batch

        self.game, self.batch = game, Batch(game, 1, seed=1, bots=[EXTERNAL, 0.5][: game.players])
        self.player = agent.player(self.batch, np.array([[0, 0]]))
        self.actions = np.zeros((1, game.players), np.int64)
        self.pictures: set[bytes] = set()
        self.times: list[float] = []  # seconds, of each decision

    def decide(self) -> None:
        """Where the agent is asked: from the state to its action."""
        if self.batch.asked[0, 0]:
            began = perf_counter()
            self.player.act(self.actions)
            self.times.append(perf_counter() - began)
            if len(self.pictures) < 2:
                self.pictures.add(self.player.seen().tobytes())

    def check(self) -> None:
        prove("The agent's game", decided=self.times, picture_changed=len(self.pictures) > 1)


def bench_play(named: list, seconds: float, quick: bool) -> Iterator[Row]:
    """Latency of a decision of a batch of one; the rate and jitter of the clock with such a game on it."""
    import torch

    torch.set_num_threads(1)  # as the window does: a batch of one has nothing to share
    game = named[0]
    agent, what = an_agent(game)
    yield from bench_decisions(game, agent, what, DECISIONS // 10 if quick else DECISIONS)
    yield from bench_clock(Table(game, agent), seconds)


def an_agent(game):
    """The agent that ships with a game, else a fresh network of its recipe; and what it is."""
    from agents.match import ZOO
    from agents.networks import AgentSettings
    from agents.policy import Agent, build, describe

    for path in sorted((ZOO / game.name).glob("*.safetensors")):
        return Agent.load(path, game), f"the agent that ships, {path.name}"
    known = {field.name for field in dataclasses.fields(AgentSettings)}
    settings = AgentSettings(**{k: v for k, v in next(iter(game.recipe.values())).items() if k in known})
    return Agent(game, describe(game, settings, "ppo"), build(game, settings)), "a fresh network"


def bench_decisions(game, agent, what: str, count: int) -> Iterator[Row]:
    """One decision after the other, ours and the peer's in turn, on what the agent sees."""
    table, theirs = Table(game, agent), []
    decide = peer_decider(game, agent.info.settings)
    for _ in range(count):
        table.decide()
        if decide is not None:
            seen = table.player.view.newest()
            began = perf_counter()
            decide(seen)
            theirs.append(perf_counter() - began)
        table.batch.step(table.actions)
    table.check()
    note = f"{what}, {agent.info.settings.network} network, {count:,} decisions, picture included (theirs: without)"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        row = Row(f"decision {name}", "ms", 1e3 * quantile(table.times[10:], share), note=note)
        yield row.beside(1e3 * quantile(theirs[10:], share), "Stable-Baselines3's predict", True) if theirs else row


def peer_decider(game, seen):
    """Stable-Baselines3's `predict` with the same network; None for an observation that our peer has no network for."""
    from agents.peers import Sb3
    from agents.ppo import PPOSettings

    if seen.network not in NETWORKS or seen.observation != "pixels":
        return None
    settings = PPOSettings(**{**dataclasses.asdict(seen), "n_envs": 1, "n_steps": 2, "batch_size": 2})
    return Sb3(game, settings, threads=1).decider()


def bench_clock(table: Table, seconds: float) -> Iterator[Row]:
    """The window's clock at 60 ticks a second, with an agent's game on it; nothing is painted."""
    from games.core import TICKS_PER_SECOND
    from ui.clock import Clock

    clock, ticks, late = Clock(), 0, []
    began = perf_counter()
    clock.restart()
    while ticks < seconds * TICKS_PER_SECOND:
        due = clock.wait()
        ticks += due
        late.append(perf_counter() - began - ticks / TICKS_PER_SECOND)
        for _ in range(due):
            table.decide()
            table.batch.step(table.actions, max_ticks=1)
    elapsed = perf_counter() - began
    table.check()
    prove("The clock", reached_its_time=elapsed >= 0.9 * seconds)
    yield Row("clock", "Hz", ticks / elapsed, note=f"mean over {elapsed:.0f} s, {clock.dropped} ticks dropped")
    yield Row("clock late p99", "ms", 1e3 * quantile(late, 0.99), note=f"a tick behind its deadline; worst {1e3 * max(late):.1f} ms")
    note = f"{len(table.times):,} decisions in a game at that pace, worst {1e3 * max(table.times):.1f} ms"
    yield Row("decision in play p99", "ms", 1e3 * quantile(table.times, 0.99), note=note)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# --- the command ----------------------------------------------------------------------------------------------------

BENCHES = {"env": bench_env, "train": bench_train, "play": bench_play}


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", help="env, train or play")
    parser.add_argument("games", nargs="*", help="names or files (default: env all that ship, train and play pong)")
    parser.add_argument("--seconds", type=float, help=f"of each measurement (default: {SECONDS})".replace("'", ""))
    parser.add_argument("--quick", action="store_true", help="only to see that it works: the figures say little")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    try:
        rows = measure(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"rows": [dataclasses.asdict(row) for row in rows]}))
    return 0


def measure(options: argparse.Namespace) -> list[Row]:
    """The rows, shown as they come unless JSON is wanted."""
    if options.what not in BENCHES:
        raise UserError(f"There is no benchmark '{options.what}'.\n{nearest(options.what, BENCHES)}")
    if options.seconds is not None and not 0 < options.seconds <= 3600:
        raise UserError(f"--seconds is above 0 and at most 3600, not {options.seconds:g}.")
    named = [games.load(name) for name in options.games or (games.names() if options.what == "env" else ["pong"])]
    if options.what != "env" and len(named) > 1:
        raise UserError(f"{options.what} takes one game, not {len(named)}.")
    seconds = options.seconds or (QUICK if options.quick else SECONDS)[options.what]
    rows = BENCHES[options.what](named, seconds, options.quick)
    return list(rows) if options.json else show(rows)


def show(rows: Iterator[Row]) -> list[Row]:
    """A table that grows with every row."""
    from rich.live import Live
    from rich.table import Table as Grid

    grid, shown = Grid("", "unit", box=None, pad_edge=False), []
    for heading in ("ours", "peer", "ratio"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("note")
    with Live(grid, vertical_overflow="visible") as live:
        for row in rows:
            peer, ratio = (None if value is None else short(value) for value in (row.peer, row.ratio))
            note = f"{row.note}; peer: {row.peer_name}" if row.peer_name else row.note
            grid.add_row(row.name, row.unit, short(row.ours), peer or "", ratio or "", note)
            live.refresh()
            shown.append(row)
        if hasattr(os, "getloadavg"):
            grid.caption = f"{CORES} cores, load {os.getloadavg()[0]:.1f} in the last minute"
    return shown


def short(value: float) -> str:
    """
    >>> short(1234567), short(12345), short(60.0), short(0.1234)
    ('1.23 M', '12.3 k', '60.00', '0.123')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
