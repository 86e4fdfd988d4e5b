"""How often a player of Connect Four chooses a perfect move: one that keeps the best end that the position still has."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.play.seats import Participant
from games.engine.batch import EXTERNAL, Batch
from games.engine.loader import Game
from games.engine.view import View
from games.errors import UserError
from games.intervals import wilson
from games.solvers.connect_four import Solver

FEWEST, MOST = 14, 34  # discs: with fewer a position takes minutes to solve, with more there is hardly a choice
CARELESS = 0.25  # of the moves that lead to a position are drawn, the others are the bot's
SKILL = 0.75  # of that bot
TOGETHER = 256  # games that are looked through at once


@dataclass
class Positions:
    """Positions of as many discs, in each of which some moves are better than others."""

    states: np.ndarray  # [N], the game's
    values: np.ndarray  # int64 [N, 7]: 1, 0 or -1, won, drawn or lost for the side that moves; -2 for a full column


def positions(game: Game, discs: int, count: int, seed: int, solver: Solver) -> Positions:
    """So many positions of so many discs, each from another game of the bot against itself with some moves drawn."""
    if not FEWEST <= discs <= MOST:
        raise UserError(f"Positions have {FEWEST} to {MOST} discs here, not {discs}.")
    states, values, wave = [], [], 0
    while len(states) < count:
        rng = np.random.default_rng([seed, discs, wave])
        for state in _played(game, discs, rng, seed + 1_000_003 * wave):
            mine, theirs = (int(state["discs"][seat]) for seat in (state["turn"], 1 - state["turn"]))
            found = [-2 if value is None else value for value in solver.values(mine, theirs)]
            if len({value for value in found if value > -2}) > 1 and len(states) < count:
                states.append(state)
                values.append(found)
        wave += 1
    return Positions(np.array(states), np.array(values))


def _played(game: Game, discs: int, rng: np.random.Generator, seed: int) -> np.ndarray:
    """The states of games that are still open after so many discs."""
    batch = Batch(game, TOGETHER, seed, bots=EXTERNAL)
    every, open_games = np.arange(TOGETHER), np.ones(TOGETHER, bool)
    for _ in range(discs):
        turn = batch.states["turn"].astype(np.int64)
        chosen = _bot_moves(batch, turn, SKILL)
        drawn = rng.random(TOGETHER) < CARELESS
        legal = _legal(batch, turn)
        chosen[drawn] = (legal * rng.random(legal.shape)).argmax(1)[drawn]
        actions = np.zeros((TOGETHER, game.players), np.int64)
        actions[every, turn] = chosen
        batch.step(actions)
        open_games &= batch.end == 0
    batch.close()
    return batch.states[open_games].copy()


def _legal(batch: Batch, turn: np.ndarray) -> np.ndarray:
    """uint8 [N, 7]: the columns that are not full, for the seats that move."""
    view = View(batch, np.stack([np.arange(batch.num_envs), turn], 1), "planes", 8, 1)
    return view.masks()


def _bot_moves(batch: Batch, turn: np.ndarray, skill: float) -> np.ndarray:
    """The columns that the game's bot chooses for the seats that move, int64 [N]."""
    envs = np.arange(batch.num_envs)
    return batch.scripted(envs, turn, np.full(batch.num_envs, skill)).astype(np.int64)


def moves(game: Game, player: Participant, states: np.ndarray, seed: int = 0) -> np.ndarray:
    """The columns that an agent or a bot chooses in positions, int64 [N]. Earlier frames of a stack are empty."""
    batch = Batch(game, len(states), seed, bots=EXTERNAL)
    batch.states[:] = states
    turn, envs = states["turn"].astype(np.int64), np.arange(len(states))
    if player.agent is None:
        return _bot_moves(batch, turn, player.bot)
    settings = player.agent.info.settings
    view = View(batch, np.stack([envs, turn], 1), settings.observation, settings.size, settings.stack)
    observation = np.zeros((len(states), *view.shape), view.dtype)
    observation[:, -1] = view.paint(states, envs, turn)
    batch.asked[envs, turn] = 1
    return view.to_world(player.agent.decide(observation, view.masks())[0])


def agreement(found: Positions, chosen: np.ndarray) -> dict[str, Any]:
    """The share of perfect moves among those chosen, int64 [N], with its 95 % interval; and that of moves at random."""
    best = found.values.max(1)
    perfect = int((found.values[np.arange(len(chosen)), chosen] == best).sum())
    legal = found.values > -2
    by_chance = ((found.values == best[:, None]).sum(1) / legal.sum(1)).mean()
    return {
        "positions": len(chosen), "perfect": perfect / len(chosen), "interval": list(wilson(perfect, len(chosen))),
        "by_chance": float(by_chance),
    }  # fmt: skip
