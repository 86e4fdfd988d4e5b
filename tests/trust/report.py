"""The outcome of a campaign: counts, and the cases that went wrong."""

from collections import Counter
from dataclasses import dataclass, field

KINDS = ("lost", "tracebacks", "hangs")


@dataclass
class Problem:
    """A case that went wrong."""

    kind: str  # one of KINDS
    case: str
    text: str


@dataclass
class Report:
    """The outcome of a campaign so far."""

    campaign: str
    tried: Counter = field(default_factory=Counter)  # what, and how often, in the order of the line
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def read(cls, values: dict) -> "Report":
        """A report from what `as_json` made of it."""
        problems = [Problem(**problem) for problem in values["problems"]]
        return cls(values["campaign"], Counter(values["tried"]), problems, values["seconds"])

    def as_json(self) -> dict:
        """The report as JSON has it. (`dataclasses.asdict` does not know Counter.)"""
        return {**vars(self), "tried": dict(self.tried), "problems": [vars(problem) for problem in self.problems]}

    def add(self, kind: str, case: str, text: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(kind, case, text))

    def count(self, kind: str) -> int:
        """The number of problems of a kind."""
        return sum(problem.kind == kind for problem in self.problems)

    def line(self) -> str:
        """The campaign in a line."""
        tried = ", ".join(f"{number:,} {what}" for what, number in self.tried.items())
        outcome = ", ".join(f"{kind} {self.count(kind)}" for kind in KINDS)
        return f"{self.campaign:10} {outcome}  {self.seconds:6.1f} s  {tried}"

    def details(self, seed: int, quick: bool, most: int = 5) -> list[str]:
        """What went wrong in some cases, each with the command that repeats it."""
        lines = []
        for problem in self.problems[:most]:
            more = f" --seed {seed}{' --quick' if quick else ''}"
            lines += ["", f"{problem.kind}: {problem.case}", *(f"  {line}" for line in problem.text.splitlines()[-30:])]
            lines.append(f"  again: python -m tests.trust {self.campaign} --only {problem.case}{more}")
        hidden = len(self.problems) - most
        return lines + ([f"\n… and {hidden} more"] if hidden > 0 else [])
