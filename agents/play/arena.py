"""Many copies of one of our games, in which some seats learn and the others are opponents."""

import numpy as np
import torch
from torch import Tensor

from agents.core.settings import AgentSettings
from agents.core.tensor_file import select_prefix
from agents.play.seats import OPENING, Participant
from games.engine.batch import EXTERNAL, Batch, Workers
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.engine.view import View, check_shapes


class GameArena:
    """A batch in which R rows (environment, seat) learn and the other seats are opponents.

    opponents: environment k has opponent k % len(opponents) for the whole run, and the learner's seat alternates over the
    environments of an opponent. An opponent None: both seats learn (self-play). An empty list: a game of one seat.
    levels: those that they learn in.
    """

    def __init__(
        self,
        game: Game,
        num_envs: int,
        seed: int,
        opponents: list[Participant | None],
        settings: AgentSettings,
        workers: Workers,
        levels: Levels = ANY,
    ):
        self.game, self.masked, self.remarks = game, game.has_legal, []
        opening = (0, OPENING[1]) if game.turns else (0, 0)  # else it would learn only positions of its own play
        self.batch = Batch(game, num_envs, seed, opening=opening, levels=levels, threads=workers)
        rows, opponent_rows = [], [[] for _ in opponents]
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
                if opponent.sitter is not None:
                    opponent_rows[number].append((env, 1 - seat))
        met = [number for number, opponent in enumerate(opponents) if opponent is not None]
        enough = len(opponents) + max(met, default=-len(opponents)) + 1  # each environment has another, then another seat
        if game.players == 2 and num_envs < enough:
            many = f"{num_envs} environment{'s'[: num_envs != 1]}"
            self.remarks.append(f"A process with {many} does not meet each opponent in each seat; with {enough} it does")
        self.view = View(self.batch, rows, settings.observation, settings.size, settings.stack)
        self.batch.delay[self.view.envs, self.view.seats] = 0 if game.turns else settings.delay  # of the learner, not of bots
        self.opponents = [
            opponent.sitter.player(self.batch, np.array(seats))
            for opponent, seats in zip(opponents, opponent_rows, strict=True)
            if seats and opponent is not None and opponent.sitter is not None
        ]
        self.batch.reset()
        check_shapes(self.batch)
        self.actions = np.zeros(self.batch.rewards.shape, np.int64)

    def asked(self) -> np.ndarray:
        """The rows that decide now, bool [R]."""
        return self.batch.asked[self.view.envs, self.view.seats] == 1

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play actions [R], as the rows' view numbers them: rewards float64 [R] and ends uint8 [R]."""
        self.view.act(actions, self.actions)
        for opponent in self.opponents:
            opponent.act(self.actions)
        self.batch.step(self.actions)
        return self.batch.rewards[self.view.envs, self.view.seats], self.batch.end[self.view.envs]

    def episodes(self) -> np.ndarray:
        """The number of each row's running episode, int64 [R]."""
        return self.batch.episode[self.view.envs]

    def finished(self) -> tuple[list[float], list[int]]:
        """Returns and lengths (in ticks) of the episodes that ended in the last step, of each row."""
        ended = np.flatnonzero(self.batch.end[self.view.envs])
        envs, seats = self.view.envs[ended], self.view.seats[ended]
        return self.batch.returns[envs, seats].tolist(), self.batch.ticks[envs].tolist()

    def close(self) -> None:
        self.batch.close()

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs to go on identically."""
        parts = {"batch": torch.frombuffer(bytearray(self.batch.snapshot()), dtype=torch.uint8)}
        parts |= {f"view.{name}": torch.from_numpy(array) for name, array in self.view.state().items()}
        for number, opponent in enumerate(self.opponents):
            parts |= {f"rival{number}.{name}": torch.as_tensor(array) for name, array in opponent.state().items()}
        return parts

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        players = {name: self.batch.slots[name].copy() for name in ("bot", "frame_skip", "delay", "opening_min", "opening_max")}
        self.batch.restore(parts["batch"].numpy().tobytes())
        for name, before in players.items():  # else nobody might ever be asked
            if (self.batch.slots[name] != before).any():
                raise ValueError(f"the {name} of its environments is another")
        self.view.restore({name: parts[f"view.{name}"].numpy() for name in ("last", "episode")})
        for number, opponent in enumerate(self.opponents):
            opponent.restore(select_prefix(parts, f"rival{number}."))
        return None
