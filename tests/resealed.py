"""Files of tensors with any metadata and a valid checksum, as somebody may write them who means no good."""

import json
from pathlib import Path

from safetensors.torch import save

from agents.core import tensor_file


def write(path: Path, tensors, meta, **changes) -> None:
    """meta: a dict, whose checksum is made anew, with changes; or the JSON text, in which UNSEALED stands for it."""
    text = meta if isinstance(meta, str) else json.dumps({**meta, **changes, "sha256": tensor_file.UNSEALED})
    data = save(tensors, {tensor_file.SIGNATURE: text})
    sealed = data.replace(tensor_file.UNSEALED.encode(), tensor_file._seal(data, tensor_file.UNSEALED).encode(), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed)
