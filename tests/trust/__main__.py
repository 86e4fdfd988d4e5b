"""Run campaigns: python -m tests.trust [campaign …]"""

import argparse
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from agents.core.signals import ending_signals
from games.errors import UserError, nearest
from tests.trust import children, runs, stages
from tests.trust.report import Report

CAMPAIGNS = {
    "kills": "each learner killed at random moments, gone on with, compared with one that nobody killed",
    "damaged": "files of each kind with bits turned, cut off, added, zeroed",
    "schema": "files of each kind with other values than we write (Hypothesis)",
    "resealed": "checkpoints with numbers out of range and a checksum that holds",
    "full_disk": "the disk full at each write of a run",
    "signals": "Ctrl-C and kill in each stage of a run, once and twice",
    "window": "20,000 events in the window, of all games",
    "soak": "some minutes of play and of training: memory, open files, threads",
}
LONGEST = ("kills", "full_disk", "resealed", "soak", "signals", "schema", "damaged", "window")  # the longest first
JOBS = 2  # campaigns at a time

EPILOG = "campaigns:\n" + "\n".join(f"  {name:10} {about}" for name, about in CAMPAIGNS.items())


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.trust",
        description="Try to make it lose something.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("campaigns", nargs="*", metavar="campaign", help="default: all")
    parser.add_argument("--quick", action="store_true", help="a few cases of each, in half a minute")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument("--only", metavar="CASE", help="repeat one case of a campaign")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    return parser


def main() -> int:
    options = arguments().parse_args()
    for number in ending_signals():
        signal.signal(number, signal.default_int_handler)  # all of them end it as Ctrl-C does: with nothing left behind
    try:
        reports = run_all(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps({"seed": options.seed, "campaigns": [report.as_json() for report in reports]}))
    return 1 if any(report.problems for report in reports) else 0


def run_all(options: argparse.Namespace) -> list[Report]:
    """Check the options, and run the campaigns."""
    for name in options.campaigns:
        if name not in CAMPAIGNS:
            raise UserError(f"There is no campaign '{name}'.\n{nearest(name, CAMPAIGNS)}")
    if options.only and len(options.campaigns) != 1:
        raise UserError("--only repeats a case of one campaign: name that.")
    if not hasattr(os, "fork"):
        raise UserError("The campaigns fork processes, which this system cannot.\nRun them on Linux or macOS.")
    runs.silence()
    runs.prepare()
    place = Path(tempfile.mkdtemp(prefix="trust-"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)  # processes that are killed tidy nothing up
    try:
        return Pool(options, place).run()
    finally:
        children.end_all(signal.SIGTERM)
        shutil.rmtree(place, ignore_errors=True)


class Pool:
    """Campaigns in processes of their own, two at a time; each is shown when it ends, unless JSON is wanted."""

    def __init__(self, options: argparse.Namespace, place: Path):
        self.options, self.place = options, place
        self.running: dict[int, str] = {}
        self.reports: dict[str, Report] = {}

    def run(self) -> list[Report]:
        """Run the campaigns; their reports, in the order of `CAMPAIGNS`."""
        names = [name for name in CAMPAIGNS if name in (self.options.campaigns or CAMPAIGNS)]
        waiting = sorted(names, key=LONGEST.index)
        while waiting or self.running:
            while waiting and len(self.running) < min(JOBS, os.cpu_count() or 1):
                name = waiting.pop(0)
                self.running[children.fork(lambda name=name: self._campaign(name), self.place / f"{name}.txt")] = name
            for pid in list(self.running):
                if children.ended(pid) is not None:
                    self._show(self.running.pop(pid))
            time.sleep(0.02)
        return [self.reports[name] for name in names]

    def _campaign(self, name: str) -> int:
        """One campaign, in its process; its report goes into a file."""
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        stages.SHOWN.renew()
        home = self.place / name
        home.mkdir()
        try:
            began, references = time.monotonic(), runs.Reference(home)
            campaign = importlib.import_module(f"tests.trust.{name}").campaign
            report = campaign(home, references, self.options.seed, self.options.quick, self.options.only)
            report.seconds = time.monotonic() - began
            (self.place / f"{name}.json").write_text(json.dumps(report.as_json()))
        finally:
            children.end_all()
            shutil.rmtree(home, ignore_errors=True)
        return 0

    def _show(self, name: str) -> None:
        found = self.place / f"{name}.json"
        if found.exists():
            report = Report.read(json.loads(found.read_text()))
        else:  # it is the campaign itself that fell over
            report = Report(name)
            report.add("tracebacks", "all", (self.place / f"{name}.txt").read_text("utf-8", "replace"))
        self.reports[name] = report
        if not self.options.json:
            print("\n".join([report.line(), *report.details(self.options.seed, self.options.quick)]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
