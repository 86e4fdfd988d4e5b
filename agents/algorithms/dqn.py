"""Deep Q-networks (Mnih et al. 2015, doi:10.1038/nature14236) and what made them better. `dqn_objective` has the mathematics.

Each part can be switched off; without all of them it is the algorithm of 2015: `double` (van Hasselt et al. 2016,
arXiv:1509.06461), `dueling` (see `ActionValues`), `n_step` (Hessel et al. 2018, arXiv:1710.02298), `prioritized` (Schaul
et al. 2016, arXiv:1511.05952). With a memory it learns from sequences, as R2D2 does (Kapturowski et al. 2019).
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.dqn_batch import BurnIn, DQNBatch, ReplaySample, concatenated, doubling_slices
from agents.algorithms.dqn_loss import TERMS as OF_LOSS
from agents.algorithms.dqn_loss import Gradient, Transitions, loss_gradient, priorities
from agents.algorithms.learner import Learner, LearnerSettings, ReadFile, WriteFile, micro_batches, torch_workers
from agents.core.distributed import ProcessGroup
from agents.core.memory_check import check_replay_memory
from agents.core.tensor_file import select_prefix
from agents.experience.replay import Replay, ReplayLayout, SampledEntries
from agents.experience.rollout import truncated_rows
from agents.networks.network import Network, epsilon_greedy, reset_state, segments
from agents.play.agent import build_network
from agents.play.seats import Participant
from agents.play.trainable import trainable
from games.engine.loader import Game

# --- the settings ---------------------------------------------------------------------------------------------------


@dataclass
class DQNSettings(LearnerSettings):
    """Names as in Stable-Baselines3 where it has one."""

    n_envs: int = 256  # environments
    train_freq: int = 4  # decisions of each between updates
    gradient_steps: int = 8  # of each update; 4 win 75 % of Pong after 1.2 M steps, 8 win 93 % (256 environments)
    batch_size: int = 256  # decisions, so that each is learned from twice; with memory in sequences of `sequence`
    buffer_size: int = 200_000  # decisions kept, each frame once
    learning_starts: int = 10_000  # decisions before the first gradient step
    learning_rate: float = 3e-3
    optimizer_eps: float = 1e-8  # weighed errors have small gradients, which must count: 82 % of Pong, not 59, after 1 M steps
    double: bool = True
    n_step: int = 5  # rewards come late: 93 % of Pong after 1.2 M steps, with 10 it is 88
    prioritized: bool = True
    alpha: float = 0.6  # of priorities: 0 would be none
    beta: float = 0.4  # how much of their bias is weighed out at first; in the end all
    tau: float = 1.0  # share of the online network that goes into the target network at an update of it
    target_update_interval: int = 8_000  # decisions between these
    exploration: str = (
        "schedule"  # of random actions: schedule, or apex (each environment has its own share, Horgan et al. 2018)
    )
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

PREPARED = 1024  # decisions that are prepared at once, where a batch has not more: a sixth faster on one thread
TERMS = (*OF_LOSS, "grad_norm")
AT_LEAST = 2048  # decisions of an iteration; logging each handful would cost more than learning


# --- the learner ----------------------------------------------------------------------------------------------------


class DQN(Learner):
    """Learns what actions are worth from a replay of what it plays.

    A round is `train_freq` decisions of each environment and `gradient_steps` from what was known before them. With several
    threads they go on beside each other, and come to the same.
    """

    algorithm, terms = "dqn", TERMS
    common = (*Learner.common, "own.target.")

    def __init__(
        self,
        game: Game,
        settings: DQNSettings,
        seed: int,
        opponents: list[Participant | None],
        device: str = "cpu",
        threads: int = 1,
        ranks: ProcessGroup | None = None,
    ):
        beside = threads > 1 and (ranks or ProcessGroup()).size == 1 and trainable(game).any_thread
        make = partial(build_network, game, settings, self.algorithm)
        super().__init__(game, settings, seed, opponents, device, threads // 2 if beside else threads, make, ranks)
        self.target = make().to(self.device)
        self.target.load_state_dict(self.network.state_dict())
        for parameter in self.target.parameters():
            parameter.requires_grad = False
        self.rounds = max(1, -(-AT_LEAST // (self.rows * settings.train_freq)))  # of an iteration
        self.replay = self._replay()
        self.open = np.zeros(self.rows, bool)  # rows whose latest decision may still be paid
        self.age = np.zeros(self.rows, np.int32)  # entries of the running episode
        self.progress, self.targeted = 0.0, 0  # of the run; the step of the latest update of the target network
        self.piece = max(1, self.network.encoder.at_once(self.dtype) // self.length) if device == "cpu" else settings.batch_size
        self.acting: Network = self.network
        self.play_thread: ThreadPoolExecutor | None = None
        if beside:
            self.learning_workers = torch_workers(threads - threads // 2)
            self.acting = make().to(self.device)  # the network as a round began with it
            self.play_thread = ThreadPoolExecutor(1, "player", lambda: torch.set_num_threads(1))

    def close(self) -> None:
        super().close()
        if self.play_thread is not None:
            self.play_thread.shutdown()

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        super().begin_from(weights)
        self.target.load_state_dict(self.network.state_dict())

    @property
    def length(self) -> int:
        """Entries of a sample, all that its loss looks at."""
        if self.memory is None:
            return 1
        return self.settings.burn_in + self.settings.sequence

    def _replay(self) -> Replay:
        settings, view, memory = self.settings, self.arena.view, self.memory
        each = -(-settings.buffer_size // self.rows)
        rings = ReplayLayout(
            self.rows, each, view.frame, view.dtype, self.game.num_actions, masks=self.masks, stack=view.stack,
            n_step=settings.n_step, gamma=settings.gamma, prioritized=settings.prioritized,
            slack=settings.train_freq * self.rounds * 2, sequence=self.length,
            period=1 if memory is None else max(1, settings.sequence // 2), memory=None if memory is None else memory.shape[1:],
        )  # fmt: skip
        self.remarks.append(check_replay_memory(settings.buffer_size, rings.nbytes(), self.ranks.here))
        return Replay(**vars(rings))

    # --- an iteration ---

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """Play and learn until there is something to tell."""
        self.begin_iteration()
        self.progress, began = progress(), perf_counter()
        rounds = [self._round() for _ in range(self.rounds)]
        self.gather_ends()
        self.seconds["iteration"] = perf_counter() - began
        terms = [terms for told in rounds for terms in told]
        means = dict(zip(TERMS, np.mean(terms, 0).tolist(), strict=True)) if terms else {}
        return {
            **{f"train/{name}": mean for name, mean in means.items()},
            "train/learning_rate": self.set_rate(self.progress),
            "train/n_updates": self.updates,
            "rollout/exploration_rate": float(self.epsilon().mean()),
        }

    def _round(self) -> list[list[float]]:
        """Some decisions, and gradient steps from what was there before; `TERMS` of each of these."""
        settings = self.settings
        if self.acting is not self.network:
            self.acting.load_state_dict(self.network.state_dict())
        if self.steps < settings.learning_starts or not self.ranks.numbers(self.replay.ready()).all():
            self._collect()
            return []
        self.set_rate(self.progress)
        drawn = [self._draw() for _ in range(settings.gradient_steps)]
        shares = [drawn[slice(*edges)] for edges in doubling_slices(len(drawn), PREPARED // settings.batch_size)]
        if self.play_thread is None:
            self._collect()
            errors, told = self._update(self._prepared(share) for share in shares)
        else:
            prepared = [self.play_thread.submit(self._prepared, share) for share in shares]
            played = self.play_thread.submit(self._collect)
            try:
                errors, told = self._update(prepared.pop(0).result() for _ in shares)
            finally:
                wait([played])  # the last of all that goes on there
            played.result()
        for one, error in zip(drawn, errors, strict=True):
            self.replay.rate(one.row, one.entry, priorities(error, settings.alpha))
        if self.steps - self.targeted >= settings.target_update_interval:
            self.targeted = self.steps
            self._move_target()
        return told

    # --- collect ---

    def _collect(self) -> None:
        """`train_freq` decisions of every row."""
        began = perf_counter()
        with self.playing():
            for _ in range(self.settings.train_freq):
                self._play()
        self.seconds["collect"] += perf_counter() - began

    def epsilon(self) -> Tensor:
        """float32 [R]: each row's share of random actions now."""
        settings = self.settings
        if settings.exploration == "apex":
            power = 1.0 + 7.0 * torch.arange(self.rows, device=self.device) / max(1, self.rows - 1)
            return 0.4**power
        fallen = min(1.0, self.progress / max(settings.exploration_fraction, 1e-9))
        high, low = settings.exploration_initial_eps, settings.exploration_final_eps
        return torch.full((self.rows,), high + fallen * (low - high), device=self.device)

    def _play(self) -> None:
        """One decision of every row that is asked."""
        began = perf_counter()
        view, asked = self.arena.view, self.arena.asked()
        before = reset_state(self.memory, self.begins())
        q, after = self._values(self.seen(), before)
        masks = view.masks() if self.masks else None
        mask = None if masks is None else torch.from_numpy(masks).to(self.device)
        chosen = epsilon_greedy(q, mask, self.epsilon(), self.generator).cpu().numpy()
        self._note(np.flatnonzero(asked), chosen, masks, before)
        self.remember(asked, after)
        acted = perf_counter()
        reward, end = self.arena.step(chosen)
        self._pay(self.earned(reward), end)
        self._seen = self.observe()
        self.seconds["acting"] += acted - began
        self.seconds["environment"] += perf_counter() - acted

    def _values(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Q of every row and the memory after, the rows shared out among the threads."""

        def part(lo: int, hi: int, k: int) -> tuple[Tensor, Tensor, Tensor | None]:
            with torch.inference_mode():
                return self.acting.step(x[lo:hi].to(self.device), None if state is None else state[lo:hi], self.dtype)

        q, _, after = zip(*self.workers.run(len(x), part), strict=True)
        return torch.cat(q), None if state is None else torch.cat(after)

    def _note(self, rows: np.ndarray, chosen: np.ndarray, masks: np.ndarray | None, before: Tensor | None) -> None:
        """Enter the decisions of some rows into the replay."""
        begins = self.begins().cpu().numpy()[rows]
        self.age[rows] = np.where(begins, 0, self.age[rows])
        if before is not None:
            self.replay.remember(rows, before.cpu().numpy()[rows])
        frames = self.arena.view.newest()[rows, -1]
        self.replay.add(rows, frames, chosen[rows], self.age[rows], mask=None if masks is None else masks[rows])
        self.age[rows] += 1
        self.open[rows] = True
        self.steps += len(rows)

    def _pay(self, reward: np.ndarray, end: np.ndarray) -> None:
        """Enter what was earned, and the ends of episodes."""
        view = self.arena.view
        rows = np.flatnonzero(self.open)
        self.replay.pay(rows, reward[rows], end[rows])
        if end.any():
            self.note_ends()
            cut = truncated_rows(end)
            cut = cut[self.open[cut]]
            if len(cut):
                masks = view.final_masks(cut) if self.masks else None
                self.replay.add(cut, self.final(cut)[:, -1], 0, self.age[cut], real=0, mask=masks)
            self.open &= end == 0

    # --- update ---

    def _update(self, prepared: Iterable[list[DQNBatch]]) -> tuple[list[np.ndarray], list[list[float]]]:
        """A gradient step on each of what is prepared: the temporal differences, and `TERMS`."""
        began = perf_counter()
        found = [self._learn(one) for share in prepared for one in share]
        terms = torch.stack([terms for _, terms in found]).tolist()
        self.seconds["update"] += perf_counter() - began
        return [error for error, _ in found], terms

    def _move_target(self) -> None:
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, self.settings.tau)
            for old, new in zip(self.target.buffers(), self.network.buffers(), strict=True):
                old.copy_(new)

    def _draw(self) -> ReplaySample:
        """For one gradient step."""
        sampled = self._sample()
        count = len(sampled.row)
        change = self.changes(count)
        later = self.changes(count) if self.memory is None else None
        return ReplaySample(sampled.row, sampled.entry, sampled.weight, change, later)

    def _sample(self) -> SampledEntries:
        """What one gradient step learns from."""
        settings = self.settings
        count = settings.batch_size if self.memory is None else max(1, settings.batch_size // settings.sequence)
        fine = torch.float32 if self.device.type == "mps" else torch.float64  # which Apple's does not have
        chance = torch.rand(count, generator=self.generator, dtype=fine, device=self.device).cpu().double().numpy()
        sampled = self.replay.sample(chance, settings.beta + (1 - settings.beta) * self.progress)
        if self.ranks.size > 1:  # as if all had been drawn together
            sampled.weight *= np.float32(sampled.unit / self.ranks.numbers(sampled.unit).max().item())
        return sampled

    def _prepared(self, drawn: Sequence[ReplaySample]) -> list[DQNBatch]:
        """What some gradient steps look at and none before them changes: the target network stands still meanwhile.

        After this round's decisions it is the same as before them: the replay has `slack` for them.
        """
        together: ReplaySample = concatenated(drawn)

        def part(lo: int, hi: int, k: int) -> DQNBatch:
            with torch.no_grad():
                return concatenated([self._prepare(together.of(*edges)) for edges in micro_batches(lo, hi, self.piece)])

        count = len(together.row)
        whole: DQNBatch = concatenated(self.workers.run(count, part))
        each = count // len(drawn)
        return [whole.of(lo, lo + each) for lo in range(0, count, each)]

    def _prepare(self, drawn: ReplaySample) -> DQNBatch:
        if self.memory is not None:
            return self._prepare_sequences(drawn)
        row, entry = drawn.row, drawn.entry
        after, decided = self._decided(row, entry, drawn.weight)
        seen = self.changed(self._arranged(row, entry), drawn.change)
        later = self.changed(self._arranged(row, after), drawn.later)
        return DQNBatch(seen, later if self.settings.double else None, self.target(later, self.dtype)[0], decided)

    def _prepare_sequences(self, drawn: ReplaySample) -> DQNBatch:
        """All that is seen in a sequence is changed alike."""
        settings, replay = self.settings, self.replay
        assert replay.state is not None
        burn, learned, long = settings.burn_in, settings.sequence, settings.sequence + settings.n_step
        row, entry = np.repeat(drawn.row, learned), _spread(drawn.entry + burn, learned)
        after, decided = self._decided(row, entry, np.repeat(drawn.weight, learned))
        seen, begins = self._stretch(drawn, burn + long)
        past = BurnIn(
            self._tensor(begins[:, burn:]),
            self._tensor((after - entry).reshape(-1, learned)),
            seen[:, :burn],
            begins[:, :burn],
            self._tensor(replay.state[drawn.row, drawn.entry % replay.size // replay.period]),
        )
        prepared = DQNBatch(seen[:, burn:], None, torch.empty(0), decided, past)
        return prepared._replace(value=_at(self._sequence(self.target, prepared), past.ahead))

    def _stretch(self, drawn: ReplaySample, long: int) -> tuple[Tensor, np.ndarray]:
        """Of so many entries of each sequence what was seen, [B, long, *encoder.stored], and which begin an episode."""
        row, entry = np.repeat(drawn.row, long), _spread(drawn.entry, long)
        x = self._arranged(row, entry)
        if drawn.change is not None:
            x = self.changed(x, drawn.change.of(torch.arange(len(drawn.row), device=self.device).repeat_interleave(long)))
        begins = self.replay.at("age", row, entry) == 0
        return x.unflatten(0, (-1, long)), begins.reshape(-1, long)

    def _decided(self, row: np.ndarray, entry: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, Transitions]:
        """Of entries [B]: those that are valued after them, int64 [B], and what was decided."""
        at = self.replay.at
        after, reward, discount = self.replay.followed(row, entry)
        mask = at("mask", row, after) if self.masks else None
        return after, Transitions(at("action", row, entry), reward, discount, weight, at("real", row, entry), mask)

    def _arranged(self, row: np.ndarray, entry: np.ndarray) -> Tensor:
        return torch.from_numpy(self.network.encoder.arrange(self.replay.observation(row, entry))).to(self.device)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    # --- learn ---

    def _learn(self, prepared: DQNBatch) -> tuple[np.ndarray, Tensor]:
        """One gradient step; the temporal differences [B] or [B, sequence], and what `TERMS` names as one tensor."""
        count, decisions = len(prepared.seen), len(prepared.decided.action)
        error = np.zeros((count, decisions // count), np.float32)
        every = decisions * self.ranks.size  # that the loss is a mean over

        def loss(lo: int, hi: int) -> tuple[list[Tensor], list[Tensor], Tensor]:
            q, (by_q, difference, terms) = self._gradient(prepared.of(lo, hi))
            error[lo:hi] = difference.cpu().reshape(hi - lo, -1)
            return [q], [by_q / every], terms / every

        terms, norm = self.gradient_step(count, self.piece, loss)
        return error[:, 0] if self.memory is None else error, torch.cat([terms, norm[None]])

    def _gradient(self, prepared: DQNBatch) -> tuple[Tensor, Gradient]:
        """Q [B, A] of decisions, or [B * sequence, A], and how their loss is to change it."""
        value, online = prepared.value, None
        if prepared.past is not None:
            every = self._sequence(self.network, prepared)
            q = every[:, : self.settings.sequence].flatten(0, 1)
            value = value.flatten(0, 1)
            if self.settings.double:
                online = _at(every.detach(), prepared.past.ahead).flatten(0, 1)
        else:
            if prepared.later is not None:
                with torch.no_grad():
                    online = self.network(prepared.later, self.dtype)[0]
            q, _ = self.network(prepared.seen, self.dtype)
        return q, loss_gradient(q, value, online, prepared.decided)

    def _sequence(self, network: Network, prepared: DQNBatch) -> Tensor:
        """A network's Q of all entries of sequences that a loss looks at, [B, sequence + n_step, A]."""
        assert prepared.past is not None
        begins, state = prepared.past.begins, self._burnt_in(network, prepared.past)
        q, _ = network(prepared.seen.flatten(0, 1), self.dtype, segments(torch.ones_like(begins.T), begins.T, state))
        return q.unflatten(0, begins.shape)

    def _burnt_in(self, network: Network, past: BurnIn) -> Tensor:
        """A network's memory after the first entries of sequences, from the state that acting had before them.

        No gradient flows so far back: these entries only bring a state that was kept a while ago up to date.
        """
        if self.settings.burn_in == 0:
            return past.state
        x = past.burned.transpose(0, 1).flatten(0, 1)  # in the order of time
        with torch.no_grad():
            return network.after(x, past.burned_begins.T, past.state, self.dtype)

    # --- checkpoints ---

    def own_state(self) -> dict[str, Tensor]:
        tensors = {f"target.{name}": tensor for name, tensor in self.target.state_dict().items()}
        tensors |= {f"mark.{name}": tensor for name, tensor in self.replay.mark().items()}
        numbers = {"open": self.open, "age": self.age, "targeted": np.array(self.targeted)}
        return tensors | {name: torch.from_numpy(np.array(array)) for name, array in numbers.items()}

    def restore_own(self, tensors: dict[str, Tensor]) -> None:
        self.target.load_state_dict(select_prefix(tensors, "target."))
        self.open, self.age = tensors["open"].numpy().copy(), tensors["age"].numpy().copy()
        self.targeted = int(tensors["targeted"])
        self._mark = select_prefix(tensors, "mark.")

    def write_beside(self, put: WriteFile, tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        if self.play_thread is not None:  # what stopped the run may have left it at work
            self.play_thread.submit(int).result()
        self.replay.take_back(select_prefix(tensors, "own.mark."))
        self.replay.write(lambda name, frames: put(f"replay/{name}", frames))
        small = {f"replay.{name}": tensor for name, tensor in self.replay.small().items()}
        return small, {"segments": list(self.replay.segments)}

    def read_beside(self, get: ReadFile, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        self.replay.read(lambda name: get(f"replay/{name}"), meta["segments"], select_prefix(tensors, "replay."), self._mark)

    def files_beside(self, meta: dict[str, Any]) -> list[str]:
        return [f"replay/{name}" for name in meta["segments"]]


# --- entries of sequences ---------------------------------------------------------------------------------------------


def _spread(entry: np.ndarray, long: int) -> np.ndarray:
    """So many entries from each of some on, [B * long]."""
    return (entry[:, None] + np.arange(long)).reshape(-1)


def _at(q: Tensor, ahead: Tensor) -> Tensor:
    """Of Q [B, sequence + n_step, A] that of so many entries after each of the first, [B, sequence, A]."""
    place = torch.arange(ahead.shape[1], device=q.device) + ahead
    return q.gather(1, place[:, :, None].expand(-1, -1, q.shape[2]))
