"""The state folder: the one place on disk that is Watchkeeper's own."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from watchkeeper.model.errors import WatchkeeperError


def find_home(environ: Mapping[str, str]) -> Path:
    """Where the state of this user lives: ``$WATCHKEEPER_HOME``, else the system's place for state. May not exist."""
    configured = environ.get("WATCHKEEPER_HOME", "")
    return Path(configured).expanduser().absolute() if configured else platformdirs.user_state_path("watchkeeper")


def make_home(home: Path) -> Path:
    """The folder, made where it is missing, readable by its user alone: it holds excerpts of his code.

    Raises WatchkeeperError (``home-not-writable``) where it cannot be made or written to.
    """
    try:
        home.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(home, error) from error
    require_writable(home)
    return home


def require_writable(home: Path) -> None:
    """Raises WatchkeeperError (``home-not-writable``) where the folder, or a missing one's place, is closed to us."""
    nearest = next(folder for folder in (home, *home.parents) if _is_there(folder))
    if not nearest.is_dir():
        raise not_writable(home, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise not_writable(home, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:  # a folder above it may not be entered
        return False


def not_writable(home: Path, error: OSError) -> WatchkeeperError:
    """The error for a state folder that cannot be used."""
    reason = error.strerror or str(error)
    return WatchkeeperError(
        f"The state folder {home} cannot be written to: {reason}",
        slug="home-not-writable",
        hint="make it writable, or choose another place: export WATCHKEEPER_HOME=/path/to/folder",
        facts={"home": str(home), "reason": reason},
    )
