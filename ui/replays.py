"""The replays that are kept: a file for each game that a window has played, in the user's data folder, the newest of them."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from agents.core import tensor_file
from agents.core.game_names import file_name
from agents.core.version import VERSION
from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.errors import UserError
from games.replay.format import LARGEST, Header, Replay, ReplaySeat, pack, unpack, unpack_header
from ui.match import Match
from ui.seats import Seat

KEPT = 200  # files
KEPT_BYTES = 50_000_000
SUFFIX = ".replay"
SHORTEST = TICKS_PER_SECOND  # of an unfinished game that is kept, ticks; in games of turns, a move


def folder_of() -> Path:
    """The folder of replays, in the user's data folder."""
    return Path(platformdirs.user_data_dir("sparring", appauthor=False)) / "replays"


# --- a match as a replay ----------------------------------------------------------------------------------------------


def replay_of(match: Match) -> Replay:
    """The running or finished game of a match as a replay."""
    game, board = match.game, match.boards[0]
    tracks = [each.recorder.track() for each in match.boards]
    level, bank = board.recorder.level, board.batch.bank
    header = Header(
        written_by=VERSION,
        game=game.name,
        version=game.version,
        digest="" if game.shipped else game.digest,
        seed=board.batch.seed,
        episode=match.episode,
        level=level,
        bank=bank[level].tobytes() if len(bank) else b"",
        seats=[_replay_seat(seat, name) for seat, name in zip(match.seats, match.names, strict=True)],
        ticks=[len(track.actions) for track in tracks],
        every=board.recorder.every,
        returns=[float(each.returns[0]) for each in match.boards] if match.race else list(map(float, board.returns)),
        winner=match.result.winner if match.result else None,
        finished=match.result is not None,
        begun=match.begun,
        rewound=match.rewound,
        changes=match.changes,
    )
    return Replay(header, tracks)


def _replay_seat(seat: Seat, name: str) -> ReplaySeat:
    return ReplaySeat(name=name[:200], kind=seat.kind, source=seat.source[:4096], skill=seat.skill)


def fingerprint(source: str, game: Game) -> str:
    """SHA-256 of the file of an agent, by its name on the command line; empty if it has none, or none can be read."""
    from agents import participants
    from agents.play import ladder
    from agents.play.agent_files import file_of

    try:
        if ladder.is_level(source):
            found = participants.ladder_of(game, participants.RUNS)
            path = found.folder / found.named(source).file
        else:
            path = file_of(source)
        return hashlib.sha256(path.read_bytes()).hexdigest() if source else ""
    except (UserError, OSError):
        return ""


# --- files ------------------------------------------------------------------------------------------------------------


class Keeper:
    """Keeps games in a folder. A thread writes, so that no frame waits for the disk."""

    def __init__(self, folder: Path, tell: Callable[[str], None]):
        """tell: called with a line, in any thread, where a game cannot be kept."""
        self.folder, self._tell = folder, tell
        self._threads: list[threading.Thread] = []

    def keep(self, match: Match) -> None:
        """Keep the game that a match has played, if it lasted."""
        shortest = 1 if match.game.turns else SHORTEST
        if match.ticks < (1 if match.result else shortest):
            return
        replay = replay_of(match)
        thread = threading.Thread(target=self._write, args=(replay, match.game), name="replay")
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def close(self) -> None:
        """Wait until all is written."""
        for thread in self._threads:
            thread.join()

    def _write(self, replay: Replay, game: Game) -> None:
        for seat in replay.header.seats:
            seat.sha256 = fingerprint(seat.source, game) if seat.kind == "agent" else ""
        try:
            save(replay, self.folder)
        except UserError as error:  # the games go on
            self._tell(str(error).splitlines()[0])


def save(replay: Replay, folder: Path) -> Path:
    """Write a replay into a folder, and remove the oldest there beyond `KEPT`; `UserError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}.") from error
    begun = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(replay.header.begun))
    name = f"{file_name(replay.header.game)}-{begun}"
    path = next(path for k in range(1_000_000) if not (path := folder / f"{name}{f'-{k + 1}' * (k > 0)}{SUFFIX}").exists())
    tensor_file.write_bytes(path, pack(replay))
    _drop_oldest(folder)
    return path


def _drop_oldest(folder: Path) -> None:
    left = KEPT_BYTES
    for number, path in enumerate(files(folder)):
        with contextlib.suppress(OSError):
            left -= path.stat().st_size
            if number >= KEPT or left < 0:
                path.unlink()


def files(folder: Path) -> list[Path]:
    """The replays in a folder, the newest first."""
    dated = []
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):  # it has just been deleted
            dated.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(dated, reverse=True)]


def load(path: Path, game: Game) -> Replay:
    """The replay of a game in a file; `UserError` for any other file."""
    return unpack(tensor_file.read_bytes(path, LARGEST), game, path)


def load_header(path: Path) -> Header:
    """The part of a file that says what is in it; `UserError` if it is damaged, or no replay."""
    return unpack_header(tensor_file.read_bytes(path, LARGEST), path)


@dataclass(frozen=True)
class Listed:
    """A replay of a folder."""

    path: Path
    header: Header | None  # None: it is damaged
    problem: str = ""  # in words


def listed(folder: Path) -> list[Listed]:
    """All replays of a folder, the newest first."""
    found = []
    for path in files(folder):
        try:
            found.append(Listed(path, load_header(path)))
        except UserError as error:
            found.append(Listed(path, None, str(error).splitlines()[0].removeprefix(f"{path} ")))
    return found


# --- in words ---------------------------------------------------------------------------------------------------------


def participants_of(header: Header, between: str = "–") -> str:
    """The names of those who played."""
    return f" {between} ".join(seat.name for seat in header.seats)


def when(header: Header) -> str:
    """The time at which a game began, as the user's clock says."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(header.begun))


def result_of(header: Header) -> str:
    """A game's result, in a few words."""
    practice = ", practice" if header.rewound or header.changes else ""
    score = " – ".join(f"{each:g}" for each in header.returns) if len(set(header.returns)) > 1 else f"{header.returns[0]:g}"
    if not header.finished:
        return "left before its end"
    if header.winner is not None:
        name = header.seats[header.winner].name
        return f"You win{practice}" if name == "You" else f"{name} wins{practice}"
    is_draw = len(header.seats) == 2 and len(set(header.returns)) == 1
    return f"draw{practice}" if is_draw else f"scored {score}{practice}"


def length(header: Header, turns: bool) -> str:
    """A game's length: minutes and seconds, or moves."""
    ticks = max(header.ticks)
    if turns:
        return f"{ticks} moves"
    return f"{ticks // (60 * TICKS_PER_SECOND)}:{ticks // TICKS_PER_SECOND % 60:02d}"


def table(found: list[Listed]) -> list[str]:
    """A line for each replay: game, when, who, result, length, and the file."""
    rows = []
    for each in found:
        if each.header is None:
            rows.append(("", "", f"damaged: {each.problem}", "", "", str(each.path)))
            continue
        header = each.header
        told = length(header, turns=header.every == 1)
        rows.append((header.game, when(header), participants_of(header), result_of(header), told, str(each.path)))
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(5)]
    return ["  ".join([*(text.ljust(wide) for text, wide in zip(row, widths, strict=False)), row[5]]) for row in rows]
