"""How HEAD came from one commit to another: what git wrote down of its moves."""

from __future__ import annotations

import os
from pathlib import Path

from watchkeeper.model.ids import Sha

_MOST_BYTES = 131_072


def read_head_moves(git_dir: Path, since: Sha) -> tuple[str, ...] | None:
    """What moved a worktree's HEAD since it stood at ``since``, in git's words, the newest first: ``commit (amend)``.

    None where git wrote nothing down, or it is too long ago. Never raises.
    """
    try:
        with (git_dir / "logs" / "HEAD").open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _MOST_BYTES))
            lines = log.read(_MOST_BYTES).splitlines()
    except OSError:
        return None
    moves: list[str] = []
    for line in reversed(lines):
        commits, _, message = line.partition(b"\t")
        ids = commits.split(b" ", 2)
        if len(ids) < 3:
            return None
        if ids[1] == since.encode():
            return tuple(moves)
        moves.append(message.partition(b":")[0].decode("utf-8", "replace"))
        if ids[0] == since.encode():
            return tuple(moves)
    return None
