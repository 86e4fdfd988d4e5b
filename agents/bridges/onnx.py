"""An agent as ONNX, for programs without torch: `python -m agents.export AGENT out.onnx [--int8]`

The graph takes what a `View` gives and does all that the agent does; these are the names of what goes in and comes out:

    observation   uint8 [B, stack, size, size] pixels, [B, stack, roles, size, size] planes, or float32 [B, stack, numbers];
                  of an environment that is not ours as `observation_adapter` makes them: [B, stack, channels, height, width] planes
    mask          uint8 [B, A], of games that have masks: what is allowed
    memory        float32 [B, 2 * layers, size], of agents with one: zeros, or `memory_after` of the decision before
    start         bool [B], of agents with a memory: an episode begins
    scores        float32 [B, A]: logits of ppo, action values of dqn; minus infinity for what is not allowed
    value         float32 [B], in the rewards that it learned from: `reward_scale` times the game's
    action        int64 [B]: the greatest score
    memory_after  float32 [B, 2 * layers, size]

What was written is compared with the agent in games that it plays. examples/play_onnx.py plays with onnxruntime alone.
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
from agents.networks.network import Network, masked, reset_state
from agents.play.agent import Agent
from agents.play.trainable import trainable
from games.errors import UserError

GAMES, DECISIONS = 50, 200  # that the graph is compared in: 10,000 observations, 200 decisions on end
CLOSE = 1e-5  # the largest difference of a score allowed, as a share of the greatest
LITTLE = 0.1  # a value; those of a new agent are next to 0
LEAST = 0.5  # share of choices that 8 bits must leave as they are
TIMED = 300  # decisions of a batch of one

Arrays = dict[str, np.ndarray]


class Graph(nn.Module):
    """A decision, from frames to the action."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(
        self, observation: Tensor, mask: Tensor | None = None, memory: Tensor | None = None, start: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        state = None if memory is None or start is None else reset_state(memory, start)
        scores, value, after = self.network.step(self.network.encoder.to_storage_torch(observation), state)
        scores = masked(scores, mask)
        found = (scores, self.network.state_value(scores, value), scores.argmax(1))
        return found if after is None else (*found, after)


@dataclass
class Comparison:
    """Of the graph with the agent."""

    observations: int
    difference: float  # the largest of a score or a value, as a share of the greatest; no number where the graph gives none
    same: float  # share of the observations in which both choose the same action


def names_of(agent: Agent) -> tuple[list[str], list[str]]:
    """Of the graph's inputs and outputs."""
    memory = agent.network.memory is not None
    masks = agent.game.has_legal
    inputs = ["observation", *(["mask"] if masks else []), *(["memory", "start"] if memory else [])]
    return inputs, ["scores", "value", "action", *(["memory_after"] if memory else [])]


def export(agent: Agent, path: Path, int8: bool = False) -> Comparison:
    """Write an agent as ONNX; `UserError` where the graph does not do what the agent does.

    int8: weights of matrix products in 8 bits: a quarter of the size, and scores that differ a little.
    """
    with needed("onnx"), quiet():
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch needs it

        with tempfile.TemporaryDirectory() as place:
            written = Path(place) / "agent.onnx"
            _write(agent, written)
            if int8:
                from onnxruntime.quantization import quantize_dynamic

                model = onnx.load(str(written))
                del model.graph.value_info[:]  # the exporter leaves shapes of before it optimised, which quantising trips over
                quantize_dynamic(model, str(written))
            data = written.read_bytes()
            session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = compare(agent, session)
    if not np.isfinite(found.difference) or (not int8 and (found.difference > CLOSE or found.same < 1.0)):
        raise UserError(
            f"The graph is not the agent: scores or values differ by {found.difference:.1g}, "
            f"{found.same:.2%} of choices agree.\n"
            f"Nothing was written. torch {torch.__version__} may export an operation wrongly: try another version."
        )
    if found.same < LEAST:
        raise UserError(f"With 8 bits only {found.same:.0%} of its choices are the agent's: export it without --int8.")
    write_bytes(path, data)
    return found


def _write(agent: Agent, path: Path) -> None:
    inputs, outputs = names_of(agent)
    example = next(trainable(agent.game).observations(agent, GAMES, DECISIONS))
    if agent.network.memory is not None:
        example["memory"] = agent.network.memory.initial_state(2).numpy()
    given = {name: torch.from_numpy(example[name][:2]) for name in inputs}  # in the order of the names
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        Graph(agent.network).eval(), (), str(path), kwargs=given, input_names=inputs, output_names=outputs,
        dynamic_shapes={name: {0: batch} for name in given}, dynamo=True, external_data=False, verbose=False,
    )  # fmt: skip


def compare(agent: Agent, session: Any) -> Comparison:
    """A graph beside the agent, each with its own memory, over whole games."""
    inputs, _ = names_of(agent)
    ours = theirs = agent.initial_state(GAMES)
    greedy = agent.info.settings.temperature == agent.info.settings.epsilon == 0
    worst, same, count = 0.0, 0, 0
    for seen in trainable(agent.game).observations(agent, GAMES, DECISIONS):
        given = {name: seen[name] for name in inputs if name in seen}
        if ours is not None and theirs is not None:
            given["memory"] = theirs.numpy()
            ours = reset_state(ours, torch.from_numpy(seen["start"]))
        scores, value, action, *after = session.run(None, given)
        theirs = torch.from_numpy(after[0]) if after else None
        masks, before = seen.get("mask"), ours
        wanted, ours = agent.scores(seen["observation"], masks, before)
        _, worth = agent.evaluate(seen["observation"], masks, before)
        chosen = agent.decide(seen["observation"], masks, before)[0] if greedy else wanted.argmax(1)
        finite = np.isfinite(wanted)
        worst = np.maximum(worst, np.abs(scores[finite] - wanted[finite]).max() / np.abs(wanted[finite]).max())
        worst = np.maximum(worst, np.abs(value - worth).max() / max(np.abs(worth).max(), LITTLE))
        same += int((action == chosen).sum())
        count += len(action)
    return Comparison(count, float(worst), same / count)


def latency(agent: Agent, path: Path) -> dict[str, float]:
    """Milliseconds of a decision of a batch of one, the median: the graph in onnxruntime, and the agent in torch."""
    with needed("onnx"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, _ = names_of(agent)
    seen = next(trainable(agent.game).observations(agent, GAMES, DECISIONS))
    given = {name: seen[name][:1] for name in inputs if name in seen}
    state = agent.initial_state(1)
    if state is not None:
        given["memory"] = state.numpy()
    torch.set_num_threads(1)
    sides = {
        "onnxruntime": lambda: session.run(None, given),
        "torch": lambda: agent.decide(seen["observation"][:1], seen["mask"][:1] if "mask" in seen else None, state),
    }
    found = {}
    for name, side in sides.items():
        times = []
        for _ in range(TIMED):
            began = perf_counter()
            side()
            times.append(perf_counter() - began)
        found[name] = 1e3 * float(np.median(times))
    return found


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """A `UserError` that names the extra in place of an import that fails."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f'{error.name} is not installed.\nIt comes with an extra: pip install -c constraints.txt -e ".[{extra}]"'
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch and onnxruntime tell on the way."""
    import logging

    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
