"""Starts, frames and memory of the window, an agent's decisions beside Stable-Baselines3's `predict`, the clock's jitter."""

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
from speed import window
from speed.learner_baselines import NETWORKS, Sb3
from speed.rows import Row, Signs, prove, quantile
from ui.clock import Clock

DECISIONS = 2000  # decisions of a batch of one, timed on each side


class AgentGame:
    """A game as the window plays it: a batch of one, an agent in the first seat, the bot in the other."""

    def __init__(self, game: Game, agent: Agent):
        self.game, self.batch = game, Batch(game, 1, seed=1, bots=[EXTERNAL, 0.5][: game.players])
        self.player = agent.player(self.batch, np.array([[0, 0]]))
        self.actions = np.zeros((1, game.players), np.int64)
        self.times: list[float] = []  # duration of each decision, seconds
        self.before = self.signs()

    def decide(self) -> None:
        """If the agent is asked, let it decide (observation included) and store the duration."""
        if self.batch.asked[0, 0]:
            began = perf_counter()
            self.player.act(self.actions)
            self.times.append(perf_counter() - began)

    def step(self, max_ticks: int | None = None) -> None:
        self.decide()
        self.batch.step(self.actions, max_ticks)

    def check(self) -> None:
        """`UserError` unless the game goes on and the agent decides."""
        prove("The agent's game", self.before, self.signs, self.step, 100)

    def signs(self) -> Signs:
        fields = (self.game.state.names or ())[len(COMMON) :]  # the game's own: the engine's change even if the game does not
        state = [self.batch.states[name].tobytes() for name in fields]
        view = self.player.view
        seen = view.paint(self.batch.states, view.envs, view.seats).tobytes()
        return {"change of the state": state, "change in what is seen": seen, "decision": len(self.times)}


def measure(named: list[Game], seconds: float, quick: bool) -> Iterator[Row]:
    """The window's starts and frames; the latency of a decision in a batch of one; the clock's jitter during such a game."""
    yield from window.rows(named[0], quick)
    yield from window.frame_rows(named[0], seconds, quick)
    torch.set_num_threads(1)  # as in the window: a batch of one cannot use more
    game = named[0]
    agent, what = an_agent(game)
    yield from decision_rows(game, agent, what, DECISIONS // 10 if quick else DECISIONS)
    yield from clock_rows(AgentGame(game, agent), seconds)


def an_agent(game: Game) -> tuple[Agent, str]:
    """The agent that ships with a game, else an untrained network of its recipe; and a description of it."""
    for path in sorted((ZOO / game.name).glob("*.safetensors")):
        return Agent.load(path, game), f"the agent that ships, {path.name}"
    names = {field.name for field in dataclasses.fields(AgentSettings)}
    settings = AgentSettings(**{k: v for k, v in next(iter(game.recipe.values())).items() if k in names})
    return Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings)), "a fresh network"


def decision_rows(game: Game, agent: Agent, what: str, count: int) -> Iterator[Row]:
    """The latency of decisions, ours and the peer's in turn, on the same observations."""
    table, theirs = AgentGame(game, agent), []
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
    for name, fraction in (("p50", 0.5), ("p99", 0.99)):
        row = Row(f"decision {name}", "ms", 1e3 * quantile(table.times[10:], fraction), note=note)
        yield row.beside(1e3 * quantile(theirs[10:], fraction), "Stable-Baselines3's predict", True) if theirs else row


def peer_decider(game: Game, seen: AgentSettings) -> Callable[[np.ndarray], int] | None:
    """Stable-Baselines3's `predict` with the same network; None if it has no such network."""
    if seen.network not in NETWORKS or seen.observation != "pixels":
        return None
    settings = PPOSettings(**{**dataclasses.asdict(seen), "n_envs": 1, "n_steps": 2, "batch_size": 2})
    return Sb3(game, settings, threads=1).decider()


def clock_rows(table: AgentGame, seconds: float) -> Iterator[Row]:
    """The window's clock at 60 ticks a second during an agent's game, without painting."""
    clock, ticks = Clock(), 0
    waits = []  # for each wait: its end, the ticks played until then, and the ticks due until then, dropped ones included
    while ticks <= seconds * TICKS_PER_SECOND:
        due = clock.wait()
        ticks += due
        waits.append((perf_counter(), ticks, ticks + clock.dropped))
        for _ in range(due):
            table.step(max_ticks=1)
    table.check()
    elapsed = waits[-1][0] - waits[0][0]
    behind = [1e3 * (at - due / TICKS_PER_SECOND) for at, _, due in waits]
    late = [delay - min(behind) for delay in behind]
    note = f"mean over {elapsed:.0f} s, {clock.dropped} ticks dropped"
    yield Row("clock", "Hz", (waits[-1][1] - waits[0][1]) / elapsed, note=note)
    note = f"a tick after its deadline, beside the most punctual one; worst {max(late):.2f} ms"
    yield Row("clock late p99", "ms", quantile(late, 0.99), note=note)
    note = f"{len(table.times):,} decisions at the game's pace, worst {1e3 * max(table.times):.2f} ms"
    yield Row("decision in play p99", "ms", 1e3 * quantile(table.times, 0.99), note=note)
