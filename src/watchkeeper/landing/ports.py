"""What landing needs of the outside: git, and something that runs trees."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Candidate, Entry, EntryId
from watchkeeper.model.landing_ports import Answer, Built, Clashed, Moved, NotMoved, Question, Tip


class Gate(Protocol):
    """Says whether a tree holds. Safe for as many threads as there are slots."""

    @property
    def digest(self) -> str:
        """Of everything that an answer depends on beside the tree: commands, configuration."""

    def ask(self, question: Question, cancel: threading.Event) -> Answer:
        """Blocks for as long as the commands take; soon ends with ``stopped`` where ``cancel`` is set. Never raises."""


class Workshop(Protocol):
    """The target branch, and what git makes of entries on it. Raises GitError where git cannot be asked."""

    def tip(self) -> Tip | None:
        """Where the branch is now; None: there is no such branch."""

    def build(self, candidate: Candidate, entries: Sequence[Entry]) -> Built | Clashed:
        """Merge the entries in order."""

    def commit(self, onto: Sha, entries: Sequence[Entry], tree: Sha, gate: str) -> Sha | NotMoved:
        """The commit that lands them: its tree is ``tree``. Moves nothing."""

    def move(self, old: Sha, new: Sha) -> Moved | NotMoved:
        """Compare and swap, then look: believed is only what the branch shows afterwards."""

    def holds(self, commit: Sha) -> bool:
        """Whether the branch has the commit on its first-parent line now."""

    def landed(self, since: Sha | None, tip: Sha, intended: Mapping[Sha, Sha]) -> Collection[EntryId]:
        """The entries that the branch itself says have landed after ``since``; believed of intended commits alone."""

    def adopted(self, old: Sha, new: Sha) -> tuple[Entry, ...] | None:
        """The commits by which somebody moved the branch on, as entries; None: it was rewritten."""

    def below(self, commit: Sha) -> Sha | None:
        """The commit's first parent."""

    def tree_of(self, commit: Sha) -> Sha:
        """Its tree."""

    def revert(self, tip: Sha, entry: Entry, old: Sha, new: Sha) -> Sha | NotMoved:
        """A commit on ``tip`` without what ``entry`` did when it landed from ``old`` to ``new``."""

    def release(self, entry: EntryId) -> None:
        """Its commit need not be kept any more. Again is harmless."""
