"""Where the daemon of a project listens. The shim carries the same rule, for it imports nothing of ours."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_MAX_NAME = 100
"""Bytes. A socket's name may have 107 on Linux and 103 on macOS."""

_TEMPORARY = "/tmp"  # noqa: S108 not $TMPDIR, which agents and their sandboxes set differently from the daemon


def socket_path(home: Path, project: str) -> Path:
    """``<home>/run/<project>.sock``; where that is too long for a socket, a name in a folder of this user's own.

    ``home`` is the state folder, absolute. Nothing is made, and nobody is asked whether it is there.
    """
    usual = os.fsencode(home) + b"/run/" + os.fsencode(project) + b".sock"
    if len(usual) <= _MAX_NAME:
        return Path(os.fsdecode(usual))
    short = hashlib.sha256(os.fsencode(home) + b"\0" + os.fsencode(project)).hexdigest()[:16]
    return Path(_TEMPORARY, f"watchkeeper-{os.getuid()}", f"{short}.sock")
