"""Checkpoints with a checksum that holds and any numbers in them, and a learner that takes or refuses them."""

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

import games
from agents.core import tensor_file
from agents.core.distributed import ProcessGroup
from agents.training.config import ALGORITHMS, opponents_of, read_config
from agents.training.run_checkpoint import CHECKPOINT, restore_checkpoint
from games.engine import snapshot
from games.errors import UserError
from tests import resealed

BATCH = "arena.batch"  # the tensor of the environments' states


class Patient:
    """A learner that restores changed checkpoints, one after the other."""

    def __init__(self, run: Path, folder: Path):
        self.folder = folder
        shutil.copytree(run, folder)
        config = read_config(folder)
        kind, _, _ = ALGORITHMS[config.algorithm]
        game = games.load(config.game)
        self.learner = kind(game, config.learner, 1, opponents_of(config.opponents, game, "cpu"))
        self.tensors, self.meta = tensor_file.load(folder / CHECKPOINT, "checkpoint")

    def takes(self, tensors: dict[str, torch.Tensor], **changes: Any) -> bool:
        """Whether it takes a checkpoint of these tensors; then it plays and learns."""
        resealed.write(self.folder / CHECKPOINT, tensors, self.meta, **changes)
        try:
            restore_checkpoint(self.folder, self.learner, ProcessGroup())
        except UserError:
            return False
        self.learner.iterate(lambda: 0.5)
        return True

    def put(self, name: str, value: Any, place: int = -1) -> dict[str, torch.Tensor]:
        """The tensors with a number of one of them changed."""
        changed = self.tensors[name].clone()
        changed.reshape(-1)[place] = torch.as_tensor(value).to(changed.dtype)
        return {**self.tensors, name: changed}

    # --- any change at all ---

    def any_change(self, chance: random.Random) -> tuple[str, dict[str, torch.Tensor], dict[str, Any]]:
        """A change's name, the checkpoint's tensors and changes of its metadata."""
        how = chance.choice((self._byte, self._extreme, self._extreme, self._state, self._state, self._metadata))
        return how(chance)

    def _key(self, chance: random.Random) -> str:
        """The name of a tensor that is no weight; weights of a network may be any number."""
        return chance.choice([key for key, tensor in self.tensors.items() if tensor.numel() and not key.startswith(WEIGHTS)])

    def _byte(self, chance):
        key = self._key(chance)
        changed = self.tensors[key].clone().reshape(-1)
        raw = changed.view(torch.uint8) if changed.dtype != torch.bool else changed
        raw[chance.randrange(len(raw))] = chance.randrange(256) if changed.dtype != torch.bool else chance.random() < 0.5
        return f"a byte of {key}", {**self.tensors, key: changed.reshape(self.tensors[key].shape)}, {}

    def _extreme(self, chance):
        key = self._key(chance)
        value = extreme(self.tensors[key].numpy().dtype, chance)
        return f"{key}: {value}", self.put(key, value, chance.randrange(self.tensors[key].numel())), {}

    def _state(self, chance):
        """A number in the state of a game, or in the engine's record of an environment."""
        batch = self.learner.collector.arena.batch
        kept = self.tensors[BATCH].numpy().tobytes()
        batch.restore(kept)
        arrays = {name: array.copy() for name, array in batch.arrays().items()}
        name = chance.choice([name for name, array in arrays.items() if array.size])
        array, field = arrays[name], ""
        if array.dtype.names:
            field = chance.choice([field for field in array.dtype.names if array[field].size])
            array = array[field]
        number, value = chance.randrange(array.size), extreme(array.dtype, chance)
        array[np.unravel_index(number, array.shape)] = value
        data = snapshot.pack(batch.game, batch.seed, arrays)
        return f"{name} {field}: {value}", {**self.tensors, BATCH: torch.frombuffer(bytearray(data), dtype=torch.uint8)}, {}

    def _metadata(self, chance):
        name = chance.choice(["learner", "iteration", "seconds", "best", "evaluated", "recent", "position", "beside", "ranks"])
        value: Any = chance.choice([-1, 0, 1 << 31, 1 << 62, 1 << 63, 1 << 70, 1.5, -1e308, 1e308, None, "x", [], {}, True])
        if name in ("learner", "beside") and chance.random() < 0.8:
            value = {**self.meta[name], chance.choice([*self.meta[name], "more"]): value}
        if name == "recent" and chance.random() < 0.8:
            value = [value] * chance.choice((1, 500, 501))
        return f"{name}: {value}", self.tensors, {name: value}


WEIGHTS = ("network.", "optimizer.", "own.target.")


def extreme(dtype: np.dtype, chance: random.Random) -> Any:
    """A number at or beyond the ends of what anything means."""
    if dtype.kind == "b":
        return chance.random() < 0.5
    if dtype.kind == "f":
        return chance.choice([np.nan, np.inf, -np.inf, -1.0, 1e30, -1e30, 1e-30, 0.5, 255.0, float(1 << 31)])
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return chance.choice([low, high, low + 1, high - 1, high // 2, max(low, -1), max(low, -2), 1, 2, 3, 7, 42, 64, 65])
