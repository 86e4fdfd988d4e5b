"""Many copies of one of our games in which some seats learn and others play against them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.core.tensor_file import select_prefix
from agents.play.seats import OPENING, Participant
from games.engine.batch import EXTERNAL, Batch, Workers
from games.engine.loader import Game
from games.engine.view import View, check_shapes


class GameArena:
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
        check_shapes(self.batch)
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
            rival.restore(select_prefix(parts, f"rival{number}."))
        return None
