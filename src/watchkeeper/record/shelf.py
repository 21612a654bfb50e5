"""State that is kept beside the log: too much of it changes for each change to be a fact worth recording."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from watchkeeper.model.ids import ProjectId
from watchkeeper.record.store import Store
from watchkeeper.record.tables import KEPT

_AT_ONCE = 500


class Shelf:
    """Values by name in ``store``, only ever the newest. Names are plain text; values are the owner's to read.

    Whoever reads has to bear that a value is missing, or was written by another version.
    """

    def __init__(self, store: Store, project: ProjectId, name: str) -> None:
        self._store = store
        self._key = {"project": str(project), "shelf": name}

    def read(self) -> dict[str, bytes]:
        """All that is kept. Raises WatchkeeperError."""
        query = sa.select(KEPT.c.name, KEPT.c.value).where(*self._own())
        with self._store.reading() as connection:
            return {row.name: bytes(row.value) for row in connection.execute(query)}

    def put(self, values: Mapping[str, bytes | None]) -> None:
        """Keep these, all or none; None: no longer. Raises WatchkeeperError; the shelf is then as it was."""
        if not values:
            return
        rows = [{**self._key, "name": name, "value": value} for name, value in values.items() if value is not None]
        with self._store.writing() as connection:
            names = list(values)
            for start in range(0, len(names), _AT_ONCE):
                some = names[start : start + _AT_ONCE]
                connection.execute(sa.delete(KEPT).where(*self._own(), KEPT.c.name.in_(some)))
            if rows:
                connection.execute(sa.insert(KEPT), rows)

    def _own(self) -> tuple[sa.ColumnElement[bool], ...]:
        return KEPT.c.project == self._key["project"], KEPT.c.shelf == self._key["shelf"]
