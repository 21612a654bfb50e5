"""Who is told what became of a finished change: it came back, it waits for a person, it broke the branch. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from watchkeeper.conflicts.landing_notice import (
    culprit_id,
    culprit_text,
    held_id,
    held_text,
    returned_id,
    returned_text,
)
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Notice, NoticeId, Session, SessionId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import NoticeQueued
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.landing import EntryId

_SHOW = "watchkeeper queue"


class _Matter(NamedTuple):
    """Something that the sessions of one change have to know."""

    change: ChangeId
    entry: EntryId
    severity: Severity
    text: str


def landing_notices(state: State, working: Mapping[ChangeId, Sequence[Session]]) -> list[NoticeQueued]:
    """Each session at work on a change, and the one that queued it, is told once for each revision and matter."""
    found = []
    for matter, identify in _matters(state):
        for session in _concerned(state, working, matter):
            identity = identify(session, matter.entry)
            if identity not in state.notices:
                found.append(NoticeQueued(Notice(identity, session, matter.severity, matter.text, entry=matter.entry)))
    return found


def over_in_queue(notice: Notice, state: State) -> str | None:
    """Why nothing is left to do about a notice of the queue; None where there is."""
    news, entry = state.landing, notice.entry
    assert entry is not None
    if notice.id == held_id(notice.session, entry):
        return None if any(each.id == entry for each in news.held.values()) else "it waits no longer"
    if notice.id == culprit_id(notice.session, entry):
        return None if any(each.entry == entry for each in news.culprits.values()) else "the target branch was repaired"
    return None if any(each.id == entry for each in news.returned.values()) else "a newer revision was queued"


_Identify = Callable[[SessionId, EntryId], NoticeId]


def _matters(state: State) -> Iterator[tuple[_Matter, _Identify]]:
    news = state.landing
    for change, bounce in news.returned.items():
        text = returned_text(bounce, show_verb=f"{_SHOW} {bounce.id}", intents=news.intents)
        yield _Matter(change, bounce.id, Severity.BLOCKING, text), returned_id
    for change, culprit in news.culprits.items():
        if culprit.revert or culprit.no_revert:
            text = culprit_text(culprit, show_verb=f"{_SHOW} {culprit.entry}", intents=news.intents)
            yield _Matter(change, culprit.entry, Severity.BLOCKING, text), culprit_id
    for change, held in news.held.items():
        yield _Matter(change, held.id, Severity.MAJOR, held_text(held, show_verb=f"{_SHOW} {held.id}")), held_id


def _concerned(state: State, working: Mapping[ChangeId, Sequence[Session]], matter: _Matter) -> list[SessionId]:
    """Who works on the change now; and who queued this revision, as long as that session lives."""
    sessions = [each.id for each in working.get(matter.change, ())]
    intent = state.landing.intents.get(matter.entry)
    known = state.sessions.get(intent.session) if intent is not None else None
    if known is not None and known.ended_at is None:
        sessions.append(known.session.id)
    return list(dict.fromkeys(sessions))
