"""The number format that networks compute in."""

import torch

from games.errors import UserError, nearest


def best_dtype(device: torch.device, precision: str) -> torch.dtype:
    """The precision to compute in; `auto` is bfloat16 if the processor multiplies matrices in it, else float32."""
    if precision not in ("auto", "fp32", "bf16"):
        raise UserError(f"There is no precision '{precision}'.\n{nearest(precision, ('auto', 'fp32', 'bf16'))}")
    if precision != "auto":
        return torch.float32 if precision == "fp32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)():
        return torch.bfloat16
    return torch.float32
