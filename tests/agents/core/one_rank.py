"""One of the two processes of `test_distributed`: what it does is named on its command line.

`updates FOLDER` writes what this rank collected and what it learned from it. `train FOLDER WHAT …` is train.py with the
words after WHAT, which may break something on the way; the weights after each iteration go to FOLDER.
"""

import os
import signal
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.torch import save_file

import games
import train
from agents.algorithms import dqn as dqns
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core import distributed, tensor_file
from agents.networks.normalization import RunningNorm
from agents.play.arena import GameArena
from agents.training import config
from agents.training import trainer as runs
from games.errors import UserError
from tests.agents.algorithms.steps import gradient_step

REPEAT = Path(__file__).parents[2] / "learning" / "repeat.py"
COMMON = {
    "observation": "objects", "network": "mlp", "hidden": 16, "memory_size": 12, "precision": "fp32", "optimizer": "sgd",
    "schedule": "constant", "learning_rate": 0.1,
}  # fmt: skip
SGD = {**COMMON, "n_envs": 6, "n_steps": 8, "n_epochs": 1, "batch_size": 4096, "max_grad_norm": 0.05}  # one minibatch, clipped
ON_POLICY = {  # by name: what differs, and is this rank's share smaller than the other's?
    "ppo": ({}, False),
    "ppo unequal": ({}, True),
    "ppo value": ({"normalize_value": True, "clip_range_vf": 0.1}, True),
    "ppo plain": ({"normalize_advantage": False, "max_grad_norm": 1e9}, True),
    "ppo lstm": ({"memory": "lstm"}, True),
    "pqn": ({}, False),
    "pqn value": ({"normalize_value": True}, True),
}
REPLAY = {**COMMON, "batch_size": 64, "learning_starts": 10**9, "max_grad_norm": 0.05}
DQNS = {
    "dqn": {"prioritized": False, "max_grad_norm": 1e9},
    "dqn priorities": {"beta": 0.7},
    "dqn lstm": {"memory": "lstm", "stack": 1, "burn_in": 2, "sequence": 4},
}


def on_policy(kind, envs, together=None):
    learner, settings_type, _ = config.ALGORITHMS[kind.split()[0]]
    settings = settings_type(**{**SGD, **ON_POLICY[kind][0], "n_envs": envs})
    return learner(games.load("connect_four"), settings, 1, [None], group=together)


def dqn(kind, envs, together=None):
    """Its target network is another than its own."""
    settings = DQNSettings(**{**REPLAY, **DQNS[kind], "n_envs": envs, "buffer_size": 100 * envs})
    with mock.patch.object(dqns, "MIN_DECISIONS", 1):  # rings of one size, however many there are
        learner = DQN(games.load("connect_four"), settings, 1, [None], group=together)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in learner.target.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return learner


def learned(learner):
    """Weights, and the gradients of the last step."""
    found = {f"weight.{name}": tensor for name, tensor in learner.network.state_dict().items()}
    return found | {f"grad.{name}": one.grad for name, one in learner.network.named_parameters() if one.grad is not None}


def save(path, tensors):
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, path)


def updates(folder, together):
    for kind, (_, unequal) in ON_POLICY.items():
        learner = on_policy(kind, 6, together)
        learner.collect()
        if unequal and together.rank == 1:  # few of its decisions count
            learner.rollout.asked[3:, ::2] = False
        given = {f"roll.{name}": tensor.clone() for name, tensor in learner.rollout.fields().items()}
        given["last_value"] = learner.last_value
        given |= {"first": learner.first_state} if learner.first_state is not None else {}
        metrics = learner.update(0.0)
        told = {f"metric.{name}": torch.tensor(value) for name, value in metrics.items()}
        save(folder / f"{kind} {together.rank}.safetensors", {**given, **learned(learner), **told})
    for kind in DQNS:
        learner = dqn(kind, 6, together)
        for _ in range(40 + 10 * together.rank):  # the other has seen more
            learner._decide()
        replay = learner.replay
        if replay.tree is not None:
            chance = np.random.default_rng(together.rank).random(len(replay.tree.leaves()))
            replay.tree.fill(replay.tree.leaves() * chance)
        given = {f"replay.{name}": tensor.clone() for name, tensor in replay.small().items()}
        given |= {"frames": torch.from_numpy(replay.frames.copy()), "count": torch.from_numpy(replay.count.copy())}
        if replay.tree is not None:
            given["priority"] = torch.from_numpy(replay.tree.leaves().copy())
        draw = replay.sample
        replay.sample = lambda *chance, draw=draw, given=given: note(draw(*chance), given)
        gradient_step(learner)
        save(folder / f"{kind} {together.rank}.safetensors", {**given, **learned(learner)})
    seen(folder, together)


def note(sampled, given):
    given |= {"row": torch.from_numpy(sampled.row.copy()), "entry": torch.from_numpy(sampled.entry.copy())}
    return sampled


def seen(folder, together):
    """Which episodes are played, what means are made of what is seen, and which returns are told."""
    settings = PPOSettings(**{**SGD, "n_envs": 5 + 3 * together.rank, "normalize_observation": True})
    learner, watched, watch = PPO(games.load(REPEAT), settings, 1, [], group=together), [], RunningNorm.watch
    RunningNorm.watch = lambda normal, x: (watched.append(x.clone()), watch(normal, x))
    own, gather = [], learner.collector.gather_episodes
    learner.collector.gather_episodes = lambda: (own.append(list(learner.returns)), gather())
    for _ in range(16):
        before = len(watched)
        own.clear()
        learner.iterate(lambda: 0.0)
    normal = learner.collector.norms[0]
    told = {"mean": normal.mean, "deviation": normal.deviation, "watched": torch.cat(watched[:before])}
    told |= {"own": torch.tensor(own[-1]), "returns": torch.tensor(learner.returns)}
    games_here = torch.from_numpy(learner.collector.arena.batch.states["rng"].view(np.int64).copy())
    save(folder / f"seen {together.rank}.safetensors", {**told, "rng": games_here})


# --- train.py, disturbed ---


def breaks(what):
    """Break something."""
    rank, step = int(os.environ["RANK"]), GameArena.step
    if what == "refuse" and rank == 1:

        def check(*arguments):
            raise UserError("This machine lacks something.\nGive it some.")

        config.check_resumable = check
    if what == "nan" and rank == 1:
        GameArena.step = lambda arena, actions: (lambda reward, end: (reward * np.nan, end))(*step(arena, actions))
    if what == "clock" and rank == 1:
        train.STARTED -= 1000.0
    if what == "die" and rank == 1:
        runs.Trainer._iterate = lambda run: os.kill(os.getpid(), signal.SIGKILL)
    if what == "long evaluation":
        original = runs.Trainer.evaluate
        long = lambda run: (print("evaluating", flush=True), time.sleep(60))  # noqa: E731
        runs.Trainer.evaluate = lambda run, last=False: long(run) if run.learner.steps else original(run)


def trained(folder, what, words):
    breaks(what)
    iterate, rank = runs.Trainer._iterate, int(os.environ["RANK"])

    def iterate_and_tell(run):
        iterate(run)
        state = run.learner.state()[0]
        common = {name: tensor for name, tensor in state.items() if name.startswith(run.learner.shared_tensors)}
        with open(folder / f"weights {rank}", "a") as file:
            file.write(f"{run.learner.steps} {run.learner.stepper.updates} {tensor_file.digest(common)}\n")

    runs.Trainer._iterate = iterate_and_tell if what != "die" or rank == 0 else iterate
    sys.argv = ["train.py", *words]
    return train.main()


if __name__ == "__main__":
    task, folder, *more = sys.argv[1:]
    if task == "updates":
        torch.set_num_threads(1)
        meeting = distributed.join_group()
        updates(Path(folder), meeting)
        sys.exit(meeting.leave(0))
    sys.exit(trained(Path(folder), more[0], more[1:]))
