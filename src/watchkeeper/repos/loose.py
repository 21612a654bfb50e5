"""Write git objects as files, without starting git: a save must cost a millisecond, not a process."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path

from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import show_path


def object_id(kind: str, content: bytes, object_format: str = "sha1") -> Sha:
    """The id that git gives to an object; nothing is written."""
    digest = hashlib.new(object_format, usedforsecurity=False)
    digest.update(f"{kind} {len(content)}\0".encode())
    digest.update(content)
    return Sha(digest.hexdigest())


def write_object(objects_dir: Path, kind: str, content: bytes, object_format: str = "sha1") -> Sha:
    """Store an object and give its id. Atomic, idempotent, safe beside other writers and for a kill at any point.

    An object that is there already is only marked as used, so that tidying keeps it. Raises: WatchkeeperError where
    the disk is full or the folder not writable.
    """
    sha = object_id(kind, content, object_format)
    place = objects_dir / sha[:2] / sha[2:]
    if _is_stored(place):
        return sha
    data = zlib.compress(f"{kind} {len(content)}\0".encode() + content, 1)
    write_file(place, data, mode=0o444)
    return sha


def write_file(place: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file of ours whole or not at all, with its folders. Raises: WatchkeeperError."""
    # git's own prefix: what a kill leaves behind is swept up by ``git prune``. And its ending: among refs a file with
    # another one is a ref, and half of it a damaged repository to everybody who lists them at this moment.
    draft = place.parent / f"tmp_obj_{os.getpid()}_{secrets.token_hex(6)}.lock"
    try:
        _retry_with_folder(draft, lambda: _write_draft(draft, data, mode))
        draft.rename(place)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise explain_write(place, error) from error


def explain_write(place: Path, error: OSError) -> WatchkeeperError:
    """The error for a file of ours that could not be written."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    where = show_path(str(place.parent))
    return GitError(
        f"the disk is full: nothing can be written to {where}"
        if full
        else f"cannot write to {where}: {error.strerror}",
        slug="disk-full" if full else "state-not-writable",
        hint="free some space" if full else "look at its permissions, or set WATCHKEEPER_HOME to a folder of yours",
    )


def _is_stored(place: Path) -> bool:
    """It is there and not the empty file that a power failure can leave; its time is renewed."""
    try:
        if place.stat().st_size == 0:
            return False
        os.utime(place)
    except OSError:
        return place.exists()
    return True


def _retry_with_folder(draft: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except FileNotFoundError:
        draft.parent.mkdir(parents=True, exist_ok=True)
        write()


def _write_draft(draft: Path, data: bytes, mode: int) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
