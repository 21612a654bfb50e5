"""Names for the pervasive scalars, so that one cannot be passed for another."""

from __future__ import annotations

from typing import NamedTuple, NewType

ProjectId = NewType("ProjectId", str)
"""A project: a digest of the real path of its repository's common git directory."""

Sha = NewType("Sha", str)
"""A full git object id, lower-case hexadecimal."""

ChangeId = NewType("ChangeId", str)
"""A change, as people name it: a worktree's branch or folder, a branch, a short commit. Unique in a project."""

ConflictId = NewType("ConflictId", str)
"""A conflict, short enough to type: ``c-`` and eight hexadecimal digits of its fingerprint."""

Seq = NewType("Seq", int)
"""The position of an event in a project's log; starts at 1, never reused."""

Millis = NewType("Millis", int)
"""Milliseconds since the epoch, UTC."""


class SymbolKey(NamedTuple):
    """The identity of a symbol: where it is defined, in the coordinates of the merge base.

    ``path`` is relative to the repository, with ``/``; ``qualname`` is ``Class.method``, ``function``, a module
    variable, an imported name, or ``""`` for the module's own statements.
    """

    path: str
    qualname: str
