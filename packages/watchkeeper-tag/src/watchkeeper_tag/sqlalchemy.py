"""SQLAlchemy 2, sync and asyncio: ``install(engine)`` once, where the engine is made."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.mapper import _all_registries
from sqlalchemy.pool import QueuePool

from watchkeeper_tag.drivers import make_link
from watchkeeper_tag.guard import Claim
from watchkeeper_tag.journal import Link, Pool, now_ms
from watchkeeper_tag.statements import Lock
from watchkeeper_tag.tagging import Tagging

_ASSIGNED = "watchkeeper_tag"
_MOST_PARENTS = 8


def install(engine: Any, tagging: Tagging | None = None, *, name: str = "") -> Tagging:
    """Tag what goes over this engine (an ``Engine`` or an ``AsyncEngine``), and keep its transactions' writes.

    Engines of one application share one ``tagging``, so that what one connection holds is known to the other.
    """
    told = tagging or Tagging()
    synchronous = getattr(engine, "sync_engine", engine)
    _Listener(synchronous, told, name or str(synchronous.url.database or synchronous.dialect.name))
    return told


class _Listener:
    """Of one engine."""

    def __init__(self, engine: sa.Engine, tagging: Tagging, name: str) -> None:
        self._engine, self._tagging = engine, tagging
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)
        event.listen(engine, "savepoint", lambda connection, _: self._link(connection).mark())
        event.listen(engine, "rollback_savepoint", lambda connection, *_: self._link(connection).back_to_mark())
        event.listen(engine, "release_savepoint", lambda connection, *_: self._link(connection).release_mark())
        for moment in ("commit", "rollback"):
            event.listen(engine, moment, lambda connection: self._link(connection).clear())
        event.listen(engine, "checkin", lambda raw, _: self._clear(raw))
        for moment in ("before_update", "before_insert", "before_delete"):
            event.listen(Mapper, moment, self._flushed)
        _Assignments.of(tagging)
        if isinstance(engine.pool, QueuePool):
            self._watch_pool(engine.pool, name)

    # Statements

    def _before(
        self, connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        parents = () if many else _find_parents(context, parameters)
        return self._tagging.before(
            self._link(connection), statement, None if many else parameters, parents=parents
        ), parameters

    def _after(
        self, connection: sa.Connection, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        self._tagging.after(self._link(connection), statement, getattr(cursor, "rowcount", -1))

    def _failed(self, context: Any) -> None:
        if context.connection is not None and not context.connection.invalidated:
            self._tagging.failed(self._link(context.connection), _code(context.original_exception))

    def _link(self, connection: sa.Connection) -> Link:
        raw = connection.connection.dbapi_connection
        link = self._tagging.journal.find(raw)
        if link is None:
            link = self._tagging.journal.add(raw, make_link(raw, str(self._engine.url.render_as_string())))
        return link

    def _clear(self, raw: Any) -> None:
        if raw is not None and (link := self._tagging.journal.find(raw)) is not None:
            link.clear()

    def _flushed(self, mapper: Any, connection: sa.Connection, target: Any) -> None:
        if connection.engine is self._engine:
            assigned = sa.inspect(target).info.get(_ASSIGNED, "")
            if assigned:
                self._link(connection).assigned[str(getattr(mapper.local_table, "name", "")).lower()] = assigned

    # Its pool

    def _watch_pool(self, pool: QueuePool, name: str) -> None:
        """Who asks for a connection while he holds one, and who has to wait: of that the server sees nothing."""
        limit = pool.size() + pool._max_overflow if pool._max_overflow >= 0 else 0  # noqa: SLF001 - no public name
        told = Pool(name, limit, pool.checkedout)
        self._tagging.journal.pools.append(told)
        get = pool._do_get  # noqa: SLF001 - nothing else tells that somebody begins to wait

        def watched_get() -> Any:
            slot = self._tagging.slots.current()
            told.waiting[slot] = (self._tagging.finder.find(1), now_ms())
            self._tagging.nested(told, slot)
            try:
                return get()
            finally:
                told.waiting.pop(slot, None)

        pool._do_get = watched_get  # type: ignore[method-assign] # noqa: SLF001


class _Assignments:
    """Where attributes of mapped objects are set: an UPDATE is sent long after, from a line that decided nothing."""

    def __init__(self, tagging: Tagging) -> None:
        self._finder = tagging.finder
        event.listen(Mapper, "mapper_configured", self._mapped)
        for registry in list(_all_registries()):
            for mapper in registry.mappers:
                if mapper.configured:
                    self._mapped(mapper, mapper.class_)

    @staticmethod
    def of(tagging: Tagging) -> None:
        """Listen, once for all engines of a tagging."""
        if tagging not in _LISTENING:
            _LISTENING[tagging] = _Assignments(tagging)

    def _mapped(self, mapper: Any, _class: Any) -> None:
        for attribute in mapper.column_attrs:
            event.listen(attribute.class_attribute, "set", self._assigned)

    def _assigned(self, target: Any, value: Any, old: Any, _initiator: Any) -> None:
        if value is not old:
            sa.inspect(target).info[_ASSIGNED] = self._finder.find(2).shown


_LISTENING: weakref.WeakKeyDictionary[Tagging, _Assignments] = weakref.WeakKeyDictionary()


def _find_parents(context: Any, parameters: Any) -> tuple[Claim, ...]:
    """The rows that an insert relies on by foreign keys: the server locks them against being deleted."""
    table = getattr(getattr(getattr(context, "compiled", None), "statement", None), "table", None)
    if not isinstance(table, sa.Table) or not isinstance(parameters, Mapping) or not context.isinsert:
        return ()
    found = []
    for key in list(table.foreign_keys)[:_MOST_PARENTS]:
        value = parameters.get(key.parent.name)
        if value is not None:
            found.append(Claim(key.column.table.name.lower(), Lock.KEY_SHARE, ((key.column.name, str(value)),)))
    return tuple(found)


def _code(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
