"""SQLAlchemy 2, sync and asyncio: ``install(engine)`` once, where the engine is made."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.orm.mapper import _all_registries
from sqlalchemy.pool import QueuePool

from watchkeeper_tag.drivers import database_of_file, make_link, name_database
from watchkeeper_tag.guard import Table
from watchkeeper_tag.journal import Link, Pool
from watchkeeper_tag.tagging import Tagging

_ASSIGNED = "watchkeeper_tag"
_FLUSHING = "watchkeeper_tag flushing"


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
        self._engine, self._tagging, self._name = engine, tagging, name
        self._pool: Pool | None = None
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)
        for moment in ("commit", "rollback"):
            event.listen(engine, moment, lambda connection: self._link(connection).clear())
        for moment in ("commit_twophase", "rollback_twophase"):
            event.listen(engine, moment, lambda connection, *_: self._link(connection).clear())
        event.listen(engine, "checkout", self._taken)
        event.listen(engine, "checkin", lambda raw, _: self._given_back(raw))
        for moment in ("close", "close_detached", "invalidate"):
            event.listen(engine, moment, lambda raw, *_: tagging.journal.forget(raw))
        event.listen(engine, "engine_disposed", lambda _: self._watch_pool())
        for moment in ("before_update", "before_insert", "before_delete"):
            event.listen(Mapper, moment, self._flushed)
        _Mapped.of(tagging)
        self._watch_pool()

    # Statements

    def _before(
        self, connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        table = getattr(getattr(getattr(context, "compiled", None), "statement", None), "table", None)
        if isinstance(table, sa.Table) and not self._tagging.knows(table.name.lower()):
            self._tagging.learn(_describe(table))
        return self._tagging.before(self._link(connection), statement, None if many else parameters), parameters

    def _after(
        self, connection: sa.Connection, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        self._tagging.after(self._link(connection), statement, getattr(cursor, "rowcount", -1))

    def _failed(self, context: Any) -> None:
        if context.connection is not None and not context.connection.invalidated:
            link = self._link(context.connection)
            if link.whole:
                self._tagging.busy(link, context.original_exception)
            self._tagging.failed(link, _code(context.original_exception))

    def _link(self, connection: sa.Connection) -> Link:
        raw = connection.connection.dbapi_connection
        return self._tagging.journal.find(raw) or self._add(raw)

    def _add(self, raw: Any) -> Link:
        url = self._engine.url
        whole = url.get_backend_name() == "sqlite"
        server = url.host or url.query.get("host")
        name = database_of_file(url.database or "") if whole else name_database(server, url.port, url.database)
        return self._tagging.journal.add(raw, make_link(raw, name, whole=whole, is_told=True))

    def _flushed(self, mapper: Any, connection: sa.Connection, target: Any) -> None:
        """The next statements on this connection are a flush's; its values were assigned before, elsewhere."""
        if connection.engine is self._engine:
            assigned = sa.inspect(target).info.pop(_ASSIGNED, "")
            session = orm.object_session(target)
            if assigned and session is not None:
                link = self._link(connection)
                link.assigned[str(getattr(mapper.local_table, "name", "")).lower()] = assigned
                session.info.setdefault(_FLUSHING, set()).add(link)

    # Its pool

    def _taken(self, raw: Any, *_: Any) -> None:
        link = self._tagging.journal.find(raw) or self._add(raw)
        link.slot = self._tagging.slots.current()
        link.pool = self._pool

    def _given_back(self, raw: Any) -> None:
        if raw is not None and (link := self._tagging.journal.find(raw)) is not None:
            link.pool = None
            link.clear()

    def _watch_pool(self) -> None:
        """Who asks for a connection while he holds one, and who has to wait: of that the server sees nothing."""
        pools = self._tagging.journal.pools
        if self._pool in pools:
            pools.remove(self._pool)  # its engine was disposed of
        pool = self._engine.pool
        if not isinstance(pool, QueuePool):
            return
        limit = pool.size() + pool._max_overflow if pool._max_overflow >= 0 else 0  # noqa: SLF001 - no public name
        told = self._pool = Pool(self._name, limit, pool.checkedout)
        pools.append(told)
        tagging = self._tagging
        get = pool._do_get  # noqa: SLF001 - nothing else tells that somebody begins to wait

        def watched_get() -> Any:
            slot = tagging.waiting(told)
            try:
                return get()
            finally:
                told.waiting.pop(slot, None)

        pool._do_get = watched_get  # type: ignore[method-assign] # noqa: SLF001


class _Mapped:
    """What mapped classes tell: where their attributes are set - an UPDATE is sent long after, from a line that decided
    nothing - and which columns are unique."""

    def __init__(self, tagging: Tagging) -> None:
        self._finder, self._tagging = tagging.finder, weakref.ref(tagging)
        event.listen(Mapper, "mapper_configured", self._configured)
        event.listen(Session, "after_flush", self._has_flushed)
        for registry in list(_all_registries()):
            for mapper in registry.mappers:
                if mapper.configured:
                    self._configured(mapper, mapper.class_)

    @staticmethod
    def of(tagging: Tagging) -> None:
        """Listen, once for all engines of a tagging."""
        if tagging not in _LISTENING:
            _LISTENING[tagging] = _Mapped(tagging)

    def _configured(self, mapper: Any, _class: Any) -> None:
        for attribute in mapper.column_attrs:
            event.listen(attribute.class_attribute, "set", self._assigned)
        tagging = self._tagging()
        if tagging is not None and isinstance(mapper.local_table, sa.Table):
            tagging.learn(_describe(mapper.local_table))

    def _assigned(self, target: Any, value: Any, old: Any, _initiator: Any) -> None:
        if value is not old:
            sa.inspect(target).info[_ASSIGNED] = self._finder.find(2).shown

    @staticmethod
    def _has_flushed(session: Any, _context: Any) -> None:
        for link in session.info.pop(_FLUSHING, ()):
            link.assigned.clear()


_LISTENING: weakref.WeakKeyDictionary[Tagging, _Mapped] = weakref.WeakKeyDictionary()


def _describe(table: sa.Table) -> Table:
    unique = [tuple(each.name.lower() for each in columns) for columns in _find_unique(table)]
    refers = [
        (
            key.parent.name.lower(),
            key.target_fullname.split(".")[-2].lower(),
            key.target_fullname.split(".")[-1].lower(),
        )
        for key in sorted(table.foreign_keys, key=lambda each: each.parent.name)
    ]
    return Table(table.name.lower(), tuple(dict.fromkeys(each for each in unique if each)), tuple(refers))


def _find_unique(table: sa.Table) -> Iterator[Iterable[Any]]:
    yield table.primary_key.columns
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            yield constraint.columns
    for index in table.indexes:
        if index.unique:
            yield index.columns


def _code(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
