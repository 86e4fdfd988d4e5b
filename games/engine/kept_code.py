"""numba's files of compiled code, with a checksum: one that is damaged, or that a full disk does not take, is compiled anew.

numba itself raises what goes wrong with these files out of the call of a function that is compiled already.
"""

import contextlib
import hashlib
import pickle
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

FORMAT = "sha256"  # of the files, a part of their folder's name: earlier versions wrote others
DIGEST = 32  # bytes of a SHA-256, the first of each file


def protect(function: Any) -> None:
    """Keep the code of a function that was declared with `cache=True` in files as above."""
    kept = getattr(function, "_cache", None)
    if isinstance(kept, FunctionCache):  # else nothing is kept
        kept.__class__ = KeptCode
        kept._cache_file.__class__ = SealedFiles


class KeptCode(FunctionCache):
    """A cache in which nothing can go wrong: what it cannot read is not there, and what it cannot write is left out."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code of a signature; None where there is none, or it cannot be read."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code of a signature, where there is room."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


class SealedFiles(IndexDataCacheFile):
    """The files of a function: an index of signatures, and a file of code for each."""

    def _load_index(self) -> dict[Any, str]:
        try:
            version, stamp, overloads = self._read(self._index_path)
        except (OSError, ValueError):
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        """`ValueError` for a file that is not as it was written."""
        with open(path, "rb") as file:
            data = file.read()
        if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
            raise ValueError(f"{path} is damaged")
        return pickle.loads(data[DIGEST:])  # noqa: S301 - of a folder in which this user alone may write: `cache.root`

    def _write(self, path: str, content: Any) -> None:
        data = self._dump(content)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(data).digest() + data)
