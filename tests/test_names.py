"""Names are the field's standard terms: none of the words that this code once had for them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    file
    for place in ("agents", "games", "ui", "speed", "examples", "train.py", "play.py", "bench.py")
    for file in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
)

# Of variables, parameters, attributes that a class defines, and functions: the word, and the field's term for it.
WORDS = {
    "disorder": "entropy", "middle": "mean", "spread": "std", "share": "probs, fraction", "logs": "log_probs",
    "free": "unclipped", "bound": "clipped", "beyond": "logsumexp", "gain": "advantage", "slope": "dloss_dlogp",
    "known": "valid", "cut_value": "truncated_value", "open_ended": "pending", "some": "indices", "units": "rows",
    "piece": "micro_batch_size", "pieces": "micro_batches", "of": "sequence, slice", "earned": "reward, scale_reward",
    "pay": "add_reward", "look_ahead": "n_step_return", "worth": "state_value", "forget": "reset_state",
    "remember": "store_state", "go": "train, run", "words": "the noun", "room": "memory", "own": "the noun",
    "foreign": "gym", "ranks": "group", "film": "video", "promise": "check", "apart": "remote", "others": "the noun",
    "peers": "baselines", "usual": "time_to_target", "one": "the noun", "arrange": "to_storage",
}  # fmt: skip
CLASSES = {
    "Decided": "Minibatch", "Drawn": "ReplaySample", "Past": "BurnIn", "Prepared": "DQNBatch", "Normal": "RunningNorm",
    "Scale": "ValueNorm", "Lens": "ObservationAdapter", "Sight": "ObservationSource", "Stage": "VecGame", "Arena": "GameArena",
    "Decider": "Policy", "Player": "SeatedAgent", "Ranks": "ProcessGroup", "Run": "Trainer",
}  # fmt: skip
MODULES = {
    "plan": "cli_config", "words": "shell", "room": "memory_check", "own": "custom", "foreign": "gym", "prepared": "dqn_batch",
    "normal": "normalization", "residual": "resnet", "features": "encoder", "layers": "summary", "ranks": "distributed",
    "film": "video", "lens": "observation_adapter", "ahead": "precompile", "signs": "glyphs", "looking": "side_effects",
    "promise": "definition", "apart": "remote_peer", "others": "env_baselines", "peers": "learner_baselines",
    "usual": "time_to_target", "utils": "a noun", "helpers": "a noun", "common": "a noun",
}  # fmt: skip

# Names that are other libraries' or public: a file (or "*") and the name there.
ALLOWED: set[tuple[str, str]] = {
    ("agents/training/config.py", "ranks"),  # a key of config.json: processes that train together
    ("agents/training/cli_config.py", "ranks"),
    ("agents/training/run_checkpoint.py", "ranks"),  # a key of a checkpoint's metadata
    ("agents/networks/encoder.py", "gain"),  # torch.nn.init's own name
}


def found_in(file: Path) -> list[str]:
    """Each old word among a file's names, with its line."""
    shown = file.relative_to(ROOT).as_posix()
    rows = [f"{shown}: the module is a {MODULES[file.stem]}"] if file.stem in MODULES else []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[tuple[str, dict[str, str]]] = []
        if isinstance(node, ast.ClassDef):
            names = [(node.name, CLASSES)]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [(node.name.lstrip("_"), WORDS)]
        elif isinstance(node, ast.arg):
            names = [(node.arg, WORDS)]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = [(node.id.lstrip("_"), WORDS)]
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names = [(node.attr.lstrip("_"), WORDS)]
        for name, table in names:
            if name in table and (shown, name) not in ALLOWED:
                rows.append(f"{shown}:{node.lineno}: {name} → {table[name]}")
    return rows


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_names_are_the_terms_of_the_field(file):
    assert not found_in(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_docstrings_name_their_subject_first(file):
    """A docstring that begins with "What" or "Who" is nearly always one that hides its subject."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, kinds)]
    hidden = [
        f"{file.name}:{getattr(node, 'lineno', 1)}: {text.splitlines()[0]}"
        for node in nodes
        if (text := ast.get_docstring(node)) and text.startswith(("What ", "Who "))
    ]
    assert not hidden
