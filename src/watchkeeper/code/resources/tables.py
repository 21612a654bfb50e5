"""Tables: rows read, written and locked, and the tables' own definition, from SQL text and object mappers."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.code.database.claims import Claim
from watchkeeper.code.database.files import SQL_HINT, read_database, read_sql_file
from watchkeeper.code.database.steps import FileSteps, Fork, Open, Procedure, Release, Step, Use
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import Access, NotAnalysed, Resource, ResourceKind, ResourceReading

_LONGEST_TEXT = 160
_PYTHON = (".py", ".pyi")
_SCRIPTS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")


class _Tables:
    """The extractor of database tables."""

    kind = ResourceKind.TABLE

    def wants(self, path: str) -> bool:
        return path.endswith((*_PYTHON, *_SCRIPTS, ".sql"))

    def extract(self, path: str, source: bytes, tree: SourceTree) -> ResourceReading:
        """What one file does with tables. Never raises; what it cannot see is told in ``not_analysed``."""
        try:
            if path.endswith(".sql"):
                return _of_sql(source) if SQL_HINT.search(source) else ResourceReading()
            return _of_steps(source, read_database(path, source, tree))
        except RecursionError:
            reason = NotAnalysed(ResourceKind.TABLE, 1, "nested too deeply to be followed")
            return ResourceReading(not_analysed=(reason,))


EXTRACTOR = _Tables()


def _of_steps(source: bytes, steps: FileSteps) -> ResourceReading:
    if not (steps.procedures or steps.not_analysed):
        return ResourceReading()
    lines = source.decode("utf-8", "replace").split("\n")
    accesses = [access for procedure in steps.procedures.values() for access in _of_procedure(procedure, lines)]
    ordered = sorted(dict.fromkeys(accesses), key=lambda access: (access.line, access.resource.name, access.mode))
    return ResourceReading(tuple(ordered), tuple(dict.fromkeys(steps.not_analysed)))


def _of_procedure(procedure: Procedure, lines: list[str]) -> Iterator[Access]:
    for use, held in _with_held(procedure.steps, []):
        others = tuple(dict.fromkeys(_plain(name) for name in held if name != use.connection))
        for claim in use.claims:
            if _is_told(claim):
                yield _access(claim, use.line, lines, procedure.symbol, over=_plain(use.connection), held=others)


def _with_held(steps: tuple[Step, ...], opened: list[str]) -> Iterator[tuple[Use, tuple[str, ...]]]:
    """Every use, and the connections that are open there."""
    for step in steps:
        match step:
            case Open():
                if step.connection not in opened:
                    opened.append(step.connection)
            case Release(close=True) if step.connection in opened:
                opened.remove(step.connection)
            case Use():
                yield step, tuple(opened)
            case Fork():
                for way in step.ways:
                    yield from _with_held(way, list(opened))


def _plain(connection: str) -> str:
    """A connection's name without the line that makes it unique: ``engine.begin()``."""
    return connection.partition("#")[0].removeprefix("!")


def _is_told(claim: Claim) -> bool:
    """Foreign keys and advisory locks matter to the locks check only: no text names a table there."""
    return not claim.implied and not claim.table.startswith("(")


def _access(
    claim: Claim, line: int, lines: list[str], symbol: str, *, over: str = "", held: tuple[str, ...] = ()
) -> Access:
    return Access(
        Resource(ResourceKind.TABLE, claim.table),
        claim.mode,
        line,
        lines[line - 1].strip()[:_LONGEST_TEXT] if 0 < line <= len(lines) else "",
        symbol,
        claim.columns,
        claim.form,
        confidence=claim.confidence,
        connection=over,
        held=held,
    )


def _of_sql(source: bytes) -> ResourceReading:
    text = source.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = text.split("\n")
    accesses: list[Access] = []
    unknown: list[NotAnalysed] = []
    for line, statement in read_sql_file(text):
        if statement.reason:
            unknown.append(NotAnalysed(ResourceKind.TABLE, line, statement.reason))
        accesses += [_access(claim, line, lines, "") for claim in statement.claims if _is_told(claim)]
    return ResourceReading(tuple(dict.fromkeys(accesses)), tuple(unknown))
