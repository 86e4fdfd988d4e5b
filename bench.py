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
from time import perf_counter, process_time
from typing import Any

import games
from games.errors import UserError, nearest

EPILOG = """what is measured:
  env     ticks a second of each game, beside Gymnasium's vector CartPole; compilation
  train   decisions a second that PPO learns from, beside Stable-Baselines3's PPO with the same network and settings
  play    how long an agent takes to decide, beside Stable-Baselines3's predict; how steady the clock is
Ours and the peer take turns within one run, so that whatever else the machine does hits both.
Figures are the best turn of short ones (env), the median of long ones (train)."""

CORES = os.cpu_count() or 1
SECONDS = {"env": 0.5, "train": 60.0, "play": 60.0}  # of each measurement: a row, a network, the clock
QUICK = {"env": 0.02, "train": 0.0, "play": 1.0}
TURNS = {"env": 10, "train": 5}  # that ours and the peer take
TOGETHER = 1024  # environments of a batch
OBSERVATIONS = (("rules", 0), ("objects", 0), ("planes", 12), ("pixels", 42), ("pixels", 84))  # and their size
# Network → what it sees, and how it learns: for patch our defaults, for the others what is usual for such networks.
NETWORKS: dict[str, dict[str, Any]] = {
    "patch": {"size": 36, "stack": 2, "n_envs": 512, "n_steps": 16, "batch_size": 1024, "n_epochs": 1},
    "small": {"size": 42, "stack": 3, "n_envs": 128, "n_steps": 16, "batch_size": 512, "n_epochs": 2},
    "nature": {"size": 84, "stack": 4, "n_envs": 128, "n_steps": 8, "batch_size": 512, "n_epochs": 2},
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


Sight = dict[str, object]  # sign → what it looks like now: it has shown itself once that differs from before


def prove(what: str, before: Sight, now: Callable[[], Sight], go_on: Callable[[], object], patience: int) -> None:
    """`UserError` unless every sign has changed that must, when what was timed is what it claims to be.

    go_on: the very same again, untimed, `patience` times at most: a short measurement may have seen no game end.
    """
    for _ in range(patience):
        if all(sight != before[sign] for sign, sight in now().items()):
            return
        go_on()
    missing = [sign for sign, sight in now().items() if sight == before[sign]]
    if missing:
        raise UserError(f"{what}: no {', no '.join(missing)}.\nThe speed of something that does not work means nothing.")


def timed(step: Callable[[], int], seconds: float) -> float:
    """What `step` counts, a second; one step at least."""
    count, began = 0, perf_counter()
    while True:
        count += step()
        elapsed = perf_counter() - began
        if elapsed >= seconds:
            return count / elapsed


def take_turns(sides: list[Callable[[float], float]], seconds: float, turns: int) -> list[list[float]]:
    """The speeds of each side in so many turns; a side is called with how long, and gives its speed."""
    for side in sides:
        side(0.0)  # warm: memory, threads, the processor's clock
    found = [[side(seconds / turns) for side in sides] for _ in range(turns)]
    return [list(speeds) for speeds in zip(*found, strict=True)]


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

    def step(self) -> int:
        self.batch.step(self.actions[self.steps % 64], 1)
        if self.view is not None:
            self.view.observe()
        self.steps += 1
        return self.batch.num_envs

    def run(self, seconds: float) -> float:
        """Ticks a second."""
        self.batch.returns[:] = 0
        before = self.sight()
        speed = timed(self.step, seconds)
        prove(self.what, before, self.sight, self.step, self.game.max_ticks)
        return speed

    def sight(self) -> Sight:
        own = self.game.state.names[4:]  # behind `COMMON`: what the engine counts by itself is no sign of life
        picture = {} if self.view is None else {"change in what is seen": self.view.newest().tobytes()}
        return picture | {
            "change of the state": [self.batch.states[name].tobytes() for name in own],
            "end of an episode": self.batch.episode.tobytes(),
            "reward": self.batch.returns.tobytes(),
        }


class CartPole:
    """Gymnasium's own vector CartPole in NumPy under random actions: what one thread does in the usual way."""

    name = f"Gymnasium's CartPole, {TOGETHER:,} at once"

    def __init__(self) -> None:
        import gymnasium as gym

        self.envs = gym.make_vec("CartPole-v1", num_envs=TOGETHER, vectorization_mode="vector_entry_point")
        self.envs.reset(seed=1)
        self.envs.action_space.seed(1)
        self.actions = [self.envs.action_space.sample() for _ in range(64)]
        self.steps = 0
        self.step()

    def step(self) -> int:
        self.seen, self.rewards, self.ended, _, _ = self.envs.step(self.actions[self.steps % 64])
        self.steps += 1
        return TOGETHER

    def run(self, seconds: float) -> float:
        """Steps a second."""
        before = {**self.sight(), "end of an episode": False, "reward": False}
        speed = timed(self.step, seconds)
        prove("CartPole", before, self.sight, self.step, 500)
        return speed

    def sight(self) -> Sight:
        return {
            "change of the state": self.seen.tobytes(),
            "end of an episode": bool(self.ended.any()),
            "reward": bool(self.rewards.any()),
        }


def bench_env(named: list, seconds: float, quick: bool) -> Iterator[Row]:
    """Every game: alone and in a batch, rules alone and each observation, on one thread and on all."""
    cart_pole = CartPole()
    for game in named:
        for observation, size in OBSERVATIONS[:3] if quick else OBSERVATIONS:
            what = f"{game.name} {observation}{f' {size}' if size else ''}"
            fair = not size  # CartPole gives four numbers: no peer of pictures
            many = TOGETHER * (8 if fair else 1)  # what is quickly done must be much, or sharing it out takes longer
            for num_envs, threads in [(1, 1), (TOGETHER, 1), *([(many, CORES)] if CORES > 1 else [])]:
                ticks = Ticks(game, num_envs, observation, size, threads)
                peers = [cart_pole.run] if fair and num_envs > 1 else []
                speeds, *beside = take_turns([ticks.run, *peers], seconds, 2 if quick else TURNS["env"])
                ticks.batch.close()
                where = "a batch of one" if num_envs == 1 else f"{num_envs:,} at once, {threads} thread{'s'[: threads - 1]}"
                name = f"{what} scalar" if num_envs == 1 else f"{what} all threads" if threads > 1 else what
                row = Row(name, "ticks/s", max(speeds), note=f"{where}; median {short(statistics.median(speeds))}")
                yield row.beside(max(beside[0]), cart_pole.name) if beside else row
    yield from bench_compilation(named[:1] if quick else named)


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


def bench_compilation(named: list) -> Iterator[Row]:
    """From a game's name to its first picture in a fresh process, without the imports: nothing compiled yet, and all."""
    found = {game.heading: compile_seconds(game) for game in named}
    for k, name in enumerate(("compile cold", "compile warm")):
        wall, cpu = max(both[k] for both in found.values())
        each = ", ".join(f"{heading} {both[k][0]:.2f}" for heading, both in found.items())
        yield Row(name, "s", wall, note=f"rules and pixels, imports apart: {each}; the slowest: {cpu:.2f} s of the processor")


def compile_seconds(game) -> tuple[tuple[float, float], tuple[float, float]]:
    """Seconds by the clock and of the processor: of a process with an empty cache, and the best of three after it."""
    with tempfile.TemporaryDirectory() as cache:
        cold = compile_once(game, cache)
        compiled = set(Path(cache).rglob("*.nbc"))
        warm = min(compile_once(game, cache) for _ in range(3))
        if not compiled or set(Path(cache).rglob("*.nbc")) != compiled:
            raise UserError(f"{game.heading}: nothing was compiled when it should have been, or something when it should not.")
        return cold, warm


def compile_once(game, cache: str) -> tuple[float, float]:
    """Seconds by the clock and of the processor, of a process that compiles into `cache`, or finds it there."""
    environment = {**os.environ, "SPARRING_CACHE": cache, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", COMPILE, str(game.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{game.heading} does not compile:\n{done.stderr.strip().splitlines()[-1]}")
    wall, cpu, moved = done.stdout.split()
    if moved != "True":
        raise UserError(f"{game.heading}: nothing moved.")
    return float(wall), float(cpu)


# --- train ----------------------------------------------------------------------------------------------------------


class Learning:
    """A learner, timed over whole iterations: decisions learned from a second."""

    def __init__(self, learner):
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
    def sight(learner) -> Sight:
        episodes, rewards = learner.happened()
        weights = learner.weights().numpy().tobytes()
        return {"change of the weights": weights, "end of an episode": episodes, "reward": rewards}


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
    from agents.peers import Ours, Sb3

    ways: list = [(p, dataclasses.replace(settings, precision=p), min(CORES, 4)) for p in precisions]
    ways.append((Sb3.name, settings, CORES))
    sides, keys = [], []
    for key, how, most in ways:
        for threads in [1] if quick else sorted({1, most}):
            sides.append(Learning((Sb3 if key == Sb3.name else Ours)(game, how, threads, UNDER_WAY)))
            keys.append(key)
    if len({len(side.learner.weights()) for side in sides}) > 1:
        raise UserError(f"The {settings.network} networks of the two sides differ: that would be no comparison.")
    found = take_turns([side.run for side in sides], seconds / len(sides), 2 if quick else TURNS["train"])
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


# --- play -----------------------------------------------------------------------------------------------------------


class Table:
    """A game as the window holds it: a batch of one, an agent in the first seat, the bot in the other."""

    def __init__(self, game, agent):
        import numpy as np

        from games.batch import EXTERNAL, Batch

        self.game, self.batch = game, Batch(game, 1, seed=1, bots=[EXTERNAL, 0.5][: game.players])
        self.player = agent.player(self.batch, np.array([[0, 0]]))
        self.actions = np.zeros((1, game.players), np.int64)
        self.times: list[float] = []  # seconds, of each decision
        self.before = self.sight()

    def decide(self) -> None:
        """Where the agent is asked: from the state to its action."""
        if self.batch.asked[0, 0]:
            began = perf_counter()
            self.player.act(self.actions)
            self.times.append(perf_counter() - began)

    def step(self, max_ticks: int | None = None) -> None:
        self.decide()
        self.batch.step(self.actions, max_ticks)

    def check(self) -> None:
        prove("The agent's game", self.before, self.sight, self.step, 100)

    def sight(self) -> Sight:
        own = [self.batch.states[name].tobytes() for name in self.game.state.names[4:]]
        view = self.player.view
        seen = view.paint(self.batch.states, view.envs, view.seats).tobytes()
        return {"change of the state": own, "change in what is seen": seen, "decision": len(self.times)}


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

    clock, ticks = Clock(), 0
    waits = []  # when each ended, the ticks played until then, and those of the timetable: the dropped ones too
    while ticks <= seconds * TICKS_PER_SECOND:
        due = clock.wait()
        ticks += due
        waits.append((perf_counter(), ticks, ticks + clock.dropped))
        for _ in range(due):
            table.step(max_ticks=1)
    table.check()
    elapsed = waits[-1][0] - waits[0][0]
    behind = [1e3 * (at - due / TICKS_PER_SECOND) for at, _, due in waits]
    late = [one - min(behind) for one in behind]
    note = f"mean over {elapsed:.0f} s, {clock.dropped} ticks dropped"
    yield Row("clock", "Hz", (waits[-1][1] - waits[0][1]) / elapsed, note=note)
    note = f"a tick after its deadline, beside the most punctual one; worst {max(late):.2f} ms"
    yield Row("clock late p99", "ms", quantile(late, 0.99), note=note)
    note = f"{len(table.times):,} decisions at the game's pace, worst {1e3 * max(table.times):.2f} ms"
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
    parser.add_argument("--seconds", type=float, help="of each measurement (default: env 0.5, train and play 60)")
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
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table as Grid

    grid, shown = Grid("", "unit", box=None, pad_edge=False), []
    for heading in ("ours", "peer", "ratio"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("note")
    console = Console(width=None if sys.stdout.isatty() else 200)
    with Live(grid, console=console, vertical_overflow="visible") as live:
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
