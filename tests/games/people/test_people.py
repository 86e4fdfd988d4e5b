"""Simulated people: late by their ticks, off by their units, with their habits; they know only what their seat is shown."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

import games
from games.core import MASK64
from games.engine.batch import EXTERNAL, RANDOM, Batch
from games.people import board as boards
from games.people import table
from games.people.match import play
from games.people.person import Person, pairs, people_of, person
from games.people.trial import displacements

TOYS = Path(__file__).parents[2] / "toys"
PREDICTOR = next(row for row in table.read()["mover"] if row.name == "predictor-stays")
EXPERT = next(row for row in table.read()["board"] if row.name == "expert")


def changed(row, **fields):
    return Person(msgspec.structs.replace(row, **fields))


def seated(game, who, count=1, seed=0, seat=0, **options):
    """A batch, and the person in one seat of all its environments; the other seat does nothing."""
    batch = Batch(game, count, seed, frame_skip=1, **options)
    player = who.player(batch, [(env, seat) for env in range(count)])
    batch.reset()
    return batch, player


def step(batch, player):
    actions = np.zeros((batch.num_envs, batch.game.players), np.int64)
    player.act(actions)
    batch.step(actions)
    return actions


@pytest.fixture
def gems(make_game):
    """The toy in which two walk in eight directions, open to simulated people."""
    steps = "{'up': (0, -1.2), 'down': (0, 1.2), 'left': (-1.2, 0), 'right': (1.2, 0), 'up-left': (-1.2, -1.2), "
    steps += "'up-right': (1.2, -1.2), 'down-left': (-1.2, 1.2), 'down-right': (1.2, 1.2)}"
    people = f"PEOPLE = {{'kind': 'directions', 'target': ('ITEM',), 'moves': {steps}}}\n"
    return make_game((TOYS / "wide.py").read_text("utf-8").replace("MARK =", f"{people}MARK =", 1))


# --- what they are like ---


@pytest.mark.parametrize("reaction", [1, 11, 18])
def test_somebody_moves_so_many_ticks_after_the_picture_that_shows_the_ball_fly(reaction):
    game = games.load("pong")
    batch, player = seated(game, changed(PREDICTOR, reaction=reaction, error=0.0, tremor=0.0), count=32)
    before, shown = batch.states["x"].copy(), np.full(32, -1)
    moved = np.full(32, -1)
    for tick in range(95):
        flies = (batch.states["x"] != before) & (shown < 0)
        shown[flies & (batch.states["vx"] < 0.0)] = tick  # this picture shows it, on its way to seat 0
        before = batch.states["x"].copy()
        actions = step(batch, player)
        moved[(actions[:, 0] != 0) & (moved < 0)] = tick
    served, returned = (shown >= 0) & (shown < 40) & (moved >= 0), (shown >= 40) & (moved >= 0)
    assert served.sum() > 5 and returned.sum() > 1
    assert set((moved - shown)[served]) == {reaction}
    assert set((moved - shown)[returned]) == {reaction + 1}, "the picture of the hit itself shows two ways at once"


def test_misjudgement_is_a_fixed_part_and_one_that_shrinks_as_the_ball_nears():
    _, player = seated(games.load("pong"), changed(PREDICTOR, error=2.0, error_per_10=0.5), count=400)
    rows = np.arange(400)
    player.act(np.zeros((400, 2), np.int64))
    far, near = (np.abs(player._error(rows, np.full(400, left), 0)) for left in (60.0, 0.0))
    assert near.max() == pytest.approx(2.0, abs=0.05)
    assert np.allclose(far, near * (2.0 + 0.5 * 6.0) / 2.0)


@pytest.mark.parametrize("rests, away", [("stays", True), ("returns", False)])
def test_who_stays_waits_where_they_hit_the_ball_and_who_returns_waits_in_the_middle(rests, away):
    batch, player = seated(games.load("pong"), changed(PREDICTOR, rests=rests), count=16)
    batch.states["vx"], batch.states["pause"], batch.states["paddle"][:, 0] = 1.0, 0, 20.0  # it flies to the other
    for _ in range(30):
        step(batch, player)
    assert (batch.states["paddle"][:, 0] == 20.0).all() if away else (np.abs(batch.states["paddle"][:, 0] - 42.0) < 3.0).all()


def test_a_follower_moves_only_for_a_ball_in_their_own_half_and_a_predictor_earlier():
    game, first = games.load("pong"), {}
    for looks in ("follows", "predicts"):
        who = changed(PREDICTOR, looks=looks, attention="always" if looks == "follows" else "hit", reaction=2, error=0.0)
        batch, player = seated(game, who, count=8)
        for name, value in {"x": 80.0, "y": 42.0, "vx": -1.0, "vy": 0.3, "pause": 0}.items():
            batch.states[name] = value
        for tick in range(60):
            if step(batch, player)[:, 0].any():
                first[looks] = tick
                break
    assert first["follows"] >= 38 and first["predicts"] < 6


def test_keys_are_held_for_their_ticks():
    batch, player = seated(games.load("pong"), changed(PREDICTOR, hold=7, tremor=0.0), count=32)
    chosen = np.array([step(batch, player)[:, 0] for _ in range(300)])
    for keys in chosen.T:
        changes = np.flatnonzero(np.diff(keys))
        assert len(changes) > 1 and (np.diff(changes) >= 7).all()


# --- what they know ---


def test_a_person_in_real_time_knows_no_more_than_the_pictures():
    """With other velocities, chance and counters behind the same pictures, they do the same."""
    game, hidden = games.load("pong"), {"vx": 3.0, "vy": -9.0, "rng": 7, "rally": 99, "server": 1, "pause": 17}
    batch, player = seated(game, person("person:expert", game), count=16)
    other = person("person:expert", game).player(batch, [(env, 0) for env in range(16)])
    batch.reset()
    moves = 0
    for _ in range(400):
        actions, same = np.zeros((2, 16, 2), np.int64)
        player.act(actions)
        kept = batch.states.copy()
        for name, value in hidden.items():
            batch.states[name] = value
        other.act(same)
        batch.states[:] = kept
        assert (actions == same).all()
        moves += int((actions != 0).sum())
        batch.step(actions)
    assert moves > 500


def test_a_person_at_a_board_does_not_know_chance():
    game = games.load("connect_four")
    batch, player = seated(game, person("person:casual", game), count=32)
    actions, same = np.zeros((2, 32, 2), np.int64)
    player.act(actions)
    batch.states["rng"] ^= np.uint64(MASK64)
    roots = [player._roots(np.arange(32)).states["rng"], batch.states["rng"]]
    player.act(same)
    assert (actions == same).all() and (roots[0] != roots[1]).all()


@pytest.mark.parametrize("name, count", [("pong", 400), ("connect_four", 8)])
def test_an_environment_plays_the_same_in_a_batch_of_any_size(name, count):
    game = games.load(name)
    played = []
    for envs in ([0, 1, 2, 3], [3]):
        batch = Batch(game, len(envs), 5, bots=0.5, env_ids=envs)
        batch.bots[:, 0] = EXTERNAL
        player = person("person:expert", game).player(batch, [(k, 0) for k in range(len(envs))])
        batch.reset()
        for _ in range(count):
            step(batch, player)
        played.append(batch.states[-1:].copy())
    assert played[0] == played[1]


def test_which_action_moves_where_is_found_by_trying(gems, make_game):
    assert np.allclose(displacements(games.load("pong"), 1), [[0, 0], [0, -1.05], [0, 1.05]])
    assert np.allclose(displacements(games.load("breakout"), 0), [[0, 0], [-1.3, 0], [1.3, 0]])
    assert displacements(gems, 0)[6].tolist() == [1.2, -1.2]


# --- at boards ---


def board_with(mine, theirs):
    """Connect Four where seat 0 is to move and the seats hold these cells (column, height)."""
    game = games.load("connect_four")
    batch = Batch(game, 64, 1, bots=EXTERNAL)
    batch.reset()
    for seat, cells in enumerate((mine, theirs)):
        batch.states["discs"][:, seat] = sum(1 << (7 * column + height) for column, height in cells)
    batch.states["turn"], batch.asked[:] = 0, [1, 0]
    return batch


def columns(batch, **fields):
    player = changed(EXPERT, **fields).player(batch, [(env, 0) for env in range(batch.num_envs)])
    actions = np.zeros((batch.num_envs, 2), np.int64)
    player.act(actions)
    return actions[:, 0]


THREE, SLANTED = [(0, 0), (1, 0), (2, 0)], ([(0, 0), (1, 1), (2, 2)], [(1, 0), (2, 0), (2, 1), (3, 0), (3, 2)])


def test_wins_and_threats_are_seen_as_often_as_the_row_says():
    win, threat = board_with(THREE, [(0, 1), (1, 1)]), board_with([(0, 1), (1, 1), (6, 0)], THREE)
    assert (columns(win) == 3).all() and (columns(threat) == 3).all()
    for seen in (columns(win, wins=0.5, depth=2, prefers="any"), columns(threat, blocks=0.5, depth=2, prefers="any")):
        assert 24 < (seen == 3).sum() < 56, "half of them, and some by chance"


def test_slanted_lines_are_overlooked_more_often():
    mine, theirs = SLANTED
    batch = board_with([*mine, (3, 1)], theirs)
    assert (columns(batch, diagonal=1.0) == 3).all()
    assert (columns(batch, diagonal=0.0, depth=2, prefers="any") == 3).mean() < 0.5
    straight = board_with(THREE, [(0, 1), (1, 1)])
    assert (columns(straight, diagonal=0.0, depth=2) == 3).all()


def test_who_looks_further_ahead_finds_a_double_threat():
    """Two in the middle of an empty row: a third beside them wins in two more moves. Depth 2 does not see it."""
    batch = board_with([(2, 0), (3, 0)], [(2, 1), (3, 1)])
    assert np.isin(columns(batch, depth=4), (1, 4)).all()
    assert np.isin(columns(batch, depth=2, prefers="any"), (1, 4)).mean() < 0.6


def test_among_like_moves_some_prefer_the_middle_and_some_what_is_near():
    batch = board_with([], [(6, 0)])
    batch.slots["acting"][:, 1] = 6
    assert columns(batch, depth=2, prefers="near").mean() > 4.5
    assert abs(columns(batch, depth=2, prefers="middle").mean() - 3.0) < 0.7


def test_a_line_is_slanted_by_what_the_picture_shows():
    places = np.array([[6.0, 18.0], [18.0, 30.0], [30.0, 18.0], [30.0, 42.0]])  # centres of cells
    assert boards.is_slanted(places[:3], places)
    assert not boards.is_slanted(places[:1], np.array([[6.0, 18.0], [6.0, 30.0]]))


# --- resuming ---


@pytest.mark.parametrize("name", ["pong", "connect_four"])
def test_a_person_goes_on_from_a_state_as_if_nothing_had_happened(name):
    game = games.load(name)
    batch = Batch(game, 16, 3, bots=0.5)
    batch.bots[:, 0] = EXTERNAL
    rows = [(env, 0) for env in range(16)]
    who = person("person:expert", game)
    player = who.player(batch, rows)
    batch.reset()
    for _ in range(150 if name == "pong" else 5):
        step(batch, player)
    kept, state = batch.snapshot(), player.state()
    ends = []
    for again in (player, who.player(batch, rows)):
        batch.restore(kept)
        again.restore(state)
        for _ in range(150 if name == "pong" else 5):
            step(batch, again)
        ends.append(batch.states.copy())
    assert (ends[0] == ends[1]).all()


def test_a_damaged_state_is_refused():
    _, player = seated(games.load("pong"), Person(PREDICTOR))
    state = player.state()
    for name, value in {"key": np.array([3]), "seen": np.zeros((1, 3, 4)), "frames": np.zeros(1)}.items():
        with pytest.raises(ValueError, match=name):
            player.restore({**state, name: value})


# --- the table ---


def test_everybody_who_differs_only_in_staying_is_a_pair():
    found = [(stays.row.name, returns.row.name) for stays, returns in pairs(people_of(games.load("pong")))]
    assert ("expert-stays", "expert") in found and len(found) == 8


def test_the_expert_and_the_weakest_of_the_table_are_those_that_figures_speak_of():
    rows = {row.name: row for row in table.read()["mover"]}
    assert (rows["late-follower"].reaction, rows["late-follower"].error, rows["late-follower"].looks) == (18, 4.0, "follows")
    expert = rows["expert"]
    assert (expert.reaction, expert.error_per_10, expert.looks, expert.aim > 0.5) == (11, 0.45, "predicts", True)


ROW = (
    'name="ann"\nreaction=12\nerror=1.0\nerror_per_10=0.0\nlooks="predicts"\nattention="hit"\nrests="stays"\naim=0.0\n'
    "tremor=2.0\nhold=4\n"
)


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("reaction=12", "reaction=0", r"row 1 of mover \('ann'\), reaction: expected .*>= 1, not 0"),
        ("reaction=12", 'reaction="late"', r"row 1 of mover \('ann'\), reaction: expected a number, not 'late'"),
        ("reaction=12\n", "", r"row 1 of mover \('ann'\).*reaction"),
        ('looks="predicts"', 'looks="guesses"', r"row 1 of mover \('ann'\), looks: one of follows, predicts, not 'guesses'"),
        ("hold=4", "hold=4\nluck=1", r"row 1 of mover \('ann'\).*luck"),
        ('looks="predicts"\nattention="hit"', 'looks="follows"\nattention="glance"', "goes with looks = 'predicts'"),
        ("[[mover]]", "[[movers]]", "movers"),
        ("hold=4", "hold=", "is no TOML"),
    ],
)
def test_a_row_that_does_not_fit_is_told_with_its_field(old, new, says, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f"[[mover]]\n{ROW}".replace(old, new), "utf-8")
    with pytest.raises(games.errors.UserError, match=says):
        table.read(file)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_file_of_further_rows_is_played_by_its_name(suffix, tmp_path):
    file = tmp_path / f"mine.{suffix}"
    row = msgspec.toml.decode(ROW) if suffix == "json" else None
    file.write_bytes(msgspec.json.encode({"mover": [row]}) if row else f"[[mover]]\n{ROW}".encode())
    found = person(f"person:{file}:ann", games.load("pong"))
    assert found.row.reaction == 12
    assert found in people_of(games.load("pong"), file)


def test_who_is_not_known_and_what_cannot_be_played_is_told(tmp_path, toy):
    with pytest.raises(games.errors.UserError, match="Did you mean 'expert'"):
        person("person:expret", games.load("pong"))
    with pytest.raises(games.errors.UserError, match="its file has no PEOPLE"):
        person("person:expert", toy("fog"))


# --- they play ---


@pytest.mark.slow
def test_people_walk_in_eight_directions_and_beat_chance(gems):
    returns, moved = play(gems, [person("person:expert", gems), RANDOM], 24)
    assert (returns[:, 0] > 0).sum() > 2 * (returns[:, 0] < 0).sum() and moved[0] > 100


def test_the_order_of_the_board_rows_is_that_of_their_skill():
    game = games.load("connect_four")
    weakest, *_, best = people_of(game)
    returns, _ = play(game, [best, weakest], 40)
    assert (returns[:, 0] > returns[:, 1]).mean() > 0.75


def test_a_game_that_opts_in_keeps_its_agents(make_game):
    text = (Path(games.__file__).parent / "pong.py").read_text("utf-8")
    line = 'PEOPLE = {"kind": "axis"}\n'
    assert line in text
    assert make_game(text).digest == make_game(text.replace(line, "")).digest
