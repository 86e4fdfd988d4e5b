"""Simulated people at a game that lets them play it (`PEOPLE`)."""

import numpy as np

from games.check.bots import SIGMAS, lead
from games.check.definition import DRAWN, Failed, check
from games.engine.loader import Game
from games.people.match import play
from games.people.person import kind_of, person

# By kind of people: the weakest, and the most skilled ones; which of these a game suits is not known.
NAMED = {"mover": ("late-follower-stays", ("expert", "watcher")), "board": ("beginner", ("expert",))}
GAMES, LONGEST = 48, 60 * 40  # games of each pair, and the ticks after which one is cut


@check("people can play it, and the most skilled play best", about="PEOPLE", calls=DRAWN)
def people(game: Game) -> str:
    if game.people is None:
        return "it has no PEOPLE"
    weakest, skilled = NAMED[kind_of(game)]
    notes = []
    for name in skilled:
        better, note = _compared(game, weakest, name)
        if better:
            return note
        notes.append(note)
    raise Failed(f"PEOPLE: of the simulated people, {' and '.join(notes)}: is kind or target another?")


def _compared(game: Game, weakest: str, name: str) -> tuple[bool, str]:
    """Whether somebody does better than the weakest, and both scores in words."""
    both = [person(f"person:{each}", game) for each in (name, weakest)]
    if game.competitive:
        returns, moved = play(game, both, GAMES, ticks=LONGEST)
        _must_move(game, [name, weakest], moved)
        ahead = returns[:, 0] - returns[:, 1]
        won, lost = int((ahead > 0).sum()), int((ahead < 0).sum())
        return lead(won, lost) > SIGMAS, f"{name} wins {won} and loses {lost} games against {weakest}"
    found = []
    for each in both:
        returns, moved = play(game, [each, *[0.5] * (game.players - 1)], GAMES, ticks=LONGEST)
        _must_move(game, [each.row.name], moved)
        found.append(returns[:, 0])
    means, errors = [each.mean() for each in found], [each.std() / np.sqrt(GAMES) for each in found]
    better = bool(means[0] - means[1] > SIGMAS * np.hypot(*errors))
    return better, f"{name} returns {means[0]:.2f}, {weakest} {means[1]:.2f}"


def _must_move(game: Game, names: list[str], moved: np.ndarray) -> None:
    for name, count in zip(names, moved, strict=False):
        if count == 0:
            raise Failed(f"PEOPLE: {name} of the simulated people never moves: is kind or target another?")
