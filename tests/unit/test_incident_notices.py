"""Who at work is told of an incident of a database, once."""

from __future__ import annotations

import msgspec

from twosides import CHANGES, HANG, A, B, incident, origin, state
from watchkeeper.conflicts.notice import MOST_WORDS
from watchkeeper.database.verdict import judge
from watchkeeper.model.agents import Channel, Heed, Session, SessionId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import (
    Event,
    IntentDeclared,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    SessionBegan,
    SessionEnded,
)
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import (
    EndReason,
    IncidentChanged,
    IncidentEnded,
    IncidentOpened,
)
from watchkeeper.watch.notices import decide_notices


def session(name: str) -> Session:
    return Session(id=SessionId(name), agent="codex", vendor_id=name, path=f"/{name}", since=Millis(1))


ONE, TWO, THREE = session("codex-1"), session("codex-2"), session("codex-3")
BEGAN = [*CHANGES, *(SessionBegan(each) for each in (ONE, TWO, THREE))]
WORKING = {A: (ONE,), B: (TWO,)}
ALONE = incident(origin(A, 21), None)
TOUCHES = IntentDeclared(THREE.id, ("engine.stages:update_stage_field",))


def decide(*events: Event) -> tuple[Event, ...]:
    return decide_notices(state(*BEGAN, *events), WORKING, Severity.MAJOR, Millis(100))


def told(events: tuple[Event, ...]) -> list[str]:
    return sorted(each.notice.session for each in events if isinstance(each, NoticeQueued))


def test_who_works_on_a_change_that_is_a_party_is_told_and_nobody_else() -> None:
    (event,) = decide(IncidentOpened(ALONE))

    assert isinstance(event, NoticeQueued)
    assert (event.notice.session, event.notice.incident) == (ONE.id, ALONE.id)
    assert "engine/stages.py:21" in event.notice.text
    assert len(event.notice.text.split()) <= MOST_WORDS


def test_who_said_to_touch_a_function_of_it_is_told_and_who_touches_another_is_not() -> None:
    other = IntentDeclared(THREE.id, ("engine.stages:other",))

    assert told(decide(TOUCHES, IncidentOpened(ALONE))) == [ONE.id, THREE.id]
    assert told(decide(other, IncidentOpened(ALONE))) == [ONE.id]
    assert told(decide(TOUCHES, SessionEnded(THREE.id, "done"), IncidentOpened(ALONE))) == [ONE.id]


def test_nobody_is_told_again_when_it_changes_or_comes_back() -> None:
    first = decide(IncidentOpened(ALONE))
    more = IncidentChanged(msgspec.structs.replace(ALONE, stuck=9))
    again = (IncidentEnded(ALONE.id, EndReason.BROKEN, 5), IncidentOpened(ALONE))

    assert told(decide(IncidentOpened(ALONE), *first, more, *again)) == []


def test_what_was_told_is_settled_when_it_is_over_and_what_was_not_is_still_told() -> None:
    (event,) = decide(IncidentOpened(ALONE))
    assert isinstance(event, NoticeQueued)
    over = IncidentEnded(ALONE.id, EndReason.RESOLVED, 5)

    (settled,) = decide(IncidentOpened(ALONE), event, NoticeDelivered(event.notice.id, Channel.HOOK), over)
    assert isinstance(settled, NoticeSettled)
    assert settled.heed is Heed.MOOT
    assert decide(IncidentOpened(ALONE), event, over) == ()
    assert told(decide(IncidentOpened(ALONE), over)) == [ONE.id]


def test_who_is_told_of_the_conflict_that_it_proves_is_not_told_twice() -> None:
    verdict = judge(HANG, state(*CHANGES))
    opened = IncidentOpened(msgspec.structs.replace(HANG, conflict=verdict.conflict))

    assert told(decide(opened, *verdict.events)) == [ONE.id, TWO.id]
    assert told(decide(TOUCHES, opened, *verdict.events)) == [ONE.id, TWO.id, THREE.id]


def test_a_place_that_is_one_of_several_guesses_concerns_nobody() -> None:
    guess = msgspec.structs.replace(origin(A, 21), confidence=0.3)

    assert decide(IncidentOpened(incident(guess, None))) == ()


def test_who_began_when_it_was_over_is_not_told_of_it() -> None:
    late = msgspec.structs.replace(session("codex-4"), since=Millis(50))
    events = [*BEGAN, SessionBegan(late), IncidentOpened(ALONE)]
    over = IncidentEnded(ALONE.id, EndReason.RESOLVED, 5)

    lasting = decide_notices(state(*events), {A: (late,)}, Severity.MAJOR, Millis(100))
    ended = decide_notices(state(*events, over), {A: (late,)}, Severity.MAJOR, Millis(100))

    assert (told(lasting), told(ended)) == ([late.id], [])
