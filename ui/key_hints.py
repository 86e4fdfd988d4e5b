"""`KeyHints`: keys and what they do, in a line below the pictures."""

import pygame

from games.engine.keys import keys_of
from games.engine.loader import Game
from ui.cast import Cast, dot
from ui.foot import PLAYING_FOOT, Hint, Rows, commands, unclickable
from ui.keys import label
from ui.layout import FOOTER, SOFT
from ui.pads import BUTTONS
from ui.seats import action_numbers, key_map, ways_between_spots
from ui.steering import axis_of
from ui.text import KeyCapRenderer, Place

ONE_LINE, TWO_LINES = 0.027, 0.0195  # size of caps below a picture, in units of its side


class KeyHints:
    """Draws the line of keys, and lists those of people: with a gamepad in the hand, its buttons.

    `pads` has the game's key for each button, by the number of the person who has a gamepad; it is empty while keys are used.
    `labels`: of the buttons for the window's keys, while pads are used.
    """

    def __init__(self, cast: Cast, text: KeyCapRenderer, plates: dict[tuple, pygame.Surface]):
        """plates: painted parts, by what they show; whoever passes them clears them for a new window size."""
        self.cast, self.text, self.plates = cast, text, plates
        self.pads: dict[int, dict[str, str]] = {}
        self.labels: dict[str, str] = {}
        self.eye: Rows = []  # the key that goes on from the agent's eye, while that is open
        self.places: list[Place] = []  # of the window's keys
        self._places: dict[tuple, list[Place]] = {}  # these for each strip, from its corner

    def draw(self, surface: pygame.Surface, boxes: list[pygame.Rect], rows: Rows | None) -> None:
        """Draw the keys and their meanings below the pictures. rows: (keys, meaning) pairs; None: the keys of the game."""
        side = boxes[0].w
        key = ("foot", side, str(self.labels), str(self.eye), rows and tuple(meaning for _, meaning in rows))
        if key not in self.plates:
            strip = pygame.Surface((boxes[-1].right - boxes[0].x, round(FOOTER * side)), pygame.SRCALPHA, 32)
            self._places[key] = self._fill_commands(strip, rows, 0.027 * side) if rows else self._fill_hints(strip, side)
            self.plates[key] = strip
        strip = self.plates[key]
        centre = boxes[0].bottom + 0.5 * FOOTER * side
        corner = boxes[0].x, round(centre - strip.get_height() / 2)
        surface.blit(strip, corner)
        self.places = [Place(box.move(corner), name) for box, name in self._places[key]]

    def commands(self, rows: Rows) -> list[Hint]:
        """The window's keys, or a gamepad's buttons."""
        return commands(rows, self.labels if self.pads else None)

    def _fill_commands(self, strip: pygame.Surface, rows: Rows, size: float) -> list[Place]:
        """Draw the window's keys; returns where they are."""
        centre = 0.5 * strip.get_width(), 0.5 * strip.get_height()
        return self.text.hints_centred(strip, self.commands(rows), size, centre, strip.get_width())

    def _fill_hints(self, strip: pygame.Surface, side: int) -> list[Place]:
        """Draw the keys of the people who play, a line for each of two people; returns where the window's own are."""
        lines = self.lines()
        size = (ONE_LINE if len(lines) == 1 else TWO_LINES) * side
        windows, centre = self.commands([*self.eye, *PLAYING_FOOT]), strip.get_height() / 2
        right = strip.get_width() - self._width(windows, size)
        _, places = self.text.hints(strip, windows, size, (right, centre))
        for k, (person, rows) in enumerate(lines):
            y = centre + (k - 0.5 * (len(lines) - 1)) * 1.75 * size
            begin = self._whose(strip, person, size, y) if len(lines) > 1 else 0.0
            hints = unclickable(rows)
            fitting = size * min(1.0, (right - begin - size) / max(self._width(hints, size), 1.0))
            self.text.hints(strip, hints, fitting, (begin, y))
        return places

    def _whose(self, strip: pygame.Surface, person: int, size: float, y: float) -> float:
        """Draw the name before a person's keys; returns the x at which the keys begin, the same for both people."""
        size *= 1.1
        dot(strip, self.cast.colour(person), (0.3 * size, y - 1), 0.26 * size)
        self.text.put(
            strip, self.text.shorten(self.cast.seats[person].name, size, 9 * size), size, SOFT, (0.9 * size, y), "midleft"
        )
        widest = max(self.text.width(self.cast.seats[k].name, size) for k in self.cast.people)
        return 0.9 * size + min(widest, 9 * size) + 1.2 * size

    def lines(self) -> list[tuple[int, Rows]]:
        """Each person with their keys' meanings; a single line if two people share the same keys."""
        lines = [(person, self.rows(person)) for person in self.cast.people]
        return lines[:1] if len(lines) == 2 and lines[0][1] == lines[1][1] else lines

    def rows(self, person: int) -> Rows:
        """The meanings of a person's keys: (keys, action) pairs."""
        names = {number: name for name, number in action_numbers(self.cast.game).items()}
        seat = 0 if self.cast.game.players == 1 else person
        rows: dict[str, list[str]] = {}
        keys = key_map(self.cast.game, seat, len(self.cast.people) == 1)
        if person in self.pads:
            return self._button_rows(self.pads[person], {key: names[action] for key, action in keys.items()})
        for key, action in keys.items():
            if len(keys_of(key)) > 1 and all(part in keys for part in keys_of(key)):
                continue  # of "up" and "left" people know what both together do
            rows.setdefault(names[action], []).append(key)
        named = [action for action, keys in rows.items() if keys == [action] and len(action) == 1]  # key "3" for action "3"
        telling = [
            (["+".join(map(label, keys_of(key))) for key in keys], action.replace("_", " "))
            for action, keys in rows.items()
            if action not in named
        ]
        named = [label(key) for key in named]
        ways = [way for way in ways_between_spots(self.cast.game) if way not in keys]
        between = [(ways, "choose"), (["return"], "play")] if ways and "return" not in keys else []
        return [*telling, *([(named, "play")] if named else []), *between]

    def _button_rows(self, buttons: dict[str, str], actions: dict[str, str]) -> Rows:
        """The meanings of a gamepad's buttons. buttons: the key of each.    actions: the action of each key."""
        if self.cast.game.spots:
            return [(ways_between_spots(self.cast.game), "choose"), ([BUTTONS["a"]], "play")]
        rows: dict[str, list[str]] = {}
        for button, key in buttons.items():
            rows.setdefault(actions[key], []).append(BUTTONS[button])
        return [(labels, action.replace("_", " ")) for action, labels in rows.items()]

    def _width(self, hints: list[Hint], size: float) -> float:
        return self.text.hints(None, hints, size, (0.0, 0.0))[0]


def mouse_rows(game: Game) -> Rows:
    """The row of the mouse in a game: what it does; none where it plays no part."""
    if game.spots:
        return [(["Mouse"], "click")]
    return [(["Mouse"], "steer")] if axis_of(game) else []
