"""Migrations: who is whose parent, in Alembic, Django, Prisma, Supabase, Flyway and folders of numbered SQL.

A resource is a place in a sequence. ``after X`` is the place of the next migration after X: two migrations that define
it are two heads. ``is X`` is the migration X itself. ``Access.value`` is the migration's own id.
"""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.python_values import assigned, text_of, texts_of
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_DJANGO = re.compile(r"(?:^|/)([^/]+)/migrations/([^/]+)\.py$")
_PRISMA = re.compile(r"(?:^|/)prisma/(?:.*/)?migrations/(\d+)_([^/]+)/migration\.sql$")
_NUMBERED = re.compile(r"^(V?)(\d+(?:[._]\d+)*?)(__?|-)([^/]*?)(?:\.(?:up|down|do|undo))?\.(?:sql|rb)$")
_SQL_FOLDERS = frozenset({"migrations", "migration", "migrate", "schema"})


class Migration(NamedTuple):
    """One migration: its sequence, its own id, and the ids that it comes after (``()``: the first of its sequence)."""

    sequence: str
    id: str
    parents: tuple[str, ...]
    line: int
    parent_line: int
    requires: tuple[tuple[str, str], ...] = ()  # (sequence, id) of others: no parents
    replaces: tuple[str, ...] = ()


class MigrationExtractor(msgspec.Struct, frozen=True):
    """See the module."""

    kind: ResourceKind = ResourceKind.MIGRATION

    def wants(self, path: str, /) -> bool:
        return path.endswith((".py", ".sql", ".rb"))

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        if path.endswith(".py"):
            found = find_migration(path, source)
            if isinstance(found, str):
                page.miss(0, found)
            elif found is not None:
                _chained(page, found)
        else:
            _numbered(page)
        return page.reading()


def find_migration(path: str, source: bytes) -> Migration | str | None:
    """The migration in a Python file, the reason why it cannot be read, or None where the file holds none."""
    django = _DJANGO.search(path)
    if django is not None and b"migrations.Migration" in source and django.group(2) != "__init__":
        return _django(django.group(1), django.group(2), source)
    if b"down_revision" in source and b"revision" in source.replace(b"down_revision", b""):
        return _alembic(path, source)
    return None


def slot(sequence: str, parent: str) -> str:
    """The name of the place after a migration."""
    return f"{sequence} after {parent or 'nothing'}"


def itself(sequence: str, identity: str) -> str:
    """The name of a migration as others refer to it."""
    return f"{sequence} is {identity}"


def _chained(page: Page, found: Migration) -> None:
    page.add(itself(found.sequence, found.id), AccessMode.DEFINE, found.line, value=found.id)
    for parent in found.parents or ("",):
        page.add(slot(found.sequence, parent), AccessMode.DEFINE, found.parent_line, value=found.id)
        if parent:
            page.add(itself(found.sequence, parent), AccessMode.READ, found.parent_line, value=found.id)
    for sequence, identity in found.requires:
        page.add(itself(sequence, identity), AccessMode.READ, found.parent_line, value=found.id)


def _alembic(path: str, source: bytes) -> Migration | str | None:
    tree = parse_source(source).tree
    if tree is None:
        return "the migration does not parse"
    values = {pair[0]: (pair[1], statement.lineno) for statement in tree.body if (pair := assigned(statement))}
    if "revision" not in values or "down_revision" not in values:
        return None
    own, (down, line) = text_of(values["revision"][0]), values["down_revision"]
    parents = () if isinstance(down, ast.Constant) and down.value is None else texts_of(down)
    if own is None or parents is None:
        return "revision or down_revision is computed"
    sequence = f"alembic {PurePosixPath(path).parent}"
    needed = texts_of(values["depends_on"][0]) if "depends_on" in values else None
    requires = tuple((sequence, each) for each in needed or ())
    return Migration(sequence, own, parents, values["revision"][1], line, requires)


def _django(app: str, name: str, source: bytes) -> Migration | str | None:
    tree = parse_source(source).tree
    if tree is None:
        return "the migration does not parse"
    body = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Migration"), None)
    if body is None:
        return None
    values = {pair[0]: (pair[1], statement.lineno) for statement in body.body if (pair := assigned(statement))}
    node, line = values.get("dependencies", (ast.List(elts=[]), body.lineno))
    pairs = _pairs(node)
    replaced = _pairs(values["replaces"][0]) if "replaces" in values else []
    if pairs is None or replaced is None:
        return "the migration's dependencies are computed"
    return Migration(
        sequence=f"django {app}",
        id=name,
        parents=tuple(identity for label, identity in pairs if label == app),
        line=body.lineno,
        parent_line=line,
        requires=tuple((f"django {label}", identity) for label, identity in pairs if label != app),
        replaces=tuple(identity for label, identity in replaced if label == app),
    )


def _pairs(node: ast.expr) -> list[tuple[str, str]] | None:
    """``[("app", "0001_initial"), ...]``, without ``swappable_dependency`` and ``__first__``; None where computed."""
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    found = []
    for item in node.elts:
        pair = texts_of(item) if isinstance(item, ast.Tuple) else None
        if pair is not None and len(pair) == 2:
            if not pair[1].startswith("__"):
                found.append((pair[0], pair[1]))
        elif not isinstance(item, ast.Call):
            return None
    return found


def _numbered(page: Page) -> None:
    """Migrations that are ordered by the number in their name."""
    prisma = _PRISMA.search(page.path)
    if prisma is not None:
        folder = page.path.rsplit("/", 2)[0]
        page.add(itself(f"prisma {folder}", prisma.group(1)), AccessMode.DEFINE, 1, value=prisma.group(2))
        return
    place = PurePosixPath(page.path)
    numbered = _NUMBERED.match(place.name)
    if numbered is None or not _SQL_FOLDERS & {part.lower() for part in place.parts[:-1]}:
        return
    flyway, number, _, rest = numbered.groups()
    if flyway and numbered.group(3) != "__":
        return
    number = ".".join(part.lstrip("0") or "0" for part in re.split(r"[._]", number))
    tool = "flyway" if flyway else "supabase" if "supabase" in place.parts else "sql"
    page.add(itself(f"{tool} {place.parent}", number), AccessMode.DEFINE, 1, value=rest)


EXTRACTOR = MigrationExtractor()
