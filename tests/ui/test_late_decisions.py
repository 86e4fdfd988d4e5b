"""Decisions in a thread: a slow one never holds the window, and one in time is as if it had been made at once."""

import threading
import time

import numpy as np
import pygame
import pytest
import torch

import games
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from games.engine.batch import EXTERNAL, Batch
from games.replay.playback import Playback
from games.replay.recorder import Recorder
from tests.ui.test_window import BOT, HUMAN, key, start, state, tap, turns  # noqa: F401 - a fixture
from ui import replays, threaded_player
from ui.match import Match
from ui.seats import Seat
from ui.take_over import TakeOver
from ui.text import KeyCapRenderer

UP, DOWN = 1, 2
LONG = 100.0  # seconds, which nothing takes that is not held; a busy machine may compile for a while


class Slow:
    """A player that decides at once until it is `held`; then it waits for `go`."""

    def __init__(self, action=UP, delay=0):
        self.action, self.delay = action, delay
        self.held, self.go, self.asked_at = False, threading.Event(), []

    def seat(self, name="Slow"):
        return Seat("agent", name, make=self.make)

    def make(self, batch, rows):
        (self.place,) = rows
        self.batch = batch
        batch.delay[self.place] = self.delay
        return self

    def act(self, actions):
        self.asked_at.append(int(self.batch.states["tick"][0]))
        if self.held:
            self.go.wait(LONG)
        actions[self.place] = self.action

    def let_go(self, match):
        """Until the decision that it has made for so long can be taken."""
        work = match.boards[0]._machines[-1]._work
        self.go.set()
        work.exception(LONG)


@pytest.fixture
def impatient(patience, monkeypatch):
    """The window waits a third of a second for a decision: ten times as long as for users, for the sake of busy machines."""
    monkeypatch.setattr(threaded_player, "WAITS", 10 * patience)


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.go.set()


@pytest.fixture
def said(monkeypatch):
    """The texts that are drawn."""
    told = []
    put = KeyCapRenderer.put
    monkeypatch.setattr(
        KeyCapRenderer, "put", lambda kind, surface, text, *rest: told.append(text) or put(kind, surface, text, *rest)
    )
    return told


def play(match, slow, ticks):
    """As at 60 ticks a second: between two ticks there is time for decisions that take none."""
    for _ in range(ticks):
        match.tick()
        if not slow.held:
            for player in match.boards[0]._machines:
                if player._work:
                    player._work.exception(LONG)


def acted(match, seat=1):
    """The actions that were in effect in each tick."""
    return match.boards[0].recorder.track().actions[:, seat].tolist()


@pytest.mark.usefixtures("impatient")
def test_a_decision_that_takes_long_never_holds_the_window_and_is_counted_on_the_screen(start, slow, said):  # noqa: F811
    app = start("pong", HUMAN, slow.seat())
    turns(app, 8)
    assert acted(app.page.match) == [UP] * 8 and not [text for text in said if "late" in text]
    slow.held, slow.action = True, DOWN
    longest = 0.0
    key("s")
    for _ in range(60):
        begun = time.perf_counter()
        app.turn(1)
        longest = max(longest, time.perf_counter() - begun)
    assert longest < 3.0, "and not for the minute and more that the decision would take"
    assert acted(app.page.match) == [UP] * 68, "its last action goes on"
    assert state(app).tick == 68 and state(app).paddle[0] == 77.0, "the person's paddle went as far as it can"
    assert said[-1] != "1 decision late" and "1 decision late" in said
    slow.let_go(app.page.match)
    turns(app, 1)
    assert acted(app.page.match)[-1] == DOWN, "in the very tick after it was there"
    slow.held = False
    turns(app, 12)
    assert app.page.match.late(1) <= 3, "and then it is in time again"
    assert acted(app.page.match)[-1] == DOWN
    replay = replays.replay_of(app.page.match)
    assert replay.ticks == 81 and Playback(app.page.game, replay).verify() is None


def test_the_window_waits_for_who_was_quick_and_not_for_who_was_slow(slow, patience, monkeypatch):
    monkeypatch.setattr(threaded_player, "WAITS", patience)
    match = Match(games.load("pong"), [BOT, slow.seat()], 5, patient=False)
    player = match.boards[0]._machines[0]
    assert player._longest_wait == pytest.approx(0.5 * 4 / 60)
    player._seconds = 0.2
    assert player._longest_wait == 0.0


@pytest.mark.usefixtures("impatient")
def test_a_decision_within_its_reaction_delay_is_in_time(slow):
    """It takes effect in the tick in which it would have if it had been made at once."""
    slow.delay = 6
    match = Match(games.load("pong"), [BOT, slow.seat()], 5, patient=False)
    play(match, slow, 8)
    assert acted(match) == [0] * 6 + [UP] * 2
    slow.held, slow.action = True, DOWN
    play(match, slow, 5)  # it was asked in the first of them
    slow.let_go(match)
    slow.held = False
    play(match, slow, 7)
    assert acted(match) == [0] * 6 + [UP] * 8 + [DOWN] * 6
    assert match.late(1) == 0 and match.boards[0].batch.delay[0, 1] == 6


@pytest.mark.usefixtures("impatient")
def test_one_that_misses_its_delay_is_late_once(slow):
    slow.delay = 6
    match = Match(games.load("pong"), [BOT, slow.seat()], 5, patient=False)
    slow.held = True
    counts = []
    for _ in range(20):
        match.tick()
        counts.append(match.late(1))
    assert counts == [0] * 6 + [1] * 14
    slow.let_go(match)
    match.tick()
    assert acted(match) == [0] * 20 + [UP]


def agent_of(name, **settings):
    """An agent with random weights, the same each time, that samples its actions."""
    game, chosen = games.load(name), AgentSettings(**{"size": 12, "hidden": 8, "temperature": 1.0, **settings})
    agent = Agent(game, describe_agent(game, chosen, "ppo"), build_network(game, chosen))
    for number, weights in enumerate(agent.network.parameters()):
        weights.data = torch.normal(0.0, 0.3, weights.shape, generator=torch.Generator().manual_seed(number))
    return agent


@pytest.mark.parametrize("name, settings", [("pong", {"stack": 2, "delay": 5}), ("connect_four", {"observation": "planes"})])
def test_in_time_the_window_plays_as_a_batch_without_one_hash_by_hash(start, name, settings):  # noqa: F811
    agent, alone = agent_of(name, **settings), agent_of(name, **settings)
    app = start(name, BOT, Seat("agent", "Agent", make=agent.player))
    agent.generator.manual_seed(0)  # a rehearsal has drawn from it
    for _ in range(60):
        app.turn(10)
    recorded = app.page.match.boards[0].recorder
    batch = Batch(games.load(name), 1, 5, bots=[[0.5, EXTERNAL]])
    batch.reset(0, max_ticks=0)
    player, recorder, actions = alone.player(batch, [(0, 1)]), Recorder(batch), np.zeros((1, 2), np.int64)
    while recorder.ticks < recorded.ticks:
        if batch.asked[0, 1]:
            player.act(actions)
        batch.step(actions, max_ticks=0)
        recorder.add()
    assert np.array_equal(recorded.track().actions, recorder.track().actions)
    assert len(set(recorded.track().actions[:, 1].tolist())) > 2 and recorded.ticks > 10
    assert recorded.track().hashes == recorder.track().hashes


@pytest.mark.usefixtures("impatient")
def test_a_game_of_turns_waits_for_a_slow_move_and_says_so(start, slow, said):  # noqa: F811
    slow.action = 3
    app = start("connect_four", HUMAN, slow.seat())
    slow.held = True
    while not app.page.match.boards[0].batch.asked[0, 1]:
        tap("4")
        turns(app, 1)
    turns(app, 60)
    tap("1")  # out of turn
    turns(app, 30)
    ticks = app.page.match.ticks
    assert "Slow thinks" in said and app.page.match.boards[0].waited > 30 and not [text for text in said if "late" in text]
    slow.let_go(app.page.match)
    turns(app, 30)
    assert app.page.match.ticks == ticks + 1 and acted(app.page.match)[-1] == 3, "its move, and nobody's out of turn"
    assert app.page.match.boards[0].waits_for_person


def test_both_may_move_at_once_and_each_decides_once(toy):
    quick, slow = Slow(), Slow()
    match = Match(toy("morra"), [quick.seat("Quick"), slow.seat()], 5, patient=False)
    slow.held = True
    play(match, slow, 60)
    assert match.boards[0].waited and quick.asked_at == [0] and match.ticks == 0
    slow.let_go(match)
    match.tick()
    assert match.ticks == 1 and not any(player.is_busy for player in match.boards[0]._machines)
    assert quick.asked_at == slow.asked_at == [0]


# --- rewinding, taking over, leaving ---


class Counting(Slow):
    """Keeps how often it has decided."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def act(self, actions):
        super().act(actions)
        self.count += 1

    def state(self):
        return {"count": np.array(self.count)}

    def restore(self, state):
        self.count = int(state["count"])


@pytest.mark.usefixtures("impatient")
def test_a_match_is_rewound_while_an_agent_decides():
    slow = Counting()
    match = Match(games.load("pong"), [BOT, slow.seat()], 5, patient=False)
    play(match, slow, 20)
    slow.held, slow.action = True, DOWN
    play(match, slow, 20)
    assert match.rewind(30) and match.ticks == 10
    play(match, slow, 2)
    slow.let_go(match)
    slow.held = False
    assert slow.count == 3, "it knows what it knew then: it was asked in the ticks 0, 4 and 8"
    play(match, slow, 8)
    actions = acted(match)
    assert actions[:12] == [UP] * 12 and actions[-4:] == [DOWN] * 4, "the decision from before came to nothing"
    assert Playback(match.game, replays.replay_of(match)).verify() is None


@pytest.mark.usefixtures("impatient")
def test_a_seat_is_taken_over_while_its_agent_decides(slow):
    match = Match(games.load("pong"), [BOT, slow.seat()], 5, patient=False)
    play(match, slow, 5)
    slow.held, slow.action = True, DOWN
    play(match, slow, 5)
    guests = TakeOver(match)
    guests.exchange(1)
    match.inputs[0].hold("up")
    play(match, slow, 10)
    assert acted(match)[-10:] == [UP] * 10
    guests.exchange(1)
    slow.let_go(match)
    match.tick()
    assert acted(match)[-1] == UP, "the decision from before it left comes to nothing"
    slow.held = False
    play(match, slow, 9)
    assert acted(match)[-1] == DOWN and match.late(1) <= 3


@pytest.mark.usefixtures("impatient")
def test_a_late_decision_of_an_earlier_game_comes_to_nothing(slow):
    match = Match(games.load("pong"), [BOT, slow.seat()], 5, patient=False)
    slow.held, slow.action = True, DOWN
    match.tick()
    assert match.late(1) == 1
    match.restart()
    match.tick()
    slow.let_go(match)
    slow.held = False
    play(match, slow, 2)
    assert match.late(1) == 0
    assert slow.asked_at == [0] and acted(match) == [0] * 3, "asked in tick 0, when it still was at the earlier game"


@pytest.mark.usefixtures("impatient")
def test_the_window_closes_at_once_while_an_agent_decides(start, slow):  # noqa: F811
    app = start("pong", HUMAN, slow.seat())
    slow.held = True
    turns(app, 3)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    begun = time.perf_counter()
    turns(app, 1)
    app.close()
    assert time.perf_counter() - begun < 1.0 and not app.is_open
    assert app.page.match.boards[0]._machines[0].is_busy


def test_what_goes_wrong_in_a_decision_is_raised_in_the_window(start, slow):  # noqa: F811
    app = start("pong", HUMAN, slow.seat())
    slow.action = "no action"
    with pytest.raises(ValueError, match="no action"):
        turns(app, 9)
