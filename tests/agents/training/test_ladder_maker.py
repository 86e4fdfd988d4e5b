"""A ladder is even, the same from the same command, and what it needs of a run is told."""

import math
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import agents.ladder as ladder_command
import games
import train
from agents.play import ladder
from agents.play.agent_info import peek
from agents.play.ratings import oriented
from agents.training import ladder_choice, ladder_maker
from agents.training.ladder_choice import EVEN, LEAST, Chooser
from agents.training.ladder_maker import Effort, Maker, candidates_of
from agents.training.ladder_record import BOT, Candidate, Record
from games.errors import UserError

PONG = games.load("pong")


class Played(Record):
    """Games whose ends are drawn by ratings that are known: 60 points lost for two ticks of delay, an agent's own beside."""

    gain = 0.0  # points that each tick of delay less is worth beside, of four at most

    def sooner(self, first, second):
        if BOT in (first, second):
            return 0.0
        return self.gain * float(np.clip(int(second.split()[2]) - int(first.split()[2]), -4, 4))

    def strength(self, name):
        if name == BOT:
            return 1000.0
        steps, delay = int(name.split()[0]), int(name.split()[2])
        return 400.0 + 300.0 * math.log10(steps) - 30.0 * delay

    def bot_score(self, candidate, games):
        p = 1.0 / (1.0 + 10.0 ** ((1400.0 - self.strength(candidate.name)) / 400.0))
        return np.random.default_rng([self.seed, candidate.steps]).binomial(games, p) / games

    def _played(self, candidates, plan, bot):
        self.rounds += 1
        names = sorted([each.name for each in candidates] + [BOT] * bot)
        rng = np.random.default_rng([self.seed, self.rounds])
        couples = np.zeros((len(names), len(names), 5), np.int64)
        for i, j in zip(*np.nonzero(plan), strict=True):
            behind = self.strength(names[j]) - self.strength(names[i]) - self.sooner(names[i], names[j])
            p = 1.0 / (1.0 + 10.0 ** (behind / 400.0))
            couples[i, j] = np.bincount(2 * rng.binomial(2, p, plan[i, j] // 2), minlength=5)
        return names, couples


def grid(delays=range(6, 19)):
    return [Candidate(Path(str(n)), 1000 * 3**n, delay, 0.0) for n in range(8) for delay in delays]


def chooser(seed, candidates, told):
    record, checks = (Played(PONG, 2 * seed + which, 1) for which in (0, 1))
    record.mingle(candidates, 80)
    return Chooser(record, checks, candidates, 4000, told.append)


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_steps_between_levels_are_even(seed):
    told = []
    choice = chooser(seed, grid(), told).choose()
    assert len(choice.levels) == 7 and choice.uneven <= EVEN, told
    assert all(step.games >= 4000 for step in choice.steps)
    strength = [Played.strength(None, level.name) for level in choice.levels]
    true = [upper - lower for lower, upper in pairwise(strength)]
    assert max(true) - min(true) < 60.0 and min(true) > LEAST - EVEN
    delays = [level.delay for level in choice.levels]
    assert delays == sorted(delays, reverse=True) and delays[0] - delays[-1] >= 8


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_levels_are_found_where_games_between_two_say_other_steps_than_ratings_do(seed, monkeypatch):
    monkeypatch.setattr(Played, "gain", -15.0)
    told = []
    choice = chooser(seed, grid(), told).choose(170.0)
    assert len(choice.levels) == 7 and choice.uneven <= EVEN, told


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_best_level_is_among_the_best_of_many_that_are_nearly_alike(seed):
    many = [Candidate(Path(str(n)), round(1000 * 1.15**n), delay, 0.0) for n in range(24) for delay in (6, 10)]
    top, best = chooser(seed, many, []).top, max(many, key=lambda each: Played.strength(None, each.name))
    assert top.delay == 6 and Played.strength(None, top.name) >= Played.strength(None, best.name) - 20.0  # 18 are one place


def test_the_best_level_is_found_whatever_its_rough_rating(monkeypatch):
    """The newest agents' rough games are against the weakest of all: they tell little."""
    many = [Candidate(Path(str(n)), round(1000 * 1.5**n), delay, 0.0) for n in range(24) for delay in (6, 10)]
    best, rated = max(many, key=lambda each: Played.strength(None, each.name)), Played.rated
    monkeypatch.setattr(Played, "rated", lambda self: rated(self) | {best.name: 0.0})
    assert chooser(1, many, []).top == best


def test_who_beats_its_like_and_loses_to_the_bot_is_not_the_best_level(monkeypatch):
    weak = max(grid(), key=lambda each: Played.strength(None, each.name))
    monkeypatch.setattr(Played, "bot_score", lambda self, each, games: 0.4 if each.path == weak.path else 0.9)
    assert chooser(1, grid(), []).top.path == Path("6")  # the next one


def test_a_step_is_as_it_was_asked_for():
    choice = chooser(1, grid(), []).choose(150.0)
    assert len(choice.levels) == 7 and all(abs(step.points - 150.0) <= EVEN for step in choice.steps)


def test_a_run_whose_agents_are_too_alike_has_fewer_levels():
    told = []
    alike = [Candidate(Path(str(n)), 1000 * 3**n, delay, 0.0) for n in (6, 7) for delay in (6, 10, 12)]
    choice = chooser(1, alike, told).choose()
    assert 2 <= len(choice.levels) < 7 and choice.levels[-1].delay == 6


def test_a_run_that_ends_before_the_ladder_is_told():
    told = []
    choice = chooser(1, [Candidate(Path("1"), 3000, delay, 0.0) for delay in (6, 18)], told).choose(110.0)
    assert len(choice.levels) == 2 and choice.steps[0].points > 250.0


def test_each_meets_eight_others_and_all_are_connected():
    record = Played(PONG, 1, 1)
    record.mingle(grid(), 80)
    met = oriented(record.couples).sum(2) > 0
    assert (met.sum(1) >= 7).all() and len(record.names) == 105
    reached = np.linalg.matrix_power(met.astype(float) + np.eye(105), 20) > 0
    assert reached.all()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    small = ("n_envs=16", "n_steps=8", "batch_size=64", "eval_games=4", "final_games=4", "gif=false", "eval_every=600")
    words = ["pong", "--steps", "2400", "--name", "one", "--runs", str(runs), *(w for s in small for w in ("--set", s))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py", *words, "--quiet", "--seed", "1"])
        assert train.main() == 0
    return runs / "pong" / "one"


def test_a_ladder_is_the_same_from_the_same_run_and_its_levels_play(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ladder_maker, "SNAPSHOTS", 2)
    monkeypatch.setattr(ladder_maker, "DELAYS", (6, 18))
    monkeypatch.setattr(ladder_choice, "HEATS", ((2, 4), (1, 8)))
    made = []
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "step-0000000007.safetensors").write_text("of an older ladder")
    for out in ("one", "two"):
        maker = Maker(PONG, [run], 5, 1, lambda text: None)
        made.append(maker.make(tmp_path / out, Effort(16, 10)))
        assert ladder.read(tmp_path / out).file == made[-1]
    assert made[0] == made[1]
    assert len({tuple(sorted(path.name for path in (tmp_path / out).iterdir())) for out in ("one", "two")}) == 1
    found = ladder.read(tmp_path / "one")
    assert len(found.file.levels) >= 2 and found.file.moments
    rated = {}
    for rung in [*found.file.rungs, *found.file.moments]:
        agent = found.agent(rung, PONG)
        assert agent.info.game == "pong"
        rated[rung.file] = agent.network.state_dict()
    for steps, path in ladder_maker.snapshots_of(run, PONG):  # the weights that were rated are those that ship
        playing = Candidate(path, steps, 6, 0.0).agent(PONG).network.state_dict()
        shipped = rated.get(f"step-{steps:010d}.safetensors", playing)
        assert all(torch.equal(shipped[name], playing[name]) for name in playing)
    assert ladder_maker.table(found.file)[1].split()[:2] == ["1", found.file.levels[0].name]


def test_candidates_are_late_in_real_time_and_careless_at_boards(run):
    snapshots = ladder_maker.snapshots_of(run, PONG)
    pong = candidates_of(PONG, snapshots)
    assert {each.delay for each in pong} == set(ladder_maker.DELAYS) and {each.temperature for each in pong} == {0.0}
    board = candidates_of(games.load("connect_four"), snapshots)
    assert {each.delay for each in board} == {0} and len({each.temperature for each in board}) == 9


def test_the_steps_of_a_run_that_went_on_from_another_count_on(run):
    first = ladder_maker.snapshots_of(run, PONG)
    both = ladder_maker.snapshots_of_all([run, run], PONG)
    assert both[: len(first)] == first
    assert both[len(first) :] == [(first[-1][0] + steps, path) for steps, path in first if steps]
    assert len({steps for steps, _ in both}) == len(both)


def test_moments_are_from_early_in_the_training(run):
    moments = ladder_maker.moments_of(run, PONG)
    steps = [moment.steps for moment, _ in moments]
    assert steps == sorted(steps) and steps[0] < peek(run / "agent.safetensors").steps
    assert all(moment.seconds > 0.0 for moment, _ in moments)


def test_a_run_that_has_kept_too_little_is_told(run, tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        ladder_maker.snapshots_of(tmp_path, PONG)
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    with pytest.raises(UserError, match="has kept 0 agents of its past, too few for a ladder"):
        ladder_maker.snapshots_of(tmp_path, PONG)


def test_a_run_of_another_game_is_refused_before_anybody_plays(run, tmp_path):
    told = []
    with pytest.raises(UserError, match="plays pong, not connect_four"):
        Maker(games.load("connect_four"), [run], 1, 1, told.append).make(tmp_path / "out", Effort(4, 4))
    assert not told and not (tmp_path / "out").exists()


def test_snapshots_that_are_gone_are_named(run, tmp_path, monkeypatch):
    assert ladder_maker.lost_snapshots(run) == []
    shutil.copytree(run, tmp_path / "moved")
    gone = min((tmp_path / "moved" / "checkpoints" / "snapshots").iterdir())
    gone.unlink()
    assert ladder_maker.lost_snapshots(tmp_path / "moved") == [gone.name]


def test_a_game_of_one_seat_has_levels_by_mean_return(tmp_path, monkeypatch):
    class Sure(Candidate):
        def agent(self, game):
            return self.steps

    class Game:
        players, name, version = 1, "breakout", 1

    def play(game, seated, games, seed):
        return type("Result", (), {"returns": np.array([[seated[0].agent - 1.0], [seated[0].agent + 1.0]])})

    class Kept:
        @staticmethod
        def load(path, game):
            return type("Agent", (), {"save": lambda self, path, half: path.write_text(str(half))})()

    snapshots = [(steps, tmp_path / f"{steps}") for steps in (0, 10, 40, 80)]
    monkeypatch.setattr(ladder_maker, "Agent", Kept)
    settings = type("Settings", (), {"delay": 0, "temperature": 0.0})
    monkeypatch.setattr(ladder_maker, "snapshots_of", lambda run, game: snapshots)
    monkeypatch.setattr(ladder_maker, "moments_of", lambda run, game: [])
    monkeypatch.setattr(ladder_maker, "peek", lambda path: type("Info", (), {"settings": settings}))
    monkeypatch.setattr(ladder_maker, "Candidate", Sure)
    monkeypatch.setattr(ladder_maker, "play_match", play)
    file = Maker(Game, [tmp_path], 1, 1, lambda text: None).make(tmp_path / "out", Effort(1, 1))
    assert [(rung.name, rung.rating) for rung in file.rungs] == [("Beginner", 10.0), ("Good", 40.0), ("Best", 80.0)]
    assert file.digests == {rung.file: ladder.file_digest(tmp_path / "out" / rung.file) for rung in file.rungs}
    assert [(tmp_path / "out" / rung.file).read_text() for rung in file.rungs] == ["True"] * 3  # 16 bits


@pytest.mark.parametrize(
    "words, told",
    [
        (["breakout", "nowhere", "--step", "150"], "--step is for ratings"),
        (["pong", "nowhere", "--step", "5"], "--step is 110 to 330 points"),
        (["breakout", "nowhere", "--games", "0"], "--games is 1 to 1,000,000"),
        (["pong", "nowhere"], "nowhere"),
    ],
)
def test_wrong_words_of_the_command_are_told_before_a_game_is_played(words, told, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ladder", *words])
    assert ladder_command.main() == 2
    assert told in capsys.readouterr().err
