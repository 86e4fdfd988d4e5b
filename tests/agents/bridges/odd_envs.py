"""Environments that are odd or fail, in a module that worker processes import: it needs no torch."""

import os
import sys

import gymnasium
import numpy as np
from gymnasium import spaces


class Signs(gymnasium.Env):
    """Shows one of three signs and pays for the action of the same number; an episode has ten decisions."""

    observation_space, action_space = spaces.Box(0, 1, (3,), np.float32), spaces.Discrete(3)

    def __init__(self, render_mode=None):
        self.count, self.decisions = 0, 0

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.seen(), {}

    def step(self, action):
        paid, self.count, self.decisions = float(action == self.sign), self.count + 1, self.decisions + 1
        return self.seen(), paid, self.count == 10, False, {}

    def seen(self):
        self.sign = int(self.np_random.integers(3))
        return np.eye(3, dtype=np.float32)[self.sign]


class Info(Signs):
    """`info` holds something else each time, and in each copy."""

    def step(self, action):
        *shown, _ = super().step(action)
        values = (None, 1, "a word", 1 << 70, np.zeros(self.count), {"deep": [None, {}]}, object(), 0.5)
        value = values[(self.sign + self.count) % len(values)]
        return (*shown, {"value": value, "action_mask": None, self.count: value} if self.sign else None)


class Odd(Signs):
    """Gives odd values from its eighth decision on, or fails. where: also "evaluation"; how: of the methods below."""

    def __init__(self, how, where="step", after=8, render_mode=None):
        super().__init__()
        self.how, self.where, self.after, self.far = how, where, after, False

    def reset(self, seed=None, options=None):
        self.far = self.far or (seed is not None and seed >= 1 << 31)
        if self.where == "reset" and self.decisions >= self.after:
            return self.odd(super().reset(seed=seed))
        return super().reset(seed=seed)

    def step(self, action):
        given = super().step(action)
        if self.where == "reset" or self.decisions < self.after or (self.where == "evaluation" and not self.far):
            return given
        return self.odd(given)

    def close(self):
        if self.where == "close":
            raise OSError("the simulator does not answer")

    def odd(self, given):
        return getattr(self, self.how)(given)

    def raises(self, given):
        raise ConnectionResetError("the simulator is gone")

    def exits(self, given):
        sys.exit("no licence")

    def dies(self, given):
        os._exit(7)

    def wide(self, given):
        return (np.zeros(5, np.float32), *given[1:])

    def text(self, given):
        return ("a door", *given[1:])

    def old(self, given):
        return (*given[:3], {})

    def bare(self, given):
        return given[0]

    def no_reward(self, given):
        return (given[0], None, *given[2:])

    def word(self, given):
        return (given[0], "1", *given[2:])

    def arrays(self, given):
        return (given[0][:, None], np.array([given[1]]), np.array([given[2]]), np.bool_(False), None)

    def plain(self, given):
        return given


class One(Signs):
    """A process can hold only one of these."""

    alive = 0

    def __init__(self, render_mode=None):
        super().__init__()
        if One.alive:
            raise RuntimeError("there is one already")
        One.alive, self.open = 1, True

    def close(self):
        if self.open:
            One.alive, self.open = 0, False


class Few(Signs):
    """Few of something: kind is OneAction, OneStep, Both, NpBool, Empty, Scalar or Options."""

    def __init__(self, kind, render_mode=None):
        super().__init__()
        self.kind = kind
        shape = {"Empty": (0,), "Scalar": ()}.get(kind, (3,))
        self.observation_space = spaces.Box(0, 1, shape, np.float32)
        self.action_space = spaces.Discrete(1 if kind == "OneAction" else 3)

    def reset(self, seed=None, options=None):
        if self.kind == "Options" and options:
            raise KeyError(f"an option nobody gave: {options}")
        return super().reset(seed=seed)

    def step(self, action):
        seen, paid, ends, _, info = super().step(action)
        if self.kind == "NpBool":
            return seen, np.float64(paid), np.bool_(ends), np.bool_(False), info
        ends = ends or self.kind == "OneStep"
        return seen, paid, ends, ends and self.kind == "Both", info

    def seen(self):
        seen = super().seen()
        return np.float32(seen[0]) if self.kind == "Scalar" else seen[: self.observation_space.shape[0]]


def register(name, entry, **kwargs):
    gymnasium.register(name, entry_point=f"{__name__}:{entry}", kwargs=kwargs)


HOWS = ("raises", "exits", "wide", "text", "old", "bare", "no_reward", "word", "arrays", "dies")
for how in HOWS:
    register(f"Odd-{how}-v0", "Odd", how=how)
register("Late-v0", "Odd", how="raises", after=100)
register("Dies-v0", "Odd", how="dies", after=100)
register("Reset-v0", "Odd", how="raises", where="reset")
register("Evaluation-v0", "Odd", how="raises", where="evaluation")
register("Close-v0", "Odd", how="plain", where="close")
for kind in ("Signs", "Info", "One"):
    register(f"{kind}-v0", kind)
KINDS = ("OneAction", "OneStep", "Both", "NpBool", "Empty", "Scalar", "Options")
for kind in KINDS:
    register(f"{kind}-v0", "Few", kind=kind)
