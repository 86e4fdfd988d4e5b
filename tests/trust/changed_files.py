"""Files of a run with other values than we write, in every way that JSON allows; and all that reads them."""

import json
from pathlib import Path

from hypothesis import strategies as st

import games
from agents.core import schema, tensor_file
from agents.play.agent import Agent
from agents.play.agent_info import in_words, peek, read_run
from agents.training import learning_curves
from agents.training.config import read_config
from agents.training.report import summary_lines
from agents.training.results import read_results
from agents.training.run_checkpoint import CHECKPOINT, CheckpointFile
from agents.training.trainer import finished
from tests import resealed

RUN = Path(__file__).parents[1] / "written_before" / "0.1.0" / "pong" / "dqn"
KINDS = ("config.json", "results.json", "progress.jsonl", "agent.safetensors", CHECKPOINT)

WORDS = st.sampled_from(
    ["", "x", "pong", "\n", "é", "\x1b[2J", "../up", "a" * 300, "0.9.9", "dqn", "ppo", "sb3", "lstm", "mlp"]
)
NUMBERS = st.one_of(
    st.integers(), st.sampled_from([-1, 0, 1, 255, 1 << 31, 1 << 62, 1 << 63, 1 << 64, 10**400]), st.floats(allow_nan=False)
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=8))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=8
)


@st.composite
def changed(draw, original):
    """JSON text of the original with up to three values replaced, removed or added; or some other text."""
    if draw(st.integers(0, 19)) == 0:
        return draw(
            st.sampled_from(["", "{", "[]", "null", "[" * 5000, '{"a":' * 2000, '{"a": 1e999}', '{"a": NaN}', "\ud800"])
        )
    values = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(1, 3))):
        place = values
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            what = draw(st.sampled_from(["replace", "remove", "add"]))
            if what == "replace":
                place[key] = draw(VALUES)
            elif what == "remove":
                del place[key]
            elif isinstance(place, dict):
                place[draw(WORDS)] = draw(VALUES)
            else:
                place.append(draw(VALUES))
            break
    return json.dumps(values)


def original(name):
    """The contents of a file of the run."""
    if name == "progress.jsonl":
        return json.loads((RUN / name).read_text().splitlines()[0])
    if name.endswith(".safetensors"):
        return tensor_file.load_metadata(RUN / name, "agent" if name == "agent.safetensors" else "checkpoint")
    return json.loads((RUN / name).read_text())


def write(folder, name, text):
    """The run's file with another text; a file of tensors with a checksum that holds."""
    if not name.endswith(".safetensors"):
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        return
    kind = "agent" if name == "agent.safetensors" else "checkpoint"
    tensors, meta = tensor_file.load(RUN / name, kind)
    text = text.replace(meta["sha256"], tensor_file.UNSEALED)
    resealed.write(folder / name, tensors, text.encode("utf-8", "replace").decode())


def read_all(folder):
    """Everything that reads a run's files."""
    yield lambda: read_config(folder)
    yield lambda: read_run(folder)
    yield lambda: summary_lines(read_results(folder))
    yield lambda: finished(folder, read_config(RUN))
    yield lambda: learning_curves.read(folder, "rollout/ep_rew_mean", "time")
    yield lambda: in_words(peek(folder / "agent.safetensors").score)
    yield lambda: Agent.load(folder / "agent.safetensors", games.load("pong"))
    yield lambda: schema.check(folder, tensor_file.load_metadata(folder / CHECKPOINT, "checkpoint"), CheckpointFile)
