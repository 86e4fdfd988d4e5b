"""`Hands`: with what people play a match beside the game's own keys: changed keys, gamepads, mouse and fingers."""

import pygame

from games.engine.loader import Game
from ui.controls import Controls
from ui.keyboard import Keyboard
from ui.keys import Key
from ui.match import Match
from ui.screen import Screen
from ui.settings import SettingsFile
from ui.steering import Pointing


class Hands:
    """The controls of a match's people, as the settings have them, and the pointers that steer."""

    def __init__(self, game: Game, screen: Screen):
        """game: as it was loaded, with its own KEYS."""
        self.game, self.screen = game, screen
        self.controls: Controls | None = None
        self.match: Match | None = None
        self.pointing: Pointing | None = None

    def take_settings(self, file: SettingsFile) -> None:
        """Take the people's keys and buttons, which may have changed."""
        self.controls = Controls(self.game, file)
        self._take_keys()

    def take_match(self, match: Match) -> None:
        """Play this match from now on."""
        self.match, self.pointing = match, Pointing(match, self.screen.painter)
        self._take_keys()

    def _take_keys(self) -> None:
        if self.controls:
            game = self.controls.game
            self.screen.take_keys(game)
            for board in self.match.boards if self.match else ():
                board.change_keys(game)

    def buttons(self, place: int) -> dict[str, str]:
        """The game's key for each button of a gamepad: the first pad is the first person's."""
        people = self.screen.cast.people
        if not self.controls or place >= len(people):
            return {}
        return self.controls.buttons(0 if self.game.players == 1 else people[place])

    def pads(self, count: int) -> dict[int, dict[str, str]]:
        """The game's key for each button, by the number of the person who has one of so many gamepads."""
        return {person: self.buttons(place) for place, person in enumerate(self.screen.cast.people[:count])}

    def name(self, key: Key) -> str:
        """The name that the game has for a key; empty if nobody plays with it."""
        keys = {each for person in self.match.inputs for each in person.keys} if self.match else set()
        return next((name for name in key.names if name in keys), "")

    def names_down(self, keyboard: Keyboard) -> list[str]:
        """The game's names of the keys that are down, in the order in which they were pressed."""
        return [name for key in keyboard.unserved if (name := self.name(key))]

    def hold(self, keyboard: Keyboard) -> None:
        """Count the keys that are down as held."""
        for person in self.match.inputs if self.match else ():
            for name in self.names_down(keyboard):
                person.hold(name)

    def let_go(self, key: Key, keyboard: Keyboard) -> None:
        """A key goes up; the game loses it, unless another key of the same name is down."""
        name = self.name(key)
        if name and name not in self.names_down(keyboard):
            for person in self.match.inputs if self.match else ():
                person.release(name)

    def handle(self, event: pygame.event.Event, window: tuple[int, int], stage: tuple[int, int]) -> None:
        """An event while people play. window, stage: sizes, of the window and of the game's part of it."""
        if self.pointing:
            self.pointing.handle(event, window, stage)

    def tick(self) -> None:
        """A tick of play comes."""
        if self.pointing:
            self.pointing.tick()

    def release(self) -> None:
        """Another game begins, or the match pauses or goes on: no key plays, and no pointer steers until it moves again."""
        for person in self.match.inputs if self.match else ():
            person.clear()
        if self.pointing:
            self.pointing.release()
