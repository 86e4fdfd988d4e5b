"""The training loop that every learner shares: iterate, log, evaluate, save; stop and resume."""

import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock

from agents.algorithms.collector import GIVEN, REWARD, OutOfTime
from agents.algorithms.on_policy import OnPolicy
from agents.algorithms.settings import applicable, unusual
from agents.core import signals, tensor_file, workers
from agents.core.distributed import ProcessGroup, Stop
from agents.core.shell import command_line
from agents.participants import participant
from agents.play.agent import Agent
from agents.play.limits import NO_LIMITS, MatchLimits
from agents.play.match import play_match
from agents.play.policy import Policy
from agents.play.pool import Opponents
from agents.play.result import MatchResult, first_score
from agents.play.seats import Participant
from agents.play.table import TOGETHER
from agents.play.trainable import AnyGame, trainable
from agents.play.video import NotDrawable
from agents.training import budget, run_checkpoint, run_levels
from agents.training.config import ALGORITHMS, LEAGUE, Config, of_all_workers, opponents_of
from agents.training.league import League, league_of
from agents.training.league_picture import picture_of
from agents.training.logs import Log, Silent, Terminal
from agents.training.pace import Pace, slow_line
from agents.training.report import eval_numbers, evaluation_line, verdict
from agents.training.results import RESULTS, read_results, write_results
from agents.training.run_checkpoint import CHECKPOINT as CHECKPOINT
from agents.training.run_checkpoint import lock_run
from agents.training.run_folder import make_parts
from agents.training.snapshots import Snapshots, snapshot_name
from games import command
from games.engine.levels import Levels
from games.engine.loader import Game
from games.errors import EnvironmentFailed, UserError

AGENT = "agent.safetensors"
LARGE_REWARD = 100.0  # scaled; values learn best where they are of the order of 1
VIDEO_SECONDS = 20.0  # that a video may take; a time limit allows less
IDLE_DECISIONS, IDLE_SECONDS = 20_000, 10.0  # without the end of a game that any evaluation may have


class Trainer:
    """One training run in its folder; where several ranks train together, each has one, and rank 0 the folder."""

    agent_file = AGENT

    def __init__(
        self,
        game: AnyGame,
        config: Config,
        folder: Path,
        *,
        quiet: bool = False,
        started: float | None = None,
        callback: Callable[["Trainer", dict[str, float]], None] | None = None,
        resume: bool = False,
        group: ProcessGroup | None = None,
        lock: FileLock | None = None,
    ):
        """started: time.perf_counter() at the command's start. callback: called with the run and its numbers after each
        iteration. resume: go on from the folder's checkpoint. group: the processes that train together; without, this one.
        lock: the folder's, where the caller holds it already."""
        self.game, self.config, self.folder, self.callback = game, config, folder, callback
        self.group = group or ProcessGroup()
        self.started = time.perf_counter() if started is None else started
        self.threads = config.run.threads or 1
        self.group.check_device(config.device)
        self.levels = run_levels.training_levels(game, config, folder, self.group)
        self.league: League | None = None
        self.learner = self._learner()
        kept = config.run.snapshots if self.agent_file == AGENT else 0  # of agents whose files run no code
        self.snapshots = Snapshots(folder, kept, config.run.steps)
        self.iteration, self.spent = 0, 0.0  # iterations; seconds of earlier sittings
        self.collected = 0  # steps of the latest iteration
        self.saved: int | None = None  # steps of the latest checkpoint
        self.best: float | None = None  # what the best agent so far reaches at least (95 %)
        self.evaluation: dict[str, Any] = {}
        self.evaluated = -1  # at which step

        self.recent: list[float] = []
        self.first: tuple[float, float] | None = None  # when the first iteration of this sitting ended, and the progress then
        leads = self.group.rank == 0
        self.tests, self.about_levels = run_levels.held_out_levels(game, self.levels) if leads else (None, "")
        self.lock = lock_run(folder, lock) if leads else None
        if resume and leads:
            tensor_file.sweep(folder)
            make_parts(folder)
        position = self._restore() if resume else 0
        self.spent = self.group.broadcast_number(self.spent)
        self.log = Log(folder, position, self.learner.steps) if leads else Silent()
        if not position:
            what = {"game": game.name, "trainer": config.trainer, "algo": config.algorithm, "seed": config.seed}
            what |= {"workers": self.group.workers} if self.group.workers > 1 else {}
            settings, algorithm = of_all_workers(config.learner, self.group.workers), config.algorithm
            self.log.settings({**what, **applicable(settings, algorithm)}, {**what, **unusual(settings, algorithm)})
        title = f"{game.name} {config.algorithm} {config.learner.network}"
        self.terminal = Terminal(quiet or not leads, title)
        self.tail = 3.0  # seconds kept for the last evaluations and an iteration, where the time is limited
        self.kept = 3.0  # for the last evaluations alone
        self.trained = 0.0  # seconds of iterations since the last evaluation
        self.patience = IDLE_SECONDS  # seconds of an evaluation in which no game ends
        self.given_up = False  # the time was up in the midst of an iteration
        self.told: set[str] = set()  # what is said once
        self.pace: Pace | None = None  # our own games' iterations are short
        if not isinstance(game, Game):
            self.pace = Pace(self.group, self.learner.iteration_decisions, self._tell_slow)
            self.learner.collector.before_step = self.pace.before_step
        self.wave: float | None = None  # seconds that a full wave of an evaluation's games takes, once it was measured
        self.group.raise_signals()  # all have one

    def _learner(self) -> Any:
        """The learner of the config's algorithm, with frozen and copied weights as the config says."""
        config = self.config
        learner, _, _ = ALGORITHMS[config.algorithm]
        opponents: Opponents = opponents_of(config.opponents, self.game, config.device, self.folder.resolve().parents[1])
        if LEAGUE in config.opponents:
            self.league = league_of(config, self.game, self.folder, self.group)
            opponents = self.league.pool
        made = learner(self.game, config.learner, config.seed, opponents, config.device, self.threads, self.group, self.levels)
        if config.copied or config.freeze:
            made.set_trainable(config.copied, freeze=bool(config.freeze))
        if config.freeze and not config.copied:
            made.remarks.append("The encoder stays as it begins, at random: nothing is copied into it (--init-from)")
        if config.learner.copied_rate != 1.0 and not config.copied:
            rate = f"copied_rate={config.learner.copied_rate:g}"
            made.remarks.append(f"{rate} does nothing here: nothing is copied (--init-from)")
        return made

    def begin_from(self, weights: dict[str, torch.Tensor]) -> None:
        """Begin with an agent's weights, and save them at once: a run killed before its next checkpoint resumes with them."""
        self.learner.begin_from(weights)
        self._save(self._state())

    # --- the loop ---

    def train(self) -> dict[str, Any]:
        """Train to the end; the final evaluation.

        Raises `Stop` where a signal came, and `EnvironmentFailed` where an environment did; both with the run saved.
        """
        handlers = {number: signal.signal(number, self._signalled) for number in signals.ending_signals()}
        unraisablehook = sys.unraisablehook
        self.safe: tuple = ()
        try:
            if self.group.broadcast_number(not self.learner.steps and self.evaluated < 0):  # rank 0 alone knows of evaluations
                self.safe = self._state()
                if self.group.rank:
                    self.learner.compile_ahead()  # rank 0 then finds it in the cache
                self.group.on_rank_0(self.evaluate)  # what it can do before it has learned anything
            while self.progress() < 1.0:
                if self.group.rank == 0:
                    (self.folder / RESULTS).unlink(missing_ok=True)  # of a run that had finished and goes on
                self.safe = self._state()
                self.group.raise_signals()
                self._begin_iteration()
                try:
                    self._iterate()
                except OutOfTime:
                    self._give_up_iteration()
                    break
            return self._finish()
        except (Stop, EnvironmentFailed):
            if self.safe:
                self._save(self.safe)
            raise
        except FloatingPointError as error:
            raise self._not_finite(str(error)) from error
        finally:
            try:
                self.close()
            finally:
                sys.unraisablehook = unraisablehook
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    def close(self) -> None:
        """Release the terminal, threads, log files and the folder's lock; each, whatever goes wrong."""
        with contextlib.ExitStack() as closing:  # the last one first
            if self.lock is not None:
                closing.callback(self.lock.release)
            for part in (self.log, trainable(self.game), self.learner, self.terminal):
                closing.callback(part.close)

    def _signalled(self, number: int, frame: Any) -> None:
        for each in signals.ending_signals():
            again = self._signalled_again if each in (signal.SIGINT, signal.SIGTERM) else signal.SIG_IGN
            signal.signal(each, again)  # a terminal that closes says so twice: by its shell, and by the system
        sys.unraisablehook = command.tell_nothing
        self.group.interrupt(number)

    def _signalled_again(self, number: int, frame: Any) -> None:
        """A second signal exits without saving."""
        self.terminal.leave()
        if self.group.rank == 0:
            workers.remove_meeting_place()
            with contextlib.suppress(OSError, ValueError):  # standard error may be closed
                os.write(sys.stderr.fileno(), self._lost().encode())
        os._exit(128 + number)

    def _lost(self) -> str:
        """The loss that a second signal causes, in words."""
        if self.saved is None:
            return f"\nEnded at once: nothing was saved yet, so what it learned in {self.learner.steps:,} steps is lost.\n"
        return (
            f"\nEnded at once, without saving: what it learned after step {self.saved:,} is lost.\n"
            f"Go on from there with --resume {command_line([self.folder])}\n"
        )

    def elapsed(self) -> float:
        """Seconds of this and earlier sittings."""
        return self.spent + time.perf_counter() - self.started

    def progress(self) -> float:
        """The fraction of steps done, or of the time limit if no steps are given; 1 once the time limit is reached."""
        by_steps = self.learner.steps / self.config.run.steps if self.config.run.steps else 0.0
        limit = self.config.time_limit
        if limit is None:
            return min(1.0, by_steps)
        by_time = self.group.broadcast_number(self.elapsed() / max(limit - self.tail, 1e-9))
        return min(1.0, by_time) if by_time >= 1.0 or not self.config.run.steps else min(1.0, by_steps)

    def _begin_iteration(self) -> None:
        if self.pace is not None:
            limit = self.config.time_limit
            left = math.inf if limit is None else limit - min(self.kept, budget.SHARE * limit) - self.spent
            self.pace.begin_iteration(self.started + left)

    def _give_up_iteration(self) -> None:
        """The time is up in the midst of an iteration: the run ends, and goes on, as of the last complete one."""
        assert self.pace is not None
        self.learner.give_up_iteration(self.safe[0], self.safe[1]["learner"])
        self.given_up = True
        made, wanted = self.pace.decisions, self.pace.per_iteration
        nothing = "" if self.learner.steps else ": nothing is learned yet"
        self.terminal.say(f"The time is up after {made} of an iteration's {wanted} decisions, which it gives up{nothing}.")

    def _tell_slow(self, seconds: float) -> None:
        """Say that an iteration takes minutes, and what would help. seconds: that a decision of all environments takes."""
        settings, fewer_envs = self.config.learner, isinstance(self.learner, OnPolicy)
        processes = getattr(settings, "env_processes", getattr(self.config.run, "env_processes", None))
        steps, each, envs = self.config.run.steps, self.learner.iteration_decisions, settings.n_envs * self.group.size
        divide_by = self.group.size // self.group.workers
        self.terminal.say(slow_line(seconds, envs, each, steps, fewer_envs, processes, divide_by=divide_by))

    def _iterate(self) -> None:
        before = self.learner.steps
        metrics = self.learner.iterate(self.progress)
        self.iteration += 1
        self.collected = self.learner.steps - before
        self.trained += self.learner.seconds["iteration"]
        self._guard(metrics)
        if self.league is not None:
            self.league.after_iteration(self.learner, self.snapshots)
        if self.group.rank == 0 and self.snapshots.is_due(before, self.learner.steps):
            self.snapshots.keep(self.learner.agent())
        numbers = self._numbers(before, metrics)
        self.log.scalars(self.learner.steps, numbers)
        self._keep_time()
        done = self.progress()
        self.terminal.progress(done, {"steps": self.learner.steps, **numbers}, self._eta(done))
        if self.callback is not None:
            self.callback(self, numbers)
        total = self.config.run.steps
        if done >= 1.0:
            return  # `_finish` evaluates and saves
        every = self._eval_every()
        if self.learner.steps // every > before // every:
            self.group.on_rank_0(self.evaluate)
        every = self.config.run.checkpoint_every or (max(1, total // 20) if total else 500_000)
        if self.learner.steps // every > before // every:
            self._save(self._state())

    def _eval_every(self) -> int:
        """Steps between evaluations."""
        total = self.config.run.steps
        return self.config.run.eval_every or (max(1, total // 10) if total else 500_000)

    def _eta(self, done: float) -> float:
        """Seconds left at the pace since the first iteration, in which things were still being compiled."""
        now = time.perf_counter()
        if self.first is None:
            self.first = (now, done)
        began, at_first = self.first
        return (now - began) * (1 - done) / (done - at_first) if done > at_first else math.inf

    def _guard(self, metrics: dict[str, float]) -> None:
        bad = [name for name, value in metrics.items() if not math.isfinite(value) and name != "train/explained_variance"]
        if bad or not np.isfinite(self.learner.returns).all():
            raise self._not_finite(", ".join(bad) or REWARD)

    def _not_finite(self, what: str) -> UserError:
        return UserError(
            f"Training stopped at step {self.learner.steps:,}: {what} is not a number.\n"
            f"What is saved in {self.folder} is of before.\n{self._cause(what)}"
        )

    def _cause(self, what: str) -> str:
        """Advice for a run that met a number that is not finite."""
        if what in GIVEN:
            return "It is what the game gave."
        largest = self.learner.largest_reward
        if largest > LARGE_REWARD:
            now = self.config.learner.reward_scale
            scale = 10.0 ** -math.ceil(math.log10(largest)) * now
            return f"The game's rewards reach {largest / now:.3g}: try --set reward_scale={scale:.0e}"
        return "Try a lower --set learning_rate=…"

    def _numbers(self, before: int, metrics: dict[str, float]) -> dict[str, float]:
        """The numbers of an iteration for TensorBoard and progress.jsonl; SB3's tags where it has one."""
        learner = self.learner
        spent = learner.seconds
        steps, seconds = learner.steps - before, spent["iteration"]
        numbers: dict[str, float] = {}
        self.recent = (self.recent + learner.returns)[-500:]
        if self.recent:
            numbers["rollout/ep_rew_mean"] = float(np.mean(self.recent))
            if self.game.competitive:
                returns = np.array(self.recent)
                numbers["rollout/win_rate"] = float(((returns > 0) + 0.5 * (returns == 0)).mean())
        if learner.lengths:
            numbers["rollout/ep_len_mean"] = float(np.mean(learner.lengths)) / self.game.frame_skip
        if self.league is not None:
            numbers |= self.league.numbers()
        return {
            **numbers,
            **metrics,
            "time/fps": steps / seconds,
            "time/iterations": self.iteration,
            "time/time_elapsed": self.elapsed(),
            "time/total_timesteps": learner.steps,
            **{f"perf/{name}_seconds": value for name, value in spent.items()},
        }

    # --- evaluation ---

    def evaluate(self, last: bool = False) -> None:
        """Evaluate against the game's bot, and keep the agent if it is the best so far. last: of the run."""
        began = time.perf_counter()
        agent = self.learner.agent()
        seed = self.config.seed * 1_000_003 + self.learner.steps
        limit = self.config.time_limit or math.inf
        affordable = 0.4 * self._left() if last else budget.BETWEEN * limit
        games = self._affordable(self.config.run.eval_games, affordable / self._kinds())
        self.patience, self.trained = max(self.trained, IDLE_SECONDS), 0.0
        limits = self._limits(affordable / self._kinds())
        result = self._match(agent, games, seed, self.levels, limits)
        summary = result.summary()
        seconds = time.perf_counter() - began
        if self.learner.steps:  # the first one compiles
            self.wave = seconds / budget.cost(games)
            self._keep_time()
        self.evaluation = summary
        score = result.score
        agent.info.score = summary
        agent.save(self.folder / "checkpoints" / f"step-{self.learner.steps:010d}{Path(self.agent_file).suffix}")
        if self.best is None or score >= self.best:  # as good as the best, as far as so many games can tell: the later one
            agent.save(self.folder / self.agent_file)
        if self.learner.steps or not result.note:  # games that were cut before it has learned are no measure of it
            low = float(first_score(summary).interval[0])
            self.best = low if self.best is None else max(self.best, low)
        numbers, tested = eval_numbers(summary, seconds), None
        if self.tests is not None:
            tested = self._match(agent, games, seed, self.tests, limits).summary()
            numbers |= run_levels.held_out_numbers(eval_numbers(tested, seconds))
        self.log.scalars(self.learner.steps, numbers)
        if self.league is not None:
            self.league.note_scores(self.learner.steps)
            if self.league.history:
                self.log.image(self.learner.steps, "league/win_rates", picture_of(self.league.history))
        if self.config.run.gif:
            self._record_video(agent, seed)
        self.log.flush()
        self.evaluated = self.learner.steps
        self.terminal.evaluation = f"last evaluation: {verdict(summary)}"
        self.terminal.say(evaluation_line(self.learner.steps, summary))
        if tested is not None:
            self.terminal.say(f"{'held-out levels':>16}  {verdict(tested)}")
        self._tell_cut(result.note)

    def _left(self) -> float:
        """Seconds left for evaluations."""
        return math.inf if self.config.time_limit is None else self.config.time_limit - self.elapsed() - 0.5 * budget.REST

    def _limits(self, seconds: float) -> MatchLimits:
        """The limits of an evaluation that may take so many seconds. As long as no game ends, it takes no longer than the
        training between two evaluations did; our own games always end."""
        if isinstance(self.game, Game):
            return NO_LIMITS if math.isinf(seconds) else MatchLimits(max(seconds, 1.0))
        return MatchLimits(max(seconds, 1.0), max(self._eval_every(), IDLE_DECISIONS), self.patience)

    def _tell_cut(self, note: str) -> None:
        """Say, once, that games of an evaluation were cut, and what ends them."""
        if note and "cut" not in self.told:
            self.told.add("cut")
            self.terminal.say(f"  {note}. Rewards until then count; fewer games may run longer: --set eval_games=…")

    def _expected_wave(self) -> float:
        """Seconds that a full wave of games takes: as measured, before that as training lets expect."""
        if self.wave is not None:
            return self.wave
        learner = self.learner
        decision = learner.seconds["collect"] / max(self.collected, 1) * self.group.size  # one process plays an evaluation
        if not self.collected and self.pace is not None and math.isfinite(self.pace.shortest):  # an iteration was given up
            decision = self.pace.shortest / self.config.learner.n_envs
        ticks = 1.5 * float(np.mean(learner.lengths)) if learner.lengths else self.game.max_ticks
        return decision * TOGETHER * min(ticks, self.game.max_ticks) / self.game.frame_skip

    def _affordable(self, games: int, seconds: float) -> int:
        """As many of the games as there is time for: all where the run's time is not limited."""
        return games if math.isinf(seconds) else budget.affordable(games, seconds, self._expected_wave())

    def _keep_time(self) -> None:
        """Where the time is limited, keep enough for the last evaluations, for a video and for another iteration."""
        if self.config.time_limit is not None and (self.iteration > 1 or self.wave is not None):  # the first one compiles
            run, kinds = self.config.run, self._kinds()
            matches = [*[run.eval_games] * kinds, *[run.final_games] * (kinds + self._mark_is_apart())]
            more = self.learner.seconds["iteration"] + (1.0 if self.config.run.gif else 0.0)
            limit = self.config.time_limit
            self.kept = budget.kept(matches, self._expected_wave(), limit)
            self.tail = min(self.kept + more, 0.5 * limit)

    def _kinds(self) -> int:
        """The number of sets of levels on which it is evaluated."""
        return 1 if self.tests is None else 2

    def _match(self, agent: Policy, games: int, seed: int, levels: Levels, limits: MatchLimits = NO_LIMITS) -> MatchResult:
        """Games of an agent against the bot."""
        return play_match(self.game, self._table(agent), games, seed, levels, limits=limits)

    def _table(self, agent: Policy) -> list[Participant]:
        learner = Participant("agent", agent=agent)
        return [learner, participant("bot", self.game)] if self.game.players == 2 else [learner]

    def _record_video(self, agent: Policy, seed: int) -> None:
        if "video" in self.told:
            return
        seconds = VIDEO_SECONDS if self.config.time_limit is None else min(VIDEO_SECONDS, 0.05 * self.config.time_limit)
        try:
            pictures, fps = trainable(self.game).record_episode(self._table(agent), seed, seconds, self.levels)
        except NotDrawable as error:
            self.told.add("video")
            self.terminal.say(f"No videos of {error}")
            return
        data = self.log.gif(self.learner.steps, "eval/play", pictures, fps)
        tensor_file.write_bytes(self.folder / "videos" / f"step-{self.learner.steps:010d}.gif", data)

    def _finish(self) -> dict[str, Any]:
        """The last evaluation, the final one of the best agent, and what a reader wants to know; on rank 0."""
        final: dict[str, Any] = {}
        self.group.on_rank_0(lambda: final.update(self._judge()))
        self.safe = self._state()  # a signal from now on saves the end, not what was before the last iteration
        self._save(self.safe)
        if final:
            final["seconds"] = round(self.elapsed(), 2)
            write_results(self.folder, final)
        return final

    def _judge(self) -> dict[str, Any]:
        """The content of results.json, but for the time it took."""
        if self.evaluated != self.learner.steps:
            self.evaluate(last=True)
        agent = self._best()
        seed = self.config.seed * 1_000_003 + 500_009  # games that no evaluation has seen
        affordable = self._left() / (self._kinds() + self._mark_is_apart())
        games = self._affordable(self.config.run.final_games, affordable)
        limits = self._limits(affordable)
        result = self._match(agent, games, seed, self.levels, limits)
        tested = {} if self.tests is None else self._match(agent, games, seed, self.tests, limits).summary()
        self._tell_cut(result.note)
        summary = {**result.summary(), "seats": [self.agent_file, *result.seats[1:]]}
        tested |= {"seats": summary["seats"]}
        agent.info.score = {**summary, "mark": list(self.game.mark)}
        agent.save(self.folder / self.agent_file)
        return {
            "agent": str(self.folder / self.agent_file),
            "agent_steps": agent.info.steps,
            "evaluations": len(list((self.folder / "checkpoints").glob("step-*"))),
            "steps": self.learner.steps,
            "evaluation": summary,
            **run_levels.told(self.levels, self.tests, tested),
            "planned_games": self.config.run.final_games,
            **self._mark(agent, result.score, seed),
            "time_limit": self.config.time_limit,
            "out_of_time": self.config.time_limit is not None and not self._has_all_steps(),
        }

    def _has_all_steps(self) -> bool:
        return 0 < self.config.run.steps <= self.learner.steps

    def _best(self) -> Any:
        """The agent of the best evaluation so far."""
        return Agent.load(self.folder / self.agent_file, self.game, self.config.device)

    def _mark_is_apart(self) -> bool:
        """Does the game's mark name another opponent than the evaluations'?"""
        return self.game.players == 2 and self.game.mark[0] not in ("bot", "bot:0.5")

    def _mark(self, agent: Policy, score: float, seed: int) -> dict[str, Any]:
        """The game's mark, and whether the agent reaches it. score: in the final evaluation."""
        against, wanted = self.game.mark
        if wanted is None:  # an environment that names none
            return {}
        if self._mark_is_apart():
            games, limits = self._affordable(self.config.run.final_games, self._left()), self._limits(self._left())
            table = [Participant("agent", agent=agent), participant(against, self.game)]
            score = play_match(self.game, table, games, seed + 1, self.levels, limits=limits).score
        return {"mark": [against, wanted], "mark_score": score, "reached": bool(score >= wanted)}

    # --- checkpoints ---

    def _state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors, learner = (self.safe[0], self.safe[1]["learner"]) if self.given_up else self.learner.state()
        meta = {
            "learner": learner,
            "iteration": self.iteration,
            "seconds": self.elapsed(),
            "best": self.best,
            "evaluation": self.evaluation,
            "evaluated": self.evaluated,
            "recent": self.recent,
            "position": self.log.position(),
            "snapshots": list(self.snapshots.steps),
            "league": None if self.league is None else self.league.state(),
        }
        return tensors, meta

    def _save(self, state: tuple[dict[str, torch.Tensor], dict[str, Any]]) -> None:
        self.log.flush()  # a checkpoint never knows of lines that are not on the disk
        run_checkpoint.save_checkpoint(self.folder, self.learner, state, self.group)
        self.saved = state[1]["learner"]["steps"]
        if self.group.rank == 0:
            self.snapshots.sweep(self._league_files(state[1]))

    def _league_files(self, meta: dict[str, Any]) -> list[str]:
        """The snapshots that the league of a checkpoint needs."""
        members = meta["league"]["members"] if meta.get("league") else []
        return [snapshot_name(member["steps"]) for member in members if member["group"] == "past"]

    def _restore_league(self, meta: dict[str, Any]) -> None:
        if self.league is not None:
            self.league.restore(meta.get("league"), self.learner)

    def _restore(self) -> int:
        """Go on from the latest checkpoint, or from the beginning where there is none; position in progress.jsonl."""
        meta = run_checkpoint.restore_checkpoint(self.folder, self.learner, self.group, self._restore_league)
        if meta is None and self.config.copied:
            raise UserError(
                f"{self.folder} was stopped before it had kept the weights that it was to begin with.\n"
                f"Begin it anew: the same command with --init-from; --name {self.folder.name} is free."
            )
        if meta is None or self.group.rank:
            return 0
        self.saved = self.learner.steps
        self.iteration, self.spent, self.best = meta["iteration"], meta["seconds"], meta["best"]
        self.evaluation, self.evaluated, self.recent = meta["evaluation"], meta["evaluated"], meta["recent"]
        self.snapshots.steps = meta.get("snapshots", [])
        self.snapshots.sweep(self._league_files(meta))
        return meta["position"]


def finished(folder: Path, config: Config) -> dict[str, Any] | None:
    """The results of a run that has nothing left to do, as its config stands now; else None."""
    try:
        final = read_results(folder)
    except UserError:  # there are none; or it goes on, and writes them anew
        return None
    steps, limit = config.run.steps, config.time_limit
    timed = limit is not None and final["out_of_time"]
    by_time = timed and limit is not None and limit <= max(final["time_limit"] or 0.0, final["seconds"])
    return final if by_time or (steps and final["steps"] >= steps) else None
