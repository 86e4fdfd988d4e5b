"""The user's settings of the window, kept from day to day in their configuration folder.

Names that this version does not know, as a newer one's, stay in the file: who goes back to an older version for a day loses
nothing. A file that cannot be used is set aside, and a notice says so. No play waits for the disk: a thread writes.
"""

import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs
from msgspec import Meta

from agents.core import kept_file, schema, tensor_file
from agents.core.version import VERSION
from games.errors import UserError

MOST_GAMES = 1000  # in the file
LEAST_SIDE, MOST_SIDE = 200, 8000  # of a window, pixels

Side = Annotated[int, Meta(ge=LEAST_SIDE, le=MOST_SIDE)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Changes = Annotated[dict[schema.Name, schema.Name], Meta(max_length=200)]


class PersonControls(msgspec.Struct, kw_only=True):
    """The changes that a person has made to a game's controls."""

    keys: Changes = {}  # a key in the game's KEYS → the key that takes its place
    buttons: Changes = {}  # an action → the gamepad's button for it


People = Annotated[list[PersonControls], Meta(max_length=2)]  # the first and the second


class Settings(schema.Written, kw_only=True):
    """All settings, with their defaults. A name that a file lacks has its default."""

    size: tuple[Side, Side] | None = None  # of the window, pixels; None: fits the desktop
    full_screen: bool = False
    game: schema.Name = ""  # played last
    opponents: Annotated[
        dict[schema.Name, schema.Text], Meta(max_length=MOST_GAMES)
    ] = {}  # played last, by game: a seat's name
    effects: bool = True
    volume: Fraction = 0.7
    mute: bool = False
    # By game, of the first and the second person.
    controls: Annotated[dict[schema.Name, People], Meta(max_length=MOST_GAMES)] = {}


def path_of() -> Path:
    """The file, in the user's configuration folder."""
    return Path(platformdirs.user_config_dir("sparring", appauthor=False)) / "settings.json"


class SettingsFile:
    """The settings and their file. `notice` tells people of a trouble with it, once; empty if there is none."""

    def __init__(self, path: Path | None = None):
        """path: None for settings that are not kept."""
        self.path = path
        self.settings = Settings()
        self.notice = ""
        self._unknown: dict[str, Any] = {}  # names of other versions, with their values
        self._pending: bytes | None = None
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        if path:
            self._read(path)

    def change(self, **values: Any) -> None:
        """Set some settings, and write all if any has changed."""
        if all(getattr(self.settings, name) == value for name, value in values.items()):
            return
        self.settings = msgspec.structs.replace(self.settings, **values)
        self.write()

    def write(self) -> None:
        """Write the settings in a thread. Where that fails `notice` says so, and nothing else happens."""
        if self.path is None:
            return
        values = {**self._unknown, **msgspec.to_builtins(self.settings), "written_by": VERSION}
        with self._lock:
            self._pending = msgspec.json.format(schema.encode(values)).encode()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_pending, args=(self.path,), name="settings")
                self._writer.start()

    def reset(self) -> None:
        """Take the defaults, and write nothing: the file has been deleted."""
        self.close()
        self.settings, self._unknown = Settings(), {}

    def close(self) -> None:
        """Wait until all is written."""
        if writer := self._writer:
            writer.join()

    def _write_pending(self, path: Path) -> None:
        while True:
            with self._lock:
                data, self._pending = self._pending, None
                if data is None:
                    self._writer = None
                    return
            try:
                tensor_file.make_folder(path.parent)
                tensor_file.write_bytes(path, data)
            except UserError:
                self.notice = f"Settings are not kept: {path} cannot be written."

    def _read(self, path: Path) -> None:
        try:
            if not path.exists():
                return
            values = schema.decode(path, tensor_file.read_bytes(path, kept_file.LONGEST), dict)
            self.settings = schema.check(path, values, Settings)
            self._unknown = {name: each for name, each in values.items() if name not in Settings.__struct_fields__}
        except (UserError, OSError) as error:
            aside = kept_file.set_aside(path)
            told = f"; the file is now {aside.name}" if aside != path else ""
            self.notice = f"Settings begin anew{told}. {str(error).splitlines()[0]}"
