"""Folders for a while, which nobody has to remember: each is locked by whoever uses it, and without a lock it goes."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from watchkeeper.sandbox.guardian.removal import remove_folder


def make_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """A new folder, and the lock on it: an open descriptor; its last copy to be closed gives the folder up.

    Raises: OSError.
    """
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        place = parent / f"{prefix}{secrets.token_hex(8)}"
        place.mkdir(mode=0o700)
        lock = _lock(place, fcntl.LOCK_SH)
        if lock is not None:
            return place, lock


@contextmanager
def open_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder until the end of the block; after a kill, until the next sweep. Raises: OSError."""
    place, lock = make_folder(parent, prefix)
    try:
        yield place
    finally:
        remove_folder(str(place))
        os.close(lock)


def sweep_folders(parent: Path, prefix: str) -> None:
    """Remove the folders that nobody uses any more; safe beside those who make some."""
    for place in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            lock = _lock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock is not None:
                remove_folder(str(place))
                os.close(lock)


def _lock(place: Path, how: int) -> int | None:
    """The lock on a folder; None where it went before it was locked. Raises: OSError where it is in use."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, how)
        if place.lstat().st_ino == os.fstat(handle).st_ino:
            return handle
    except FileNotFoundError:
        pass
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None
