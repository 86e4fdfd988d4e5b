"""Makes a ladder of levels from a run: agents of its past, slower or more careless than they could be, evenly spaced.

Candidates are the run's snapshots, each with several reaction delays; in games of turns, where a delay means nothing, with
several temperatures. Some games rate them all roughly; then levels are chosen (`agents.training.ladder_choice`), and rungs
between them. In a game of one seat, three snapshots are chosen by their mean returns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from agents.core import tensor_file
from agents.play.agent import Agent
from agents.play.agent_info import check_game, config_values, peek
from agents.play.fit import scale_of, trials_of
from agents.play.ladder import LEVELS, ONE_SEAT, LadderFile, Moment, Rung, file_digest, write
from agents.play.match import play_match
from agents.play.result import few_differ
from agents.play.seats import Participant
from agents.training.ladder_choice import Choice, Chooser
from agents.training.ladder_record import Candidate, Record
from agents.training.learning_curves import progress_lines
from agents.training.run_checkpoint import CHECKPOINT
from agents.training.snapshots import FOLDER, snapshot_name
from games.engine.loader import Game
from games.errors import UserError
from games.intervals import mean_and_interval

DELAYS = tuple(range(6, 19))  # ticks; the best reacts first
TEMPERATURES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)  # of games of turns
SNAPSHOTS = 24  # of which candidates are made, at most
ONE_SEAT_FRACTIONS = (0.125, 0.5, 1.0)  # of the best return, from the least
GAMES = 4000  # of each level against the one below, by default
ONE_SEAT_GAMES = 500  # of each level, by default


@dataclass(frozen=True)
class Effort:
    """The number of games that go into a ladder."""

    coarse: int  # of each candidate against eight others, together; of each alone in a game of one seat
    neighbours: int  # of each level against the one below; of each alone


# --- candidates ---------------------------------------------------------------------------------------------------------


def snapshots_of(run: Path, game: Game) -> list[tuple[int, Path]]:
    """The agents that a run of a game has kept, by their steps; `UserError` if they are too few or play another game."""
    config_values(run)  # there is a run
    files = [*run.glob("checkpoints/step-*.safetensors"), *run.glob("checkpoints/snapshots/*.safetensors")]
    best = run / "agent.safetensors"
    infos = {path: peek(path) for path in [*sorted(files), *([best] if best.exists() else [])]}
    for path, info in infos.items():
        check_game(path, info, game)
    found = {info.steps: path for path, info in infos.items()}
    if len(found) < 4:
        raise UserError(
            f"{run} has kept {len(found)} agents of its past, too few for a ladder.\nTrain longer, with eval_every=…"
        )
    return sorted(found.items())


def snapshots_of_all(runs: Sequence[Path], game: Game) -> list[tuple[int, Path]]:
    """Those of several runs, each of which went on from the one before it: their steps count on."""
    found: list[tuple[int, Path]] = []
    for run in runs:
        before = found[-1][0] if found else 0
        found += [(before + steps, path) for steps, path in snapshots_of(run, game) if steps or not before]
    return found


def lost_snapshots(run: Path) -> list[str]:
    """The names of snapshots that a run's checkpoint knows of and that are not among its files any more."""
    if not (run / CHECKPOINT).exists():
        return []
    names = map(snapshot_name, tensor_file.load_metadata(run / CHECKPOINT, "checkpoint").get("snapshots", []))
    return [name for name in names if not (run / FOLDER / name).exists()]


def candidates_of(game: Game, snapshots: Sequence[tuple[int, Path]]) -> list[Candidate]:
    """Every snapshot in every manner of play that the game knows; the newest ones last."""
    settings = peek(snapshots[-1][1]).settings
    if game.turns:
        ways = [(settings.delay, value) for value in sorted({settings.temperature, *TEMPERATURES}, reverse=True)]
    else:
        ways = [(delay, settings.temperature) for delay in sorted({max(settings.delay, DELAYS[0]), *DELAYS}, reverse=True)]
        ways = [(delay, value) for delay, value in ways if delay >= settings.delay]
    return [Candidate(path, steps, delay, value) for steps, path in snapshots for delay, value in ways]


def evenly_spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many of a sequence, evenly spread, with both ends.

    >>> evenly_spread([1, 2, 3, 4, 5], 3), evenly_spread([1, 2], 3)
    ([1, 3, 5], [1, 2])
    """
    if len(items) <= count:
        return list(items)
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]


def names_of(count: int) -> list[str]:
    """The names of so many levels, the last of which is the best's."""
    if count <= len(LEVELS):
        return [LEVELS[0], *LEVELS[len(LEVELS) - count + 1 :]] if count > 1 else [LEVELS[-1]]
    more = [f"{LEVELS[-1]} {k + 2}" for k in range(count - len(LEVELS))]
    return [*LEVELS, *more]


# --- the ladder ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Maker:
    """Makes a ladder of a game from a run, or several that went on from each other. tell: is called with lines for the user."""

    game: Game
    runs: Sequence[Path]
    seed: int
    threads: int
    tell: Callable[[str], None]

    def make(self, out: Path, effort: Effort, step: float | None = None) -> LadderFile:
        """Make it in the folder `out`; what its file says. `UserError` where the run does not have what it needs.

        step: points of rating from a level to the next; None: as the run's agents allow.
        """
        if self.game.players == 1:
            return self._by_returns(out, effort)
        if not self.game.competitive:
            raise UserError(f"In {self.game.heading} nobody wins, so there are no levels.")
        snapshots = snapshots_of_all(self.runs, self.game)
        for run in self.runs:
            if lost := lost_snapshots(run):
                self.tell(f"{run / FOLDER} lacks {', '.join(lost)}: the ladder is made of the others. If you have moved them,")
                self.tell("copy them back and begin again.")
        candidates = candidates_of(self.game, evenly_spread(snapshots, SNAPSHOTS))
        record, checks = (Record(self.game, 2 * self.seed + which, self.threads) for which in (0, 1))
        self.tell(f"{len(candidates)} candidates, {len(snapshots)} agents in several manners, meet …")
        record.mingle(candidates, effort.coarse)
        choice = Chooser(record, checks, candidates, effort.neighbours, self.tell).choose(step)
        self.tell(f"The steps are uneven by {choice.uneven:.0f} points, of which half an interval is a part.")
        for lower, upper in pairwise(choice.levels):
            games, whose = int(checks.between(upper, lower)[1]), f" of {upper.name} and {lower.name}"
            for text in few_differ(checks.different(upper, lower), games, whose):
                self.tell(text)
        between = self._between(record, checks, choice.levels, candidates, effort)
        return self._written(out, checks, choice, between)

    def _between(
        self, record: Record, checks: Record, levels: Sequence[Candidate], candidates: Sequence[Candidate], effort: Effort
    ) -> list[Candidate]:
        """Rungs between the levels that need no further file. They and the bot play the levels near them, to be rated."""
        rated = record.rated()
        low, high = rated[levels[0].name], rated[levels[-1].name]
        paths = {level.path for level in levels}
        between = [each for each in candidates if each not in levels and each.path in paths]
        between = [each for each in sorted(between, key=lambda each: rated[each.name]) if low < rated[each.name] < high]
        between = evenly_spread(between, 2 * len(levels))
        games = max(2, effort.neighbours // 10)
        for each in [*between, None]:
            rating = 1000.0 if each is None else rated[each.name]
            nearest = sorted(levels, key=lambda level: abs(rated[level.name] - rating))
            checks.meet(each, nearest[:2], games)
        return between

    def _written(self, out: Path, checks: Record, choice: Choice, between: Sequence[Candidate]) -> LadderFile:
        """Copy the agents that the levels need, and write the ladder's file with what is between the levels too."""
        ratings = checks.ratings()
        levels = choice.levels
        low, high = ratings[levels[0].name][0], ratings[levels[-1].name][0]
        between = [each for each in between if low < ratings[each.name][0] < high]
        names = dict(zip(levels, names_of(len(levels)), strict=True))
        scores = dict(zip(levels[1:], (round(step.score, 4) for step in choice.steps), strict=True))
        rungs = [
            rung(each, *ratings[each.name], names.get(each, ""), scores.get(each))
            for each in sorted([*levels, *between], key=lambda each: ratings[each.name][0])
        ]
        return self._save(out, rungs, [*levels, *between], *self._of_games(levels, ratings))

    def _of_games(self, levels: Sequence[Candidate], ratings: dict[str, Any]) -> tuple[float, float, float]:
        """The greatest return, trials a game, and their scale (`agents.play.fit`)."""
        returns, differences = [], []
        for lower, upper in pairwise(levels):
            seated = [Participant(each.name, agent=each.agent(self.game)) for each in (upper, lower)]
            returns.append(play_match(self.game, seated, 200, self.seed).returns[:, 0])
            differences.append(ratings[upper.name][0] - ratings[lower.name][0])
        most = max(float(np.abs(found).max()) for found in returns)
        scale = scale_of(differences, [0.5 + 0.5 * float(found.mean()) / most for found in returns])
        return most, trials_of(np.concatenate([found - found.mean() for found in returns]), most), round(scale, 1)

    def _by_returns(self, out: Path, effort: Effort) -> LadderFile:
        """The ladder of a game of one seat: its best snapshot, and those of about an eighth and half of its return.

        They are chosen by some games of each, and rated by others: the best of many would have been lucky in its own.
        """
        snapshots = snapshots_of_all(self.runs, self.game)
        settings, means = peek(snapshots[-1][1]).settings, {}
        self.tell(f"{effort.coarse} games of each of {len(snapshots)} agents …")
        for steps, path in snapshots:
            each = Candidate(path, steps, settings.delay, settings.temperature)
            means[each] = float(self._returns(each, effort.coarse, self.seed).mean())
            self.tell(f"{steps:,} steps: a mean return of {means[each]:.1f}")
        least, most = min(means.values()), max(means.values())
        levels = {
            min(means, key=lambda each: abs(means[each] - (least + fraction * (most - least)))): name
            for name, fraction in zip(ONE_SEAT, ONE_SEAT_FRACTIONS, strict=True)
        }
        rungs = []
        for each in sorted(levels, key=lambda each: means[each]):
            mean, _, (low, high) = mean_and_interval(self._returns(each, effort.neighbours, self.seed + 1))
            rungs.append(rung(each, mean, (low, high), levels[each]))
        return self._save(out, rungs, list(levels), max(abs(most), 1.0), 1.0, 400.0)

    def _returns(self, candidate: Candidate, games: int, seed: int) -> np.ndarray:
        """The returns of some games that a candidate plays alone [games]."""
        seated = [Participant(candidate.name, agent=candidate.agent(self.game))]
        return play_match(self.game, seated, games, seed).returns[:, 0]

    def _save(
        self, out: Path, rungs: list[Rung], agents: Sequence[Candidate], most: float, trials: float, scale: float
    ) -> LadderFile:
        """Copy the agents' files and those of the moments, and write ladder.json."""
        moments, digests = moments_of(self.runs[0], self.game), {}
        try:
            out.mkdir(parents=True, exist_ok=True)
            for path, name in {(each.path, snapshot_name(each.steps)) for each in agents} | {(p, m.file) for m, p in moments}:
                Agent.load(path, self.game).save(out / name, half=True)
                digests[name] = file_digest(out / name)
        except OSError as error:
            raise UserError(f"{out} cannot be written: {error.strerror}.") from error
        file = LadderFile(
            game=self.game.name, game_version=self.game.version, rungs=rungs, moments=[moment for moment, _ in moments],
            most=most, trials=trials, scale=scale, digests=digests,
        )  # fmt: skip
        write(out, file)
        kept = {rung.file for rung in rungs} | {moment.file for moment in file.moments}
        for path in out.glob("step-*.safetensors"):  # of an older ladder
            if path.name not in kept:
                path.unlink()
        return file


def rung(
    candidate: Candidate, rating: float, interval: tuple[float, float], name: str = "", score: float | None = None
) -> Rung:
    """A candidate as a rung of the file."""
    return Rung(
        file=snapshot_name(candidate.steps), delay=candidate.delay, temperature=candidate.temperature, rating=round(rating, 1),
        interval=(round(interval[0], 1), round(interval[1], 1)), name=name, score=score,
    )  # fmt: skip


def moments_of(run: Path, game: Game) -> list[tuple[Moment, Path]]:
    """Three agents from early in the training: the first, and those after a tenth and a third of the steps."""
    kept = [(steps, path) for steps, path in snapshots_of(run, game) if steps]
    elapsed = [
        (line.get("time/total_timesteps") or 0.0, line.get("time/time_elapsed") or 0.0)
        for line in progress_lines(run / "progress.jsonl")
    ]
    found: dict[int, tuple[Moment, Path]] = {}
    for wanted in (0, kept[-1][0] // 10, kept[-1][0] // 3):
        steps, path = min(kept, key=lambda each: abs(each[0] - wanted))
        seconds = max((seconds for at, seconds in elapsed if at <= steps), default=0.0)
        found[steps] = (Moment(file=snapshot_name(steps), steps=steps, seconds=round(seconds, 1)), path)
    return list(found.values())


def table(file: LadderFile, game: Game) -> list[str]:
    """A ladder in lines for people: its levels, and what else there is."""
    width = max(len(level.name) for level in file.levels)
    alone = game.players == 1
    head = f"{'return' if alone else 'rating'}  95 %            delay{'' if alone else '  against the one below'}"
    lines = [f"   {'':{width}}  {head}"]
    for number, level in enumerate(file.levels, 1):
        low, high = level.interval
        below = "" if level.score is None else f"{level.score:6.1%}"
        told = f"{level.rating:6.0f}  {f'{low:.0f} to {high:.0f}':14}  {level.delay:5}  {below}"
        lines.append(f"{number:2} {level.name:{width}}  {told}".rstrip())
    for number, moment in enumerate(file.moments, 1):
        lines.append(f"moment:{number} after {moment.seconds:.0f} s, {moment.steps:,} steps")
    return lines if alone else [*lines, f"{len(file.rungs) - len(file.levels)} rungs more between the levels, for fit"]
