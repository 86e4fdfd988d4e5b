"""The agent's eye: a panel beside the game that shows a network's view, its choice, its hopes, and where it looks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pygame

from games.core import BALL, DECOR, ME, OTHER
from games.engine.loader import Game
from games.render.renderer import DARK, backdrop, surface_of
from games.render.text import Colour, TextRenderer
from ui.match import Match
from ui.screen import CARD, FAINT, FOOTER, GAP, GROUND_BOTTOM, GROUND_TOP, HEADER, LINE, MARGIN, SOFT, WHITE
from ui.seats import Seat

if TYPE_CHECKING:  # it imports torch, which loads with the first agent
    from agents.play.insight import Insight, Outlook

LIGHT = (204, 112, 255)  # where it looks: purple, which no role has
WELL = (11, 15, 30)  # behind pictures, bars and the line
BAR = (62, 82, 132)  # of an action that was not chosen
NARROWEST, WIDEST = 0.30, 0.42  # the panel, in units of the window's width
LOOKING = 0.005  # seconds of a frame for measuring where it looks, of the 0.0167 that there are
REST = 4  # frames that a painted panel stays, at least
MOST_BARS = 10  # actions that are shown at most
NO_NETWORK = "There is no network to look into here: people and bots decide without one. Let an agent play, and look again."
OTHER_KIND = "This player has no network that can be looked into: it follows rules, or was made by another program."
NOT_YET = "It has not decided yet."


@dataclass
class Page:
    """A participant into whom V looks: the board and the seat on it."""

    participant: int
    board: int
    seat: int


class Eye:
    """The panel. `page` is None while it is hidden, else the number of the participant's page."""

    def __init__(self, game: Game, seats: list[Seat], shown: bool = False):
        self.game, self.seats = game, seats
        race = game.players == 1 and len(seats) == 2
        agents = [k for k, seat in enumerate(seats) if seat.kind == "agent"]
        self.pages = [Page(k, k if race else 0, 0 if race else k) for k in agents]
        self.page: int | None = 0 if shown else None
        self.text = TextRenderer()
        self._pictures = 2 if race else 1
        self._insights: dict[int, Insight] = {}  # by participant
        self._grounds: dict[tuple[int, int], pygame.Surface] = {}
        self._plate = pygame.Surface((1, 1), 0, 32)  # the panel as it was painted last
        self._shown: tuple | None = None  # its page and size
        self._frames = 0  # since then

    def cycle(self) -> None:
        """Hidden, the first agent, the second, hidden."""
        following = 0 if self.page is None else self.page + 1
        self.page = following if following < max(len(self.pages), 1) else None

    def follow(self, match: Match) -> None:
        """Follow the agents who sit in the match now; an opponent that adapts is another after a game."""
        for page in self.pages:
            player = match.boards[page.board].player(page.seat)
            following = self._insights.get(page.participant)
            if following is None or following.player is not player:
                from agents.play.insight import Insight, can_follow  # torch has loaded with the agent

                self._insights.pop(page.participant, None)
                if can_follow(player):
                    self._insights[page.participant] = Insight(player)

    # --- the window's parts ---

    def width(self, window: tuple[int, int]) -> int:
        """The width of the panel in a window, pixels; 0 while it is hidden."""
        if self.page is None:
            return 0
        across = self._pictures + GAP * (self._pictures - 1) + 2 * MARGIN
        unused = window[0] - across * window[1] / (1.0 + HEADER + FOOTER)  # beside a game as high as the window
        return round(min(max(unused, NARROWEST * window[0]), WIDEST * window[0]))

    def widened(self, size: tuple[int, int], desktop: tuple[int, int]) -> tuple[int, int]:
        """A window's size with room for the panel beside the game, as far as the desktop has it."""
        return size if self.page is None else (max(size[0], round(min(size[0] / (1.0 - WIDEST), 0.9 * desktop[0]))), size[1])

    def stage(self, surface: pygame.Surface) -> pygame.Surface:
        """The part of the window's surface that is the game's, at its left."""
        width, height = surface.get_size()
        return surface.subsurface((0, 0, width - self.width((width, height)), height))

    def draw(self, surface: pygame.Surface, match: Match) -> None:
        """Draw the panel at the right of the window's surface, unless it is hidden."""
        self.follow(match)
        width, height = surface.get_size()
        wide = self.width((width, height))
        if self.page is None or not wide:
            return
        insight = self._insights.get(self.pages[self.page].participant) if self.pages else None
        self._frames += 1
        shown = (self.page, wide, height)
        if shown != self._shown or self._frames >= REST:
            self._shown, self._frames = shown, 0
            self._plate = pygame.Surface((wide, height), 0, 32)
            self._paint(self._plate, insight)
        elif insight:
            insight.look(LOOKING)  # in frames without painting, so that none takes long
        surface.blit(self._plate, (width - wide, 0))

    def _paint(self, panel: pygame.Surface, insight: "Insight | None") -> None:
        """Draw the panel."""
        wide, height = panel.get_size()
        panel.blit(self._ground(panel.get_size()), (0, 0))
        margin = max(round(0.03 * min(wide, height)), 2)
        card = panel.get_rect().inflate(-2 * margin, -2 * margin)
        pygame.draw.rect(panel, CARD, card, border_radius=margin)
        pygame.draw.rect(panel, LINE, card, width=1, border_radius=margin)
        beside = card.w > 0.62 * card.h  # view and choice have room side by side
        unit = max(min(card.w / 24.0, card.h / 32.0) if beside else min(card.w / 15.0, card.h / 40.0), 3.0)
        inner = card.inflate(-2.4 * unit, -2.4 * unit)
        panel.set_clip(card)
        self._content(panel, inner, unit, insight)
        panel.set_clip(None)

    def _ground(self, size: tuple[int, int]) -> pygame.Surface:
        if size not in self._grounds:
            self._grounds = {size: backdrop(size, GROUND_TOP, GROUND_BOTTOM)}
        return self._grounds[size]

    def _content(self, panel: pygame.Surface, box: pygame.Rect, unit: float, insight: "Insight | None") -> None:
        """Draw all that a page says."""
        if not self.pages or self.page is None:
            self._paragraph(panel, "The agent's eye", 1.7 * unit, WHITE, box)
            self._paragraph(panel, NO_NETWORK, 1.15 * unit, SOFT, _below(box, 3.0 * unit))
            return
        participant = self.pages[self.page].participant
        colour = self.colour(participant)
        pygame.draw.aacircle(panel, colour, (box.x + 0.45 * unit, box.y + 0.9 * unit), 0.42 * unit)
        title = self.text.shorten(f"Inside {self.seats[participant].name}", 1.7 * unit, box.w - 1.4 * unit)
        self.text.put(panel, title, 1.7 * unit, WHITE, (box.x + 1.4 * unit, box.y + 0.9 * unit), "midleft")
        box = _below(box, 2.4 * unit)
        if insight is None:
            self._paragraph(panel, OTHER_KIND, 1.15 * unit, SOFT, box)
            return
        box = self._paragraph(panel, reaction(insight), 1.0 * unit, SOFT, box)
        box = _below(box, 0.9 * unit)
        if insight.latest is None:
            self._paragraph(panel, NOT_YET, 1.15 * unit, SOFT, box)
            return
        self._parts(panel, box, unit, insight, insight.latest, colour)

    def _parts(self, panel, box: pygame.Rect, unit: float, insight: "Insight", latest: "Outlook", colour: Colour) -> None:
        """Draw the view and the choice, side by side where there is width for it, and the value below."""
        beside = box.w > 0.62 * box.h
        side = round(0.5 * box.w if beside else min(box.w, 0.36 * box.h))
        view = pygame.Rect(box.x, box.y, side if beside else box.w, box.h)
        under = self._view(panel, view, side, unit, insight, latest)
        if beside:
            left = box.x + side + round(1.3 * unit)
            choice = pygame.Rect(left, box.y, box.right - left, box.h)
        else:
            choice = _below(view, under - view.y + 0.8 * unit)
        end = self._choice(panel, choice, unit, insight, latest, colour)
        self._value(panel, _below(box, max(under, end) - box.y + 0.9 * unit), unit, insight, colour)

    def colour(self, participant: int) -> Colour:
        """The colour of a participant in the pictures, as `Screen` has it."""
        people = [k for k, seat in enumerate(self.seats) if seat.kind == "human"]
        return DARK.colour(ME if participant == (people[0] if len(people) == 1 else 0) else OTHER)

    def _paragraph(self, panel, text: str, size: float, colour: Colour, box: pygame.Rect) -> pygame.Rect:
        """Draw a text in lines; returns the rest of the box below it."""
        for line in self.text.wrap(text, size, box.w):
            self.text.put(panel, line, size, colour, box.topleft)
            box = _below(box, 1.2 * size)
        return box

    # --- what it sees ---

    def _view(self, panel, box: pygame.Rect, side: int, unit: float, insight: "Insight", latest: "Outlook") -> float:
        """Draw the newest frame and where it looks; returns the y below."""
        box = self._paragraph(panel, "What it sees", 1.1 * unit, WHITE, box)
        box = _below(box, 0.3 * unit)
        frame = pygame.Rect(box.x, box.y, side, side)
        if insight.settings.is_image:
            seen = pygame.transform.scale(_painted(latest.observation[-1]), frame.size)
            panel.blit(seen, frame)
            panel.blit(_lit(insight.attention(), frame.size), frame)
        else:
            pygame.draw.rect(panel, WELL, frame)
            self._objects(panel, frame, unit, insight, latest.observation[-1])
        pygame.draw.rect(panel, LINE, frame, width=1)
        text = "Purple is where it looks: a change there would change its choice."
        if insight.mirrored:
            text += " It sees left and right exchanged."
        return self._paragraph(panel, text, 0.9 * unit, SOFT, _below(box, side + 0.4 * unit)).y

    def _objects(self, panel, frame: pygame.Rect, unit: float, insight: "Insight", numbers: np.ndarray) -> None:
        """Draw a list of the objects it is told of: each with its colour, place and size as bars, lit where it looks."""
        parts, light = insight.parts(), insight.attention()
        present = [k for k in range(len(parts)) if numbers[parts[k]].any()]
        high = min(1.5 * unit, (frame.h - 1.6 * unit) / max(len(present), 1))
        left, wide = frame.x + 1.4 * unit, (frame.w - 1.8 * unit) / 4.0
        for column, name in enumerate(("across", "down", "width", "height")):
            self.text.put(panel, name, 0.8 * unit, FAINT, (left + (column + 0.5) * wide, frame.y + 0.8 * unit), "center")
        for row, k in enumerate(present):
            y = frame.y + 1.6 * unit + row * high
            glow = tuple(int(a + 0.55 * light[k] * (b - a)) for a, b in zip(WELL, LIGHT, strict=True))
            panel.fill(glow, (frame.x + 1, round(y), frame.w - 2, max(round(high) - 1, 1)))
            if k >= self.game.shapes:
                self.text.put(panel, "tiles", 0.8 * unit, SOFT, (left, y + 0.5 * high), "midleft")
                continue
            _, code, *values = numbers[parts[k]].tolist()
            pygame.draw.aacircle(panel, DARK.colour(round(code * 32)), (frame.x + 0.7 * unit, y + 0.5 * high), 0.3 * unit)
            for column, value in enumerate(values):
                centre = left + (column + 0.5) * wide
                bar = pygame.Rect(round(min(centre, centre + 0.45 * wide * value)), round(y + 0.3 * high), 0, 0)
                bar.size = max(round(abs(0.45 * wide * value)), 1), max(round(0.4 * high), 1)
                panel.fill(SOFT, bar)
                panel.fill(FAINT, (round(centre), round(y + 0.15 * high), 1, max(round(0.7 * high), 1)))

    # --- its choice ---

    def _choice(self, panel, box: pygame.Rect, unit: float, insight: "Insight", latest: "Outlook", colour: Colour) -> float:
        """Draw a bar for each action; returns the y below."""
        title = "How good each move seems to it" if insight.ranks_actions else "What it wants to do"
        box = _below(self._paragraph(panel, title, 1.1 * unit, WHITE, box), 0.3 * unit)
        actions = list(range(len(latest.scores)))
        if len(actions) > MOST_BARS:  # the best, in the game's order
            actions = sorted(sorted(actions, key=lambda a: (not latest.legal[a], -latest.scores[a]))[:MOST_BARS])
        names = {action: self.game.actions[action].replace("_", " ") for action in actions}
        size = 1.0 * unit
        label = min(max(self.text.width(name, size) for name in names.values()), 0.4 * box.w) + 0.6 * unit
        lengths = _lengths(insight, latest)
        number = self.text.width("+0.00" if insight.ranks_actions else "100 %", size) + 0.4 * unit
        for action in actions:
            row = pygame.Rect(box.x, box.y, box.w, round(1.35 * unit))
            legal, chosen = bool(latest.legal[action]), action == latest.action
            tone = (WHITE if chosen else SOFT) if legal else FAINT
            shown = self.text.shorten(names[action], size, label - 0.4 * unit)
            self.text.put(panel, shown, size, tone, (row.x, row.centery), "midleft")
            bar = pygame.Rect(round(row.x + label), row.y + 2, max(round(row.w - label - number), 2), row.h - 4)
            pygame.draw.rect(panel, WELL, bar, border_radius=2)
            if legal:
                text = f"{latest.scores[action]:+.2f}" if insight.ranks_actions else f"{100 * latest.probs[action]:.0f} %"
                filled = bar.copy()
                filled.w = max(round(bar.w * lengths[action]), 2)
                pygame.draw.rect(panel, colour if chosen else BAR, filled, border_radius=2)
            else:
                text = "no"
            self.text.put(panel, text, size, tone, (row.right, row.centery), "midright")
            box = _below(box, 1.5 * unit)
        return self._paragraph(
            panel, habit(insight, latest, len(self.game.actions)), 0.9 * unit, SOFT, _below(box, 0.2 * unit)
        ).y

    # --- its hopes ---

    def _value(self, panel, box: pygame.Rect, unit: float, insight: "Insight", colour: Colour) -> None:
        """Draw the value over the last seconds as a line."""
        wins = self.game.competitive
        if box.h < 5 * unit:
            return
        title = "How sure it is of winning" if wins else "How much it still expects to score"
        box = self._paragraph(panel, title, 1.1 * unit, WHITE, box)
        box = _below(box, 0.3 * unit)
        chart = pygame.Rect(box.x, box.y, box.w, min(box.h - round(1.5 * unit), round(10 * unit)))
        pygame.draw.rect(panel, WELL, chart)
        pygame.draw.rect(panel, LINE, chart, width=1)
        low, high = (-insight.largest, insight.largest) if wins or insight.values[-1][1] < 0 else (0.0, insight.largest)
        zero = chart.bottom - round(chart.h * (0.0 - low) / (high - low))
        if chart.top < zero < chart.bottom - 1:
            panel.fill(LINE, (chart.x, zero, chart.w, 1))
        top, bottom = ("winning", "losing") if wins else ("much", "nothing" if low == 0.0 else "a loss")
        self.text.put(panel, top, 0.85 * unit, FAINT, (chart.x + 0.4 * unit, chart.y + 0.2 * unit))
        self.text.put(panel, bottom, 0.85 * unit, FAINT, (chart.x + 0.4 * unit, chart.bottom - 0.2 * unit), "bottomleft")
        points = _line(insight, chart.inflate(-unit, -0.6 * unit), low, high, self.game.turns)
        if len(points) > 1:
            for shift in (0, 1):
                pygame.draw.aalines(panel, colour, False, [(x, y + shift) for x, y in points])
        pygame.draw.aacircle(panel, WHITE, points[-1], 0.28 * unit)
        foot = chart.bottom + 0.7 * unit
        before = "its earlier moves" if self.game.turns else "8 seconds ago"
        self.text.put(panel, before, 0.85 * unit, FAINT, (chart.x, foot), "midleft")
        self.text.put(panel, "now", 0.85 * unit, FAINT, (chart.right, foot), "midright")


# --- words and numbers of a page ---


def reaction(insight: "Insight") -> str:
    """How fast it reacts and whether it remembers, in words."""
    if insight.game.turns:
        text = "It has as much time as it needs: players take turns."
    elif insight.delay_ms:
        text = (
            f"It acts {insight.delay_ms:.0f} ms after it sees, and decides {insight.decisions_per_second:.0f} times a second."
        )
    else:
        text = f"It acts at once (0 ms), and decides {insight.decisions_per_second:.0f} times a second."
    return f"{text} It remembers what it saw before." if insight.settings.memory != "none" else text


def habit(insight: "Insight", latest: "Outlook", count: int) -> str:
    """How it chooses among the actions, in words."""
    settings = insight.settings
    if insight.ranks_actions:
        text = "It takes the best" + (", and now and then any other." if settings.epsilon > 0 else ".")
    else:
        text = "It takes the longest bar." if settings.temperature == 0 else "It draws lots: a longer bar is likelier."
    if not latest.legal.all():
        text += " Grey ones are not allowed now."
    return text + (f" The best {MOST_BARS} of {count} are shown." if count > MOST_BARS else "")


def _lengths(insight: "Insight", latest: "Outlook") -> np.ndarray:
    """The lengths of the actions' bars, 0 to 1: chances, or action values between the worst and the best allowed one."""
    if not insight.ranks_actions:
        return latest.probs
    allowed = latest.scores[latest.legal]
    return (0.1 + 0.9 * (latest.scores - allowed.min()) / max(float(np.ptp(allowed)), 1e-9)).clip(0.0, 1.0)


def _line(insight: "Insight", chart: pygame.Rect, low: float, high: float, turns: bool) -> list[tuple[float, float]]:
    """The values as points in a chart, now at its right edge."""
    from agents.play.insight import SECONDS, TURNS

    now, reach = insight.values[-1][0], TURNS if turns else SECONDS
    return [
        (chart.right - chart.w * (now - time) / reach, chart.bottom - chart.h * (value - low) / (high - low))
        for time, value in insight.values
    ]


def _below(box: pygame.Rect, height: float) -> pygame.Rect:
    """The rest of a box below its uppermost pixels."""
    return pygame.Rect(box.x, box.y + round(height), box.w, max(box.h - round(height), 0))


def _painted(frame: np.ndarray) -> pygame.Surface:
    """A frame of pixels [size, size] or planes [roles, size, size] as a picture of the same size, in the window's colours."""
    ground = np.array(WELL, np.float32)
    if frame.ndim == 2:
        part = frame[:, :, None].astype(np.float32) / 255.0
        picture = ground + part * (np.array(WHITE, np.float32) - ground)
        return surface_of(picture, np.ones(frame.shape))
    picture = np.broadcast_to(ground, (*frame.shape[1:], 3))
    for role in [code // 4 for code in range(ME, DECOR, 4) if code != BALL] + [BALL // 4]:  # the ball above all
        cover = frame[role - 1][:, :, None].astype(np.float32) / 255.0
        picture = picture + cover * (np.array(DARK.colour(role * 4), np.float32) - picture)
    return surface_of(picture, np.ones(frame.shape[1:]))


def _lit(attention: np.ndarray, size: tuple[int, int]) -> pygame.Surface:
    """A soft light of a size in pixels, where `attention` [size, size] is above 0."""
    light = np.broadcast_to(np.array(LIGHT, np.float32), (*attention.shape, 3))
    return pygame.transform.smoothscale(surface_of(light, 0.55 * attention), size)
