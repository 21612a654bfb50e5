"""Django: ``install()`` in an ``AppConfig.ready``, or ``watchkeeper_tag.django`` in ``INSTALLED_APPS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.utils import Error

from watchkeeper_tag.drivers import make_link
from watchkeeper_tag.tagging import Tagging

_INSTALLED = "_watchkeeper_tag"


class TagConfig(AppConfig):
    """Tags everything from the start."""

    name = "watchkeeper_tag.django"
    label = "watchkeeper_tag"

    def ready(self) -> None:
        """Called by Django once."""
        install()


def install(tagging: Tagging | None = None) -> Tagging:
    """Tag what every connection of this process sends, those that are open and those that come."""
    told = tagging or Tagging()

    def wrap(connection: Any, **_: Any) -> None:
        if getattr(connection, _INSTALLED, None) is None:
            setattr(connection, _INSTALLED, told)
            connection.execute_wrappers.append(_Wrapper(told, connection))

    connection_created.connect(wrap, weak=False, dispatch_uid="watchkeeper-tag")
    for connection in connections.all(initialized_only=True):
        wrap(connection)
    return told


class _Wrapper:
    """Around each statement of one Django connection, whatever driver's connection it has at the moment."""

    def __init__(self, tagging: Tagging, connection: Any) -> None:
        self._tagging, self._connection = tagging, connection

    def __call__(
        self, execute: Callable[..., Any], statement: str, parameters: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        link = self._link()
        tagged = self._tagging.before(link, statement, None if many else parameters)
        try:
            done = execute(tagged, parameters, many, context)
        except Error as error:
            self._tagging.failed(link, str(getattr(error.__cause__, "sqlstate", "") or ""))
            raise
        cursor = context.get("cursor")
        self._tagging.after(link, statement, getattr(cursor, "rowcount", -1))
        if not self._connection.in_atomic_block and self._connection.get_autocommit():
            link.clear()
        return done

    def _link(self) -> Any:
        raw = self._connection.connection
        found = self._tagging.journal.find(raw)
        name = str(self._connection.settings_dict.get("NAME", ""))
        return found or self._tagging.journal.add(raw, make_link(raw, name))
