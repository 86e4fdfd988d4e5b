"""`View`: stacks, mirrored views, masks and actions, rows that wait."""

from pathlib import Path

import numpy as np
import pytest

import games
from agents import participants
from agents.core.settings import AgentSettings
from agents.play.arena import GameArena
from games.engine.batch import EXTERNAL, RANDOM, RUNNING, Batch, Workers
from games.engine.view import OBSERVATIONS, View, check_shapes
from games.errors import UserError
from ui.board import Board
from ui.seats import Seat

STAY, LEFT, RIGHT = 0, 1, 2


@pytest.fixture(scope="module")
def tally():
    return games.load(Path(__file__).parents[1] / "tally.py")


def single(view):
    """What the rows see now, painted anew, [R, *frame]."""
    return view.paint(view.batch.states, view.envs, view.seats)


def run_to_end(batch, view):
    """Step until environment 0 ends an episode, observing after each step but the last."""
    while True:
        batch.step(np.zeros((batch.num_envs, batch.game.players), int))
        if batch.end[0] != RUNNING:
            return
        view.observe()


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_stack_holds_the_newest_frames_oldest_first(tally, observation):
    batch = Batch(tally, 2)
    view = View(batch, [(0, 0), (1, 1)], observation, size=21, stack=3)
    frames = []
    for _ in range(6):
        frames.append(single(view))
        seen = view.observe()
        assert seen.shape == (2, 3, *view.frame)
        for age in range(3):
            expected = frames[-1 - age] if age < len(frames) else np.zeros_like(frames[0])
            assert (seen[:, -1 - age] == expected).all()
        batch.step(np.zeros((2, 2), int))
    assert (frames[0] != frames[1]).any()


def test_the_stack_is_emptied_where_an_episode_begins(tally):
    batch = Batch(tally, 2, seed=3)
    view = View(batch, [(0, 0), (1, 0)], "pixels", size=21, stack=4)
    view.observe()
    run_to_end(batch, view)
    assert batch.end.tolist()[1] == RUNNING, "the seed must let one episode be longer"
    seen = view.observe()
    assert not seen[0, :3].any()
    assert seen[0, 3].any()
    assert seen[1, :3].any()


def test_the_stack_is_emptied_where_the_same_episode_begins_again(tally):
    batch = Batch(tally, 1)
    view = View(batch, [(0, 0)], "pixels", size=21, stack=4)
    first = view.observe().copy()
    for _ in range(3):
        batch.step(np.zeros((1, 2), int))
        view.observe()
    batch.reset()
    view.clear_stacks()
    assert (view.observe() == first).all()


def test_the_final_observation_is_the_cut_episodes_last(tally):
    batch = Batch(tally, 1, seed=3)
    view = View(batch, [(0, 0), (0, 1)], "pixels", size=21, stack=3)
    view.observe()
    run_to_end(batch, view)
    before = view.newest().copy()
    final = view.final(np.array([0, 1]))
    assert (final[:, :-1] == before[:, 1:]).all()
    last = view.paint(batch.final, view.envs, view.seats)
    assert (final[:, -1] == last).all()
    assert (final[:, -1] != single(view)).any()
    assert (view.final(np.array([1])) == final[1:]).all()


def end_now(batch):
    """Let time run out, nobody having done anything."""
    batch.states["tick"] = batch.game.max_ticks - 1
    batch.step(np.full((1, 2), -1))
    assert batch.end[0] != RUNNING


def test_the_final_observation_of_a_seat_that_was_never_asked_holds_no_older_episode(toy):
    """An episode may end before a seat of a game of turns has seen anything of it."""
    batch = Batch(toy("passes"), 1)
    view, masks = View(batch, [(0, 1)], "pixels", size=21, stack=3), View(batch, [(0, 0), (0, 1)], "objects")
    view.observe()
    for _ in range(8):  # seat 1 sees some of this episode
        batch.step(masks.masks().argmax(-1)[None])
        view.observe()
    assert view.newest()[0, 0].any()
    end_now(batch)
    while batch.states["turn"][0] == 1:  # until an episode comes that the other seat begins
        view.observe()
        end_now(batch)
    view.observe()
    end_now(batch)
    final = view.final(np.array([0]))
    assert not final[0, :2].any()
    assert final[0, 2].any()


def test_a_mirrored_seat_sees_the_other_seats_picture_flipped(tally):
    """With ME and OTHER changing places."""
    batch = Batch(tally, 5)
    seen = [single(View(batch, [(env, seat) for env in range(5)], "planes", size=42, stack=1)).astype(int) for seat in (0, 1)]
    flipped = seen[0][:, [1, 0, 2, 3, 4, 5, 6], :, ::-1]
    assert abs(flipped - seen[1]).max() <= 1, "of 255: sums are rounded"
    assert abs(flipped[..., ::-1] - seen[1]).max() > 100


def test_actions_and_masks_of_a_mirrored_seat_are_in_its_own_words(tally):
    batch = Batch(tally, 1, frame_skip=1)
    view = View(batch, [(0, 0), (0, 1)], "objects", stack=1)
    assert view.to_world(np.array([LEFT, LEFT])).tolist() == [LEFT, RIGHT]
    assert view.to_world(np.array([STAY, STAY])).tolist() == [STAY, STAY]
    # In the world seat 0 cannot go left and seat 1 not right: both find it as their own left.
    assert view.masks().tolist() == [[1, 0, 1], [1, 0, 1]]
    into = np.zeros((1, 2), np.int64)
    view.act(np.array([RIGHT, RIGHT]), into)
    batch.step(into)
    assert batch.states["told"][0, 0].tolist() == [RIGHT, LEFT]


@pytest.mark.slow
def test_a_game_without_mirror_shows_every_seat_the_world(toy):
    batch = Batch(toy("maze_chase"), 1)
    view = View(batch, [(0, 0), (0, 1)], "planes", size=11, stack=1)
    seen = single(view)
    wall = 3  # WALL // 4 - 1
    assert (seen[0, wall] == seen[1, wall]).all()
    assert (seen[0, 0] == seen[1, 1]).all(), "one's ME is the other's OTHER"
    assert view.to_world(np.array([3, 3])).tolist() == [3, 3]


def test_rows_that_are_not_asked_keep_what_they_saw(tally):
    batch = Batch(tally, 1, frame_skip=[4, 1])
    view = View(batch, [(0, 0), (0, 1)], "pixels", size=42, stack=2)
    before = view.observe().copy()
    for tick in range(1, 5):
        batch.step(np.zeros((1, 2), int))
        seen = view.observe().copy()
        assert (seen[0] == before[0]).all() == (tick < 4)
        assert (seen[1] != before[1]).any()
        before[1] = seen[1]


def test_painting_into_a_buffer_is_the_same(tally):
    batch = Batch(tally, 4, bots=[EXTERNAL, RANDOM])
    rows = [(env, 0) for env in range(4)]
    one, other = (View(batch, rows, "pixels", size=42, stack=3) for _ in range(2))
    buffers = np.zeros((40, 4, 3, 42, 42), np.uint8)
    for k in range(40):
        one.observe(buffers[k])
        assert (buffers[k] == other.observe()).all()
        batch.step(np.full((4, 2), RIGHT))
    assert batch.episode.min() > 0


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_threads_paint_the_same(tally, observation):
    seen = []
    for threads in (1, 3):
        batch = Batch(tally, 30, 2, threads=threads)
        view = View(batch, [(env, env % 2) for env in range(30)], observation, size=42, stack=1)
        batch.step(np.full((30, 2), RIGHT))
        seen.append((view.observe().tobytes(), view.masks().tobytes()))
        batch.close()
    assert seen[0] == seen[1]


def test_a_view_goes_on_from_its_state(tally):
    batch = Batch(tally, 3)
    rows = [(env, 0) for env in range(3)]
    view = View(batch, rows, "pixels", size=21, stack=4)
    for _ in range(3):
        view.observe()
        batch.step(np.zeros((3, 2), int))
    fresh = View(batch, rows, "pixels", size=21, stack=4)
    fresh.restore(view.state())
    assert (fresh.observe() == view.observe()).all()


def test_what_lies_in_the_fog_is_seen_by_the_spectator_alone(toy):
    batch = Batch(toy("fog"), 6)
    batch.states["x"] = [8.0, 76.0]
    batch.states["y"] = 42.0
    seats = View(batch, [(env, seat) for env in range(6) for seat in range(2)], "planes", size=42, stack=1)
    other = single(seats)[:, 1]  # OTHER // 4 - 1
    assert not other.any(), "the lamps do not reach so far"
    batch.states["x"] = [40.0, 60.0]
    assert single(seats)[:, 1].any((1, 2)).all()
    spectator = seats.paint(batch.states, np.arange(6), np.full(6, -1))
    batch.states["pearl_x"][:, 0] = 80.0
    batch.states["pearl_y"][:, 0] = 4.0
    moved = seats.paint(batch.states, np.arange(6), np.full(6, -1))
    assert (spectator != moved).any()
    assert not single(seats)[0, 4, :4, 38:].any(), "seat 0 does not see that pearl"
    assert moved[0, 4, :4, 38:].any(), "the spectator does"


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"size": 7}, "8 to 256"),
        ({"size": 257}, "8 to 256"),
        ({"stack": 0}, "1 to 16"),
        ({"stack": 17}, "1 to 16"),
        ({"observation": "pixel"}, "Did you mean 'pixels'"),
    ],
)
def test_settings_out_of_range_say_the_range(tally, settings, word):
    with pytest.raises(UserError, match=word):
        View(Batch(tally, 1), [(0, 0)], **settings)


def test_a_frame_that_does_not_fit_is_said_wherever_a_game_of_ones_own_is_trained_or_shown(make_game):
    text = (Path(__file__).parents[1] / "race.py").read_text("utf-8")
    check_shapes(Batch(make_game(text), 1))
    game = make_game(text.replace("SHAPES = 5", "SHAPES = 4"))
    with pytest.raises(UserError, match=r"made_up\.py: draw emits 5 shapes, and SHAPES is 4\.\nSet SHAPES = 5"):
        check_shapes(Batch(game, 1))
    with pytest.raises(UserError, match="Set SHAPES = 5"):
        GameArena(game, 1, 1, [participants.participant("bot", game)], AgentSettings(), Workers(1))
    with pytest.raises(UserError, match="Set SHAPES = 5"):
        Board(game, [Seat("scripted"), Seat("scripted")], 1)
