"""The animated picture of README: one agent before training and after half a minute of it, in the same game against the bot.

    python train.py pong --seed 1 --set eval_every=60000 --set eval_games=50 --set gif=false --name before-after
    python docs/make_pictures.py runs/pong/before-after docs/pong.gif

Left plays the run's first checkpoint, right its last one that took no more than 30 seconds of training. The seconds that
the picture names are the run's own: collecting and learning, without its start and without its evaluations.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, where `games` and `agents` are

import numpy as np
import pygame
from PIL import Image

import games
from agents.play.agent import Agent
from games.core import TICKS_PER_SECOND
from games.engine.batch import EXTERNAL, RUNNING, Batch
from games.render.renderer import DARK, Painter, Trail

SIDE, GAP, HEAD = 240, 10, 46  # pixels: a picture, what is between the two, and the strip above them
TICKS = 2  # of the game between two pictures: 30 a second
DELAYS = (30, 30, 40)  # milliseconds: a GIF counts in hundredths of a second
SECONDS = 9.0
COLOURS, CLEAR = 64, 127  # of the GIF's palette, and the one that stands for what is transparent
PAPER, INK, FAINT = (11, 15, 30), (226, 232, 245), (140, 152, 184)
SEED = 2  # of the game that both play
LIMIT = 30.0  # seconds of training


def checkpoints(run: Path) -> list[tuple[float, Path]]:
    """Seconds of training and file of a run's checkpoints, in order."""
    spent, at = 0.0, {}
    for line in (run / "progress.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if "perf/iteration_seconds" in row:
            spent += row["perf/iteration_seconds"]
            at[row["step"]] = spent
    return [(at[int(file.stem.removeprefix("step-"))], file) for file in sorted((run / "checkpoints").glob("step-*"))]


class Side:
    """One of the two games, as it is played and painted."""

    def __init__(self, game, agent: Agent, title: str):
        self.game, self.title = game, title
        self.batch = Batch(game, 1, SEED, bots=[EXTERNAL, 0.5])
        self.player = agent.player(self.batch, np.array([[0, 0]]))
        self.painter, self.trail = Painter(game), Trail()
        self.actions = np.zeros(self.batch.rewards.shape, np.int64)
        self.over = False

    def go_on(self) -> None:
        """One tick; after the game's end, none."""
        if self.over:
            return
        if self.batch.asked[0, 0]:
            self.player.act(self.actions)
        self.batch.step(self.actions, max_ticks=1)
        self.over = self.batch.end[0] != RUNNING

    def paint(self, surface: pygame.Surface, left: int, fonts: tuple[pygame.font.Font, pygame.font.Font]) -> None:
        frame = self.painter.frame(self.batch, final=self.over)
        self.trail.add(frame)
        self.painter.paint(surface.subsurface((left, HEAD, SIDE, SIDE)), frame, DARK, trail=self.trail)
        mine, _, bots = self.game.hud(self.batch.record(0, final=self.over))
        title, numbers = fonts
        words = title.render(self.title, True, INK)
        surface.blit(words, (left + (SIDE - words.get_width()) // 2, 5))
        for text, colour, centre in ((f"agent {mine}", DARK.colour(4), 0.25), (f"bot {bots}", DARK.colour(8), 0.75)):
            drawn = numbers.render(text, True, colour)
            surface.blit(drawn, (left + int(SIDE * centre) - drawn.get_width() // 2, 26))


def film(run: Path) -> list[Image.Image]:
    game = games.load("pong")
    found = checkpoints(run)
    (early, first), (late, last) = found[0], [one for one in found if one[0] <= LIMIT][-1]
    print(f"{first.name}: {early:.1f} s; {last.name}: {late:.1f} s of training")
    pygame.font.init()
    fonts = pygame.font.Font(None, 22), pygame.font.Font(None, 20)
    sides = [
        Side(game, Agent.load(first, game), f"after {early:.0f} s of training"),
        Side(game, Agent.load(last, game), f"after {late:.0f} s"),
    ]
    canvas = pygame.Surface((2 * SIDE + GAP, HEAD + SIDE), 0, 32)
    pictures = []
    for number in range(int(SECONDS * TICKS_PER_SECOND / TICKS)):
        canvas.fill(PAPER)
        for k, side in enumerate(sides):
            for _ in range(TICKS if number else 0):
                side.go_on()
            side.paint(canvas, k * (SIDE + GAP), fonts)
        pictures.append(Image.frombytes("RGB", canvas.get_size(), pygame.image.tobytes(canvas, "RGB")))
    return pictures


def save(pictures: list[Image.Image], path: Path) -> None:
    """One palette for all and no dithering; what has not changed since the picture before is transparent: that packs best."""
    sample = Image.new("RGB", (pictures[0].width, pictures[0].height * 8))
    for k in range(8):
        sample.paste(pictures[k * (len(pictures) - 1) // 7], (0, k * pictures[0].height))
    palette = sample.quantize(COLOURS, Image.Quantize.MEDIANCUT)
    shown = [np.asarray(one.quantize(palette=palette, dither=Image.Dither.NONE)) for one in pictures]
    frames = []
    for k, indices in enumerate(shown):
        changed = indices if k == 0 else np.where(indices == shown[k - 1], CLEAR, indices)
        frames.append(Image.fromarray(changed.astype(np.uint8), "P"))
        frames[-1].putpalette(palette.getpalette())
    delays = [DELAYS[k % len(DELAYS)] for k in range(len(frames))]
    options = {"transparency": CLEAR, "disposal": 1, "optimize": False}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=delays, loop=0, **options)
    print(f"{path}: {len(frames)} pictures of {frames[0].width} × {frames[0].height}, {path.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    save(film(Path(sys.argv[1])), Path(sys.argv[2]))
