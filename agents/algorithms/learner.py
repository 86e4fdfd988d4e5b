"""The learner: what training asks of all algorithms alike, their agents and their state in a checkpoint."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from agents.algorithms.collector import Collector
from agents.algorithms.gradient import GradientStepper
from agents.algorithms.settings import LearnerSettings, setting_remarks
from agents.core.distributed import ProcessGroup
from agents.core.generators import restore_generator
from agents.core.precision import best_dtype
from agents.core.tensor_file import select_prefix
from agents.core.threads import keep_freed_memory, torch_workers
from agents.networks.network import Network
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.pool import Opponents, learning_rows
from agents.play.trainable import AnyGame, trainable
from games.engine.levels import ANY, Levels

WriteFile = Callable[[str, dict[str, Tensor]], None]  # keeps tensors under a file's name
ReadFile = Callable[[str], dict[str, Tensor]]

TIMINGS = ("iteration", "collect", "update", "environment", "acting")  # environment and acting are parts of collect


class Learner:
    """A network, the collector that plays with it, and the stepper that teaches it. `PPO`, `PQN` and `DQN` say how."""

    algorithm: str
    terms_type: type  # the named tuple of what its loss reports
    # Prefixes of its tensors that are the same in all processes: written once.
    shared_tensors: tuple[str, ...] = ("network.", "optimizer.")
    settings: LearnerSettings
    network: Network

    def __init__(
        self,
        game: AnyGame,
        settings: LearnerSettings,
        seed: int,
        opponents: Opponents,
        device: str = "cpu",
        threads: int = 1,
        group: ProcessGroup | None = None,
        levels: Levels = ANY,
    ):
        """opponents, levels: see `agents.play.arena.GameArena`; no opponents in a game of one seat.

        threads: each plays and learns a slice of every batch, and torch works on one thread in each: on few and shared
        cores that is faster than sharing out every single operation. Results depend on how many threads there are, not on
        their timing.
        """
        torch.set_num_threads(1)
        keep_freed_memory()
        self.game, self.settings, self.group = game, settings, group or ProcessGroup()
        self.device = torch.device(device)
        if self.device.type == "cuda":  # by its number: other threads do not know which one this process has chosen
            self.device = torch.device("cuda", torch.cuda.current_device())
        self.dtype = best_dtype(self.device, settings.precision)
        self.workers = torch_workers(threads)
        self._make_network = partial(build_network, game, settings, self.algorithm)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = self._make_network().to(self.device)
        self._share_weights()
        rank_seed = self.group.rank_seed(seed)  # no two processes play the same episodes
        self.generator = torch.Generator(self.device).manual_seed(rank_seed)
        self.stepper: GradientStepper = GradientStepper(
            self.network, settings, self.device, self.workers, self.group, self.terms_type
        )
        remark = self._check_memory(learning_rows(opponents, settings.n_envs, game.players))
        arena = trainable(game).make_arena(settings.n_envs, rank_seed, opponents, settings, self.workers, levels)
        self.collector = Collector(
            arena, self.network, settings.reward_scale, self.device, self.dtype, self.workers, self.group
        )
        self.seconds = dict.fromkeys(TIMINGS, 0.0)  # of the latest iteration
        parts = trainable(game).describe_observation(settings)
        self.remarks = [f"{name} ({space}) is {becomes}" for name, space, becomes in parts if becomes.endswith("left out")]
        self.remarks += setting_remarks(settings, game.recipe.get(self.algorithm), game.turns)  # worth a line at a run's start
        self.remarks += arena.remarks
        self.remarks += [remark] if remark else []

    def _check_memory(self, rows: int) -> str | None:
        """A line about the experience that is kept of `rows` seats that learn; `UserError` if there is no room for it."""
        return None

    def close(self) -> None:
        """Give back its threads and the environments."""
        self.collector.close()
        self.workers.close()

    # --- an iteration ---

    def compile_ahead(self) -> None:
        """Compile what an update runs before the first one: for a process that would only wait. Nothing, where nothing is."""

    @property
    def steps(self) -> int:
        """Decisions learned from so far, of all processes."""
        return self.collector.steps

    @property
    def returns(self) -> list[float]:
        """The returns of the episodes that ended in the latest iteration: sums of rewards, before `reward_scale`."""
        return self.collector.returns

    @property
    def lengths(self) -> list[int]:
        """Ticks of these episodes."""
        return self.collector.lengths

    @property
    def largest_reward(self) -> float:
        """The greatest absolute value of the rewards in this sitting, scaled."""
        return self.collector.largest_reward

    @property
    def iteration_decisions(self) -> int:
        """How often each environment is stepped in an iteration."""
        raise TypeError(f"{type(self).__name__} does not learn")

    def give_up_iteration(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Take back the network and the counters of a state, for the agent of the last complete iteration."""
        self.network.load_state_dict(select_prefix(tensors, "network."))
        self.collector.steps, self.stepper.updates = counters["steps"], counters["updates"]

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """Play, learn, and tell what TensorBoard shows. progress: of the run, 0 to 1, whenever it is asked."""
        raise TypeError(f"{type(self).__name__} does not learn")

    # --- weights ---

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Take the weights of these names; see `agents.play.agent.matching_weights`."""
        self.network.load_state_dict(weights, strict=False)
        self._share_weights()

    def _share_weights(self) -> None:
        """Take rank 0's weights: another machine may have drawn others, and need not have the agent's file."""
        self.group.broadcast(list(self.network.state_dict().values()))

    def set_trainable(self, copied: list[str], freeze: bool) -> None:
        """Let copied parameters learn at `copied_rate`. freeze: the encoder and its running statistics learn nothing."""
        if freeze:
            self.collector.freeze_norm()
        self.stepper.set_trainable(copied, freeze)

    def agent(self) -> Agent:
        """The policy as it is now; it shares the weights."""
        info = describe_agent(self.game, self.settings, self.algorithm)
        info.steps = self.steps
        return Agent(self.game, info, self.network, str(self.device))

    # --- checkpoints ---

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and plain values that `restore` needs to go on identically; copies."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.stepper.state().items()}
        tensors |= self.collector.state()
        tensors["generator"] = self.generator.get_state()
        tensors |= {f"own.{name}": tensor for name, tensor in self.algorithm_state().items()}
        counters = {"steps": self.steps, "updates": self.stepper.updates}
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}, counters

    def restore(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Go on from a state; `read_large_state` after it."""
        self.network.load_state_dict(select_prefix(tensors, "network."))
        self.stepper.restore(select_prefix(tensors, "optimizer."))
        remark = self.collector.restore(tensors)
        self.remarks += [remark] if remark else []
        if not restore_generator(self.generator, tensors["generator"]):
            self.remarks.append("The run began on another kind of device, whose random numbers cannot go on here: others begin")
        self.collector.steps, self.stepper.updates = counters["steps"], counters["updates"]
        self.restore_algorithm_state(select_prefix(tensors, "own."))

    def algorithm_state(self) -> dict[str, Tensor]:
        """The tensors that an algorithm keeps beside that."""
        return {}

    def restore_algorithm_state(self, tensors: dict[str, Tensor]) -> None:
        """Take what `algorithm_state` gave."""

    def write_large_state(self, write: WriteFile, tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Write large state (a replay) separately, as of the state `tensors`: more tensors for the checkpoint, and values."""
        return {}, {}

    def read_large_state(self, read: ReadFile, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Take what `write_large_state` gave and wrote."""

    def large_files(self, values: dict[str, Any]) -> list[str]:
        """Names of the files of `write_large_state` that a checkpoint needs, by the values it gave."""
        return []
