"""Bytes of a TypeScript or JavaScript file -> a syntax tree, or why there is none."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor, Tree

MOST_BYTES = 2_000_000
LONGEST_LINE = 20_000

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FUNCTIONS = """[
  (return_statement) (throw_statement) (yield_expression) (class_static_block) (arrow_function) (function_expression)
  (function_declaration) (method_definition) (generator_function) (generator_function_declaration)
] @found"""


class Dialect(StrEnum):
    """Which grammar reads a file; its suffix decides."""

    TYPESCRIPT = "typescript"
    TSX = "tsx"
    JAVASCRIPT = "javascript"


class UnreadableError(Exception):
    """The bytes are no program text worth parsing; the message says why, for people."""


class Source:
    """A parsed file. Keeps the tree alive, gives the text of nodes and what each function returns and throws."""

    def __init__(self, dialect: Dialect, content: bytes) -> None:
        self.dialect = dialect
        self.content = content
        # One character a byte: nodes are sliced by byte offsets, and decoding the whole file once is much cheaper.
        self.latin = content.decode("latin-1")
        self.tree = parse(dialect, content)
        self._exits: dict[tuple[int, int], list[Node]] | None = None

    @property
    def root(self) -> Node:
        return self.tree.root_node

    def text(self, node: Node) -> str:
        """The node's source text."""
        return self.between(node.start_byte, node.end_byte)

    def between(self, start: int, end: int) -> str:
        """The text of a byte range."""
        part = self.latin[start:end]
        return part if part.isascii() else part.encode("latin-1").decode("utf-8", "replace")

    def field_text(self, node: Node, field: str) -> str:
        """The text of a child by its field name, ``""`` without one."""
        child = node.child_by_field_name(field)
        return self.text(child) if child is not None else ""

    def exits(self, function: Node) -> list[Node]:
        """The ``return``, ``throw`` and ``yield`` nodes of the function itself, not of functions nested in it."""
        if self._exits is None:
            self._exits = _collect_exits(self.dialect, self.root)
        return self._exits.get((function.start_byte, function.end_byte), [])


def prepare(source: bytes) -> bytes:
    """The text as UTF-8 without byte order mark and with Unix line ends; raises ``UnreadableError``.

    Line numbers stay what they were. Text that is not UTF-8 is taken for Latin-1: names are ASCII nearly everywhere.
    """
    if len(source) > MOST_BYTES:
        raise UnreadableError(f"larger than {MOST_BYTES // 1_000_000} MB")
    if source.startswith(_UTF16):
        source = _decode_utf16(source)
    source = source.removeprefix(codecs.BOM_UTF8)
    if b"\0" in source:
        raise UnreadableError("binary content")
    if len(source) > LONGEST_LINE and max(map(len, source.split(b"\n"))) > LONGEST_LINE:
        raise UnreadableError(f"minified: a line of more than {LONGEST_LINE:,} characters")
    if b"\r" in source:
        source = source.replace(b"\r\n", b"\n")
    if not source.isascii():
        source = _as_utf8(source)
    return source


def parse(dialect: Dialect, content: bytes) -> Tree:
    """The syntax tree of prepared text.

    Where the grammar stumbles over syntax that is newer than itself, that is blanked out (no offset moves) and the tree
    with fewer errors wins. Raises ``UnreadableError`` where recovering from errors takes the parser too long.
    """
    tree = _parse_within_budget(dialect, content)
    if not tree.root_node.has_error or dialect is Dialect.JAVASCRIPT:
        return tree
    modest = _without_novelties(content)
    if modest == content:
        return tree
    other = _parse_within_budget(dialect, modest)
    return other if _count_errors(dialect, other) < _count_errors(dialect, tree) else tree


def named_children(node: Node) -> Iterator[Node]:
    """The named children without comments."""
    for child in node.named_children:
        if child.type != "comment":
            yield child


def first_line(node: Node) -> int:
    """The 1-based line on which the node begins."""
    return node.start_point[0] + 1


def last_line(node: Node) -> int:
    """The 1-based line on which the node ends."""
    row, column = node.end_point
    return row + 1 if column or row == node.start_point[0] else row


def string_value(source: Source, node: Node) -> str:
    """What a plain string literal says, without its quotes."""
    return source.text(node)[1:-1]


def compact(text: str) -> str:
    """Source text of a type or a default value without formatting, in one quote style."""
    if "/" in text:
        text = _COMMENT.sub(lambda found: found[0] if found[0][0] in "\"'`" else " ", text)
    text = _SPACE.sub(" ", text).strip()
    text = _AROUND.sub(r"\1", text)
    text = _BEFORE_CLOSE.sub(r"\1", text).lstrip("|&")
    return text.replace("'", '"').replace(";}", "}")


_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`", re.DOTALL)
_SPACE = re.compile(r"\s+")
_AROUND = re.compile(r" ?([^\w\s$\"'`]) ?")
_BEFORE_CLOSE = re.compile(r"[,;]([)\]}>])")


@cache
def grammar_of(dialect: Dialect) -> Grammar:
    """The grammar of a dialect."""
    if dialect is Dialect.TYPESCRIPT:
        return Grammar(tree_sitter_typescript.language_typescript())
    if dialect is Dialect.TSX:
        return Grammar(tree_sitter_typescript.language_tsx())
    return Grammar(tree_sitter_javascript.language())


_VARIANCE = re.compile(rb"([<,]\s*(?:/\*.*?\*/\s*)?)((?:in\s+)?(?:out\s+)?)(?=[A-Za-z_$][\w$]*\s*(?:extends\b|[=,>]))")
_STAR_TYPE = re.compile(rb"^(export[ \t]+)(type)(?=\s*\*)", re.MULTILINE)
_ACCESSOR = re.compile(rb"((?<![\w$.]))(accessor)(?=[ \t]+[\w$#]+\s*[!?:=;])")
_GENERIC_CALL = re.compile(rb"([\w)\]}>'\"]\s*\n(?:\s*(?://[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)\s*\n)*[ \t]*)([ \t])(?=<)")


def _without_novelties(content: bytes) -> bytes:
    """The text with syntax blanked out that does not matter here, and signatures parted that begin with ``<``."""
    for pattern in (_VARIANCE, _STAR_TYPE, _ACCESSOR):
        content = pattern.sub(lambda found: found[1] + _BLANK.sub(b" ", found[2]), content)
    return _GENERIC_CALL.sub(lambda found: found[1] + b";", content)


def _parse_within_budget(dialect: Dialect, content: bytes) -> Tree:
    """Error recovery can take minutes on a few kilobytes of noise. Steps, not seconds: equal bytes end equally."""
    steps = 0
    budget = _FEWEST_STEPS + len(content) // _BYTES_A_STEP

    def is_spent(_offset: int, _has_error: bool) -> bool:
        nonlocal steps
        steps += 1
        return steps > budget

    def read(offset: int, _point: object) -> bytes:
        return content[offset : offset + _CHUNK]

    try:
        return Parser(grammar_of(dialect)).parse(read, progress_callback=is_spent)
    except ValueError:
        raise UnreadableError("too many syntax errors") from None


_FEWEST_STEPS = 1_000
_BYTES_A_STEP = 20  # sound sources take a step every 80 bytes or more
_CHUNK = 1 << 16

_BLANK = re.compile(rb"[^\n]")


@cache
def _error_query(dialect: Dialect) -> Query:
    return Query(grammar_of(dialect), "[(ERROR) (MISSING)] @found")


def _count_errors(dialect: Dialect, tree: Tree) -> int:
    return len(QueryCursor(_error_query(dialect)).captures(tree.root_node).get("found", []))


@cache
def _exit_query(dialect: Dialect) -> Query:
    return Query(grammar_of(dialect), _FUNCTIONS)


def _collect_exits(dialect: Dialect, root: Node) -> dict[tuple[int, int], list[Node]]:
    found = QueryCursor(_exit_query(dialect)).captures(root).get("found", [])
    ranged = sorted(((node.start_byte, -node.end_byte, index) for index, node in enumerate(found)))
    exits: dict[tuple[int, int], list[Node]] = {}
    open_functions: list[tuple[int, int]] = []
    for start, negative_end, index in ranged:
        node, end = found[index], -negative_end
        while open_functions and open_functions[-1][1] <= start:
            open_functions.pop()
        if node.type in ("return_statement", "throw_statement", "yield_expression"):
            if open_functions:
                exits.setdefault(open_functions[-1], []).append(node)
        else:
            open_functions.append((start, end))
    return exits


def _decode_utf16(source: bytes) -> bytes:
    try:
        return source.decode("utf-16").encode()
    except UnicodeError:
        raise UnreadableError("UTF-16 that does not decode") from None


def _as_utf8(source: bytes) -> bytes:
    try:
        source.decode("utf-8")
    except UnicodeDecodeError:
        return source.decode("latin-1").encode()
    return source
