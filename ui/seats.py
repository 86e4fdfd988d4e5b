"""`Seat`: a participant of a match. `PlayerInput`: a person's keys and mouse, turned into a game's actions."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from games.core import WORLD
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.players import SeatPlayer

QUEUED = 8  # presses that wait for their tick, at most


@dataclass
class Seat:
    """One participant of a match."""

    kind: Literal["human", "scripted", "agent"]
    name: str = ""  # shown beside the score
    skill: float | None = None  # scripted: the bot's skill, 0 to 1; None: any legal action
    make: Callable[[Batch, Sequence[tuple[int, int]]], SeatPlayer] | None = None  # agent: seats it in rows of a batch
    load: Callable[[], object] | None = None  # agent: loads it, so that `make` need not; called first, in a thread
    observation: str = ""  # agent: what it sees (pixels, planes or objects), to be compiled while it loads; "": not known
    about: str = ""  # shown before the game: the agent's path and rating

    def __post_init__(self) -> None:
        if self.kind == "agent" and self.make is None:
            raise ValueError("an agent's seat needs `make`")
        if not self.name:
            self.name = {"human": "You", "agent": "Agent"}.get(self.kind) or ("Random" if self.skill is None else "Bot")


def with_distinct_names(game: Game, seats: Sequence[Seat]) -> list[Seat]:
    """The participants with different names: two people are named after the game's seats, and neither is "You"."""
    labels = game.seats if game.players == 2 else ("left", "right")  # the pictures of a race
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
    """The number of each action, by its name, including the actions that only people have."""
    return {name: number for number, name in enumerate([*game.actions, *game.hands])}


def key_map(game: Game, seat: int, alone: bool) -> dict[str, int]:
    """Pygame key name → action number. A single person may use the other seat's keys too, unless a key has two meanings."""
    numbers = action_numbers(game)
    names = dict(game.keys[seat])
    if alone:
        for other in range(game.players):
            for key, action in game.keys[other].items():
                if names.setdefault(key, action) != action:
                    names = dict(game.keys[seat])
                    break
    return {key: numbers[action] for key, action in names.items()}


class PlayerInput:
    """A person's input between ticks: the presses in their order, and the keys that are held down."""

    def __init__(self, keys: dict[str, int]):
        """keys: Pygame key name → action number."""
        self.keys = keys
        self.held: list[str] = []  # the last one acts
        self.presses: deque[int] = deque(maxlen=QUEUED)

    def press(self, key: str) -> bool:
        """A key goes down; True if it is one of this person's."""
        if key not in self.keys:
            return False
        if key in self.held:
            self.held.remove(key)
        self.held.append(key)
        self.presses.append(self.keys[key])
        return True

    def hold(self, key: str) -> None:
        """A key that was pressed before is still down: it counts as held, not as pressed again."""
        if key in self.keys and key not in self.held:
            self.held.append(key)

    def release(self, key: str) -> None:
        """A key goes up."""
        if key in self.held:
            self.held.remove(key)

    def choose(self, action: int) -> None:
        """Add an action that was picked with the mouse."""
        self.presses.append(action)

    def clear(self) -> None:
        """Drop all presses and held keys: when a game begins or is paused. Keys that are still down are held again."""
        self.held.clear()
        self.presses.clear()

    def next_press(self) -> int | None:
        """Remove and return the oldest waiting press; None if there is none."""
        return self.presses.popleft() if self.presses else None

    def current(self) -> int | None:
        """The action of this tick: the oldest waiting press, which is removed, else that of the newest held key, else None.

        So each press acts for at least one tick.
        """
        if self.presses:
            return self.presses.popleft()
        return self.keys[self.held[-1]] if self.held else None


def spot_at(game: Game, x: float, y: float, flipped: bool) -> int | None:
    """The action whose rectangle in SPOTS contains a point of the picture, in world units; None if there is none."""
    x = WORLD - x if flipped else x
    for action, (left, top, width, height) in enumerate(game.spots or ()):
        if left <= x < left + width and top <= y < top + height:
            return action
    return None


def spot_rect(game: Game, action: int, flipped: bool) -> tuple[float, float, float, float]:
    """Left, top, width, height of an action's spot as the picture shows it, in world units."""
    left, top, width, height = game.spots[action]
    return (WORLD - left - width if flipped else left), top, width, height
