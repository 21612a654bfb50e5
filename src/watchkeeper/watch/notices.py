"""Who has to be told of what, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from watchkeeper.conflicts.notice import notice_id, notice_text
from watchkeeper.conflicts.standing import ConflictState, NoticeState, State, Status, find_living, living_of
from watchkeeper.model.agents import Heed, Notice, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import Event, NoticeQueued, NoticeSettled
from watchkeeper.model.ids import ChangeId, ConflictId, Millis
from watchkeeper.model.probing import Outcome
from watchkeeper.watch.incident_notices import incident_notices
from watchkeeper.watch.landing_notices import landing_notices, over_in_queue

Working = Mapping[ChangeId, Sequence[Session]]
"""The sessions at work on each change."""

_SHOW = "watchkeeper conflicts"
_AGAIN_MS = 60_000
_WAVE_MS = 30_000


def decide_notices(state: State, working: Working, least: Severity, now: Millis) -> tuple[Event, ...]:
    """What follows for notices from where everything stands.

    A session is told of a conflict of its change once, and again only where it has become graver, or where texts clash
    in further places. What is over, or has become less, is settled. Of what has landed those concerned are told one
    after the other, the gravest first, so that not all of them rebase at once; what is blocking is told at once.
    """
    queued = [*_graver(state, working, least, now), *landing_notices(state, working), *incident_notices(state, working)]
    fresh = {(event.notice.session, event.notice.conflict) for event in queued}
    settled = [event for each in state.notices.values() if (event := _settle(each, state, fresh)) is not None]
    return (*settled, *queued, *_grown(state, working, least, now))


def waiting_for(state: State, session: SessionId) -> tuple[Notice, ...]:
    """What the session was not told yet, the gravest first."""
    found = [
        each
        for each in state.notices.values()
        if each.notice.session == session and each.delivered_at is None and each.heed is None
    ]
    found.sort(key=lambda each: (-each.notice.severity.rank, each.queued_at, each.notice.id))
    return tuple(each.notice for each in found)


def standing_for(state: State, session: SessionId) -> tuple[Notice, ...]:
    """What the session was told, and nothing came of yet, the oldest first."""
    return tuple(
        each.notice
        for each in state.notices.values()
        if each.notice.session == session and each.delivered_at is not None and each.heed is None
    )


class _Told(NamedTuple):
    """The gravest that a session was told of a conflict, and all subjects that it was told of it."""

    rank: int = -1
    about: frozenset[str] = frozenset()


def _told(state: State, now: Millis) -> dict[tuple[SessionId, ConflictId], _Told]:
    """What each session was told, or is about to be told, of each conflict as long as it stands, by whatever name.

    One that was over and has opened again is news, a minute after it was over: what flickers while somebody types is
    told once. So it is at once where it is about something else by then.
    """
    found: dict[tuple[SessionId, ConflictId], _Told] = {}
    for each in state.notices.values():
        notice = each.notice
        if notice.conflict is None or _is_past(each, state, now):
            continue
        for conflict in living_of(state.conflicts, notice.conflict):
            before = found.get(key := (notice.session, conflict.conflict.id), _Told())
            found[key] = _Told(max(before.rank, notice.severity.rank), before.about | set(notice.about))
    return found


def _graver(state: State, working: Working, least: Severity, now: Millis) -> list[NoticeQueued]:
    """Conflicts of which a session was told nothing, or of less than they are."""
    told, due = _told(state, now), _waves(state, working, least)
    return [
        NoticeQueued(_notice(each, change, session, working, now=now, changes=state.changes))
        for each, change, session in _concerned(state, working, least)
        if told.get((session.id, each.conflict.id), _Told()).rank < each.severity.rank
        and now >= due.get((session.id, each.conflict.id), 0)
    ]


def _grown(state: State, working: Working, least: Severity, now: Millis) -> list[NoticeQueued]:
    """What a conflict is about that a session was not told of which was told of the conflict, and of no less.

    Texts may clash in further places, and what one relied on may become what each does on the other's; of all others
    the subjects make the identity.
    """
    told, found = _told(state, now), []
    for each, change, session in _concerned(state, working, least):
        before = told.get((session.id, each.conflict.id), _Told())
        if before.about and before.rank >= each.severity.rank:
            further = tuple(name for name in _places(each.conflict) if name not in before.about)
            if further:
                notice = _notice(each, change, session, working, now=now, changes=state.changes, further=further)
                found.append(NoticeQueued(notice))
    return found


def _places(conflict: Conflict) -> tuple[str, ...]:
    """What it may come to be about while it stands."""
    match conflict.kind:
        case Kind.TEXT:
            return conflict.subjects[:-1]  # the last is the file
        case Kind.WRITE_SKEW:
            return conflict.subjects[:2]
        case _:
            return ()


def _concerned(state: State, working: Working, least: Severity) -> Iterator[tuple[ConflictState, ChangeId, Session]]:
    """The open conflicts, each with the sessions at work on its sides."""
    for each in state.conflicts.values():
        if each.status is Status.OPEN and each.severity.rank >= least.rank:
            for change in each.conflict.changes:
                for session in working.get(change, ()):
                    yield each, change, session


def _is_past(each: NoticeState, state: State, now: Millis) -> bool:
    """It speaks of an earlier life of its conflict."""
    conflict = find_living(state.conflicts, each.notice.conflict) if each.notice.conflict is not None else None
    if conflict is None or each.settled_at is None or each.heed is Heed.UNANSWERED:
        return False
    if conflict.opened_at < each.settled_at:
        return False
    return now - each.settled_at >= _AGAIN_MS or _is_elsewhere(conflict.conflict, each.notice.text)


def _is_elsewhere(conflict: Conflict, said: str) -> bool:
    """It is about nothing that was named: two changes may clash in one file at one place, and then at another."""
    names = [subject.rpartition(":")[2].rpartition(".")[2] for subject in conflict.subjects if ":" in subject]
    return bool(names) and not any(name in said for name in names)


def _notice(
    state: ConflictState,
    change: ChangeId,
    session: Session,
    working: Working,
    *,
    now: Millis,
    changes: Mapping[ChangeId, Change],
    further: Sequence[str] = (),
) -> Notice:
    others = [each for other in state.conflict.changes if other != change for each in working.get(other, ())]
    return Notice(
        id=notice_id(session.id, state),
        session=session.id,
        severity=state.severity,
        text=notice_text(state, change, others, now, conflict_verb=_SHOW, changes=changes, further=further),
        conflict=state.conflict.id,
        confidence=state.conflict.confidence,
        about=state.conflict.subjects,
    )


def _waves(state: State, working: Working, least: Severity) -> dict[tuple[SessionId, ConflictId], Millis]:
    """When each session may hear of each conflict with a landed change."""
    concerned: dict[ChangeId, dict[SessionId, tuple[int, list[ConflictId]]]] = {}
    for each in state.conflicts.values():
        if each.status is not Status.OPEN or not least.rank <= each.severity.rank < Severity.BLOCKING.rank:
            continue
        for landed, change in permutations(each.conflict.changes, 2):
            if state.changes.get(landed) is None or state.changes[landed].source is not Source.LANDED:
                continue
            for session in working.get(change, ()):
                rank, conflicts = concerned.setdefault(landed, {}).get(session.id, (0, []))
                concerned[landed][session.id] = (max(rank, each.severity.rank), [*conflicts, each.conflict.id])
    due: dict[tuple[SessionId, ConflictId], Millis] = {}
    for landed, sessions in concerned.items():
        begins = state.changes[landed].landed_at or Millis(0)
        order = sorted(sessions, key=lambda identity: (-sessions[identity][0], identity))
        for place, identity in enumerate(order):
            for conflict in sessions[identity][1]:
                due[identity, conflict] = Millis(begins + place * _WAVE_MS)
    return due


def _settle(each: NoticeState, state: State, fresh: set[tuple[SessionId, ConflictId | None]]) -> NoticeSettled | None:
    notice = each.notice
    ended_at = _ended_at(state, notice.session)
    if each.heed in (Heed.HEEDED, Heed.MOOT) or (each.heed is Heed.UNANSWERED and ended_at is not None):
        return None
    is_delivered = each.delivered_at is not None
    over = (
        _over(find_living(state.conflicts, notice.conflict), notice.severity, ended_at)
        if notice.conflict is not None
        else None
    )
    if notice.entry is not None:
        over = over_in_queue(notice, state)
    if notice.incident is not None and is_delivered and each.heed is None:
        news = state.incidents.get(notice.incident)
        if news is None or news.is_over:
            return NoticeSettled(notice.id, Heed.MOOT, "the incident is over")
    if over is not None:
        return NoticeSettled(notice.id, Heed.HEEDED if is_delivered else Heed.MOOT, over)
    if not is_delivered and notice.conflict is not None and (notice.session, notice.conflict) in fresh:
        return NoticeSettled(notice.id, Heed.MOOT, "it has become graver, and is told so")
    if each.heed is None and ended_at is not None:
        why = "the session was done" if is_delivered else "the session was done before it could be told"
        return NoticeSettled(notice.id, Heed.UNANSWERED, why)
    return None


def _ended_at(state: State, session: SessionId) -> Millis | None:
    known = state.sessions.get(session)
    return known.ended_at if known is not None else None


def _over(conflict: ConflictState | None, told: Severity, ended_at: Millis | None) -> str | None:
    """Why there is nothing left to answer; None where there is, or was when the session was done."""
    if conflict is not None and ended_at is not None and conflict.changed_at >= ended_at:
        return None
    if conflict is None or conflict.status is Status.CLOSED:
        return "the conflict is closed"
    if conflict.status is Status.DISMISSED:
        return "a person dismissed the conflict"
    if conflict.proof is not None and conflict.proof.outcome is Outcome.CLEARED:
        return "tests cleared it"
    return "it has become less" if conflict.severity.rank < told.rank else None
