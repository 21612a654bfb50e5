"""Which files change a database's structure when they are deployed, and which parts of them only take that back."""

from __future__ import annotations

import re

_FOLDERS = r"(?:^|/)(?:migrations?|migrate|versions|alembic)/"
_FILE = re.compile(_FOLDERS + r"(?:.*/)?[^/]+\.(?:sql|py|[mc]?[jt]s|rb)$", re.IGNORECASE)
_BACKWARD = re.compile(r"(?:^|[._/-])(?:down|undo|rollback|revert)\.(?:sql|py|[mc]?[jt]s)$", re.IGNORECASE)
_BACKWARD_SYMBOLS = frozenset({"downgrade", "down"})

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
