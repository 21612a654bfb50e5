"""Plain psycopg 3, sync and asyncio: ``install(connection)``, or as ``configure=`` of its pools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg import sql

from watchkeeper_tag.drivers import make_link
from watchkeeper_tag.journal import Link
from watchkeeper_tag.tagging import Tagging


def install(connection: Any, tagging: Tagging) -> None:
    """Tag what goes over one connection; its cursors keep their kind. Connections of one application share a tagging.

    For a pool: ``ConnectionPool(dsn, configure=lambda connection: install(connection, tagging))``. A class of cursors
    of your own works as long as its ``execute`` calls the inherited one.
    """
    link = tagging.journal.add(connection, make_link(connection, ""))
    if isinstance(connection, psycopg.AsyncConnection):
        connection.cursor_factory = _asynchronous(connection.cursor_factory, tagging, link)
    else:
        connection.cursor_factory = _synchronous(connection.cursor_factory, tagging, link)


def configure_async(tagging: Tagging) -> Callable[[Any], Any]:
    """The same as what an ``AsyncConnectionPool`` takes as ``configure``."""

    async def configure(connection: Any) -> None:
        install(connection, tagging)

    return configure


def _synchronous(kind: Any, tagging: Tagging, link: Link) -> Any:
    class Tagged(kind):  # type: ignore[misc]
        """A cursor whose statements are tagged."""

        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            text = _text(query, self)
            if text is None:
                return super().execute(query, params, **more)
            tagged = tagging.before(link, text, params)
            try:
                done = super().execute(tagged, params, **more)
            except psycopg.Error as error:
                tagging.failed(link, error.sqlstate or "")
                raise
            tagging.after(link, text, self.rowcount)
            return done

        def executemany(self, query: Any, params_seq: Iterable[Any], **more: Any) -> Any:
            text = _text(query, self)
            if text is None:
                return super().executemany(query, params_seq, **more)
            tagged = tagging.before(link, text)
            done = super().executemany(tagged, params_seq, **more)
            tagging.after(link, text, self.rowcount)
            return done

    return Tagged


def _asynchronous(kind: Any, tagging: Tagging, link: Link) -> Any:
    class Tagged(kind):  # type: ignore[misc]
        """A cursor whose statements are tagged."""

        async def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            text = _text(query, self)
            if text is None:
                return await super().execute(query, params, **more)
            tagged = tagging.before(link, text, params)
            try:
                done = await super().execute(tagged, params, **more)
            except psycopg.Error as error:
                tagging.failed(link, error.sqlstate or "")
                raise
            tagging.after(link, text, self.rowcount)
            return done

        async def executemany(self, query: Any, params_seq: Iterable[Any], **more: Any) -> Any:
            text = _text(query, self)
            if text is None:
                return await super().executemany(query, params_seq, **more)
            tagged = tagging.before(link, text)
            done = await super().executemany(tagged, params_seq, **more)
            tagging.after(link, text, self.rowcount)
            return done

    return Tagged


def _text(query: Any, cursor: Any) -> str | None:
    """The statement as text; None where it is something that only the driver understands."""
    if isinstance(query, str):
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query.as_string(cursor) if isinstance(query, sql.Composable) else None
