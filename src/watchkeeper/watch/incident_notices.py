"""Who is told of an incident of a database: whose change is a party, and who said to touch its functions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from watchkeeper.conflicts.incident_news import IncidentNews
from watchkeeper.conflicts.incident_notice import incident_notice_id, incident_text
from watchkeeper.conflicts.standing import State, Status
from watchkeeper.model.agents import Notice, Session, SessionId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import NoticeQueued
from watchkeeper.model.ids import ChangeId


def incident_notices(state: State, working: Mapping[ChangeId, Sequence[Session]]) -> list[NoticeQueued]:
    """Each session that is concerned is told once of each incident, and not again when that changes or comes back.

    Who is told of it as the conflict that it has proved is not told twice, and who began when it was over not at all.
    """
    found = []
    for news in state.incidents.values():
        for session, is_party in dict(_concerned(state, working, news)).items():
            identity = incident_notice_id(session, news.incident.id)
            if identity not in state.notices:
                text = incident_text(news, is_party=is_party, show_verb=f"watchkeeper incident {news.incident.id}")
                told = Notice(identity, session, Severity.BLOCKING, text, incident=news.incident.id)
                found.append(NoticeQueued(told))
    return found


def _concerned(
    state: State, working: Mapping[ChangeId, Sequence[Session]], news: IncidentNews
) -> Iterator[tuple[SessionId, bool]]:
    """The sessions, and whether their change is a party; those of whom it is true last, so that it counts."""
    known = state.conflicts.get(news.incident.conflict) if news.incident.conflict is not None else None
    by_conflict = (
        frozenset(known.conflict.changes) if known is not None and known.status is Status.OPEN else frozenset()
    )
    told = {session.id for change in by_conflict for session in working.get(change, ())}
    for identity, each in state.sessions.items():
        subjects = each.intent.subjects if each.intent is not None and each.ended_at is None else ()
        is_late = news.is_over and each.session.since > news.incident.seen
        if (
            not is_late
            and identity not in told
            and not news.symbols.isdisjoint(name.rpartition(":")[2] for name in subjects)
        ):
            yield identity, False
    for change in sorted(news.changes - by_conflict):
        for session in working.get(change, ()):
            is_late = news.is_over and session.since > news.incident.seen
            if not is_late and session.id not in told:
                yield session.id, True
