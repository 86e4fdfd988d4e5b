"""The agent's eye: what it shows is what the network decided by, and looking moves nothing of the game."""

import numpy as np
import pygame
import pytest
import torch

import games
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.insight import Insight
from tests.ui.test_window import BOT, HUMAN, start, tap, turns  # noqa: F401 - a fixture
from ui import eye
from ui.match import Match
from ui.screen import layout
from ui.seats import Seat

PIXELS = {"observation": "pixels", "size": 24, "stack": 2, "network": "patch", "patch": 6, "hidden": 32, "channels": 8}
OBJECTS = {"observation": "objects", "network": "mlp", "hidden": 32}
KINDS = {
    "sampled": ("pong", "ppo", {**PIXELS, "temperature": 1.0}),
    "memory": ("pong", "ppo", {**OBJECTS, "memory": "lstm", "memory_size": 16, "temperature": 1.0, "delay": 6}),
    "action values": ("pong", "dqn", {**OBJECTS, "epsilon": 0.2}),
    "turns": ("connect_four", "ppo", {**OBJECTS, "temperature": 1.0}),
    "one seat": ("breakout", "ppo", {**PIXELS, "observation": "planes", "temperature": 1.0}),
}


def agent_of(name, algorithm="ppo", **settings):
    """An agent with random weights whose actions depend much on what it sees."""
    game, settings = games.load(name), AgentSettings(**settings)
    torch.manual_seed(3)
    agent = Agent(game, describe_agent(game, settings, algorithm), build_network(game, settings, algorithm))
    with torch.no_grad():
        (agent.network.policy if algorithm == "ppo" else agent.network.advantage).weight.mul_(50.0)
    return agent


def seat_of(agent, name="Agent"):
    return Seat("agent", name, make=agent.player, observation=agent.info.settings.observation)


def of_kind(kind):
    """A game, a new agent, and the seats of a match with it."""
    name, algorithm, settings = KINDS[kind]
    agent = agent_of(name, algorithm, **settings)
    return name, agent, [seat_of(agent)] if name == "breakout" else [BOT, seat_of(agent)]


def followed(name, agent, ticks, seats=None):
    """An insight into an agent that has played for so many ticks, and its board."""
    match = Match(games.load(name), seats or [seat_of(agent), BOT], 5)
    board = match.boards[0]
    insight = Insight(board.player(0))
    for _ in range(ticks):
        match.tick()
    return insight, board


@pytest.mark.parametrize("kind", KINDS)
def test_looking_changes_no_state_and_no_action(start, kind):  # noqa: F811
    name, _, seats = of_kind(kind)
    app = start(name, *seats, eye=True, size=(640, 360))
    _, _, others = of_kind(kind)
    alone = Match(app.game, others, 5)
    looked = 0.0
    for seat in (seats[-1], others[-1]):  # the rehearsal has drawn from the first one's random stream
        seat.make.__self__.generator.manual_seed(0)
    for _ in range(150):
        app.turn(1)
        alone.tick()
        if app.match.result:
            break
        seen, unseen = app.match.boards[0], alone.boards[0]
        assert seen.batch.states.tobytes() == unseen.batch.states.tobytes()
        assert seen._actions.tolist() == unseen._actions.tolist()
        parts, unseen_parts = (board.player(len(board.seats) - 1).state() for board in (seen, unseen))
        assert all(torch.equal(part, unseen_parts[name]) for name, part in parts.items())  # its view, memory, random stream
        looked = max(looked, float(app.eye._insights[len(seats) - 1].attention().max()))
    assert looked > 0.0


def test_chances_and_value_are_those_of_the_decision():
    agent = agent_of("connect_four", **OBJECTS, temperature=1.0)
    insight, board = followed("connect_four", agent, 26)  # a machine's move has a pause before it
    view = board.player(0).view
    probs, values = agent.evaluate(view.newest())
    assert insight.latest.probs == pytest.approx(probs[0], abs=1e-6)
    assert insight.latest.value == pytest.approx(values[0], abs=1e-6)
    assert insight.values[-1][1] == insight.latest.value
    assert board._actions[0, 0] == insight.latest.action


def test_chances_are_those_of_the_agents_temperature():
    agent = agent_of("pong", **OBJECTS, temperature=0.5)
    insight, _ = followed("pong", agent, 1)
    at_one, _ = agent.evaluate(insight.latest.observation[None])
    sharper = at_one[0] ** 2 / (at_one[0] ** 2).sum()  # softmax(x / 0.5) is softmax(x)² normalised
    assert insight.latest.probs == pytest.approx(sharper, abs=1e-5)


def test_a_full_column_has_no_chance():
    agent = agent_of("connect_four", **OBJECTS, temperature=1.0)
    insight, _ = followed("connect_four", agent, 26)  # a machine's move has a pause before it
    masks = np.array([[1, 1, 0, 1, 1, 1, 1]], np.uint8)
    player = insight.player
    seen = player.view.newest()
    actions, _ = agent.decide(seen, masks)
    player.watch(type(insight._decision)(seen, masks, None, actions))
    assert insight.latest.probs[2] == 0.0
    assert insight.latest.probs.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("side, place", [("left", slice(0, 6)), ("right", slice(18, 24))])
def test_it_looks_where_a_change_changes_the_scores(monkeypatch, side, place):
    agent = agent_of("pong", **PIXELS)

    def step(observation, state):
        score = torch.from_numpy(observation[..., place].astype(np.float32).mean((1, 2, 3)))
        return torch.stack([score, 0.0 * score, 0.0 * score], 1), score, None

    monkeypatch.setattr(agent, "_step", step)
    insight, _ = followed("pong", agent, 9)
    insight.look(10.0)
    light = insight.attention().max(0)
    assert light[place].max() > 0.5
    assert light[9:15].max() < 0.05


def test_it_looks_at_the_one_object_that_counts(monkeypatch):
    agent = agent_of("pong", **OBJECTS, stack=1)

    def step(observation, state):
        score = torch.from_numpy(observation[:, 0, 12:18].sum(1))  # the third shape
        return torch.stack([score, -score, score], 1), score, None

    monkeypatch.setattr(agent, "_step", step)
    insight, _ = followed("pong", agent, 9)
    insight.look(10.0)
    light = insight.attention()
    assert light[2] > 0.5 and light[0] == light[1] == 0.0


def test_a_delay_is_told_in_milliseconds():
    insight, _ = followed("pong", agent_of("pong", **OBJECTS, delay=12), 1)
    assert insight.delay_ms == pytest.approx(200.0)
    assert "200 ms" in eye.reaction(insight)


def test_values_of_an_earlier_game_are_gone():
    agent = agent_of("pong", **OBJECTS)
    match = Match(games.load("pong"), [seat_of(agent), BOT], 5)
    insight = Insight(match.boards[0].player(0))
    for _ in range(40):
        match.tick()
    assert len(insight.values) == 10  # every fourth tick
    match.restart()
    match.tick()
    assert len(insight.values) == 1


def test_v_shows_each_agent_in_turn_and_then_none(start):  # noqa: F811
    agent = agent_of("pong", **OBJECTS)
    app = start("pong", seat_of(agent), seat_of(agent))
    shown = []
    for _ in range(4):
        turns(app, 5)
        page = app.eye.page
        shown.append(None if page is None else app.eye.pages[page].participant)
        tap("v")
    assert shown == [None, 0, 1, None]


def test_v_between_a_person_and_an_agent_shows_the_agent(start):  # noqa: F811
    app = start("pong", HUMAN, seat_of(agent_of("pong", **OBJECTS)))
    tap("v")
    turns(app, 5)
    assert [page.participant for page in app.eye.pages] == [1] and app.eye.page == 0
    assert app.mode == "playing"
    tap("v")
    turns(app, 1)
    assert app.eye.page is None


def test_where_no_agent_plays_words_say_that_there_is_no_network(start, monkeypatch):  # noqa: F811
    told = []
    app = start("pong", HUMAN, BOT, eye=True)
    monkeypatch.setattr(app.eye, "_paragraph", lambda panel, text, *rest: told.append(text))
    turns(app, 1)
    assert eye.NO_NETWORK in told


def test_a_v_of_the_games_own_is_the_games(start):  # noqa: F811
    app = start("pong", HUMAN, BOT)
    person = app.match.boards[0].inputs[0]
    person.keys.append("v")
    person.actions[frozenset({"v"})] = 1
    tap("v")
    turns(app, 2)
    assert app.eye.page is None


@pytest.mark.parametrize("size", [(1280, 720), (900, 1000), (500, 560), (200, 200)])
def test_the_panel_covers_nothing_of_the_game(start, size):  # noqa: F811
    app = start("pong", seat_of(agent_of("pong", **PIXELS)), BOT, size=size, eye=True)
    turns(app, 5)
    stage = app.eye.stage(app.surface)
    box = layout(stage.get_size(), 1)[0]
    left = app.surface.get_width() - app.eye.width(app.surface.get_size())
    assert box.w == box.h and box.right <= left
    before = pygame.image.tobytes(stage, "RGB")
    app.eye.draw(app.surface, app.match)
    assert pygame.image.tobytes(stage, "RGB") == before
