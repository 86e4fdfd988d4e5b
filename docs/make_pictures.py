"""README's animated picture: two agents in the same game of Pong against the bot, side by side.

    python train.py pong --seed 1 --steps 1 --name untrained
    python docs/make_pictures.py runs/pong/untrained runs/pong/NAME docs/pong.gif

An agent is a run's folder or a file. What is written above each is `--before` and `--after`.
"""

import argparse
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
from games.render.motion import Trail
from games.render.renderer import DARK, Painter

SIDE, GAP, HEAD = 224, 10, 46  # pixels: a picture, what is between the two, and the strip above them
TICKS, DELAY = 3, 50  # of the game between two pictures, and as milliseconds: 20 a second
SECONDS, STANDING = 9.5, 1500  # of the game; milliseconds that the last picture stands
COLOURS, GROUND, CLEAR = 110, 20, 127  # of the GIF's palette; of them the ground's; the one that means transparent
PAPER, INK, FAINT = (11, 15, 30), (226, 232, 245), (140, 152, 184)
SEED = 3  # of the game that both play


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


def film(agents: list[Path], titles: list[str]) -> list[Image.Image]:
    """The game's first seconds, of both at once."""
    game = games.load("pong")
    pygame.font.init()
    fonts = pygame.font.Font(None, 22), pygame.font.Font(None, 20)
    files = [path / "agent.safetensors" if path.is_dir() else path for path in agents]
    sides = [Side(game, Agent.load(file, game), title) for file, title in zip(files, titles, strict=True)]
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
    every = np.concatenate([np.asarray(one).reshape(-1, 3) for one in pictures[::8]])
    seen = np.unique(every // 4 * 4, axis=0).astype(np.uint8)  # each colour once, or the dark ground would have them all
    bright = Image.fromarray(seen[None]).quantize(COLOURS - GROUND).getpalette()
    dark = pictures[0].quantize(GROUND).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*dark[: 3 * GROUND], *bright[: 3 * (COLOURS - GROUND)]])
    shown = [np.asarray(one.quantize(palette=palette, dither=Image.Dither.NONE)) for one in pictures]
    frames = []
    for k, indices in enumerate(shown):
        changed = indices if k == 0 else np.where(indices == shown[k - 1], CLEAR, indices)
        frames.append(Image.fromarray(changed.astype(np.uint8), "P"))
        frames[-1].putpalette(palette.getpalette())
    delays = [*[DELAY] * (len(frames) - 1), STANDING]
    options = {"transparency": CLEAR, "disposal": 1, "optimize": False}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=delays, loop=0, **options)
    print(f"{path}: {len(frames)} pictures of {frames[0].width} × {frames[0].height}, {path.stat().st_size / 1000:,.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs=2, type=Path, metavar="AGENT")
    parser.add_argument("out", type=Path, metavar="OUT.gif")
    parser.add_argument("--before", default="untrained")
    parser.add_argument("--after", default="after 50 s of training")
    options = parser.parse_args()
    save(film(options.agents, [options.before, options.after]), options.out)


if __name__ == "__main__":
    main()
