"""What a language must be able to do. One implementation a file in ``languages/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from watchkeeper.model.flow import Flow
from watchkeeper.model.footprint import Hunk
from watchkeeper.model.reading import Reading, Symbol


class Tree(Protocol):
    """The files of one tree, as far as finding modules needs them."""

    @property
    def paths(self) -> AbstractSet[str]:
        """All files, relative to the repository."""

    @property
    def modules(self) -> Mapping[str, tuple[str, ...]]:
        """Module name (as ``Language.module_name`` gives it) -> the paths that have it."""

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Import prefix -> path prefixes that it may stand for; the prefix ``@/*`` ends in ``*``."""


class Language(Protocol):
    """A language: pure functions over source bytes."""

    @property
    def name(self) -> str:
        """``python``, ``typescript`` ...; part of the cache key together with ``version``."""

    @property
    def version(self) -> int:
        """Raise it when ``read`` gives other values for the same bytes: caches are keyed by it."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File suffixes, with the dot."""

    def read(self, source: bytes, *, bodies: bool) -> Reading:
        """What the file says; with ``bodies`` the symbols carry their references. Never raises, whatever the bytes."""

    def normalise(self, source: bytes, symbol: Symbol, *, types: bool = True) -> str:
        """The symbol's own text, parameters and decorators included, without formatting, comments, docstrings and
        nested symbols. Equal texts mean the same behaviour. Without ``types`` the annotations of functions are left out
        too, where the language does nothing with them when it runs."""

    def find_flow(self, before: bytes, after: bytes, qualname: str, hunks: Sequence[Hunk]) -> Flow | None:
        """How the edits of one function hang together with the rest of it; None where that cannot be told.

        ``hunks`` are all that differs between the file's two texts, in their order.
        """

    def module_name(self, path: str, paths: AbstractSet[str]) -> str:
        """The module's name for people: ``click.core``. ``paths`` are all files of the tree."""

    def find_module(self, importer: str, module: str, level: int, tree: Tree) -> str | None:
        """The path of the file that ``module`` means inside ``importer``; None for an outside package."""

    def read_aliases(self, path: str, source: bytes) -> dict[str, tuple[str, ...]]:
        """Import prefixes that a configuration file defines (``tsconfig.json``'s ``paths``, a package's name)."""

    @property
    def constructor(self) -> str:
        """The name of the method that is called with the arguments when a class is called: ``__init__``."""

    @property
    def has_exports(self) -> bool:
        """Whether only what a module exports can be imported from it."""

    @property
    def alias_files(self) -> frozenset[str]:
        """Names of the configuration files that ``read_aliases`` understands."""
