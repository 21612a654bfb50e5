"""Whether an agent wrote where it must not: other engagements' worktrees, the hub, the user's own checkouts.

Only what it tells, and simple commands, can be seen: a program that writes there without a word is not.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from watchkeeper.agents.commands import find_writes
from watchkeeper.model.agents import Act, AgentEvent, Phase
from watchkeeper.repos.git import show_path

_MOST_PATH = 4096
_SLACK_S = 2.0


class Fence:
    """Around one worktree: ``others`` are folders that are not its to write in. ``since_s``: when its agent began."""

    def __init__(self, root: Path, others: Collection[Path], since_s: float) -> None:
        self._root = os.path.realpath(root)
        self._others = tuple(os.path.realpath(each) for each in others)
        self._since_s = since_s

    def find_escape(self, event: AgentEvent) -> str:
        """The path of others' that it wrote to; ``""``: none.

        What it says that it wrote counts as written. What a command seems to write counts where the file is new.
        """
        if event.phase is not Phase.DONE:
            return ""
        if event.act is Act.WRITE and event.path:
            place = self._resolve(event.path, event.cwd)
            return show_path(place) if place and self._is_others(place) else ""
        if event.act is Act.RUN and event.command:
            found = (self._resolve(path, event.cwd) for path in find_writes(event.command))
            return next(
                (show_path(each) for each in found if each and self._is_others(each) and self._is_new(each)), ""
            )
        return ""

    def _resolve(self, path: str, cwd: str) -> str:
        """Where a path leads: links followed, also those that the agent made in its worktree."""
        if "\0" in path or len(path) > _MOST_PATH:
            return ""
        try:
            base = cwd if cwd.startswith("/") else self._root
            return os.path.realpath(os.path.join(base, os.path.expanduser(path)))  # noqa: PTH111, PTH118 is text
        except (OSError, ValueError):
            return ""

    def _is_others(self, place: str) -> bool:
        return not _is_in(place, self._root) and any(_is_in(place, other) for other in self._others)

    def _is_new(self, place: str) -> bool:
        try:
            return os.lstat(place).st_mtime >= self._since_s - _SLACK_S
        except OSError:
            return False  # deleted, or never there: nobody can tell


def _is_in(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/") + "/")
