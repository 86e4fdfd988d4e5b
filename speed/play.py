"""How long an agent takes to decide, beside Stable-Baselines3's `predict`; how steady the window's clock is."""

import dataclasses
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np
import torch

from agents.algorithms.ppo import PPOSettings
from agents.core.settings import AgentSettings
from agents.participants import ZOO
from agents.play.agent import Agent, build_network, describe_agent
from games.core import COMMON, TICKS_PER_SECOND
from games.engine.batch import EXTERNAL, Batch
from games.engine.loader import Game
from speed.learner_baselines import NETWORKS, Sb3
from speed.rows import Row, Signs, prove, quantile
from ui.clock import Clock

DECISIONS = 2000  # of a batch of one, timed on each side


class Table:
    """A game as the window holds it: a batch of one, an agent in the first seat, the bot in the other."""

    def __init__(self, game: Game, agent: Agent):
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

    def sight(self) -> Signs:
        own = (self.game.state.names or ())[len(COMMON) :]  # what the engine counts by itself is no sign of life
        state = [self.batch.states[name].tobytes() for name in own]
        view = self.player.view
        seen = view.paint(self.batch.states, view.envs, view.seats).tobytes()
        return {"change of the state": state, "change in what is seen": seen, "decision": len(self.times)}


def measure(named: list[Game], seconds: float, quick: bool) -> Iterator[Row]:
    """Latency of a decision of a batch of one; the rate and jitter of the clock with such a game on it."""
    torch.set_num_threads(1)  # as the window does: a batch of one has nothing to share
    game = named[0]
    agent, what = an_agent(game)
    yield from decision_rows(game, agent, what, DECISIONS // 10 if quick else DECISIONS)
    yield from clock_rows(Table(game, agent), seconds)


def an_agent(game: Game) -> tuple[Agent, str]:
    """The agent that ships with a game, else a fresh network of its recipe; and what it is."""
    for path in sorted((ZOO / game.name).glob("*.safetensors")):
        return Agent.load(path, game), f"the agent that ships, {path.name}"
    known = {field.name for field in dataclasses.fields(AgentSettings)}
    settings = AgentSettings(**{k: v for k, v in next(iter(game.recipe.values())).items() if k in known})
    return Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings)), "a fresh network"


def decision_rows(game: Game, agent: Agent, what: str, count: int) -> Iterator[Row]:
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


def peer_decider(game: Game, seen: AgentSettings) -> Callable[[np.ndarray], int] | None:
    """Stable-Baselines3's `predict` with the same network; None for an observation that our peer has no network for."""
    if seen.network not in NETWORKS or seen.observation != "pixels":
        return None
    settings = PPOSettings(**{**dataclasses.asdict(seen), "n_envs": 1, "n_steps": 2, "batch_size": 2})
    return Sb3(game, settings, threads=1).decider()


def clock_rows(table: Table, seconds: float) -> Iterator[Row]:
    """The window's clock at 60 ticks a second, with an agent's game on it; nothing is painted."""
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
