"""How games ended so far, in words."""

from games.render.text import Colour
from ui.cast import Cast
from ui.layout import SOFT, WHITE
from ui.match import Match

# Of a game that was rewound, or in which seats changed hands: with an opponent that fits, and with all others.
NOT_RATED, PRACTICE = "just for practice: your rating stays", "just for practice: it does not count"


def drawn(match: Match) -> str:
    """The words beside the games won that count those which nobody won; empty if there are none."""
    return f", {match.draws} drawn" if match.draws else ""


def best_so_far(match: Match, flipped: bool = False) -> tuple[str, str]:
    """The best returns where nobody can win, a shared one once, as the picture has the seats; and a word for them."""
    best = match.best[:1] if match.game.rewards == "shared" else match.best[:: -1 if flipped else 1]
    return " – ".join(f"{each:g}" for each in best), "best" if match.points else "best return"


def verdict(match: Match, cast: Cast) -> tuple[str, str]:
    """The headline and the detail of a game's result."""
    result = match.result
    assert result
    if not match.contest:
        if parts := return_parts(match, cast):
            return "Game over", "".join(text for text, _ in parts)
        best = "" if match.played < 2 else f"   best {best_so_far(match)[0]}"
        score = f"{result.returns[0]:g} points" if match.points else f"return {result.returns[0]:g}"
        return "Game over", f"{score}{' together' if len(match.seats) == 2 else ''}{best}"
    if match.race:
        numbers = f"{'' if match.points else 'return '}{result.returns[0]:g} – {result.returns[1]:g}"
    else:
        left, _, right = match.boards[0].texts()
        numbers = f"{left} – {right}" if left and right and len(left + right) < 8 else ""
    late = "time is up" if result.out_of_time else ""
    rated = [seat.adaptive.about_person if match.is_rated else NOT_RATED for seat in cast.seats if seat.adaptive]
    detail = "   ".join(part for part in (numbers, late, *rated) if part)
    if result.winner is None:
        return "Draw", detail
    name = cast.seats[result.winner].name
    return ("You win" if name == "You" else f"{name} wins"), detail


def return_parts(match: Match, cast: Cast) -> list[tuple[str, Colour]]:
    """The detail of a result where each of two earns its own: (text, colour) parts; none where it is told otherwise."""
    if match.game.rewards != "own" or match.result is None:
        return []
    flipped, parts = match.boards[0].flipped, []
    for k in (1, 0) if flipped else (0, 1):
        score = f"{'' if match.points else 'return '}{match.result.returns[k]:g}"
        parts += [(cast.seats[k].name, cast.colour(k)), (f"  {score}", WHITE), (" " * 7, WHITE)]
    return parts[:-1] if match.played < 2 else [*parts, (f"best {best_so_far(match, flipped)[0]}", SOFT)]
