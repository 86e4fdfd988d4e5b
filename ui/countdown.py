"""`Countdown`: 3, 2, 1 before play begins or goes on, where time does not wait for people."""

import pygame

from ui.layout import WHITE
from ui.text import KeyCapRenderer

NUMBERS, EACH = 3, 30  # how many, and the ticks of each
DIM, BEHIND = 70, 215  # of 255: how dark the pictures are around it and behind it
RADIUS = 0.155  # of the ring, in units of a picture's side


class Countdown:
    """The numbers, counted by ticks. `left`: ticks until play begins; 0 while none is counted."""

    def __init__(self) -> None:
        self.left = 0

    def begin(self) -> None:
        """Count from the first number."""
        self.left = NUMBERS * EACH

    @property
    def number(self) -> int:
        """The number that is shown."""
        return -(-self.left // EACH)

    def tick(self) -> str:
        """Count a tick: the name of the sound of a number that begins now, or of the end; "" for none."""
        new = self.left % EACH == 0
        self.left = max(self.left - 1, 0)
        if self.left == 0:
            return "go"
        return "count" if new else ""

    def draw(self, surface: pygame.Surface, boxes: list[pygame.Rect], text: KeyCapRenderer) -> None:
        """Draw the number over the pictures; it comes large and settles, and a ring around it closes."""
        gone = 1.0 - (self.left - (self.number - 1) * EACH) / EACH  # of this number, 0 to 1
        settled = 1.0 - (1.0 - min(gone / 0.35, 1.0)) ** 3
        for box in boxes:
            veil = pygame.Surface(box.size, pygame.SRCALPHA, 32)
            veil.fill((6, 8, 18, DIM))
            pygame.draw.circle(veil, (6, 8, 18, BEHIND), (box.w // 2, box.h // 2), RADIUS * box.w)  # no ball in the number
            surface.blit(veil, box)
            size = round((0.34 - 0.10 * settled) * box.w / 4) * 4  # few sizes: few are kept
            text.put(surface, str(self.number), size, WHITE, box.center, "center")
            self._ring(surface, box, gone)

    def _ring(self, surface: pygame.Surface, box: pygame.Rect, gone: float) -> None:
        radius = RADIUS * box.w
        faint, bright = (52, 62, 94), (150, 168, 214)
        pygame.draw.aacircle(surface, faint, box.center, radius, max(round(0.004 * box.w), 1))
        around = pygame.Rect(0, 0, round(2 * radius), round(2 * radius))
        around.center = box.center
        whole = 2.0 * 3.14159265
        if gone < 1.0:
            pygame.draw.arc(
                surface, bright, around, 0.25 * whole, 0.25 * whole + whole * (1.0 - gone), max(round(0.006 * box.w), 2)
            )
