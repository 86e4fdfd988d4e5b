"""`Insight`: numbers that show how a seated agent decides, for people: its chances, its value, and where it looks.

Where it looks is measured by occlusion (Greydanus et al. 2018, arXiv:1711.00138): a patch of an observation is blurred, and the
change of the network's scores tells how much the choice hangs on that patch. None of it moves the game or a random stream.
"""

from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, TypeGuard

import numpy as np

from agents.play.agent import Agent
from agents.play.policy import Decision, SeatedAgent
from games.core import TICKS_PER_SECOND
from games.engine.raster import OBJECT

PATCHES = 12  # along each side of an image, at most
SIGMA = 5.0 / 84.0  # of a patch, in units of an image's side, as in the paper
AT_ONCE = 8  # patches in one forward pass, at most
REACH = 3.0  # of a patch, in sigmas: beyond it nothing is blurred
ALIKE = 1.0  # a patch whose bytes change by less than this in sum is not tried: the network could not tell
BLEND = 0.8  # weight of a new measurement of a patch against the one before, so that the picture does not flicker
FADE = 0.98  # per decision, of the strongest change seen so far: the scale of the picture
LEAST = 0.05  # of that scale: if all changes are smaller, the picture is dim
SECONDS = 8.0  # of values that are kept
TURNS = 24  # decisions that are kept in games of turns


@dataclass(frozen=True)
class Outlook:
    """One decision in numbers."""

    observation: np.ndarray  # [stack, *frame]
    legal: np.ndarray  # bool [A]
    scores: np.ndarray  # float32 [A]: logits, or action values
    probs: np.ndarray  # float32 [A]: chances of the actions, 0 where not legal; of a DQN 1 for the best
    value: float  # in the units of its training's rewards
    action: int  # that was chosen


class Value(NamedTuple):
    """A value of one decision."""

    time: float  # seconds since the episode began; in games of turns, decisions
    value: float
    tick: int  # of the game


class Insight:
    """Follows one seated agent: keeps its last decision and the values before it, and measures where it looks."""

    def __init__(self, player: SeatedAgent):
        """player: of one row, by one of our networks (`can_follow`); from now on it tells this of its decisions."""
        assert isinstance(player.agent, Agent)
        self.player, self.agent = player, player.agent
        self.settings, self.game = player.agent.info.settings, player.batch.game
        self.ranks_actions = player.agent.network.ranks_actions
        self.latest: Outlook | None = None
        self.values: tuple[Value, ...] = ()  # in this episode; replaced as a whole, for the player may decide in a thread
        self.largest = 1e-6  # the largest magnitude of a value so far
        self._env, self._seat = int(player.view.envs[0]), int(player.view.seats[0])
        self._episode = -1
        self._decision: Decision | None = None
        self._left: list[int] = []  # patches of one decision that are still to be tried
        self._tried: Decision | None = None  # the decision to which they belong
        self._base = np.zeros(0)  # its scores
        self._seconds = 0.0  # that one patch takes; 0: not known yet
        self._credit = 0.0  # seconds that `look` may still use
        self._strongest = 1e-9
        self.patches = self._patches()
        self._changes = np.zeros(self.patches)
        self._softened = np.zeros(0)  # the observation that is tried, blurred everywhere
        player.watch = self._heard

    # --- about the agent ---

    @property
    def delay_ms(self) -> float:
        """Milliseconds from a decision to its effect."""
        return 1000.0 * float(self.player.batch.delay[self._env, self._seat]) / TICKS_PER_SECOND

    @property
    def decisions_per_second(self) -> float:
        """How often it decides, in games without turns."""
        return TICKS_PER_SECOND / float(self.player.batch.frame_skip[self._env, self._seat])

    @property
    def mirrored(self) -> bool:
        """Whether it sees left and right exchanged."""
        return self._seat == 1 and self.game.mirror is not None

    # --- decisions ---

    def _heard(self, decision: Decision) -> None:
        """Keep a decision and what the same forward pass gave beside the action."""
        assert self.agent.outputs is not None
        scores, head = (part[0].float().cpu().numpy() for part in self.agent.outputs)
        legal = np.ones(len(scores), bool)
        if decision.masks is not None and decision.masks[0].any():
            legal = decision.masks[0] != 0
        value = float(scores[legal].max()) if self.ranks_actions else float(head)
        self.latest = Outlook(
            decision.observation[0], legal, scores, self._probs(scores, legal), value, int(decision.actions[0])
        )
        self._decision = decision
        self._note(value)

    def _probs(self, scores: np.ndarray, legal: np.ndarray) -> np.ndarray:
        """The chances of the actions, at its temperature; at 0, where it takes the best, its preferences at 1."""
        barred = np.where(legal, scores.astype(np.float64), -np.inf)
        if self.ranks_actions:
            return (np.arange(len(scores)) == barred.argmax()).astype(np.float32)
        weights = np.exp((barred - barred.max()) / (self.settings.temperature or 1.0))
        return (weights / weights.sum()).astype(np.float32)

    def _note(self, value: float) -> None:
        """Add a value to those of this episode, and drop what is too old."""
        episode, tick = int(self.player.batch.episode[self._env]), int(self.player.batch.record(self._env).tick)
        before = self.values if episode == self._episode else ()
        self._episode = episode
        turns = self.game.turns
        now = (before[-1].time if before else -1.0) + 1.0 if turns else tick / TICKS_PER_SECOND
        oldest = now - (TURNS if turns else SECONDS)
        self.values = (*(each for each in before if each.time >= oldest and each.tick < tick), Value(now, value, tick))
        self.largest = max(self.largest, abs(value))

    def cut(self, tick: int) -> None:
        """Forget the values of decisions after a tick, to which the game has gone back."""
        if self.values and self.values[-1].tick > tick:
            self.values = tuple(each for each in self.values if each.tick <= tick)

    # --- where it looks ---

    def look(self, seconds: float) -> None:
        """Try some more patches of the last decision, for so many seconds; slow networks save up over several calls."""
        self._credit = min(self._credit + seconds, max(seconds, self._seconds))
        while self._credit >= self._seconds and not self.has_looked:
            begun = perf_counter()
            if self._tried is not self._decision and not self._left:
                self._begin()
            count = int(min(max(self._credit / self._seconds, 1), AT_ONCE)) if self._seconds else 1
            batch, self._left = self._left[:count], self._left[count:]
            if batch:
                self._measure(batch)
            spent = perf_counter() - begun
            self._credit -= spent
            if batch:
                self._seconds = spent / len(batch)

    @property
    def has_looked(self) -> bool:
        """Whether all of the last decision has been tried."""
        return self._tried is self._decision and not self._left

    def attention(self) -> np.ndarray:
        """How much the choice hangs on each part, 0 to 1: [size, size] of an image, [parts] of objects (`parts`)."""
        largest = max(float(self._changes.max()), LEAST * self._strongest)
        shown = np.sqrt(self._changes / largest)
        if not self.settings.is_image:
            return shown
        overlap = self._bumps.T @ shown @ self._bumps  # a patch alone has a peak of 1, many up to 3.2
        return overlap / max(float(overlap.max()), 1.0)

    def parts(self) -> list[slice]:
        """The parts of a frame of objects: six numbers for each shape, then all tiles together."""
        shapes = [slice(k * OBJECT, (k + 1) * OBJECT) for k in range(self.game.shapes)]
        tiles = self.game.shapes * OBJECT
        return [*shapes, slice(tiles, None)] if self.player.view.frame[0] > tiles else shapes

    def _patches(self) -> tuple[int, ...]:
        """The shape of the array of patches; for images their profiles [patches, size] and the blur's matrix are made."""
        if not self.settings.is_image:
            return (len(self.parts()),)
        size = self.settings.size
        count, pixels = min(PATCHES, size), np.arange(size) + 0.5
        centres, sigma = (np.arange(count) + 0.5) * size / count, max(SIGMA * size, 1.0)
        self._bumps = np.exp(-0.5 * ((pixels - centres[:, None]) / sigma) ** 2).astype(np.float32)
        self._windows = [
            slice(max(int(centre - REACH * sigma), 0), int(centre + REACH * sigma) + 1) for centre in centres.tolist()
        ]
        blur = np.exp(-0.5 * ((pixels - pixels[:, None]) / (1.5 * sigma)) ** 2)
        self._blur = (blur / blur.sum(1, keepdims=True)).astype(np.float32)
        return (count, count)

    def _begin(self) -> None:
        """Begin to try the patches of the last decision; those that cannot matter, as on an empty ground, count as 0."""
        assert self.latest is not None and self._decision is not None
        self._tried, self._base = self._decision, self.latest.scores
        self._legal = self.latest.legal
        self._strongest *= FADE
        seen = self._tried.observation[0]
        if self.settings.is_image:
            plain = seen.astype(np.float32)
            self._softened = self._blur @ plain @ self._blur.T
            moved = np.abs(self._softened - plain).reshape(-1, *plain.shape[-2:]).max(0)
            matters = self._bumps @ moved @ self._bumps.T > ALIKE
        else:
            matters = np.array([bool(seen[:, part].any()) for part in self.parts()])
        self._changes[~matters] = 0.0
        self._left = np.flatnonzero(matters).tolist()

    def _without(self, place: int) -> np.ndarray:
        """The observation [stack, *frame] that is tried, blurred in one patch, or without one object."""
        assert self._tried is not None
        changed = self._tried.observation[0].copy()
        if not self.settings.is_image:
            changed[:, self.parts()[place]] = 0.0
            return changed
        row, column = divmod(place, self.patches[1])
        down, across = self._windows[row], self._windows[column]
        bump = self._bumps[row, down, None] * self._bumps[column, across]
        plain = changed[..., down, across].astype(np.float32)
        changed[..., down, across] = (plain + bump * (self._softened[..., down, across] - plain)).round()
        return changed

    def _measure(self, batch: list[int]) -> None:
        """Let the network see changed observations; half the squared change of its scores, less their mean, is kept."""
        assert self._tried is not None
        state = None if self._tried.state is None else self._tried.state.expand(len(batch), -1, -1).contiguous()
        scores, _ = self.agent.scores(np.stack([self._without(place) for place in batch]), None, state)
        moved = (scores - self._base)[:, self._legal]
        moved = moved - moved.mean(1, keepdims=True)  # what moves all alike changes no choice
        changes = 0.5 * (moved**2).sum(1)
        flat = self._changes.reshape(-1)
        for place, change in zip(batch, changes, strict=True):
            flat[place] += BLEND * (change - flat[place])
        self._strongest = max(self._strongest, float(changes.max()))


def can_follow(player: object) -> TypeGuard[SeatedAgent]:
    """Whether it is an agent by one of our networks, in one row of a batch."""
    return isinstance(player, SeatedAgent) and isinstance(player.agent, Agent) and player.view.rows == 1
