"""Who sits where in a match, and a person's hands: keys and mouse, turned into a game's actions."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from games.core import WORLD
from games.engine.batch import Batch
from games.engine.loader import Game

QUEUED = 8  # presses that wait for their tick; more are noise


class SeatedPlayer(Protocol):
    """An agent at some rows (environment, seat) of a batch."""

    def act(self, actions: np.ndarray) -> None:
        """Write world actions, int64 [N, P], for its rows that `batch.asked` names."""


@dataclass
class Seat:
    """One participant of a match."""

    kind: Literal["human", "scripted", "agent"]
    name: str = ""  # shown beside the score
    skill: float | None = None  # scripted: the bot's skill, 0 to 1; None: any legal action
    make: Callable[[Batch, Sequence[tuple[int, int]]], SeatedPlayer] | None = (
        None  # agent: loads it, and takes its rows of a batch
    )
    about: str = ""  # shown before the game: which agent that is

    def __post_init__(self) -> None:
        if self.kind == "agent" and self.make is None:
            raise ValueError("an agent's seat needs `make`")
        if not self.name:
            self.name = {"human": "You", "agent": "Agent"}.get(self.kind) or ("Random" if self.skill is None else "Bot")


def told_apart(game: Game, seats: Sequence[Seat]) -> list[Seat]:
    """The participants with names that differ: neither of two people is "You", they are called as the game's seats are."""
    labels = game.seats if game.players == 2 else ("left", "right")  # of a race's pictures
    two_people = sum(seat.kind == "human" for seat in seats) == 2
    named = []
    for label, seat in zip(labels, seats, strict=False):
        alike = sum(seat.name == other.name for other in seats) == 2
        if two_people and seat.name == "You":
            seat = replace(seat, name=label[:1].upper() + label[1:])
        elif alike:
            seat = replace(seat, name=f"{seat.name} ({label})")
        named.append(seat)
    return named


def action_numbers(game: Game) -> dict[str, int]:
    """Number of each action's name, those that only people have included."""
    return {name: number for number, name in enumerate([*game.actions, *game.hands])}


def key_map(game: Game, seat: int, alone: bool) -> dict[str, int]:
    """Pygame key name → action number. A person alone may use the other seat's keys too, where no key means two things."""
    numbers = action_numbers(game)
    names = dict(game.keys[seat])
    if alone:
        for other in range(game.players):
            for key, action in game.keys[other].items():
                if names.setdefault(key, action) != action:
                    names = dict(game.keys[seat])
                    break
    return {key: numbers[action] for key, action in names.items()}


class Hands:
    """What a person does, kept between ticks: presses in their order, none lost, and the keys held down."""

    def __init__(self, keys: dict[str, int]):
        self.keys = keys
        self.held: list[str] = []  # the newest last: it counts
        self.presses: deque[int] = deque(maxlen=QUEUED)

    def press(self, key: str) -> bool:
        """A key goes down; is it one of this person's?"""
        if key not in self.keys:
            return False
        if key in self.held:
            self.held.remove(key)
        self.held.append(key)
        self.presses.append(self.keys[key])
        return True

    def release(self, key: str) -> None:
        if key in self.held:
            self.held.remove(key)

    def choose(self, action: int) -> None:
        """An action picked with the mouse."""
        self.presses.append(action)

    def let_go(self) -> None:
        """Forget everything: the window lost the keyboard, or a game begins."""
        self.held.clear()
        self.presses.clear()

    def pressed(self) -> int | None:
        """The next press that has not acted."""
        return self.presses.popleft() if self.presses else None

    def now(self) -> int | None:
        """The action of this tick: each press acts for a tick at least, then the newest key still held."""
        if self.presses:
            return self.presses.popleft()
        return self.keys[self.held[-1]] if self.held else None


def spot_at(game: Game, x: float, y: float, flipped: bool) -> int | None:
    """The action whose rectangle of SPOTS holds a point of the picture, in world units."""
    x = WORLD - x if flipped else x
    for action, (left, top, width, height) in enumerate(game.spots or ()):
        if left <= x < left + width and top <= y < top + height:
            return action
    return None


def spot_rect(game: Game, action: int, flipped: bool) -> tuple[float, float, float, float]:
    """Left, top, width, height of an action's spot as the picture shows it, in world units."""
    left, top, width, height = game.spots[action]
    return (WORLD - left - width if flipped else left), top, width, height
