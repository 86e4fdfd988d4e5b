"""README's animated picture: two agents in the same game of Pong against the bot, side by side; films of an eye and of a page.

    python train.py pong --seed 1 --steps 1 --name untrained
    python docs/make_pictures.py runs/pong/untrained runs/pong/NAME docs/pong.gif
    python docs/make_pictures.py --eye level:7 docs/eye.gif
    python -m agents.web pong --single
    python docs/make_pictures.py --page pages/pong/pong.html docs/page.gif

An agent is a run's folder, a file or a level. What is written above each of two is `--before` and `--after`. A page is filmed
in Chromium, the best level against the one below it, by a clock that waits for each picture.
"""

import argparse
import io
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, where `games` and `agents` are
os.environ["SDL_VIDEODRIVER"] = os.environ["SDL_AUDIODRIVER"] = "dummy"

import numpy as np
import pygame
from PIL import Image

import games
from agents.participants import participant
from agents.play.agent import Agent
from games.core import TICKS_PER_SECOND
from games.engine.batch import EXTERNAL, RUNNING, Batch
from games.render.motion import Trail
from games.render.renderer import DARK, Painter
from ui.application import App
from ui.pages.match import MatchPage
from ui.seats import Seat
from ui.settings import SettingsFile

SIDE, GAP, HEAD = 224, 10, 46  # pixels: a picture, what is between the two, and the strip above them
TICKS, DELAY = 3, 50  # of the game between two pictures, and as milliseconds: 20 a second
SECONDS, STANDING = 9.5, 1500  # of the game; milliseconds that the last picture stands
COLOURS, GROUND, CLEAR = 110, 20, 127  # of the GIF's palette; of them the ground's; the one that means transparent
PAPER, INK, FAINT = (11, 15, 30), (226, 232, 245), (140, 152, 184)
SEED = 3  # of the games
DRAWN, KEPT = (1280, 720), (640, 360)  # sizes of the window whose agent's eye is open, and of its film
BEFORE, EYE_SECONDS = 3.0, 6.0  # of the game until the film begins, and of the film
PAGE, PAGE_BEFORE, CARD = (1200, 675), 4.0, 25  # size of the browser's window; seconds until its film; pictures of its card


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


def film_of_eye(name: str) -> list[Image.Image]:
    """Some seconds of the window in which a level or an agent plays the game's best bot, its eye open."""
    game = games.load("pong")
    agent = participant(name, game).agent
    assert agent is not None, f"{name} is no agent"
    seat = Seat(
        "agent", name.replace("level:", "Level ").title(), make=agent.player, observation=agent.info.settings.observation
    )
    page = MatchPage(game, [seat, Seat("scripted", "Bot 1", skill=1.0)], seed=SEED, ready=False, eye=True)
    app = App(page, size=DRAWN, settings=SettingsFile())
    app.turn(1)
    page.load()
    pictures = []
    for number in range(int((BEFORE + EYE_SECONDS) * TICKS_PER_SECOND / TICKS)):
        app.turn(TICKS)
        app.draw()
        if number >= BEFORE * TICKS_PER_SECOND / TICKS:
            whole = Image.frombytes("RGB", app.surface.get_size(), pygame.image.tobytes(app.surface, "RGB"))
            pictures.append(whole.resize(KEPT, Image.Resampling.LANCZOS))
    return pictures


def film_of_page(path: Path) -> list[Image.Image]:
    """Some seconds of a page in a browser: first its card, then the two best of its levels, with the eye of the left one."""
    from playwright.sync_api import sync_playwright  # only for this picture

    clock = "{due() { const n = window.due ?? 0; window.due = 0; return n; }, restart() {}}"
    shown = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": PAGE[0], "height": PAGE[1]})
            page.goto(path.resolve().as_uri())
            page.wait_for_function("document.body.dataset.mode === 'start'")

            def picture() -> Image.Image:
                page.evaluate(shown)
                return Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(KEPT, Image.Resampling.LANCZOS)

            last = page.evaluate("DATA.agents.length - 1")
            page.select_option("#first", str(last))
            page.click(f"[data-machine='{last - 1}']")
            pictures = [picture()] * CARD
            page.evaluate(f"app.clock = {clock}")
            page.click("[data-do=play]")
            page.keyboard.press("v")
            for number in range(int((PAGE_BEFORE + EYE_SECONDS) * TICKS_PER_SECOND / TICKS)):
                page.evaluate(f"window.due = {TICKS}")
                found = picture()
                if number >= PAGE_BEFORE * TICKS_PER_SECOND / TICKS:
                    pictures.append(found)
            return pictures
        finally:
            browser.close()


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
    parser.add_argument("agents", nargs="+", metavar="AGENT", help="two, or one with --eye")
    parser.add_argument("out", type=Path, metavar="OUT.gif")
    parser.add_argument("--before", default="untrained")
    parser.add_argument("--after", default="after 50 s of training")
    parser.add_argument("--eye", action="store_true", help="film the eye of one")
    parser.add_argument("--page", action="store_true", help="film a page's file, in Chromium")
    options = parser.parse_args()
    if len(options.agents) != (1 if options.eye or options.page else 2):
        parser.error("two agents, or one with --eye, or a page's file with --page")
    if options.page:
        save(film_of_page(Path(options.agents[0])), options.out)
    elif options.eye:
        save(film_of_eye(options.agents[0]), options.out)
    else:
        save(film([Path(name) for name in options.agents], [options.before, options.after]), options.out)


if __name__ == "__main__":
    main()
