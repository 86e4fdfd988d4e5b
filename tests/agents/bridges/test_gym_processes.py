"""Environments in processes of their own: the same results, and workers that end with their parent."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from agents.algorithms.ppo import PPO, PPOSettings
from agents.bridges.gym.arena import GymArena
from agents.bridges.gym.copies import VectorCopies
from agents.bridges.gym.evaluation import evaluate, observations
from agents.bridges.gym.game import GymGame
from agents.bridges.gym.process_copies import ProcessCopies
from agents.play.seats import Participant
from games.engine.batch import RANDOM
from games.errors import EnvironmentFailed
from tests.agents.bridges import odd_envs

SETTINGS = {"observation": "objects", "network": "mlp", "hidden": 16, "stack": 1, "precision": "fp32"}
SETTINGS |= {"n_steps": 8, "batch_size": 16, "n_envs": 5}
RANDOM_SEAT = Participant("random", RANDOM)
PARENT = """
import sys, time
from agents.bridges.gym.game import GymGame
if __name__ == "__main__":
    game = GymGame("tests.agents.bridges.odd_envs:Signs-v0")
    copies = game.copies(3, env_processes=2)
    print(*(worker.process.pid for worker in copies.workers), flush=True)
    time.sleep(600)
"""


def game_of(name):
    return GymGame(f"{odd_envs.__name__}:{name}-v0")


def play(arena, steps):
    for _ in range(steps):
        arena.step(np.zeros(arena.view.rows, np.int64))


def view(processes):
    return SimpleNamespace(observation="objects", size=30, stack=1, delay=0, env_processes=processes)


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_results_are_those_of_one_process():
    learned = []
    for processes in (0, 2):
        learner = PPO(game_of("Signs"), PPOSettings(**SETTINGS, env_processes=processes), 1, [], threads=1)
        for _ in range(6):
            learner.iterate(lambda: 0.0)
        result = evaluate(learner.game, Participant("agent", agent=learner.agent()), 7, 3)
        learned.append((learner.network.state_dict(), learner.returns, result.returns.tolist()))
        assert len(getattr(learner.collector.arena.copies, "workers", [])) == processes
        learner.close()
        learner.game.close()
    (one, *scores), (two, *their_scores) = learned
    assert scores == their_scores and all((one[name] == two[name]).all() for name in one)


def test_a_worker_that_dies_is_told_with_its_copies_and_exit_code():
    arena = GymArena(game_of("Signs"), 3, 1, view(2))
    os.kill(arena.copies.workers[1].process.pid, signal.SIGKILL)
    with pytest.raises(EnvironmentFailed, match=r"the process of copy 1 has ended, with exit code -9 \(SIGKILL\)"):
        play(arena, 2)
    arena.close()


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_workers_end_with_their_parent_however_it_ends(tmp_path, number):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}
    ) as parent:
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2 and all(map(alive, workers))
        parent.send_signal(number)
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def test_an_environment_of_which_a_process_holds_one_has_a_process_for_each_copy():
    game = game_of("One")
    arena = GymArena(game, 3, 1, view(3))
    play(arena, 12)
    assert evaluate(game, RANDOM_SEAT, 5, 1).games == 5
    arena.close()
    game.close()


def test_evaluation_has_a_process_of_its_own_where_one_holds_only_one():
    game = game_of("One")
    arena = GymArena(game, 1, 1, view(0))
    assert evaluate(game, RANDOM_SEAT, 3, 1).games == 3
    assert isinstance(game.kept_copies(3), ProcessCopies)
    agent = SimpleNamespace(
        info=SimpleNamespace(settings=view(0)), initial_state=lambda rows: None,
        decide=lambda frames, masks, state: (np.zeros(len(frames), np.int64), None),
    )  # fmt: skip
    assert next(observations(game, agent, 4, 1))["observation"].shape == (4, 1, 3), "of one copy, several times"
    play(arena, 1)
    arena.close()
    game.close()


def test_several_copies_of_which_a_process_holds_one_are_refused_with_the_way_out():
    with pytest.raises(EnvironmentFailed, match="--set env_processes=") as error:
        GymArena(game_of("One"), 4, 1, view(0))
    assert "there is one already" in str(error.value) and odd_envs.One.alive == 0


def test_a_vector_implementation_of_its_own_stays_in_use():
    arena = GymArena(GymGame("CartPole-v1"), 4, 1, view(2))
    assert isinstance(arena.copies, VectorCopies) and "env_processes=2" in arena.remarks[0]
    assert not GymArena(GymGame("CartPole-v1"), 4, 1, view(0)).remarks


def test_our_own_games_have_no_processes_for_environments(main):
    code, _, error = main("pong", "--steps", 100, "--set", "env_processes=2")
    assert code == 2 and "environments that are not ours" in error and "threads" in error


def test_workers_need_no_torch():
    code = "import sys, agents.bridges.gym.env_worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
