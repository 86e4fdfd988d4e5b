"""Many runs of the same settings that differ in their seeds: `train.py … --seeds K`. Each is a process of its own."""

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from agents.core import shell, signals
from agents.play.result import first_score
from agents.training.results import read_results
from games.errors import UserError

if TYPE_CHECKING:  # it loads torch
    from agents.training.run_folder import RunFolder

# Student's t, 97.5 %, for 1, 2, … degrees of freedom; a few seeds say less than the normal distribution promises.
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110,
    2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def student(count: int) -> float:
    """How many standard errors the 95 % interval of the mean of so many values reaches to each side.

    >>> student(3), round(student(32), 3), round(student(1000), 3)
    (4.303, 2.039, 1.962)
    """
    freedom = count - 1
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    z = 1.959964  # of the normal distribution, and how t goes there (Abramowitz & Stegun 1964, 26.7.5)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def mean_interval(values: Sequence[float]) -> tuple[float, list[float] | None]:
    """The mean of some runs' values and its 95 % interval by Student's t; of a single one there is none.

    >>> mean_interval([1.0, 2.0, 3.0])  # 2 ± 4.303 · 1 / √3
    (2.0, [-0.4843, 4.4843])
    """
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    std = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = student(len(values)) * std / math.sqrt(len(values))
    return mean, [round(mean - half, 4), round(mean + half, 4)]


@dataclass
class Job:
    """The run of one seed."""

    seed: int
    folder: Path
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    errors: IO[bytes] | None = None  # what it says of what went wrong
    final: dict[str, Any] = field(default_factory=dict)  # its results.json
    failed: str = ""
    stopped: bool = False
    place: "RunFolder | None" = None  # its folder, made and locked until the run begins

    def begin(self, silent: bool) -> None:
        """silent: what it prints is not shown."""
        if self.place is not None:
            self.place.release()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the run goes on
        out = subprocess.DEVNULL if silent else None
        # Out of the terminal's reach: a second Ctrl-C would end it unsaved, so each signal is handed on once.
        self.process = subprocess.Popen(self.command, stdout=out, stderr=self.errors, start_new_session=True)

    def going(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Let it save itself and end; once, since the second time it would end unsaved."""
        if self.going() and not self.stopped:
            assert self.process is not None
            self.stopped = True
            if sys.platform != "win32":  # there a console's Ctrl-C reaches all its programs anyway
                self.process.send_signal(signal.SIGINT)

    def note(self) -> None:
        """Keep the run's results or its error, once it is over."""
        assert self.process is not None and self.errors is not None
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip()
        self.errors.close()
        if self.process.returncode == 0:
            try:
                self.final = read_results(self.folder)
            except UserError as error:
                self.failed = str(error)
        else:
            self.failed = said.removeprefix("error: ") or f"it ended with code {self.process.returncode}"


class Stopped(BaseException):
    """A signal came; all runs that were going on have been saved."""

    def __init__(self, number: int):
        self.number = number


class Jobs:
    """Runs one after the other, or some side by side."""

    def __init__(self, jobs: list[Job], together: int, silent: bool, told: Callable[[Job], None] | None = None):
        """told: called with each as it ends."""
        self.jobs, self.together, self.silent, self.told = jobs, together, silent, told
        self.signal = 0

    def run(self) -> None:
        """Run all; `Stopped` where a signal came, which every run has been given."""
        handlers = {number: signal.signal(number, self._stop) for number in signals.ending_signals()}
        try:
            waiting, going = list(self.jobs), list[Job]()
            while going or (waiting and not self.signal):
                while waiting and len(going) < self.together and not self.signal:
                    going.append(waiting.pop(0))
                    going[-1].begin(self.silent)
                if self.signal:  # it may have come while one was being begun
                    self._hand_on()
                going = self._wait(going)
        finally:
            self._hand_on()
            for job in self.jobs:
                if job.place is not None:  # of those that never began
                    job.place.abandon()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self.signal and not all(job.final for job in self.jobs):
            raise Stopped(self.signal)

    def _wait(self, going: list[Job]) -> list[Job]:
        """Those that still go on, a little later or once the first of them has ended."""
        assert going[0].process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            going[0].process.wait(0.2)
        for job in going:
            if not job.going():
                job.note()
                if self.told is not None and not job.stopped:
                    self.told(job)
        return [job for job in going if job.process is not None and job.process.returncode is None]

    def _stop(self, number: int, frame: Any) -> None:
        self.signal = self.signal or number
        self._hand_on()

    def _hand_on(self) -> None:
        for job in self.jobs:
            job.stop()


def threads_each(together: int) -> int:
    """Threads for each of so many runs side by side; `UserError` where there are fewer cores."""
    cores = os.cpu_count() or 1
    if not 1 <= together <= cores:
        raise UserError(f"--jobs is from 1 to {cores} here, as many as there are cores, not {together}.")
    return max(1, min(4, cores // together))


def command(program: str, options: dict[str, Any], **changes: Any) -> list[str]:
    """A command line for options by their names; None, False and [] are left out.

    >>> command("train.py", {"game": "pong", "set": ["a=1", "b=2"], "quiet": True, "seed": 1, "name": None}, seed=2)
    ['train.py', 'pong', '--set', 'a=1', '--set', 'b=2', '--quiet', '--seed', '2']
    """

    def named(option: str, value: Any) -> list[str]:
        text = f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
        return [f"{option}={text}"] if text.startswith("-") else [option, text]

    line = [program]
    for name, value in {**options, **changes}.items():
        option = f"--{name.replace('_', '-')}"
        if name == "game" and value is not None:
            line.append(str(value))
        elif isinstance(value, list):
            line += [word for item in value for word in named(option, item)]
        elif value is True:
            line.append(option)
        elif value is not None and value is not False:
            line += named(option, value)
    return line


def of_seeds(program: Path, options: dict[str, Any], folders: "dict[int, RunFolder]", silent: bool) -> list[Job]:
    """A run for each seed, by the options of all of them."""
    more = {"quiet": silent, "seeds": None, "jobs": None, "json": False}
    return [
        Job(
            seed,
            folder.path,
            [sys.executable, *command(str(program), options, seed=seed, name=folder.path.name, **more)],
            place=folder,
        )
        for seed, folder in folders.items()
    ]


# --- what is told ---------------------------------------------------------------------------------------------------


def line(job: Job) -> str:
    """One run in a line."""
    from agents.training.report import verdict

    if not job.final:
        return f"seed {job.seed}:  failed"
    steps, seconds = job.final["steps"], job.final["seconds"]
    return f"seed {job.seed}:  {verdict(job.final['evaluation'])}, {steps:,} steps in {seconds:.0f} s   {job.folder}"


def summary(jobs: list[Job]) -> dict[str, Any]:
    """The JSON object of all runs: their scores' mean, its interval over seeds, and each by itself."""
    finals = [job.final for job in jobs if job.final]
    scores = [first_score(final["evaluation"]) for final in finals]
    score = scores[0].kind if scores else "mean_return"
    mean, interval = mean_interval([each.value for each in scores]) if scores else (None, None)
    if interval is not None and score == "win_rate":
        interval = [max(0.0, interval[0]), min(1.0, interval[1])]
    runs = [{"seed": job.seed, "folder": str(job.folder), **(job.final or {"error": job.failed})} for job in jobs]
    return {"score": score, "mean": mean, "interval": interval, "runs": runs}


def tell(job: Job) -> None:
    """Print that line, behind what runs have printed."""
    print(line(job), flush=True)


def last_lines(told: dict[str, Any]) -> list[str]:
    """The mean over seeds in words, and the command that draws it."""
    done = [run for run in told["runs"] if "error" not in run]
    if not done:
        return []
    form = "{:.1%}" if told["score"] == "win_rate" else "{:.2f}"
    what = "of games won" if told["score"] == "win_rate" else "return"
    within = " (95 %: {} to {})".format(*map(form.format, told["interval"])) if told["interval"] else ""
    mean = f"Mean of {len(done)} seed{'s'[: len(done) - 1]}:  {form.format(told['mean'])} {what}{within}"
    return [
        mean,
        f"Curve:  {shell.command_line(['python', '-m', 'agents.plot', *(run['folder'] for run in done)])}",
    ]


def how_to_go_on(jobs: list[Job], options: dict[str, Any], game: str | None, networks: Sequence[str] = ()) -> list[str]:
    """The commands that finish what was stopped. game, networks: what `--resume` has to be told, of those that do not ship."""
    unfinished = [job for job in jobs if not job.final]
    begun = [job for job in unfinished if (job.folder / "config.json").exists()]
    lines = [command("train.py", {"game": game, "network": list(networks)}, resume=job.folder) for job in begun]
    rest = [job.seed for job in unfinished if job not in begun]
    for first in (seed for seed in rest if seed - 1 not in rest):
        many = next(many for many in range(1, len(rest) + 1) if first + many not in rest)
        runs = None if options["runs"] == Path("runs") else options["runs"]
        name = jobs[0].folder.name.removesuffix(f"-s{jobs[0].seed}")
        lines.append(command("train.py", options, seed=first, seeds=many, name=name, runs=runs))
    return [shell.command_line(["python", *line]) for line in lines]
