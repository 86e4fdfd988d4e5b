"""Evaluations of agents in Gymnasium environments: episodes, observations for exported graphs, and videos."""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from agents.bridges.gym.arena import EVALUATION_SEEDS, GymObservations
from agents.bridges.gym.copies import SteppableCopies
from agents.bridges.gym.environment import GymEnvironment
from agents.bridges.gym.video import Undrawable, Video
from agents.play.limits import NO_LIMITS, MatchLimits
from agents.play.policy import Policy
from agents.play.result import MatchResult
from agents.play.seats import Participant
from agents.play.video import NotDrawable
from games.engine.batch import RANDOM
from games.errors import EnvironmentFailed, UserError

CONCURRENT = 32  # environments of an evaluation
MAX_STEPS = 27_000  # decisions of an evaluated episode; one without a time limit of its own might never end
VIDEO_SECONDS, VIDEO_FPS = 6.0, 15  # length, pictures per second


def evaluate(
    game: GymEnvironment, participant: Participant, games: int, seed: int, limits: MatchLimits = NO_LIMITS
) -> MatchResult:
    """Play `games` episodes, each from a seed of its own that training never uses, so independent of the others.

    Where a limit is reached, the running episodes are cut and count with what they have earned; no others begin.
    """
    if participant.agent is None and participant.bot != RANDOM:
        raise no_player(game)
    start = latest_end = latest = time.perf_counter()
    copies = game.kept_copies(min(games, CONCURRENT))
    count = min(games, CONCURRENT, copies.num_copies)
    player = GymPlayer(game, participant, count, seed)
    number = np.arange(count)  # of the episode that each copy plays
    returns, lengths, cut, decisions, idle, note = np.zeros(games), np.zeros(games, np.int64), 0, 0, 0, ""
    next_number = count
    begun = copies.reset(number, [_evaluation_seed(seed, k) for k in number])
    player.observe(number, begun.observations, number >= 0, game.masks.shown(begun))
    while len(rows := np.flatnonzero(number < games)):
        results = copies.step([game.actions.to_env(action) for action in player.act(rows)], rows)
        episodes = number[rows]
        returns[episodes] += results.rewards
        lengths[episodes] += 1
        decisions += len(rows)
        ended = results.terminated | results.truncated | (lengths[episodes] >= MAX_STEPS)
        cut += int((ended & ~results.terminated).sum())
        number[rows[ended]] = np.arange(next_number, next_number + ended.sum())
        next_number += int(ended.sum())
        raw, masks = list(results.observations), game.masks.shown(results)
        again = np.flatnonzero(ended & (number[rows] < games))
        _begin_again(game, copies, rows[again], again, raw, masks, [_evaluation_seed(seed, k) for k in number[rows[again]]])
        before, latest = latest, time.perf_counter()
        idle, latest_end = (0, latest) if ended.any() else (idle + len(rows), latest_end)
        running = np.flatnonzero(number < games)
        ahead = 2 * latest - before - start  # seconds after the next decision
        if len(running) and (reason := limits.reached(ahead, idle, latest - latest_end)):
            cut += len(running)
            played = min(next_number, games)
            longest = lengths[number[running]].max()
            note = f"{len(running)} of {played} episodes were cut at step {longest:,} or before: {reason}"
            returns = returns[:played]
            break
        player.observe(rows, raw, ended, masks)
    elapsed = max(time.perf_counter() - start, 1e-9)
    return MatchResult(game.name, [participant.name], returns[:, None], cut, decisions / elapsed, note)


def no_player(game: GymEnvironment) -> UserError:
    """The error of a seat that nobody can take: environments have no bots."""
    return UserError(f"{game.name} has no player of its own.\nSeats: random, or an agent: the path of its file or run.")


class GymPlayer:
    """A participant in several Gymnasium environments, with its own observations and recurrent states of each."""

    def __init__(self, game: GymEnvironment, participant: Participant, rows: int, seed: int):
        self.game, self.agent = game, participant.agent
        self.rng = np.random.default_rng([seed, EVALUATION_SEEDS])
        self.masks = np.ones((rows, game.num_actions), np.uint8) if game.has_legal else None  # of the newest observations
        if self.agent is not None:
            self.view = GymObservations(game.adapter, rows, self.agent.info.settings)
            self.memory = self.agent.initial_state(rows)

    def observe(self, rows: np.ndarray, raw: Any, begins: np.ndarray, masks: np.ndarray | None) -> None:
        """Take new observations of rows [B]; begins: bool [B], where they begin an episode; masks [B, A]."""
        if self.masks is not None and masks is not None:
            self.masks[rows] = masks
        if self.agent is None:
            return
        self.view.update_rows(rows, raw, begins)
        if self.memory is not None:
            self.memory[torch.from_numpy(rows[begins])] = 0.0

    def act(self, rows: np.ndarray) -> np.ndarray:
        """Choose an action for each of the rows [B]; returns the actions' numbers [B], from 0 to `game.num_actions` - 1."""
        masks = None if self.masks is None else self.masks[rows]
        if self.agent is None:
            actions = self._random(len(rows), masks)
        else:
            state = None if self.memory is None else self.memory[torch.from_numpy(rows)]
            actions, after = self.agent.decide(self.view.newest()[rows], masks, state)
            if self.memory is not None and after is not None:
                self.memory[torch.from_numpy(rows)] = after
        return actions

    def _random(self, count: int, masks: np.ndarray | None) -> np.ndarray:
        if masks is None:
            return self.rng.integers(self.game.num_actions, size=count)
        return np.array([self.rng.choice(np.flatnonzero(mask)) for mask in masks])


def _evaluation_seed(seed: int, number: Any) -> int:
    """The seed of an episode of an evaluation."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) | EVALUATION_SEEDS


def observations(game: GymEnvironment, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
    """The observations and masks of an agent at each decision in environments that it plays, and where episodes begin."""
    copies = game.kept_copies(games)
    count = min(games, copies.num_copies)
    player = GymPlayer(game, Participant("agent", agent=agent), count, seed=5)
    rows, begins = np.arange(count), np.ones(count, bool)
    shown = np.arange(games) % count  # the same ones several times, if there are fewer
    begun = copies.reset(rows, [_evaluation_seed(5, row) for row in rows])
    raw, masks = list(begun.observations), game.masks.shown(begun)
    for _ in range(decisions):
        player.observe(rows, raw, begins, masks)
        yield {
            "observation": player.view.newest()[shown],
            "start": begins[shown],
            **({} if player.masks is None else {"mask": player.masks[shown]}),
        }
        results = copies.step([game.actions.to_env(action) for action in player.act(rows)], rows)
        raw, masks, begins = list(results.observations), game.masks.shown(results), results.terminated | results.truncated
        _begin_again(game, copies, np.flatnonzero(begins), np.flatnonzero(begins), raw, masks)


def _begin_again(
    game: GymEnvironment,
    copies: SteppableCopies,
    rows: np.ndarray,
    places: np.ndarray,
    raw: list[Any],
    masks: np.ndarray | None,
    seeds: Sequence[int] | None = None,
) -> None:
    """Begin an episode in copies `rows`, and put its first observations and masks in their places of raw and masks."""
    if not len(rows):
        return
    begun = copies.reset(rows, seeds)
    for place, observation in zip(places, begun.observations, strict=True):
        raw[place] = observation
    if masks is not None:
        masks[places] = game.masks.shown(begun)


def record_video(game: GymEnvironment, participant: Participant, seed: int, seconds: float) -> tuple[list[np.ndarray], int]:
    """Pictures uint8 [H, W, 3] that an environment draws of a participant's first episode, and their number per second.

    seconds: that it may take. `NotDrawable`, with the reason, where there are none: it never fails in another way.
    """
    try:
        return _record_video(game, participant, seed, seconds)
    except Undrawable as error:
        raise NotDrawable(f"{game.name}: {error}") from error
    except EnvironmentFailed as error:
        raise NotDrawable(_first_line(error)) from error
    except (Exception, SystemExit) as error:  # drawing may need a display or packages that training does without
        raise NotDrawable(f"{game.name}: drawing fails: {type(error).__name__}: {_first_line(error)}") from error


def _record_video(game: GymEnvironment, participant: Participant, seed: int, seconds: float) -> tuple[list[np.ndarray], int]:
    modes = game.metadata.get("render_modes")
    if modes is not None and "rgb_array" not in modes:
        other_modes = f", only {', '.join(map(str, modes))}" if modes else ""
        raise Undrawable(f"it has no render mode rgb_array{other_modes}")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # training opens no window, and drawing needs no display
    named = game.metadata.get("render_fps")
    render_fps = max(1, round(named)) if isinstance(named, (int, float)) and 0 < named < 1000 else 30
    every = max(1, round(render_fps / VIDEO_FPS))  # decisions from one picture to the next
    fps = max(1, round(render_fps / every))
    start = time.perf_counter()
    copies = game.kept_copies(1, render_mode="rgb_array")
    row, player, video = np.array([0]), GymPlayer(game, participant, 1, seed), Video()
    begun = copies.reset(row, [_evaluation_seed(seed, 0)])
    player.observe(row, begun.observations, np.array([True]), game.masks.shown(begun))
    video.add(copies.render(0))
    for step in range(1, int(VIDEO_SECONDS * fps) * every):
        results = copies.step([game.actions.to_env(player.act(row)[0])], row)
        if results.terminated[0] or results.truncated[0] or time.perf_counter() - start > seconds:
            break
        player.observe(row, results.observations, np.array([False]), game.masks.shown(results))
        if step % every == 0:
            video.add(copies.render(0))
    return video.pictures(), fps


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:200]
