"""What attribution asks of the world: ports, and the values that cross them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from watchkeeper.database.codeindex import CodeIndex
from watchkeeper.model.ids import ChangeId, Sha


class Work(msgspec.Struct, frozen=True):
    """Whose work a line is: what trailers or the record say. ``change`` is the name by which conflicts know it.

    ``before`` is where the change parted from the target branch, None where nobody knows: what was there already is no
    part of a conflict with it. ``by`` says who told: ``trailers``, ``ledger``.
    """

    agent: str = ""
    issue: str = ""
    engagement: str = ""
    change: ChangeId = ChangeId("")
    before: Sha | None = None
    by: str = ""


class Written(msgspec.Struct, frozen=True):
    """A line of a revision and the commit that wrote it. ``works`` are several where a squash has several in it."""

    line: int
    code: str
    commit: Sha
    subject: str = ""
    author: str = ""
    works: tuple[Work, ...] = ()


class Code(Protocol):
    """The project's code, at any of its revisions. May block; is asked in a thread."""

    def resolve(self, revision: str) -> Sha | None:
        """The commit that an id, whole or shortened, names; None where there is none, or several."""

    def find_path(self, revision: Sha, path: str) -> str | None:
        """Where a file that a program calls ``path`` is in the repository: its root may be a folder of it."""

    def index(self, revision: Sha) -> CodeIndex | None:
        """What the revision does with databases; None where that is not known in time."""


class Blame(Protocol):
    """Who wrote what. May block; is asked in a thread."""

    def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:
        """Who wrote these lines, as far as anybody knows; empty where the revision does not have them."""

    def is_before(self, old: Sha, new: Sha) -> bool:
        """Whether ``new`` has ``old`` in its history."""


class Deployed(Protocol):
    """What runs."""

    def find(self, database: str) -> Sha | None:
        """The commit that was said to run against a database; None where nobody said."""
