"""The syntax tree of JavaScript and TypeScript for those who look for patterns in it, without its grammar's types."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from watchkeeper.code.languages._typescript_source import Dialect, Source, UnreadableError, prepare

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
    dialect = _DIALECTS.get(path[path.rfind(".") :]) if "." in path else None
    if dialect is None:
        return None
    try:
        parsed = Source(dialect, prepare(source))
    except UnreadableError:
        return None
    return ScriptNode(parsed, parsed.root)
