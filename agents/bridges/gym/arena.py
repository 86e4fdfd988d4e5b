"""Many foreign environments at once: what learners play in, and evaluations. `agents.bridges.gym.game` makes them."""

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.play.policy import Policy
from agents.play.result import MatchResult
from agents.play.seats import Participant
from games.engine.batch import OUT_OF_TIME, OVER, RANDOM, RUNNING
from games.errors import UserError

if TYPE_CHECKING:
    from agents.bridges.gym.game import GymGame

TOGETHER = 32  # environments that an evaluation plays in at once
LONGEST = 27_000  # decisions of an evaluated episode; one without a time limit of its own might never end
FILM_SECONDS, FILM_RATE, FILM_SIZE = 6.0, 15, 168  # of an evaluation's film; pictures a second; its larger side in pixels
EVALUATING = 1 << 31  # seeds of evaluations are from here on, those of training below

# --- training -------------------------------------------------------------------------------------------------------


class GymObservations:
    """What R rows see: the newest `stack` frames of each, oldest first; frames from before an episode began are zeros."""

    def __init__(self, lens: ObservationAdapter, rows: int, settings: Any):
        self.lens, self.rows, self.stack = lens, rows, settings.stack
        self.observation, self.size = settings.observation, settings.size
        self.frame = lens.shape(self.observation, self.size)
        self.dtype = np.dtype(np.float32 if self.observation == "objects" else np.uint8)
        self._last = np.zeros((rows, self.stack, *self.frame), self.dtype)
        self._final = np.zeros_like(self._last)

    def frames(self, raw: Any) -> np.ndarray:
        return self.lens.frames(np.asarray(raw), self.observation, self.size)

    def see(self, raw: Any, begins: Any) -> None:
        """Every row's new observation; where an episode begins, what was before is forgotten."""
        self._last = self.after(np.arange(self.rows), raw, begins)

    def see_some(self, rows: np.ndarray, raw: Any, begins: Any) -> None:
        """The same of some rows; `begins` is of them."""
        self._last[rows] = self.after(rows, raw, begins)

    def after(self, rows: np.ndarray, raw: Any, begins: Any) -> np.ndarray:
        """The stacks of rows [B] with their new observations [B, …], not kept: [B, stack, *frame]."""
        new = np.empty((len(rows), self.stack, *self.frame), self.dtype)
        new[:, :-1] = self._last[rows, 1:]
        new[begins, :-1] = 0
        new[:, -1] = self.frames(raw)
        return new

    def end(self, rows: np.ndarray, stacks: np.ndarray) -> None:
        """What rows saw when their episodes ended."""
        self._final[rows] = stacks

    def observe(self) -> np.ndarray:
        return self._last

    def newest(self) -> np.ndarray:
        return self._last

    def final(self, rows: np.ndarray) -> np.ndarray:
        return self._final[rows]

    def masks(self) -> np.ndarray:
        raise TypeError("every action is always allowed here")

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        raise TypeError("every action is always allowed here")


class GymArena:
    """Many of a foreign environment, in which every row learns.

    Where the environments begin the next episode only with the step after an end, rows wait for it: they are not asked.
    """

    masked = False

    def __init__(self, game: "GymGame", num_envs: int, seed: int, settings: Any):
        if settings.delay:
            raise UserError(f"{game.name} has no delay to set: that is for our own games.")
        self.game, self.seed = game, seed
        self.envs = game.vector(num_envs)
        self.mode = self.envs.metadata["autoreset_mode"]
        self.view = GymObservations(game.lens, num_envs, settings)
        self.episode = np.zeros(num_envs, np.int64)
        self.returns, self.lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self.sitting = 0  # how often a run has begun or gone on
        self._asked = np.ones(num_envs, bool)
        self._lost = False  # where a run goes on: the episodes of before, which nobody can continue
        self._finished: tuple[list[float], list[int]] = ([], [])
        self._reset()

    def _reset(self) -> None:
        seed = int(np.random.SeedSequence([self.seed, self.sitting]).generate_state(1)[0]) % (EVALUATING >> 1)
        raw, _ = self.envs.reset(seed=seed)
        self.view.see(raw, slice(None))
        self._asked[:] = True
        self.returns[:], self.lengths[:] = 0, 0

    def asked(self) -> np.ndarray:
        """bool [R]: rows that decide now."""
        return np.zeros(self.view.rows, bool) if self._lost else self._asked.copy()

    def episodes(self) -> np.ndarray:
        """int64 [R]: the number of each row's running episode."""
        return self.episode.copy()

    def finished(self) -> tuple[list[float], list[int]]:
        """Returns and lengths of the episodes that ended in the last step."""
        return self._finished

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play actions [R]; rewards float64 [R] and ends uint8 [R]: 0 running, 1 over, 2 out of time."""
        if self._lost:
            return self._begin_anew()
        raw, paid, over, cut, info = self.envs.step(actions + self.game.first_action)
        began = ~self._asked  # rows for which this step was but the beginning of an episode
        reward = np.where(began, 0.0, np.asarray(paid, np.float64))
        end = np.where(over, OVER, np.where(cut, OUT_OF_TIME, RUNNING)).astype(np.uint8)
        end[began] = RUNNING
        ended = end != RUNNING
        self.returns += reward
        self.lengths += ~began
        self._asked = ~ended if self.mode == AutoresetMode.NEXT_STEP else np.ones(len(ended), bool)
        self._finished = (self.returns[ended].tolist(), self.lengths[ended].tolist())
        if ended.any():
            raw = self._end(ended, raw, info)
            if self.mode != AutoresetMode.NEXT_STEP:
                began = ended
        self.view.see(raw, began)
        return reward, end

    def _end(self, ended: np.ndarray, raw: Any, info: dict[str, Any]) -> Any:
        """Some rows' episodes are over: note what they saw last. What is seen now."""
        rows = np.flatnonzero(ended)
        last = raw
        if self.mode == AutoresetMode.SAME_STEP:
            if "final_obs" not in info:
                raise UserError(f"{self.game.name} does not give the final observation of an episode: info['final_obs'].")
            last = np.stack([info["final_obs"][row] for row in rows])
        else:
            last = np.asarray(raw)[rows]
        self.view.end(rows, self.view.after(rows, last, []))
        self.episode[rows] += 1
        self.returns[rows], self.lengths[rows] = 0, 0
        if self.mode == AutoresetMode.DISABLED:
            raw, _ = self.envs.reset(options={"reset_mask": ended})
        return raw

    def _begin_anew(self) -> tuple[np.ndarray, np.ndarray]:
        """A step in which nobody decides: what was running when the run stopped is cut there, and all begins again."""
        end = np.where(self._asked, OUT_OF_TIME, RUNNING).astype(np.uint8)
        self.view.end(np.arange(len(end)), self.view.newest())
        self.episode += 1
        self._lost, self._finished = False, ([], [])
        self._reset()
        return np.zeros(len(end)), end

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs; the environments themselves cannot be kept."""
        arrays = {"episode": self.episode, "asked": self._asked, "last": self.view.newest(), "sitting": np.array(self.sitting)}
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        """Go on, with new episodes."""
        self.episode, self._asked = parts["episode"].numpy().copy(), parts["asked"].numpy().copy()
        self.view._last = parts["last"].numpy().copy()
        self.sitting, self._lost = int(parts["sitting"]) + 1, True
        return f"{self.game.name} cannot be stored: new episodes begin. Network, optimiser and counters go on."

    def close(self) -> None:
        self.envs.close()


# --- evaluation -----------------------------------------------------------------------------------------------------


def evaluate(game: "GymGame", one: Participant, games: int, seed: int) -> MatchResult:
    """`games` episodes, each begun from a seed of its own that training never uses, whatever the others come to."""
    if one.agent is None and one.bot != RANDOM:
        raise UserError(f"{game.name} has no player of its own.\nSeats: random, or an agent: python train.py {game.name}")
    began = time.perf_counter()
    envs = [game.make() for _ in range(min(games, TOGETHER))]
    player = GymPlayer(game, one, len(envs), seed)
    number = np.arange(len(envs))  # of the game that each plays
    returns, lengths, cut, decisions, waiting = np.zeros(games), np.zeros(games, np.int64), 0, 0, len(envs)
    player.see(number, [env.reset(seed=_fresh(seed, row))[0] for row, env in enumerate(envs)], number >= 0)
    while len(rows := np.flatnonzero(number < games)):
        seen, begins = [], []
        for row, action in zip(rows, player.act(rows), strict=True):
            raw, reward, over, out, _ = envs[row].step(action)
            at = number[row]
            returns[at] += float(reward)
            lengths[at] += 1
            decisions += 1
            begins.append(bool(over or out or lengths[at] >= LONGEST))
            if begins[-1]:
                cut += not over
                number[row], waiting = waiting, waiting + 1
                if number[row] < games:
                    raw, _ = envs[row].reset(seed=_fresh(seed, number[row]))
            seen.append(raw)
        player.see(rows, seen, np.array(begins))
    for env in envs:
        env.close()
    return MatchResult(game.name, [one.name], returns[:, None], cut, decisions / (time.perf_counter() - began))


class GymPlayer:
    """A participant in some foreign environments, with its own view of them and its own memory of each."""

    def __init__(self, game: "GymGame", one: Participant, rows: int, seed: int):
        self.game, self.agent = game, one.agent
        self.chance = np.random.default_rng([seed, EVALUATING])
        if self.agent is not None:
            self.view = GymObservations(game.lens, rows, self.agent.info.settings)
            self.memory = self.agent.initial_state(rows)

    def see(self, rows: np.ndarray, raw: list[Any], begins: np.ndarray) -> None:
        """Rows have new observations; with some (bool, of them) an episode begins."""
        if self.agent is None:
            return
        self.view.see_some(rows, np.asarray(raw), begins)
        if self.memory is not None:
            self.memory[torch.from_numpy(rows[begins])] = 0.0

    def act(self, rows: np.ndarray) -> np.ndarray:
        """Actions of some rows, in the environment's words."""
        if self.agent is None:
            chosen = self.chance.integers(self.game.num_actions, size=len(rows))
        else:
            state = None if self.memory is None else self.memory[torch.from_numpy(rows)]
            chosen, after = self.agent.decide(self.view.newest()[rows], None, state)
            if self.memory is not None and after is not None:
                self.memory[torch.from_numpy(rows)] = after
        return chosen + self.game.first_action


def _fresh(seed: int, number: int) -> int:
    """The seed of a game of an evaluation."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) | EVALUATING


def observations(game: "GymGame", agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
    """What an agent sees, decision after decision, in environments that it plays in; and where episodes begin."""
    envs = [game.make() for _ in range(games)]
    try:
        player = GymPlayer(game, Participant("agent", agent=agent), games, seed=5)
        rows, begins = np.arange(games), np.ones(games, bool)
        raw = [env.reset(seed=_fresh(5, row))[0] for row, env in enumerate(envs)]
        for _ in range(decisions):
            player.see(rows, raw, begins)
            yield {"observation": player.view.newest().copy(), "start": begins}
            begins = np.zeros(games, bool)
            for row, action in enumerate(player.act(rows)):
                raw[row], _, over, out, _ = envs[row].step(action)
                begins[row] = over or out
                if begins[row]:
                    raw[row], _ = envs[row].reset()
    finally:
        for env in envs:
            env.close()


def pictures(game: "GymGame", one: Participant, seed: int, many: int, every: int) -> list[np.ndarray]:
    """What an environment draws of itself in the first episode that one plays: `many` at most, every so many decisions."""
    from PIL import Image

    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # training opens no window, and a drawing needs no display

    def picture() -> np.ndarray:
        drawn: Any = np.asarray(env.render())
        if drawn.dtype != np.uint8:
            drawn = np.rint(drawn * 255).astype(np.uint8)
        scale = FILM_SIZE / max(drawn.shape[:2])
        way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        return np.asarray(Image.fromarray(drawn).resize((round(drawn.shape[1] * scale), round(drawn.shape[0] * scale)), way))

    env = game.make(render_mode="rgb_array")
    try:
        only, player = np.array([0]), GymPlayer(game, one, 1, seed)
        player.see(only, [env.reset(seed=_fresh(seed, 0))[0]], np.array([True]))
        pictures = [picture()]
        for step in range(1, many * every):
            raw, _, over, out, _ = env.step(player.act(only)[0])
            if over or out:
                break
            player.see(only, [raw], np.array([False]))
            if step % every == 0:
                pictures.append(picture())
        return pictures
    finally:
        env.close()
