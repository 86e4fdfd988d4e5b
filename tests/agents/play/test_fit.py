"""An opponent that fits: whoever plays, after some games it is as strong as they are, and it knows them again."""

import json

import numpy as np
import pytest

import games
from agents.play import ladder, person_file
from agents.play.fit import SPREAD, Fit, Played
from agents.play.fitting import FittingOpponent
from agents.play.ladder import LadderFile, Rung
from tests.agents.play.ladders import small_ladder


def rungs(most=1.0, trials=1.0, scale=400.0):
    made = [
        Rung(file="a", delay=0, temperature=0.0, rating=float(rating), interval=(0.0, 0.0)) for rating in range(600, 1601, 50)
    ]
    return LadderFile(game="pong", game_version=1, rungs=made, most=most, trials=trials, scale=scale)


def chance(rating, opponent):
    return 1.0 / (1.0 + 10.0 ** ((opponent - rating) / 400.0))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(person_file.platformdirs, "user_data_dir", lambda *names, **more: str(tmp_path / "data"))
    return tmp_path / "data" / "ratings" / "pong.json"


@pytest.mark.parametrize("skill", [750, 900, 1200, 1450])
def test_after_some_games_a_person_wins_about_half(skill):
    rng, found = np.random.default_rng(skill), []
    for _ in range(40):
        fit = Fit(rungs())
        for _ in range(30):
            rung = fit.rung()
            fit.play(rung, 1.0 if rng.random() < chance(skill, rung.rating) else -1.0)
        found.append(chance(skill, fit.rung().rating))
    assert 0.42 < np.mean(found) < 0.58
    assert np.std(found) < 0.15


def test_who_is_beyond_the_ladder_gets_its_end():
    for result, end in ((1.0, -1), (-1.0, 0)):
        fit = Fit(rungs())
        for _ in range(15):
            fit.play(fit.rung(), result)
        assert fit.rung() == fit.ladder.rungs[end]


def test_a_game_lost_by_one_tells_more_than_that_it_was_lost():
    close, far = Fit(rungs(5.0, 4.0), [Played(1000.0, -1.0)] * 5), Fit(rungs(5.0, 4.0), [Played(1000.0, -5.0)] * 5)
    assert close.rating()[0] > far.rating()[0] + 100.0
    assert close.rating()[1] < Fit(rungs(5.0, 1.0), [Played(1000.0, -1.0)] * 5).rating()[1]


def test_a_person_who_has_learned_is_known_anew_after_some_games():
    fit = Fit(rungs(), [Played(800.0, -1.0)] * 50)
    assert fit.rating()[0] < 700.0
    for _ in range(20):
        fit.play(Rung(file="a", delay=0, temperature=0.0, rating=1000.0, interval=(0.0, 0.0)), 1.0)
    assert fit.rating()[0] > 1000.0


def test_the_opponent_knows_a_person_again(tmp_path, home):
    small_ladder(tmp_path / "ladder")
    pong, found = games.load("pong"), ladder.read(tmp_path / "ladder")
    first = FittingOpponent(pong, found)
    assert first.about_person == "you are not rated yet"
    for _ in range(4):
        first.learn_of(5.0)
    assert first.name == "Master"
    again = FittingOpponent(pong, found)
    assert (again.name, again.about_person) == (first.name, first.about_person)
    assert "you are rated 1" in again.about_person


def test_games_of_another_version_do_not_count(home):
    pong = games.load("pong")
    person_file.write(pong, [Played(1000.0, 1.0)])
    assert person_file.read(pong) == [Played(1000.0, 1.0)]
    home.write_text(home.read_text().replace('"game_version":1', '"game_version":2'))
    assert person_file.read(pong) == []


def test_a_damaged_file_is_set_aside_and_said(home, capsys):
    pong = games.load("pong")
    person_file.write(pong, [Played(1000.0, 1.0)])
    home.write_text(json.dumps({"game_version": 1, "games": [{"rating": "high", "result": 1.0}]}))
    assert person_file.read(pong) == []
    assert "Your rating begins anew" in capsys.readouterr().err
    assert not home.exists() and home.with_suffix(".damaged.json").exists()


def test_the_newest_games_are_kept(home):
    pong = games.load("pong")
    person_file.write(pong, [Played(float(k), 0.0) for k in range(300)])
    kept = person_file.read(pong)
    assert len(kept) == person_file.KEPT and kept[-1].rating == 299.0


def test_opponents_are_drawn_around_the_persons_rating_and_stay_until_a_game_is_added():
    fit = Fit(rungs())
    ratings, seen = np.array([rung.rating for rung in fit.ladder.rungs]), set()
    for number in range(30):
        assert fit.rung() is fit.rung()
        rating, chances = fit.rating()[0], fit.chances()
        assert chances.sum() == pytest.approx(1.0)
        assert abs(ratings[chances > 0] - rating).max() <= max(SPREAD, abs(ratings - rating).min())
        assert abs(chances @ ratings - rating) < 60.0  # those above and those below are about as likely
        seen.add(fit.rung().rating)
        fit.play(fit.rung(), 1.0 if number % 2 else -1.0)
    assert len(seen) > 1
    for result, end in ((1.0, -1), (-1.0, 0)):
        fit = Fit(rungs())
        for _ in range(40):
            fit.play(fit.rung(), result)
        assert fit.rung() is fit.ladder.rungs[end] and fit.chances()[end] == 1.0
