"""Measuring (`timed`, `take_turns`, `quantile`), proving that work was done (`prove`), showing results (`Row`, `show`)."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from time import perf_counter

from games.errors import UserError

CORES = os.cpu_count() or 1


@dataclasses.dataclass
class Row:
    """One figure. `ratio`: how many times better ours is than the peer's (faster, or shorter); low, high: its interval."""

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    ratio: float | None = None
    note: str = ""
    low: float | None = None
    high: float | None = None

    def beside(self, peer: float, name: str, less_is_better: bool = False) -> "Row":
        """Add the figure of a peer; returns the row itself."""
        self.peer, self.peer_name = peer, name
        self.ratio = peer / self.ours if less_is_better else self.ours / peer
        return self


Signs = dict[str, object]  # signs of work: name → current value; work was done if it differs from the value before


def prove(what: str, before: Signs, now: Callable[[], Signs], repeat: Callable[[], object], patience: int) -> None:
    """`UserError` unless every sign has changed: a benchmark that does no work has no speed.

    repeat: runs the measured code again, untimed, at most `patience` times: a short measurement may have seen no game end.
    """
    for _ in range(patience):
        if all(value != before[sign] for sign, value in now().items()):
            return
        repeat()
    missing = [sign for sign, value in now().items() if value == before[sign]]
    if missing:
        raise UserError(f"{what}: no {', no '.join(missing)}.\nThe speed of something that does not work means nothing.")


def timed(step: Callable[[], int], seconds: float) -> float:
    """The sum of `step`'s results per second; at least one step."""
    count, began = 0, perf_counter()
    while True:
        count += step()
        elapsed = perf_counter() - began
        if elapsed >= seconds:
            return count / elapsed


def take_turns(sides: list[Callable[[float], float]], seconds: float, turns: int) -> list[list[float]]:
    """The speeds of each side in so many turns; a side is a function from a duration in seconds to a speed."""
    for side in sides:
        side(0.0)  # warm up: memory, threads, the processor's clock
    found = [[side(seconds / turns) for side in sides] for _ in range(turns)]
    return [list(speeds) for speeds in zip(*found, strict=True)]


def quantile(values: list[float], fraction: float) -> float:
    """The value below which this fraction of the values lies."""
    return sorted(values)[min(len(values) - 1, int(fraction * len(values)))]


def show(rows: Iterator[Row], sides: tuple[str, str] = ("ours", "peer")) -> list[Row]:
    """Print a table that grows with every row; returns the rows. sides: the headings of its two figures.

    In a file or a pipe each row is a line, written at once: who stops a long run keeps what it has found.
    """
    headings, shown = ("", "unit", *sides, "ratio", "note"), []
    with _terminal_table(headings) if sys.stdout.isatty() else _lines(headings) as add:
        for row in rows:
            add(_cells(row, sides[1]))
            shown.append(row)
    if hasattr(os, "getloadavg"):
        print(f"{CORES} cores, load {os.getloadavg()[0]:.1f} in the last minute")
    return shown


def _cells(row: Row, other: str) -> tuple[str, ...]:
    """A row's cells. other: the heading of its second figure."""
    peer, ratio = (None if value is None else short(value) for value in (row.peer, row.ratio))
    ratio = f"{row.ratio:.3f}" if row.low is not None else ratio  # the interval's figures
    note = f"{row.note}; {other}: {row.peer_name}" if row.peer_name else row.note
    return row.name, row.unit, short(row.ours), peer or "", ratio or "", note


@contextlib.contextmanager
def _terminal_table(headings: tuple[str, ...]) -> Iterator[Callable[[tuple[str, ...]], None]]:
    """A table in the terminal, drawn anew with each row: gives what adds one."""
    from rich.live import Live
    from rich.table import Table

    grid = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        grid.add_column(heading, justify="right" if 2 <= number <= 4 else "left", no_wrap=2 <= number <= 4)
    with Live(grid, vertical_overflow="visible") as live:

        def add(cells: tuple[str, ...]) -> None:
            grid.add_row(*cells)
            live.refresh()

        yield add


@contextlib.contextmanager
def _lines(headings: tuple[str, ...]) -> Iterator[Callable[[tuple[str, ...]], None]]:
    """Lines of columns as wide as rows mostly are: gives what writes one."""

    def add(cells: tuple[str, ...]) -> None:
        name, unit, ours, peer, ratio, note = cells
        print(f"{name:<44} {unit:<11} {ours:>8} {peer:>8} {ratio:>7}  {note}".rstrip(), flush=True)

    add(headings)
    yield add


def short(value: float) -> str:
    """A number with three digits.

    >>> short(1234567), short(12345), short(60.0), short(0.1234)
    ('1.23 M', '12.3 k', '60.00', '0.123')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"
