"""Snapshots of a batch: its whole state as bytes, which are checked before compiled code sees them.

A compiled loop trusts its state: an index that is out of its array ends the process, a counter out of range never ends.
"""

import json
from typing import Any

import numpy as np

from games.core import COMMON
from games.engine.constants import EXTERNAL, LONGEST_DELAY, NOTHING, OUT_OF_TIME, RANDOM, RING, RUNNING
from games.engine.loader import Game
from games.errors import UserError

MAGIC = b"SPARBAT1"  # the first bytes of a snapshot
MOST = 1 << 62  # of 64-bit counters
LONG = 1 << 30  # of 32-bit counters: sums of two still fit
Arrays = dict[str, np.ndarray]  # `Batch.arrays`
Bank = tuple[int, str]  # of a batch: the number of its levels, and their digest
NO_BANK = (0, "")
Copied = tuple[bytes, ...]  # of a batch's arrays, in their order, but for those that never change
FIXED = ("env_ids", "levels")


def pack(game: Game, seed: int, arrays: Arrays, bank: Bank = NO_BANK) -> bytes:
    """A batch's seed and arrays as bytes. Of its bank of levels, which it does not change, only the digest."""
    header = json.dumps({**_about(game, arrays), **({"bank": bank[1]} if bank[0] else {}), "seed": seed}).encode()
    return MAGIC + len(header).to_bytes(4, "little") + header + b"".join(array.tobytes() for array in arrays.values())


def unpack(game: Game, current: Arrays, data: bytes, bank: Bank = NO_BANK) -> tuple[int, Arrays]:
    """The seed and the arrays of a snapshot of a batch whose arrays are like `current`; `UserError` for anything else."""
    if data[: len(MAGIC)] != MAGIC:
        raise UserError("This is not a snapshot of a batch.")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[start - 4 : start], "little")
    try:
        header = json.loads(data[start:end])
        seed = header["seed"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("The snapshot is damaged: its header is no JSON object of a batch.") from None
    for key, value in _about(game, current).items():
        if header.get(key) != value:
            raise UserError(f"The snapshot's {key} is {str(header.get(key))[:40]}, this batch's is {value}.")
    if header.get("bank", "") != bank[1]:
        raise UserError("The snapshot is of a batch with another bank of levels.\nMake the batch with the bank of then.")
    if type(seed) is not int or not 0 <= seed < 1 << 64:
        raise UserError(f"The snapshot is damaged: its seed is {str(seed)[:40]}.")
    if len(data) - end != sum(array.nbytes for array in current.values()):
        raise UserError("The snapshot is damaged: it is too short or too long.")
    arrays = {}
    for name, array in current.items():
        arrays[name] = np.frombuffer(data, array.dtype, array.size, end).reshape(array.shape)
        end += array.nbytes
    check(game, arrays, bank[0])
    return seed, arrays


def _about(game: Game, arrays: Arrays) -> dict[str, Any]:
    """The header, but for the seed."""
    return {
        "game": game.name,
        "version": game.version,
        "num_envs": len(arrays["states"]),
        "levels": len(arrays["levels"]),
        "sizes": [array.nbytes for array in arrays.values()],
    }


# --- for the same batch, many times a second ---


def copied(arrays: Arrays) -> Copied:
    """A copy of a batch's arrays, in as few bytes as they have, for `put_back` into the same batch."""
    return tuple(array.tobytes() for name, array in arrays.items() if name not in FIXED)


def put_back(arrays: Arrays, data: Copied) -> None:
    """Write a copy into the arrays of the batch from which it was taken."""
    changing = [array for name, array in arrays.items() if name not in FIXED]
    for array, each in zip(changing, data, strict=True):
        array[...] = np.frombuffer(each, array.dtype).reshape(array.shape)


# --- what a batch can hold --------------------------------------------------------------------------------------------


def check(game: Game, arrays: Arrays, in_bank: int = 0) -> None:
    """`UserError` for arrays that no batch of the game ever holds. in_bank: levels of its bank; 0: it has none."""
    ended = arrays["end"] != RUNNING
    check_states(game, arrays["states"], {"tick": (0, game.max_ticks - 1), "over": (0, 0)})
    final = arrays["final"]
    written = ended | final.view(np.uint8).reshape(len(final), -1).any(1)  # zeros until an episode has ended
    check_states(game, final[written], {"tick": (0, game.max_ticks), "over": (0, 1)})
    check_slots(game, arrays["slots"])
    _check_bounds(
        "the batch",
        arrays,
        {"end": (RUNNING, OUT_OF_TIME), "ticks": (0, game.max_ticks), "levels": (0, (in_bank or 1 << 31) - 1)},
    )
    for name in ("rewards", "returns"):
        _check_finite("the batch", name, arrays[name])


def check_states(game: Game, states: np.ndarray, bounds: dict[str, tuple[int, int]]) -> None:
    """States [N]: the fields of COMMON in their bounds, numbers that are finite, and what the game itself calls valid."""
    _check_bounds("a state", states, {"level": (0, (1 << 31) - 1), **bounds})
    current = [name for name in states.dtype.names or () if name not in dict(COMMON)]
    for name in current:
        _check_finite("a state", name, states[name])
    if game.has_valid and len(states):
        valid = np.zeros(len(states), np.uint8)
        game.kernel.valid_slice(0, len(states), np.ascontiguousarray(states), valid)
        if not valid.all():
            raise UserError(
                f"The snapshot is damaged: {game.heading} never comes to a state as in environment {valid.argmin()}."
            )


def check_slots(game: Game, slots: np.ndarray) -> None:
    """The engine's records [N] of the environments."""
    _check_bounds(
        "a slot",
        slots,
        {
            "episode": (0, MOST), "waiting": (0, RING), "asked": (0, 1), "decisions": (0, LONG),
            "due": (0, game.max_ticks + LONG), "opening_min": (0, LONG), "opening_max": (0, LONG), "opening": (0, LONG),
            "frame_skip": (1, LONG),
            "delay": (0, LONGEST_DELAY), "ring": (NOTHING, (1 << 15) - 1),
        },
    )  # fmt: skip
    if (slots["opening_min"] > slots["opening_max"]).any():
        raise UserError("The snapshot is damaged: an opening in a slot has no range.")
    for name in ("pending_reward", "returns", "bot"):
        _check_finite("a slot", name, slots[name])
    bot = slots["bot"]
    if not ((bot == EXTERNAL) | (bot == RANDOM) | ((bot >= 0.0) & (bot <= 1.0))).all():
        raise UserError("The snapshot is damaged: bot in a slot is no skill from 0 to 1.")


def _check_bounds(where: str, arrays: Any, bounds: dict[str, tuple[int, int]]) -> None:
    for name, (low, high) in bounds.items():
        array = arrays[name]
        wrong = (array < low) | (array > high)
        if wrong.any():
            raise UserError(f"The snapshot is damaged: {name} of {where} is {array[wrong][0]}; it is from {low} to {high}.")


def _check_finite(where: str, name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UserError(f"The snapshot is damaged: {name} of {where} is not finite.")
