"""The agent's eye: what it shows is what the network decided by, and looking moves nothing of the game."""

import subprocess
import sys

import numpy as np
import pygame
import pytest
import torch

import games
from agents.core.settings import AgentSettings
from agents.play import insight as insight_module
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.insight import Insight
from tests.ui.test_window import BOT, HUMAN, ROOT, SPEED, key, mode_of, start, state, tap, turns  # noqa: F401 - a fixture
from ui import eye, eye_page, eye_words
from ui.eye import Eye
from ui.layout import layout
from ui.match import Match
from ui.pages.match import PAUSED
from ui.seats import Seat

PIXELS = {"observation": "pixels", "size": 24, "stack": 2, "network": "patch", "patch": 6, "hidden": 32, "channels": 8}
OBJECTS = {"observation": "objects", "network": "mlp", "hidden": 32}
KINDS = {
    "sampled": ("pong", "ppo", {**PIXELS, "temperature": 1.0}),
    "memory": ("pong", "ppo", {**OBJECTS, "memory": "lstm", "memory_size": 16, "temperature": 1.0, "delay": 6}),
    "action values": ("pong", "dqn", {**OBJECTS, "epsilon": 0.2}),
    "action values of pqn": ("pong", "pqn", PIXELS),
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
    alone = Match(app.page.game, others, 5)
    looked = 0.0
    for seat in (seats[-1], others[-1]):  # the rehearsal has drawn from the first one's random stream
        seat.make.__self__.generator.manual_seed(0)
    for _ in range(150):
        app.turn(1)
        alone.tick()
        if app.page.match.result:
            break
        seen, unseen = app.page.match.boards[0], alone.boards[0]
        assert seen.batch.states.tobytes() == unseen.batch.states.tobytes()
        assert seen._actions.tolist() == unseen._actions.tolist()
        parts, unseen_parts = (board.player(len(board.seats) - 1).state() for board in (seen, unseen))
        assert all(torch.equal(part, unseen_parts[name]) for name, part in parts.items())  # its view, memory, random stream
        looked = max(looked, float(app.page.eye.insights[len(seats) - 1].attention().max()))
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
    assert "200 ms" in eye_words.reaction(insight)


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
        page = app.page.eye.page
        shown.append(None if page is None else app.page.eye.pages[page].participant)
        tap("v")
    assert shown == [None, 0, 1, None]


def test_v_between_a_person_and_an_agent_shows_the_agent(start):  # noqa: F811
    app = start("pong", HUMAN, seat_of(agent_of("pong", **OBJECTS)))
    tap("v")
    turns(app, 5)
    assert [page.participant for page in app.page.eye.pages] == [1] and app.page.eye.page == 0
    assert mode_of(app) == "playing"
    tap("v")
    turns(app, 1)
    assert app.page.eye.page is None


def test_where_no_agent_plays_words_say_that_there_is_no_network(start, monkeypatch):  # noqa: F811
    told = written(monkeypatch)
    turns(start("pong", HUMAN, BOT, eye=True), 1)
    assert eye_words.NO_NETWORK in " ".join(text for text, _ in told)


def test_a_v_of_the_games_own_is_the_games(start):  # noqa: F811
    app = start("pong", HUMAN, BOT)
    person = app.page.match.boards[0].inputs[0]
    person.keys.append("v")
    person.actions[frozenset({"v"})] = 1
    tap("v")
    turns(app, 2)
    assert app.page.eye.page is None


SIZES = [(1280, 720), (1440, 820), (900, 1000), (600, 1200), (1600, 500), (500, 560), (200, 200)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["pong", "breakout"])
def test_the_panel_and_the_game_never_overlap_and_pictures_stay_square(name, size):
    game = games.load(name)
    agent = Seat("agent", make=lambda batch, rows: None)
    seats = [HUMAN, agent]
    shown, hidden = Eye(game, seats, True), Eye(game, seats)
    assert hidden.places(size) == (pygame.Rect((0, 0), size), None)
    stage, panel = shown.places(size)
    assert not stage.colliderect(panel) and pygame.Rect((0, 0), size) == stage.union(panel)
    boxes = layout(stage.size, 2 if name == "breakout" else 1)
    assert all(stage.contains(box) and box.w == box.h for box in boxes)
    assert boxes[0].w >= 0.55 * layout(size, len(boxes))[0].w


def test_the_panel_stands_below_the_game_where_that_leaves_the_game_larger():
    shown = Eye(games.load("pong"), [HUMAN, Seat("agent", make=lambda batch, rows: None)], True)
    assert shown.places((600, 1200))[1].topleft == (0, shown.places((600, 1200))[0].h)
    assert shown.places((1280, 720))[1].topleft == (shown.places((1280, 720))[0].w, 0)


def written(monkeypatch) -> list[tuple[str, pygame.Rect]]:
    """The texts that the panel writes from now on, and where."""
    told = []

    class Listening(eye_page.TextRenderer):
        def put(self, surface, text, *rest):
            told.append((text, super().put(surface, text, *rest)))
            return told[-1][1]

    monkeypatch.setattr(eye_page, "TextRenderer", Listening)
    return told


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 300])
@pytest.mark.parametrize("kind", [*KINDS, "race"])
def test_texts_of_the_panel_lie_inside_it_and_not_over_each_other(start, monkeypatch, kind, size):  # noqa: F811
    told = written(monkeypatch)
    name, _, seats = of_kind("one seat" if kind == "race" else kind)
    app = start(name, *([HUMAN] if kind == "race" else []), *seats, size=size, eye=True)
    turns(app, 60)
    told.clear()
    app.page.eye._painted = None
    app.page.stale = True
    app.turn(0)
    _, panel = app.page.eye.places(size)
    boxes = [(text, box) for text, box in told if text.strip()]
    assert len(boxes) > 10
    assert any("winning" in text or "expects" in text for text, _ in boxes)
    for k, (text, box) in enumerate(boxes):
        assert pygame.Rect((0, 0), panel.size).contains(box), text
        for other, at in boxes[:k]:
            assert not box.inflate(-2, -0.4 * box.h).colliderect(at.inflate(-2, -0.4 * at.h)), (text, other)


def test_the_panel_draws_nothing_over_the_game(start):  # noqa: F811
    app = start("pong", seat_of(agent_of("pong", **PIXELS)), BOT, size=(900, 500), eye=True)
    turns(app, 5)
    before = pygame.image.tobytes(app.page.eye.stage(app.surface), "RGB")
    for _ in range(6):
        app.page.eye.draw(app.surface, app.page.match)
    assert pygame.image.tobytes(app.page.eye.stage(app.surface), "RGB") == before


def test_it_looks_for_as_long_as_a_frame_s_other_work_leaves(start, monkeypatch):  # noqa: F811
    app = start("pong", seat_of(agent_of("pong", **PIXELS)), BOT, eye=True)
    turns(app, 5)
    given = []
    monkeypatch.setattr(Insight, "look", lambda self, seconds: given.append(seconds))
    for spent, seconds in ((0.0, 0.004), (0.005, 0.004), (0.0065, 0.0025), (0.0085, 0.001), (0.5, 0.001)):
        given.clear()
        for _ in range(eye.EVERY + 1):
            app.page.eye.draw(app.surface, app.page.match, spent)
        assert given == pytest.approx([seconds] * len(given)) and given
    monkeypatch.setattr(type(app), "spent", 0.0065)
    given.clear()
    turns(app, 8)
    assert set(np.round(given, 6)) == {0.0025}


def test_the_network_runs_once_for_each_decision_and_otherwise_only_to_look(start, monkeypatch):  # noqa: F811
    agent = agent_of("pong", **PIXELS)
    app = start("pong", seat_of(agent), BOT, eye=True)
    passes, looks = [], []
    step, scores = agent._step, agent.scores
    monkeypatch.setattr(agent, "_step", lambda *given: passes.append(1) or step(*given))
    monkeypatch.setattr(agent, "scores", lambda *given: looks.append(1) or scores(*given))
    turns(app, 80)
    assert looks
    assert len(passes) - len(looks) == app.page.match.boards[0].batch.slots["decisions"][0, 0] == 20


def test_it_shows_exactly_what_the_network_was_given(monkeypatch):
    agent = agent_of("pong", **PIXELS)
    given, step = [], agent._step
    monkeypatch.setattr(agent, "_step", lambda observation, state: given.append(observation.copy()) or step(observation, state))
    insight, _ = followed("pong", agent, 120)
    assert (given[-1][0, 0] != given[-1][0, 1]).any()
    assert np.array_equal(insight.latest.observation, given[-1][0])
    assert insight.latest.observation.shape == (2, 24, 24)
    page = eye_page.EyePage(games.load("pong"))
    newest, earlier = page._pictures(insight.latest)
    for picture, frame in ((newest, insight.latest.observation[1]), (earlier, insight.latest.observation[0])):
        shown = pygame.surfarray.array3d(picture).transpose(1, 0, 2)[..., 0].astype(float)
        low, high = eye_page.WELL[0], eye_page.WHITE[0]
        assert np.abs(shown - (low + (high - low) * (frame / 255.0))).max() <= 1.0


def test_looking_ends_when_its_time_is_up_and_a_slow_network_saves_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(insight_module, "perf_counter", lambda: now[0])
    agent = agent_of("pong", **PIXELS)
    insight, _ = followed("pong", agent, 9)
    sizes, scores = [], agent.scores

    def slow(observation, masks, state):
        sizes.append(len(observation))
        now[0] += cost * len(observation)
        return scores(observation, masks, state)

    monkeypatch.setattr(agent, "scores", slow)
    cost = 0.001
    insight.look(0.004)
    assert sum(sizes) <= 4 and not insight.has_looked
    cost, insight._seconds = 0.016, 0.016  # four frames' worth of time
    sizes.clear()
    for _ in range(12):
        insight.look(0.004)
    assert sum(sizes) in (2, 3)


def test_a_pause_with_the_eye_open_shows_the_game_and_steps_by_a_tick(start):  # noqa: F811
    agent = agent_of("pong", **PIXELS)
    app = start("pong", HUMAN, seat_of(agent), eye=True)
    turns(app, 10)
    playing = shown(app)
    tap("p")
    turns(app, 8)
    assert mode_of(app) == PAUSED
    below = len(playing) // 4  # the word "Paused" stands above, and no page lies over the game
    assert shown(app)[below:] == playing[below:] and shown(app) != playing
    tick = state(app).tick
    for _ in range(3):
        tap(".")
        turns(app, 3)
    assert (mode_of(app), state(app).tick) == (PAUSED, tick + 3)
    assert app.page.eye.insights[1].latest.observation.any()
    tap("p")
    turns(app, 4)
    assert state(app).tick == tick + 7


def shown(app) -> bytes:
    return pygame.image.tobytes(app.surface.subsurface(layout(app.page.eye.stage(app.surface).get_size(), 1)[0]), "RGB")


def test_the_page_of_a_pause_makes_way_for_the_first_step(start):  # noqa: F811
    app = start("pong", BOT, BOT)
    turns(app, 10)
    playing = shown(app)
    tap("p")
    turns(app, 3)
    assert shown(app) != playing
    tap(".")
    app.turn(0)
    stepped = shown(app)
    tap("p")
    tap("p")
    app.turn(0)
    assert shown(app) != stepped  # the next pause has its page again


@pytest.mark.parametrize("held", ["before the pause", "in the pause"])
def test_a_key_held_in_a_pause_plays_in_its_steps(start, held):  # noqa: F811
    app = start("pong", HUMAN, BOT)
    turns(app, 4)
    if held == "before the pause":
        key("w")
        turns(app, 2)
    tap("p")
    turns(app, 1)
    before = state(app).paddle[0]
    if held == "in the pause":
        key("w")
    tap(".")
    tap(".")
    turns(app, 1)
    assert state(app).paddle[0] == pytest.approx(before - 2 * SPEED)


def test_a_step_of_a_game_of_turns_is_a_move(start):  # noqa: F811
    app = start("connect_four", seat_of(agent_of("connect_four", **OBJECTS)), BOT, eye=True)
    turns(app, 3)
    tap("p")
    turns(app, 30)
    tick = state(app).tick
    for moves in (1, 2, 3):
        tap(".")
        turns(app, 1)
        assert state(app).tick == tick + moves


def test_slow_motion_is_four_times_slower_and_ends_with_the_same_key(start):  # noqa: F811
    app = start("pong", BOT, BOT)
    turns(app, 4)
    tick = state(app).tick
    tap(",")
    turns(app, 40)
    assert state(app).tick == tick + 10
    tap(",")
    turns(app, 40)
    assert state(app).tick == tick + 50


def test_a_pause_lets_the_eye_look_to_the_end_and_then_rests(start, monkeypatch):  # noqa: F811
    app = start("pong", seat_of(agent_of("pong", **PIXELS)), BOT, eye=True)
    turns(app, 10)
    tap("p")
    for name in ("LOOKING", "LEAST"):
        monkeypatch.setattr(eye, name, 0.5)  # however busy the machine is
    turns(app, 60)
    assert app.page.eye.insight.has_looked
    painted = []
    monkeypatch.setattr(app.page.eye, "draw", lambda *given: painted.append(1))
    turns(app, 10)
    assert not painted


def test_simulated_people_have_no_network_and_need_no_torch():
    code = """
import sys, pygame, games
from games.people.person import person
from ui.window import open_match
from ui.seats import Seat
game = games.load("pong")
seat = lambda: Seat("agent", "Expert", make=person("person:expert", game).player, observation="objects")
app = open_match(game, [seat(), seat()], seed=5, size=(640, 400), eye=True)
app.page.load()
for _ in range(8):
    app.turn(1)
assert len(app.page.eye.pages) == 2 and app.page.eye.insight is None
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_rewinding_cuts_the_line_of_values(start):  # noqa: F811
    app = start("pong", BOT, seat_of(agent_of("pong", **OBJECTS)), eye=True)
    turns(app, 60)
    insight = app.page.eye.insight
    assert insight.values[-1].tick == 56
    assert app.page.match.rewind(30)
    app.page.eye.follow(app.page.match)
    assert [value.tick for value in insight.values] == list(range(0, 31, 4))
    turns(app, 4)
    assert [value.tick for value in insight.values] == list(range(0, 33, 4)), "each decision once"
    assert app.page.match.rewind(1000)
    app.page.stale = True
    app.turn(0)  # the first decision is made again in the next tick
    assert [value.tick for value in insight.values] == [0]
