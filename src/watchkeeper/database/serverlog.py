"""Follows the server's own log: it tells of deadlocks that were broken between two looks, with both statements."""

from __future__ import annotations

from pathlib import Path

import msgspec

from watchkeeper.database.advice import advise
from watchkeeper.database.deadlocktext import deadlock_incident, read_deadlocks
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Incident

_MOST_READ = 4 << 20
_MOST_CARRIED = 256 << 10
_ENDINGS = {".csv": "csv", ".json": "json"}


class ServerLog:
    """The log at ``path``: a file, or the folder of a server that begins new ones. What is there already is left out.

    ``database`` is the server's name for it: entries that say they are another's are left out.
    """

    def __init__(self, path: Path, database: str = "") -> None:
        self._path, self._database = path, database
        self._file: Path | None = None
        self._inode = self._at = 0
        self._rest = b""
        self._open_new(is_first=True)

    @property
    def is_readable(self) -> bool:
        """Whether there is a file that may be read."""
        return self._file is not None and self._size() >= 0

    def read_deadlocks(self, name: str, at: Millis) -> tuple[Incident, ...]:
        """The deadlocks that were logged since it was last asked, as incidents of the database ``name``. Never raises.

        Of a log that grows faster than 4 MB between two calls the middle is left out.
        """
        told = list[Incident]()
        while True:
            more = self._read()
            text, kind = self._whole(more)
            for each in read_deadlocks(text, kind):
                if self._database in ("", each.database) or not each.database:
                    incident = deadlock_incident(each, name, at)
                    told.append(msgspec.structs.replace(incident, advice=advise(incident.kind, incident.parties)))
            if not self._has_rotated():
                return tuple(told)
            self._open_new(is_first=False)

    def _whole(self, more: bytes) -> tuple[str, str]:
        """Entries that are complete, as far as can be told; the rest waits for the next time."""
        kind = _ENDINGS.get(self._file.suffix, "text") if self._file else "text"
        data = self._rest + more
        end = data.rfind(b"\n") + 1
        if kind == "text":
            # The lines of an entry that go on begin with a tab: its last line may not be there yet.
            while end and data[data.rfind(b"\n", 0, end - 1) + 1 : end].startswith((b"\t", b"\n")):
                end = data.rfind(b"\n", 0, end - 1) + 1
            last = data.rfind(b"\n", 0, end - 1) + 1 if end else 0
            end = last if b"DETAIL:" in data[last:end] else end
        elif kind == "csv":
            # Statements have lines too: an entry is whole where its quotes are closed.
            while end and data[:end].count(b'"') % 2:
                end = data.rfind(b"\n", 0, end - 1) + 1
        self._rest = data[end:][-_MOST_CARRIED:]
        return data[:end].decode("utf-8", "replace"), kind

    def _read(self) -> bytes:
        if self._file is None:
            self._open_new(is_first=False)
        size = self._size()
        if self._file is None or size <= self._at:
            if 0 <= size < self._at:
                self._at, self._rest = 0, b""  # it was emptied
            return b""
        if size - self._at > _MOST_READ:
            self._at, self._rest = size - _MOST_READ, b""
        try:
            with self._file.open("rb") as opened:
                opened.seek(self._at)
                found = opened.read(_MOST_READ)
        except OSError:
            return b""
        self._at += len(found)
        return found

    def _has_rotated(self) -> bool:
        newest = self._newest()
        if newest is None:
            return False
        try:
            return newest != self._file or newest.stat().st_ino != self._inode
        except OSError:
            return False

    def _open_new(self, *, is_first: bool) -> None:
        self._file = self._newest()
        self._rest = b""
        self._at = max(0, self._size()) if is_first else 0
        try:
            self._inode = self._file.stat().st_ino if self._file else 0
        except OSError:
            self._file = None

    def _newest(self) -> Path | None:
        try:
            if not self._path.is_dir():
                return self._path if self._path.is_file() else None
            files = [each for each in self._path.iterdir() if each.suffix in (".log", ".csv", ".json")]
            return max((each for each in files if each.is_file()), key=lambda each: each.stat().st_mtime, default=None)
        except OSError:
            return None

    def _size(self) -> int:
        try:
            return self._file.stat().st_size if self._file else -1
        except OSError:
            return -1
