"""On-policy experience: T steps of the learning seats' observations and decisions."""

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from games.engine.batch import OUT_OF_TIME, RUNNING


@dataclass
class Rollout:
    """Slots 0 … T of R rows. Slot 0 carries decisions of the last rollout whose outcome was still pending at its end.

    `asked` is true where a row decided; only there are observation, action, log-probability, value and mask valid.
    """

    observation: Tensor  # [T+1, R, *encoder.stored]
    mask: Tensor | None  # uint8 [T+1, R, A]; None if every action is always allowed
    action: Tensor  # int64 [T+1, R]
    log_prob: Tensor  # float32 [T+1, R]
    value: Tensor  # float32 [T+1, R]
    asked: Tensor  # bool [T+1, R]
    start: Tensor  # bool [T+1, R]: the slot's decision is the first of an episode
    reward: Tensor  # float32 [T+1, R]: of the slot's step
    end: Tensor  # uint8 [T+1, R]: 0 running, 1 terminated, 2 truncated
    truncated_value: Tensor  # float32 [T+1, R]: value of the final state of an episode, where end is 2

    @classmethod
    def empty(
        cls, steps: int, rows: int, stored: tuple[int, ...], dtype: torch.dtype, actions: int, masks: bool, device
    ) -> "Rollout":
        """A rollout of zeros. dtype: of observations. masks: whether there are masks."""

        def zeros(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(steps + 1, rows, *shape, dtype=kind, device=device)

        return cls(
            observation=zeros(*stored, kind=dtype),
            mask=zeros(actions, kind=torch.uint8) if masks else None,
            action=zeros(kind=torch.int64),
            log_prob=zeros(),
            value=zeros(),
            asked=zeros(kind=torch.bool),
            start=zeros(kind=torch.bool),
            reward=zeros(),
            end=zeros(kind=torch.uint8),
            truncated_value=zeros(),
        )

    @staticmethod
    def nbytes(steps: int, rows: int, stored: tuple[int, ...], dtype: torch.dtype, actions: int, masks: bool) -> int:
        """The bytes of `empty` with these arguments."""
        each = prod(stored) * dtype.itemsize + actions * masks + 8 + 4 * 4 + 3  # action, four numbers, three flags
        return (steps + 1) * rows * each

    def fields(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        return {name: tensor for name, tensor in vars(self).items() if tensor is not None}

    def carry(self, pending: Tensor, last: Tensor) -> None:
        """Move the decisions in slots `last` [R] of rows `pending` (bool [R]) to slot 0; all others are dropped.

        A row's rewards since its decision are added to it; no episode of a pending row has ended since.
        """
        rows = torch.arange(len(last), device=last.device)
        reward = torch.zeros_like(self.reward[0])
        for slot in range(len(self.reward)):
            reward += torch.where(last <= slot, self.reward[slot], 0.0)
        for tensor in self.fields().values():
            tensor[0] = tensor[last, rows]
        self.asked[0] = pending
        self.reward[0] = torch.where(pending, reward, 0.0)
        self.end[0] = RUNNING


def truncated_rows(end: np.ndarray) -> np.ndarray:
    """The rows whose episode was truncated by the time limit, by their ends [R]."""
    return np.flatnonzero(end == OUT_OF_TIME)
