"""The files that are kept of the user, in their configuration and data folders: listed, and deleted when they say so."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from games import heading
from games.errors import UserError
from ui import settings

KINDS = {  # folders of the data folder with a file for each game
    "ratings": "Your rating in {}, by which an opponent fits you",
    "progress": "Your results in {}, by opponent",
}
GROUPS = {"replays": "replay", "clips": "clip"}  # folders that are listed as one: they hold many files


@dataclass(frozen=True)
class Stored:
    """Something that is kept."""

    title: str
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        total = 0
        for file in self.files:
            with contextlib.suppress(OSError):  # it has gone meanwhile
                total += file.stat().st_size
        return total

    def delete(self) -> None:
        """Remove its files. `UserError` if one of them stays."""
        for file in self.files:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise UserError(f"{file} cannot be deleted: {error.strerror}.") from error


def data_folder() -> Path:
    """The folder of what people play for: ratings, results, replays."""
    return Path(platformdirs.user_data_dir("sparring", appauthor=False))


def stored() -> list[Stored]:
    """All that is kept: settings first, then by kind and game."""
    path = settings.path_of()
    found = [Stored("Settings and controls", (path,))] if path.exists() else []
    for folder, title in KINDS.items():
        files = sorted((data_folder() / folder).glob("*.json"))
        found += [Stored(title.format(_game_of(file)), (file,)) for file in files if not file.stem.endswith(".damaged")]
    for folder, word in GROUPS.items():
        kept = tuple(sorted(file for file in (data_folder() / folder).rglob("*") if file.is_file()))
        if kept:
            found.append(Stored(f"{len(kept)} {word}{'s'[: len(kept) != 1]}", kept))
    damaged = [*path.parent.glob("*.damaged.json"), *data_folder().rglob("*.damaged.json")]
    if damaged:
        found.append(Stored("Damaged files that were set aside", tuple(sorted(set(damaged)))))
    return found


def _game_of(file: Path) -> str:
    return heading(file.stem) if file.stem.isidentifier() else file.stem


def size_in_words(size: int) -> str:
    """A number of bytes.

    >>> size_in_words(0), size_in_words(812), size_in_words(45_678), size_in_words(3_456_789)
    ('0 bytes', '812 bytes', '46 kB', '3.5 MB')
    """
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e3:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"
