"""A small file of hashes in the state folder: readable by its user alone, replaced whole, shared by processes."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from watchkeeper.model.errors import WatchkeeperError

T = TypeVar("T")


class KeptFile(Generic[T]):
    """One value in one file. Thread-safe, and safe beside other processes; what another one wrote is seen at once."""

    def __init__(self, path: Path, kind: type[T], empty: Callable[[], T]) -> None:
        self._path, self._kind, self._empty = path, kind, empty
        self._guard = threading.RLock()
        self._seen: tuple[tuple[int, int, int] | None, T] | None = None

    def read(self) -> T:
        """The newest value. Raises WatchkeeperError (``web-state-unreadable``) for a file that is not ours."""
        with self._guard:
            stamp = self._stamp()
            if self._seen is None or self._seen[0] != stamp:
                self._seen = (stamp, self._load())
            return self._seen[1]

    def change(self, decide: Callable[[T], T]) -> T:
        """Replace the value by what ``decide`` makes of the newest one; nobody comes between. Gives the new one."""
        with self._guard, self._locked():
            new = decide(self.read())
            beside = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, stat.S_IRUSR | stat.S_IWUSR)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(new))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            self._seen = (self._stamp(), new)
            return new

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _load(self) -> T:
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return self._empty()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise self._unreadable("others than its user may read or write it")
            try:
                return msgspec.json.decode(file.read(), type=self._kind)
            except msgspec.DecodeError as error:
                raise self._unreadable(str(error)) from error

    def _unreadable(self, reason: str) -> WatchkeeperError:
        return WatchkeeperError(
            f"{self._path} cannot be used: {reason}",
            slug="web-state-unreadable",
            hint=f"chmod 600 {self._path}, or move it away: everybody has to log in again then",
            facts={"file": str(self._path), "reason": reason},
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
