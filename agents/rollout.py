"""On-policy experience: the environments, who plays in them, and T steps of what the learning seats saw and did."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from agents.match import OPENING, Participant
from games.batch import EXTERNAL, OUT_OF_TIME, RUNNING, Batch, Workers
from games.game import Game
from games.view import View, check_room


class Sight(Protocol):
    """What the learning rows see: the newest `stack` frames of each, oldest first. `games.view.View` is one."""

    rows: int
    stack: int
    frame: tuple[int, ...]
    dtype: np.dtype

    def observe(self) -> np.ndarray:
        """What every row sees now, [R, stack, *frame]. Called once after each step."""

    def newest(self) -> np.ndarray:
        """What `observe` gave last."""

    def final(self, rows: np.ndarray) -> np.ndarray:
        """What rows saw when their episode was cut. Called between `step` and `observe`."""

    def masks(self) -> np.ndarray:
        """uint8 [R, A]: what each row may try. Asked only where the arena is `masked`."""

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        """The same of the states in which rows were cut."""


class Stage(Protocol):
    """What a learner plays on: all that it asks of a game. `Arena` for ours, `foreign_arena.ForeignArena` for others'."""

    masked: bool  # are there actions that are not always allowed?

    @property
    def view(self) -> Sight:
        """What its rows see."""

    def asked(self) -> np.ndarray:
        """bool [R]: the learning rows that decide now."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play the rows' actions [R]; raw rewards float64 [R], and ends uint8 [R]: 0 running, 1 over, 2 out of time."""

    def episodes(self) -> np.ndarray:
        """int64 [R]: the number of each row's running episode."""

    def finished(self) -> tuple[list[float], list[int]]:
        """Raw returns and lengths (in ticks) of the episodes that ended in the last step."""

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs."""

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        """Go on from a state; a line for the user where that is not quite as if nothing had happened."""

    def close(self) -> None:
        """Nobody plays here any more."""


def stage(game: Any, num_envs: int, seed: int, opponents: "list[Participant | None]", settings: Any, workers: Workers) -> Stage:
    """Where a learner plays a game: the game's own, if it brings one."""
    if hasattr(game, "arena"):
        return game.arena(num_envs, seed, settings)
    return Arena(game, num_envs, seed, opponents, settings, workers)


class Arena:
    """A batch in which R rows (environment, seat) learn and others play against them.

    opponents: shared evenly over the environments; a learner's seat alternates. `SELF`: both seats learn. None: one seat.
    """

    def __init__(
        self, game: Game, num_envs: int, seed: int, opponents: "list[Participant | None]", settings: Any, workers: Workers
    ):
        self.game, self.masked = game, game.has_legal
        opening = (0, OPENING[1]) if game.turns else (0, 0)  # or it would know few positions but its own
        self.batch = Batch(game, num_envs, seed, opening=opening, threads=workers)
        rows, against = [], [[] for _ in opponents]
        self.batch.bots[:] = EXTERNAL
        for env in range(num_envs):
            number = env % len(opponents) if opponents else 0
            opponent = opponents[number] if opponents else None
            if game.players == 1:
                rows.append((env, 0))
            elif opponent is None:
                rows += [(env, 0), (env, 1)]
            else:
                seat = (env // len(opponents)) % 2
                rows.append((env, seat))
                self.batch.bots[env, 1 - seat] = opponent.bot
                if opponent.agent is not None:
                    against[number].append((env, 1 - seat))
        self.view = View(self.batch, rows, settings.observation, settings.size, settings.stack)
        self.batch.delay[self.view.envs, self.view.seats] = 0 if game.turns else settings.delay  # the learner's, not the bots'
        self.rivals = [
            opponent.agent.player(self.batch, np.array(seats))
            for opponent, seats in zip(opponents, against, strict=True)
            if seats and opponent is not None and opponent.agent is not None
        ]
        self.batch.reset()
        check_room(self.batch)
        self.actions = np.zeros(self.batch.rewards.shape, np.int64)

    def asked(self) -> np.ndarray:
        """bool [R]: the learning rows that decide now."""
        return self.batch.asked[self.view.envs, self.view.seats] == 1

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play the rows' actions [R], in their view's words; rewards float64 [R] and ends uint8 [R]."""
        self.view.act(actions, self.actions)
        for rival in self.rivals:
            rival.act(self.actions)
        self.batch.step(self.actions)
        return self.batch.rewards[self.view.envs, self.view.seats], self.batch.end[self.view.envs]

    def episodes(self) -> np.ndarray:
        """int64 [R]: the number of each row's running episode."""
        return self.batch.episode[self.view.envs]

    def finished(self) -> tuple[list[float], list[int]]:
        """Returns and ticks of the episodes that ended in the last step, of each learning row."""
        ended = np.flatnonzero(self.batch.end[self.view.envs])
        envs, seats = self.view.envs[ended], self.view.seats[ended]
        return self.batch.returns[envs, seats].tolist(), self.batch.ticks[envs].tolist()

    def close(self) -> None:
        self.batch.close()

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """All that is needed to go on identically."""
        parts = {"batch": torch.frombuffer(bytearray(self.batch.snapshot()), dtype=torch.uint8)}
        parts |= {f"view.{name}": torch.from_numpy(array) for name, array in self.view.state().items()}
        for number, rival in enumerate(self.rivals):
            parts |= {f"rival{number}.{name}": tensor for name, tensor in rival.state().items()}
        return parts

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        self.batch.restore(parts["batch"].numpy().tobytes())
        self.view.restore({name: parts[f"view.{name}"].numpy() for name in ("last", "episode")})
        for number, rival in enumerate(self.rivals):
            rival.restore(within(parts, f"rival{number}."))
        return None


def within(parts: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in parts.items() if name.startswith(prefix)}


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
    cut_value: Tensor  # float32 [T+1, R]: value of the state an episode was cut in, where end is 2

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
            cut_value=zeros(),
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


def cut_rows(end: np.ndarray) -> np.ndarray:
    """The rows whose episode was cut by the time limit."""
    return np.flatnonzero(end == OUT_OF_TIME)
