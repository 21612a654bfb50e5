"""Reads and writes the configuration files of others: through their links, as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from watchkeeper.model.errors import WatchkeeperError

_MAX_CONFIG = 16 * 1024 * 1024


def read_config(path: Path) -> tuple[bytes, int] | None:
    """The content and the mode of a file, links followed; None where there is none. Raises WatchkeeperError."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_CONFIG:
            raise unreadable(path, "it is no plain file" if not stat.S_ISREG(found.st_mode) else "it is too large")
        return path.read_bytes(), stat.S_IMODE(found.st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def missing_folders(path: Path) -> tuple[str, ...]:
    """The folders that writing the file will make, the outermost first."""
    return tuple(str(folder) for folder in reversed(Path(os.path.realpath(path)).parents) if not folder.exists())


def write_config(path: Path, content: bytes, mode: int) -> None:
    """Put ``content`` there in one step; a link stays one, and what it leads to is written.

    Raises WatchkeeperError, and then nothing was changed.
    """
    real, folders = Path(os.path.realpath(path)), missing_folders(path)
    new = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            if real.exists():
                _keep_attributes(real, new)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(real)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        _remove_folders(folders)
        raise _unwritable(path, error) from error


def remove_config(path: Path, folders: tuple[str, ...]) -> None:
    """Delete a file of ours, with the folders that were made for it where they are empty now. A link stays.

    Raises WatchkeeperError.
    """
    try:
        Path(os.path.realpath(path)).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    _remove_folders(folders)


def unreadable(path: Path, reason: str) -> WatchkeeperError:
    """The error for a configuration that cannot be read."""
    return WatchkeeperError(
        f"{path} cannot be read: {reason}; nothing was changed",
        slug="hooks-config-unreadable",
        hint=f"look at {path}, then run watchkeeper hooks install again",
        facts={"file": str(path), "reason": reason},
    )


def _keep_attributes(old: Path, new: Path) -> None:
    """The owner (where root edits for somebody) and what others attached to the file, as far as that can be kept."""
    found = old.stat()
    with suppress(OSError):
        os.chown(new, found.st_uid, found.st_gid)
    with suppress(OSError):
        shutil.copystat(old, new)
        os.utime(new)


def _remove_folders(folders: tuple[str, ...]) -> None:
    for folder in reversed(folders):
        try:
            Path(folder).rmdir()
        except OSError:
            return  # something else is in it by now


def _unwritable(path: Path, error: OSError) -> WatchkeeperError:
    reason = error.strerror or str(error)
    return WatchkeeperError(
        f"{path} cannot be written: {reason}; it was left as it is",
        slug="hooks-config-not-written",
        hint=f"make {path} writable, or leave this agent out: watchkeeper hooks install AGENT",
        facts={"file": str(path), "reason": reason},
    )
