"""On-policy experience: T steps of what the learning seats saw and did."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from games.engine.batch import OUT_OF_TIME, RUNNING


@dataclass
class Rollout:
    """Slots 0 … T of R rows. Slot 0 carries decisions of the last rollout whose outcome was still open at its end.

    `asked` tells where a row decided; only there do observation, action, log-probability, value and mask mean anything.
    """

    observation: Tensor  # [T+1, R, *stored], as the encoder stores it
    mask: Tensor | None  # uint8 [T+1, R, A]; None where every action is always allowed
    action: Tensor  # int64 [T+1, R]
    log_prob: Tensor  # float32 [T+1, R]
    value: Tensor  # float32 [T+1, R]
    asked: Tensor  # bool [T+1, R]
    start: Tensor  # bool [T+1, R]: the slot's decision is the first of an episode
    reward: Tensor  # float32 [T+1, R]: what arrived after the slot's step
    end: Tensor  # uint8 [T+1, R]: 0 running, 1 over, 2 out of time
    truncated_value: Tensor  # float32 [T+1, R]: value of the state an episode was truncated in, where end is 2

    @classmethod
    def empty(
        cls, steps: int, rows: int, stored: tuple[int, ...], dtype: torch.dtype, actions: int, masks: bool, device
    ) -> "Rollout":
        def zeros(*shape: int, of: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(steps + 1, rows, *shape, dtype=of, device=device)

        return cls(
            observation=zeros(*stored, of=dtype),
            mask=zeros(actions, of=torch.uint8) if masks else None,
            action=zeros(of=torch.int64),
            log_prob=zeros(),
            value=zeros(),
            asked=zeros(of=torch.bool),
            start=zeros(of=torch.bool),
            reward=zeros(),
            end=zeros(of=torch.uint8),
            truncated_value=zeros(),
        )

    def fields(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in vars(self).items() if tensor is not None}

    def carry(self, open_rows: Tensor, last: Tensor) -> None:
        """Keep the decisions [R] in slots `last` of the rows whose outcome is open, in slot 0; forget the rest.

        What a row has been paid since is kept with its decision; no episode of such a row has ended since.
        """
        rows = torch.arange(len(last), device=last.device)
        reward = torch.zeros_like(self.reward[0])
        for slot in range(len(self.reward)):
            reward += torch.where(last <= slot, self.reward[slot], 0.0)
        for tensor in self.fields().values():
            tensor[0] = tensor[last, rows]
        self.asked[0] = open_rows
        self.reward[0] = torch.where(open_rows, reward, 0.0)
        self.end[0] = RUNNING


def truncated_rows(end: np.ndarray) -> np.ndarray:
    """The rows whose episode was truncated by the time limit."""
    return np.flatnonzero(end == OUT_OF_TIME)
