"""Levels: their names, banks of them as data, and the files of banks."""

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games.engine import bank_file
from games.engine.batch import HELD_OUT, Batch
from games.engine.level_names import TESTS, levels_of
from games.engine.levels import Levels, contents, made, records
from games.errors import UserError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def maze(toy):
    return toy("door_maze")


@pytest.fixture(scope="module")
def bank(maze):
    """The first 20 levels of training, as data."""
    return records(maze, levels_of(maze, "train:20"))


def held(game, *numbers):
    """Some levels of these numbers, as data."""
    return records(game, Levels(numbers=np.array(numbers)))


# --- a bank in a batch ----------------------------------------------------------------------------------------------


def test_levels_from_a_bank_are_those_that_build_makes(maze, bank):
    by_number, by_bank = Batch(maze, 40, 3, levels=20), Batch(maze, 40, 3, levels=bank)
    for episode in range(3):
        for batch in (by_number, by_bank):
            batch.reset(episode)
        assert by_number.states.tobytes() == by_bank.states.tobytes()
    assert len(set(by_bank.states["level"].tolist())) > 10
    assert set(by_bank.states["level"].tolist()) <= set(range(20))


def test_what_is_not_in_the_bank_is_not_played(maze, bank):
    other = Batch(maze, 100, levels=bank[5:8])
    walls = {level["wall"].tobytes() for level in bank[5:8]}
    assert {state["wall"].tobytes() for state in other.states} == walls


def test_a_record_of_a_level_read_and_written_again_is_the_same(maze, bank):
    assert records(maze, levels_of(maze, bank)).tobytes() == bank.tobytes()


def test_a_batch_has_a_bank_of_its_own(maze, bank):
    mine = bank.copy()
    batch = Batch(maze, 10, levels=mine)
    before = batch.states.copy()
    mine["wall"] = 0
    batch.reset(0)
    assert batch.states.tobytes() == before.tobytes()


def test_a_snapshot_goes_on_with_its_bank_and_is_refused_with_another(maze, bank):
    batch, same = Batch(maze, 4, 1, levels=bank), Batch(maze, 4, 9, levels=bank)
    kept = batch.snapshot()
    same.restore(kept)
    for each in (batch, same):
        for _ in range(200):
            each.step(np.full((4, 1), 2))
    assert batch.episode.min() > 1
    assert same.states.tobytes() == batch.states.tobytes()
    changed = bank.copy()
    changed["door"][19] = 2
    for other in (Batch(maze, 4, levels=changed), Batch(maze, 4, levels=20)):
        before = other.states.tobytes()
        with pytest.raises(UserError, match="another bank of levels"):
            other.restore(kept)
        assert other.states.tobytes() == before
    with pytest.raises(UserError, match="another bank of levels"):
        batch.restore(Batch(maze, 4, levels=20).snapshot())


def test_a_restored_number_never_leads_out_of_the_bank(maze, bank):
    batch = Batch(maze, 2, levels=bank)
    batch.levels[3] = 20
    with pytest.raises(UserError, match="levels of the batch is 20; it is from 0 to 19"):
        batch.restore(batch.snapshot())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))], ids=["deepcopy", "pickle"])  # noqa: S301
def test_a_copy_of_a_batch_keeps_its_bank(maze, bank, copied):
    batch = Batch(maze, 4, 1, levels=bank)
    twin = copied(batch)
    for each in (batch, twin):
        each.reset(5)
    assert twin.states.tobytes() == batch.states.tobytes()
    assert twin.bank is not batch.bank


def test_plain_python_reads_levels_as_compiled_code_does(maze, bank):
    program = (
        "import sys, games, numpy as np; from games.engine.batch import Batch; from games.core import PLAIN; assert PLAIN;"
        "g = games.load(sys.argv[1]); bank = np.frombuffer(bytes.fromhex(sys.argv[2]), g.level);"
        "print(Batch(g, 5, 2, levels=bank).states.tobytes().hex())"
    )
    command = [sys.executable, "-c", program, str(maze.path), bank[4:8].tobytes().hex()]
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() == Batch(maze, 5, 2, levels=bank[4:8]).states.tobytes().hex()


def test_levels_of_another_game_or_beyond_their_bank_are_refused(maze, bank, toy):
    chosen = levels_of(maze, bank)
    with pytest.raises(UserError, match="has no levels from a bank"):
        Batch(toy("maze_chase"), 1, levels=chosen)
    for numbers in ([20], [-1]):
        with pytest.raises(UserError, match="has 20 levels, and others than these are named"):
            Batch(maze, 1, levels=Levels(numbers=np.array(numbers), bank=chosen.bank))


# --- names ----------------------------------------------------------------------------------------------------------


def test_names_of_levels_are_their_numbers(maze):
    assert levels_of(maze, "train:7").numbers.tolist() == list(range(7))
    assert not levels_of(maze, "train").is_finite and not levels_of(maze, None).is_finite
    assert levels_of(maze, "test:3").numbers.tolist() == [HELD_OUT, HELD_OUT + 1, HELD_OUT + 2]
    assert len(levels_of(maze, "test").numbers) == TESTS
    assert levels_of(maze, "test").numbers.min() == HELD_OUT


def test_a_batch_takes_names(maze, bank, tmp_path):
    bank_file.write(tmp_path / "some.npy", bank_file.as_npy(bank))
    assert (Batch(maze, 50, levels="test:2").states["level"] >= HELD_OUT).all()
    assert set(Batch(maze, 200, levels="train:3").states["level"].tolist()) == {0, 1, 2}
    by_file = Batch(maze, 10, levels=str(tmp_path / "some.npy"))
    assert by_file.states.tobytes() == Batch(maze, 10, levels=bank).states.tobytes()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tset", "There are no levels 'tset'. Did you mean 'test'"),
        ("train:", "There are no levels 'train:'"),
        ("train:-5", "There are no levels"),
        ("train:1e6", "There are no levels"),
        ("train:0", "from 1 to 1,000,000 levels, not 0"),
        ("test:1000001", "from 1 to 1,000,000"),
        ("nowhere.npy", "nowhere.npy cannot be read: No such file"),
        ([[1, 2]], "a number, a list of numbers, a bank, or a name"),
        ([0.5], "a number, a list of numbers"),
        ([-1], "from 0 to"),
        (np.zeros(2, [("hall", "u1")]), "a bank holds no levels of Door Maze: its levels lack the field 'wall'"),
    ],
)
def test_levels_that_there_are_not_are_told(maze, name, says):
    with pytest.raises(UserError) as told:
        levels_of(maze, name)
    assert says in str(told.value)


def test_a_game_without_levels_refuses_their_names(toy):
    for name in ("train:5", "test", "some.npy"):
        with pytest.raises(UserError, match="Pong has no levels to choose"):
            Batch(games.load("pong"), 1, levels=name)
    with pytest.raises(UserError, match="Maze Chase has no levels from a bank"):
        levels_of(toy("maze_chase"), "some.npy")


# --- held out, as they are made ---------------------------------------------------------------------------------------


def test_a_held_out_level_that_training_has_under_another_number_is_left_out(maze):
    training = levels_of(maze, held(maze, 5, HELD_OUT + 1, HELD_OUT + 2))
    found = levels_of(maze, "test:4", training)
    assert found.numbers.tolist() == [HELD_OUT, HELD_OUT + 3, HELD_OUT + 4, HELD_OUT + 5]
    assert found.skipped == 2
    assert found.note() == "2 levels of test:4 left out: training has them too"
    assert not set(contents(maze, found)) & set(contents(maze, training))


def test_levels_of_a_test_bank_that_training_has_are_left_out(maze, tmp_path):
    path = tmp_path / "exam.npy"
    bank_file.write(path, bank_file.as_npy(held(maze, 3, 400, 7)))
    found = levels_of(maze, f"test:{path}", levels_of(maze, "train:8"))
    assert (found.numbers.tolist(), found.skipped) == ([1], 2)
    assert set(Batch(maze, 20, levels=found).states["level"].tolist()) == {1}
    assert len(levels_of(maze, str(path), levels_of(maze, "train:8")).numbers) == 3, "all of them are asked for"
    with pytest.raises(UserError, match=r"No level of .* is held out"):
        levels_of(maze, f"test:{path}", levels_of(maze, held(maze, 3, 400, 7)))


def test_a_game_that_makes_few_levels_says_how_many_are_left(make_game, toy):
    text = toy("maze_chase").path.read_text("utf-8")
    two = text.replace("first, found = int(4.0 * uniform(s)), False", "first, found = int(s.level % 2), False").replace(
        "LOOPS = 8", "LOOPS = 0"
    )
    game = make_game(two, "two_mazes")
    assert len(set(contents(game, levels_of(game, "train:10")))) == 2
    assert len(levels_of(game, "test:6", levels_of(game, [0])).numbers) == 6
    with pytest.raises(UserError, match="has no held-out levels: all 60"):
        levels_of(game, "test:6", levels_of(game, "train:10"))


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bank.npy", "bank.json"])
def test_a_file_of_levels_is_read_as_it_was_written(maze, bank, tmp_path, name):
    path = tmp_path / name
    assert bank_file.save(maze, levels_of(maze, "train:20"), path).tobytes() == bank.tobytes()
    assert bank_file.load(maze, path).tobytes() == bank.tobytes()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_bank_is_a_file_that_numpy_reads(bank, tmp_path):
    bank_file.write(tmp_path / "bank.npy", bank_file.as_npy(bank))
    assert np.load(tmp_path / "bank.npy", allow_pickle=False).tobytes() == bank.tobytes()


def refused(game, path, data):
    path.write_bytes(data)
    with pytest.raises(UserError) as told:
        bank_file.load(game, path)
    assert str(path) in str(told.value)
    return str(told.value)


def test_a_damaged_file_is_refused_in_words(maze, bank, tmp_path):
    path, whole = tmp_path / "bank.npy", bank_file.as_npy(bank)
    for data, says in [
        (b"", "header cannot be read"),
        (b"PK\x03\x04" + whole, "header cannot be read"),
        (whole[:40], "header cannot be read"),
        (whole[:-1], "too short or too long"),
        (whole + b"\0", "too short or too long"),
        (whole.replace(b"(20,)", b"(99,)"), "too short or too long"),
        (whole.replace(b"(20,)", b"(2,2)"), "too short or too long"),
    ]:
        assert says in refused(maze, path, data)


def test_any_changed_byte_of_a_file_is_refused_or_played(maze, bank, tmp_path):
    path, whole, dice = tmp_path / "bank.npy", bank_file.as_npy(bank), np.random.default_rng(4)
    played = 0
    for _ in range(300):
        data = bytearray(whole)
        for place in dice.integers(0, len(whole), 3):
            data[place] = dice.integers(256)
        path.write_bytes(data)
        try:
            batch = Batch(maze, 4, levels=path)
        except UserError:
            continue
        batch.step(np.full((4, 1), 2))
        played += 1
    assert played < 300


def test_a_pickle_is_never_opened(maze, tmp_path):
    class Code:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    np.save(tmp_path / "bank.npy", np.array([Code()], object), allow_pickle=True)
    with pytest.raises(UserError, match="Python objects, which are not opened"):
        bank_file.load(maze, tmp_path / "bank.npy")
    assert not (tmp_path / "ran").exists()


def test_a_file_of_another_game_says_which_field_differs(maze, tmp_path):
    def told(fields):
        return refused(maze, tmp_path / "bank.npy", bank_file.as_npy(np.zeros(3, fields)))

    own = [("wall", "u1", (7, 7)), ("door", "i4", (2,)), ("key", "i4", (2,)), ("goal", "i4", (2,))]
    assert "its field 'wall' is u1 (9, 9), and the game's is u1 (7, 7)" in told([("wall", "u1", (9, 9)), *own[1:]])
    assert "its field 'door' is f8 (2,), and the game's is i4 (2,)" in told([own[0], ("door", "f8", (2,)), *own[2:]])
    assert "its field 'door' is >i4 (2,)" in told([own[0], ("door", ">i4", (2,)), *own[2:]])
    assert "lack the field 'goal'" in told(own[:3])
    assert "have the field 'hat'" in told([*own, ("hat", "i4")])
    assert "stand in another order" in told(own[::-1])
    assert "it holds int64, not records" in told("i8")


def test_a_level_that_cannot_be_solved_is_told_with_its_number(maze, bank, tmp_path):
    shut = bank.copy()
    shut["goal"][13] = shut["key"][13] = 0  # in the border
    assert f"{tmp_path / 'bank.npy'}, level 13: it cannot be solved" in refused(
        maze, tmp_path / "bank.npy", bank_file.as_npy(shut)
    )
    far = bank.copy()
    far["key"][2] = 1 << 30  # an index that is out of every array
    assert "level 2: it cannot be solved" in refused(maze, tmp_path / "bank.npy", bank_file.as_npy(far))


def test_a_level_that_no_game_begins_with_is_told_with_its_number(make_game, toy, bank, tmp_path):
    text = (
        toy("door_maze")
        .path.read_text("utf-8")
        .replace("def solvable(s):\n", "def solvable(s):\n    return True\n\n\n@jit\ndef was_solvable(s):\n")
    )
    game = make_game(text.replace("if solvable(s):", "if was_solvable(s):"), "trusting")
    far = bank.copy()
    far["key"][2] = 1 << 30
    assert "level 2: Trusting begins with no such level" in refused(game, tmp_path / "bank.npy", bank_file.as_npy(far))


def test_a_number_that_is_not_finite_is_told_with_its_level(make_game, toy, tmp_path):
    text = (ROOT / "tests" / "games" / "tally.py").read_text("utf-8")
    more = (
        '\n\nLEVEL = np.dtype([("wall", "f8")])\n\n\n@jit\ndef from_level(s, level):\n    s.wall = level.wall\n'
        "\n\n@jit\ndef to_level(s, level):\n    level.wall = s.wall\n"
    )
    game = make_game(text + more, "tally_levels")
    assert "level 1: wall is not finite" in refused(
        game, tmp_path / "bank.npy", bank_file.as_npy(np.array([(1,), (np.nan,)], game.level))
    )


def test_levels_written_by_hand_are_read_or_told_with_their_number(maze, bank, tmp_path):
    path = tmp_path / "bank.json"
    rows = json.loads(bank_file.as_json(bank[:3]))
    assert bank_file.parse(maze, json.dumps(rows).encode(), path).tobytes() == bank[:3].tobytes()

    def told(number, **changes):
        changed = [{**row, **changes} if k == number else row for k, row in enumerate(rows)]
        return refused(maze, path, json.dumps(changed).encode())

    assert "level 1: there is no field 'hat'" in told(1, hat=1)
    assert "level 2: door must be an array of shape (2,), of whole numbers" in told(2, door=[1, 2, 3])
    assert "level 2: door must be an array of shape (2,), of whole numbers" in told(2, door=[[1], [2, 3]])
    assert "level 0: door must be an array of shape (2,), of whole numbers" in told(0, door=[1, 2.5])
    assert "level 0: wall must be from 0 to 255" in told(0, wall=[[256] * 7] * 7)
    assert "level 0: wall must be from 0 to 255" in told(0, wall=[[-1] * 7] * 7)
    assert "level 0: key must be from -2147483648" in told(0, key=[1 << 40, 1])
    assert "must be an array" in told(0, key=[1 << 70, 1])
    assert "lacks the field 'goal'" in refused(
        maze, path, json.dumps([{k: v for k, v in rows[0].items() if k != "goal"}]).encode()
    )
    assert "is no JSON" in refused(maze, path, b"[1")
    assert "must hold a list of levels" in refused(maze, path, b"{}")
    assert "no list of 1 to" in refused(maze, path, b"[]")


def test_a_name_that_is_no_banks_is_not_written(maze, tmp_path):
    with pytest.raises(UserError, match=r"A bank is a file .npy"):
        bank_file.save(maze, levels_of(maze, "train:2"), tmp_path / "bank.txt")
    with pytest.raises(UserError, match="cannot be written: No such file"):
        bank_file.save(maze, levels_of(maze, "train:2"), tmp_path / "nowhere" / "bank.npy")


def test_levels_are_made_as_a_batch_makes_them(maze):
    batch = Batch(maze, 30, levels=9)
    states = made(maze, Levels(numbers=batch.states["level"].astype(np.int64)), begin=True)
    for name in ("wall", "door", "key", "goal", "at", "unlocked"):
        assert (states[name] == batch.states[name]).all()


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_bank_can_be_read_by_whom_the_users_other_files_can(maze, tmp_path):
    (tmp_path / "other").touch()
    bank_file.write(tmp_path / "bank.npy", b"x")
    assert (tmp_path / "bank.npy").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_level_to_be_edited_by_hand_has_a_row_of_its_grid_a_line():
    bank = np.zeros(2, np.dtype([("wall", "u1", (2, 3)), ("goal", "i4")]))
    assert bank_file.as_json(bank[:1]).decode().splitlines() == [
        "[", ' {"wall": [', "    [0, 0, 0],", "    [0, 0, 0]],", '  "goal": 0}', "]",
    ]  # fmt: skip
