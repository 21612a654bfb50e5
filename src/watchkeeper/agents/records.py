"""Remembers what a configuration file was before we touched it, so that it can be given back byte for byte."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from watchkeeper.agents.insertion import Made
from watchkeeper.model.errors import WatchkeeperError


class FileRecord(msgspec.Struct, frozen=True):
    """A file that holds something of ours. ``original`` is its content before, None where it was not there.

    ``left`` is the SHA-256 of the content as we left it, ``folders`` are those made for it, the outermost first.
    ``command`` is the command line that stands in it.
    """

    agent: str
    path: str
    original: bytes | None
    mode: int
    left: str
    made: Made
    command: str
    folders: tuple[str, ...] = ()
    project: str = ""


def digest_of(content: bytes) -> str:
    """What tells whether a file is still as we left it."""
    return hashlib.sha256(content).hexdigest()


def records_folder(home: Path) -> Path:
    """Where the records lie in the state folder."""
    return home / "hooks" / "records"


def load_records(home: Path) -> tuple[FileRecord, ...]:
    """All records, by path. Raises WatchkeeperError for one that cannot be read: nothing is guessed then."""
    folder = records_folder(home)
    found = [_load(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
    return tuple(sorted(found, key=lambda record: record.path))


def find_record(home: Path, path: Path) -> FileRecord | None:
    """What is known of a file; None where we never touched it. Raises WatchkeeperError."""
    place = _place(home, path)
    return _load(place) if place.exists() else None


def save_record(home: Path, record: FileRecord) -> None:
    """Written before the file itself is: a crash between the two leaves a record of a file that is as it was."""
    folder = records_folder(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = _place(home, Path(record.path))
    new = place.with_suffix(".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(msgspec.json.encode(record))
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(place)


def drop_record(home: Path, path: Path) -> None:
    """Forget a file; nothing happens where it is not known."""
    _place(home, path).unlink(missing_ok=True)


def _place(home: Path, path: Path) -> Path:
    return records_folder(home) / f"{digest_of(os.fsencode(path))[:16]}.json"


def _load(place: Path) -> FileRecord:
    try:
        return msgspec.json.decode(place.read_bytes(), type=FileRecord)
    except (OSError, msgspec.MsgspecError) as error:
        raise WatchkeeperError(
            f"What was recorded of a hook's file cannot be read: {place}: {error}",
            slug="hooks-record",
            hint=f"take the hook out by hand, then delete {place}",
            facts={"file": str(place)},
        ) from error
