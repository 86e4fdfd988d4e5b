"""`Batch`, with a game that writes down what it is told."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games.engine.batch import EXTERNAL, HELD_OUT, OUT_OF_TIME, OVER, RANDOM, RUNNING, Batch
from games.engine.view import View
from games.errors import UserError

ROOT = Path(__file__).parents[3]
STAY, LEFT, RIGHT = 0, 1, 2


@pytest.fixture(scope="module")
def tally():
    return games.load(ROOT / "tests" / "games" / "tally.py")


def told(batch, env=0, final=False):
    """The actions [ticks, 2] that `step` has received in the running (or the last) episode."""
    state = (batch.final if final else batch.states)[env]
    return state["told"][: state["tick"]].tolist()


def constant(batch, first, second):
    return np.tile([first, second], (batch.num_envs, 1))


def play(batch, steps, seed=0):
    """Random actions, some of them impossible; what happened, as one hash a step."""
    dice = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        batch.step(dice.integers(-1, 4, (256, batch.game.players))[batch.env_ids % 256])
        parts = (batch.states, batch.rewards, batch.end, batch.asked, batch.episode)
        seen.append(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
    return seen


# --- time -----------------------------------------------------------------------------------------------------------


def test_a_decision_is_held_for_the_frame_skip(tally):
    batch = Batch(tally, 1, frame_skip=3)
    for action in (RIGHT, LEFT, STAY):
        assert batch.asked.tolist() == [[1, 1]]
        batch.step(constant(batch, action, LEFT))
    assert told(batch) == [[2, 1]] * 3 + [[1, 1]] * 3 + [[0, 1]] * 3


def test_each_seat_may_have_a_frame_skip_of_its_own(tally):
    batch = Batch(tally, 1, frame_skip=[4, 1])
    asked = []
    for _ in range(8):
        asked.append(batch.asked[0].tolist())
        batch.step(constant(batch, RIGHT, LEFT))
    assert asked == [[1, 1], [0, 1], [0, 1], [0, 1]] * 2
    assert told(batch) == [[2, 1]] * 8


@pytest.mark.parametrize("delay", [0, 1, 3, 4, 7, 60])
def test_a_delayed_decision_takes_effect_exactly_so_many_ticks_later(tally, delay):
    batch = Batch(tally, 1, frame_skip=4, delay=[delay, 0])
    decisions = [2, 0, 1, 1, 2]
    for action in decisions:
        batch.step(constant(batch, action, STAY))
    expected = [0] * delay + [action for action in decisions for _ in range(4)]
    assert [first for first, _ in told(batch)] == expected[:20]


def test_one_tick_at_a_time_is_the_same_game(tally):
    """The window's way: the caller answers when asked, and is not asked in between."""
    whole, ticks = Batch(tally, 3, 5, delay=2), Batch(tally, 3, 5, delay=2)
    dice = np.random.default_rng(1)
    for _ in range(40):
        actions = dice.integers(0, 3, (3, 2))
        whole.step(actions)
        for k in range(4):
            assert (ticks.asked == (k == 0)).all() or (ticks.end != RUNNING).any()
            before = ticks.asked.copy()
            ticks.step(np.where(before == 1, actions, 99), max_ticks=1)
            if ticks.end.any():  # an end cuts a decision short: the others are asked a little later
                break
        if ticks.end.any():
            break
        assert ticks.states.tobytes() == whole.states.tobytes()
        assert ticks.asked.tolist() == whole.asked.tolist()


# --- ends -----------------------------------------------------------------------------------------------------------


def first_end(batch):
    """Play on until environment 0 ends an episode."""
    while True:
        batch.step(constant(batch, RIGHT, LEFT))
        if batch.end[0] != RUNNING:
            return


def test_an_end_keeps_the_final_state_and_begins_the_next_episode_in_the_same_step(tally):
    batch = Batch(tally, 1, seed=3)  # 39 ticks
    length = int(batch.states["length"][0])
    assert length < tally.max_ticks
    first_end(batch)
    assert batch.end[0] == OVER
    assert batch.ticks[0] == batch.final["tick"][0] == length
    assert batch.final["over"][0] == 1
    assert len(told(batch, final=True)) == length
    assert batch.states["tick"][0] == 0
    assert batch.states["over"][0] == 0
    assert batch.episode[0] == 1
    assert batch.asked.tolist() == [[1, 1]]
    batch.step(constant(batch, STAY, STAY))
    assert batch.end[0] == RUNNING
    assert told(batch) == [[0, 0]] * 4, "the last episode's decision is forgotten"


def test_time_runs_out_at_max_ticks_and_not_by_the_rules(tally):
    batch = Batch(tally, 64, seed=1)
    long = batch.states["length"] > tally.max_ticks
    ends = np.zeros(64, int)
    for _ in range(60):
        batch.step(constant(batch, STAY, STAY))
        new = (ends == 0) & (batch.end != RUNNING)
        ends[new] = batch.end[new]
        assert (batch.final["over"][batch.end == OUT_OF_TIME] == 0).all()
        assert (batch.final["tick"][batch.end == OUT_OF_TIME] == tally.max_ticks).all()
        if ends.all():
            break
    assert long.any() and not long.all()
    assert (ends == np.where(long, OUT_OF_TIME, OVER)).all()


def test_an_end_cuts_the_last_decision_short_and_pays_what_is_due(tally):
    batch = Batch(tally, 1, seed=3, frame_skip=4)
    length = int(batch.states["length"][0])
    assert length % 4, "the seed must give a length that is no whole number of decisions"
    first_end(batch)
    assert batch.rewards[0].tolist() == [length % 4 * 1.0, length % 4 * -1.0]  # 2 - 1 a tick
    assert batch.returns[0].tolist() == [length * 1.0, length * -1.0]


def test_rewards_are_what_a_seat_earned_since_it_was_asked(tally):
    batch = Batch(tally, 1, frame_skip=[4, 1])
    rewards = []
    for _ in range(8):
        batch.step(constant(batch, RIGHT, LEFT))
        rewards.append(batch.rewards[0].tolist())
    # +1 a tick for the first seat: paid when it decides anew, every fourth tick
    assert rewards == [[0, -1], [0, -1], [0, -1], [4, -1]] * 2


def test_returns_add_up_over_an_episode_whatever_the_frame_skips(tally):
    batch = Batch(tally, 1, seed=2, frame_skip=[7, 3], bots=[EXTERNAL, RANDOM])
    earned = np.zeros(2)
    while True:
        batch.step(constant(batch, RIGHT, STAY))
        earned += batch.rewards[0]
        if batch.end[0]:
            break
    assert earned[0] == batch.returns[0, 0]
    assert batch.returns[0].sum() == 0
    actions = np.array(told(batch, final=True))
    assert batch.returns[0, 0] == (actions[:, 0] - actions[:, 1]).sum()


# --- who decides ----------------------------------------------------------------------------------------------------


def test_bots_chance_and_callers_decide_each_for_their_seat(tally):
    batch = Batch(tally, 3, bots=[[1.0, EXTERNAL], [0.0, 1.0], [EXTERNAL, RANDOM]], frame_skip=1)
    for _ in range(15):
        batch.step(constant(batch, STAY, RIGHT))
    assert batch.asked.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert told(batch, 0) == [[2, 2]] * 15
    assert told(batch, 1) == [[0, 1]] * 15
    by_chance = [second for _, second in told(batch, 2)]
    assert set(by_chance[:8]) <= {STAY, LEFT}, "RIGHT is masked for so long"
    assert RIGHT in by_chance[8:]


def test_chance_takes_every_legal_action_equally(tally):
    batch = Batch(tally, 2000, bots=RANDOM, frame_skip=1)
    for _ in range(12):
        batch.step(constant(batch, STAY, STAY))
    last = batch.states["told"][:, 11]
    for seat, legal in ((0, [STAY, RIGHT]), (1, [STAY, LEFT, RIGHT])):
        counts = np.bincount(last[:, seat], minlength=3)
        expected = 2000 / len(legal)
        assert counts[[a for a in range(3) if a not in legal]].sum() == 0
        assert abs(counts[legal] - expected).max() < 5 * np.sqrt(expected)


def test_masks_say_what_may_be_tried_and_are_empty_where_nothing_is_asked(tally):
    batch = Batch(tally, 1, frame_skip=[4, 1])
    view = View(batch, [(0, 0)], "objects")
    other = View(batch, [(0, 1)], "objects")
    assert view.masks().tolist() == [[1, 0, 1]]
    assert other.masks().tolist() == [[1, 0, 1]], "right is masked, which is left in a mirrored view"
    batch.step(constant(batch, STAY, STAY))
    assert view.masks().tolist() == [[0, 0, 0]]
    used = np.ones((1, 3), np.uint8)  # an array that has been written in
    batch.kernel.mask_slice(0, 1, batch.states, batch.slots, view.envs, view.seats, used)
    assert used.tolist() == [[0, 0, 0]]


# --- turns and placements -------------------------------------------------------------------------------------------


def test_in_turns_only_the_seat_that_moves_is_asked(toy):
    batch = Batch(toy("passes"), 16)
    view = View(batch, [(env, seat) for env in range(16) for seat in range(2)], "objects", stack=1)
    ends = 0
    for _ in range(100):
        assert (batch.asked.sum(1) == 1).all()
        assert (batch.asked.argmax(1) == batch.states["turn"]).all()
        masks = view.masks().reshape(16, 2, -1)
        before = batch.states["tick"].copy()
        batch.step(masks.argmax(-1))
        running = batch.end == RUNNING
        assert (batch.states["tick"][running] == before[running] + 1).all()
        ends += int((~running).sum())
    assert ends > 16


def test_a_placement_is_asked_for_once_and_reaches_the_game_in_one_tick(toy):
    game = toy("placements")
    batch = Batch(game, 1)
    bars = []
    for _ in range(10):
        bars.append(int(batch.states["bars"][0]))
        assert batch.asked.tolist() == [[1]]
        assert batch.states["placed"][0] == 0
        batch.step(np.zeros((1, 1), int))
    assert bars == list(range(1, 11)), "one decision a bar"


def test_a_placement_is_told_to_the_game_in_one_tick_and_none_in_the_others(toy):
    batch = Batch(toy("placements"), 1)
    told = []
    for action in (0, 3, 2, 1):  # asked for the first only: the bar is placed
        batch.step(np.full((1, 1), action), max_ticks=1)
        told.append(int(batch.slots["acting"][0, 0]))
    assert told == [0, -1, -1, -1]


def test_a_delayed_placement_is_not_asked_for_again(toy):
    batch = Batch(toy("placements"), 1, delay=5)
    batch.step(np.full((1, 1), 3), max_ticks=1)
    placed = []
    for _ in range(6):
        placed.append(int(batch.states["placed"][0]))
        assert batch.asked.tolist() == [[0]]
        batch.step(np.full((1, 1), 0), max_ticks=1)
    assert placed == [0, 0, 0, 0, 0, 1]
    assert batch.states["column"][0] == 3


def test_what_cannot_be_done_is_asked_again(toy):
    batch = Batch(toy("placements"), 1)
    before = batch.states["bars"].copy()
    batch.step(np.full((1, 1), 17))
    assert batch.asked.tolist() == [[1]]
    assert batch.states["tick"][0] == 1
    assert batch.states["bars"] == before


def test_decisions_that_wait_when_an_episode_ends_are_forgotten(tally, toy):
    batch = Batch(tally, 1, seed=3, frame_skip=1, delay=7)
    first_end(batch)
    for _ in range(10):
        batch.step(constant(batch, LEFT, LEFT))
    assert told(batch) == [[0, 0]] * 7 + [[1, 1]] * 3
    batch = Batch(toy("placements"), 1, delay=7)
    batch.states["tick"] = batch.game.max_ticks - 2
    batch.step(np.full((1, 1), 3))
    assert batch.end[0] == OUT_OF_TIME
    assert batch.asked.tolist() == [[1]]
    for _ in range(12):
        batch.step(np.full((1, 1), 3), max_ticks=1)
    assert batch.states["placed"][0] == 1


# --- numbers of episodes, levels and environments -------------------------------------------------------------------


def test_an_environment_is_the_same_in_any_batch_on_any_number_of_threads(tally):
    many = Batch(tally, 40, 9, bots=[EXTERNAL, RANDOM])
    three = Batch(tally, 40, 9, bots=[EXTERNAL, RANDOM], threads=3)
    assert play(many, 80) == play(three, 80)
    three.close()
    one = Batch(tally, 1, 9, bots=[EXTERNAL, RANDOM], env_ids=[17])
    play(one, 80)
    assert one.states[0].tobytes() == many.states[17].tobytes()
    assert one.episode[0] == many.episode[17] > 0


def test_episodes_do_not_depend_on_those_before(tally):
    short, long = Batch(tally, 8, 4), Batch(tally, 8, 4)
    long.states["length"] = 20  # the first episode is cut short in one of them
    lengths = []
    for batch in (short, long):
        while batch.episode.min() < 1:
            batch.step(constant(batch, STAY, STAY))
        batch.reset(episode=3)
        lengths.append(batch.states.copy())
    assert lengths[0].tobytes() == lengths[1].tobytes()


def test_seeds_environments_and_episodes_all_differ(tally):
    streams = set()
    for seed in (0, 1, 2**63):
        batch = Batch(tally, 50, seed)
        for episode in range(4):
            batch.reset(episode)
            streams |= set(batch.states["rng"].tolist())
    assert len(streams) == 3 * 50 * 4


def test_levels_are_those_asked_for(tally):
    assert set(Batch(tally, 200, levels=3).states["level"].tolist()) == {0, 1, 2}
    assert set(Batch(tally, 200, levels=[7, HELD_OUT + 5]).states["level"].tolist()) == {7, HELD_OUT + 5}
    anywhere = Batch(tally, 200).states["level"]
    assert (anywhere >= 0).all() and (anywhere < HELD_OUT).all()
    assert len(set(anywhere.tolist())) == 200


def test_a_level_is_the_same_in_every_episode_and_for_every_seed(tally):
    walls = {}
    for seed in range(3):
        batch = Batch(tally, 30, seed, levels=5)
        for level, wall in zip(batch.states["level"].tolist(), batch.states["wall"].tolist(), strict=True):
            assert walls.setdefault(level, wall) == wall
    assert len(set(walls.values())) == 5


# --- snapshots ------------------------------------------------------------------------------------------------------


def test_a_snapshot_goes_on_identically(tally):
    batch = Batch(tally, 6, 8, delay=5, bots=[EXTERNAL, RANDOM])
    play(batch, 30)
    kept = batch.snapshot()
    on = play(batch, 40, seed=1)
    other = Batch(tally, 6, 1, delay=0)
    other.restore(kept)
    assert play(other, 40, seed=1) == on
    batch.restore(kept)  # rewound
    assert play(batch, 40, seed=1) == on


def test_a_snapshot_goes_on_identically_in_another_process(tally, tmp_path):
    batch = Batch(tally, 6, 8, delay=5, bots=[EXTERNAL, 1.0])
    play(batch, 30)
    (tmp_path / "kept").write_bytes(batch.snapshot())
    program = (
        "import sys, games, tests.games.engine.test_batch as t; from pathlib import Path;"
        "b = t.Batch(games.load(sys.argv[1]), 6);"
        "b.restore(Path(sys.argv[2]).read_bytes()); print(t.play(b, 40, seed=1)[-1])"
    )
    command = [sys.executable, "-c", program, str(tally.path), str(tmp_path / "kept")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == play(batch, 40, seed=1)[-1]


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda kept: b"x" + kept, "not a snapshot"),
        (lambda kept: b"", "not a snapshot"),
        (lambda kept: kept.replace(b'"num_envs": 2', b'"num_envs": 3'), "num_envs is 3"),
        (lambda kept: kept.replace(b'"game": "tally"', b'"game": "cards"'), "game is cards"),
    ],
)
def test_a_snapshot_of_something_else_is_refused(tally, change, word):
    batch = Batch(tally, 2)
    before = batch.states.tobytes()
    with pytest.raises(UserError, match=word):
        batch.restore(change(batch.snapshot()))
    assert batch.states.tobytes() == before


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"num_envs": 0}, "one environment at least"),
        ({"num_envs": 1, "delay": 61}, "0 to 60"),
        ({"num_envs": 1, "delay": -1}, "0 to 60"),
        ({"num_envs": 1, "frame_skip": 0}, "one tick at least"),
        ({"num_envs": 1, "levels": 0}, "one level at least"),
        ({"num_envs": 1, "levels": []}, "one level at least"),
    ],
)
def test_settings_out_of_range_say_the_range(tally, settings, word):
    with pytest.raises(UserError, match=word):
        Batch(tally, **settings)
