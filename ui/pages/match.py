"""The page of a match: loading, start, countdown, play, pause and result."""

from collections.abc import Callable, Sequence
from typing import Any

import pygame

from games.engine.loader import Game
from ui.application import ENTER
from ui.commands import command_of
from ui.foot import CONTROLS, EYE, PACE, STEP, Rows, commands, eye_row, paused_foot, ready_foot, watching_foot
from ui.keys import Key, key_of
from ui.match import Match
from ui.pads import labels_of
from ui.pages.controls import ControlsPage
from ui.pages.match_flow import COUNTING, LOADING, OVER, PAUSED, PLAYING, READY, MatchFlow
from ui.pointer import Pointer, may_choose, next_spot, pointer_at, pointer_of
from ui.seats import WAYS, Seat

BETWEEN_GAMES = 150  # ticks that a result is shown if no person plays
SLOW = 4  # how many times slower slow motion is
CALM = 30  # ticks that a key of the game, or the mouse, must have been at rest before it can end a result
GO = (*ENTER, "space")  # keys that begin or continue


class MatchPage(MatchFlow):
    """A match that is drawn, and played by keys and the mouse. Settings: as in `MatchFlow`."""

    def __init__(self, game: Game, seats: Sequence[Seat], **settings: Any):
        super().__init__(game, seats, **settings)
        self._touched = 0  # the last tick of this mode in which a key of the game was down
        self.lit: Pointer | None = None  # the spot where mouse, arrows or a key of the game were last
        self._stepped = False  # in this pause the picture is shown instead of the page
        self._commands: dict[str, Callable[[], None]] = {EYE: self._change_eye, PACE: self._change_pace}  # on every page

    def shown(self) -> None:
        """It comes to the front: take the keys of people and sounds."""
        super().shown()
        self._commands |= self.reactions.commands

    # --- ticks ---

    def tick(self) -> None:
        """Advance the match, or the page that is shown, by a tick."""
        self.ticks += 1
        if self.mode == PLAYING and self.match and self.slow and self.ticks % SLOW:
            return
        if self.mode == PLAYING and self.match:
            playing = not self.match.person_is_out
            self._advance(self.match)
            if self.hands.names_down(self.app.keyboard) or playing:
                self._touched = self.ticks
            if self.match.result:
                self._end(self.match)
        elif self.mode == COUNTING:
            self._count()
        elif self.mode == OVER and self.match:
            if self.hands.names_down(self.app.keyboard):
                self._touched = self.ticks
            self.stale = self.reactions.follow(self.match) or self.stale or self.ticks == self.reactions.last_picture
            if self.ticks > BETWEEN_GAMES and (self._enough() or not self.has_person):
                self.next()
        elif self.mode == LOADING and self.ticks % 15 == 0:
            self.stale = True

    def _advance(self, match: Match) -> None:
        """A tick of play, in a running game."""
        self.hands.tick()
        match.tick()
        self.reactions.follow(match)
        self.stale = True

    def _step(self) -> None:
        """Advance a paused match by a single step; the game's keys that are down count as held."""
        assert self.match
        self.hands.hold(self.app.keyboard)
        self.match.step()
        self.reactions.follow(self.match)
        self.stale = self._stepped = True
        if self.match.result:
            self._end(self.match)

    def _become(self, mode: str) -> None:
        """Change the mode. Keys that are down when a game begins or goes on count as held."""
        self.mode, self.ticks, self._touched, self.stale, self._stepped = mode, 0, 0, True, False
        self.is_playing = mode in (COUNTING, PLAYING)
        self.hides_mouse = self.is_playing and not self.game.spots
        self.app.point()
        self.hands.release()
        if mode == PLAYING:
            self.hands.hold(self.app.keyboard)

    # --- drawing ---

    @property
    def is_stale(self) -> bool:
        """Whether anything has changed, in the match or in the agent's eye."""
        return self.stale or bool(self.match and self.eye.is_busy)

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the match, this mode's card or banner over it, and the agent's eye beside it."""
        if self.match is None:
            leave = commands([(["escape"], self.leave_word)], self.app.button_labels)
            self.screen.loading(surface, self.ticks // 15, leave)
            return
        if self.stale:
            pads = self.hands.pads(len(self.app.pads) if self.app.pad_in_use else 0)
            self.screen.take_pads(pads, labels_of(self.is_playing, self.pad_keys))
            self.screen.hints.eye = [] if self.eye.page is None else eye_row(self.eye.next_page)
            self._draw_match(self.eye.stage(surface), self.match)
        self.eye.draw(surface, self.match, self.app.spent)

    def _draw_match(self, stage: pygame.Surface, match: Match) -> None:
        """Draw the pictures, then over them what belongs to the mode."""
        rally = self.reactions.highlights.rally_text * (not match.result)
        self.screen.draw(stage, match, self._spot, self._foot(), rally)
        if self.mode == READY:
            self.screen.card(
                stage, self.game.heading, [*ready_foot(self.leave_word, self.eye.offer), *self.reactions.sound_rows()]
            )
        elif self.mode == COUNTING:
            self.countdown.draw(stage, self.screen.boxes(stage), self.screen.text)
        elif self.mode == PAUSED and not self._is_looking:
            self.screen.card(stage, "Paused", self._paused_foot())
        elif self._shows_result:
            lines = self.reactions.highlights.lines(match)
            told = self.challenge.told_after(match) if self.challenge else ""
            self.screen.banner(stage, match, [*lines, told] if told else lines)
            if self.has_person:
                self.choices.draw(stage, self.screen.boxes(stage))
        self._label(stage, match)

    def _label(self, stage: pygame.Surface, match: Match) -> None:
        """Say in the picture what it does not show: that the match waits."""
        if self._is_looking:
            self.screen.label(stage, "Paused")

    def _paused_foot(self) -> Rows:
        return [*paused_foot(self.leave_word, self.eye.offer), *self.reactions.sound_rows()]

    @property
    def _shows_result(self) -> bool:
        """Whether the result of a game is shown, after a moment of its last picture."""
        return self.mode == OVER and self.ticks >= self.reactions.last_picture

    @property
    def _is_looking(self) -> bool:
        """Whether a pause shows the picture and no page over it: with the eye open, or after a single step."""
        return self.mode == PAUSED and (self.eye.page is not None or self._stepped)

    def _foot(self) -> Rows | None:
        """The window's keys that are shown below the picture; None: those of the game, if people play."""
        watching = self.slow or not self.people
        if self._is_looking or (self.mode == PLAYING and watching):
            return watching_foot(self.slow, self._is_looking, self.eye.offer, self.leave_word)
        return None

    # --- events ---

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events."""
        if event.type == pygame.KEYDOWN:
            self._pressed(key_of(event))
        elif event.type == pygame.KEYUP:
            self.hands.let_go(key_of(event), self.app.keyboard)
        elif event.type == pygame.KEYMAPCHANGED:
            self.screen.forget_keys()
            self.stale = True
        elif event.type == pygame.WINDOWFOCUSLOST:
            if self.is_playing and self.people:
                self._become(PAUSED)
        elif event.type == pygame.MOUSEMOTION:
            self._point(event.pos)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 3 and self.mode == PLAYING:
            self._become(PAUSED)
        if self.mode == PLAYING:
            self.hands.handle(event, self.app.surface.get_size(), self.eye.stage(self.app.surface).get_size())

    def key_at(self, position: tuple[int, int]) -> str:
        """The key whose cap is drawn at a position, on a card or below the pictures."""
        return self.screen.key_at(position)

    def pad_buttons(self, place: int) -> dict[str, str]:
        """The game's key for each button of a gamepad."""
        return self.hands.buttons(place)

    def pad_left(self) -> None:
        """Whose gamepad leaves loses nothing: the match waits."""
        if self.is_playing and self.people:
            self._become(PAUSED)

    def _pressed(self, key: Key) -> None:
        """A key goes down: the window may take it, by the page that is shown; else it is the game's."""
        command = next((command for command in self._commands if self._means(command, key)), None)
        if command:
            self.app.keyboard.serve(key)
            self._commands[command]()
            self.stale = True
        elif self.mode == PLAYING:
            self._key_in_play(key)
        elif self.mode == COUNTING:
            if key.command in ("escape", "p") and not self.hands.name(key):
                self._become(PAUSED)
        elif self.mode == OVER:
            self._key_at_the_end(key)
        else:
            self._key_on_a_page(key)

    def _change_eye(self) -> None:
        self.eye.cycle()

    def _change_pace(self) -> None:
        self.slow = not self.slow

    def _means(self, command: str, key: Key) -> bool:
        """Whether a key is this command's, by its letter or its place; in play the game's own keys are not."""
        if not self.match or (self.is_playing and self.hands.name(key)):
            return False
        return command in (key.command, key.names[0])

    def _key_in_play(self, key: Key) -> None:
        assert self.match
        name = self.hands.name(key)
        taken = [person.press(name) for person in self.match.inputs]  # in games of turns two people may share keys
        if self.game.spots and any(taken):
            self.lit = pointer_of(self.match, name) or self.lit
        if key.command in ("escape", "p") and not any(taken):
            self._become(PAUSED)
        elif self.game.spots and not any(taken) and key.command in (*WAYS, *GO):
            self.app.keyboard.serve(key)
            self._move_to_spot(key.command)
        elif self.match.person_is_out and self._at_rest(name) and key.command in (*GO, "r"):
            self.app.keyboard.serve(key)
            self.restart()

    def _key_on_a_page(self, key: Key) -> None:
        """A key on the page before a game or of a pause. A key of the game that begins it plays only as a held one."""
        begins = self.mode != LOADING and key.command in GO
        if begins or (self.mode == PAUSED and key.command in ("escape", "p")):
            self.app.keyboard.serve(key)
            self._begin()
        elif self.mode in (READY, PAUSED) and self._means(CONTROLS, key) and not self.hands.name(key):
            self.app.keyboard.serve(key)
            self.app.open(ControlsPage(self.game))
        elif self.mode == READY and self.hands.name(key):
            self._begin()
        elif self.mode == PAUSED and key.command == "r":
            self.app.keyboard.serve(key)
            self.restart()
        elif key.command == "q" or (key.command == "escape" and self.mode != PAUSED):
            self.app.back()
        elif self.mode == PAUSED and self._means(STEP, key):
            self.app.keyboard.serve(key)
            self._step()
        elif self.mode == PAUSED and self.match and (name := self.hands.name(key)):
            for person in self.match.inputs:
                person.press(name)  # for the next single step

    def _key_at_the_end(self, key: Key) -> None:
        """A key while the last picture or the result is shown; the first that would leave it brings the result at once."""
        if not self._at_rest(self.hands.name(key)):
            return
        shown = self._shows_result
        if key.command == "q" or (key.command == "escape" and shown):
            self.app.back()
        elif key.command in (*GO, "r"):
            self.app.keyboard.serve(key)
            if not shown:
                self.ticks, self.stale = max(self.ticks, self.reactions.last_picture), True
            elif key.command == "r" or not self.has_person:
                self.next()
            else:
                self.choices.command("confirm")
        elif shown and (command := command_of(key)):
            self.choices.command(command)
            self.stale = True

    def _at_rest(self, name: str) -> bool:
        """Whether a key may end a result: one of the game (`name`) only after a pause, as people may still be pressing it."""
        at_rest = not name or self.ticks - self._touched >= CALM
        if name:
            self._touched = self.ticks
        return at_rest

    @property
    def _spot(self) -> Pointer | None:
        """The spot that is lit, if a person may choose it now."""
        if self.mode != PLAYING or not self.match or not self.lit or not may_choose(self.match, self.lit):
            return None
        return self.lit

    def _move_to_spot(self, command: str) -> None:
        """Arrows go from spot to spot, and return chooses the one that is lit."""
        assert self.match
        if command not in WAYS:
            self._choose_spot()
            return
        self.lit = next_spot(self.match, self._stage_size, self.lit, command) or self.lit
        self.stale = True

    def _choose_spot(self) -> None:
        """A person plays the spot that is lit, if one may."""
        if (spot := self._spot) and self.match:
            board = self.match.boards[spot.board]
            for seat, person in board.inputs.items():
                if board.may(seat, spot.action):
                    person.choose(spot.action)
                    break

    @property
    def _stage_size(self) -> tuple[int, int]:
        """The size of the game's part of the window, pixels."""
        return self.eye.stage(self.app.surface).get_size()

    def _point(self, position: tuple[int, int]) -> None:
        """The mouse has moved, or clicks: alone then it lights a spot, wherever the layout moves the pictures."""
        self.stale = True
        if self.match and self.game.spots:
            self.lit = pointer_at(self.match, self._stage_size, position)
        if self.mode == OVER:
            self.choices.point(position)

    def _click(self, position: tuple[int, int]) -> None:
        if self.mode in (READY, PAUSED):
            self._begin()
        elif self.mode == OVER:
            if self.ticks >= self.reactions.last_picture + CALM:
                self.choices.click(position)
        elif self.mode == PLAYING:
            self._point(position)
            self._choose_spot()
