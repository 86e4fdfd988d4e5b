"""What every learner shares: the games it plays in, its network and optimiser, gradients on several threads, its state."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import cos, isfinite, pi
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.core.distributed import ProcessGroup
from agents.core.settings import AgentSettings
from agents.core.tensor_file import select_prefix
from agents.experience import augmentation
from agents.experience.augmentation import Change
from agents.networks.network import best_dtype
from agents.networks.normalization import RunningNorm
from agents.play.agent import Agent, describe_agent
from agents.play.seats import Participant
from agents.play.trainable import trainable
from games.engine.batch import Workers
from games.engine.loader import Game
from games.errors import UserError, nearest


@dataclass
class LearnerSettings(AgentSettings):
    """Of every learner. Names as in Stable-Baselines3 where it has one."""

    optimizer: str = "adam"  # adam, adamw, rmsprop, sgd, adagrad: torch's own
    optimizer_eps: float = 1e-5  # of adam, adamw and rmsprop: steps of gradients as small as this are damped
    momentum: float = 0.0  # of sgd and rmsprop
    weight_decay: float = 0.0
    schedule: str = "linear"  # of the learning rate over the run: constant, linear or cosine (both to 0)
    warmup: float = 0.0  # share of the run in which the learning rate rises from 0
    copied_rate: float = 1.0  # learning rate of what `--init-from` copied, as a share of the others'
    gamma: float = 0.99
    max_grad_norm: float = 0.5
    reward_scale: float = 1.0  # rewards are multiplied by it while learning, so that values are of the order of 1
    augment: str = "none"  # of images, while learning: none, shift, intensity or both (Kostrikov et al. 2020)
    augment_shift: int = 0  # pixels, at most; 0: as 4 are of 84, the paper's
    augment_intensity: float = 0.05  # deviation of the factor of all grey levels; the paper's
    precision: str = "auto"  # of the networks' matrix products: bf16 where the processor has it, else fp32


CHOICES = {
    "optimizer": ("adam", "adamw", "rmsprop", "sgd", "adagrad"),
    "schedule": ("constant", "linear", "cosine"),
    "precision": ("auto", "fp32", "bf16"),
    "augment": augmentation.CHOICES,
    "exploration": ("schedule", "apex"),
}  # fmt: skip


# Settings that count only where another has one of these values.
NEEDS: dict[str, tuple[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("memory_size", "memory_layers", "burn_in", "sequence"), ("memory", ("lstm",))),
    **dict.fromkeys(("alpha", "beta"), ("prioritized", (True,))),
    **dict.fromkeys(
        ("exploration_initial_eps", "exploration_final_eps", "exploration_fraction"), ("exploration", ("schedule",))
    ),
    **dict.fromkeys(("patch", "channels"), ("network", ("patch",))),
    "hidden": ("network", ("patch", "mlp")),
    "optimizer_eps": ("optimizer", ("adam", "adamw", "rmsprop")),
    "momentum": ("optimizer", ("sgd", "rmsprop")),
    "augment_shift": ("augment", ("shift", "both")),
    "augment_intensity": ("augment", ("intensity", "both")),
}


def setting_remarks(settings: Any, recipe: dict[str, Any] | None = None, turns: bool = False) -> list[str]:
    """What in settings is seldom wise or does nothing, a line each.

    recipe: of the game, whose values nobody has chosen here. turns: of a game in which a decision takes effect at once.
    """
    found, usual = [], {**asdict(type(settings)()), **(recipe or {})}
    if turns and settings.delay:
        found.append(f"delay={settings.delay} does nothing here: in a game of turns decisions take effect at once")
    if settings.memory == "lstm" and settings.stack > 1:
        found.append(f"A memory over stacks of {settings.stack} frames is seldom worth its time: --set stack=1")
    if getattr(settings, "tau", 1.0) < 1 and settings.target_update_interval >= 1000:
        often = f"{settings.target_update_interval:,} decisions"
        found.append(
            f"The target network takes {settings.tau:g} of the other only every {often}: --set target_update_interval=1"
        )
    for name, (other, values) in NEEDS.items():
        value = getattr(settings, name, None)
        if other == "network" and settings.network_digest:
            continue  # a network of somebody's own may make use of it
        if value is not None and value != usual[name] and getattr(settings, other) not in values:
            found.append(f"{name}={value:g} does nothing here: {other} is {str(getattr(settings, other)).lower()}")
    return found


def scheduled_rate(rate: float, schedule: str, warmup: float, progress: float) -> float:
    """A learning rate at some progress (0 to 1) of a run.

    >>> [scheduled(1.0, "linear", 0.0, p) for p in (0.0, 0.25, 1.0)], scheduled(1.0, "constant", 0.5, 0.25)
    ([1.0, 0.75, 0.0], 0.5)
    """
    left = max(0.0, 1.0 - progress)
    share = {"constant": 1.0, "linear": left, "cosine": 0.5 - 0.5 * cos(pi * left)}[schedule]
    return rate * share * (min(1.0, progress / warmup) if warmup > 0 else 1.0)


def make_optimizer(parameters: list[dict[str, Any]], settings: Any, device: torch.device) -> torch.optim.Optimizer:
    """torch's optimiser of the name in the settings, over its groups of parameters; fused kernels where it has them."""
    name, rate, decay, eps = settings.optimizer, settings.learning_rate, settings.weight_decay, settings.optimizer_eps
    fused = device.type in ("cpu", "cuda")
    if name == "adam":
        return torch.optim.Adam(parameters, rate, eps=eps, weight_decay=decay, fused=fused)
    if name == "adamw":
        return torch.optim.AdamW(parameters, rate, eps=eps, weight_decay=decay, fused=fused)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, alpha=0.99, eps=eps, weight_decay=decay, momentum=settings.momentum)
    if name == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=decay, momentum=settings.momentum, fused=fused)
    if name == "adagrad":
        return torch.optim.Adagrad(parameters, rate, weight_decay=decay)
    raise UserError(f"There is no optimizer '{name}'.\n{nearest(name, CHOICES['optimizer'])}")


WriteFile = Callable[[str, dict[str, Tensor]], None]  # keeps tensors under a name
ReadFile = Callable[[str], dict[str, Tensor]]


def keep_memory() -> None:
    """Have glibc keep what is freed, for the next minibatch, which needs as much: to give it back and to get it again, page
    by page, takes a tenth of a convolutional network's time. Elsewhere nothing is changed."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # bytes; more is not allowed
            mallopt(M_TRIM_THRESHOLD, 2**30)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


def torch_workers(threads: int) -> Workers:
    """So many threads, in each of which torch works on one."""
    return Workers(threads, initializer=lambda: torch.set_num_threads(1))


def micro_batches(lo: int, hi: int, at_once: int) -> Iterator[tuple[int, int]]:
    """A range in parts of about so many, all nearly alike.

    >>> list(pieces(10, 17, 2)), list(pieces(0, 3, 8))
    ([(10, 11), (11, 13), (13, 15), (15, 17)], [(0, 3)])
    """
    count = max(1, round((hi - lo) / at_once))
    return pairwise(lo + (hi - lo) * k // count for k in range(count + 1))


def _sound(seen: np.ndarray) -> np.ndarray:
    """Observations; stops the run where one is no number, before it is learned from."""
    if seen.dtype != np.uint8 and not np.isfinite(seen).all():
        raise FloatingPointError("an observation")
    return seen


# Of units lo … hi-1: what to go back from, with which gradients, and terms to report.
LossFunction = Callable[[int, int], tuple[list[Tensor], list[Tensor], Tensor]]


# On what time goes: environment and acting are parts of collect, which may go on beside update, that may wait for it.
TIMINGS = ("iteration", "collect", "update", "environment", "acting")


class Learner:
    """Learns from what it plays. Subclasses: `agents.algorithms.ppo`, `agents.algorithms.dqn`."""

    algorithm: str
    terms: tuple[str, ...]  # that are reported of each gradient step, the last being the gradient's norm
    common: tuple[str, ...] = ("network.", "optimizer.")  # what of the state is the same on all ranks

    def __init__(
        self,
        game: Game,
        settings: Any,
        seed: int,
        opponents: list[Participant | None],
        device: str,
        threads: int,
        make_network: Callable[[], Any],
        ranks: ProcessGroup | None = None,
    ):
        """opponents: see `GameArena`; empty in a game of one seat.

        threads: each plays and learns a slice of every batch, and torch works on one thread in each: on few and shared
        cores that is faster than sharing out every single operation. Results depend on their number, nothing else.
        """
        torch.set_num_threads(1)
        keep_memory()
        self.workers = self.learning_workers = torch_workers(threads)  # who play, who learn
        self.game, self.settings, self.ranks = game, settings, ranks or ProcessGroup()
        self.device = torch.device(device)
        if self.device.type == "cuda":  # by its number: other threads do not know which one this process has chosen
            self.device = torch.device("cuda", torch.cuda.current_device())
        self.dtype = best_dtype(self.device, settings.precision)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = make_network().to(self.device)
        self._same_weights()
        normal = getattr(self.network.encoder, "normal", None)
        self.normal = normal if isinstance(normal, RunningNorm) else None  # means and deviations of what is seen
        together = self.ranks.size > 1
        self.fresh = RunningNorm(len(self.normal.mean)) if self.normal and together else None  # what the others do not know yet
        self.parameters: list[nn.Parameter] = []  # that learn
        self.gradient = torch.empty(0)  # of all of them, one after the other
        self.arrange([], freeze=False)
        own = self.ranks.seed(seed)  # no two ranks play the same episodes
        self.generator = torch.Generator(self.device).manual_seed(own)
        self.arena = trainable(game).make_arena(settings.n_envs, own, opponents, settings, self.workers)
        self.rows = self.arena.view.rows
        self.masks = self.arena.masked
        self.steps = 0  # decisions of learning seats, of all ranks
        self.updates = 0  # gradient steps
        self.returns: list[float] = []  # of the episodes that ended in this iteration, learning rows
        self.lengths: list[int] = []  # their ticks
        self.seconds = dict.fromkeys(TIMINGS, 0.0)  # of this iteration
        memory = self.network.memory
        self.memory: Tensor | None = None if memory is None else memory.empty(self.rows, self.device)
        self.episode = np.full(self.rows, -1, np.int64)  # that the memory of each row is of
        self.remarks = setting_remarks(settings, game.recipe.get(self.algorithm), game.turns)  # worth a line when a run begins
        self._seen: Tensor | None = None

    def close(self) -> None:
        """Give back its threads and the environments."""
        self.arena.close()
        self.workers.close()
        self.learning_workers.close()

    # --- an iteration ---

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """Play, learn, and tell what TensorBoard shows. progress: of the run, 0 to 1, whenever it is asked."""
        began = perf_counter()
        self.collect()
        collected = perf_counter()
        metrics = self.update(progress())
        self.seconds["collect"], self.seconds["update"] = collected - began, perf_counter() - collected
        self.seconds["iteration"] = perf_counter() - began
        self.gather_ends()
        return metrics

    def collect(self) -> None:
        """Play."""
        raise TypeError(f"{type(self).__name__} does not play")

    def update(self, progress: float) -> dict[str, float]:
        """Learn from it."""
        raise TypeError(f"{type(self).__name__} does not learn")

    def begin_iteration(self) -> None:
        """Nothing has ended and no time is spent yet."""
        if self.normal is not None:
            if self.fresh is not None:
                self.normal.merge(self.ranks.each(self.fresh.summary()))
                self.fresh = RunningNorm(len(self.normal.mean))
            self.normal.settle()
        self.returns, self.lengths = [], []
        self.seconds = dict.fromkeys(TIMINGS, 0.0)

    # --- playing ---

    def observe(self) -> Tensor:
        """What every row sees now, as the encoder stores it."""
        seen, arrange = _sound(self.arena.view.observe()), self.network.encoder.arrange
        if self.normal is not None:
            (self.fresh or self.normal).watch(torch.from_numpy(seen[self.arena.asked()]).flatten(1))
        parts = self.workers.run(len(seen), lambda lo, hi, k: torch.from_numpy(arrange(seen[lo:hi])))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def final(self, rows: np.ndarray) -> np.ndarray:
        """What rows saw when their episode was cut, [B, stack, *frame]."""
        return _sound(self.arena.view.final(rows))

    def seen(self) -> Tensor:
        """The latest `observe`; the first one where there was none."""
        if self._seen is None:
            self._seen = self.observe()
        return self._seen

    def begins(self) -> Tensor:
        """bool [R]: rows whose next decision is the first of an episode."""
        return torch.from_numpy(self.arena.episodes() != self.episode).to(self.device)

    def remember(self, asked: np.ndarray, after: Tensor | None) -> None:
        """Rows that decided now have this memory, and it is of the running episode."""
        self.episode = np.where(asked, self.arena.episodes(), self.episode)
        if self.memory is not None and after is not None:
            self.memory = torch.where(torch.from_numpy(asked).to(self.device)[:, None, None], after, self.memory)

    def earned(self, reward: np.ndarray) -> np.ndarray:
        """Raw rewards [R] as they are learned from, float32 [R]; stops the run where one is no number, before it is kept."""
        with np.errstate(over="ignore"):  # of what is too large for float32 too
            scaled = (reward * self.settings.reward_scale).astype(np.float32)
        if not np.isfinite(scaled).all():
            raise FloatingPointError("a reward")
        return scaled

    def note_ends(self) -> None:
        """Keep the returns and lengths of the episodes that ended in the last step."""
        returns, lengths = self.arena.finished()
        self.returns += returns
        self.lengths += lengths

    def gather_ends(self) -> None:
        """On rank 0: those of all ranks."""
        if self.ranks.size > 1:
            for data in self.ranks.collect(np.array([self.returns, self.lengths], np.float64).tobytes()):
                returns, lengths = np.frombuffer(data, np.float64).reshape(2, -1)
                self.returns += returns.tolist()
                self.lengths += lengths.astype(int).tolist()

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Around this rank's own decisions: after them `steps` counts those of all.

        Where one of them has met what is no number, all stop: nobody waits for a rank that is gone.
        """
        before, bad = self.steps, None
        try:
            yield
        except FloatingPointError as error:
            bad = error
        own = self.ranks.numbers(self.steps - before, bad is not None)
        if own[:, 1].any():
            raise bad or FloatingPointError("what another rank met")
        self.steps = before + int(own[:, 0].sum())

    # --- learning ---

    def changes(self, count: int) -> Change | None:
        """How so many observations are changed before something is learned from them; None where they are not."""
        return augmentation.draw(self.settings, self.network.encoder, count, self.generator)

    def changed(self, x: Tensor, change: Change | None) -> Tensor:
        """Stored observations, changed."""
        return augmentation.changed(x, change, self.network.encoder)

    def set_rate(self, progress: float) -> float:
        """The learning rate at some progress of the run, now in force."""
        settings = self.settings
        rate = scheduled_rate(settings.learning_rate, settings.schedule, settings.warmup, progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        return rate

    def gradient_step(self, units: int, at_once: int, loss: LossFunction) -> tuple[Tensor, Tensor]:
        """One step on the sum of `loss(lo, hi)` over slices of so many units; the summed terms, and the gradient's norm.

        units: of this rank, which may be none; sums are those of all ranks. at_once: units of one backward pass, about.
        """

        def part(lo: int, hi: int, k: int) -> Tensor:
            sums: Tensor | None = None
            for start, stop in micro_batches(lo, hi, at_once):
                outputs, gradients, terms = loss(start, stop)
                new = (*torch.autograd.grad(outputs, self.parameters, gradients), terms)
                flat = torch.cat([one.flatten() for one in new])
                sums = flat if sums is None else sums.add_(flat)
            assert sums is not None
            return sums

        count = len(self.terms) - 1
        nothing = [] if units else [self.gradient.new_zeros(len(self.gradient) + count)]
        own, *others = nothing or self.learning_workers.run(units, part)
        for other in others:
            own += other
        gradient, terms = self.ranks.summed(own).split([len(self.gradient), count])
        norm = torch.linalg.vector_norm(gradient)
        if self.device.type == "cpu" and not isfinite(norm + terms.sum()):  # elsewhere asking would hold all up; see Run
            self.gradient.copy_(gradient)
            raise FloatingPointError(self._not_finite(terms))  # before clipping, which makes all of them no numbers
        torch.mul(gradient, (self.settings.max_grad_norm / (norm + 1e-6)).clamp(max=1.0), out=self.gradient)
        self.optimizer.step()
        self.updates += 1
        return terms, norm

    def _not_finite(self, terms: Tensor) -> str:
        """Where the numbers of the last gradient step stopped being numbers."""
        for name, parameter in self.network.named_parameters():
            if not parameter.isfinite().all():
                return f"the weight {name}"
        if not terms.isfinite().all():
            return "the loss"
        names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        bad = [names[id(one)] for one in self.parameters if one.grad is not None and not one.grad.isfinite().all()]
        return f"the gradient of {bad[0]}" if bad else "the norm of the gradients"

    # --- transfer ---

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Take the weights of these names; see `policy.fitting`."""
        self.network.load_state_dict(weights, strict=False)
        self._same_weights()

    def _same_weights(self) -> None:
        """As rank 0 has them: another machine may have drawn others, and need not have the agent's file."""
        self.ranks.same(list(self.network.state_dict().values()))

    def arrange(self, copied: list[str], freeze: bool) -> None:
        """Who learns how fast: parameters that were copied at `copied_rate`. freeze: the encoder not at all, with what it
        normalises by."""
        if freeze:
            self.normal = self.fresh = None
        named = [(name, one) for name, one in self.network.named_parameters() if not (freeze and name.startswith("encoder."))]
        for one in self.network.parameters():
            one.requires_grad = not freeze
        for _, one in named:
            one.requires_grad = True
        self.parameters = [one for _, one in named]
        sizes = [one.numel() for one in self.parameters]
        self.gradient = torch.zeros(sum(sizes), device=self.device)
        for parameter, part in zip(self.parameters, self.gradient.split(sizes), strict=True):
            parameter.grad = part.view(parameter.shape)  # fused optimisers go by the place in memory, whatever the strides
        groups = [
            {"params": [one for name, one in named if name not in copied], "share": 1.0},
            {"params": [one for name, one in named if name in copied], "share": self.settings.copied_rate},
        ]
        self.optimizer = make_optimizer([group for group in groups if group["params"]], self.settings, self.device)

    # --- agents and checkpoints ---

    def agent(self) -> Agent:
        """The policy as it is now; it shares the weights."""
        info = describe_agent(self.game, self.settings, self.algorithm)
        info.steps = self.steps
        return Agent(self.game, info, self.network, str(self.device))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and plain values that `restore` needs to go on identically; copies."""
        self.seen()  # the first observation belongs to the state
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in slots.items()}
        tensors |= {f"arena.{name}": tensor for name, tensor in self.arena.state().items()}
        tensors["generator"] = self.generator.get_state()
        tensors["episode"] = torch.from_numpy(self.episode)
        if self.memory is not None:
            tensors["memory"] = self.memory
        if self.fresh is not None:
            tensors["fresh"] = self.fresh.summary()
        tensors |= {f"own.{name}": tensor for name, tensor in self.own_state().items()}
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}, {
            "steps": self.steps,
            "updates": self.updates,
        }

    def restore(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Go on from a state; `read_beside` after it."""
        self.network.load_state_dict(select_prefix(tensors, "network."))
        slots: dict[int, dict[str, Tensor]] = {}
        sizes = [one.numel() for group in self.optimizer.param_groups for one in group["params"]]
        for name, tensor in select_prefix(tensors, "optimizer.").items():
            number, slot = int(name.split(".")[0]), name.split(".")[1]
            if number >= len(sizes) or tensor.numel() not in (1, sizes[number]):
                raise ValueError(f"the optimizer's {slot} is of other weights")
            slots.setdefault(number, {})[slot] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})
        remark = self.arena.restore(select_prefix(tensors, "arena."))
        self.remarks += [remark] if remark else []
        self.generator.set_state(tensors["generator"])
        self.episode = tensors["episode"].numpy().copy()
        if self.memory is not None:
            self.memory = tensors["memory"].to(self.device)
        if self.fresh is not None:
            self.fresh = RunningNorm(len(self.fresh.mean))
            self.fresh.merge([tensors["fresh"]])
        self.steps, self.updates = meta["steps"], meta["updates"]
        self.restore_own(select_prefix(tensors, "own."))
        self._seen = torch.from_numpy(self.network.encoder.arrange(self.arena.view.newest()))

    def own_state(self) -> dict[str, Tensor]:
        """What an algorithm keeps beside that."""
        return {}

    def restore_own(self, tensors: dict[str, Tensor]) -> None:
        """Take what `own_state` gave."""

    def write_beside(self, put: WriteFile, tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What is too much to be copied with every state (`tensors`): into files of its own, or given for the same file."""
        return {}, {}

    def read_beside(self, get: ReadFile, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Take what `write_beside` gave and wrote."""

    def files_beside(self, meta: dict[str, Any]) -> list[str]:
        """Names of the files of `write_beside` that a checkpoint needs, by what it gave."""
        return []
