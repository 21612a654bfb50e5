"""The ``duplicates`` check: two definitions of one name in one scope, of which the last silently wins."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.checks._scope_walk import read_module
from watchkeeper.code.checks._scopes import PythonModule
from watchkeeper.code.memory import recall
from watchkeeper.code.python_source.annotations import last_name
from watchkeeper.code.python_source.outline import first_line
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "TextChoices", "IntegerChoices", "Choices"})
# Decorators that keep no hold of what they decorate: a second definition takes the first one's place for everybody.
_PLAIN = frozenset(
    "staticmethod classmethod property cached_property abstractmethod cache lru_cache wraps contextmanager "
    "asynccontextmanager dataclass final override parametrize skip skipif skipIf skipUnless xfail usefixtures asyncio "
    "anyio django_db patch object override_settings expectedFailure tag fixture total_ordering define frozen".split()
)
Parent = ast.Module | ast.ClassDef


class Duplicates:
    """What is defined twice, as far as nothing could have used the first definition."""

    name = "duplicates"

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterator[Finding]:
        for path in roots:
            yield from recall(tree, (self.name, path), partial(_find_in, path), len)


CHECK = Duplicates()


def _find_in(path: str, tree: SourceTree) -> tuple[Finding, ...]:
    source = tree.source(path) if path.endswith((".py", ".pyw")) else None
    module = read_module(source) if source is not None else None
    if module is None:
        return ()
    every = (*_redefined(module, path), *_repeated_keys(module, path))
    return tuple(make_finding(tree, found.key, found.message, found.line, found.involved) for found in every)


class _Found(NamedTuple):
    key: FindingKey
    message: str
    line: int
    involved: tuple[SymbolKey, ...]


class _Definition(NamedTuple):
    """One binding of a name by one statement of a block."""

    name: str
    what: str
    node: ast.stmt
    source: str = ""  # of an import: where from


def _redefined(module: PythonModule, path: str) -> Iterator[_Found]:
    yield from _in_block(module.tree, path, "")
    for qualname, scopes in module.classes.items():
        for scope in scopes:
            if isinstance(scope.node, ast.ClassDef):
                yield from _in_block(scope.node, path, qualname)


def _in_block(parent: Parent, path: str, owner: str) -> Iterator[_Found]:
    """Only what stands in the block itself: the arms of an ``if`` or ``try`` are alternatives."""
    seen: dict[str, _Definition] = {}
    is_enum = isinstance(parent, ast.ClassDef) and any(last_name(base) in _ENUMS for base in parent.bases)
    uses = _Uses(parent)
    for statement in parent.body:
        for now in _definitions(statement, is_class=bool(owner)):
            before = seen.get(now.name)
            if before is not None and _is_lost(before, now, uses, is_enum=is_enum):
                qualname = f"{owner}.{now.name}" if owner else now.name
                yield _twice(path, qualname, before, now)
            seen[now.name] = now


def _twice(path: str, qualname: str, before: _Definition, now: _Definition) -> _Found:
    rule = "imported-twice" if before.what == now.what == "import" else "redefined"
    what = "imported from two places" if rule == "imported-twice" else f"defined twice ({before.what}, then {now.what})"
    message = f"{qualname} is {what} in {path}, and the second one silently wins"
    key = FindingKey(Duplicates.name, rule, path, qualname)
    return _Found(key, message, now.node.lineno, (SymbolKey(path, qualname),))


def _definitions(statement: ast.stmt, *, is_class: bool) -> Iterator[_Definition]:
    if isinstance(statement, _FUNCTIONS):
        yield _Definition(statement.name, "method" if is_class else "function", statement)
    elif isinstance(statement, ast.ClassDef):
        yield _Definition(statement.name, "class", statement)
    elif isinstance(statement, ast.Assign):
        if len(statement.targets) == 1 and isinstance(target := statement.targets[0], ast.Name):
            yield _Definition(target.id, "value", statement)
    elif isinstance(statement, ast.AnnAssign):
        if isinstance(statement.target, ast.Name) and statement.value is not None:
            yield _Definition(statement.target.id, "value", statement)
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from _imported(statement)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[_Definition]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            source = f"{'.' * node.level}{node.module or ''}.{alias.name}"
            yield _Definition(alias.asname or alias.name, "import", node, source)
        elif alias.asname or "." not in alias.name:
            yield _Definition(alias.asname or alias.name, "import", node, alias.name)


def _is_lost(before: _Definition, now: _Definition, uses: _Uses, *, is_enum: bool) -> bool:
    """Nothing can have taken hold of the first definition before the second one replaces it."""
    if set(now.name) == {"_"} or now.name == "*" or now.name in ("__slots__", "__all__"):
        return False
    if before.what == now.what == "import":
        is_same = before.source == now.source or before.node is now.node
        return not is_same and not uses.between(now.name, before.node, now.node)
    if "value" in (before.what, now.what) and not is_enum and not _is_constant(before, now, uses):
        return False
    return _is_plain(before.node) and _is_plain(now.node) and not uses.between(now.name, before.node, now.node)


def _is_constant(before: _Definition, now: _Definition, uses: _Uses) -> bool:
    """Two values of one constant or field; ``x = ...`` again and again is how programs are written."""
    if before.what != now.what:
        return before.what != "value"  # a value first is a declaration; a value later replaces a definition
    return uses.is_class or now.name.isupper()


def _is_plain(node: ast.stmt) -> bool:
    if not isinstance(node, _DEFINITIONS):
        return True
    return all(last_name(item) in _PLAIN for item in node.decorator_list)


class _Uses:
    """The lines on which the names of a block are read."""

    def __init__(self, parent: Parent) -> None:
        self.is_class = isinstance(parent, ast.ClassDef)
        self._parent = parent
        self._lines: dict[str, list[int]] | None = None

    def between(self, name: str, before: ast.stmt, now: ast.stmt) -> bool:
        """The name is read after the one statement began and before the other has ended its own header."""
        first, last = before.lineno, _header_end(now)
        own = range(before.lineno, (before.end_lineno or before.lineno) + 1)
        is_definition = isinstance(before, _DEFINITIONS)
        lines = self._all().get(name, ())
        return any(first <= line <= last and not (is_definition and line in own) for line in lines)

    def _all(self) -> Mapping[str, list[int]]:
        if self._lines is None:
            self._lines = {}
            for node in ast.walk(self._parent):
                if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                    self._lines.setdefault(node.id, []).append(node.lineno)
        return self._lines


def _header_end(node: ast.stmt) -> int:
    """The last line that runs before the statement binds its name: of a class that is its whole body."""
    if isinstance(node, _FUNCTIONS):
        return max(node.lineno, first_line(node), node.body[0].lineno - 1)
    return node.end_lineno or node.lineno


def _repeated_keys(module: PythonModule, path: str) -> Iterator[_Found]:
    holders = _Holders(module)
    for node in module.dictionaries:
        seen: dict[object, ast.expr] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, (str, int, bytes)):
                continue
            before = seen.get((type(key.value), key.value))
            if before is not None and ast.dump(before) != ast.dump(value):
                yield _key_twice(path, holders.at(key.lineno), key)
            seen[type(key.value), key.value] = value


def _key_twice(path: str, holder: str, key: ast.Constant) -> _Found:
    named = repr(key.value)[:80]
    message = f"the key {named} stands twice in one dictionary of {holder or path}, and the second value silently wins"
    finding = FindingKey(Duplicates.name, "repeated-key", path, f"{holder}[{named}]")
    return _Found(finding, message, key.lineno, (SymbolKey(path, holder),))


class _Holders:
    """Which symbol holds a line."""

    def __init__(self, module: PythonModule) -> None:
        self._module = module

    def at(self, line: int) -> str:
        """The innermost definition around the line, else the variable that it is assigned to."""
        found, size = "", 1 << 30
        for scope in self._module.scopes:
            node = scope.node
            if scope.is_symbol and isinstance(node, _DEFINITIONS):
                last = node.end_lineno or node.lineno
                if node.lineno <= line <= last and last - node.lineno < size:
                    found, size = scope.qualname, last - node.lineno
        return found or self._variable(line)

    def _variable(self, line: int) -> str:
        for statement in self._module.tree.body:
            if statement.lineno <= line <= (statement.end_lineno or 0):
                return next((item.name for item in _definitions(statement, is_class=False)), "")
        return ""
