"""The replay against a model of plain lists: what it samples, what that led to, and that nothing is lost on the disk."""

import copy
import tracemalloc
import zlib

import numpy as np
import pytest

from agents.algorithms.dqn import DQN, DQNSettings
from agents.core import tensor_file
from agents.experience import replay_files
from agents.experience.replay import Replay
from agents.experience.replay_kernels import gather_stacks, n_step_return
from agents.experience.sum_tree import SumTree
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING
from games.errors import UserError

ROWS, FRAME, ACTIONS = 3, (2,), 4


class Lists:
    """Every decision ever made, and the priority of each that may be sampled; nothing is ever overwritten."""

    def __init__(self, replay):
        self.of = [[] for _ in range(ROWS)]
        self.priority, self.greatest = {}, 1.0
        for name in ("n_step", "sequence", "period", "stack", "window", "gamma"):
            setattr(self, name, getattr(replay, name))

    def add(self, row, **entry):
        self.of[row].append({"reward": 0.0, "end": RUNNING, "real": 1, **entry})
        ready = len(self.of[row]) - self.n_step - self.sequence
        if ready >= 0:
            self.priority[row, ready] = self.greatest

    def may_begin(self):
        """(row, number) of entries that are complete, followed by enough, and whose stacks are all there still."""
        found = set()
        for row, entries in enumerate(self.of):
            for number in range(0, len(entries) - self.n_step - self.sequence + 1, self.period):
                if number >= len(entries) - self.window + self.stack:
                    found.add((row, number))
        return found

    def stacked(self, row, number):
        """Frames of this entry's episode alone, oldest first."""
        out = np.zeros((self.stack, *FRAME), np.float32)
        for back in range(self.stack):
            at = number - back
            if at < 0 or self.of[row][at]["episode"] != self.of[row][number]["episode"]:
                break
            out[self.stack - 1 - back] = self.of[row][at]["frame"]
        return out

    def followed(self, row, number):
        """The entry to be valued, what was earned until then, and that value's discount."""
        earned = 0.0
        for k in range(self.n_step):
            entry = self.of[row][number + k]
            earned += self.gamma**k * entry["reward"]
            if entry["end"] == OVER:
                return number + k, earned, 0.0
            if entry["end"] == OUT_OF_TIME:
                return number + k + 1, earned, self.gamma ** (k + 1)
        return number + self.n_step, earned, self.gamma**self.n_step


class Twins:
    """A replay and the lists, told the same by chance."""

    def __init__(self, seed, **settings):
        self.chance = np.random.default_rng(seed)
        self.replay = Replay(ROWS, frame=FRAME, dtype=np.dtype(np.float32), actions=ACTIONS, masks=True, **settings)
        self.lists = Lists(self.replay)
        self.open, self.age, self.episode = np.zeros(ROWS, bool), np.zeros(ROWS, int), np.zeros(ROWS, int)

    def step(self):
        chance, rows = self.chance, np.flatnonzero(self.chance.random(ROWS) < 0.7)
        frames = chance.normal(size=(len(rows), *FRAME)).astype(np.float32)
        masks, actions = chance.integers(0, 2, (len(rows), ACTIONS)), chance.integers(0, ACTIONS, len(rows))
        states = chance.normal(size=(ROWS, 2, 3)).astype(np.float32)
        if self.replay.state is not None:
            self.replay.store_state(rows, states[rows])
        self.replay.add(rows, frames, actions, self.age[rows], mask=masks)
        for k, row in enumerate(rows):
            told = {"frame": frames[k], "action": actions[k], "mask": masks[k], "state": states[row]}
            self.lists.add(row, **told, episode=self.episode[row])
        self.open[rows] = True
        self.age[rows] += 1
        self.pay()

    def pay(self):
        reward = self.chance.normal(size=ROWS)
        end = self.chance.choice([RUNNING, OVER, OUT_OF_TIME], ROWS, p=[0.8, 0.1, 0.1])
        rows = np.flatnonzero(self.open)
        self.replay.add_reward(rows, reward[rows], end[rows])
        for row in rows:
            latest = self.lists.of[row][-1]
            latest["reward"], latest["end"] = latest["reward"] + reward[row], end[row]
        for row in rows[end[rows] == OUT_OF_TIME]:
            frame, mask = self.chance.normal(size=FRAME).astype(np.float32), self.chance.integers(0, 2, ACTIONS)
            self.replay.add(np.array([row]), frame[None], 0, self.age[[row]], real=0, mask=mask[None])
            self.lists.add(row, frame=frame, action=0, mask=mask, real=0, episode=self.episode[row])
        for row in rows[end[rows] != RUNNING]:
            self.age[row], self.open[row] = 0, False
            self.episode[row] += 1

    def rate(self, late=0):
        """New priorities of some samples, so many steps after they were drawn; of one that comes twice the later."""
        if not self.replay.ready():
            return
        sampled = self.replay.sample(self.chance.random(25 if late else 5))
        for _ in range(late):
            self.step()
        priority = self.chance.random(len(sampled.row)) * 3.0 + 0.01
        self.replay.update_priorities(sampled.row, sampled.entry, priority)
        self.lists.greatest = max(self.lists.greatest, priority.max())
        for row, number, one in zip(sampled.row.tolist(), sampled.entry.tolist(), priority, strict=True):
            self.lists.priority[row, number] = one

    def everything(self):
        """All that can be sampled, each once."""
        replay, many = self.replay, 4 * ROWS * self.replay.size
        if replay.tree is None:
            sampled = replay.sample((np.arange(many) + 0.5) / many)
            return sorted(set(zip(sampled.row.tolist(), sampled.entry.tolist(), strict=True)))
        leaves = np.flatnonzero(replay.tree.leaves())
        each = replay.size // replay.period
        row, place = leaves // each, leaves % each * replay.period
        newest = replay.count[row] - 1
        return sorted(zip(row.tolist(), (newest - (newest - place) % replay.size).tolist(), strict=True))

    def expected(self):
        found = self.lists.may_begin()
        if self.replay.tree is not None and self.replay.sequence == 1:
            found = {(row, number) for row, number in found if self.lists.of[row][number]["real"]}
        return sorted(found)

    def compare(self):
        """Everything that may be sampled is, and is what the lists say."""
        replay, lists, found = self.replay, self.lists, self.expected()
        assert replay.ready() == bool(self.lists.may_begin())
        if not found:
            return 0
        assert self.everything() == found
        for begin, number in found:
            span = np.arange(number, number + replay.sequence)
            row, after, earned, discount = np.full(len(span), begin), *replay.n_step_return(np.full(len(span), begin), span)
            seen, told = replay.observation(row, span), [lists.of[begin][at] for at in span]
            for k, at in enumerate(span):
                assert (seen[k] == lists.stacked(begin, at)).all()
                expected = lists.followed(begin, at)
                assert (after[k], discount[k]) == (expected[0], pytest.approx(expected[2]))
                assert earned[k] == pytest.approx(expected[1], abs=1e-5)
                assert (replay.observation(row[:1], after[k : k + 1])[0] == lists.stacked(begin, after[k])).all()
                assert (replay.at("mask", row[:1], after[k : k + 1])[0] == lists.of[begin][after[k]]["mask"]).all()
            for name in ("action", "real"):
                assert replay.at(name, row, span).tolist() == [one[name] for one in told]
            if replay.state is not None and told[0]["real"]:
                kept = replay.state[begin, number % replay.size // replay.period]
                assert (kept == told[0]["state"]).all()
            if replay.tree is not None:
                leaf = replay._leaf(np.array([begin]), np.array([number]))
                assert replay.tree.leaves()[leaf[0]] == pytest.approx(lists.priority[begin, number])
        return len(found)


KINDS = {
    "plain": {"length": 20, "gamma": 0.9},
    "stack and n steps": {"length": 24, "stack": 3, "n_step": 3, "gamma": 0.9},
    "prioritised": {"length": 20, "stack": 2, "n_step": 2, "prioritized": True, "slack": 12},
    "sequences": {"length": 40, "n_step": 2, "sequence": 5, "period": 4, "slack": 12, "memory": (2, 3)},
    "all": {
        "length": 40, "stack": 2, "n_step": 3, "sequence": 5, "period": 3, "prioritized": True, "slack": 12, "memory": (2, 3),
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_it_samples_all_that_is_complete_and_nothing_that_is_overwritten(kind):
    twins, compared = Twins(1, **KINDS[kind]), 0
    for step in range(260):
        twins.step()
        if step % 3 == 0:
            twins.rate(late=step % 4)
        if step % 13 == 0:
            compared += twins.compare()
    assert twins.replay.count.min() > 2 * twins.replay.size, "the rings must have been overwritten"
    assert compared > 100


@pytest.mark.parametrize("kind", ["prioritised", "sequences", "all"])
def test_what_is_taken_back_has_never_been(kind):
    twins = Twins(2, **KINDS[kind])
    for step in range(200):
        twins.step()
        twins.rate()
        if step % 20 == 10:
            mark = twins.replay.mark()
            kept = copy.deepcopy((twins.lists, twins.open, twins.age, twins.episode))
        if step % 20 == 16:  # six steps, twelve entries at most
            twins.replay.rewind(mark)
            twins.lists, twins.open, twins.age, twins.episode = kept
            twins.compare()
    assert twins.replay.count.min() > twins.replay.size


def test_all_are_sampled_alike():
    twins = Twins(3, **KINDS["plain"])
    for _ in range(60):
        twins.step()
    sampled = twins.replay.sample(np.random.default_rng(0).random(60_000))
    found, counts = np.unique(sampled.row * 1000 + sampled.entry, return_counts=True)
    assert len(found) == len(twins.expected())
    assert counts / 60_000 == pytest.approx(1 / len(found), rel=0.2)
    assert (sampled.weight == 1).all()


def test_priorities_are_sampled_in_proportion_and_weighed_out():
    twins = Twins(4, **KINDS["prioritised"])
    for _ in range(60):
        twins.step()
        twins.rate()
    total = sum(twins.lists.priority[key] for key in twins.expected())
    sampled = twins.replay.sample(np.random.default_rng(0).random(60_000), beta=0.5)
    share = np.array([twins.lists.priority[key] for key in twins.expected()]) / total
    found, counts = np.unique(sampled.row * 1000 + sampled.entry, return_counts=True)
    assert found.tolist() == [row * 1000 + number for row, number in twins.expected()]
    assert counts / 60_000 == pytest.approx(share, rel=0.01, abs=2 / 60_000)  # drawn in strata, so nearly exact
    of = dict(zip(found.tolist(), share, strict=True))
    weights = np.array([of[key] for key in (sampled.row * 1000 + sampled.entry).tolist()]) ** -0.5
    assert sampled.weight == pytest.approx(weights / weights.max(), rel=1e-4)


# --- files ---


def put_into(folder):
    folder.mkdir(exist_ok=True)
    return lambda name, tensors: tensor_file.save(folder / name, tensors, {}, "replay")


def get_from(folder):
    return lambda name: tensor_file.load(folder / name, "replay")[0]


@pytest.mark.parametrize("kind", ["stack and n steps", "all"])
def test_written_and_read_it_samples_the_same(kind, tmp_path):
    """Over several laps of the rings, checkpoint after checkpoint, the files of the older ones swept away."""
    twins, folder, most = Twins(5, **KINDS[kind]), tmp_path / "replay", 0
    for step in range(280):
        twins.step()
        twins.rate()
        if step % 7 != 6:
            continue
        mark = twins.replay.mark()
        if step % 14 == 6 and twins.replay.slack:  # an iteration that is stopped in its middle
            kept = copy.deepcopy((twins.lists, twins.open, twins.age, twins.episode))
            for _ in range(3):
                twins.step()
            if step % 28 == 6:
                replay_files.write(twins.replay, put_into(folder))  # and had been saved
            twins.replay.rewind(mark)
            twins.lists, twins.open, twins.age, twins.episode = kept
        replay_files.write(twins.replay, put_into(folder))
        small, segments = copy.deepcopy(twins.replay.small()), list(twins.replay.frame_files)
        for file in folder.iterdir():
            if file.name not in segments:
                file.unlink()
        most = max(most, len(list(folder.iterdir())))
        again = Twins(0, **KINDS[kind])
        replay_files.read(again.replay, get_from(folder), segments, small, mark)
        again.lists = twins.lists
        again.compare()
        chance = np.random.default_rng(step).random(9)
        if again.replay.ready():
            for one, other in zip(*(vars(each.replay.sample(chance, 0.5)).values() for each in (twins, again)), strict=True):
                assert np.array_equal(one, other)
        assert again.replay.max_priority == twins.replay.max_priority
        twins.replay = again.replay  # gone on with
    assert twins.replay.count.min() > 2 * twins.replay.size
    assert most < 14, "old files go"


def test_a_damaged_or_foreign_segment_is_refused(tmp_path):
    twins, folder = Twins(6, **KINDS["plain"]), tmp_path / "replay"
    for _ in range(20):
        twins.step()
    replay_files.write(twins.replay, put_into(folder))
    what = list(twins.replay.frame_files), twins.replay.small(), twins.replay.mark()
    [file] = folder.iterdir()
    whole = file.read_bytes()
    other = Replay(ROWS, frame=(3,), dtype=np.dtype(np.float32), actions=ACTIONS, masks=True, length=20)
    with pytest.raises(UserError, match="does not fit the run"):
        replay_files.read(other, get_from(folder), *what)
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(UserError, match="damaged"):
        replay_files.read(twins.replay, get_from(folder), *what)
    file.unlink()
    with pytest.raises(UserError, match="no file"):
        replay_files.read(twins.replay, get_from(folder), *what)


# --- the loops ---


@pytest.mark.parametrize("leaves", [1, 2, 3, 8, 37])
def test_a_sum_tree_finds_what_running_sums_find(leaves):
    chance = np.random.default_rng(leaves)
    tree, plain = SumTree(leaves), np.zeros(leaves)
    for _ in range(20):
        some = chance.integers(0, leaves, 5)
        priority = chance.integers(0, 8, 5).astype(float)  # whole numbers: sums are exact; some are 0
        tree.set(some, priority)
        for leaf, one in zip(some, priority, strict=True):
            plain[leaf] = one
        assert tree.total() == plain.sum()
        if plain.any():
            units = np.arange(int(plain.sum()))
            found, of = tree.find((units + 0.5) / plain.sum())
            assert found.tolist() == np.repeat(np.arange(leaves), plain.astype(int)).tolist()
            assert (of == plain[found]).all()
            assert tree.find(np.zeros(1))[1] > 0, "never one of priority 0"
    other = SumTree(leaves)
    other.fill(tree.leaves())
    assert (other.tree == tree.tree).all(), "to the last bit: a resumed run draws the same"


def test_n_step_returns_are_those_worked_by_hand():
    """γ = 0.5, three steps: 1 + 0.5·2 + 0.25·4; over after the second: 1 + 0.5·2; cut after the first: 1, and 0.5 V."""
    reward = np.array([[1, 2, 4, 8]] * 3, np.float32)
    end = np.array([[0, 0, 0, 0], [0, OVER, 0, 0], [OUT_OF_TIME, 0, 0, 0]], np.uint8)
    after, earned, discount = n_step_return(np.arange(3), np.zeros(3, np.int64), reward, end, 3, 0.5)
    assert after.tolist() == [3, 1, 1]
    assert earned.tolist() == [3.0, 2.0, 1.0]
    assert discount.tolist() == [0.125, 0.0, 0.5]


def test_a_stack_goes_round_the_ring_and_stops_where_its_episode_began():
    frames, age = np.arange(4.0)[None], np.array([[2, 0, 0, 1]])
    found = gather_stacks(frames, age, np.zeros(3, np.int64), np.array([4, 5, 3]), 3)
    assert found.tolist() == [[2, 3, 0], [0, 0, 1], [0, 2, 3]]


# --- real games ---


@pytest.mark.parametrize("name", ["breakout", pytest.param("connect_four", marks=pytest.mark.slow)])
def test_its_stacks_are_what_the_view_showed(name, changed):
    limit = {"MAX_TICKS = 60\n": "MAX_TICKS = 12\n"} if name == "connect_four" else {"60 * 180": "60"}
    game = changed(f"games/{name}.py", limit)
    sight = {"observation": "pixels", "size": 14, "network": "patch", "patch": 7, "stack": 3, "hidden": 8}
    opponents = [] if game.players == 1 else [None]
    settings = DQNSettings(**sight, n_envs=5, learning_starts=10**9, buffer_size=2000, exploration_final_eps=1.0)
    learner = DQN(game, settings, 1, opponents)
    shown = [[] for _ in range(learner.collector.rows)]
    note, view = learner._add_decisions, learner.collector.arena.view
    final = view.final

    def listen(rows, *others):
        for row in rows:
            shown[row].append(view.newest()[row].copy())
        note(rows, *others)

    def listen_at_the_end(rows):
        found = final(rows)
        for k, row in enumerate(rows):
            shown[row].append(found[k])
        return found

    learner._add_decisions, view.final = listen, listen_at_the_end
    for _ in range(50):
        learner._decide()
    replay = learner.replay
    assert replay.count.tolist() == [len(one) for one in shown]
    assert (replay.end == OUT_OF_TIME).sum() >= 5
    for row, stacks in enumerate(shown):
        entry = np.arange(len(stacks))
        assert (replay.observation(np.full(len(entry), row), entry) == np.array(stacks)).all()
        assert (np.abs(np.diff(np.array(stacks).astype(int), axis=0)) > 0).any()


@pytest.mark.parametrize(
    "frame, dtype", [((5,), "u1"), ((3, 2), "u1"), ((4, 3), "u1"), ((4, 4), "u1"), ((3,), "f4"), ((2,), "f4")]
)
def test_stacks_of_frames_of_any_size_are_whole(frame, dtype):
    """However many bytes are copied at a time."""
    frames = np.random.default_rng(1).integers(1, 256, size=(2, 7, *frame)).astype(dtype)
    age = np.arange(7, dtype=np.int32)[None] % 4 + np.zeros((2, 1), np.int32)
    found = gather_stacks(frames, age, np.array([0, 1, 1]), np.array([3, 4, 6]), 3)
    assert found.dtype == frames.dtype and found.shape == (3, 3, *frame)
    assert (found[0] == frames[0, 1:4]).all() and (found[2] == frames[1, 4:7]).all()
    assert (found[1, 2] == frames[1, 4]).all() and not found[1, :2].any()  # an episode began with entry 4


def test_frames_that_would_fill_the_memory_are_refused_before_they_are_unpacked():
    bomb = zlib.compress(bytes(1 << 26))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 1000 bytes"):
            replay_files.unpacked(bomb, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
