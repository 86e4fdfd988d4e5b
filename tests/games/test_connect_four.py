"""Connect Four: its rules, against hand-played games and a slow referee, and how strong its bot is."""

import numpy as np
import pytest

from games import load
from games.engine.batch import OVER, RANDOM, RUNNING, Batch

DRAWN = "116622474724427627655261647745511335513333"


@pytest.fixture(scope="module")
def four():
    return load("connect_four")


def drop(batch, column):
    """The seat that is asked drops a disc into a column, 1 to 7, in every environment."""
    batch.step(np.full((batch.num_envs, 2), column - 1))


def played(four, moves):
    """A game after these moves, and the seat that began it."""
    batch = Batch(four, 1)
    first = int(batch.states["turn"][0])
    for number, column in enumerate(moves):
        assert batch.end[0] == RUNNING, f"the game ended before move {number + 1}"
        drop(batch, int(column))
    return batch, first


def board_of(states):
    """int [N, 6, 7]: 0 empty, 1 and 2 the seats' discs; row 0 is the lowest."""
    board = np.zeros((len(states), 6, 7), int)
    for seat in range(2):
        for row in range(6):
            for column in range(7):
                board[:, row, column] += (seat + 1) * ((states["discs"][:, seat] >> (7 * column + row)) & 1)
    return board


def lines():
    """Every four cells in a row, as (row, column)."""
    for row in range(6):
        for column in range(7):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                cells = [(row + k * down, column + k * right) for k in range(4)]
                if all(0 <= r < 6 and 0 <= c < 7 for r, c in cells):
                    yield cells


LINES = np.array([[7 * row + column for row, column in cells] for cells in lines()])  # [69, 4]


def wins(board, seat):
    """bool [N]: has the seat four in a row? Looks at each of the 69 lines."""
    return (board.reshape(-1, 42)[:, LINES] == seat + 1).all(2).any(1)


# --- rules ---


WON = {
    "upright": "1213141",
    "across": "1122334",
    "closing a gap": "1122443",
    "rising": "12233434464",
    "falling": "76655454424",
}


@pytest.mark.parametrize("moves", WON.values(), ids=WON.keys())
def test_four_in_a_row_win_for_who_began(four, moves):
    batch, first = played(four, moves)
    assert batch.end[0] == OVER
    assert batch.returns[0, first] == 1.0
    assert batch.returns[0, 1 - first] == -1.0


def test_four_in_a_row_win_for_the_other(four):
    batch, first = played(four, "21317161")
    assert batch.end[0] == OVER
    assert batch.returns[0, first] == -1.0
    assert batch.returns[0, 1 - first] == 1.0


def test_a_full_board_without_four_is_a_draw(four):
    batch, _ = played(four, DRAWN)
    assert batch.end[0] == OVER
    assert (batch.returns[0] == 0.0).all()
    assert not wins(board_of(batch.final), 0)[0] and not wins(board_of(batch.final), 1)[0]


def test_who_begins_is_drawn(four):
    begins = Batch(four, 4000).states["turn"]
    assert abs(begins.mean() - 0.5) < 3 * 0.5 / np.sqrt(4000)


def test_the_seats_are_asked_in_turn(four):
    batch = Batch(four, 1)
    for _ in range(3):
        asked = batch.asked[0].copy()
        assert asked.sum() == 1
        drop(batch, 4)
        assert (batch.asked[0] == 1 - asked).all()


def test_a_disc_in_a_full_column_is_no_move(four):
    batch, _ = played(four, "111111")
    before = batch.states.copy()
    for action in (0, -1, 7):
        batch.step(np.full((1, 2), action))
        assert batch.end[0] == RUNNING
        for name in ("discs", "turn", "last", "over"):
            assert (batch.states[name] == before[name]).all()


def test_the_mask_has_the_columns_that_are_not_full(four):
    batch, first = played(four, "111111" + "44")
    masks = np.zeros((2, 7), np.uint8)
    batch.kernel.mask_slice(0, 2, batch.states, batch.slots, np.array([0, 0]), np.array([first, 1 - first]), masks)
    assert masks.tolist() == [[0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]]


def test_the_rules_agree_with_a_slow_referee_on_random_games(four):
    games, rng = 2000, np.random.default_rng(3)
    batch = Batch(four, games, seed=3)
    board, running = np.zeros((games, 6, 7), int), np.ones(games, bool)
    draws = 0
    while running.any():
        mover = batch.states["turn"].copy()
        columns = np.argmax(rng.random((games, 7)) * (board[:, 5] == 0), axis=1)
        batch.step(np.stack([columns, columns], axis=1))
        for env in np.flatnonzero(running):
            row = np.flatnonzero(board[env, :, columns[env]] == 0)[0]
            board[env, row, columns[env]] = mover[env] + 1
        won = np.where(mover == 0, wins(board, 0), wins(board, 1))
        full = (board > 0).all((1, 2))
        assert ((batch.end == OVER) == (won | full))[running].all()
        states = np.where(batch.end == OVER, batch.final, batch.states)
        assert (board_of(states) == board)[running].all()
        expected = np.where(won, np.where(mover == 0, 1.0, -1.0), 0.0)
        ended = running & (batch.end == OVER)
        assert (batch.returns[ended] == np.stack([expected, -expected], axis=1)[ended]).all()
        draws += (ended & ~won).sum()
        running &= ~ended
        board[~running] = 0
    assert draws > 0


# --- the bot ---


def state_after(four, moves):
    """A state record in which the seat that began owns every first disc of `moves`, and that seat."""
    batch, first = played(four, moves)
    return batch.states[0], first


def choices(four, moves, skill, seat_that_began=True):
    """The columns, 1 to 7, that the bot takes in a position over many draws of its noise."""
    state, first = state_after(four, moves)
    seat = first if seat_that_began else 1 - first
    found = set()
    for rng in range(200):
        state["rng"] = rng
        found.add(int(four.module.bot(state, seat, skill)) + 1)
    return found


def test_the_bot_takes_a_win_and_prevents_a_loss(four):
    assert choices(four, "112233", 0.5) == {4}
    assert choices(four, "112233", 1.0) == {4}
    assert choices(four, "11223", 0.5, seat_that_began=False) == {4}
    assert choices(four, "121317", 0.5) == {1}


def test_four_plies_see_the_double_threat_that_two_plies_miss(four):
    assert choices(four, "3344", 1.0) == {2, 5}
    assert choices(four, "3344", 0.5) > {2, 5}


def test_a_lost_bot_still_prevents_what_it_can(four):
    """Column 4 puts the loss off by two plies; all else loses at once."""
    assert choices(four, "6461243452", 1.0) == {4}


def brute_force(board, seat, plies):
    """What a position is worth to the seat that moves: every line of play, on lists of columns, without a shortcut."""
    if plies == 0 or (board > 0).all():
        return 0
    best = -10_000
    for column in np.flatnonzero(board[5] == 0):
        board[np.flatnonzero(board[:, column] == 0)[0], column] = seat + 1
        won = wins(board[None], seat)[0]
        best = max(best, 1000 + plies if won else -brute_force(board, 1 - seat, plies - 1))
        board[np.flatnonzero(board[:, column])[-1], column] = 0
    return best


@pytest.mark.parametrize(("skill", "plies"), [(0.75, 3), (1.0, 4)])
def test_the_search_finds_what_brute_force_finds(four, skill, plies):
    """Among positions of random games, those where the choice matters."""
    batch, rng = Batch(four, 40, seed=8), np.random.default_rng(8)
    for _ in range(16):
        batch.step(rng.integers(0, 7, (40, 2)))
    mattered = 0
    for state in batch.states:
        seat, board = int(state["turn"]), board_of(state[None])[0]
        worth = {}
        for column in np.flatnonzero(board[5] == 0):
            after = board.copy()
            after[np.flatnonzero(after[:, column] == 0)[0], column] = seat + 1
            worth[column] = 1000 + plies if wins(after[None], seat)[0] else -brute_force(after, 1 - seat, plies - 1)
        assert worth[four.module.bot(state, seat, skill)] == max(worth.values())
        mattered += len(set(worth.values())) > 1
    assert mattered > 10


def score(four, one, other, games):
    """The share of points of `one` against `other`, a draw counting half, half of the games from each seat."""
    total = 0.0
    for seat, bots in enumerate(((one, other), (other, one))):
        batch = Batch(four, games // 2, seed=seat, bots=bots)
        running = np.ones(games // 2, bool)
        while running.any():
            batch.step(np.zeros((games // 2, 2)))
            ended = running & (batch.end > 0)
            assert (batch.end[ended] == OVER).all()
            total += (0.5 + 0.5 * batch.returns[ended, seat]).sum()
            running &= ~ended
    return total / games


def test_each_skill_beats_the_one_below(four):
    measured = ((0.0, RANDOM, 0.71), (0.25, 0.0, 0.65), (0.5, 0.25, 0.82), (0.75, 0.5, 0.83), (1.0, 0.75, 0.79))
    for one, other, share in measured:
        assert abs(score(four, one, other, 2000) - share) < 0.05


def test_the_bot_beats_chance(four):
    assert score(four, 0.5, RANDOM, 2000) > 0.9
    assert score(four, 1.0, RANDOM, 2000) > 0.98


def test_the_mark_can_be_reached(four):
    assert score(four, 1.0, 0.5, 2000) > four.mark[1]
