"""Training in games in which nobody wins: by mean returns, from the first evaluation to the mark."""

import json
from pathlib import Path

import numpy as np
import pytest

import games
from agents.participants import participant
from agents.play.match import play_match
from agents.training import config as configs
from agents.training.report import evaluation_line, summary_lines
from agents.training.results import read_results
from agents.training.sb3.learner import environments
from agents.training.seeds import Job, last_lines, summary

TOYS = Path(__file__).parents[2] / "toys"
PLATES, HARVEST = TOYS / "plates.py", TOYS / "harvest.py"
BRIEF = ["--set", "eval_games=20", "--set", "final_games=50", "--set", "gif=false", "--set", "threads=1", "--name", "run"]


def lines_of(folder):
    return [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run that has learned to play Plates beside the bot, and what it printed."""
    import contextlib
    import io
    import sys

    import train

    home, out = tmp_path_factory.mktemp("partners"), io.StringIO()
    words = ["train.py", str(PLATES), *BRIEF, "--steps", "20000", "--set", "eval_every=5000", "--runs", str(home)]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(sys, "argv", words)
        assert train.main() == 0
    return home / "plates" / "run", out.getvalue()


def test_partners_learn_to_earn_more_than_chance(trained):
    game = games.load(PLATES)
    chance = play_match(game, [participant("random", game), participant("bot", game)], 50, seed=1).summary()
    found = read_results(trained[0])["evaluation"]
    assert found["return_interval"][0] > 3.0 * chance["return_interval"][1]
    assert found["rewards"] == "shared" and "win_rate" not in found


def test_the_partner_is_the_bot_unless_named(trained):
    assert configs.read_config(trained[0]).opponents == ["bot"]


def test_curves_are_of_returns_and_know_no_games_won(trained):
    names = {name for numbers in lines_of(trained[0]) for name in numbers}
    assert {"eval/mean_reward", "eval/mean_reward_low", "eval/mean_reward_high", "eval/score", "rollout/ep_rew_mean"} <= names
    assert not any("win" in name for name in names)


def test_the_agent_that_is_kept_has_the_best_mean_return(trained):
    best, kept = None, None
    for numbers in lines_of(trained[0]):
        if "eval/score" in numbers:
            assert numbers["eval/score"] == numbers["eval/mean_reward"]
            kept = numbers["step"] if best is None or numbers["eval/mean_reward"] >= best else kept
            best = max(numbers["eval/mean_reward_low"], best if best is not None else -np.inf)
    assert read_results(trained[0])["agent_steps"] == kept > 0


def test_the_mark_is_a_mean_return(trained):
    final = read_results(trained[0])
    assert final["mark"] == ["bot", 25.0]
    assert final["mark_score"] == final["evaluation"]["mean_return"]
    assert final["reached"] == (final["mark_score"] >= 25.0)


def test_a_terminal_is_told_returns_and_no_games_won(trained):
    lines = trained[1].splitlines()
    assert any(line.startswith("Final:  return ") and " games with bot (95 %: " in line for line in lines)
    assert any(line.startswith("Mark:   return 25 with bot: ") for line in lines)
    assert not any(" won " in line or "against" in line for line in lines)


def test_a_run_of_ones_own_rewards_plays_itself_and_goes_on(main, tmp_path):
    words = [HARVEST, *BRIEF, "--opponent", "self", "--quiet"]
    assert main(*words, "--steps", 2000)[0] == 0
    folder = tmp_path / "harvest" / "run"
    assert main(HARVEST, "--resume", folder, "--steps", 4000, "--quiet")[0] == 0
    final = read_results(folder)
    assert final["steps"] >= 4000
    mean, beside = final["evaluation"]["mean_return"]
    assert final["mark_score"] == mean < beside, "the bot is better than who has learned for a second"
    evaluations = [numbers for numbers in lines_of(folder) if "eval/score" in numbers]
    assert all(each["eval/score"] == each["eval/mean_reward"] < each["eval/other_mean_reward"] for each in evaluations)


def test_stable_baselines3_learns_beside_the_bot(main, tmp_path):
    words = [PLATES, *BRIEF[:-2], "--envs", 8, "--set", "n_steps=16", "--set", "batch_size=64", "--name", "sb3"]
    assert main(*words, "--trainer", "sb3", "--steps", 256, "--quiet")[0] == 0
    folder = tmp_path / "plates" / "sb3"
    config = configs.read_config(folder)
    assert config.opponents == ["bot"]
    envs = environments(games.load(PLATES), config, 1)
    assert envs.seat.seats.tolist() == [0, 1] * 4, "it learns both seats"
    envs.close()
    assert isinstance(read_results(folder)["evaluation"]["mean_return"], float)


SHARED = {"rewards": "shared", "seats": ["agent", "bot"], "games": 1000, "mean_return": 32.5, "return_interval": [31.25, 33.75]}
OWN = {
    "rewards": "own",
    "seats": ["agent", "bot"],
    "games": 1000,
    "mean_return": [32.5, 28.0],
    "return_interval": [[31.25, 33.75], [27.0, 29.0]],
}


@pytest.mark.parametrize(
    "found, verdict, mark",
    [
        (SHARED, "return 32.50 over 1000 games with bot (95 %: 31.25 to 33.75)", "return 30 with bot:1"),
        (OWN, "return 32.50, bot 28.00 in 1000 games (95 %: 31.25 to 33.75)", "return 30 beside bot:1"),
    ],
    ids=["shared", "own"],
)
def test_results_are_told_in_80_columns(found, verdict, mark):
    final = {"evaluation": found, "evaluations": 10, "agent_steps": 24_000_000, "planned_games": 1000, "seconds": 1234.5}
    lines = summary_lines({**final, "mark": ["bot:1", 30.0], "mark_score": 31.5, "reached": True})
    assert lines[0] == f"Final:  {verdict}"
    assert lines[-1] == f"Mark:   {mark}: reached (31.50)"
    assert all(len(line) <= 80 for line in (*lines, evaluation_line(24_000_000, found)))


@pytest.mark.parametrize("found", [SHARED, OWN], ids=["shared", "own"])
def test_the_mean_over_seeds_is_that_of_returns(found, tmp_path):
    jobs = [Job(seed, tmp_path / f"x-s{seed}", []) for seed in (1, 2)]
    for job, plus in zip(jobs, (0.0, 1.0), strict=True):
        mean = found["mean_return"]
        mean = [mean[0] + plus, mean[1]] if isinstance(mean, list) else mean + plus
        job.final = {"steps": 10, "seconds": 1.0, "evaluation": {**found, "mean_return": mean}}
    told = summary(jobs)
    assert (told["score"], told["mean"]) == ("mean_return", 33.0)
    assert last_lines(told)[0] == "Mean of 2 seeds:  33.00 return (95 %: 26.65 to 39.35)"
