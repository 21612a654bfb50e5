"""TypeScript, TSX and JavaScript: what a file says, read with tree-sitter.

Three rows of the table of languages, one reader: the grammars differ by suffix. The grammar for TypeScript is older
than the language; what it cannot read is listed as broken, never taken for fine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache

import msgspec

from watchkeeper.code.language import Tree
from watchkeeper.code.languages import _typescript_paths as paths_of
from watchkeeper.code.languages._typescript_draft import Draft, Outline, to_symbol
from watchkeeper.code.languages._typescript_globals import unbound_globals
from watchkeeper.code.languages._typescript_normal import normal_text
from watchkeeper.code.languages._typescript_outline import read_outline
from watchkeeper.code.languages._typescript_references import collect_references
from watchkeeper.code.languages._typescript_signature import OPTIONAL
from watchkeeper.code.languages._typescript_source import Dialect, Source, UnreadableError, prepare
from watchkeeper.model.flow import Flow
from watchkeeper.model.footprint import Hunk
from watchkeeper.model.reading import Chain, Export, ParameterKind, Reading, Reference, Span, Status, Symbol


class TypeScript(msgspec.Struct, frozen=True):
    """One dialect as a ``Language``."""

    name: str
    suffixes: tuple[str, ...]
    version: int = 2
    alias_files: frozenset[str] = paths_of.ALIAS_FILES
    has_exports: bool = True
    constructor: str = "constructor"

    def read(self, source: bytes, *, bodies: bool) -> Reading:
        """What the file says; with ``bodies`` the symbols carry their references. Never raises."""
        try:
            outline = _outline(Dialect(self.name), source)
        except UnreadableError as error:
            return Reading(language=self.name, status=Status.UNKNOWN, reason=str(error))
        if outline.broken and not (outline.drafts or outline.imports or outline.exports or outline.statements):
            return Reading(
                language=self.name,
                status=Status.UNKNOWN,
                broken=tuple(outline.broken),
                reason=_complaint(outline.broken),
            )
        broken = list(outline.broken)
        outer = _globals(outline) if bodies else None
        symbols = tuple(_finished(outline, group, broken, outer) for group in outline.groups().values())
        return Reading(
            language=self.name,
            status=Status.PARTIAL if broken else Status.PARSED,
            symbols=symbols,
            imports=tuple(outline.imports),
            exports=_distinct(outline.exports),
            broken=tuple(dict.fromkeys(sorted(broken))),
            reason=_complaint(broken) if broken else "",
            whole=outline.whole,
        )

    def normalise(self, source: bytes, symbol: Symbol, *, types: bool = True) -> str:  # noqa: ARG002  # types are kept
        """The symbol's own tokens: equal for texts that differ in layout, comments, quotes or optional marks only."""
        try:
            outline = _outline(Dialect(self.name), source)
        except UnreadableError:
            return _lines(source, symbol)
        group = outline.groups().get(symbol.qualname)
        if group is None:
            return _lines(source, symbol)
        try:
            return normal_text(outline.source, group)
        except RecursionError:
            return _lines(source, symbol)

    def find_flow(self, before: bytes, after: bytes, qualname: str, hunks: Sequence[Hunk]) -> Flow | None:  # noqa: ARG002
        """Not known: nothing here follows names through a function, so no two edits are told to be independent."""
        return None

    def module_name(self, path: str, paths: AbstractSet[str]) -> str:  # noqa: ARG002 - other languages need them
        """The path without suffix; an index file has its folder's name."""
        return paths_of.module_name(path)

    def find_module(self, importer: str, module: str, level: int, tree: Tree) -> str | None:  # noqa: ARG002
        """The file that the specifier ``module`` means inside ``importer``; None for an outside package."""
        return paths_of.find_module(importer, module, tree)

    def read_aliases(self, path: str, source: bytes) -> dict[str, tuple[str, ...]]:
        """Import prefixes that ``tsconfig.json``, ``jsconfig.json`` or ``package.json`` define."""
        return paths_of.read_aliases(path, source)


LANGUAGES = (
    TypeScript(Dialect.TYPESCRIPT.value, (".ts", ".mts", ".cts")),
    TypeScript(Dialect.TSX.value, (".tsx",)),
    TypeScript(Dialect.JAVASCRIPT.value, (".js", ".jsx", ".mjs", ".cjs")),
)


@lru_cache(maxsize=4)
def _outline(dialect: Dialect, source: bytes) -> Outline:
    """Remembered for a few files: normalising asks for the same file once a symbol."""
    return read_outline(Source(dialect, prepare(source)))


def _finished(outline: Outline, group: list[Draft], broken: list[Span], outer: Mapping[str, Chain] | None) -> Symbol:
    references: tuple[Reference, ...] = ()
    if outer is not None:
        try:
            references = collect_references(outline.source, group, outer)
        except RecursionError:  # nested beyond reason: its references are unknown
            broken.extend(draft.lines for draft in group)
    symbol = to_symbol(outline.source, group, references)
    wanted = next((draft.properties for draft in group if draft.properties), "")
    return _with_required(outline, symbol, wanted) if wanted else symbol


def _with_required(outline: Outline, symbol: Symbol, type_name: str) -> Symbol:
    """A component whose properties' type stands in the same file: its members say which are required."""
    needed = {
        draft.qualname.rpartition(".")[2]
        for draft in outline.drafts
        if draft.qualname.startswith(f"{type_name}.") and "optional" not in draft.decorators
    }
    signature = symbol.signature
    if signature is None or not needed:
        return symbol
    parameters = tuple(
        msgspec.structs.replace(parameter, default="")
        if parameter.kind is ParameterKind.KEYWORD_ONLY and parameter.default == OPTIONAL and parameter.name in needed
        else parameter
        for parameter in signature.parameters
    )
    return msgspec.structs.replace(symbol, signature=msgspec.structs.replace(signature, parameters=parameters))


def _globals(outline: Outline) -> Mapping[str, Chain]:
    bound = {draft.qualname for draft in outline.drafts}
    return unbound_globals(bound.union(item.local for item in outline.imports))


def _distinct(exports: list[Export]) -> tuple[Export, ...]:
    """Without the repetitions that overloads make."""
    return tuple({(item.public, item.local, item.module): item for item in reversed(exports)}.values())[::-1]


def _complaint(broken: list[Span]) -> str:
    return f"cannot be read from line {min(first for first, _ in broken)} on"


def _lines(source: bytes, symbol: Symbol) -> str:
    """The raw lines, where nothing better can be had."""
    lines = source.splitlines()
    parts = [line for first, last in symbol.spans for line in lines[first - 1 : last]]
    return " ".join(b"\n".join(parts).decode("utf-8", "replace").split())
