"""What goes wrong with a database, said so that a person can act on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from watchkeeper.model.errors import WatchkeeperError

_SET_ASIDE = "watchkeeper doctor --set-aside-record"


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Within it, faults of the database that lives at ``place`` are raised as WatchkeeperErrors."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise explain(error.orig or error, place) from error
    except sqlite3.Error as error:
        raise explain(error, place) from error


def explain(error: BaseException, place: str) -> WatchkeeperError:
    """The fault as an error with a slug and a next step; what is not recognised is said in the database's own words."""
    slug = _slug_of(error)
    sentence, hint = _SAID[slug]
    reason = " ".join(str(error).split())
    return WatchkeeperError(
        f"The record {place} {sentence}: {reason}", slug=slug, hint=hint, facts={"record": place, "reason": reason}
    )


def newer(place: str, revision: str, known: str) -> WatchkeeperError:
    """The error for a record that a later version has changed: reading it with old eyes could lose what it holds."""
    return WatchkeeperError(
        f"The record {place} was written by a newer Watchkeeper (schema {revision}; this one knows up to {known})",
        slug="record-newer",
        hint="upgrade Watchkeeper on this host"
        if place.startswith("postgresql:")
        else "upgrade Watchkeeper, or keep this version's state apart: export WATCHKEEPER_HOME=/path/to/folder",
        facts={"record": place, "schema": revision, "known": known},
    )


def foreign(place: str) -> WatchkeeperError:
    """The error for a database that holds something else: it is left alone."""
    return WatchkeeperError(
        f"{place} is a database, but not a record of Watchkeeper",
        slug="record-foreign",
        hint="move that file away, or choose another folder: export WATCHKEEPER_HOME=/path/to/folder",
        facts={"record": place},
    )


_SAID = {
    "record-full": (
        "could not grow, the disk is full; nothing was lost, nothing was written",
        "free disk space: df -h",
    ),
    "record-corrupt": ("is damaged", f"move it aside and begin a new one: {_SET_ASIDE}"),
    "record-read-only": (
        "cannot be written",
        "make the file and its folder writable, or choose another: export WATCHKEEPER_HOME=/path/to/folder",
    ),
    "record-busy": ("is being written by another process that does not let go", "see which: watchkeeper doctor"),
    "record-unreachable": ("cannot be reached", "check that the database server runs and that the address is right"),
    "record-failed": ("could not be used", "look for the cause: watchkeeper doctor"),
}

_SQLITE = {
    "SQLITE_FULL": "record-full",
    "SQLITE_IOERR_WRITE": "record-full",
    "SQLITE_IOERR_SHMSIZE": "record-full",
    "SQLITE_CORRUPT": "record-corrupt",
    "SQLITE_NOTADB": "record-corrupt",
    "SQLITE_READONLY": "record-read-only",
    "SQLITE_CANTOPEN": "record-read-only",
    "SQLITE_PERM": "record-read-only",
    "SQLITE_BUSY": "record-busy",
    "SQLITE_LOCKED": "record-busy",
}

_POSTGRESQL = {
    "53100": "record-full",
    "XX001": "record-corrupt",
    "XX002": "record-corrupt",
    "25006": "record-read-only",
    "42501": "record-read-only",
    "55P03": "record-busy",
    "57014": "record-busy",
    "57P01": "record-unreachable",
    "57P03": "record-unreachable",
}


def _slug_of(error: BaseException) -> str:
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        # Extended codes (SQLITE_READONLY_DBMOVED) mean what the code that they begin with means.
        return next((slug for code, slug in _SQLITE.items() if name.startswith(code)), "record-failed")
    state = getattr(error, "sqlstate", None)
    if state is None and type(error).__module__.startswith("psycopg"):
        return "record-unreachable"  # psycopg has no state for a connection that it never got
    return _POSTGRESQL.get(state or "", "record-failed")
