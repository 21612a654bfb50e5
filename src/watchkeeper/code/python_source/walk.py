"""The state of one walk over a module that notes who refers to what."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any

from watchkeeper.code.python_source.annotations import AT, OF
from watchkeeper.code.python_source.chains import LONGEST
from watchkeeper.model.reading import CallShape, Chain, Form, Reference

Evaluate = Callable[["Walk", Any], Chain]
Perform = Callable[["Walk", Any], None]

BUILTIN_ROOTS = frozenset(
    "%str %int %float %bool %bytes %complex %bytearray %memoryview %range %list %set %dict %tuple %None".split()
)
_NO_PROTOCOL = BUILTIN_ROOTS | {"?"}


class Level(Enum):
    MODULE = 1
    CLASS = 2
    FUNCTION = 3


class Walk:
    """Where the walk is: the symbol that holds what is found, and what the local names stand for.

    ``env`` maps local names to chains; a name that is not in it belongs to the module. ``members`` are the names that a
    class body has defined so far, ``owner`` is the innermost class that is a symbol.
    """

    __slots__ = (
        "defined",
        "env",
        "found",
        "globals",
        "level",
        "members",
        "out",
        "owner",
        "performers",
        "results",
        "values",
    )

    def __init__(
        self, values: Mapping[type, Evaluate], performers: Mapping[type, Perform], defined: frozenset[str]
    ) -> None:
        self.values = values
        self.performers = performers
        self.defined = defined  # the module's own names: they shadow builtins
        self.env: dict[str, Chain] = {}
        self.results: dict[str, Chain] = {}  # of nested functions, when called
        self.members: dict[str, Chain] = {}
        self.globals: set[str] = set()
        self.level = Level.MODULE
        self.owner = ""
        self.out: list[Reference] = []
        self.found: dict[str, list[Reference]] = {"": self.out}

    def value(self, node: ast.expr) -> Chain:
        """Notes what an expression uses and says what it gives."""
        return self.values[node.__class__](self, node)

    def block(self, statements: list[ast.stmt]) -> None:
        performers = self.performers
        for statement in statements:
            performers[statement.__class__](self, statement)

    def note(self, line: int, chain: Chain, form: Form, call: CallShape | None = None) -> None:
        """One use, unless it is of a builtin object's own attributes: those are never symbols of the project."""
        if chain[0] not in BUILTIN_ROOTS and not (len(chain) > 1 and chain[-2] in (OF, AT)):
            self.out.append(Reference(line, chain, form, call))

    def protocol(self, chain: Chain, method: str, line: int) -> None:
        """An operator calls ``method`` (``.__iter__``) on something that is not known to be builtin."""
        if chain[0] in _NO_PROTOCOL or chain[-1] in (OF, AT) or len(chain) >= LONGEST:
            return
        self.out.append(Reference(line, (*chain, method), Form.PROTOCOL))

    def bind(self, name: str, chain: Chain) -> None:
        """A local name stands for ``chain`` from here on."""
        self.env[name] = chain
        self.results.pop(name, None)

    @contextmanager
    def holder(self, qualname: str) -> Iterator[None]:
        """What is found inside belongs to the symbol ``qualname``."""
        outer = self.out
        self.out = self.found.setdefault(qualname, [])
        yield
        self.out = outer

    @contextmanager
    def scope(self, level: Level, owner: str, env: dict[str, Chain]) -> Iterator[None]:
        """Inside, names are those of another function or class body."""
        outer = self.level, self.owner, self.env, self.members, self.globals, self.results
        self.level, self.owner, self.env = level, owner, env
        self.members, self.globals, self.results = {}, set(), dict(self.results)
        yield
        self.level, self.owner, self.env, self.members, self.globals, self.results = outer

    @contextmanager
    def shadowed(self, names: Mapping[str, Chain]) -> Iterator[None]:
        """Inside, ``names`` stand for something else; afterwards for what they stood for, unless reassigned inside."""
        before = {name: self.env.get(name) for name in names}
        self.env.update(names)
        yield
        for name, chain in before.items():
            if self.env.get(name) is names[name]:
                if chain is None:
                    del self.env[name]
                else:
                    self.env[name] = chain
