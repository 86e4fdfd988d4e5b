"""One environment, of which only what learners use is read; what it gives is checked, and its failures are told in words."""

from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

from agents.bridges.gym.failures import Broken, raise_in_words, told_in_words

INFO_KEYS = ("action_mask", "action_masks")  # entries of `info`: Gymnasium's and PettingZoo's, and its plural
METHOD = "action_masks"  # of environments made for sb3-contrib's MaskablePPO


class Step(NamedTuple):
    """The values that an environment gave in a step, or, with no reward and no end, in a reset."""

    observation: Any
    mask: Any  # of allowed actions, as the environment gave it beside the observation; None if it gave none
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False


class CheckedEnv:
    """An environment. Everything but `render` raises `EnvironmentFailed` if it fails.

    Of `info` only the mask is read: all else in it may be anything, and `info` may be None.
    """

    def __init__(self, env: gymnasium.Env, name: str, mask_by_method: bool = False):
        """name: of the environment, for messages. mask_by_method: its method `action_masks` gives masks, not `info`."""
        self.env, self.name, self.mask_by_method = env, name, mask_by_method
        self.space = env.observation_space
        numbers = not isinstance(self.space, (spaces.Dict, spaces.Tuple))
        self._expected = (self.space.shape, self.space.dtype) if numbers else None  # of an array that needs no other check

    def reset(self, seed: int | None = None) -> Step:
        """Begin an episode."""
        with told_in_words(self.name, "reset", self.env):
            observation, info = self.reset_with_info(seed)
            return Step(observation, self._mask(info))

    def reset_with_info(self, seed: int | None = None) -> tuple[Any, Any]:
        """Begin an episode; its first observation, and `info` as it came. Raises whatever the environment raises."""
        found: Any = self.env.reset(seed=seed)
        if not (isinstance(found, (tuple, list)) and len(found) == 2 and isinstance(found[1], (dict, type(None)))):
            raise Broken(f"gave {_shown(found)} in reset, where Gymnasium's API asks for two values: observation, info.")
        return self._observation(found[0], "reset"), found[1]

    def step(self, action: Any) -> Step:
        """Play an action as the environment takes it."""
        try:  # a context manager would take as long as some steps do
            found: Any = self.env.step(action)
            if not isinstance(found, (tuple, list)) or len(found) != 5:
                count = f"{len(found)} values" if isinstance(found, (tuple, list)) else _shown(found)
                raise Broken(
                    f"gave {count} in step, where Gymnasium's API asks for five: "
                    "observation, reward, terminated, truncated, info."
                )
            observation, reward, terminated, truncated, info = found
            return Step(
                self._observation(observation, "step"),
                self._mask(info),
                reward if type(reward) is float else _number(reward),
                terminated if type(terminated) is bool else _flag("terminated", terminated),
                truncated if type(truncated) is bool else _flag("truncated", truncated),
            )
        except BaseException as error:
            raise_in_words(self.name, "step", self.env, error)

    def render(self) -> Any:
        """A picture by the environment, in whatever form; raises whatever it raises."""
        return self.env.render()

    def _observation(self, observation: Any, call: str) -> Any:
        if type(observation) is np.ndarray and (observation.shape, observation.dtype) == self._expected:
            return observation
        try:
            return checked(self.space, observation)
        except Broken as error:
            raise Broken(f"gave {error} in {call}.") from None

    def _mask(self, info: Any) -> Any:
        if self.mask_by_method:
            return mask_method(self.env)()
        return mask_entry(info) if type(info) is not dict or info else None


def mask_entry(info: Any) -> Any:
    """The mask in an info; None if there is none."""
    if not isinstance(info, dict):
        return None
    for key in INFO_KEYS:
        if info.get(key) is not None:
            return info[key]
    return None


def mask_method(env: gymnasium.Env) -> Any:
    """The environment's own method that gives masks, or None."""
    return env.get_wrapper_attr(METHOD) if env.has_wrapper_attr(METHOD) else None


def checked(space: spaces.Space, value: Any, part: str = "") -> Any:
    """An observation as its space says: arrays in the space's shape, dicts and tuples of them. Their values are not checked.

    `Broken` if it is of another kind or shape; axes of length 1 more or less are no other shape. part: its name in a whole.

    >>> checked(spaces.Box(0, 1, (2,)), [[1], [0]]).tolist()
    [1, 0]
    >>> checked(spaces.Box(0, 1, (2,)), [1, 0, 0])
    Traceback (most recent call last):
    agents.bridges.gym.failures.Broken: an observation of shape (3,), where its space says (2,),
    """
    if isinstance(space, spaces.Dict):
        if not hasattr(value, "keys") or not all(key in value for key in space.spaces):
            raise Broken(
                f"{_shown(value)} as an observation{part}, where its space says a dict of {', '.join(map(str, space))},"
            )
        return {key: checked(inner, value[key], f"{part}[{key!r}]") for key, inner in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(space.spaces):
            raise Broken(f"{_shown(value)} as an observation{part}, where its space says a tuple of {len(space.spaces)},")
        return tuple(checked(inner, value[k], f"{part}[{k}]") for k, inner in enumerate(space.spaces))
    if not isinstance(space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        return value
    shape = space.shape or ()
    if type(value) is np.ndarray and value.shape == shape and value.dtype.kind in "buif":
        return value
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Broken(f"{_shown(value)} as an observation{part}, which is no array,") from error
    if array.dtype.kind not in "buif":
        raise Broken(f"{_shown(value)} as an observation{part}, where its space says numbers of shape {shape},")
    if [side for side in array.shape if side != 1] != [side for side in shape if side != 1]:
        raise Broken(f"an observation{part} of shape {array.shape}, where its space says {shape},")
    return array.reshape(shape)


def _number(reward: Any) -> float:
    """A reward as a number: a NumPy or torch number, or an array that holds one."""
    found = _only_number(reward)
    if found is None:
        raise Broken(f"gave {_shown(reward)} as a reward in step, where Gymnasium's API asks for a number.")
    return float(found)


def _flag(name: str, value: Any) -> bool:
    """`terminated` or `truncated`: a bool, a number, or an array that holds one."""
    found = _only_number(value)
    if found is None:
        raise Broken(f"gave {_shown(value)} as {name} in step, where Gymnasium's API asks for True or False.")
    return bool(found)


def _only_number(value: Any) -> float | None:
    """The number or bool that a value is or holds; None if it holds none or several, or text."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # ragged lists, tensors on a GPU
        return None
    return array.item() if array.size == 1 and array.dtype.kind in "buif" else None


def _shown(value: Any) -> str:
    """A value in a few words: its type, and itself if it is short."""
    try:
        text = repr(value)
    except Exception:
        text = ""
    kind = type(value).__name__
    if value is None or not 0 < len(text) <= 40 or "\n" in text:
        return kind.removesuffix("Type")
    return text if isinstance(value, np.ndarray) else f"{kind} {text}"
