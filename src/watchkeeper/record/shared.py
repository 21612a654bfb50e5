"""Which clone of this host is which project of a record that several hosts share: a note in the state folder."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from watchkeeper.model.ids import ProjectId
from watchkeeper.record.home import not_writable

_FILE = "shared"
_ID = re.compile(r"[0-9a-f]{16}")


def find_shared(home: Path, clone: ProjectId) -> ProjectId | None:
    """What the clone is in the shared record; None where no fleet of this state folder has it."""
    try:
        text = (home / "projects" / clone / _FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return ProjectId(text) if _ID.fullmatch(text) else None


def note_shared(home: Path, clone: ProjectId, shared: ProjectId) -> None:
    """From now on every verb knows it. Atomic. Raises WatchkeeperError where the state folder cannot be written."""
    if find_shared(home, clone) == shared:
        return
    place = home / "projects" / clone / _FILE
    draft = place.with_name(f"{_FILE}-{secrets.token_hex(4)}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(f"{shared}\n", encoding="ascii")
        draft.replace(place)
    except OSError as error:
        raise not_writable(home, error) from error
