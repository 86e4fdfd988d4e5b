"""`Batch`: N copies of a game that advance together. Rules only: `games.engine.view` makes the observations."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from games import core
from games.engine import levels as game_levels
from games.engine import snapshot
from games.engine.constants import EXTERNAL, HELD_OUT, LONGEST_DELAY, OUT_OF_TIME, OVER, RANDOM, RUNNING
from games.engine.level_names import LevelChoice, levels_of
from games.engine.loader import Game
from games.errors import UserError

__all__ = ["EXTERNAL", "HELD_OUT", "LONGEST_DELAY", "OUT_OF_TIME", "OVER", "RANDOM", "RUNNING", "Batch", "Workers"]


class Workers:
    """Divides a range into slices, one for each thread: for work that releases the GIL, as compiled loops and torch do."""

    def __init__(self, threads: int = 1, initializer: Callable[[], None] | None = None):
        """initializer: called once in each new thread (not in the caller's)."""
        self.threads, self.initializer = max(1, threads), initializer
        self._pool = ThreadPoolExecutor(self.threads - 1, "worker", initializer) if self.threads > 1 else None

    def run(self, count: int, call: Callable[[int, int, int], Any]) -> list[Any]:
        """Call `call(lo, hi, k)` for each slice k of range(count); the results in order."""
        if self._pool is None or count < 2 * self.threads:
            return [call(0, count, 0)]
        edges = [count * k // self.threads for k in range(self.threads + 1)]
        futures = [self._pool.submit(call, edges[k], edges[k + 1], k) for k in range(1, self.threads)]
        return [call(edges[0], edges[1], 0), *(future.result() for future in futures)]

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has threads of its own."""
        return Workers, (1 if self._pool is None else self.threads, self.initializer)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


class Batch:
    """N copies of a game.

    After construction and after each `step`, the arrays hold (N environments, P seats):

    `states`  structured [N]: the current states; where an episode ended, the next one has begun.
    `asked`   uint8 [N, P]: 1 where the caller must give this seat's action to the next `step`.
    `rewards` float64 [N, P]: a seat's reward since it was last asked (0 while it waits; at an end, all that is due).
    `end`     uint8 [N]: 0 running, 1 over by the rules, 2 out of time. At an end, valid until the next `step`:
    `final`   structured [N]: the state the episode ended in; `returns` float64 [N, P] and `ticks` int32 [N] of the episode.

    Episode k of environment i is the same for every batch size and thread count, and does not depend on earlier episodes.
    """

    def __init__(
        self,
        game: Game,
        num_envs: int,
        seed: int = 0,
        *,
        bots: Any = EXTERNAL,
        frame_skip: Any = None,
        delay: Any = 0,
        opening: tuple[int, int] = (0, 0),
        levels: LevelChoice = None,
        env_ids: Sequence[int] | np.ndarray | None = None,
        threads: int | Workers = 1,
    ):
        """
        bots: who decides for each seat, broadcast to [N, P]: `EXTERNAL` (the caller), `RANDOM`, or a bot's skill 0-1.
        frame_skip: ticks between a seat's decisions, broadcast to [N, P]; by default the game's. Games with `asks` ignore it.
        delay: ticks until a seat's decision takes effect, 0-60, broadcast to [N, P]. In games of turns always 0.
        opening: (min, max) number of ticks (plies, in a game of turns) at an episode's start in which all seats act at random.
        levels: a number: play the levels 0 … levels-1; a list of numbers; a structured array of the game's LEVEL (a bank); a
            name or file, as `games.engine.level_names` knows them; None: any below 1,000,000,000.
        env_ids: numbers of the environments, 0 … N-1 by default; two with the same number play the same episodes.
        """
        if num_envs < 1:
            raise UserError(f"A batch needs one environment at least, not {num_envs}.")
        self.game, self.num_envs, self.seed = game, num_envs, int(seed)
        self.kernel = game.kernel
        shape = (num_envs, game.players)
        self.slots = np.zeros(num_envs, self.kernel.SLOT)
        self.bots[:] = bots
        self.frame_skip[:] = game.frame_skip if frame_skip is None else frame_skip
        self.delay[:] = 0 if game.turns else delay
        self.slots["opening_min"], self.slots["opening_max"] = opening
        if not 0 <= opening[0] <= opening[1]:
            raise UserError(f"An opening has from {opening[0]} to {opening[1]} ticks; that is no range.")
        if self.delay.min() < 0 or self.delay.max() > LONGEST_DELAY:
            raise UserError(f"A delay is from 0 to {LONGEST_DELAY} ticks.")
        if self.frame_skip.min() < 1:
            raise UserError("A frame skip is one tick at least.")
        chosen = levels_of(game, levels)
        self.levels = np.array(chosen.numbers)
        self.bank = game_levels.bank_array(game, chosen)  # empty: `build` makes the levels
        self._bank_id = (len(self.bank), game_levels.digest(self.bank)) if len(self.bank) else snapshot.NO_BANK
        self.env_ids = np.arange(num_envs) if env_ids is None else np.asarray(env_ids, np.int64)
        self.workers = threads if isinstance(threads, Workers) else Workers(threads)

        self.states = np.zeros(num_envs, game.state)
        self.final = np.zeros(num_envs, game.state)
        self.rewards = np.zeros(shape)
        self.end = np.zeros(num_envs, np.uint8)
        self.returns = np.zeros(shape)
        self.ticks = np.zeros(num_envs, np.int32)
        self.reset()

    @property
    def asked(self) -> np.ndarray:
        """uint8 [N, P]: the caller decides for this seat now. Set it to 1 to let a person act who is not asked (`HANDS`)."""
        return self.slots["asked"]

    @property
    def bots(self) -> np.ndarray:
        """float64 [N, P]: who decides for each seat; may be changed at any time, also in a single environment."""
        return self.slots["bot"]

    @property
    def frame_skip(self) -> np.ndarray:
        """int32 [N, P]: ticks between a seat's decisions."""
        return self.slots["frame_skip"]

    @property
    def delay(self) -> np.ndarray:
        """int32 [N, P]: ticks until a seat's decision takes effect."""
        return self.slots["delay"]

    @property
    def episode(self) -> np.ndarray:
        """int64 [N]: number of the running episode."""
        return self.slots["episode"]

    def reset(self, episode: int | None = None, max_ticks: int | None = None) -> None:
        """Start every environment at the beginning of episode `episode` (0 by default).

        max_ticks: that pass until a seat of the caller's is asked, as in `step`; the window uses 0, and sees all of them.
        """
        self.slots["episode"] = 0 if episode is None else episode
        limit = self.game.max_ticks if max_ticks is None else max_ticks
        self._run(np.zeros((self.num_envs, self.game.players), np.int64), limit, begin=True)

    def step(self, actions: np.ndarray, max_ticks: int | None = None) -> None:
        """Advance every environment until a seat of the caller's is asked again or the episode ends.

        actions: int64 [N, P] world actions; read where a seat was asked. An impossible action has no effect.
        max_ticks: stop after so many ticks at the latest. The window uses 0: a single tick, and after an end none of the next
            episode, so that `slots["acting"]` still has the actions that were in effect in the last one.
        """
        actions = np.ascontiguousarray(actions, np.int64).reshape(self.num_envs, self.game.players)
        self._run(actions, self.game.max_ticks if max_ticks is None else max_ticks, begin=False)

    def _run(self, actions: np.ndarray, limit: int, begin: bool) -> None:
        games = (self.states, self.slots, self.env_ids, np.uint64(self.seed), self.levels, self.bank)
        out = (self.rewards, self.end, self.final, self.returns, self.ticks)
        step = self.kernel.step_slice
        self.workers.run(self.num_envs, lambda lo, hi, k: step(lo, hi, *games, limit, begin, actions, *out))

    def restart(self, envs: np.ndarray) -> None:
        """Begin the running episodes of some environments anew, for those who sit there now; what the last step gave stays.

        envs: int64 [n], each once. Call it right after a step in which their episodes began, and after changing a seat.
        """
        count = len(envs)
        states, slots = self.states[envs], self.slots[envs]
        unused = [np.zeros(count, array.dtype) for array in (self.end, self.final, self.ticks)]
        pairs = [np.zeros((count, self.game.players)) for _ in range(2)]
        games = (states, slots, self.env_ids[envs], np.uint64(self.seed), self.levels, self.bank)
        out = (pairs[0], unused[0], unused[1], pairs[1], unused[2])
        none = np.zeros((count, self.game.players), np.int64)
        self.kernel.step_slice(0, count, *games, self.game.max_ticks, True, none, *out)
        self.states[envs], self.slots[envs] = states, slots

    def scripted(self, envs: np.ndarray, seats: np.ndarray, bots: np.ndarray) -> np.ndarray:
        """The world actions that scripted players, float64 [R] as in `bots`, would choose in some seats now, int64 [R]."""
        actions = np.zeros(len(envs), np.int64)
        self.kernel.scripted_slice(0, len(envs), self.states, self.slots, envs, seats, bots, actions)
        return actions

    def legal(self, envs: np.ndarray, seats: np.ndarray) -> np.ndarray:
        """The world actions that are legal in some seats, uint8 [R, A]; all 0 for a seat that is not asked."""
        masks = np.zeros((len(envs), self.game.num_actions), np.uint8)
        self.kernel.mask_slice(0, len(envs), self.states, self.slots, envs, seats, masks)
        return masks

    # --- snapshots ---

    def snapshot(self) -> bytes:
        """The whole state of the batch as bytes: after `restore`, in any process, it continues identically."""
        return snapshot.pack(self.game, self.seed, self.arrays(), self._bank_id)

    def restore(self, data: bytes) -> None:
        """Continue from a snapshot of a batch of the same game, size and number of levels, and of the same bank.

        `UserError`, with nothing changed, for one of another batch, or with values that no batch comes to.
        """
        self.seed, arrays = snapshot.unpack(self.game, self.arrays(), data, self._bank_id)
        for name, array in self.arrays().items():
            array[...] = arrays[name]

    def arrays(self) -> dict[str, np.ndarray]:
        """All that a snapshot holds, by name."""
        names = ("states", "slots", "final", "rewards", "end", "returns", "ticks", "env_ids", "levels")
        return {name: getattr(self, name) for name in names}

    # A copy goes on by itself, by `copy.deepcopy` or from a pickle; compiled code is not copied.

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "kernel"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.kernel = self.game.kernel

    def record(self, env: int = 0, final: bool = False):
        """One environment's state, its fields as attributes of Python's own types: for `hud`, replays and tests."""
        return core.PlainRecord(self.final if final else self.states, env)

    def close(self) -> None:
        self.workers.close()
