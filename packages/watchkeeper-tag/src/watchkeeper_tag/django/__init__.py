"""Django: ``watchkeeper_tag.django`` in ``INSTALLED_APPS``, or ``install()`` in an ``AppConfig.ready`` of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps as applications  # `apps` is a module of this package
from django.db import connections, models
from django.db.backends.signals import connection_created
from django.db.utils import Error

from watchkeeper_tag.drivers import ask_weakly, database_of_file, make_link
from watchkeeper_tag.guard import Table
from watchkeeper_tag.journal import Link
from watchkeeper_tag.tagging import Tagging

_INSTALLED = "_watchkeeper_tag"


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
    if applications.models_ready:
        for model in applications.get_models(include_auto_created=True):
            told.learn(_describe(model))
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
            self._tagging.busy(link, error.__cause__)
            self._tagging.failed(link, str(getattr(error.__cause__, "sqlstate", "") or ""))
            raise
        cursor = context.get("cursor")
        self._tagging.after(link, statement, getattr(cursor, "rowcount", -1))
        link.refresh()
        return done

    def _link(self) -> Link:
        raw = self._connection.connection
        return self._tagging.journal.find(raw) or self._add(raw)

    def _add(self, raw: Any) -> Link:
        whole = self._connection.vendor == "sqlite"
        name = self._connection.settings_dict.get("NAME", "")
        link = make_link(raw, database_of_file(name) if whole else str(name), whole=whole)
        link.ask = ask_weakly(self._connection, _is_open)
        return self._tagging.journal.add(raw, link)


def _is_open(connection: Any) -> bool:
    return bool(connection.in_atomic_block or not connection.autocommit)


def _describe(model: type[models.Model]) -> Table:
    meta = model._meta  # noqa: SLF001 - Django's own name for it, documented
    refers = [
        (each.column.lower(), field.model._meta.db_table.lower(), field.column.lower())  # noqa: SLF001
        for each in meta.concrete_fields
        if each.is_relation and (field := each.target_field) is not None
    ]
    unique = dict.fromkeys(_find_unique(model))
    return Table(meta.db_table.lower(), tuple(unique), tuple(refers))


def _find_unique(model: type[models.Model]) -> Iterator[tuple[str, ...]]:
    meta = model._meta  # noqa: SLF001 - as above
    for field in meta.concrete_fields:
        if field.unique:
            yield (field.column.lower(),)
    together = [*meta.unique_together]
    together += [each.fields for each in meta.constraints if isinstance(each, models.UniqueConstraint) and each.fields]
    for names in together:
        yield tuple(meta.get_field(each).column.lower() for each in names)
