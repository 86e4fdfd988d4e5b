"""The content of the window: pictures, score, and the cards over them. It draws a match and changes nothing in it."""

import dataclasses

import numpy as np
import pygame

from games.core import BALL, ME, OTHER, WORLD
from games.engine.keys import keys_of
from games.engine.loader import Game
from games.render.motion import Glide, Trail
from games.render.renderer import DARK, USED, Painter, Theme, backdrop, bounds
from games.render.text import Colour
from ui.foot import LAST_FOOT, OUT_FOOT, OVER_FOOT, PLAYING_FOOT, Rows
from ui.keys import command_label, label
from ui.layout import CARD, CORNER, FAINT, FOOTER, GROUND_BOTTOM, GROUND_TOP, LINE, SOFT, WHITE, layout
from ui.match import Board, Match, between
from ui.pointer import Pointer
from ui.seats import Seat, action_numbers, key_map, spot_rect
from ui.text import KeyCapRenderer

BAND = 0.26  # height of a result's band, in units of a picture's side
BAND_PLACES = (0.5 - 0.5 * BAND, 0.06, 0.94 - BAND)  # of its upper edge: centred, above or below


def other_side(theme: Theme) -> Theme:
    """The theme with the colours of `me` and `other` exchanged, for the rival's picture in a race."""
    colours = list(theme.colours)
    colours[ME : ME + 4], colours[OTHER : OTHER + 4] = colours[OTHER : OTHER + 4], colours[ME : ME + 4]
    return dataclasses.replace(theme, colours=tuple(colours))


def _covered(frame: np.void, upper: float, lower: float) -> float:
    """The number of players and balls of a frame that lie between two heights (world units), with fractions for parts."""
    hidden = 0.0
    for row in range(min(int(frame["count"]), len(frame["kind"]))):
        kind, code = int(frame["kind"][row]), int(frame["code"][row])
        if kind in USED and code // 4 in (ME // 4, OTHER // 4, BALL // 4):
            _, top, _, bottom = bounds(kind, tuple(frame["xy"][row][: USED[kind]].tolist()))
            hidden += max(min(bottom, lower) - max(top, upper), 0.0) / max(bottom - top, 1e-9)
    return hidden


def commands(rows: Rows) -> Rows:
    """The window's own keys and their meanings, as the user's keyboard has them."""
    return [([command_label(key) if len(key) == 1 else key for key in keys], meaning) for keys, meaning in rows]


def drawn(match: Match) -> str:
    """The words beside the games won that count those which nobody won; empty if there are none."""
    return f", {match.draws} drawn" if match.draws else ""


def best_so_far(match: Match, flipped: bool = False) -> tuple[str, str]:
    """The best returns where nobody can win, a shared one once, as the picture has the seats; and a word for them."""
    best = match.best[:1] if match.game.rewards == "shared" else match.best[:: -1 if flipped else 1]
    return " – ".join(f"{each:g}" for each in best), "best" if match.points else "best return"


class Screen:
    """Draws a match into a window of any size."""

    def __init__(self, game: Game, seats: list[Seat], effects: bool = True):
        self.game, self.seats, self.effects = game, seats, effects
        self.painter = Painter(game)
        self.text = KeyCapRenderer()
        self.people = [k for k, seat in enumerate(seats) if seat.kind == "human"]
        self.pictures = 2 if game.players == 1 and len(seats) == 2 else 1
        self.themes = [DARK, other_side(DARK)]
        self.trails = [Trail() for _ in range(self.pictures)]
        self.glides = [Glide() for _ in range(self.pictures)]
        self._shown: list[np.ndarray | None] = [None] * self.pictures  # the frames that the window shows
        self._plates: dict[tuple, pygame.Surface] = {}  # painted parts, by what they show
        self._veil: pygame.Surface | None = None  # the dimmed picture behind a card

    def forget_keys(self) -> None:
        """Draw all keys again: the user's layout has changed."""
        self._plates.clear()

    # --- the match ---

    def draw(self, surface: pygame.Surface, match: Match, pointer: Pointer | None = None, foot: Rows | None = None) -> None:
        """Draw the pictures and the score. foot: the keys below them, in place of those of the game."""
        self._veil = None
        surface.blit(self._ground(surface.get_size()), (0, 0))
        for k, (box, board) in enumerate(zip(self._boxes(surface), match.boards, strict=True)):
            self._picture(surface, box, board, k, pointer)
            self._header(surface, box, match, board, k)
            if match.race and board.done and not match.result:
                self._finished(surface, box, board)
        if foot or (self.people and not match.result):
            self._foot(surface, foot or (OUT_FOOT if match.person_is_out else None))

    def _boxes(self, surface: pygame.Surface) -> list[pygame.Rect]:
        return layout(surface.get_size(), self.pictures)

    def _ground(self, size: tuple[int, int]) -> pygame.Surface:
        key = ("ground", size)
        if key not in self._plates:
            self._plates = {key: backdrop(size, GROUND_TOP, GROUND_BOTTOM)}  # a new window size: all other parts are stale
        return self._plates[key]

    def _picture(self, surface: pygame.Surface, box: pygame.Rect, board: Board, k: int, pointer: Pointer | None) -> None:
        visible = box.clip(surface.get_rect())
        if visible != box:  # the window is smaller than the smallest picture
            return
        frame = self.painter.frame(board.batch, 0, board.viewpoint, final=board.done)
        if self.game.turns:
            frame = self.glides[k].between(frame, int(board.batch.episode[0]) - int(board.done))
        self.trails[k].add(frame)
        self._shown[k] = frame
        self.painter.paint(surface.subsurface(box), frame, self.themes[k], self.effects, trail=self.trails[k])
        if pointer and pointer.board == k:
            self._highlight(surface, box, board, pointer.action)
        surface.blit(self._frame(box.w), box)

    def _highlight(self, surface: pygame.Surface, box: pygame.Rect, board: Board, action: int) -> None:
        scale = box.w / WORLD
        x, y, w, h = (v * scale for v in spot_rect(self.game, action, board.flipped))
        light = pygame.Surface((round(w), round(h)), pygame.SRCALPHA, 32)
        pygame.draw.rect(light, (150, 190, 255, 34), light.get_rect(), border_radius=round(scale))
        pygame.draw.rect(
            light, (150, 190, 255, 90), light.get_rect(), width=max(round(0.2 * scale), 1), border_radius=round(scale)
        )
        surface.blit(light, (box.x + round(x), box.y + round(y)))

    def _frame(self, side: int) -> pygame.Surface:
        """A thin line around a picture and round corners in the window's colour; the rest is transparent."""
        key = ("frame", side)
        if key not in self._plates:
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
            self._plates[key] = frame
        return self._plates[key]

    # --- the score ---

    def _colour(self, participant: int) -> Colour:
        """The colour of a participant in the pictures."""
        me = self.people[0] if len(self.people) == 1 else 0
        return DARK.colour(ME if participant == me else OTHER)

    def _header(self, surface: pygame.Surface, box: pygame.Rect, match: Match, board: Board, k: int) -> None:
        """Draw the names, the games won so far between them, and the game's own texts below."""
        side = box.w
        row1, row2 = box.y - 0.103 * side, box.y - 0.046 * side
        left, centre, right = board.texts()
        if self.pictures == 2:
            self._name(surface, k, (box.x, row1), side, "midleft", 0.6 * side)
            self._tally(surface, str(match.wins[k]), f"won{drawn(match)}", (box.right, row1), side, "midright")
        elif len(self.seats) == 1:
            self._name(surface, 0, (box.x, row1), side, "midleft", 0.6 * side)
            if match.best:
                self._tally(surface, *best_so_far(match), (box.right, row1), side, "midright")
        else:
            first, second = (1, 0) if board.flipped else (0, 1)
            self._name(surface, first, (box.x, row1), side, "midleft", 0.38 * side)
            self._name(surface, second, (box.right, row1), side, "midright", 0.38 * side)
            if match.played:
                score = f"{match.wins[first]} – {match.wins[second]}", f"games{drawn(match)}"
                told = score if match.contest else best_so_far(match, board.flipped)
                self._tally(surface, *told, (box.centerx, row1), side, "center")
        if not centre and board.waits_for_person:
            centre = self._whose_turn(board, told=bool(left or right))
        for text, anchor, x in ((left, "midleft", box.x), (centre, "center", box.centerx), (right, "midright", box.right)):
            short = len(text) <= 3
            size = self.text.fit(text, (0.088 if short else 0.05) * side, 0.4 * side)
            bright = anchor != "center" or (self.game.rewards == "shared" and text == f"{board.returns[0]:g}")
            self.text.put(surface, text, size, WHITE if bright else SOFT, (x, row2), anchor)

    def _whose_turn(self, board: Board, told: bool) -> str:
        """The text that names the person to move. told: the game's own texts say it already."""
        if len(self.people) == 1:
            return "Your turn"
        movers = [self.seats[k].name for k in self.people if board.batch.asked[0, k]]
        return "" if told or not movers else f"{' and '.join(movers)} to move"

    def _name(self, surface, participant: int, at: tuple[float, float], side: int, anchor: str, width: float) -> None:
        size = 0.042 * side
        colour = self._colour(participant)
        text = self.text.shorten(self.seats[participant].name, size, width - 1.2 * size)
        dot = 0.21 * size
        step = 0.72 * size
        x, y = at
        if anchor == "midleft":
            pygame.draw.aacircle(surface, colour, (x + dot + 1, y - 1), dot)
            self.text.put(surface, text, size, SOFT, (x + step, y), anchor)
        else:
            pygame.draw.aacircle(surface, colour, (x - dot - 1, y - 1), dot)
            self.text.put(surface, text, size, SOFT, (x - step, y), anchor)

    def _tally(self, surface, number: str, label: str, at: tuple[float, float], side: int, anchor: str) -> None:
        size = 0.036 * side
        number_picture, label_picture = self.text.render(number, size, SOFT), self.text.render(label, size, FAINT)
        wide = number_picture.get_width() + 0.4 * size + label_picture.get_width()
        x = at[0] - (wide if anchor == "midright" else 0.5 * wide)
        surface.blit(label_picture, label_picture.get_rect(midleft=(round(x), round(at[1]))))
        surface.blit(number_picture, number_picture.get_rect(midright=(round(x + wide), round(at[1]))))

    def _foot(self, surface: pygame.Surface, rows: Rows | None) -> None:
        """Draw the keys and their meanings below the pictures. rows: (keys, meaning) pairs; None: the keys of the game."""
        boxes = self._boxes(surface)
        side = boxes[0].w
        key = ("foot", side, rows and tuple(meaning for _, meaning in rows))
        if key not in self._plates:
            strip = pygame.Surface((boxes[-1].right - boxes[0].x, round(FOOTER * side)), pygame.SRCALPHA, 32)
            if rows:
                rows, size = commands(rows), 0.024 * side
                size *= min(1.0, strip.get_width() / self._caps_width(rows, size))
                begin = 0.5 * (strip.get_width() - self._caps_width(rows, size))
                self._caps_row(strip, rows, size, (begin, strip.get_height() / 2))
            else:
                self._fill_hints(strip, 0.021 * side)
            self._plates[key] = strip
        strip = self._plates[key]
        centre = boxes[0].bottom + 0.5 * FOOTER * side
        surface.blit(strip, (boxes[0].x, round(centre - strip.get_height() / 2)))

    def _fill_hints(self, strip: pygame.Surface, size: float) -> None:
        """Draw the keys of the people who play, a line for each of two people."""
        centre, right = strip.get_height() / 2, strip.get_width() - self._caps_width(PLAYING_FOOT, size)
        self._caps_row(strip, PLAYING_FOOT, size, (right, centre))
        lines = self._key_lines()
        size *= 1.0 if len(lines) == 1 else 0.92
        for k, (person, rows) in enumerate(lines):
            y = centre + (k - 0.5 * (len(lines) - 1)) * 1.75 * size
            begin = self._whose(strip, person, size, y) if len(lines) > 1 else 0.0
            fitting = size * min(1.0, (right - begin - size) / max(self._caps_width(rows, size), 1.0))
            self._caps_row(strip, rows, fitting, (begin, y))

    def _whose(self, strip: pygame.Surface, person: int, size: float, y: float) -> float:
        """Draw the name before a person's keys; returns the x at which the keys begin, the same for both people."""
        size *= 1.1
        pygame.draw.aacircle(strip, self._colour(person), (0.3 * size, y - 1), 0.26 * size)
        self.text.put(strip, self.text.shorten(self.seats[person].name, size, 9 * size), size, SOFT, (0.9 * size, y), "midleft")
        widest = max(self.text.width(self.seats[k].name, size) for k in self.people)
        return 0.9 * size + min(widest, 9 * size) + 1.2 * size

    def _key_lines(self) -> list[tuple[int, Rows]]:
        """Each person with their keys' meanings; a single line if two people share the same keys."""
        lines = [(person, self._key_rows(person)) for person in self.people]
        return lines[:1] if len(lines) == 2 and lines[0][1] == lines[1][1] else lines

    def _key_rows(self, person: int) -> Rows:
        """The meanings of a person's keys: (keys, action) pairs."""
        names = {number: name for name, number in action_numbers(self.game).items()}
        seat = 0 if self.game.players == 1 else person
        rows: dict[str, list[str]] = {}
        keys = key_map(self.game, seat, len(self.people) == 1)
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
        return [*telling, (named, "choose")] if named else telling

    # --- cards and banners ---

    def _finished(self, surface: pygame.Surface, box: pygame.Rect, board: Board) -> None:
        """Draw a label across a board of a race that is done while the other is not."""
        size = 0.055 * box.w
        text = f"Finished with {'' if board.points else 'return '}{board.returns[0]:g}"
        pill = pygame.Surface((round(self.text.width(text, size) + 2.4 * size), round(2.4 * size)), pygame.SRCALPHA, 32)
        corner = pill.get_height() // 2
        pygame.draw.rect(pill, (8, 11, 24, 225), pill.get_rect(), border_radius=corner)
        pygame.draw.rect(pill, (*LINE, 255), pill.get_rect(), width=1, border_radius=corner)
        surface.blit(pill, pill.get_rect(center=box.center))
        self.text.put(surface, text, size, WHITE, box.center, "center")

    def banner(self, surface: pygame.Surface, match: Match, last: bool = False) -> None:
        """Draw the game's result across the pictures. last: no game follows."""
        result = match.result
        assert result
        boxes = self._boxes(surface)
        area = boxes[0].unionall(boxes[1:])
        side = boxes[0].w
        high = round(BAND * side)
        colour = SOFT if result.winner is None else self._colour(result.winner)
        veil = pygame.Surface((side, side), pygame.SRCALPHA, 32)
        veil.fill((6, 8, 18, 90))
        for box in boxes:
            surface.blit(veil, box)
            surface.blit(self._frame(side), box)
        band = pygame.Surface((area.w, high), pygame.SRCALPHA, 32)
        band.fill((8, 11, 24, 222))
        for y in (0, high - 2):
            band.fill((*colour, 150), (0, y, area.w, 2))
        x, y = area.centerx, area.y + round(self._band_place() * side)
        surface.blit(band, (area.x, y))
        headline, detail = self._verdict(match)
        size = self.text.fit(headline, 0.15 * side, 0.9 * area.w)
        self._glowing(surface, headline, size, colour, (x, y + 0.105 * side))
        size, below = self.text.fit(detail, 0.05 * side, 0.9 * area.w), (x, y + 0.205 * side)
        if parts := self._return_parts(match):
            self._put_parts(surface, parts, size, below)
        else:
            self.text.put(surface, detail, size, SOFT, below, "center")
        if self.people:
            self._foot(surface, LAST_FOOT if last else OVER_FOOT)

    def _band_place(self) -> float:
        """The place at which a result's band hides the least of players and balls: its upper edge, in units of a picture."""
        hidden = []
        for top in BAND_PLACES:
            upper, lower = top * WORLD, (top + BAND) * WORLD
            hidden.append(sum(_covered(frame[0], upper, lower) for frame in self._shown if frame is not None))
        return BAND_PLACES[int(np.argmin(hidden))]  # if equal, the centre

    def _verdict(self, match: Match) -> tuple[str, str]:
        """The headline and the detail of a game's result."""
        result = match.result
        assert result
        if not match.contest:
            if parts := self._return_parts(match):
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
        rated = [seat.adaptive.about_person for seat in self.seats if seat.adaptive]
        detail = "   ".join(part for part in (numbers, late, *rated) if part)
        if result.winner is None:
            return "Draw", detail
        name = self.seats[result.winner].name
        return ("You win" if name == "You" else f"{name} wins"), detail

    def _return_parts(self, match: Match) -> list[tuple[str, Colour]]:
        """The detail of a result where each of two earns its own: (text, colour) parts; none where it is told otherwise."""
        if match.game.rewards != "own" or match.result is None:
            return []
        flipped, parts = match.boards[0].flipped, []
        for k in (1, 0) if flipped else (0, 1):
            score = f"{'' if match.points else 'return '}{match.result.returns[k]:g}"
            parts += [(self.seats[k].name, self._colour(k)), (f"  {score}", WHITE), (" " * 7, WHITE)]
        return parts[:-1] if match.played < 2 else [*parts, (f"best {best_so_far(match, flipped)[0]}", SOFT)]

    def _put_parts(self, surface: pygame.Surface, parts: list[tuple[str, Colour]], size: float, centre: tuple[float, float]):
        """Draw texts of several colours in a row."""
        x = centre[0] - 0.5 * sum(self.text.width(text, size) for text, _ in parts)
        for text, colour in parts:
            self.text.put(surface, text, size, colour, (x, centre[1]), "midleft")
            x += self.text.width(text, size)

    def _glowing(self, surface: pygame.Surface, text: str, size: float, colour: Colour, centre: tuple[float, float]) -> None:
        """Draw a headline with a glow of its own colour."""
        key = ("glow", text, int(size), colour)
        picture = self.text.render(text, size, colour)
        if key not in self._plates:
            pad = round(size * 0.5)
            wide, high = picture.get_width() + 2 * pad, picture.get_height() + 2 * pad
            glow = pygame.Surface((wide, high), 0, 32)
            glow.blit(picture, (pad, pad))
            small = pygame.transform.smoothscale(glow, (max(wide // 4, 1), max(high // 4, 1)))
            small = pygame.transform.gaussian_blur(small, max(round(size * 0.05), 1))
            small.fill((120, 120, 120), special_flags=pygame.BLEND_RGB_MULT)
            self._plates[key] = pygame.transform.smoothscale(small, (wide, high))
        glow = self._plates[key]
        surface.blit(glow, glow.get_rect(center=(round(centre[0]), round(centre[1]))), special_flags=pygame.BLEND_RGB_ADD)
        surface.blit(picture, picture.get_rect(center=(round(centre[0]), round(centre[1]))))

    def _caps_width(self, rows: Rows, size: float) -> float:
        return self._caps_row(None, rows, size, (0.0, 0.0))

    def _caps_row(self, surface: pygame.Surface | None, rows: Rows, size: float, at: tuple[float, float]) -> float:
        """Draw keys and their meanings side by side; returns the x of the end. Without a surface: only measure."""
        x, y = at
        end = x
        for keys, meaning in rows:
            end = self.text.caps(surface, keys, meaning, size, (x, y))
            x = end + 1.6 * size
        return end

    def card(self, surface: pygame.Surface, title: str, foot: Rows) -> None:
        """Draw a page over the dimmed match: title, participants, the game's rules, everybody's keys, and the window's keys."""
        self._dim(surface)
        width, height = surface.get_size()
        unit = min(width / 34.0, height / 30.0, 26.0)
        for _ in range(12):  # until it fits
            page = pygame.Surface((round(min(width - 2 * unit, 31 * unit)), height * 2), pygame.SRCALPHA, 32)
            used = self._page(page, unit, title, foot)
            if used <= height - unit:
                break
            unit *= 0.9
        box = pygame.Rect(0, 0, page.get_width(), round(used))
        box.center = (width // 2, height // 2)
        panel = pygame.Surface(box.size, pygame.SRCALPHA, 32)
        pygame.draw.rect(panel, (*CARD, 235), panel.get_rect(), border_radius=round(unit * 0.8))
        pygame.draw.rect(panel, (*LINE, 255), panel.get_rect(), width=1, border_radius=round(unit * 0.8))
        surface.blit(panel, box)
        surface.blit(page, box, pygame.Rect(0, 0, *box.size))

    def _dim(self, surface: pygame.Surface) -> None:
        """Blur and darken the window's content; the result is kept until the match is drawn again."""
        if self._veil is None or self._veil.get_size() != surface.get_size():
            width, height = surface.get_size()
            small = pygame.transform.smoothscale(surface, (max(width // 4, 1), max(height // 4, 1)))
            small = pygame.transform.box_blur(small, 2)
            small.fill((140, 144, 160), special_flags=pygame.BLEND_RGB_MULT)
            self._veil = pygame.transform.smoothscale(small, (width, height))
        surface.blit(self._veil, (0, 0))

    def _page(self, page: pygame.Surface, unit: float, title: str, foot: Rows) -> float:
        """Draw a card's text; returns its height."""
        pad = 1.8 * unit
        inner = page.get_width() - 2 * pad
        y = pad
        self.text.put(page, title, 2.9 * unit, WHITE, (pad, y))
        y += 3.0 * unit
        y = self._who(page, unit, pad, y)
        y = self._about(page, unit, pad, y, inner) + 0.9 * unit
        page.fill((*LINE, 255), (pad, y, inner, 1))
        y = self._rules(page, unit, pad, y + 0.9 * unit, inner)
        if self.people:
            y = self._keys(page, unit, pad, y + 0.5 * unit)
        page.fill((*LINE, 255), (pad, y + 0.4 * unit, inner, 1))
        y += 1.9 * unit
        x = pad
        for keys, meaning in commands(foot):
            if x > pad and self.text.caps(None, keys, meaning, 0.92 * unit, (x, y)) > pad + inner:
                x, y = pad, y + 2.0 * unit
            x = self.text.caps(page, keys, meaning, 0.92 * unit, (x, y)) + 1.3 * unit
        return y + 0.75 * unit + 0.6 * pad

    def _who(self, page: pygame.Surface, unit: float, x: float, y: float) -> float:
        """Draw the participants' names, each after a dot of their colour."""
        centre = y + 0.7 * unit
        for k, seat in enumerate(self.seats):
            if k:
                x = self.text.put(page, between(self.game), 1.3 * unit, FAINT, (x, centre), "midleft").right + 0.6 * unit
            pygame.draw.aacircle(page, self._colour(k), (x + 0.32 * unit, centre - 1), 0.32 * unit)
            x = self.text.put(page, seat.name, 1.35 * unit, SOFT, (x + 0.95 * unit, centre), "midleft").right + 0.6 * unit
        return y + 1.4 * unit

    def _about(self, page: pygame.Surface, unit: float, x: float, y: float, width: float) -> float:
        """Draw a line about each agent: its path and rating."""
        told = [seat for seat in self.seats if seat.about]
        for seat in told:
            text = seat.about if len(told) == 1 else f"{seat.name}: {seat.about}"
            self.text.put(page, text, self.text.fit(text, 1.15 * unit, width), FAINT, (x, y + 0.3 * unit))
            y += 1.5 * unit
        return y

    def _rules(self, page: pygame.Surface, unit: float, x: float, y: float, width: float) -> float:
        """Draw the game's docstring: the rule, then `Reward: …` and `End: …` with the labels in a column of their own."""
        size = 1.35 * unit
        for line in self.game.doc.splitlines():
            label, colon, rest = line.partition(": ")
            labelled = bool(colon) and label.isalpha() and label[0].isupper()
            indent = 4.4 * unit if labelled else 0.0
            if labelled:
                self.text.put(page, label, size, FAINT, (x, y))
            for part in self.text.wrap(rest if labelled else line, size, width - indent):
                self.text.put(page, part, size, SOFT, (x + indent, y))
                y += 1.25 * size
            y += 0.3 * size
        return y

    def _keys(self, page: pygame.Surface, unit: float, x: float, y: float) -> float:
        """Draw everybody's keys, a line for each person."""
        right = page.get_width() - x
        for person in self.people:
            rows = self._key_rows(person)
            if self.game.spots:
                rows = [*rows, (["Mouse"], "click")] if person == self.people[0] else rows
            at = x
            if len(self.people) > 1:
                name = f"{self.seats[person].name}:"
                at = self.text.put(page, name, 1.3 * unit, self._colour(person), (x, y + 0.9 * unit), "midleft").right + unit
            begin = at
            for keys, meaning in rows:
                if at > begin and self.text.caps(None, keys, meaning, 0.92 * unit, (at, y)) > right:
                    at, y = begin, y + 2.1 * unit
                at = self.text.caps(page, keys, meaning, 0.92 * unit, (at, y + 0.9 * unit)) + 1.3 * unit
            y += 2.3 * unit
        return y

    def loading(self, surface: pygame.Surface, dots: int) -> None:
        """Draw the page that is shown while the game compiles and the agents load."""
        surface.blit(self._ground(surface.get_size()), (0, 0))
        box = self._boxes(surface)[0].unionall(self._boxes(surface)[1:])
        side = self._boxes(surface)[0].w
        self._glowing(surface, self.game.heading, 0.15 * side, WHITE, (box.centerx, box.centery - 0.05 * side))
        text = "Getting ready" + " ." * (dots % 4)
        wide = self.text.width("Getting ready . .", 0.045 * side)
        self.text.put(surface, text, 0.045 * side, FAINT, (box.centerx - wide / 2, box.centery + 0.07 * side), "midleft")
