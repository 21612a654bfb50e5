"""TypeScript and JavaScript: Prisma, Drizzle, Knex, supabase-js and raw SQL as steps, function by function.

Calls of the project's own functions are not followed: a helper's statements are told at the helper.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from watchkeeper.code.database.claims import Claim
from watchkeeper.code.database.script_queries import Link, Tables, chain_claims
from watchkeeper.code.database.steps import EMPTY, FileSteps, Fork, Leave, Open, Procedure, Release, Step, Use
from watchkeeper.code.languages._typescript_source import Dialect, Source, UnreadableError, first_line, prepare
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import NotAnalysed, ResourceKind

HINTS = (
    b"prisma", b".transaction(", b"$transaction", b"knex", b"drizzle", b"Table(", b"supabase", b".from(", b"sql`",
    b".query(", b".execute(", b"$queryRaw", b"$executeRaw", b".raw(", b".insert(", b".update(",
)  # fmt: skip
"""One of these stands in every file that speaks to a database."""
_FUNCTIONS = frozenset(
    "function_declaration method_definition arrow_function function_expression generator_function "
    "generator_function_declaration".split()
)
_DEEPEST = 400


class _Named(NamedTuple):
    """A function with a name of its own, and its body."""

    symbol: str
    node: Node


def read_script(path: str, source: bytes, tree: SourceTree) -> FileSteps:
    """What the functions of a file do with databases. Never raises."""
    if not any(hint in source for hint in HINTS):
        return EMPTY
    try:
        parsed = Source(_dialect(path), prepare(source))
    except UnreadableError as error:
        return FileSteps({}, (NotAnalysed(ResourceKind.TABLE, 1, str(error)),))
    tables = Tables(path, parsed, tree)
    procedures: dict[str, Procedure] = {}
    unknown: list[NotAnalysed] = []
    for named in (_Named("", parsed.root), *_functions(parsed, parsed.root, "", 0)):
        walker = _Walker(parsed, tables)
        walker.children(named.node, 0)
        unknown += walker.unknown
        if walker.steps:
            procedures[named.symbol] = Procedure(named.symbol, first_line(named.node), (), tuple(walker.steps))
    return FileSteps(procedures, tuple(unknown))


def _dialect(path: str) -> Dialect:
    if path.endswith((".ts", ".mts", ".cts")):
        return Dialect.TYPESCRIPT
    return Dialect.TSX if path.endswith(".tsx") else Dialect.JAVASCRIPT


def _functions(source: Source, node: Node, prefix: str, depth: int) -> Iterator[_Named]:
    if depth > _DEEPEST:
        return
    for child in node.named_children:
        name = _own_name(source, child)
        if name:
            body = child.child_by_field_name("value") if child.type == "variable_declarator" else child
            if body is not None and child.type not in ("class_declaration", "abstract_class_declaration"):
                yield _Named(f"{prefix}{name}", body)
            yield from _functions(source, child, f"{prefix}{name}.", depth + 1)
        else:
            yield from _functions(source, child, prefix, depth + 1)


def _own_name(source: Source, node: Node) -> str:
    """The name of a function or class that is a symbol; ``""`` for anything else."""
    if node.type in ("function_declaration", "generator_function_declaration", "method_definition"):
        return source.field_text(node, "name")
    if node.type in ("class_declaration", "abstract_class_declaration"):
        return source.field_text(node, "name")
    if node.type in ("variable_declarator", "public_field_definition", "field_definition"):
        value = node.child_by_field_name("value")
        if value is not None and value.type in ("arrow_function", "function_expression"):
            return source.field_text(node, "name")
    return ""


class _Walker:
    """Follows one function; callbacks in it are taken where they stand."""

    def __init__(self, source: Source, tables: Tables) -> None:
        self.source = source
        self.tables = tables
        self.steps: list[Step] = []
        self.unknown: list[NotAnalysed] = []

    def children(self, node: Node, depth: int) -> None:
        for child in node.named_children:
            if depth < _DEEPEST and not _own_name(self.source, child):
                self._node(child, depth + 1)

    def _node(self, node: Node, depth: int) -> None:
        match node.type:
            case "call_expression":
                self._call(node, depth)
            case "if_statement":
                self._if(node, depth)
            case _:
                self.children(node, depth)

    def _if(self, node: Node, depth: int) -> None:
        condition, ways = node.child_by_field_name("condition"), []
        if condition is not None:
            self._node(condition, depth)
        for field in ("consequence", "alternative"):
            way = node.child_by_field_name(field)
            mine, self.steps = self.steps, []
            if way is not None:
                self._node(way, depth)
                if _ends(way):
                    self.steps.append(Leave(first_line(way)))
            ways.append(tuple(self.steps))
            self.steps = mine
        if any(ways):
            self.steps.append(Fork(first_line(node), tuple(ways)))

    def _call(self, node: Node, depth: int) -> None:
        root, links = unroll(self.source, node)
        last = links[-1] if links else None
        if last is not None and last.name.lstrip("$") in ("transaction", "begin") and last.arguments is not None:
            callback = next((each for each in last.arguments.named_children if each.type in _FUNCTIONS), None)
            if callback is not None:
                self._transaction(node, root, last, callback, depth)
                return
        if root is not None and root.type not in ("identifier", "this"):
            self._node(root, depth + 1)
        for link in links:
            if link.arguments is not None:
                self.children(link.arguments, depth)
        claims, reason = chain_claims(self.source, self.tables, root, links)
        if reason:
            self.unknown.append(NotAnalysed(ResourceKind.TABLE, first_line(node), reason))
        if claims:
            self._use(root, links, claims)

    def _use(self, root: Node | None, links: list[Link], claims: list[Claim]) -> None:
        line = links[0].line if links else 1
        connection = self.source.text(root) if root is not None else ""
        if root is not None and root.type == "this" and links:
            connection = f"this.{links[0].name}"
        opened = any(isinstance(step, Open) and step.connection == connection for step in self.steps)
        name = connection if opened else f"!{connection}"
        self.steps.append(Use(line, name, tuple(claims)))

    def _transaction(self, node: Node, root: Node | None, link: Link, callback: Node, depth: int) -> None:
        parameters = callback.child_by_field_name("parameters") or callback.child_by_field_name("parameter")
        first = next(iter(parameters.named_children), None) if parameters is not None else None
        name = self.source.text(parameters).strip("()") if parameters is not None else ""
        if first is not None:
            name = self.source.field_text(first, "pattern") or self.source.text(first)
        owner = self.source.text(root) if root is not None else ""
        if not name:
            self.children(callback, depth)
            return
        self.steps.append(Open(first_line(node), name, f"{name} of {owner}.{link.name}()"))
        body = callback.child_by_field_name("body")
        if body is not None:
            self._node(body, depth + 1)
        self.steps.append(Release(node.end_point[0] + 1, name, close=True))


def unroll(source: Source, node: Node) -> tuple[Node | None, list[Link]]:
    """``db.from("t").update(x)``: its root, and one link for each step after it, in order."""
    links: list[Link] = []
    current: Node | None = node
    arguments: Node | None = None
    while current is not None:
        if current.type == "call_expression":
            arguments = current.child_by_field_name("arguments")
            current = current.child_by_field_name("function")
            if current is not None and current.type not in ("member_expression", "call_expression"):
                links.append(Link("()", arguments, first_line(current)))
                return current, links[::-1]
        elif current.type == "member_expression":
            place = current.child_by_field_name("property")
            line = first_line(place) if place is not None else first_line(current)
            links.append(Link(source.field_text(current, "property"), arguments, line))
            arguments = None
            current = current.child_by_field_name("object")
        elif current.type in ("await_expression", "parenthesized_expression", "non_null_expression"):
            current = next(iter(current.named_children), None)
        else:
            break
    return current, links[::-1]


def _ends(node: Node) -> bool:
    """Whether a branch leaves its function at its end."""
    last = node.named_children[-1] if node.type == "statement_block" and node.named_children else node
    return last.type in ("return_statement", "throw_statement")
