"""One process at a time: a lock that the system lets go of however its holder ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class ProcessLock:
    """Held by at most one process. Try to ``acquire`` it; nothing here waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1
        self.is_mine = False

    def acquire(self) -> bool:
        """Try to become the holder; False where somebody else is, or the folder is not writable."""
        if self.is_mine:
            return True
        if self._handle < 0:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError:
                return False
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self.is_mine = True
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        return True

    def is_held(self) -> bool:
        """Whether somebody has it. Nobody becomes the holder by asking, but who acquires it at this moment may fail."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def holder(self) -> int:
        """The process that has it, -1 where that cannot be told."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return -1
        return int(text) if text.isdecimal() else -1

    def release(self) -> None:
        """Let go of it."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self.is_mine = -1, False
