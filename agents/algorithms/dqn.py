"""Deep Q-networks (Mnih et al. 2015, doi:10.1038/nature14236) and what made them better, in the order of the paper.

Act and add to the replay → sample → targets → loss → gradient step. `dqn_batch` builds what a gradient step reads, the loss
is in `dqn_loss`. Each part can be switched off; without all of them it is the algorithm of 2015: `double` (van Hasselt et
al. 2016, arXiv:1509.06461), `dueling` (see `ActionValues`), `n_step` (Hessel et al. 2018, arXiv:1710.02298), `prioritized`
(Schaul et al. 2016, arXiv:1511.05952). With a memory it learns from sequences, as R2D2 does (Kapturowski et al. 2019).
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.algorithms import dqn_loss, dqn_loss_compiled
from agents.algorithms.dqn_batch import BatchBuilder, DQNBatch, ReplaySample, doubling_slices, q_ahead, sequence_q
from agents.algorithms.dqn_loss import DQNTerms, priorities
from agents.algorithms.exploration import epsilons
from agents.algorithms.gradient import SliceLoss, StepResult
from agents.algorithms.learner import Learner, ReadFile, WriteFile
from agents.algorithms.settings import LearnerSettings
from agents.core import schema
from agents.core.distributed import ProcessGroup
from agents.core.memory_check import check_replay_memory
from agents.core.restored import checked
from agents.core.tensor_file import select_prefix
from agents.core.threads import torch_workers
from agents.experience import augmentation, replay_files
from agents.experience.replay import Replay, ReplayLayout
from agents.experience.rollout import truncated_rows
from agents.networks.action_choice import epsilon_greedy
from agents.networks.network import Network
from agents.play.pool import Opponents
from agents.play.trainable import AnyGame, trainable
from games.engine.levels import ANY, Levels

# --- settings -------------------------------------------------------------------------------------------------------


@dataclass
class DQNSettings(LearnerSettings):
    """Names as in Stable-Baselines3 where it has one."""

    n_envs: int = 256  # environments
    train_freq: int = 4  # decisions of each between updates
    gradient_steps: int = 8  # of each update; 4 win 75 % of Pong after 1.2 M steps, 8 win 93 % (256 environments)
    batch_size: int = 256  # decisions of a gradient step; with a memory batch_size / sequence sequences
    buffer_size: int = 200_000  # decisions kept, each frame once
    learning_starts: int = 10_000  # decisions before the first gradient step
    learning_rate: float = 3e-3
    optimizer_eps: float = 1e-8  # importance weights make gradients small; 1e-5 would damp them: 59 % of Pong, not 82
    double: bool = True
    n_step: int = 5  # rewards come late: 93 % of Pong after 1.2 M steps, with 10 it is 88
    prioritized: bool = True
    alpha: float = 0.6  # of priorities: 0 would be none
    beta: float = 0.4  # exponent of the importance weights at first; rises to 1
    tau: float = 1.0  # target = tau · online + (1 − tau) · target at an update; 1 copies
    target_update_interval: int = 8_000  # decisions between these
    # Of random actions: schedule, or apex (each environment has its own share, Horgan et al. 2018).
    exploration: str = "schedule"
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.02
    exploration_fraction: float = 0.1  # of the run in which it falls from the one to the other
    burn_in: int = 8  # decisions that only warm the memory up
    sequence: int = 16  # decisions learned from on end, with memory
    max_grad_norm: float = 10.0


SB3_PRESET: dict[str, Any] = {
    "n_envs": 1, "train_freq": 4, "gradient_steps": 1, "batch_size": 32, "buffer_size": 1_000_000, "learning_starts": 100,
    "learning_rate": 1e-4, "schedule": "constant", "gamma": 0.99, "double": False, "dueling": False, "n_step": 1,
    "prioritized": False, "tau": 1.0, "target_update_interval": 10_000, "exploration": "schedule",
    "exploration_initial_eps": 1.0, "exploration_final_eps": 0.05, "exploration_fraction": 0.1, "max_grad_norm": 10.0,
    "optimizer": "adam", "optimizer_eps": 1e-8, "network": "nature", "size": 84, "stack": 4, "precision": "fp32",
}  # fmt: skip

BUILT_AHEAD = 1024  # decisions whose batches are built together, one batch at least: a sixth faster on one thread
MOST_AGE = 1 << 30  # decisions of an episode, at most
MIN_DECISIONS = 2048  # of an iteration; logging each handful would cost more than learning

# --- the learner ----------------------------------------------------------------------------------------------------


class DQN(Learner):
    """Learns the actions' values from a replay of what it plays.

    A round is `train_freq` decisions of each environment and `gradient_steps` on samples drawn before those decisions.
    With several threads both run at once, with the same result.
    """

    algorithm, terms_type = "dqn", DQNTerms
    shared_tensors = (*Learner.shared_tensors, "own.target.")
    settings: DQNSettings

    def __init__(
        self,
        game: AnyGame,
        settings: DQNSettings,
        seed: int,
        opponents: Opponents,
        device: str = "cpu",
        threads: int = 1,
        group: ProcessGroup | None = None,
        levels: Levels = ANY,
    ):
        plays_while_learning = threads > 1 and (group or ProcessGroup()).size == 1 and trainable(game).any_thread
        each = threads // 2 if plays_while_learning else threads
        super().__init__(game, settings, seed, opponents, device, each, group, levels)
        self.target = self._make_network().to(self.device)
        self.target.load_state_dict(self.network.state_dict())
        for parameter in self.target.parameters():
            parameter.requires_grad = False
        self.loss_gradient = (dqn_loss_compiled if self.device.type == "cpu" else dqn_loss).loss_gradient
        rows = self.collector.rows
        self.rounds = max(1, -(-MIN_DECISIONS // (rows * settings.train_freq)))  # of an iteration
        self.replay = self._make_replay()
        self.pending = np.zeros(rows, bool)  # rows whose latest decision may still earn rewards
        self.age = np.zeros(rows, np.int32)  # entries of the running episode
        self.progress, self.target_updated = 0.0, 0  # of the run; the step of the latest update of the target network
        self.micro_batch_size = settings.batch_size
        if self.device.type == "cpu":
            self.micro_batch_size = max(1, self.network.encoder.micro_batch_size(self.dtype) // self.sample_length)
        self.builder = BatchBuilder(
            self.replay, self.target, settings, self.device, self.dtype, self.workers, self.micro_batch_size
        )
        self.acting_network: Network = self.network
        self.play_thread: ThreadPoolExecutor | None = None
        if plays_while_learning:
            self.stepper.workers = torch_workers(threads - threads // 2)
            self.acting_network = self._make_network().to(self.device)  # the network as a round began with it
            self.play_thread = ThreadPoolExecutor(1, "player", lambda: torch.set_num_threads(1))

    def close(self) -> None:
        super().close()
        self.stepper.workers.close()
        if self.play_thread is not None:
            self.play_thread.shutdown()

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        super().begin_from(weights)
        self.target.load_state_dict(self.network.state_dict())

    @property
    def recurrent(self) -> bool:
        return self.network.memory is not None

    @property
    def sample_length(self) -> int:
        """Entries of a sample, all that its loss looks at."""
        return self.settings.burn_in + self.settings.sequence if self.recurrent else 1

    def _make_replay(self) -> Replay:
        settings, collector = self.settings, self.collector
        view, memory = collector.arena.view, collector.memory
        each = -(-settings.buffer_size // collector.rows)
        layout = ReplayLayout(
            collector.rows, each, view.frame, view.dtype, self.game.num_actions, masks=collector.has_masks, stack=view.stack,
            n_step=settings.n_step, gamma=settings.gamma, prioritized=settings.prioritized,
            slack=settings.train_freq * self.rounds * 2, sequence=self.sample_length,
            period=1 if memory is None else max(1, settings.sequence // 2), memory=None if memory is None else memory.shape[1:],
        )  # fmt: skip
        self.remarks.append(check_replay_memory(settings.buffer_size, layout.nbytes(), self.group))
        return Replay(**vars(layout))

    # --- an iteration ---

    @property
    def iteration_decisions(self) -> int:
        return self.rounds * self.settings.train_freq

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """Play and learn until there is something to tell; its numbers for TensorBoard. progress: of the run, 0 to 1."""
        self.collector.begin_iteration()
        self.seconds = dict.fromkeys(self.seconds, 0.0)
        self.progress, began = progress(), perf_counter()
        results = [result for _ in range(self.rounds) for result in self._round()]
        self.collector.gather_episodes()
        self.seconds["iteration"] = perf_counter() - began
        self.seconds["environment"] = self.collector.environment_seconds
        self.seconds["acting"] = self.collector.acting_seconds
        rows = torch.stack([torch.stack([*result.terms, result.grad_norm]) for result in results]).tolist() if results else []
        means = dict(zip((*DQNTerms._fields, "grad_norm"), np.mean(rows, 0).tolist(), strict=True)) if rows else {}
        return {
            **{f"train/{name}": mean for name, mean in means.items()},
            "train/learning_rate": self.stepper.set_learning_rate(self.progress),
            "train/n_updates": self.stepper.updates,
            "rollout/exploration_rate": float(self.epsilon().mean()),
        }

    def _round(self) -> list[StepResult[DQNTerms]]:
        """Some decisions, and gradient steps from what was there before."""
        settings = self.settings
        if self.acting_network is not self.network:
            self.acting_network.load_state_dict(self.network.state_dict())
        if self.steps < settings.learning_starts or not self.group.gather_numbers(self.replay.ready()).all():
            self._collect()
            return []
        self.stepper.set_learning_rate(self.progress)
        samples = [self._sample() for _ in range(settings.gradient_steps)]
        parts = [samples[slice(*edges)] for edges in doubling_slices(len(samples), BUILT_AHEAD // settings.batch_size)]
        if self.play_thread is None:
            self._collect()
            td_errors, results = self._update(self.builder.build(part) for part in parts)
        else:
            building = [self.play_thread.submit(self.builder.build, part) for part in parts]
            playing = self.play_thread.submit(self._collect)
            try:
                # Popped, so that a batch is freed once it is learned from.
                td_errors, results = self._update(building.pop(0).result() for _ in parts)
            finally:
                wait([playing])  # that thread works in order: when this is done, all is
            playing.result()
        for sample, td_error in zip(samples, td_errors, strict=True):
            self.replay.update_priorities(sample.row, sample.entry, priorities(td_error, settings.alpha))
        if self.steps - self.target_updated >= settings.target_update_interval:
            self.target_updated = self.steps
            self._update_target()
        return results

    # --- collect ---

    def _collect(self) -> None:
        """`train_freq` decisions of every row, into the replay."""
        began = perf_counter()
        with self.collector.counting_steps():
            for _ in range(self.settings.train_freq):
                self._decide()
        self.seconds["collect"] += perf_counter() - began

    def epsilon(self) -> Tensor:
        """float32 [R]: each row's share of random actions now."""
        return epsilons(self.settings, self.progress, self.collector.rows, self.device)

    def _decide(self) -> None:
        """One decision of every row that is asked."""
        collector = self.collector
        asked, starts, state = collector.asked(), collector.starts(), collector.recurrent_state()
        q, _, state_after = collector.forward(self.acting_network, collector.observation(), state)
        masks = collector.masks()
        mask = None if masks is None else torch.from_numpy(masks).to(self.device)
        action = epsilon_greedy(q, mask, self.epsilon(), self.generator).cpu().numpy()
        self._add_decisions(np.flatnonzero(asked), action, masks, starts.cpu().numpy(), state)
        collector.store_state(asked, state_after)
        reward, end = collector.step(action)
        self._add_outcome(reward, end)
        collector.observe()

    def _add_decisions(
        self, rows: np.ndarray, action: np.ndarray, masks: np.ndarray | None, starts: np.ndarray, state: Tensor | None
    ) -> None:
        """Enter the decisions of some rows into the replay."""
        self.age[rows] = np.where(starts[rows], 0, self.age[rows])
        if state is not None:
            self.replay.store_state(rows, state.cpu().numpy()[rows])
        frames = self.collector.arena.view.newest()[rows, -1]
        self.replay.add(rows, frames, action[rows], self.age[rows], mask=None if masks is None else masks[rows])
        self.age[rows] += 1
        self.pending[rows] = True

    def _add_outcome(self, reward: np.ndarray, end: np.ndarray) -> None:
        """Enter rewards, and the ends of episodes; where one was truncated, the state it was truncated in."""
        rows = np.flatnonzero(self.pending)
        self.replay.add_reward(rows, reward[rows], end[rows])
        truncated = truncated_rows(end)
        truncated = truncated[self.pending[truncated]]
        if len(truncated):
            masks = self.collector.arena.view.final_masks(truncated) if self.collector.has_masks else None
            frames = self.collector.final_frames(truncated)[:, -1]
            # No decision: the state that its return goes on from. Its action, 0, is never learned.
            self.replay.add(truncated, frames, 0, self.age[truncated], real=0, mask=masks)
        self.pending &= end == 0

    # --- update ---

    def _sample(self) -> ReplaySample:
        """Draw the entries of one gradient step, and how their observations are augmented."""
        settings, encoder = self.settings, self.network.encoder
        count = max(1, settings.batch_size // settings.sequence) if self.recurrent else settings.batch_size
        precise = torch.float32 if self.device.type == "mps" else torch.float64  # MPS has no float64
        uniform = torch.rand(count, generator=self.generator, dtype=precise, device=self.device).cpu().double().numpy()
        sampled = self.replay.sample(uniform, settings.beta + (1 - settings.beta) * self.progress)
        if self.group.size > 1:  # weights relative to the largest of all processes
            sampled.weight *= np.float32(
                sampled.largest_weight / self.group.gather_numbers(sampled.largest_weight).max().item()
            )
        change = augmentation.draw(settings, encoder, count, self.generator)
        next_change = None if self.recurrent else augmentation.draw(settings, encoder, count, self.generator)
        return ReplaySample(sampled.row, sampled.entry, sampled.weight, change, next_change)

    def _update(self, parts: Iterable[list[DQNBatch]]) -> tuple[list[np.ndarray], list[StepResult[DQNTerms]]]:
        """A gradient step on each batch: their temporal differences, and their results."""
        began = perf_counter()
        found = [self._gradient_step(batch) for part in parts for batch in part]
        self.seconds["update"] += perf_counter() - began
        return [td_error for td_error, _ in found], [result for _, result in found]

    def _gradient_step(self, batch: DQNBatch) -> tuple[np.ndarray, StepResult[DQNTerms]]:
        """One gradient step; the temporal differences, float32 [B] or [B, sequence]."""
        count, decisions = len(batch.observation), len(batch.transitions.action)
        td_error = np.zeros((count, decisions // count), np.float32)
        total = decisions * self.group.size  # that the loss is a mean over

        def loss(lo: int, hi: int) -> SliceLoss:
            part = batch.slice(lo, hi)
            q, target_q, online_q = self._q_values(part)
            dq, error, terms = self.loss_gradient(q.detach(), target_q, online_q, part.transitions)
            td_error[lo:hi] = error.cpu().reshape(hi - lo, -1)
            return SliceLoss([q], [dq / total], terms / total)

        result = self.stepper.step(count, self.micro_batch_size, loss)
        return td_error if self.recurrent else td_error[:, 0], result

    def _q_values(self, batch: DQNBatch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Q of the decisions [B, A] (or [B * sequence, A]), and of their next states by the target network and, for double
        DQN, by the learning one."""
        online_q = None
        if batch.burn_in is not None:
            every = sequence_q(self.network, batch, self.dtype)
            if self.settings.double:
                online_q = q_ahead(every.detach(), batch.burn_in.ahead).flatten(0, 1)
            return every[:, : self.settings.sequence].flatten(0, 1), batch.target_q.flatten(0, 1), online_q
        if batch.next_observation is not None:
            with torch.no_grad():
                online_q = self.network(batch.next_observation, self.dtype)[0]
        return self.network(batch.observation, self.dtype)[0], batch.target_q, online_q

    def _update_target(self) -> None:
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, self.settings.tau)
            for old, new in zip(self.target.buffers(), self.network.buffers(), strict=True):
                old.copy_(new)

    # --- checkpoints ---

    def algorithm_state(self) -> dict[str, Tensor]:
        tensors = {f"target.{name}": tensor for name, tensor in self.target.state_dict().items()}
        tensors |= {f"mark.{name}": tensor for name, tensor in self.replay.mark().items()}
        numbers = {"open": self.pending, "age": self.age, "targeted": np.array(self.target_updated)}
        return tensors | {name: torch.from_numpy(np.array(array)) for name, array in numbers.items()}

    def restore_algorithm_state(self, tensors: dict[str, Tensor]) -> None:
        self.target.load_state_dict(select_prefix(tensors, "target."))
        self.pending = checked("open", tensors["open"], self.pending).numpy().copy()
        self.age = checked("age", tensors["age"], self.age, 0, MOST_AGE).numpy().copy()
        self.target_updated = int(checked("targeted", tensors["targeted"], np.array(0), 0, schema.MOST))
        self._mark = select_prefix(tensors, "mark.")

    def write_large_state(self, write: WriteFile, tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        if self.play_thread is not None:  # a signal may have left it at work
            self.play_thread.submit(int).result()  # an empty job: done when the thread is idle
        self.replay.rewind(select_prefix(tensors, "own.mark."))
        replay_files.write(self.replay, lambda name, frames: write(f"replay/{name}", frames))
        small = {f"replay.{name}": tensor for name, tensor in self.replay.small().items()}
        return small, {"segments": list(self.replay.frame_files)}

    def read_large_state(self, read: ReadFile, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        small = select_prefix(tensors, "replay.")
        replay_files.read(self.replay, lambda name: read(f"replay/{name}"), values["segments"], small, self._mark)

    def large_files(self, values: dict[str, Any]) -> list[str]:
        return [f"replay/{name}" for name in values["segments"]]
