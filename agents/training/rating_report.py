"""Ratings in words, and drawn with their intervals: `python -m agents.ratings` prints and writes them."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

from agents.play.ratings import FIXED
from agents.play.result import few_differ
from agents.training.learning_curves import COLOURS, FORMATS, GREY, STYLE
from games import heading
from games.errors import UserError

MOST_CIRCLES = 5  # in words; the JSON object has all


def rating_lines(summary: dict[str, Any]) -> list[str]:
    """A tournament's summary in lines for people: a table, who wins against whom, and what to know about them."""
    return [*_table(summary), "", *_matrix(summary), *(f"\n{text}" for text in remarks(summary))]


def _table(summary: dict[str, Any]) -> list[str]:
    players = summary["players"]
    width = max(len(player["name"]) for player in players)
    lines = [f"     {'':{width}}  rating  95 %               games   score"]
    for place, player in enumerate(players, 1):
        low, high = player["interval"]
        interval = "fixed" if player["name"] == summary["anchor"] else f"{low:.0f} to {high:.0f}"
        games, score = f"{player['games']:7,}", f"{player['score']:6.1%}"
        lines.append(f"{place:3}  {player['name']:{width}}  {player['rating']:6.0f}  {interval:15}  {games}  {score}")
    return lines


def _matrix(summary: dict[str, Any]) -> list[str]:
    places = range(1, len(summary["players"]) + 1)
    lines = ["Points of the row against the column, in per cent (a draw is half a point):"]
    lines.append("     " + "".join(f"{place:6}" for place in places))
    for place, row in zip(places, summary["win_matrix"], strict=True):
        cells = ("-" if rate is None else f"{100 * rate:.1f}" for rate in row)
        lines.append(f"{place:3}  " + "".join(f"{cell:>6}" for cell in cells))
    return lines


def remarks(summary: dict[str, Any]) -> list[str]:
    """Sentences about where the ratings stand, circles, games that repeat others, and games that were cut."""
    anchor = summary["anchor"]
    found = [
        f"bot (bot:0.5) does not play: the mean of all is {FIXED:.0f}."
        if anchor is None
        else f"{anchor} is fixed at {FIXED:.0f}."
    ]
    rates = {tuple(pair["players"]): pair["win_rate"] for pair in summary["pairs"]}
    rates |= {(second, first): 1 - rate for (first, second), rate in rates.items()}
    for circle in summary["circles"][:MOST_CIRCLES]:
        steps = [f"beats {loser} ({rates[winner, loser]:.0%})" for winner, loser in pairwise([*circle, circle[0]])]
        found.append(f"A circle, which no ratings describe: {circle[0]} {', which '.join(steps)}.")
    if len(summary["circles"]) > MOST_CIRCLES:
        found.append(f"And {len(summary['circles']) - MOST_CIRCLES} more circles (all with --json).")
    for pair in summary["pairs"]:
        first, second = pair["players"]
        found += few_differ(pair["different_games"], pair["games"], f" of {first} and {second}")
    if summary["cut"]:
        found.append(f"{summary['cut']:,} games were cut by the game's time limit; their points so far decide.")
    return found


# --- drawing --------------------------------------------------------------------------------------------------------


def check_drawable(out: Path) -> None:
    """`UserError` if no picture can be written there: said before games are played."""
    if out.suffix.lower() not in FORMATS:
        raise UserError(f"Ratings are drawn into a file that ends in {' or '.join(FORMATS)}, not '{out.name}'.")
    if not out.parent.is_dir():
        raise UserError(f"There is no folder {out.parent} to write {out.name} into.")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        how = 'pip install -c constraints.txt -e ".[plot]"'
        raise UserError(f"Ratings are drawn with matplotlib, which is not installed.\n{how}") from error


def write(out: Path, summary: dict[str, Any]) -> None:
    """Draw a tournament's ratings with their intervals into a .png or .svg file."""
    import matplotlib

    kind, picture = out.suffix.lower()[1:], io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure(summary).savefig(picture, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    try:
        out.write_bytes(picture.getvalue())
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from error


def figure(summary: dict[str, Any]) -> Any:
    """matplotlib's figure of the ratings: a line for each player, the best at the top."""
    from matplotlib.figure import Figure

    players = summary["players"]
    made = Figure(figsize=(7.0, 1.2 + 0.4 * len(players)), layout="constrained")
    axes = made.subplots()
    heights = range(len(players))
    axes.axvline(FIXED, color=GREY, linestyle="--", linewidth=1.0, zorder=1)
    for height, player in zip(heights, players, strict=True):
        axes.plot(player["interval"], [height, height], color=COLOURS[0], linewidth=3.0, solid_capstyle="butt", alpha=0.45)
        axes.plot(player["rating"], height, "o", color=COLOURS[0], markersize=6.0)
    axes.set_yticks(heights, [player["name"] for player in players])
    axes.invert_yaxis()
    axes.margins(y=0.1 + 0.1 / len(players))
    fixed = "mean of all" if summary["anchor"] is None else summary["anchor"]
    axes.set_xlabel(f"rating and 95 % interval ({fixed}: {FIXED:.0f})")
    axes.set_title(f"{heading(summary['game'])}, {summary['games']:,} games", loc="left", fontweight="bold")
    return made
