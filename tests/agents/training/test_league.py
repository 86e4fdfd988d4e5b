"""A run's league: its snapshots, who enters and leaves, what is told of it, and that it goes on exactly."""

import json
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest

import games
from agents.core import tensor_file
from agents.play.agent import Agent
from agents.play.league_arena import LeagueArena
from agents.training import config as configs
from agents.training import trainer as runs
from agents.training.config import RunSettings
from agents.training.league import League, leaving
from agents.training.league_picture import picture_of
from agents.training.snapshots import FOLDER, Snapshots, snapshot_name, thinned
from games.errors import UserError
from tests.agents.training.test_run_checkpoint import DQN, MEMORY, PPO, resume, same_end, stopped_after
from tests.agents.training.test_trainer import kill_and_resume

LEAGUE = ["--opponent", "league", "--set", "league_every=1300", "--set", "league_size=3", "--set", "snapshots=3"]
WORDS = {
    "ppo": ["pong", *PPO, *LEAGUE, "--steps", "10000", "--set", "checkpoint_every=1500"],
    "ppo lstm masked": ["connect_four", *PPO, *MEMORY, *LEAGUE, "--steps", "4000", "--set", "checkpoint_every=500"],
    "pqn": ["pong", *PPO, "--algo", "pqn", *LEAGUE, "--steps", "10000", "--set", "checkpoint_every=1500"],
    "dqn": ["pong", *DQN, *LEAGUE, "--steps", "9000", "--set", "checkpoint_every=1500"],
    "dqn lstm masked": [
        *("connect_four", *DQN, *MEMORY, *LEAGUE, "--steps", "9000", "--set", "checkpoint_every=1500"),
        *("--set", "sequence=4", "--set", "burn_in=2"),
    ],
}  # fmt: skip


SLOW = ("ppo lstm masked", "pqn", "dqn")  # the others have all that is in them
NOBODY = [word for group in ("past", "bots", "random", "odd") for word in ("--set", f"league_{group}=0")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nobody disturbs, and how often its arena steps."""
    made = {}

    def get(kind, main):
        if kind not in made:
            count, original = 0, LeagueArena.step

            def step(arena, actions):
                nonlocal count
                count += 1
                return original(arena, actions)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(LeagueArena, "step", step)
                code, out, error = main(*WORDS[kind], "--name", "whole", "--json")
            assert code == 0, error
            folder = tmp_path_factory.mktemp("whole") / "game" / "whole"  # as far below a folder of runs as it was
            shutil.copytree(json.loads(out)["agent"].removesuffix("/agent.safetensors"), folder)
            made[kind] = folder, count
        return made[kind]

    return get


def league_in(folder):
    return tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["league"]


def snapshots_in(folder):
    return sorted(file.name for file in (folder / FOLDER).glob("*"))


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in WORDS])
def test_a_stopped_run_goes_on_to_the_same_weights_pool_and_win_rates(kind, main, tmp_path, whole, monkeypatch):
    undisturbed, steps = whole(kind, main)
    folder = tmp_path / WORDS[kind][0] / "stopped"
    with monkeypatch.context() as patch:
        stopped_after(steps // 3 + 5, patch, (LeagueArena, "step"))
        assert main(*WORDS[kind], "--name", "stopped", "--quiet")[0] == 130
    with monkeypatch.context() as patch:
        stopped_after(steps // 2 + 3, patch, (LeagueArena, "step"))
        with pytest.raises(runs.Stop):
            resume(folder, WORDS[kind][0])
    resume(folder, WORDS[kind][0])
    same_end(folder, undisturbed)
    league = league_in(folder)
    assert league == league_in(undisturbed) and snapshots_in(folder) == snapshots_in(undisturbed)
    assert sum(member["group"] == "past" for member in league["members"]) >= 2
    assert sum(map(sum, (member["record"] for member in league["members"]))) > 20


def test_a_kill_after_a_new_snapshot_and_before_its_checkpoint_changes_nothing(main, tmp_path, whole, monkeypatch):
    undisturbed, _ = whole("ppo", main)
    folder, write = tmp_path / "pong" / "stopped", Snapshots.write

    def write_and_stop(snapshots, agent):
        found = write(snapshots, agent)
        if agent.info.steps > 2000:
            raise runs.Stop(signal.SIGINT)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "write", write_and_stop)
        assert main(*WORDS["ppo"], "--name", "stopped", "--quiet")[0] == 130
    resume(folder, "pong")
    same_end(folder, undisturbed)
    assert league_in(folder) == league_in(undisturbed) and snapshots_in(folder) == snapshots_in(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ppo", "dqn"])
def test_a_killed_run_goes_on_to_the_same_weights_pool_and_win_rates(kind, main, tmp_path, whole):
    undisturbed, _ = whole(kind, main)
    assert kill_and_resume(WORDS[kind], undisturbed, tmp_path, kills=2, seed=1) == 2
    folder = tmp_path / "pong" / "killed"
    assert league_in(folder) == league_in(undisturbed) and snapshots_in(folder) == snapshots_in(undisturbed)


def test_a_run_without_its_snapshots_names_them_and_takes_them_from_where_they_are(main, tmp_path, whole, capsys):
    folder = tmp_path / "pong" / "moved"
    shutil.copytree(whole("ppo", main)[0], folder)
    newest = snapshot_name(max(member["steps"] for member in league_in(folder)["members"]))
    shutil.move(folder / FOLDER / newest, tmp_path / "elsewhere.safetensors")
    code, _, error = main("--resume", folder, "--steps", "10500")
    assert code == 2 and newest in error and f"--opponent {newest}=PATH" in error
    shutil.copy(folder / "checkpoints" / "step-0000000000.safetensors", tmp_path / "another.safetensors")
    code, _, error = main("--resume", folder, "--steps", "10500", "--opponent", f"{newest}={tmp_path}/another.safetensors")
    assert code == 2 and f"is not the {newest} that the run's league knows" in error
    assert not (folder / FOLDER / newest).exists()  # nothing was copied
    shutil.copy(tmp_path / "another.safetensors", folder / FOLDER / newest)
    code, _, error = main("--resume", folder, "--steps", "10500")
    assert code == 2 and "is not the snapshot that the league knows" in error
    found = f"{newest}={tmp_path}/elsewhere.safetensors"
    code, _, error = main("--resume", folder, "--steps", "10500", "--quiet", "--opponent", found)
    assert code == 0, error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pong", "--set", "league_bots=0", "--set", "league_random=0", "--set", "league_odd=0"], "pool is empty"),
        (["pong", *NOBODY], "pool is empty"),
        (["pong", "--set", "snapshots=0"], "snapshots=0 keeps none"),
        (["pong", "--set", "league_self=1"], "That is --opponent self"),
        (["pong", "--opponent", "self"], "the current self already"),
        (["pong", "--opponent", "nobody.safetensors"], "There is no seat and no file"),
        (["pong", "--opponent", "agents/zoo/connect_four/ppo.safetensors"], "plays connect_four, not pong"),
        (["breakout"], "has one seat"),
        (["tests/toys/harvest.py"], "nobody wins in Harvest"),
        (["pong", "--set", "league_choice=best"], "league_choice is 'best'"),
        (["pong", "--trainer", "sb3"], "know no league"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_league_is_told_before_there_is_a_run(words, said, main, tmp_path):
    code, _, error = main(*words, "--opponent", "league", "--steps", "1000")
    assert code == 2 and said in error and "Traceback" not in error
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_agent_of_another_version_or_sizes_is_told_before_there_is_a_run(main, tmp_path, whole):
    tensors, meta = tensor_file.load(whole("ppo", main)[0] / "agent.safetensors", "agent")
    meta = {name: value for name, value in meta.items() if name != "sha256"}
    wrong = {"version": {"game_version": 99}, "sizes": {"settings": {**meta["settings"], "hidden": 9}}}
    for name, change in wrong.items():
        tensor_file.save(tmp_path / f"{name}.safetensors", tensors, {**meta, **change}, "agent")
        code, _, error = main("pong", "--opponent", "league", "--opponent", tmp_path / f"{name}.safetensors", "--steps", "900")
        assert code == 2 and ("version 99" if name == "version" else "does not fit its own description") in error


def test_agents_beside_the_league_are_met_whatever_they_see(main, tmp_path, whole):
    words = ["pong", *PPO, *LEAGUE, "--steps", "600", "--quiet", "--set", "league_named=5", "--observation", "objects"]
    other = whole("ppo", main)[0]
    assert main(*words, "--name", "beside", "--opponent", other, "--opponent", "bot:0.7")[0] == 0
    members = league_in(tmp_path / "pong" / "beside")["members"]
    assert [member["name"] for member in members if member["group"] == "named"] == [str(other), "bot:0.7"]


# --- the rules -------------------------------------------------------------------------------------------------------


def learner_whose_arena_counted(take_outcomes):
    """As much of a learner as a league asks of it between iterations; `changes` counts how often its pool has changed."""

    class FakeLearner:
        steps = 0
        changes = 0

        class collector:  # noqa: N801 - as the learner's attribute
            arena = LeagueArena.__new__(LeagueArena)

    def pool_changed():
        FakeLearner.changes += 1

    FakeLearner.collector.arena.take_outcomes = take_outcomes
    FakeLearner.collector.arena.pool_changed = pool_changed
    return FakeLearner


def test_win_rates_decay_over_the_latest_games_and_count_draws_apart(tmp_path):
    run = replace(RunSettings(), league_memory=10, league_past=0.0, steps=1000)
    league = League(games.load("pong"), run, [], tmp_path, runs.ProcessGroup())
    counts = np.zeros((len(league.pool.members), 4), np.int64)
    learner = learner_whose_arena_counted(lambda: counts)
    counts[0] = [0, 5, 30, 1]
    league.after_iteration(learner, None)
    won, drawn, lost = league.pool.members[0].record
    assert (won, drawn, lost) == (0, 5, 30) and league.pool.members[0].score == pytest.approx(3.5 / 37)
    counts[0] = [40, 0, 0, 1]
    league.after_iteration(learner, None)
    assert league.pool.members[0].record[2] == pytest.approx(30 * 0.9**40) and league.pool.members[0].score > 0.9
    assert league.numbers()["league/win_rate_bot"] == league.numbers()["league/win_rate_worst"]
    assert league.pool.chances[0] < league.pool.chances[1]  # who is beaten is met less often


def test_the_learners_rating_rises_over_snapshots_and_is_known_only_by_games(tmp_path):
    league = League(games.load("pong"), replace(RunSettings(), steps=1000), [], tmp_path, runs.ProcessGroup())
    bot = next(member for member in league.pool.members if member.name == "bot")
    assert league.rating() is None and "league/rating" not in league.numbers()
    bot.record[:] = 75, 0, 25
    first = league.rating()
    assert first == pytest.approx(1189, abs=5) and league.numbers()["league/rating"] == first
    snapshot = league.pool.add(name="step 10", group="past", rating=first)
    snapshot.record[:] = 50, 50, 0  # 75 % of the points against who was itself
    assert first + 50 < league.rating() < first + 200
    league.pool.add(name="odd", group="odd").record[:] = 0, 0, 1000  # whose rating is not known counts for nothing
    assert first + 50 < league.rating() < first + 200


def test_the_pools_past_keeps_the_newest_and_those_spread_over_strength():
    assert leaving([0.1, 0.5, 0.52, 0.55, 0.9, 0.6, 0.6, 0.6, 0.6], 8) == [2]
    assert leaving([0.3, 0.3, 0.3, 0.1, 0.2, 0.3], 2) == sorted(leaving([0.3, 0.3, 0.3, 0.1, 0.2, 0.3], 2))
    assert 5 not in leaving([0.3, 0.3, 0.3, 0.1, 0.2, 0.3], 2) and len(leaving([0.5] * 20, 3)) == 17


def test_a_member_who_left_stays_until_its_last_game_is_over_and_is_drawn_no_more(tmp_path):
    league = League(games.load("pong"), replace(RunSettings(), steps=10**6), [], tmp_path, runs.ProcessGroup())
    old = league.pool.add(name="old", group="past", steps=1)
    old.active = False
    league.pool.update()
    counts = np.zeros((len(league.pool.members), 4), np.int64)
    counts[-1, 3] = 2  # environments in which it sits
    learner = learner_whose_arena_counted(lambda: counts)
    league.after_iteration(learner, None)
    assert old in league.pool.members and not learner.changes and league.pool.chances[-1] == 0
    counts[-1, 3] = 0
    league.after_iteration(learner, None)
    assert old not in league.pool.members and learner.changes == 1
    assert all(member.active for member in league.pool.members), "nobody else goes"


def test_a_pools_past_is_as_many_as_told_and_their_files_are_kept(main, whole):
    members = league_in(whole("ppo", main)[0])["members"]
    past = [member for member in members if member["group"] == "past"]
    assert sum(member["active"] for member in past) == 3
    assert {snapshot_name(member["steps"]) for member in past} <= set(snapshots_in(whole("ppo", main)[0]))


def test_numbers_and_a_picture_tell_of_the_league(main, whole):
    folder = whole("ppo lstm masked", main)[0]
    lines = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    last = [line for line in lines if "league/size" in line][-1]
    assert last["league/size"] >= 9 and 0 <= last["league/win_rate_worst"] <= last["league/win_rate_mean"] <= 1
    assert {"league/win_rate_bot", "league/win_rate_latest", "league/rating"} <= {name for line in lines for name in line}
    kept = tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["league"]["members"]
    assert [each["rating"] for each in kept if each["name"] == "bot"] == [1000.0]
    assert any(each["rating"] is not None for each in kept if each["group"] == "past")
    assert b"league/win_rates" in b"".join(file.read_bytes() for file in folder.glob("events.*"))
    picture = picture_of([(100, {"bot": 0.0}), (200, {"bot": 1.0, "random": 0.5})])
    assert picture.dtype == np.uint8 and (picture == (213, 94, 0)).all(2).any() and (picture == (0, 114, 178)).all(2).any()


# --- snapshots of every run ------------------------------------------------------------------------------------------


def test_every_run_keeps_a_few_agents_spread_over_it(main, tmp_path):
    words = ["pong", *PPO, "--steps", "6000", "--set", "snapshots=4", "--quiet"]
    assert main(*words, "--name", "plain")[0] == 0
    folder = tmp_path / "pong" / "plain"
    steps = [Agent.load(folder / FOLDER / name).info.steps for name in snapshots_in(folder)]
    assert len(steps) == 4 and steps == sorted(steps) and steps[-1] >= 5900 and np.diff(steps).min() >= 1000
    assert main("--resume", folder, "--steps", "12000", "--quiet")[0] == 0
    steps = [Agent.load(folder / FOLDER / name).info.steps for name in snapshots_in(folder)]
    assert len(steps) == 4 and steps[0] < 2000 and steps[-1] >= 11900


def test_a_run_may_keep_none_and_an_older_one_goes_on_without(main, tmp_path):
    assert main("pong", *PPO, "--steps", "1000", "--set", "snapshots=0", "--name", "none", "--quiet")[0] == 0
    folder = tmp_path / "pong" / "none"
    assert not (folder / FOLDER).exists()
    values = json.loads((folder / "config.json").read_text())
    values["written_by"] = "0.1.0"
    for name in [name for name in values["run"] if name == "snapshots" or name.startswith("league_")]:
        del values["run"][name]
    (folder / "config.json").write_text(json.dumps(values))
    tensors, meta = tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")
    del meta["snapshots"], meta["league"], meta["sha256"]
    tensor_file.save(folder / runs.CHECKPOINT, tensors, meta, "checkpoint")
    assert main("--resume", folder, "--steps", "1500", "--quiet")[0] == 0
    assert configs.read_config(folder).run.snapshots == 0 and not (folder / FOLDER).exists()


def test_snapshots_are_bounded_in_size(tmp_path, monkeypatch):
    kept = Snapshots(tmp_path, 50, 1000)
    monkeypatch.setattr(Snapshots, "write", lambda snapshots, agent: 20 << 20)

    class FakeAgent:
        class info:  # noqa: N801
            steps = 0

    for FakeAgent.info.steps in range(100, 1100, 100):
        kept.keep(FakeAgent)
    assert len(kept.steps) == 3 and kept.steps[0] == 100 and kept.steps[-1] == 1000
    assert thinned(range(0, 100, 10), 1) == [90] and thinned([5], 0) == []


def test_a_league_of_another_run_is_not_taken(main, tmp_path, whole):
    folder = tmp_path / "pong" / "changed"
    shutil.copytree(whole("ppo", main)[0], folder)
    config = json.loads((folder / "config.json").read_text())
    config["run"]["league_odd"] = 0.0
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="its league has other members"):
        resume(folder, "pong")


def test_a_simulated_person_in_a_league_is_refused_in_words(main):
    code, _, err = main("pong", "--steps", 1000, "--opponent", "league", "--opponent", "person:expert")
    assert code == 2 and "person:expert cannot be in a league" in err
