"""Many copies of one of our games in which the learner's opponents are drawn from a pool, anew for each episode."""

import numpy as np
import torch
from torch import Tensor

from agents.core.restored import checked
from agents.core.settings import AgentSettings
from agents.core.tensor_file import select_prefix
from agents.play.arena import GameArena
from agents.play.crowd import Crowd
from agents.play.pool import DRAWN, LOST, WON, Pool, self_play
from agents.play.seats import OPENING
from games.engine.batch import EXTERNAL, Batch, Workers
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.engine.view import View, check_shapes
from games.people.odd import OddPlayer, kinds_of

PATIENCE = 100  # episodes in a row that end before anybody is asked


class LeagueArena(GameArena):
    """A batch in which R rows (environment, seat) learn: both seats in a fixed part of the environments, else one of them,
    with an opponent in the other seat. Arrays of opponents are [O], one for each of these environments.
    """

    def __init__(
        self,
        game: Game,
        num_envs: int,
        seed: int,
        pool: Pool,
        settings: AgentSettings,
        workers: Workers,
        levels: Levels = ANY,
    ):
        self.game, self.masked, self.remarks, self.pool = game, game.has_legal, [], pool
        opening = (0, OPENING[1]) if game.turns else (0, 0)
        self.batch = Batch(game, num_envs, seed, opening=opening, levels=levels, threads=workers)
        both = self_play(num_envs, pool.self_share)
        alone = np.flatnonzero(~both)
        seats = np.arange(len(alone)) % 2  # of the learner
        rows = [(int(env), seat) for env in np.flatnonzero(both) for seat in (0, 1)]
        rows += zip(alone.tolist(), seats.tolist(), strict=True)
        rows.sort()
        self.batch.bots[:] = EXTERNAL
        self.view = View(self.batch, rows, settings.observation, settings.size, settings.stack)
        self.batch.delay[self.view.envs, self.view.seats] = 0 if game.turns else settings.delay
        self.envs, self.seats = alone, 1 - seats  # of the opponents
        opponents = np.stack([self.envs, self.seats], 1)
        self.who = np.full(len(alone), -1, np.int64)  # keys of the pool's members
        self.outcomes = np.zeros((len(pool.members), 3), np.int64)  # games that ended since `take_outcomes`, by member
        self.crowd = Crowd(self.batch, opponents, seed)
        self.odd_kind = np.full(len(alone), -1, np.int64)
        self.odd = OddPlayer(self.batch, opponents, seed, kinds_of(game), self.odd_kind)
        self.pool_changed()
        self.batch.reset()
        self._seat(np.arange(len(alone)))
        check_shapes(self.batch)
        self.actions = np.zeros(self.batch.rewards.shape, np.int64)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `GameArena.step`; where an episode has ended, another opponent may sit down."""
        self.view.act(actions, self.actions)
        self.crowd.act(self.who, self.actions)
        self.odd.act(self.actions)
        self.batch.step(self.actions)
        ended = np.flatnonzero(self.batch.end[self.envs])
        if len(ended):
            self._count(ended)
            self._seat(ended)
        return self.batch.rewards[self.view.envs, self.view.seats], self.batch.end[self.view.envs]

    def _count(self, rows: np.ndarray) -> None:
        """Count the games of some opponents that have just ended, as the learner sees them."""
        returns = self.batch.returns[self.envs[rows], 1 - self.seats[rows]]
        outcome = np.where(returns > 0, WON, np.where(returns < 0, LOST, DRAWN))
        np.add.at(self.outcomes, (self.pool.places(self.who[rows]), outcome), 1)

    def _seat(self, rows: np.ndarray) -> None:
        """Draw the opponents of some rows whose episodes have just begun, and begin these with them."""
        batch, game = self.batch, self.game
        for _ in range(PATIENCE):
            envs, seats = self.envs[rows], self.seats[rows]
            begun = batch.episode[envs].copy()
            places = self.pool.draw(batch.seed, batch.env_ids[envs], begun)
            self.who[rows] = self.pool.keys[places]
            batch.bots[envs, seats] = self._bots[places]
            batch.delay[envs, seats] = 0 if game.turns else self._delays[places]
            self.odd_kind[rows] = self._odd[places]
            self.odd.begin(rows[self._odd[places] >= 0])
            batch.restart(envs)
            rows = rows[batch.episode[envs] != begun]  # its episode ended before anybody was asked
            if not len(rows):
                return

    # --- what the league asks of it, between iterations ---

    def pool_changed(self) -> None:
        """Take note of members who came or went; those who sit play on."""
        members = self.pool.members
        self._bots = np.array([member.bot for member in members])
        self._odd = np.array([member.odd for member in members])
        self._delays = np.array([0 if member.agent is None else member.agent.info.settings.delay for member in members])
        self.outcomes = np.zeros((len(members), 3), np.int64)
        self.crowd.admit({member.key: member.agent for member in members if member.agent is not None})

    def take_outcomes(self) -> np.ndarray:
        """For each of the pool's members the games won, drawn and lost by the learner since the last call, and the number of
        environments in which it sits now, int64 [M, 4]."""
        places = self.pool.places(self.who)
        seated = np.bincount(places[places >= 0], minlength=len(self.pool.members))
        taken = np.column_stack([self.outcomes, seated])
        self.outcomes = np.zeros_like(self.outcomes)
        return taken

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        parts = {"batch": torch.frombuffer(bytearray(self.batch.snapshot()), dtype=torch.uint8)}
        parts |= {f"view.{name}": torch.from_numpy(array) for name, array in self.view.state().items()}
        parts |= {f"crowd.{name}": tensor for name, tensor in self.crowd.state().items()}
        return parts | {"who": torch.from_numpy(self.who.copy())}

    def restore(self, parts: dict[str, Tensor]) -> None:
        """Go on from a state, after the pool has been restored and `pool_changed` was called."""
        fixed = {name: self.batch.slots[name].copy() for name in ("frame_skip", "opening_min", "opening_max")}
        self.batch.restore(parts["batch"].numpy().tobytes())
        for name, before in fixed.items():
            if (self.batch.slots[name] != before).any():
                raise ValueError(f"the {name} of its environments is another")
        who = checked("who", parts["who"], self.who).numpy().copy()
        if not np.isin(who, self.pool.keys).all():
            raise ValueError("an opponent sits in it who is not in its pool")
        self.who = who
        places = self.pool.places(who)
        self.odd_kind[:] = self._odd[places]
        self.odd.episode[:] = -1  # drawn again, the same
        self._check_seats(places)
        self.view.restore({name: parts[f"view.{name}"].numpy() for name in ("last", "episode")})
        self.crowd.restore(select_prefix(parts, "crowd."))

    def _check_seats(self, places: np.ndarray) -> None:
        """`ValueError` where the batch's seats are not those of learners and of their opponents: else nobody might be asked."""
        bots = np.full_like(self.batch.bots, EXTERNAL)
        bots[self.envs, self.seats] = self._bots[places]
        delay = self.batch.delay.copy()
        ordinary = self._odd[places] < 0
        delay[self.envs[ordinary], self.seats[ordinary]] = 0 if self.game.turns else self._delays[places][ordinary]
        if (self.batch.bots != bots).any() or (self.batch.delay != delay).any():
            raise ValueError("who sits in its environments is another")
