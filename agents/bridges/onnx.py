"""An agent as ONNX, for programs without torch: `python -m agents.export AGENT out.onnx [--int8]`

The graph takes the observations of a `View` and computes what the agent computes. Its inputs and outputs:

    observation   uint8 [B, stack, size, size] pixels, [B, stack, roles, size, size] planes, or float32 [B, stack, numbers];
                  of Gymnasium environments as `ObservationAdapter` gives them: planes [B, stack, channels, height, width];
                  of an image with objects beside it the image alone
    objects       float32 [B, stack, numbers], of an image with objects beside it: in the order that `--describe` prints
    mask          uint8 [B, A], of games with masks: allowed actions
    memory        float32 [B, 2 * layers, size], of agents with a memory: zeros, or the last decision's `memory_after`
    start         bool [B], of agents with a memory: true where an episode begins
    scores        float32 [B, A]: logits of ppo, action values of dqn and pqn; minus infinity for actions not allowed
    value         float32 [B], in units of training's rewards: `reward_scale` times the game's
    action        int64 [B]: of the greatest score, as the environment numbers it (a Discrete may start at 5); [B, …] where
                  an action is several numbers (MultiDiscrete)
    memory_after  float32 [B, 2 * layers, size]

The graph is compared with the agent in games that the agent plays. examples/play_onnx.py plays with onnxruntime alone.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.core.tensor_file import write_bytes
from agents.networks.action_choice import masked
from agents.networks.inputs import ImageAndObjects, split_frames
from agents.networks.memory import reset_state
from agents.networks.network import Network
from agents.play.agent import Agent
from agents.play.trainable import trainable
from games.errors import UserError

GAMES, DECISIONS = 50, 200  # of the comparison: 10,000 observations, 200 decisions of each game
TOLERANCE = 1e-5  # allowed difference of a score, as a fraction of the greatest
SMALL_VALUE = 0.1  # differences of smaller values are relative to this; a new agent's are close to 0
MIN_SAME = 0.5  # fraction of choices that must stay the same with 8 bits
TIMED = 300  # decisions timed, of a batch of one


class Graph(nn.Module):
    """A decision of a network, from frames to the action, as a module to export."""

    def __init__(self, network: Network, actions: np.ndarray | None = None):
        """actions: int64 [A, …], as the environment takes them; None if it numbers them from 0."""
        super().__init__()
        self.network = network
        self.actions = None if actions is None else torch.from_numpy(actions)

    def forward(
        self,
        observation: Tensor,
        mask: Tensor | None = None,
        memory: Tensor | None = None,
        start: Tensor | None = None,
        objects: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        state = None if memory is None or start is None else reset_state(memory, start)
        stored = self.network.encoder.to_storage_torch(observation)
        given: Any = stored if objects is None else (stored, objects.flatten(1))
        scores, value, after = self.network.step(given, state)
        scores = masked(scores, mask)
        action = scores.argmax(1)
        outputs = (scores, self.network.state_value(scores, value), action if self.actions is None else self.actions[action])
        return outputs if after is None else (*outputs, after)


@dataclass
class Comparison:
    """The result of comparing the graph with the agent."""

    observations: int
    difference: float  # largest, of a score or value, as a fraction of the greatest; NaN if the graph gives NaN
    same: float  # fraction of the observations for which both choose the same action


def names_of(agent: Agent) -> tuple[list[str], list[str]]:
    """The names of the graph's inputs and outputs."""
    memory = agent.network.memory is not None
    masks = agent.game.has_legal
    objects = isinstance(agent.network.encoder, ImageAndObjects)
    inputs = ["observation", *(["mask"] if masks else []), *(["memory", "start"] if memory else [])]
    inputs += ["objects"] if objects else []
    return inputs, ["scores", "value", "action", *(["memory_after"] if memory else [])]


def export(agent: Agent, path: Path, int8: bool = False) -> Comparison:
    """Write an agent as ONNX; `UserError` if the graph does not compute what the agent computes.

    int8: weights of matrix products in 8 bits: a quarter of the size, and scores that differ a little.
    """
    with extra_needed("onnx"), quiet():
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch needs it

        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "agent.onnx"
            _write(agent, written)
            if int8:
                from onnxruntime.quantization import quantize_dynamic

                model = onnx.load(str(written))
                del model.graph.value_info[:]  # shapes from before the exporter's optimisation break quantisation
                quantize_dynamic(model, str(written))
            data = written.read_bytes()
            session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    comparison = compare(agent, session)
    exact = comparison.difference <= TOLERANCE and comparison.same == 1.0
    if not np.isfinite(comparison.difference) or not (int8 or exact):
        raise UserError(
            f"The graph is not the agent: scores or values differ by {comparison.difference:.1g}, "
            f"{comparison.same:.2%} of choices agree.\n"
            f"Nothing was written. torch {torch.__version__} may export an operation wrongly: try another version."
        )
    if comparison.same < MIN_SAME:
        raise UserError(f"With 8 bits only {comparison.same:.0%} of its choices are the agent's: export it without --int8.")
    write_bytes(path, data)
    return comparison


def graph_inputs(agent: Agent, step: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The graph's inputs for a decision, but its memory: where a frame holds an image and objects, each by itself."""
    given = {name: step[name] for name in names_of(agent)[0] if name in step}
    encoder = agent.network.encoder
    if isinstance(encoder, ImageAndObjects):
        given["observation"], given["objects"] = split_frames(step["observation"], encoder.frame_image)
    return {name: np.ascontiguousarray(array) for name, array in given.items()}


def _actions_of(agent: Agent) -> np.ndarray | None:
    """int64 [A, …]: the actions as the environment takes them; None if it numbers them from 0, or takes tuples or dicts."""
    numbers = np.arange(agent.game.num_actions)
    actions = trainable(agent.game).env_actions(numbers)
    return None if not isinstance(actions, np.ndarray) or np.array_equal(actions, numbers) else actions.astype(np.int64)


def _write(agent: Agent, path: Path) -> None:
    inputs, outputs = names_of(agent)
    example = graph_inputs(agent, next(trainable(agent.game).observations(agent, GAMES, DECISIONS)))
    if agent.network.memory is not None:
        example["memory"] = agent.network.memory.initial_state(2).numpy()
    given = {name: torch.from_numpy(example[name][:2]) for name in inputs}  # in the order of `inputs`
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        Graph(agent.network, _actions_of(agent)).eval(), (), str(path), kwargs=given, input_names=inputs, output_names=outputs,
        dynamic_shapes={name: {0: batch} for name in given}, dynamo=True, external_data=False, verbose=False,
    )  # fmt: skip


def compare(agent: Agent, session: Any) -> Comparison:
    """Compare a graph with the agent, each with its own recurrent state, over whole games."""
    actions = _actions_of(agent)
    agent_state = graph_state = agent.initial_state(GAMES)
    greedy = agent.info.settings.temperature == agent.info.settings.epsilon == 0
    worst, same, count = 0.0, 0, 0
    for step in trainable(agent.game).observations(agent, GAMES, DECISIONS):
        given = graph_inputs(agent, step)
        if agent_state is not None and graph_state is not None:
            given["memory"] = graph_state.numpy()
            agent_state = reset_state(agent_state, torch.from_numpy(step["start"]))
        scores, value, action, *after = session.run(None, given)
        graph_state = torch.from_numpy(after[0]) if after else None
        masks, before = step.get("mask"), agent_state
        expected, agent_state = agent.scores(step["observation"], masks, before)
        _, expected_value = agent.evaluate(step["observation"], masks, before)
        chosen = agent.decide(step["observation"], masks, before)[0] if greedy else expected.argmax(1)
        finite = np.isfinite(expected)
        worst = np.maximum(worst, np.abs(scores[finite] - expected[finite]).max() / np.abs(expected[finite]).max())
        worst = np.maximum(worst, np.abs(value - expected_value).max() / max(np.abs(expected_value).max(), SMALL_VALUE))
        right = action == (chosen if actions is None else actions[chosen])
        same += int(right.reshape(len(action), -1).all(1).sum())
        count += len(action)
    return Comparison(count, float(worst), same / count)


def latency(agent: Agent, path: Path) -> dict[str, float]:
    """Median milliseconds of a decision of a batch of one, of the graph in onnxruntime and of the agent in torch."""
    with extra_needed("onnx"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    seen = next(trainable(agent.game).observations(agent, GAMES, DECISIONS))
    given = graph_inputs(agent, {name: array[:1] for name, array in seen.items()})
    state = agent.initial_state(1)
    if state is not None:
        given["memory"] = state.numpy()
    torch.set_num_threads(1)
    deciders = {
        "onnxruntime": lambda: session.run(None, given),
        "torch": lambda: agent.decide(seen["observation"][:1], seen["mask"][:1] if "mask" in seen else None, state),
    }
    medians = {}
    for name, decide in deciders.items():
        times = []
        for _ in range(TIMED):
            start = perf_counter()
            decide()
            times.append(perf_counter() - start)
        medians[name] = 1e3 * float(np.median(times))
    return medians


@contextmanager
def extra_needed(extra: str) -> Iterator[None]:
    """Turn an import that fails into a `UserError` that names the extra to install."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f'{error.name} is not installed.\nIt comes with an extra: pip install -c constraints.txt -e ".[{extra}]"'
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings and log messages of torch and onnxruntime."""
    import logging

    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
