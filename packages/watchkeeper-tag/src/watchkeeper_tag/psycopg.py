"""Plain psycopg 3, sync and asyncio: ``install(connection)``, or as ``configure=`` of its pools."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from inspect import iscoroutinefunction
from typing import Any

import psycopg
from psycopg import sql

from watchkeeper_tag.drivers import make_link
from watchkeeper_tag.journal import Link, Pool
from watchkeeper_tag.tagging import Tagging

_NUMBERS = itertools.count(1)


def install(connection: Any, tagging: Tagging) -> None:
    """Tag what goes over one connection; its cursors keep their kind. Connections of one application share a tagging.

    For a pool: ``ConnectionPool(dsn, configure=lambda connection: install(connection, tagging))``. A class of cursors
    of your own works as long as its ``execute`` calls the inherited one. Server-side cursors are left alone.
    """
    link = tagging.journal.add(connection, make_link(connection, ""))
    is_async = isinstance(connection, psycopg.AsyncConnection)
    make = _asynchronous if is_async else _synchronous
    connection.cursor_factory = make(connection.cursor_factory, tagging, link)
    # Its savepoints go past all cursors.
    connection.transaction = (_transaction_async if is_async else _transaction)(connection.transaction, link)


def configure_async(tagging: Tagging) -> Callable[[Any], Any]:
    """The same as what an ``AsyncConnectionPool`` takes as ``configure``."""

    async def configure(connection: Any) -> None:
        install(connection, tagging)

    return configure


def watch_pool(pool: Any, tagging: Tagging) -> None:
    """Tell who waits for a connection of a pool of psycopg_pool, sync or asyncio, and what he has of it already.

    Its connections are tagged by its ``configure``. Call this once, where the pool is made.
    """
    stats = pool.get_stats
    told = Pool(pool.name, pool.max_size, lambda: stats().get("pool_size", 0) - stats().get("pool_available", 0))
    tagging.journal.pools.append(told)
    get, put = pool.getconn, pool.putconn

    def taken(connection: Any, slot: int) -> Any:
        link = tagging.journal.find(connection)
        if link is not None:
            link.slot, link.pool = slot, told
        return connection

    def given_back(connection: Any) -> None:
        link = tagging.journal.find(connection)
        if link is not None:
            link.pool = None

    def getconn(*args: Any, **more: Any) -> Any:
        slot = tagging.waiting(told)
        try:
            return taken(get(*args, **more), slot)
        finally:
            told.waiting.pop(slot, None)

    async def getconn_async(*args: Any, **more: Any) -> Any:
        slot = tagging.waiting(told)
        try:
            return taken(await get(*args, **more), slot)
        finally:
            told.waiting.pop(slot, None)

    def putconn(connection: Any) -> Any:
        given_back(connection)
        return put(connection)

    pool.getconn = getconn_async if iscoroutinefunction(get) else getconn
    pool.putconn = putconn


@contextmanager
def _sent(tagging: Tagging, link: Link, query: Any, params: Any, cursor: Any) -> Iterator[Any]:
    """Gives the statement as it is to be sent; kept when that went well."""
    text = _text(query, cursor)
    if text is None:
        yield query
        return
    tagged = tagging.before(link, text, params)
    try:
        yield tagged
    except psycopg.Error as error:
        tagging.failed(link, error.sqlstate or "")
        raise
    tagging.after(link, text, cursor.rowcount)


def _synchronous(kind: Any, tagging: Tagging, link: Link) -> Any:
    class Tagged(kind):  # type: ignore[misc]
        """A cursor whose statements are tagged."""

        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            with _sent(tagging, link, query, params, self) as tagged:
                return super().execute(tagged, params, **more)

        def executemany(self, query: Any, params_seq: Iterable[Any], **more: Any) -> Any:
            with _sent(tagging, link, query, None, self) as tagged:
                return super().executemany(tagged, params_seq, **more)

        def stream(self, query: Any, params: Any = None, **more: Any) -> Iterator[Any]:
            with _sent(tagging, link, query, params, self) as tagged:
                yield from super().stream(tagged, params, **more)

        @contextmanager
        def copy(self, statement: Any, params: Any = None, **more: Any) -> Iterator[Any]:
            with _sent(tagging, link, statement, params, self) as tagged, super().copy(tagged, params, **more) as copy:
                yield copy

    return Tagged


def _asynchronous(kind: Any, tagging: Tagging, link: Link) -> Any:
    class Tagged(kind):  # type: ignore[misc]
        """A cursor whose statements are tagged."""

        async def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            with _sent(tagging, link, query, params, self) as tagged:
                return await super().execute(tagged, params, **more)

        async def executemany(self, query: Any, params_seq: Iterable[Any], **more: Any) -> Any:
            with _sent(tagging, link, query, None, self) as tagged:
                return await super().executemany(tagged, params_seq, **more)

        async def stream(self, query: Any, params: Any = None, **more: Any) -> AsyncIterator[Any]:
            with _sent(tagging, link, query, params, self) as tagged:
                async for each in super().stream(tagged, params, **more):
                    yield each

        @asynccontextmanager
        async def copy(self, statement: Any, params: Any = None, **more: Any) -> AsyncIterator[Any]:
            with _sent(tagging, link, statement, params, self) as tagged:
                async with super().copy(tagged, params, **more) as copy:
                    yield copy

    return Tagged


def _transaction(begin: Callable[..., Any], link: Link) -> Callable[..., Any]:
    @contextmanager
    def transaction(*args: Any, **more: Any) -> Iterator[Any]:
        with begin(*args, **more) as inner, _marked(link, inner):
            yield inner

    return transaction


def _transaction_async(begin: Callable[..., Any], link: Link) -> Callable[..., Any]:
    @asynccontextmanager
    async def transaction(*args: Any, **more: Any) -> AsyncIterator[Any]:
        async with begin(*args, **more) as inner:
            with _marked(link, inner):
                yield inner

    return transaction


@contextmanager
def _marked(link: Link, inner: Any) -> Iterator[None]:
    """A block is a savepoint where a transaction is open already; to the journal each is."""
    name = f"block {next(_NUMBERS)}"
    link.move("savepoint", name)
    try:
        yield
    except BaseException:
        link.move("rollback to", name)
        raise
    if inner.force_rollback:
        link.move("rollback to", name)
    link.move("release", name)


def _text(query: Any, cursor: Any) -> str | None:
    """The statement as text; None where it is something that only the driver understands."""
    if isinstance(query, str):
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query.as_string(cursor) if isinstance(query, sql.Composable) else None
