"""The syntax tree of JavaScript and TypeScript for those who look for patterns in it, without its grammar's types."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tree_sitter import Node, Query, QueryCursor

from watchkeeper.code.languages._typescript_source import (
    Dialect,
    Source,
    UnreadableError,
    grammar_of,
    last_line,
    prepare,
)

_DIALECTS = {
    ".ts": Dialect.TYPESCRIPT, ".mts": Dialect.TYPESCRIPT, ".cts": Dialect.TYPESCRIPT, ".tsx": Dialect.TSX,
    ".js": Dialect.JAVASCRIPT, ".jsx": Dialect.JAVASCRIPT, ".mjs": Dialect.JAVASCRIPT, ".cjs": Dialect.JAVASCRIPT,
}  # fmt: skip


class ScriptNode:
    """A node: its kind as the grammar calls it, its text, its 1-based first line."""

    __slots__ = ("_node", "_source")

    def __init__(self, source: Source, node: Node) -> None:
        self._source = source
        self._node = node

    @property
    def kind(self) -> str:
        return self._node.type

    @property
    def text(self) -> str:
        return self._source.text(self._node)

    @property
    def line(self) -> int:
        return self._node.start_point[0] + 1

    @property
    def last_line(self) -> int:
        return last_line(self._node)

    @property
    def span(self) -> tuple[int, int]:
        """Where it begins and ends, in bytes."""
        return self._node.start_byte, self._node.end_byte

    @property
    def is_broken(self) -> bool:
        """Something in it is no sound syntax, or newer than the grammar."""
        return self._node.has_error

    @property
    def parent(self) -> ScriptNode | None:
        above = self._node.parent
        return ScriptNode(self._source, above) if above is not None else None

    def outward(self) -> Iterator[ScriptNode]:
        """What it stands in, the nearest first."""
        node = self._node.parent
        while node is not None:
            yield ScriptNode(self._source, node)
            node = node.parent

    def pieces(self) -> list[ScriptNode]:
        """All children: comments, keywords and signs too."""
        return [ScriptNode(self._source, child) for child in self._node.children]

    def find(self, kinds: tuple[str, ...]) -> dict[str, list[ScriptNode]]:
        """All nodes below of these kinds, in the order of the text; much quicker than ``walk``."""
        found = QueryCursor(_query(self._source.dialect, kinds)).captures(self._node)
        return {
            kind: [ScriptNode(self._source, node) for node in sorted(nodes, key=_begin)]
            for kind, nodes in found.items()
        }

    def field(self, name: str) -> ScriptNode | None:
        """The child of that name in the grammar."""
        child = self._node.child_by_field_name(name)
        return ScriptNode(self._source, child) if child is not None else None

    def children(self) -> list[ScriptNode]:
        """The named children without comments."""
        return [ScriptNode(self._source, child) for child in self._node.named_children if child.type != "comment"]

    def walk(self) -> Iterator[ScriptNode]:
        """The node and all below it, in the order of the text."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children())


def parse_script(path: str, source: bytes) -> ScriptNode | None:
    """The root of the file's tree; None where no grammar reads it, or it is no program text. Never raises."""
    return read_script(path, source)[0]


def read_script(path: str, source: bytes) -> tuple[ScriptNode | None, str]:
    """The root of the file's tree, or None and the reason why there is none. Never raises."""
    dialect = _DIALECTS.get(path[path.rfind(".") :]) if "." in path else None
    if dialect is None:
        return None, "no grammar reads it"
    try:
        parsed = Source(dialect, prepare(source))
    except UnreadableError as error:
        return None, str(error)
    return ScriptNode(parsed, parsed.root), ""


def _begin(node: Node) -> int:
    return node.start_byte


@lru_cache(maxsize=64)
def _query(dialect: Dialect, kinds: tuple[str, ...]) -> Query:
    """Kinds that the grammar does not know are left out: it has no such nodes."""
    grammar = grammar_of(dialect)
    known = [kind for kind in kinds if grammar.id_for_node_kind(kind, True)]
    return Query(grammar, "\n".join(f"({kind}) @{kind}" for kind in known))
