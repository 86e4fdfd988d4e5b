"""Matches in which nobody wins: mean returns with their intervals, one of both where they earn the same, else one of each."""

import math

import numpy as np
import pytest

from agents.core.settings import AgentSettings
from agents.participants import best_at_hand, participant
from agents.play import video
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.agent_info import in_words, peek
from agents.play.match import play_match
from agents.play.result import MatchResult, first_score
from games.errors import UserError

SAMPLE = np.array([1.0, 2.0, 3.0, 6.0])
HALF = 1.96 * math.sqrt(14 / 3) / 2  # of the interval of their mean, 3
COMMON = {"game", "seats", "games", "rewards", "mean_return", "std_return", "return_interval", "steps_per_second"}


def test_partners_have_one_mean_return():
    result = MatchResult("plates", ["a", "b"], np.stack([SAMPLE, SAMPLE], 1), 0, 10.0, rewards="shared")
    summary = result.summary()
    assert set(summary) == COMMON and summary["rewards"] == "shared"
    assert (summary["mean_return"], result.score) == (3.0, 3.0)
    assert summary["std_return"] == pytest.approx(math.sqrt(14 / 3))
    assert summary["return_interval"] == pytest.approx([3 - HALF, 3 + HALF])


def test_where_each_earns_its_own_each_has_a_mean_return():
    result = MatchResult("harvest", ["a", "b"], np.stack([SAMPLE, 2 * SAMPLE], 1), 0, 10.0, rewards="own")
    summary = result.summary()
    assert set(summary) == COMMON and summary["rewards"] == "own"
    assert summary["mean_return"] == [3.0, 6.0]
    assert summary["std_return"] == pytest.approx([math.sqrt(14 / 3), 2 * math.sqrt(14 / 3)])
    low, high = summary["return_interval"]
    assert low == pytest.approx([3 - HALF, 3 + HALF]) and high == pytest.approx([6 - 2 * HALF, 6 + 2 * HALF])


def test_the_best_agent_is_chosen_by_what_it_earns_itself():
    result = MatchResult("harvest", ["a", "b"], np.stack([SAMPLE, 2 * SAMPLE], 1), 0, 10.0, rewards="own")
    score = first_score(result.summary())
    assert (result.score, score.kind, score.value) == (3.0, "mean_return", 3.0)
    assert score.interval == pytest.approx([3 - HALF, 3 + HALF])


def test_a_summary_without_an_interval_has_no_score():
    for summary in ({}, {"win_rate": 0.5}, {"mean_return": [1.0, 2.0]}, {"mean_return": 1.0, "return_interval": None}):
        with pytest.raises(LookupError):
            first_score(summary)


@pytest.mark.parametrize("name", ["plates", "harvest"])
def test_a_match_is_measured_as_its_game_says(toy, name):
    """Participants change seats; what is theirs is counted, wherever they sat."""
    game = toy(name)
    result = play_match(game, [participant("bot:1", game), participant("random", game)], 20, seed=1)
    assert result.rewards == game.rewards
    better, chance = result.returns.T
    assert (better == chance).all() if name == "plates" else (better > chance).all()


def test_names_and_the_common_score_stand_above_a_video(toy, monkeypatch):
    told, make = [], video.make_caption

    def spy(participants):
        caption = make(participants)
        picture = caption.picture
        caption.picture = lambda texts: (told.append((texts, picture(texts).tobytes())), picture(texts))[1]
        return caption

    monkeypatch.setattr(video, "make_caption", spy)
    game = toy("plates")
    video.record_episode(game, [participant("bot:1", game), participant("bot:1", game)], seed=5)
    texts = [text for text, _ in told]
    assert texts[0] == ("", "0", "") and texts[-1][1] > "0" and {left + right for left, _, right in texts} == {""}
    assert len({strip for _, strip in told}) == len(set(texts)), "each score is seen"


# --- files ---


def save_agent(game, path, score):
    settings = AgentSettings(observation="objects", network="mlp", hidden=8)
    info = describe_agent(game, settings, "ppo")
    info.score = score
    path.parent.mkdir(parents=True)
    Agent(game, info, build_network(game, settings)).save(path)
    return path


def test_the_best_at_hand_earns_most_for_itself(toy, tmp_path):
    def earns(own, low, beside):
        return {
            "rewards": "own",
            "mean_return": [own, beside],
            "return_interval": [[low, 2 * own - low], [beside - 1.0, beside + 1.0]],
        }

    game = toy("harvest")
    for name, score in (("lucky", earns(9.0, 2.0, 99.0)), ("sure", earns(8.0, 7.5, 1.0)), ("weak", earns(3.0, 2.5, 50.0))):
        save_agent(game, tmp_path / "harvest" / name / "agent.safetensors", score)
    best = tmp_path / "harvest" / "sure" / "agent.safetensors"
    assert best_at_hand(game, tmp_path) == str(best)
    assert in_words(peek(best).score) == "return 8.0"


@pytest.mark.parametrize(
    "score",
    [
        {"rewards": "own", "mean_return": 1.0, "return_interval": [0.0, 2.0]},
        {"rewards": "shared", "mean_return": [1.0, 1.0], "return_interval": [[0.0, 2.0], [0.0, 2.0]]},
        {"rewards": "own", "mean_return": [1.0, 1.0], "return_interval": [0.0, 2.0]},
        {"rewards": "own", "mean_return": [1.0, 1.0], "return_interval": [[0.0, 2.0], 1.0]},
        {"rewards": "own", "mean_return": [], "return_interval": [[0.0, 2.0], [0.0, 2.0]]},
        {"rewards": "mine", "mean_return": 1.0, "return_interval": [0.0, 2.0]},
    ],
)
def test_a_score_that_no_match_has_is_refused(toy, tmp_path, score):
    with pytest.raises(UserError, match="does not fit"):
        peek(save_agent(toy("plates"), tmp_path / "odd" / "agent.safetensors", score))
