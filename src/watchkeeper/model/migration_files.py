"""Which files change a database's structure when they are deployed, and which parts of them only take that back."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FOLDERS = r"(?:^|/)(?:migrations?|migrate|versions|alembic)/"
_FILE = re.compile(_FOLDERS + r"(?:.*/)?[^/]+\.(?:sql|py|[mc]?[jt]s|rb)$", re.IGNORECASE)
_BACKWARD = re.compile(r"(?:^|[._/-])(?:down|undo|rollback|revert)\.(?:sql|py|[mc]?[jt]s)$", re.IGNORECASE)
TAKEN_BACK = "down"
"""The symbol of what stands in a section of plain SQL that takes back what the others did."""

_BACKWARD_SYMBOLS = frozenset({"downgrade", TAKEN_BACK})
_SECTION = re.compile(
    r"\s*--\s*(?:\+(?:goose|migrate)\s+|migrate:)?(?P<way>up|down)(?:\s+migration)?(?:\s+\w+[:=]\S+|\s+notransaction)*\s*",
    re.IGNORECASE,
)

PLAIN_SQL = _FOLDERS + r"(?:.*/)?(?![^/]*(?:down|undo|rollback|revert)\.sql$)[^/]+\.sql$"
"""A pattern of migrations in plain SQL, without those that take another back."""


def is_migration_file(path: str) -> bool:
    """Whether the file stands where tools keep migrations."""
    return _FILE.search(path) is not None


def is_taken_back(path: str, symbol: str) -> bool:
    """Whether a migration does this only when it is taken back: ``downgrade()``, ``0002_x.down.sql``."""
    if not is_migration_file(path):
        return False
    return symbol.rpartition(".")[2] in _BACKWARD_SYMBOLS or _BACKWARD.search(path) is not None


def lines_taken_back(lines: Sequence[str]) -> frozenset[int]:
    """The 1-based lines of sections that take back, where one file of SQL has both ways.

    As goose (``-- +goose Down``), sql-migrate, dbmate (``-- migrate:down``) and node-pg-migrate (``-- Down Migration``)
    mark them; nothing else is on the line.
    """
    found, is_back = set[int](), False
    for number, line in enumerate(lines, 1):
        section = _SECTION.fullmatch(line)
        if section is not None:
            is_back = section["way"].lower() == TAKEN_BACK
        if is_back:
            found.add(number)
    return frozenset(found)
