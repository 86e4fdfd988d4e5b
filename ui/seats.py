"""`Seat`: a participant of a match. `PlayerInput`: a person's keys and mouse, turned into a game's actions."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from games.core import WORLD
from games.engine.batch import Batch
from games.engine.keys import keys_of
from games.engine.loader import Game
from games.engine.players import SeatPlayer

if TYPE_CHECKING:
    from ui.run_watcher import RunWatcher

WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}  # of the arrow keys
QUEUED = 8  # presses that wait for their tick, at most
CHORD_TICKS = 3  # for which a press waits for the rest of its chord, where a press counts once: two fingers are that far apart


class Adaptive(Protocol):
    """An opponent that is another after each game, as `agents.play.fitting.FittingOpponent` is."""

    def learn_of(self, result: float) -> None:
        """A game is over. result: the return of the other participant."""

    @property
    def name(self) -> str:
        """Its name in the next game."""

    @property
    def about_person(self) -> str:
        """The other participant as it knows them, in words."""


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
    caption: str = ""  # agent: whom a person has beaten, "Newcomer" or "the agent of 30 seconds"; "": nobody in particular
    adaptive: Adaptive | None = None  # agent: hears of each result, after which `make` may seat another
    run: "RunWatcher | None" = None  # agent: the training whose newest agent it is
    source: str = ""  # the participant's name on the command line, by which a replay finds them again
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "decisions"), repr=False, compare=False)

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


@dataclass
class Press:
    """A press that waits for its tick."""

    action: int
    key: str = ""  # "" for the mouse
    ticks: int = 0  # for which it still waits for the rest of a chord


class PlayerInput:
    """A person's input between ticks: the presses in their order, and the keys that are held down.

    The key pressed last acts, together with others that are held if they make a chord: with W, A and D down, W and whichever
    of A and D came later. So opposite keys never stop each other, and any number may be down.
    """

    def __init__(self, keys: dict[str, int], waits: bool = False):
        """keys: name in KEYS → action number. waits: a press counts once, so that one that may begin a chord waits a moment."""
        self._waits = waits
        self.held: list[str] = []  # in the order in which they went down
        self.presses: deque[Press] = deque(maxlen=QUEUED)
        self.steered: int | None = None  # the action with which a pointer steers in this tick, if no key acts
        self.change_keys(keys)

    def change_keys(self, keys: dict[str, int]) -> None:
        """Take other keys, of which none is down. keys: as for a new input."""
        self.actions = {frozenset(keys_of(name)): action for name, action in keys.items()}  # by the keys that are down
        self.keys = list(dict.fromkeys(key for name in keys for key in keys_of(name)))
        self._in_chords = {key for chord in self.actions if len(chord) > 1 for key in chord} if self._waits else set()
        self.clear()

    def press(self, key: str) -> bool:
        """A key goes down; True if it is one of this person's."""
        if key not in self.keys:
            return False
        self.release(key)
        self.held.append(key)
        chord = self._acting()
        if chord is None or key not in chord:
            return True
        waiting = self.presses[-1] if self.presses else None
        if waiting and waiting.ticks and waiting.key in chord:  # the rest of what began a moment ago
            self.presses.pop()
        may_grow = key in self._in_chords and len(chord) == 1
        self.presses.append(Press(self.actions[chord], key, CHORD_TICKS if may_grow else 0))
        return True

    def hold(self, key: str) -> None:
        """A key that was pressed before is still down: it counts as held, not as pressed again."""
        if key in self.keys and key not in self.held:
            self.held.append(key)

    def release(self, key: str) -> None:
        """A key goes up."""
        if key in self.held:
            self.held.remove(key)
        for press in self.presses:
            if press.key == key:
                press.ticks = 0  # a tap: nothing comes after it

    def choose(self, action: int) -> None:
        """Add an action that was picked with the mouse."""
        self.presses.append(Press(action))

    def clear(self) -> None:
        """Drop all presses and held keys: when a game begins or is paused. Keys that are still down are held again."""
        self.held.clear()
        self.presses.clear()
        self.steered = None

    def next_press(self) -> int | None:
        """Remove and return the oldest waiting press; None if there is none. Called once a tick."""
        if self.presses and self.presses[0].ticks:
            self.presses[0].ticks -= 1
            return None
        return self.presses.popleft().action if self.presses else None

    def current(self) -> int | None:
        """The action of this tick: the oldest waiting press, which is removed, else that of the held keys or the pointer's.

        So each press acts for at least one tick.
        """
        if self.presses:
            return self.presses.popleft().action
        chord = self._acting()
        return self.steered if chord is None else self.actions[chord]

    def _acting(self) -> frozenset[str] | None:
        """The keys, of those held, that act: the last one that went down, with the last others that make a chord with it."""
        if not self.held:
            return None
        if len(self.held) == 1:  # the common case
            only = frozenset(self.held)
            return only if only in self.actions else None
        order = {key: k for k, key in enumerate(self.held)}
        held = [chord for chord in self.actions if chord <= order.keys()]
        return max(held, key=lambda chord: sorted((order[key] for key in chord), reverse=True), default=None)


def spots_of(game: Game) -> dict[int, tuple[float, float, float, float]]:
    """Left, top, width and height of each action's spot, for those that have one."""
    return {action: spot for action, spot in enumerate(game.spots or ()) if spot is not None}


def ways_between_spots(game: Game) -> list[str]:
    """The arrows that go from spot to spot: left and right for columns. None in games without spots."""
    across, down = (len({spot[axis] for spot in spots_of(game).values()}) > 1 for axis in (0, 1))
    return [*(["left", "right"] if across else []), *(["up", "down"] if down else [])]


def spot_at(game: Game, x: float, y: float, flipped: bool) -> int | None:
    """The action whose rectangle in SPOTS contains a point of the picture, in world units; None if there is none."""
    x = WORLD - x if flipped else x
    for action, (left, top, width, height) in spots_of(game).items():
        if left <= x < left + width and top <= y < top + height:
            return action
    return None


def spot_rect(game: Game, action: int, flipped: bool) -> tuple[float, float, float, float]:
    """Left, top, width, height of an action's spot as the picture shows it, in world units."""
    left, top, width, height = spots_of(game)[action]
    return (WORLD - left - width if flipped else left), top, width, height
