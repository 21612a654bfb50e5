"""Which commit an application runs: said, or read from its repository without running git."""

from __future__ import annotations

import os
import re
from pathlib import Path

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DIGITS = 12


def find_revision(root: Path, said: str = "") -> str:
    """The first twelve digits of the commit; ``""`` where nobody says and no repository is there. Never raises.

    ``said`` wins, then the variable ``WATCHKEEPER_REVISION``, then the checkout's HEAD.
    """
    return (said or os.environ.get("WATCHKEEPER_REVISION", "") or _read_head(root))[:_DIGITS].strip()


def find_root(start: Path) -> Path:
    """The top of the checkout that ``start`` lies in; ``start`` itself where there is none."""
    start = start.resolve()
    return next((each for each in (start, *start.parents) if (each / ".git").exists()), start)


def _read_head(root: Path) -> str:
    try:
        folder = _git_folder(root)
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head if _SHA.fullmatch(head) else ""
        return _read_ref(folder, head.removeprefix("ref: "))
    except (OSError, UnicodeDecodeError):
        return ""


def _git_folder(root: Path) -> Path:
    """A linked worktree has a file in place of the folder, which names it."""
    place = root / ".git"
    if place.is_file():
        return (root / place.read_text().strip().removeprefix("gitdir: ")).resolve()
    return place


def _read_ref(folder: Path, ref: str) -> str:
    common = folder
    if (folder / "commondir").is_file():
        common = (folder / (folder / "commondir").read_text().strip()).resolve()
    for place in (folder / ref, common / ref):
        if place.is_file():
            return place.read_text().strip()
    packed = common / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            sha, _, name = line.partition(" ")
            if name == ref and _SHA.fullmatch(sha):
                return sha
    return ""
