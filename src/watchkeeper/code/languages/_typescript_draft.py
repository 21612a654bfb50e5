"""Symbols in the making: what the outline found, before it becomes values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from watchkeeper.code.languages._typescript_source import Source, first_line, last_line
from watchkeeper.model.reading import Chain, Export, Import, Reference, Signature, Span, Symbol, SymbolKind

Range = tuple[int, int]
"""Start and end byte."""


@dataclass(slots=True)
class Draft:
    """One definition. ``own`` are its nodes, ``holes`` the nodes inside them that belong to nested definitions.

    ``frame`` holds the names of the namespaces around it, ``this`` is what ``this`` means in ``function`` and
    ``owner`` the class whose bases ``super`` means. What is not ``walked`` has its references in another symbol.
    """

    qualname: str
    kind: SymbolKind
    own: list[Node]
    holes: list[Node] = field(default_factory=list)
    signature: Signature | None = None
    bases: tuple[Chain, ...] = ()
    decorators: tuple[str, ...] = ()
    type: Chain = ()
    static: bool = False
    frame: Mapping[str, Chain] = field(default_factory=dict)
    this: Chain = ()
    owner: str = ""
    function: Node | None = None
    walked: bool = True
    reads: list[Node] = field(default_factory=list)  # the part of ``own`` with references; empty: all of it
    extra: list[Reference] = field(default_factory=list)
    properties: str = ""  # the name of the type of a component's properties
    span: Span | None = None  # where it is not the lines of ``own``

    @property
    def lines(self) -> Span:
        if self.span is not None:
            return self.span
        return first_line(self.own[0]), last_line(self.own[-1])

    def ranges(self) -> Iterator[Range]:
        """The byte ranges of its own text."""
        holes = sorted((hole.start_byte, hole.end_byte) for hole in self.holes)
        for node in self.own:
            at = node.start_byte
            for start, end in holes:
                if at <= start < node.end_byte:
                    yield at, start
                    at = end
            if at < node.end_byte:
                yield at, node.end_byte


@dataclass(slots=True)
class Outline:
    """Everything a file defines, imports and exports, still tied to its tree."""

    source: Source
    drafts: list[Draft] = field(default_factory=list)
    statements: list[Node] = field(default_factory=list)  # of the module itself
    imports: list[Import] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    mentions: list[Reference] = field(default_factory=list)  # what import and export statements name
    broken: list[Span] = field(default_factory=list)
    whole: Chain = ()  # see ``Reading.whole``
    grouped: dict[str, list[Draft]] = field(default_factory=dict)

    def module(self) -> Draft:
        """The draft of the module's own statements."""
        draft = Draft("", SymbolKind.MODULE, list(self.statements))
        draft.span = (1, max(1, last_line(self.source.root)))
        draft.extra = list(self.mentions)
        return draft

    def groups(self) -> dict[str, list[Draft]]:
        """The drafts by name, in source order, the module first: overloads and merged declarations are one symbol."""
        if not self.grouped:
            self.grouped[""] = [self.module()]
            for draft in sorted(self.drafts, key=lambda draft: (draft.own[0].start_byte, draft.qualname.count("."))):
                self.grouped.setdefault(draft.qualname, []).append(draft)
        return self.grouped


def to_symbol(source: Source, group: Sequence[Draft], references: tuple[Reference, ...]) -> Symbol:
    """The finished value. Of several definitions the last with a signature speaks to callers (the implementation)."""
    main = max(group, key=lambda draft: _RANK.get(draft.kind, 0))
    signatures = [draft.signature for draft in group if draft.signature is not None]
    types = [draft.type for draft in group if draft.type]
    return Symbol(
        qualname=main.qualname,
        kind=main.kind,
        spans=tuple(dict.fromkeys(draft.lines for draft in group)),
        digest=_digest(source, group),
        signature=signatures[-1] if signatures and main.kind not in _NO_SIGNATURE else None,
        bases=tuple(dict.fromkeys(base for draft in group for base in draft.bases)),
        decorators=tuple(dict.fromkeys(name for draft in group for name in draft.decorators)),
        type=types[0] if types else (),
        static=main.static,
        references=references,
    )


_NO_SIGNATURE = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.TYPE, SymbolKind.ENUM})
# A class merged with a namespace stays a class, a function with properties a function.
_RANK = {
    SymbolKind.CLASS: 4,
    SymbolKind.FUNCTION: 3,
    SymbolKind.PROPERTY: 3,
    SymbolKind.ENUM: 2,
    SymbolKind.INTERFACE: 1,
}


def _digest(source: Source, group: Iterable[Draft]) -> str:
    pieces = [source.content[start:end].strip() for draft in group for start, end in draft.ranges()]
    return hashlib.blake2b(b"\0".join(piece for piece in pieces if piece), digest_size=8).hexdigest()
