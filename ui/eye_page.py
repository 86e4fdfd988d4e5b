"""`EyePage`: what the agent's eye tells of one agent, drawn into a card of any shape."""

from typing import TYPE_CHECKING

import numpy as np
import pygame

from games.core import BALL, DECOR, ME
from games.engine.loader import Game
from games.render.palette import BAR, WELL
from games.render.renderer import DARK, Theme
from games.render.surfaces import surface_of
from games.render.text import Colour, TextRenderer
from ui.cast import dot, other_side
from ui.eye_words import LOOKS, MOST_BARS, NO_NETWORK, NOT_YET, OTHER_KIND, decimals, habit, reaction, value_words
from ui.layout import FAINT, LINE, SOFT, WHITE

if TYPE_CHECKING:  # it imports torch, which loads with the first agent
    from agents.play.insight import Insight, Outlook

LIGHT = (204, 112, 255)  # where it looks: purple, which no role has
TALL, WIDE = 0.62, 0.95  # a card's width to height: below the first all stands in a column, above the second beside the view
EARLIER = 6  # frames of a stack that are shown beside the newest, at most
LEAST_VALUE = 0.5  # the scale of the value where one of two wins, at least: a win is about 1


class EyePage:
    """Draws pages, and keeps what changes only with a decision."""

    def __init__(self, game: Game):
        self.game = game
        self.text = TextRenderer()
        self._theme = DARK  # in which the agent has the colour that the game's picture gives it
        self._lines: dict[tuple[str, int, int], list[str]] = {}  # of paragraphs
        self._frames: tuple[Outlook, list[pygame.Surface]] | None = None  # a decision's frames as pictures, newest first

    def paint_empty(self, panel: pygame.Surface, card: pygame.Rect) -> None:
        """Say that nobody here has a network."""
        unit = max(min(card.w / 15.0, card.h / 12.0, 52.0), 3.0)
        box = self._paragraph(panel, "The agent's eye", 1.7 * unit, WHITE, card.inflate(-2.4 * unit, -2.4 * unit))
        self._paragraph(panel, NO_NETWORK, 1.15 * unit, SOFT, _below(box, 0.9 * unit))

    def paint(self, panel: pygame.Surface, card: pygame.Rect, name: str, colour: Colour, insight: "Insight | None") -> None:
        """Draw the page of an agent. insight: None if it cannot be looked into."""
        self._theme = DARK if colour == DARK.colour(ME) else other_side(DARK)
        shape = card.w / card.h
        across, down = (15.0, 44.0) if shape <= TALL else (24.0, 32.0) if shape <= WIDE else (34.0, 23.0)
        unit = max(min(card.w / across, card.h / down), 3.0)
        box = card.inflate(-2.4 * unit, -2.4 * unit)
        dot(panel, colour, (box.x + 0.45 * unit, box.y + 0.9 * unit), 0.42 * unit)
        title = self.text.shorten(f"Inside {name}", 1.7 * unit, box.w - 1.4 * unit)
        self.text.put(panel, title, 1.7 * unit, WHITE, (box.x + 1.4 * unit, box.y + 0.9 * unit), "midleft")
        box = _below(box, 2.4 * unit)
        if insight is None:
            self._paragraph(panel, OTHER_KIND, 1.15 * unit, SOFT, box)
            return
        box = _below(self._paragraph(panel, reaction(insight), 1.0 * unit, SOFT, box), 0.9 * unit)
        if insight.latest is None:
            self._paragraph(panel, NOT_YET, 1.15 * unit, SOFT, box)
            return
        self._parts(panel, box, shape, unit, insight, insight.latest, colour)

    def _parts(self, panel, box, shape: float, unit: float, insight: "Insight", latest: "Outlook", colour: Colour) -> None:
        """Draw view, choice and value: below each other, or the choice beside the view, or both beside it."""
        gap = 0.9 * unit
        if shape <= TALL:
            side = round(min(box.w, 0.3 * box.h))
            choice = _below(box, self._view(panel, box, side, unit, insight, latest) - box.y + gap)
            choice.h = round(0.32 * box.h)
            under = self._choice(panel, choice, unit, insight, latest, colour)
        else:
            side = round(min(0.48 * box.w, (0.56 if shape > WIDE else 0.42) * box.h))
            left = box.x + side + round(1.3 * unit)
            seen = self._view(panel, pygame.Rect(box.x, box.y, side, box.h), side, unit, insight, latest)
            choice = pygame.Rect(left, box.y, box.right - left, round((0.58 if shape > WIDE else 0.66) * box.h))
            chosen = self._choice(panel, choice, unit, insight, latest, colour)
            under = chosen if shape > WIDE else max(seen, chosen)
        below = pygame.Rect(choice.x, box.y, choice.w, box.h) if shape > WIDE else box
        self._value(panel, _below(below, under - below.y + gap), unit, insight, colour)

    def _paragraph(self, panel, text: str, size: float, colour: Colour, box: pygame.Rect) -> pygame.Rect:
        """Draw a text in lines; returns the rest of the box below it."""
        key = (text, round(size * 8), box.w)
        if key not in self._lines:
            if len(self._lines) > 60:
                self._lines.clear()
            self._lines[key] = self.text.wrap(text, size, box.w)
        for line in self._lines[key]:
            self.text.put(panel, line, size, colour, box.topleft)
            box = _below(box, 1.2 * size)
        return box

    # --- what it sees ---

    def _view(self, panel, box: pygame.Rect, side: int, unit: float, insight: "Insight", latest: "Outlook") -> float:
        """Draw the frames it sees, and where it looks in the newest one; returns the y below."""
        box = _below(self._paragraph(panel, "What it sees", 1.1 * unit, WHITE, box), 0.3 * unit)
        frame = pygame.Rect(box.x, box.y, side, side)
        if insight.settings.is_image:
            newest, *earlier = self._pictures(latest)
            panel.blit(pygame.transform.scale(newest, frame.size), frame)
            panel.blit(_lit(insight.attention(), frame.size), frame)
            under = self._earlier(panel, frame, earlier[:EARLIER], unit)
        else:
            frame.h = self._objects(panel, frame, unit, insight, latest.observation)
            under = frame.bottom
        pygame.draw.rect(panel, LINE, frame, width=1)
        text = f"{LOOKS} It sees left and right exchanged." if insight.mirrored else LOOKS
        return self._paragraph(panel, text, 0.9 * unit, SOFT, _below(box, under - box.y + 0.4 * unit)).y

    def _pictures(self, latest: "Outlook") -> list[pygame.Surface]:
        """The frames of a decision as pictures, the newest first."""
        if self._frames is None or self._frames[0] is not latest:
            self._frames = latest, [_painted(frame, self._theme) for frame in latest.observation[::-1]]
        return self._frames[1]

    def _earlier(self, panel, frame: pygame.Rect, earlier: list[pygame.Surface], unit: float) -> float:
        """Draw the earlier frames of the stack, small, below the newest one, in the order of time; returns the y below."""
        if not earlier:
            return frame.bottom
        gap = 0.3 * unit
        label = "just before"
        wide = self.text.width(label, 0.85 * unit) + gap
        side = round(min(0.22 * frame.w, (frame.w - wide) / len(earlier) - gap))
        at = pygame.Rect(frame.x, round(frame.bottom + gap), side, side)
        for picture in reversed(earlier):
            panel.blit(pygame.transform.scale(picture, at.size), at)
            pygame.draw.rect(panel, LINE, at, width=1)
            at = at.move(round(side + gap), 0)
        self.text.put(panel, label, 0.85 * unit, FAINT, (at.x, at.centery), "midleft")
        return at.bottom

    def _objects(self, panel, frame: pygame.Rect, unit: float, insight: "Insight", stack: np.ndarray) -> int:
        """Draw a list of the objects it is told of, lit where it looks; returns the height.

        Each has its colour, bars for place and size, and ticks where it was in earlier frames.
        """
        parts, light, numbers = insight.parts(), insight.attention(), stack[-1]
        present = [k for k in range(len(parts)) if numbers[parts[k]].any()]
        high = min(1.6 * unit, (frame.h - 1.8 * unit) / max(len(present), 1))
        height = round(1.8 * unit + len(present) * high)
        panel.fill(WELL, (*frame.topleft, frame.w, height))
        left, wide = frame.x + 1.4 * unit, (frame.w - 1.8 * unit) / 4.0
        for column, name in enumerate(("across", "down", "width", "height")):
            at = left + (column + 0.5) * wide, frame.y + 0.8 * unit
            self.text.put(panel, name, self.text.fit(name, 0.8 * unit, 0.9 * wide), FAINT, at, "center")
        for row, k in enumerate(present):
            y = frame.y + 1.6 * unit + row * high
            glow = tuple(int(a + 0.55 * light[k] * (b - a)) for a, b in zip(WELL, LIGHT, strict=True))
            panel.fill(glow, (frame.x + 1, round(y), frame.w - 2, max(round(high) - 1, 1)))
            if k >= self.game.shapes:
                self.text.put(panel, "tiles", 0.8 * unit, SOFT, (left, y + 0.5 * high), "midleft")
                continue
            code = float(numbers[parts[k]][1])
            pygame.draw.aacircle(
                panel, self._theme.colour(round(code * 32)), (frame.x + 0.7 * unit, y + 0.5 * high), 0.3 * unit
            )
            for column in range(4):
                centre = left + (column + 0.5) * wide
                values = [float(each[parts[k]][2 + column]) for each in stack if each[parts[k]].any()]
                self._gauge(panel, values, centre, 0.45 * wide, pygame.Rect(0, round(y), 0, round(high)))
        return height

    def _gauge(self, panel, values: list[float], centre: float, reach: float, row: pygame.Rect) -> None:
        """Draw the last of some numbers, -1 to 1, as a bar from a centre, and the earlier ones as ticks."""
        top, high = row.y + round(0.3 * row.h), max(round(0.4 * row.h), 1)
        end = centre + reach * values[-1]
        panel.fill(SOFT, (round(min(centre, end)), top, max(round(abs(end - centre)), 1), high))
        for value in values[:-1]:
            panel.fill(FAINT, (round(centre + reach * value), top, 1, high))
        panel.fill(FAINT, (round(centre), row.y + round(0.15 * row.h), 1, max(round(0.7 * row.h), 1)))

    # --- its choice ---

    def _choice(self, panel, box: pygame.Rect, unit: float, insight: "Insight", latest: "Outlook", colour: Colour) -> float:
        """Draw a bar for each action; returns the y below."""
        title = "How good each move seems to it" if insight.ranks_actions else "What it wants to do"
        box = _below(self._paragraph(panel, title, 1.1 * unit, WHITE, box), 0.3 * unit)
        actions = list(range(len(latest.scores)))
        if len(actions) > MOST_BARS:  # the best, in the game's order
            actions = sorted(sorted(actions, key=lambda a: (not latest.legal[a], -latest.scores[a]))[:MOST_BARS])
        names = {action: self.game.actions[action].replace("_", " ") for action in actions}
        high = min(1.5 * unit, (box.h - 2.8 * unit) / len(actions))  # of a bar, and the gap below it
        size = min(1.0 * unit, 0.8 * high)
        label = min(max(self.text.width(name, size) for name in names.values()), 0.4 * box.w) + 0.6 * unit
        allowed = latest.scores[latest.legal.astype(bool)]
        places = decimals(float(allowed.max() - allowed.min()))
        number = self.text.width(f"{0:+.{places}f}" if insight.ranks_actions else "100 %", size) + 0.4 * unit
        lengths = _lengths(insight, latest)
        for k, action in enumerate(actions):
            legal, chosen = bool(latest.legal[action]), action == latest.action
            tone = (WHITE if chosen else SOFT) if legal else FAINT
            row = pygame.Rect(box.x, round(box.y + k * high), box.w, round(0.9 * high))
            shown = self.text.shorten(names[action], size, label - 0.4 * unit)
            self.text.put(panel, shown, size, tone, (row.x, row.centery), "midleft")
            bar = pygame.Rect(round(row.x + label), row.y + 1, max(round(row.w - label - number), 2), max(row.h - 2, 1))
            pygame.draw.rect(panel, WELL, bar, border_radius=2)
            text = "no"
            if legal:
                text = (
                    f"{latest.scores[action]:+.{places}f}" if insight.ranks_actions else f"{100 * latest.probs[action]:.0f} %"
                )
                filled = pygame.Rect(bar.x, bar.y, max(round(bar.w * lengths[action]), 2), bar.h)
                pygame.draw.rect(panel, colour if chosen else BAR, filled, border_radius=2)
            self.text.put(panel, text, size, tone, (row.right, row.centery), "midright")
        box = _below(box, len(actions) * high)
        told = habit(insight, latest, len(self.game.actions))
        return self._paragraph(panel, told, 0.9 * unit, SOFT, _below(box, 0.2 * unit)).y

    # --- its hopes ---

    def _value(self, panel, box: pygame.Rect, unit: float, insight: "Insight", colour: Colour) -> None:
        """Draw the value over the last seconds as a line."""
        if box.h < 5 * unit or not insight.values:
            return
        wins = self.game.competitive
        least = min(each.value for each in insight.values)
        title, top, bottom = value_words(wins, loses=least < 0.0)
        box = _below(self._paragraph(panel, title, 1.1 * unit, WHITE, box), 0.3 * unit)
        chart = pygame.Rect(box.x, box.y, box.w, min(box.h - round(1.5 * unit), round(10 * unit)))
        pygame.draw.rect(panel, WELL, chart)
        pygame.draw.rect(panel, LINE, chart, width=1)
        high = max(insight.largest, LEAST_VALUE if wins else 0.0)
        low = -high if wins or least < 0.0 else 0.0
        inner = chart.inflate(-unit, -0.6 * unit)
        zero = round(inner.bottom - inner.h * (0.0 - low) / (high - low))
        panel.fill(LINE, (chart.x, zero, chart.w, 1))
        for text, place, anchor in ((top, chart.y + 0.2 * unit, "topleft"), (bottom, chart.bottom - 0.2 * unit, "bottomleft")):
            self.text.put(panel, text, 0.85 * unit, FAINT, (chart.x + 0.4 * unit, place), anchor)
        points = _line(insight, inner, low, high, self.game.turns)
        if len(points) > 1:
            for shift in (0, 1):
                pygame.draw.aalines(panel, colour, False, [(x, y + shift) for x, y in points])
        pygame.draw.aacircle(panel, WHITE, points[-1], 0.28 * unit)
        foot = chart.bottom + 0.7 * unit
        before = "its earlier moves" if self.game.turns else "8 seconds ago"
        self.text.put(panel, before, 0.85 * unit, FAINT, (chart.x, foot), "midleft")
        self.text.put(panel, "now", 0.85 * unit, FAINT, (chart.right, foot), "midright")


def _lengths(insight: "Insight", latest: "Outlook") -> np.ndarray:
    """The lengths of the actions' bars, 0 to 1: chances, or action values between the worst and the best allowed one."""
    if not insight.ranks_actions:
        return latest.probs
    allowed = latest.scores[latest.legal]
    return (0.1 + 0.9 * (latest.scores - allowed.min()) / max(float(np.ptp(allowed)), 1e-9)).clip(0.0, 1.0)


def _line(insight: "Insight", chart: pygame.Rect, low: float, high: float, turns: bool) -> list[tuple[float, float]]:
    """The values as points in a chart, now at its right edge."""
    from agents.play.insight import SECONDS, TURNS

    now, reach = insight.values[-1].time, TURNS if turns else SECONDS
    return [
        (chart.right - chart.w * (now - each.time) / reach, chart.bottom - chart.h * (each.value - low) / (high - low))
        for each in insight.values
    ]


def _below(box: pygame.Rect, height: float) -> pygame.Rect:
    """The rest of a box below its uppermost pixels."""
    return pygame.Rect(box.x, box.y + round(height), box.w, max(box.h - round(height), 0))


def _painted(frame: np.ndarray, theme: Theme) -> pygame.Surface:
    """A frame of pixels [size, size] or planes [roles, size, size] as a picture of the same size, in the window's colours."""
    ground = np.array(WELL, np.float32)
    if frame.ndim == 2:
        part = frame[:, :, None].astype(np.float32) / 255.0
        picture = ground + part * (np.array(WHITE, np.float32) - ground)
        return surface_of(picture, np.ones(frame.shape))
    picture = np.broadcast_to(ground, (*frame.shape[1:], 3))
    for role in [code // 4 for code in range(ME, DECOR, 4) if code != BALL] + [BALL // 4]:  # the ball above all
        cover = frame[role - 1][:, :, None].astype(np.float32) / 255.0
        picture = picture + cover * (np.array(theme.colour(role * 4), np.float32) - picture)
    return surface_of(picture, np.ones(frame.shape[1:]))


def _lit(attention: np.ndarray, size: tuple[int, int]) -> pygame.Surface:
    """A soft light of a size in pixels, where `attention` [size, size] is above 0."""
    light = np.broadcast_to(np.array(LIGHT, np.float32), (*attention.shape, 3))
    return pygame.transform.smoothscale(surface_of(light, 0.6 * attention), size)
