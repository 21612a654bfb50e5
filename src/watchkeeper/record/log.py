"""The event log: facts in the order in which they were recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Any, Self

import sqlalchemy as sa

from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.record.codec import decode_event, encode_event, kind_of, storable, subject_of
from watchkeeper.record.shelf import Shelf
from watchkeeper.record.store import Store
from watchkeeper.record.tables import EVENTS, LOG_HEAD

_PAGE = 500


class Log:
    """The log in ``store``. Numbers are gapless and increasing over all projects of a store, on either engine."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, project: ProjectId, events: Sequence[Event], at: Millis) -> tuple[Recorded, ...]:
        """Record ``events``, all or none, and give them with their numbers. They are kept when this returns.

        Raises WatchkeeperError (``record-full``, ``record-busy`` ...); the log is then as it was.
        """
        if not events:
            return ()
        with self._store.writing() as connection:
            return _append(connection, project, events, at)

    def append_if(
        self,
        project: ProjectId,
        events: Sequence[Event],
        at: Millis,
        *,
        kinds: Collection[str],
        last: Seq,
        everywhere: bool = False,
    ) -> tuple[Recorded, ...] | None:
        """The same, if the project's newest event of ``kinds`` is still number ``last`` (0: there is none); else None.

        A compare-and-swap: of several who decide from the same events only one is recorded. With ``everywhere``: if
        since ``last`` none of ``kinds`` was recorded in any project of the store. Raises as ``append`` does.
        """
        if not events:
            return ()
        newest = sa.select(sa.func.max(EVENTS.c.seq)).where(EVENTS.c.kind.in_(list(kinds)))
        # Only what is newer is looked through: the whole log has no index that would answer for all projects.
        newest = newest.where(EVENTS.c.seq >= last) if everywhere else newest.where(EVENTS.c.project == project)
        with self._store.writing() as connection:
            connection.execute(sa.update(LOG_HEAD).values(seq=LOG_HEAD.c.seq))  # nobody else writes from here on
            if (connection.execute(newest).scalar() or 0) != last:
                return None
            return _append(connection, project, events, at)

    def read(
        self,
        project: ProjectId | None,
        *,
        after: Seq = Seq(0),
        limit: int | None = None,
        kinds: Collection[str] = (),
        since: Millis | None = None,
        subject: str = "",
    ) -> Iterator[Recorded]:
        """The events of ``project`` (None: of all) that meet every condition, the oldest first, at most ``limit``.

        ``subject`` is the id of a conflict or change. Read in pages: what is appended meanwhile may appear at the end,
        and no lock is held between pages.
        """
        query = _select(project, kinds, since, subject).order_by(EVENTS.c.seq)
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page = self._fetch(query.where(EVENTS.c.seq > after).limit(size))
            yield from page
            if len(page) < size:
                return
            after, left = page[-1].seq, None if left is None else left - size

    def latest(
        self,
        project: ProjectId | None,
        *,
        limit: int,
        kinds: Collection[str] = (),
        since: Millis | None = None,
        subject: str = "",
    ) -> tuple[Recorded, ...]:
        """The newest ``limit`` of them, the oldest of these first."""
        query = _select(project, kinds, since, subject).order_by(EVENTS.c.seq.desc()).limit(max(0, limit))
        return self._fetch(query)[::-1]

    def last_seq(self) -> Seq:
        """The number of the newest event of the store; 0 where there is none."""
        with self._store.reading() as connection:
            return Seq(connection.execute(sa.select(LOG_HEAD.c.seq)).scalar_one())

    def shelf(self, project: ProjectId, name: str) -> Shelf:
        """What is kept beside the log, in the same store."""
        return Shelf(self._store, project, name)

    def close(self) -> None:
        """Close the store as well."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fetch(self, query: sa.Select[Any]) -> tuple[Recorded, ...]:
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(
            Recorded(seq=row.seq, at=row.at, project=row.project, event=decode_event(row.kind, row.payload))
            for row in rows
        )


def _append(connection: sa.Connection, project: ProjectId, events: Sequence[Event], at: Millis) -> tuple[Recorded, ...]:
    raised = sa.update(LOG_HEAD).values(seq=LOG_HEAD.c.seq + len(events)).returning(LOG_HEAD.c.seq)
    first = connection.execute(raised).scalar_one() - len(events) + 1
    recorded = tuple(
        Recorded(seq=Seq(seq), at=at, project=project, event=event)
        for seq, event in zip(count(first), events, strict=False)
    )
    connection.execute(sa.insert(EVENTS), [_row(each) for each in recorded])
    return recorded


def _row(recorded: Recorded) -> dict[str, object]:
    return {
        "seq": recorded.seq,
        "at": recorded.at,
        "project": recorded.project,
        "kind": kind_of(recorded.event),
        "subject": storable(subject_of(recorded.event)),
        "payload": encode_event(recorded.event),
    }


def _select(project: ProjectId | None, kinds: Collection[str], since: Millis | None, subject: str) -> sa.Select[Any]:
    query = sa.select(EVENTS)
    if project is not None:
        query = query.where(EVENTS.c.project == project)
    if since is not None:
        query = query.where(EVENTS.c.at >= since)
    if kinds:
        query = query.where(EVENTS.c.kind.in_(list(kinds)))
    if subject:
        query = query.where(EVENTS.c.subject == storable(subject))
    return query
