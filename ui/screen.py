"""The content of a match's page: pictures, score, and the cards over them. It draws a match and changes nothing in it."""

from collections.abc import Sequence

import numpy as np
import pygame

from games.core import WORLD
from games.engine.loader import Game
from games.render.renderer import DARK, Painter
from ui.banner import Banner
from ui.board import Board
from ui.card import Card
from ui.cast import Cast, other_side
from ui.foot import OUT_FOOT, Hint, Rows
from ui.ground import ground
from ui.header import Header
from ui.key_hints import KeyHints
from ui.layout import CORNER, DARKEST, FAINT, GROUND_TOP, LINE, SOFT, WHITE, layout
from ui.match import Match, between
from ui.moments import Moment
from ui.pointer import Pointer
from ui.scene import Scene
from ui.seats import Seat, spot_rect
from ui.text import KeyCapRenderer, key_at


class Screen:
    """Draws a match into a window of any size."""

    def __init__(self, game: Game, seats: list[Seat], effects: bool = True):
        self.game = game
        self.cast = Cast(game, seats)
        self.painter = Painter(game)
        self.text = KeyCapRenderer()
        self.plates: dict[tuple, pygame.Surface] = {}  # painted parts, by what they show
        self.header, self.hints = Header(self.cast, self.text), KeyHints(self.cast, self.text, self.plates)
        self._card = Card(self.cast, self.text, self.hints)
        self._banner = Banner(self.cast, self.text, self._outline)
        themes = [DARK, other_side(DARK)][: self.cast.pictures]
        self.scenes = [Scene(game, self.painter, theme, effects) for theme in themes]

    def forget_keys(self) -> None:
        """Draw all keys again: the user's layout has changed."""
        self.plates.clear()

    def take_pads(self, pads: dict[int, dict[str, str]], labels: dict[str, str]) -> None:
        """Show gamepads' buttons in the place of keys, or keys again where there are none, as in `KeyHints`."""
        if pads != self.hints.pads:
            self.forget_keys()
        self.hints.pads, self.hints.labels = pads, labels

    def take_keys(self, game: Game) -> None:
        """Show the keys of the same game with other KEYS."""
        self.cast.game = game
        self.forget_keys()

    @property
    def shown(self) -> list[np.ndarray | None]:
        """The frames that the pictures show."""
        return [scene.frame for scene in self.scenes]

    def follow(self, match: Match) -> tuple[list[list[Moment]], bool]:
        """Go on by a tick: what happens in each picture, and whether any has changed."""
        followed = [scene.follow(board) for scene, board in zip(self.scenes, match.boards, strict=True)]
        return [moments for moments, _ in followed], any(changed for _, changed in followed)

    def boxes(self, surface: pygame.Surface) -> list[pygame.Rect]:
        """The places of the pictures."""
        return layout(surface.get_size(), self.cast.pictures)

    def card(self, surface: pygame.Surface, title: str, foot: Rows) -> None:
        """Draw a page over the dimmed match: title, participants, the game's rules, everybody's keys, and the window's keys."""
        self._card.draw(surface, title, foot)

    def banner(self, surface: pygame.Surface, match: Match, lines: Sequence[str] = ()) -> None:
        """Draw the game's result across the pictures. lines: that it has besides the score."""
        self._banner.draw(surface, self.boxes(surface), self.shown, match, lines)

    def label(self, surface: pygame.Surface, title: str, lines: Sequence[str] = ()) -> None:
        """Draw a word at the upper edge of the pictures, and lines about it."""
        boxes = self.boxes(surface)
        box, side = boxes[0].unionall(boxes[1:]), boxes[0].w
        self.text.glowing(surface, title, 0.09 * side, WHITE, (box.centerx, box.y + 0.1 * side))
        for k, line in enumerate(lines):
            self.text.put(surface, line, 0.034 * side, WHITE, (box.centerx, box.y + (0.17 + 0.05 * k) * side), "center")

    def key_at(self, position: tuple[int, int]) -> str:
        """The key whose cap is drawn at a position, on a card or below the pictures; empty if there is none."""
        return key_at([*self._card.places, *self.hints.places], position)

    def draw(
        self,
        surface: pygame.Surface,
        match: Match,
        pointer: Pointer | None = None,
        foot: Rows | None = None,
        rally: str = "",
    ) -> None:
        """Draw the pictures and the score. foot: the keys below them, in place of those of the game. rally: its length."""
        self._card.match_changed()
        self.hints.places = []
        self._lay_ground(surface)
        for k, (box, board) in enumerate(zip(self.boxes(surface), match.boards, strict=True)):
            self._picture(surface, box, board, k, pointer)
            self.header.draw(surface, box, match, board, k, rally)
            if match.race and board.done and not match.result:
                self._finished(surface, box, board)
        if foot or (self.cast.people and not match.result):
            self.hints.draw(
                surface, self.boxes(surface), foot or ([*OUT_FOOT, *self.hints.eye] if match.person_is_out else None)
            )

    def _lay_ground(self, surface: pygame.Surface) -> None:
        """Draw the window's ground; a surface that is a part of the window gets its part."""
        size, (x, y) = surface.get_abs_parent().get_size(), surface.get_abs_offset()
        key = ("ground", size, surface.get_size())
        if key not in self.plates:
            self.plates.clear()  # a new size of the window, or of its part: all others are stale
            self.plates[key] = ground(size)
        surface.blit(self.plates[key], (-x, -y))

    def _picture(self, surface: pygame.Surface, box: pygame.Rect, board: Board, k: int, pointer: Pointer | None) -> None:
        visible = box.clip(surface.get_rect())
        if visible != box:  # the window is smaller than the smallest picture
            return
        self.scenes[k].paint(surface.subsurface(box), board)
        if pointer and pointer.board == k:
            self._highlight(surface, box, board, pointer.action)
        surface.blit(self._outline(box.w), box)

    def _highlight(self, surface: pygame.Surface, box: pygame.Rect, board: Board, action: int) -> None:
        scale = box.w / WORLD
        x, y, w, h = (v * scale for v in spot_rect(self.game, action, board.flipped))
        light = pygame.Surface((round(w), round(h)), pygame.SRCALPHA, 32)
        pygame.draw.rect(light, (150, 190, 255, 34), light.get_rect(), border_radius=round(scale))
        pygame.draw.rect(
            light, (150, 190, 255, 90), light.get_rect(), width=max(round(0.2 * scale), 1), border_radius=round(scale)
        )
        surface.blit(light, (box.x + round(x), box.y + round(y)))

    def _outline(self, side: int) -> pygame.Surface:
        """A thin line around a picture and round corners in the window's colour; the rest is transparent."""
        key = ("frame", side)
        if key not in self.plates:
            big = 4  # the corners are drawn so many times larger and scaled down
            frame = pygame.Surface((side, side), pygame.SRCALPHA, 32)
            corner = max(round(CORNER * side), 3)
            corners = pygame.Surface((corner * big * 2, corner * big * 2), pygame.SRCALPHA, 32)
            corners.fill((*GROUND_TOP, 255))
            round_box = corners.get_rect()
            pygame.draw.rect(corners, (*LINE, 255), round_box, border_radius=corner * big)
            inner = round_box.inflate(-2 * big, -2 * big)
            pygame.draw.rect(corners, (*LINE, 0), inner, border_radius=(corner - 1) * big)
            small = pygame.transform.smoothscale(corners, (corner * 2, corner * 2))
            for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
                at = (x * (side - corner), y * (side - corner))
                frame.blit(small, at, pygame.Rect(x * corner, y * corner, corner, corner))
            for line in (
                (corner, 0, side - 2 * corner, 1),
                (corner, side - 1, side - 2 * corner, 1),
                (0, corner, 1, side - 2 * corner),
                (side - 1, corner, 1, side - 2 * corner),
            ):
                frame.fill(LINE, line)
            self.plates[key] = frame
        return self.plates[key]

    def _finished(self, surface: pygame.Surface, box: pygame.Rect, board: Board) -> None:
        """Draw a label across a board of a race that is done while the other is not."""
        size = 0.055 * box.w
        text = f"Finished with {'' if board.points else 'return '}{board.returns[0]:g}"
        pill = pygame.Surface((round(self.text.width(text, size) + 2.4 * size), round(2.4 * size)), pygame.SRCALPHA, 32)
        corner = pill.get_height() // 2
        pygame.draw.rect(pill, (*DARKEST, 225), pill.get_rect(), border_radius=corner)
        pygame.draw.rect(pill, (*LINE, 255), pill.get_rect(), width=1, border_radius=corner)
        surface.blit(pill, pill.get_rect(center=box.center))
        self.text.put(surface, text, size, WHITE, box.center, "center")

    def loading(self, surface: pygame.Surface, dots: int, leave: list[Hint]) -> None:
        """Draw the page that is shown while the game compiles and the agents load. leave: the key that leads back."""
        self._lay_ground(surface)
        box = self.boxes(surface)[0].unionall(self.boxes(surface)[1:])
        side = self.boxes(surface)[0].w
        self.text.glowing(surface, self.game.heading, 0.15 * side, WHITE, (box.centerx, box.centery - 0.05 * side))
        told = f" {between(self.game)} ".join(seat.name for seat in self.cast.seats)
        size = self.text.fit(told, 0.05 * side, 0.9 * surface.get_width())
        self.text.put(surface, told, size, SOFT, (box.centerx, box.centery + 0.06 * side), "center")
        text = "Getting ready" + " ." * (dots % 4)
        wide = self.text.width("Getting ready . .", 0.045 * side)
        self.text.put(surface, text, 0.045 * side, FAINT, (box.centerx - wide / 2, box.centery + 0.14 * side), "midleft")
        centre = box.centerx, box.centery + 0.24 * side
        self.hints.places = self.text.hints_centred(surface, leave, 0.03 * side, centre, surface.get_width())
