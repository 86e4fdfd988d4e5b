"""Rewinding: a match goes on from any of its last moments exactly as it went on then."""

import numpy as np
import pytest

import games
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from ui import history
from ui.board import Board
from ui.match import Match
from ui.seats import Seat
from ui.take_over import TakeOver

KINDS = {
    "stack and delay": ("pong", {"stack": 3, "delay": 7}),
    "memory": ("pong", {"memory": "lstm", "memory_size": 8}),
    "turns": ("connect_four", {"observation": "planes"}),
    "race": ("breakout", {"stack": 2, "delay": 2}),
}


def agent_of(game, **settings):
    chosen = AgentSettings(**{"size": 12, "hidden": 8, "temperature": 1.0, **settings})
    agent = Agent(game, describe_agent(game, chosen, "ppo"), build_network(game, chosen))
    agent.generator.manual_seed(5)
    return agent


def match_of(kind):
    name, settings = KINDS[kind]
    game = games.load(name)
    return Match(game, [Seat("human"), Seat("agent", "Agent", make=agent_of(game, **settings).player)], 3)


def play(match, ticks, seed):
    """Keys at random, and for each tick the boards' states and the agents' decisions, in effect and still to come."""
    random, seen = np.random.default_rng(seed), []
    for _ in range(ticks):
        for person in match.inputs:
            if match.game.turns:
                person.choose(int(random.integers(match.game.num_actions)))
            elif random.random() < 0.3:
                for key in list(person.held):
                    person.release(key)
                person.hold(person.keys[random.integers(len(person.keys))])
        match.tick()
        seen.append([(board.batch.states.tobytes(), board.batch.slots.tobytes()) for board in match.boards])
    return seen


def minds_of(match):
    """All that the agents keep, as bytes: frames, memories, random numbers."""
    states = [state for board in match.boards for state in board.moment().players]
    return [{name: np.asarray(array).tobytes() for name, array in state.items()} for state in states]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_back_goes_on_as_it_did(kind):
    match = match_of(kind)
    play(match, 90, seed=1)
    moment = match.moment()
    held = [list(person.held) for person in match.inputs]
    first, minds = play(match, 6, seed=2), minds_of(match)
    first += play(match, 54, seed=3)
    for board, each in zip(match.boards, moment, strict=True):
        board.put_back(each)
    for person, keys in zip(match.inputs, held, strict=True):
        person.held[:] = keys
    again = play(match, 6, seed=2)
    assert minds_of(match) == minds
    assert again + play(match, 54, seed=3) == first


def test_a_match_is_rewound_tick_by_tick_to_thirty_seconds_ago_at_most(monkeypatch):
    monkeypatch.setattr(history, "REWINDS", 50)
    match = match_of("stack and delay")
    states = [match.boards[0].batch.states.tobytes()]
    for _ in range(70):
        match.tick()
        states.append(match.boards[0].batch.states.tobytes())
    assert match.rewind(3) and match.boards[0].batch.states.tobytes() == states[67] and match.ticks == 67
    assert match.rewind(1000) and match.boards[0].batch.states.tobytes() == states[20]
    assert not match.rewind(1)
    match.tick()
    assert match.boards[0].batch.states.tobytes() == states[21] and match.ticks == 21


def test_moments_take_a_bounded_memory(monkeypatch):
    monkeypatch.setattr(history, "LARGEST", 100_000)
    match = match_of("stack and delay")
    play(match, 200, seed=1)
    assert match.history.nbytes <= 100_000 and 10 < len(match.history) < 200
    match.rewind(10_000)
    assert 0 < match.history.nbytes < 20_000  # one is left


def test_a_rewound_game_counts_for_no_rating():
    class Fit:
        name, about_person, heard = "Fit", "you are rated 1200 ± 50", 0

        def learn_of(self, result):
            self.heard += 1

    fit = Fit()
    match = Match(games.load("pong"), [Seat("human"), Seat("scripted", "Bot", skill=1.0)], 1)
    match.seats[1].adaptive = fit
    for rewinds in (False, True):
        while not match.result:
            match.tick()
            if rewinds and match.ticks == 200 and not match.rewound:
                match.rewind(30)
        assert match.is_rated is not rewinds
        match.restart()
    assert fit.heard == 1


# --- taking over ---


def watched():
    game = games.load("pong")
    return Match(game, [Seat("scripted", "Bot", skill=0.5), Seat("agent", "Agent", make=agent_of(game, delay=4).player)], 3)


def test_a_person_takes_a_seat_and_gives_it_back():
    match = watched()
    guests, board = TakeOver(match), match.boards[0]
    for _ in range(50):
        match.tick()
    guests.exchange(1)
    assert match.seats[1].name == "You" and list(board.inputs) == [1]
    board.inputs[1].hold("down")
    for _ in range(20):
        match.tick()
    track = board.recorder.track()
    down = match.game.actions.index("down")
    assert (track.actions[-15:, 1] == down).all()
    board.inputs[1].release("down")
    guests.exchange(1)
    assert match.seats[1].name == "Agent" and not board.inputs
    assert board.batch.delay[0, 1] == 4 and board.batch.frame_skip[0, 1] == match.game.frame_skip
    assert [change.name for change in match.changes] == ["You", "Agent"] and not match.is_rated


def test_a_relieved_agent_goes_on_watching():
    match = watched()
    player = match.boards[0].player(1)
    guests = TakeOver(match)
    for _ in range(8):
        match.tick()
    guests.exchange(1)
    for _ in range(40):
        match.tick()
    newest = player.view.newest()[0, -1]
    assert not np.array_equal(newest, player.view.newest()[0, 0])
    batch = match.boards[0].batch
    fresh = player.view.paint(batch.states, np.array([0]), np.array([1]))[0]
    assert np.abs(newest.astype(int) - fresh).sum() < 0.3 * newest.sum()  # a few ticks old, not forty


def test_a_person_hands_their_seat_to_the_agent_opposite_or_to_the_bot():
    for rival, name in ((Seat("scripted", "Bot", skill=0.5), "Bot for You"), (watched().seats[1], "Agent for You")):
        match = Match(games.load("pong"), [Seat("human", "You"), rival], 3)
        guests, mine = TakeOver(match), match.inputs[0]
        guests.exchange(guests.next_participant())
        assert match.seats[0].name == name and not match.inputs
        for _ in range(200):
            match.tick()
        assert len(set(match.boards[0].recorder.track().actions[:, 0].tolist())) > 1
        guests.exchange(guests.next_participant())
        assert match.seats[0].name == "You" and match.inputs == [mine] and match.boards[0].batch.frame_skip[0, 0] == 1


def test_in_a_race_the_board_changes_hands():
    match = match_of("race")
    TakeOver(match).exchange(1)
    assert match.boards[1].inputs and match.boards[0].inputs and match.seats[1].name == "You"
    assert isinstance(match.boards[0], Board)
