"""The scopes of a Python file: which names each binds and uses, by the language's own rules.

One pass over the syntax tree notes bindings, uses, attributes and calls; names are looked up afterwards, when all
bindings are known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from watchkeeper.code.checks._guards import Guards


class ScopeKind(Enum):
    MODULE = 1
    CLASS = 2
    FUNCTION = 3
    COMPREHENSION = 4


class Bound(Enum):
    """By what a name is bound."""

    IMPORT = 1
    FUNCTION = 2
    CLASS = 3
    PARAMETER = 4
    ASSIGNED = 5  # by ``x = value`` or ``x: T = value``
    OTHER = 6  # a loop, ``with``, ``except``, a pattern, ``global`` in some function


class Binding(NamedTuple):
    """One place that binds a name. ``line`` is 0 where nobody can tell when it happens."""

    how: Bound
    line: int
    node: ast.AST | None = None


class Use(NamedTuple):
    """One place that needs a name. ``lazy``: in an annotation that is not evaluated. ``looped``: it may run again."""

    name: str
    line: int
    lazy: bool
    looped: bool


class Scope:
    """One scope. ``qualname`` is that of the symbol that it is, or that holds it."""

    __slots__ = (
        "bindings",
        "deleted",
        "globals",
        "is_symbol",
        "kind",
        "node",
        "nonlocals",
        "parent",
        "qualname",
        "uses",
    )

    def __init__(self, kind: ScopeKind, parent: Scope | None, qualname: str, node: ast.AST, *, is_symbol: bool) -> None:
        self.kind = kind
        self.parent = parent
        self.qualname = qualname
        self.node = node
        self.is_symbol = is_symbol
        self.bindings: dict[str, list[Binding]] = {}
        self.uses: list[Use] = []
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.deleted: dict[str, int] = {}

    def find(self, name: str) -> Scope | None:
        """The scope that binds ``name`` for code in this one; None where only a builtin can be meant."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.globals:
                module = scope.root
                return module if name in module.bindings else None
            if (
                name in scope.bindings
                and name not in scope.nonlocals
                and (scope is self or scope.kind is not ScopeKind.CLASS)
            ):
                return scope
            scope = scope.parent
        return None

    @property
    def root(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


class Call(NamedTuple):
    """A call and what is done with its result: ``statement`` (nothing), ``await``, ``value`` (an object is expected)
    or ``""``."""

    node: ast.Call
    scope: Scope
    role: str


class PythonModule:
    """A file's scopes and what else the checks look at."""

    def __init__(self, tree: ast.Module, guards: Guards) -> None:
        self.tree = tree
        self.guards = guards
        self.module = Scope(ScopeKind.MODULE, None, "", tree, is_symbol=True)
        self.scopes: list[Scope] = [self.module]
        self.classes: dict[str, list[Scope]] = {}
        self.imports: list[tuple[ast.Import | ast.ImportFrom, Scope]] = []
        self.attributes: list[tuple[ast.Attribute, Scope]] = []
        self.calls: list[Call] = []
        self.dictionaries: list[ast.Dict] = []
        self.writes_globals = False

    @property
    def stars(self) -> Iterator[ast.ImportFrom]:
        """The ``from m import *`` statements."""
        for node, _ in self.imports:
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                yield node

    def is_bound(self, name: str) -> bool:
        """The module's namespace has the name when the module has run."""
        bindings = self.module.bindings.get(name)
        if not bindings:
            return False
        gone = self.module.deleted.get(name)
        return gone is None or any(item.line > gone or not item.line for item in bindings)
