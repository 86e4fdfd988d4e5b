"""The page of a replay: play and pause, go anywhere, look at it slowly, go on from there as a live match, make a video."""

import threading
from pathlib import Path
from types import MappingProxyType

import pygame

import games
from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.errors import UserError
from ui import encoders, replays
from ui.application import ENTER, Page
from ui.branch import Branch, SeatFinder, seats_for
from ui.foot import PACE, PICTURE, REWIND, STEP, Rows, commands
from ui.keepsakes import Keepsakes, VideoJob, free_path, short, videos_folder
from ui.keys import Key, key_of
from ui.layout import SOFT, window_size
from ui.match import between
from ui.pages.kept_match import KeptMatchPage
from ui.pages.menu import BACK_BUTTONS
from ui.replay_match import ReplayMatch, seats_of
from ui.screen import Screen
from ui.seats import Seat
from ui.text import key_at
from ui.timeline import Progress, Timeline

JUMP = 5 * TICKS_PER_SECOND  # ticks that an arrow goes
SLOW = 4  # how many times slower slow motion is
BACKWARDS = 3  # ticks that go back in one, while the key is held
LONGEST = 16  # letters of a name beside its key
WAYS = {"left": -JUMP, "right": JUMP}


class ReplayPage(Page):
    """Shows a replay. It loads after its first picture."""

    way_back = "back to the replay"
    pad_keys = MappingProxyType({"x": "e", "y": "1", "rightstick": "2", "lefttrigger": REWIND, "righttrigger": "f12"})

    def __init__(
        self,
        path: Path,
        *,
        game: Game | None = None,
        find: SeatFinder | None = None,
        replay_folder: Path | None = None,
        effects: bool = True,
    ):
        """path: of its file.    game: needed where it is a user's own.    find: for the agents of a live match that goes on
        from here; None: the bot plays.    replay_folder: where that match is kept.    effects: glow, shadows and lights.
        Raises `UserError` for a file that is damaged, or of a game that is not there.
        """
        self.header = replays.load_header(path)
        self.game = game or game_of(self.header.game, path)
        self.replay = replays.load(path, self.game)
        self.path, self._find, self._folder, self._effects = path, find or _nobody, replay_folder, effects
        self.title = f"Replay: {self.game.heading}: {replays.participants_of(self.header, between(self.game))}"
        self.screen = Screen(self.game, seats_of(self.replay), effects)
        self.keepsakes = Keepsakes(self.tell)
        self.match: ReplayMatch | None = None
        self.timeline: Timeline | None = None
        self.playing, self.slow, self.ticks = True, False, 0
        self._dragging = False
        self._pace = 0  # ticks since the game's last tick was shown
        self._job: VideoJob | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._load, name="replay", daemon=True)

    def size(self, desktop: tuple[int, int]) -> tuple[int, int]:
        """The size of a window that opens with this page, pixels."""
        return window_size(self.screen.cast.pictures, desktop)

    def _load(self) -> None:
        try:
            match = ReplayMatch(self.game, self.replay)
            match.prepare()
            for board in match.boards:
                self.screen.painter.frame(board.batch)
            self.match = match
        except BaseException as failure:  # raised again in the window's thread
            self._failure = failure

    def load(self) -> None:
        """Load it, and wait for that."""
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join()
        self.before()

    def before(self) -> None:
        """Load after the first picture, and begin when it is loaded."""
        if self._thread.ident is None and not self.stale:
            self._thread.start()
        if self._failure:
            raise self._failure
        if self.match and not self.timeline:
            self.screen.cast.seats = self.match.seats
            self.screen.cast.people.clear()  # nobody plays: the keys are those of the page
            self.timeline = Timeline(self.match, self.screen.text)
            if self.match.difference:
                self.app.notice.show(f"This replay {self.match.difference}")
            self.stale = True
        if self._job and not self._job.is_running:
            self.app.notice.show(self._job.problem or f"Video: {short(self._job.path)}")
            self._job, self.stale = None, True

    def closed(self) -> None:
        """End a video that is being made."""
        if self._job:
            self._job.cancel()

    def joined(self) -> None:
        """Wait for all threads."""
        if self._thread.ident is not None:
            self._thread.join()
        if self._job:
            self._job.wait()
        self.keepsakes.close()

    # --- ticks ---

    def tick(self) -> None:
        """Go on by a tick."""
        self.ticks += 1
        match = self.match
        if not match or not self.timeline:
            self.stale = self.stale or self.ticks % 15 == 0
            return
        if self._job and self.ticks % 10 == 0:
            self.stale = True
        if self.is_rewinding:
            self.playing = False
            self._backwards(match)
        elif self.playing and not self._dragging and not (self.slow and self.ticks % SLOW):
            self._forwards(match)

    @property
    def is_rewinding(self) -> bool:
        """Whether the key that plays it backwards is held."""
        return any(key.command == REWIND for key in self.app.keyboard.down.values())

    def _forwards(self, match: ReplayMatch) -> None:
        self._pace += 1
        if self._pace >= match.pace and match.at < match.last:
            match.seek(match.at + 1)
            self._pace = 0
        self.screen.follow(match)
        self.stale = True
        if match.at == match.last and self._pace >= 2 * TICKS_PER_SECOND:
            self.playing = False

    def _backwards(self, match: ReplayMatch) -> None:
        self._pace += 1
        if match.pace == 1 or self._pace % (match.pace // 4) == 0:
            self.seek(match.at - (BACKWARDS if match.pace == 1 else 1))

    def seek(self, tick: int) -> None:
        """Show another tick."""
        assert self.match
        self.match.seek(tick)
        self._pace = 0
        self.screen.follow(self.match)
        for scene in self.screen.scenes:
            scene.clear()
        self.stale = True

    # --- drawing ---

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the pictures and the strip below them."""
        if not self.match or not self.timeline:
            self.screen.loading(surface, self.ticks // 15, commands([(["escape"], "leave")], self.app.button_labels))
            return
        width, height = surface.get_size()
        strip = self.timeline.height((width, height))
        stage = surface.subsurface((0, 0, width, max(height - strip, 1)))
        self.screen.draw(stage, self.match)
        boxes = self.screen.boxes(stage)
        if self.match.result and not self.playing:
            self.screen.banner(stage, self.match)
        if self.match.note:
            side = boxes[0].w
            at = boxes[0].centerx, boxes[0].bottom + 0.035 * side
            self.screen.text.put(stage, self.match.note, 0.03 * side, SOFT, at, "center")
        if self.is_rewinding:
            self.screen.label(stage, "Rewind")
        box = pygame.Rect(0, height - strip, width, strip)
        progress = Progress(f"{self._job.path.name}", self._job.part) if self._job else None
        self.timeline.draw(surface, box, self.playing, commands(self._rows(), self.app.button_labels), progress)

    def _rows(self) -> Rows:
        over = self.match is not None and self.match.result is not None
        names = [seat.name if len(seat.name) <= LONGEST else f"{seat.name[:LONGEST]}…" for seat in self.header.seats]
        branch: Rows = [] if over else [([str(k)], f"{'play on ' * (k == 1)}as {name}") for k, name in enumerate(names, 1)]
        pace = ([PACE], "full speed" if self.slow else "slow")
        points: Rows = [] if self.game.turns else [(["up", "down"], "points")]
        return [
            (["space"], "pause" if self.playing else "play"), (["left", "right"], "move" if self.game.turns else "5 s"),
            *points, ([STEP], "step"), pace, *branch, (["e"], "video"), (["escape"], "leave"),
        ]  # fmt: skip

    # --- events ---

    def key_at(self, position: tuple[int, int]) -> str:
        """The key whose cap is drawn at a position, below the pictures."""
        return key_at(self.timeline.places, position) if self.timeline else self.screen.key_at(position)

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events."""
        if event.type == pygame.KEYDOWN:
            self._pressed(key_of(event))
        elif event.type == pygame.KEYMAPCHANGED:
            self.stale = True
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button in BACK_BUTTONS:
            self.app.back()
        elif not self.match or not self.timeline:
            return
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            tick = self.timeline.tick_at(event.pos)
            self._dragging = tick is not None
            if tick is not None:
                self.seek(tick)
            else:
                self._toggle()
        elif event.type == pygame.MOUSEMOTION and self._dragging:
            self.seek(self.timeline.tick_across(event.pos[0]))
        elif event.type == pygame.MOUSEBUTTONUP:
            self._dragging = False
        elif event.type == pygame.MOUSEWHEEL:
            self.seek(self.match.at + event.y * TICKS_PER_SECOND)

    def _pressed(self, key: Key) -> None:
        command = key.command
        if command in ("escape", "q"):
            self.app.back()
        if not self.match:
            return
        match, jump = self.match, 1 if self.game.turns else JUMP
        if command in (*ENTER, "space"):
            self._toggle()
        elif command in WAYS:
            self.seek(match.at + (jump if command == "right" else -jump))
        elif command in ("up", "down"):
            self.seek(match.next_point(1 if command == "up" else -1))
        elif command in ("home", "end"):
            self.seek(0 if command == "home" else match.last)
        elif STEP in (command, key.names[0]):
            self.playing = False
            self.seek(match.at + 1)
        elif PACE in (command, key.names[0]):
            self.slow, self.stale = not self.slow, True
        elif command == PICTURE:
            self.keepsakes.picture(self.app.surface, self.game.name)
        elif command == "e":
            self._make_video()
        elif command in ("1", "2") and int(command) <= len(self.header.seats):
            self.branch(int(command) - 1)

    def _toggle(self) -> None:
        assert self.match
        if not self.playing and self.match.at == self.match.last:
            self.seek(0)
        self.playing, self.stale = not self.playing, True

    def _make_video(self) -> None:
        if self._job:
            return
        try:
            path = free_path(videos_folder(), self.game.name, ".mp4" if encoders.ffmpeg() else ".gif")
            self._job = VideoJob(self.game, self.replay, path, effects=self._effects)
        except OSError as error:
            self.app.notice.show(f"The video cannot be written: {error.strerror}")
        self.stale = True

    def branch(self, person: int) -> None:
        """Go on from here as a live match, the person in a seat."""
        assert self.match
        if self.match.result:
            self.app.notice.show("The game is over here: go back a little first")
            return
        self.playing = False
        seats, told = seats_for(self.game, self.header, person, self._find)
        settings = Branch(self.replay, self.match.at, person).settings(self.game)
        page = KeptMatchPage(self.game, seats, replays=self._folder, effects=self._effects, countdown=True, **settings)
        self.app.open(page)
        if told:
            self.app.notice.show(told[0])


def game_of(name: str, path: Path) -> Game:
    """The game of a replay; `UserError` where it is a user's own, whose file is not named."""
    if name not in games.names():
        raise UserError(f"{path} is a replay of '{name[:40]}', a game of somebody's own.\nName its file: ./{name[:40]}.py")
    return games.load(name)


def _nobody(name: str, game: Game) -> Seat:
    raise UserError("No agents are looked for here.")
