"""The functions of a Python file as steps, all of them or only those that somebody asks for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.database.python_scope import Scope
from watchkeeper.code.database.python_walk import Definition, Walker
from watchkeeper.code.database.steps import EMPTY, FileSteps, Procedure
from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import NotAnalysed

HINTS = (
    b"execute", b".objects", b"migrations.", b"op.", b"__tablename__", b"mapped_column", b"select(", b"ession",
    b"transaction.", b".begin(", b".connect(", b"cursor(", b".save(", b".query(", b"INSERT INTO", b"DELETE FROM",
    b"UPDATE ", b"SELECT ", b"insert into ", b"delete from ",
)  # fmt: skip
"""One of these stands in every file that speaks to a database; plain words are looked for faster than patterns."""
_MOST_SEARCHED = 16_000_000


def read_python(path: str, source: bytes, tree: SourceTree) -> FileSteps:
    """What the functions of a file do with databases. Never raises."""
    file = open_python(path, source, tree)
    return file.read() if file is not None else EMPTY


def open_python(path: str, source: bytes, tree: SourceTree) -> PythonFile | None:
    """The file, to be read function by function; None where it does not parse or speaks to no database."""
    if not _speaks(source):
        return None
    module = parse_source(source).tree
    return PythonFile(module, Scope(path, source, tree)) if module is not None else None


@kept_by_content(_MOST_SEARCHED)
def _speaks(source: bytes) -> bool:
    return any(hint in source for hint in HINTS)


class PythonFile:
    """One file of one tree."""

    def __init__(self, module: ast.Module, scope: Scope) -> None:
        self._body = module.body
        self._scope = scope
        self._named: dict[str, list[Definition]] | None = None
        self._known: dict[str, Procedure | None] = {}

    def read(self) -> FileSteps:
        """The whole file: the module's own statements and those of migrations as well."""
        procedures: dict[str, Procedure] = {}
        unknown: list[NotAnalysed] = []
        for qualname, node in _functions(self._body, ""):
            walker = self._walk(qualname, node)
            unknown += walker.unknown
            _add(procedures, walker, node.lineno)
        for migration in (each for each in self._body if isinstance(each, ast.ClassDef) and each.name == "Migration"):
            walker = Walker(self._scope, migration.name)
            walker.block([each for each in migration.body if isinstance(each, ast.Assign)])
            _add(procedures, walker, migration.lineno)
        top = Walker(self._scope, "")
        top.block([each for each in self._body if not isinstance(each, ast.ClassDef)])
        _add(procedures, top, 1)
        return FileSteps(procedures, (*unknown, *top.unknown))

    def find(self, qualname: str) -> Procedure | None:
        """One function, as ``read`` has it: of several definitions the last that does anything."""
        if self._named is None:
            self._named = {}
            for name, node in _functions(self._body, ""):
                self._named.setdefault(name, []).append(node)
        if qualname not in self._known:
            found: dict[str, Procedure] = {}
            for node in self._named.get(qualname, ()):
                _add(found, self._walk(qualname, node), node.lineno)
            self._known[qualname] = found.get(qualname)
        return self._known[qualname]

    def _walk(self, qualname: str, node: Definition) -> Walker:
        walker = Walker(self._scope, qualname)
        walker.run(node)
        return walker


def _add(procedures: dict[str, Procedure], walker: Walker, line: int) -> None:
    if walker.steps:
        procedures[walker.symbol] = Procedure(walker.symbol, line, walker.parameters, tuple(walker.steps))


def _functions(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _functions([*node.body, *node.orelse], prefix)
