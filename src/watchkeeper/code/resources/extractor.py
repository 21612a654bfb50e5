"""What an extractor is: one kind of resource, read out of one file."""

from __future__ import annotations

from typing import Protocol

from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import ResourceKind, ResourceReading


class Extractor(Protocol):
    """Finds the resources of one kind that a file touches.

    ``extract`` is pure and total: whatever the bytes, it answers. It looks for hints in the bytes first, so that a
    file without any costs microseconds. Of ``tree`` it may use the file's own reading, and what ``tree.index`` says:
    answers are kept as long as a change's files define the same.
    """

    @property
    def kind(self) -> ResourceKind:
        """The kind of all that it finds."""

    def wants(self, path: str, /) -> bool:
        """Whether files of this name can touch such a resource."""

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        """What the file touches, and where that cannot be told."""
