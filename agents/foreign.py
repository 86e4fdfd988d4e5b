"""Environments that are not ours: `gym:CartPole-v1`, or any Gymnasium id with vectors or images to see and actions to choose.

To learners, `ForeignGame` is what a game is, and `ForeignArena` what their arena is (`agents.rollout.Stage`). Nothing is
imported that the user has not named on the command line; Gymnasium's own words for an id do: `gym:my_module:MyEnv-v0`.
"""

import difflib
import hashlib
import importlib
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from torch import Tensor

from agents.match import Participant, Result
from games.batch import OUT_OF_TIME, OVER, RANDOM, RUNNING
from games.errors import UserError, nearest

PREFIX = "gym:"
TOGETHER = 32  # environments that an evaluation plays in at once
LONGEST = 27_000  # decisions of an evaluated episode; one without a time limit of its own might never end
FILM_SECONDS, FILM_RATE, FILM_SIZE = 6.0, 15, 168  # of an evaluation's film; pictures a second; its larger side in pixels
EVALUATING = 1 << 31  # seeds of evaluations are from here on, those of training below

# Packages that bring environments and do not tell Gymnasium: what to import, a function to call there, what to install.
PACKAGES = {
    "ALE": ("ale_py", None, "gymnasium[atari]"),
    "MinAtar": ("minatar.gym", "register_envs", "minatar"),
}
EXTRAS = ("box2d", "classic_control", "mujoco", "toy_text")  # of Gymnasium, each named as its folder of environments

# --- recipes --------------------------------------------------------------------------------------------------------

RUN = {"eval_games": 20, "final_games": 100}
VECTOR = {"observation": "objects", "network": "mlp", "hidden": 64, "stack": 1, "precision": "fp32", **RUN}
GRID = {"observation": "planes", "network": "tiny", "stack": 1, **RUN}
IMAGE = {"observation": "pixels", "network": "nature", "size": 84, "stack": 4, **RUN}
QUICK = {"n_envs": 32, "n_steps": 32, "batch_size": 256, "n_epochs": 4, "learning_rate": 2e-3, "ent_coef": 0.0}
QUICK |= {"gamma": 0.98, "gae_lambda": 0.8}
PPO = {"n_envs": 64, "n_steps": 32, "batch_size": 512, "n_epochs": 4, "learning_rate": 1e-3, "ent_coef": 0.01}
DQN = {"n_envs": 16, "train_freq": 4, "gradient_steps": 8, "batch_size": 128, "learning_starts": 2000}
RECIPES: dict[str, dict[str, dict[str, Any]]] = {  # by what there is to see, and algorithm
    "vector": {
        "ppo": {**VECTOR, **QUICK, "steps": 200_000},
        "dqn": {**VECTOR, **DQN, "target_update_interval": 2000, "steps": 200_000},
    },
    "grid": {  # small images, as MinAtar's 10 × 10
        "ppo": {**GRID, **PPO, "steps": 5_000_000},
        "dqn": {**GRID, **DQN, "steps": 2_000_000},
    },
    "image": {
        "ppo": {**IMAGE, **PPO, "n_envs": 16, "n_steps": 128, "learning_rate": 5e-4, "steps": 10_000_000},
        "dqn": {**IMAGE, **DQN, "buffer_size": 100_000, "learning_rate": 2.5e-4, "steps": 5_000_000},
    },
}
SMALL = 18  # pixels: what is smaller is no picture but a grid

# --- what there is to see -------------------------------------------------------------------------------------------


class Lens:
    """How observations of a space become frames, in the forms that networks take.

    A vector (or a number of several, as a vector with a single 1) is `objects`, float32 [n]. An image is `planes`, uint8
    [channels, height, width]; with one or three channels also `pixels`, grey [size, size].
    """

    def __init__(self, name: str, space: spaces.Space):
        self.space = space
        self.kind = _kind(name, space)
        self.channels, self.scale = 0, 1.0  # of an image: how many; what a channel's numbers are multiplied by
        if self.kind == "objects":
            return
        assert isinstance(space, spaces.Box)
        shape = space.shape if len(space.shape) == 3 else (*space.shape, 1)
        square = shape[0] == shape[1] or shape[1] == shape[2]  # then the odd one out is the channels, else the fewest
        self.first = shape[0] != shape[1] if square else shape[0] < min(shape[1:])  # as FrameStackObservation has them
        self.channels, *sides = shape if self.first else (shape[2], *shape[:2])
        self.sides = tuple(sides)
        self.scale = 255.0 if space.high.max() <= 1 else 1.0

    @property
    def forms(self) -> tuple[str, ...]:
        """Observations that there are; the first is the plainest."""
        if self.kind == "objects":
            return ("objects",)
        return ("planes", "pixels") if self.channels in (1, 3) else ("planes",)

    def shape(self, observation: str, size: int) -> tuple[int, ...]:
        """Of one frame. `UserError` where this environment has no such observation."""
        if observation not in self.forms:
            raise UserError(f"Here is no observation '{observation}' to see.\n{nearest(observation, self.forms)}")
        if observation == "objects":
            return (int(spaces.flatdim(self.space)),)
        return (size, size) if observation == "pixels" else (self.channels, *self.sides)

    def frames(self, raw: np.ndarray, observation: str, size: int) -> np.ndarray:
        """Observations [B, …] as frames [B, *shape], a copy."""
        if isinstance(self.space, spaces.Discrete):
            return np.eye(int(self.space.n), dtype=np.float32)[np.asarray(raw, np.int64) - int(self.space.start)]
        if observation == "objects":
            return np.array(raw, np.float32).reshape(len(raw), -1) * np.float32(1 / 255 if raw.dtype == np.uint8 else 1)
        images = np.asarray(raw).reshape(len(raw), *self.space.shape)  # type: ignore[misc]
        if images.ndim == 3:
            images = images[..., None]
        images = images if self.first else np.moveaxis(images, -1, 1)
        if observation == "pixels":
            return self._grey(images, size)
        return np.ascontiguousarray(np.rint(images * self.scale).astype(np.uint8) if self.scale != 1 else images, np.uint8)

    def _grey(self, images: np.ndarray, size: int) -> np.ndarray:
        """[B, C, H, W] as seen by the eye, averaged over areas: [B, size, size]."""
        weight = torch.tensor([0.299, 0.587, 0.114] if self.channels == 3 else [1.0])[:, None, None]
        grey = (torch.from_numpy(images.astype(np.float32) * self.scale) * weight).sum(1, keepdim=True)
        return F.adaptive_avg_pool2d(grey, size).round().to(torch.uint8).squeeze(1).numpy()


def _kind(name: str, space: spaces.Space) -> str:
    """`objects` or `planes`; `UserError` for what we cannot see."""
    if isinstance(space, spaces.Discrete):
        return "objects"
    if not isinstance(space, spaces.Box):
        raise UserError(
            f"{name} has observations of the space {type(space).__name__}.\n"
            "Sparring takes vectors and images (Box), and Discrete.\nGymnasium's FlattenObservation makes vectors of others."
        )
    bytes_ = space.dtype == bool or np.issubdtype(space.dtype, np.integer)
    narrow = bool((space.low >= 0).all() and (space.high <= (255 if bytes_ else 1)).all())
    if narrow and (len(space.shape) == 3 or (len(space.shape) == 2 and space.dtype == np.uint8)):
        return "planes"
    if len(space.shape) <= 2:
        return "objects"
    raise UserError(
        f"{name} has observations of shape {space.shape}, {space.dtype}, which are neither vectors nor images.\n"
        "An image is height × width × channels, of bytes or of numbers from 0 to 1."
    )


# --- the game -------------------------------------------------------------------------------------------------------


class ForeignGame:
    """A Gymnasium id as a game: what learners, runs and evaluations ask of one."""

    players, shipped, turns, module = 1, False, False, None
    frame_skip = 1  # a tick is a decision

    def __init__(self, env_id: str):
        """`UserError` where there is no such environment, or none that can be learned here."""
        self.env_id, self.name, self.heading, self.path = env_id, PREFIX + env_id, env_id, Path(env_id)
        self.spec = _spec(env_id)
        with self._telling("does not start"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = gymnasium.make(self.env_id)
            env.reset(seed=0)  # Gymnasium's checker looks at it
        self.lens = Lens(self.name, env.observation_space)
        if not isinstance(env.action_space, spaces.Discrete):
            raise UserError(
                f"{self.name} has actions of the space {type(env.action_space).__name__}.\n"
                "Sparring learns to choose one of several: Discrete."
            )
        self.first_action, self.num_actions = int(env.action_space.start), int(env.action_space.n)
        self.metadata = dict(env.metadata)
        env.close()
        self.version = self.spec.version or 0
        self.max_ticks = self.spec.max_episode_steps or LONGEST
        self.mark = ("return", self.spec.reward_threshold)
        self.doc = env_id

    @property
    def digest(self) -> str:
        """Of what an agent of it depends on: a user's own environment may change."""
        text = f"{self.lens.forms} {self.lens.shape(self.lens.forms[0], 0)} {self.first_action} {self.num_actions}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        if self.lens.kind == "objects":
            return RECIPES["vector"]
        if min(self.lens.sides) < SMALL:
            return RECIPES["grid"]
        own = {} if "pixels" in self.lens.forms else {"observation": "planes", "stack": 1}
        return {algorithm: {**values, **own} for algorithm, values in RECIPES["image"].items()}

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        return self.lens.shape(observation, size)

    def stacked(self, observation: np.ndarray, settings: Any) -> np.ndarray:
        """An observation of the environment, or several, as `Agent.act` takes those of our games."""
        if settings.stack > 1:
            raise UserError(f"This agent sees {settings.stack} observations at once, and act is given one: let play.py play.")
        raw = np.asarray(observation)
        single = raw.ndim == len(self.lens.space.shape or ())
        frames = self.lens.frames(raw[None] if single else raw, settings.observation, settings.size)
        if settings.observation != "objects":
            frames = np.moveaxis(frames, 1, -1) if frames.ndim == 4 else frames[..., None]
        return frames[0] if single else frames

    def make(self, **options: Any) -> gymnasium.Env:
        """One of the environment."""
        with self._telling("does not start"):
            return gymnasium.make(self.env_id, disable_env_checker=True, **options)

    def vector(self, num_envs: int) -> Any:
        """Many of it at once, by its own vector form where it says how episodes follow each other there."""
        with self._telling("does not start"):
            if self.spec.vector_entry_point is not None and not self.spec.additional_wrappers:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of the metadata that are looked at here
                    envs = gymnasium.make_vec(self.env_id, num_envs)
                if isinstance(envs.metadata.get("autoreset_mode"), AutoresetMode):
                    return envs
                envs.close()
            return gymnasium.make_vec(
                self.env_id, num_envs, vectorization_mode="sync", disable_env_checker=True,
                vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
            )  # fmt: skip

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # an environment of somebody else may fail in any way
            extra = next((extra for extra in EXTRAS if f".{extra}." in str(self.spec.entry_point)), None)
            if isinstance(error, (ImportError, gymnasium.error.DependencyNotInstalled)) and extra:
                raise UserError(f'{self.name} needs more packages: pip install "gymnasium[{extra}]"') from error
            raise UserError(f"{self.name} {what}: {type(error).__name__}: {str(error)[:300]}") from error

    # --- what is otherwise done with a batch ---

    def arena(self, num_envs: int, seed: int, settings: Any) -> "ForeignArena":
        return ForeignArena(self, num_envs, seed, settings)

    def play(self, participants: list[Participant], games: int, seed: int) -> Result:
        return evaluate(self, participants[0], games, seed)

    def film(self, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
        """As `agents.film`; no pictures where the environment has none to give."""
        if "rgb_array" not in self.metadata.get("render_modes", ()):
            return [], 1
        pace = max(1, int(self.metadata.get("render_fps") or 30))
        every = max(1, round(pace / FILM_RATE))  # decisions from one picture to the next
        fps = max(1, round(pace / every))
        try:
            pictures = _pictures(self, participants[0], seed, int(FILM_SECONDS * fps), every)
        except Exception:  # drawing may need a display or packages that are not there: training does not
            pictures = []
        return pictures, fps


def load(name: str) -> ForeignGame:
    """The game of a name that begins with `gym:`."""
    return ForeignGame(name.removeprefix(PREFIX))


def _spec(env_id: str) -> Any:
    """What Gymnasium knows of an id, the module that it names imported; `UserError` where it knows nothing."""
    module, _, bare = env_id.rpartition(":")
    if module:
        _import(module, env_id)
    namespace = bare.partition("/")[0] if "/" in bare else ""
    if not module and namespace in PACKAGES and bare not in gymnasium.registry:
        package, call, install = PACKAGES[namespace]
        try:
            found = importlib.import_module(package)
        except ImportError as error:
            raise UserError(f'{PREFIX}{env_id} is of a package that is not installed: pip install "{install}"') from error
        if call:
            getattr(found, call)()
    try:
        return gymnasium.spec(bare)
    except gymnasium.error.Error as error:
        close = difflib.get_close_matches(bare, list(gymnasium.registry), n=1, cutoff=0.5)
        hint = f"Did you mean '{PREFIX}{f'{module}:' if module else ''}{close[0]}'?\n" if close else ""
        raise UserError(
            f"There is no Gymnasium environment '{bare}'.\n{hint}"
            f"One that a module of its own registers: {PREFIX}my_module:{bare if not close else 'MyEnv-v0'}"
        ) from error


def _import(module: str, env_id: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        what = "it must be installed, or lie in the folder you are in" if module.startswith(missing) else f"needed by {module}"
        raise UserError(f"There is no module '{missing}' for {PREFIX}{env_id}: {what}.") from error
    except Exception as error:  # code of the user's own
        raise UserError(f"The module {module} does not load: {type(error).__name__}: {error}") from error


# --- training -------------------------------------------------------------------------------------------------------


class ForeignView:
    """What R rows see: the newest `stack` frames of each, oldest first; frames from before an episode began are zeros."""

    def __init__(self, lens: Lens, rows: int, settings: Any):
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


class ForeignArena:
    """Many of a foreign environment, in which every row learns.

    Where the environments begin the next episode only with the step after an end, rows wait for it: they are not asked.
    """

    masked = False

    def __init__(self, game: ForeignGame, num_envs: int, seed: int, settings: Any):
        if settings.delay:
            raise UserError(f"{game.name} has no delay to set: that is for our own games.")
        self.game, self.seed = game, seed
        self.envs = game.vector(num_envs)
        self.mode = self.envs.metadata["autoreset_mode"]
        self.view = ForeignView(game.lens, num_envs, settings)
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


def evaluate(game: ForeignGame, one: Participant, games: int, seed: int) -> Result:
    """`games` episodes, each begun from a seed of its own that training never uses, whatever the others come to."""
    if one.agent is None and one.bot != RANDOM:
        raise UserError(f"{game.name} has no player of its own.\nSeats: random, or an agent: python train.py {game.name}")
    began = time.perf_counter()
    envs = [game.make() for _ in range(min(games, TOGETHER))]
    player = ForeignPlayer(game, one, len(envs), seed)
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
    return Result(game.name, [one.name], returns[:, None], cut, decisions / (time.perf_counter() - began))


class ForeignPlayer:
    """A participant in some foreign environments, with its own view of them and its own memory of each."""

    def __init__(self, game: ForeignGame, one: Participant, rows: int, seed: int):
        self.game, self.agent = game, one.agent
        self.chance = np.random.default_rng([seed, EVALUATING])
        if self.agent is not None:
            self.view = ForeignView(game.lens, rows, self.agent.info.settings)
            self.memory = self.agent.empty_state(rows)

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


def _pictures(game: ForeignGame, one: Participant, seed: int, many: int, every: int) -> list[np.ndarray]:
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
        only, player = np.array([0]), ForeignPlayer(game, one, 1, seed)
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
