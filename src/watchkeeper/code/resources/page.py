"""One file as extractors see it: its lines, and which symbol holds which line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from watchkeeper.code.tree import SourceTree
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import Access, AccessMode, NotAnalysed, Resource, ResourceKind, ResourceReading

_LONGEST_TEXT = 160


class Page:
    """Collects what one file touches of one kind of resource."""

    def __init__(self, kind: ResourceKind, path: str, source: bytes, tree: SourceTree) -> None:
        self.path = path
        self.source = source
        self.tree = tree
        self._kind = kind
        self._accesses: list[Access] = []
        self._not_analysed: list[NotAnalysed] = []

    @cached_property
    def text(self) -> str:
        """The whole text, with one line feed a line."""
        return self.source.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")

    @cached_property
    def lines(self) -> Sequence[str]:
        return self.text.split("\n")

    def line_at(self, offset: int) -> int:
        """The 1-based line of an offset in ``text``."""
        return self.text.count("\n", 0, offset) + 1

    def symbol_at(self, line: int) -> str:
        """The qualname of the innermost symbol that holds the line; ``""`` for the module."""
        reading = self.tree.reading(self.path)
        best, size = "", float("inf")
        for symbol in reading.symbols if reading is not None else ():
            for first, last in symbol.spans:
                if symbol.qualname and first <= line <= last and last - first < size:
                    best, size = symbol.qualname, last - first
        return best

    def add(
        self,
        name: str,
        mode: AccessMode,
        line: int,
        *,
        value: str = "",
        confidence: Confidence = Confidence.SURE,
    ) -> None:
        """Take up one access."""
        text = self.lines[line - 1].strip()[:_LONGEST_TEXT] if 0 < line <= len(self.lines) else ""
        self._accesses.append(
            Access(
                resource=Resource(self._kind, name),
                mode=mode,
                line=line,
                text=text,
                symbol=self.symbol_at(line),
                value=value,
                confidence=confidence,
            )
        )

    def miss(self, line: int, reason: str) -> None:
        """Take up a place that touches what cannot be named."""
        self._not_analysed.append(NotAnalysed(self._kind, line, reason))

    def reading(self) -> ResourceReading:
        """All that was taken up."""
        return ResourceReading(tuple(self._accesses), tuple(self._not_analysed))
