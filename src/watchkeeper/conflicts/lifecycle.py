"""The current state of a project, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from watchkeeper.conflicts.incident_news import IncidentNews, hear_incident
from watchkeeper.conflicts.landing_news import LandingNews, hear_landing
from watchkeeper.conflicts.standing import (
    ConflictState,
    NoticeState,
    SessionState,
    State,
    Status,
    find_living,
    is_worse,
    living_of,
)
from watchkeeper.model.agents import Heed, Lease, Notice, NoticeId, SessionId
from watchkeeper.model.attention import AttentionEvent, PersonActed
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ChangeLanded,
    ChangeMoved,
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    DecisionRecorded,
    FileUnreadable,
    GateClosed,
    IntentDeclared,
    LeaseReleased,
    LeaseTaken,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Opaque,
    Recorded,
    RuleDemoted,
    RuleRestored,
    SessionBegan,
    SessionEnded,
    SessionForged,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.fleet import FleetEvent
from watchkeeper.model.hosts import HostEvent
from watchkeeper.model.ids import ChangeId, ConflictId, Millis
from watchkeeper.model.incidents import IncidentEvent, IncidentId
from watchkeeper.model.landing import LandingEvent
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.model.review import ReviewEvent
from watchkeeper.model.scouting import ScoutEvent


def fold(state: State, recorded: Recorded) -> State:
    """The state after one more event. Total; an event that the state already holds changes nothing."""
    return fold_all((recorded,), state)


def fold_all(events: Iterable[Recorded], state: State | None = None) -> State:
    """The state after ``events``, in their order. Total, and linear: take it for many events."""
    start = state or State()
    draft = _Draft(
        dict(start.conflicts),
        dict(start.changes),
        set(start.demoted),
        dict(start.sessions),
        dict(start.notices),
        dict(start.leases),
        [start.landing],
        dict(start.incidents),
    )
    seq = start.seq
    for recorded in events:
        if recorded.seq > seq:
            _apply(recorded, draft)
            seq = recorded.seq
    return State(
        conflicts=draft.conflicts,
        changes=draft.changes,
        demoted=frozenset(draft.demoted),
        sessions=draft.sessions,
        notices=draft.notices,
        leases=draft.leases,
        landing=draft.landing[0],
        incidents=draft.incidents,
        seq=seq,
    )


class _Draft(NamedTuple):
    """A state in the making."""

    conflicts: dict[ConflictId, ConflictState]
    changes: dict[ChangeId, Change]
    demoted: set[str]
    sessions: dict[SessionId, SessionState]
    notices: dict[NoticeId, NoticeState]
    leases: dict[str, Lease]
    landing: list[LandingNews]
    incidents: dict[IncidentId, IncidentNews]


def _apply(recorded: Recorded, draft: _Draft) -> None:
    event, conflicts = recorded.event, draft.conflicts
    match event:
        case ChangeAppeared() | ChangeMoved() | ChangeLanded():
            draft.changes[event.change.id] = event.change
        case ChangeGone():
            draft.changes.pop(event.change, None)
        case ConflictOpened() | ConflictChanged():
            heir = conflicts[event.conflict.id] = _seen(event.conflict, draft, recorded)
            _inherit(heir, event.succeeds if isinstance(event, ConflictOpened) else (), draft)
        case ConflictClosed() | ConflictDismissed() | ConflictProbed():
            if event.id in conflicts:
                conflicts[event.id] = _moved_on(conflicts[event.id], event, recorded)
                _forget_over(event.id, draft)
        case RuleDemoted() | RuleRestored():
            _mark_rule(draft, event.rule, is_demoted=isinstance(event, RuleDemoted))
        case SessionBegan() | SessionEnded() | IntentDeclared():
            _apply_session(event, recorded.at, draft.sessions)
            if isinstance(event, SessionEnded):
                _forget_settled(event.id, draft)
        case NoticeQueued() | NoticeDelivered() | NoticeSettled():
            _apply_notice(event, recorded.at, draft)
        case LeaseTaken() | LeaseReleased():
            _apply_lease(event, draft.leases)
        case (
            FileUnreadable()
            | SessionForged()
            | DecisionRecorded()
            | GateClosed()
            | WatchStarted()
            | WatchStopped()
            | Opaque()
        ):
            pass
        case _ if isinstance(event, LandingEvent):
            draft.landing[0] = hear_landing(draft.landing[0], event)
        case _ if isinstance(event, IncidentEvent):
            hear_incident(draft.incidents, event)
        case _:  # what the fleet, its hosts, the review and what people were told are folded from
            _: FleetEvent | HostEvent | ReviewEvent | AttentionEvent | ScoutEvent | PersonActed = event


def _apply_lease(event: LeaseTaken | LeaseReleased, leases: dict[str, Lease]) -> None:
    if isinstance(event, LeaseTaken):
        leases[event.lease.subject] = event.lease
    else:
        leases.pop(event.subject, None)


def _moved_on(
    before: ConflictState, event: ConflictClosed | ConflictDismissed | ConflictProbed, recorded: Recorded
) -> ConflictState:
    match event:
        case ConflictClosed():
            return _closed(before, event.reason, recorded)
        case ConflictDismissed():
            return _dismissed(before, event, recorded)
        case ConflictProbed():
            return _probed(before, event.proof, recorded)


def _apply_session(
    event: SessionBegan | SessionEnded | IntentDeclared, at: Millis, sessions: dict[SessionId, SessionState]
) -> None:
    if isinstance(event, SessionBegan):
        sessions[event.session.id] = SessionState(event.session)
    elif isinstance(event, IntentDeclared):
        if event.session in sessions:
            sessions[event.session] = msgspec.structs.replace(sessions[event.session], intent=event)
    elif event.id in sessions:
        sessions[event.id] = SessionState(sessions[event.id].session, at, event.reason)


def _apply_notice(event: NoticeQueued | NoticeDelivered | NoticeSettled, at: Millis, draft: _Draft) -> None:
    notices = draft.notices
    if isinstance(event, NoticeQueued):
        notices.setdefault(event.notice.id, NoticeState(event.notice, at))
        return
    before = notices.get(event.id)
    if before is None:
        return
    if isinstance(event, NoticeSettled):
        notices[event.id] = msgspec.structs.replace(before, heed=event.heed, settled_at=at)
        _mark_answer(before.notice, event.heed, draft.conflicts)
        session = draft.sessions.get(before.notice.session)
        if session is not None and session.ended_at is not None:
            _forget_settled(before.notice.session, draft)
    elif before.delivered_at is None:
        notices[event.id] = msgspec.structs.replace(before, delivered_at=at, channel=event.channel)


def _mark_answer(notice: Notice, heed: Heed, conflicts: dict[ConflictId, ConflictState]) -> None:
    state = find_living(conflicts, notice.conflict) if notice.conflict is not None else None
    if state is not None:
        others = tuple(each for each in state.unanswered if each != notice.session)
        now = (*others, notice.session) if heed is Heed.UNANSWERED else others
        conflicts[state.conflict.id] = msgspec.structs.replace(state, unanswered=now)


def _forget_over(conflict: ConflictId, draft: _Draft) -> None:
    """Sessions that are done left a conflict unanswered: where it is closed nobody has to be told of that any more."""
    closed = draft.conflicts[conflict]
    if closed.status is Status.CLOSED and closed.closed is not CloseReason.RENAMED:
        for session in {each.notice.session for each in draft.notices.values() if _is_of(each.notice, closed, draft)}:
            if (known := draft.sessions.get(session)) is not None and known.ended_at is not None:
                _forget_settled(session, draft)


def _is_of(notice: Notice, state: ConflictState, draft: _Draft) -> bool:
    return notice.conflict is not None and state in living_of(draft.conflicts, notice.conflict)


def _forget_settled(session: SessionId, draft: _Draft) -> None:
    """Of a session that is done, what came of its notices is in the log; only what still stands is kept here."""
    for identity, each in list(draft.notices.items()):
        if each.notice.session == session and _is_past(each, draft):
            del draft.notices[identity]


def _is_past(each: NoticeState, draft: _Draft) -> bool:
    conflict = find_living(draft.conflicts, each.notice.conflict) if each.notice.conflict is not None else None
    is_closed = conflict is not None and conflict.status is Status.CLOSED
    return each.heed in (Heed.HEEDED, Heed.MOOT) or (each.heed is Heed.UNANSWERED and is_closed)


def _seen(conflict: Conflict, draft: _Draft, recorded: Recorded) -> ConflictState:
    before = draft.conflicts.get(conflict.id)
    dismissal = before.dismissal if before else None
    if dismissal is not None and is_worse(conflict, dismissal):
        dismissal = None
    goes_on = before is not None and before.status is not Status.CLOSED
    return ConflictState(
        conflict=conflict,
        status=Status.DISMISSED if dismissal else Status.OPEN,
        opened_at=before.opened_at if before is not None and goes_on else recorded.at,
        changed_at=recorded.at,
        seq=recorded.seq,
        dismissal=dismissal,
        proof=before.proof if before is not None and goes_on else None,
        is_demoted=conflict.rule in draft.demoted,
        unanswered=before.unanswered if before is not None and goes_on else (),
    )


def _inherit(heir: ConflictState, identities: Iterable[ConflictId], draft: _Draft) -> None:
    """What was said, proved and dismissed of closed conflicts holds of the one that they go on as.

    Of several it is dismissed only where each was; and of another rule nobody has judged it yet, nor has a run.
    """
    ours = heir.conflict.id
    past = [each for identity in identities if (each := draft.conflicts.get(identity)) is not None]
    past = [each for each in past if each.status is Status.CLOSED and each.conflict.id != ours]
    if not past:
        return
    same = [each for each in past if each.conflict.rule == heir.conflict.rule]
    dismissal = past[0].dismissal if len(same) == len(past) and all(each.dismissal for each in past) else heir.dismissal
    if dismissal is not None and is_worse(heir.conflict, dismissal):
        dismissal = None
    draft.conflicts[ours] = msgspec.structs.replace(
        heir,
        status=Status.DISMISSED if dismissal else Status.OPEN,
        dismissal=dismissal,
        opened_at=min(heir.opened_at, *(each.opened_at for each in past)),
        proof=next((each.proof for each in same if each.proof is not None), None),
        unanswered=tuple(dict.fromkeys(session for each in past for session in each.unanswered)),
    )
    for each in past:
        heirs = (*each.heirs, ours) if ours not in each.heirs else each.heirs
        draft.conflicts[each.conflict.id] = msgspec.structs.replace(each, heirs=heirs, unanswered=())
        _take_back(each, draft.notices)


def _take_back(past: ConflictState, notices: dict[NoticeId, NoticeState]) -> None:
    """What was taken for over as the conflict closed is not."""
    for identity, each in list(notices.items()):
        is_over = each.heed in (Heed.HEEDED, Heed.MOOT) and each.notice.conflict == past.conflict.id
        if is_over and each.settled_at is not None and each.settled_at >= past.changed_at:
            notices[identity] = msgspec.structs.replace(each, heed=None, settled_at=None)


def _probed(before: ConflictState, proof: Proof, recorded: Recorded) -> ConflictState:
    """A proof is worse than the suspicion that a person dismissed, unless he dismissed it as proved.

    What happened stays proved: that a run of the merge did not meet it says nothing against it.
    """
    happened = before.proof is not None and before.proof.outcome is Outcome.PROVED_AT_RUN_TIME
    if happened and proof.outcome is not Outcome.PROVED_AT_RUN_TIME:
        return msgspec.structs.replace(before, changed_at=recorded.at, seq=recorded.seq)
    back = (
        before.status is Status.DISMISSED
        and proof.outcome.is_proof
        and before.dismissal is not None
        and before.dismissal.severity is not Severity.BLOCKING
    )
    return msgspec.structs.replace(
        before,
        proof=proof,
        status=Status.OPEN if back else before.status,
        dismissal=None if back else before.dismissal,
        changed_at=recorded.at,
        seq=recorded.seq,
    )


def _mark_rule(draft: _Draft, rule: str, *, is_demoted: bool) -> None:
    (draft.demoted.add if is_demoted else draft.demoted.discard)(rule)
    for identity, each in draft.conflicts.items():
        if each.conflict.rule == rule and each.is_demoted is not is_demoted:
            draft.conflicts[identity] = msgspec.structs.replace(each, is_demoted=is_demoted)


def _closed(before: ConflictState, reason: CloseReason, recorded: Recorded) -> ConflictState:
    return msgspec.structs.replace(
        before,
        status=Status.CLOSED,
        closed=reason,
        changed_at=recorded.at,
        seq=recorded.seq,
        unanswered=before.unanswered if reason is CloseReason.RENAMED else (),
    )


def _dismissed(before: ConflictState, event: ConflictDismissed, recorded: Recorded) -> ConflictState:
    """A dismissal of less than what stands now (judged before it got worse) does not hide the worse."""
    if is_worse(before.conflict, event):
        return before
    status = before.status if before.status is Status.CLOSED else Status.DISMISSED
    return msgspec.structs.replace(before, status=status, dismissal=event, changed_at=recorded.at, seq=recorded.seq)
