"""What a project's setup depends on: it runs again only when some of it is another."""

from __future__ import annotations

import hashlib
import os
import shlex
from fnmatch import fnmatchcase
from pathlib import Path

from watchkeeper.probes.witness import read_left
from watchkeeper.repos.scratch import KEEP

SETUP_INPUTS = (
    "pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "poetry.lock", "uv.lock", "Pipfile", "Pipfile.lock",
    "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "Makefile", "tox.ini",
)  # fmt: skip
"""Files that a project's ``setup`` depends on: it runs again only where one of them, or the command, differs."""


def setup_digest(command: str, folder: Path) -> str:
    """Of the command, what setups depend on, and the files that it names: where it is equal, nothing need run again."""
    digest = hashlib.blake2b(command.encode("utf-8", "surrogateescape"), digest_size=12)
    inputs = {path for pattern in SETUP_INPUTS for path in folder.glob(pattern)}
    inputs |= {folder / word for word in _words(command) if _can_be_input(word)}
    for path in sorted(inputs):
        content = read_left(path)
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0%d\0" % len(content) + content)
    return digest.hexdigest()


def _can_be_input(word: str) -> bool:
    """A file of the tree: what outlives a switch, ``.venv/bin/python`` for one, is what the setup itself made."""
    steps = word.split("/")
    is_inside = not word.startswith("/") and ".." not in steps
    return is_inside and not any(fnmatchcase(step, pattern) for step in steps for pattern in KEEP)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
