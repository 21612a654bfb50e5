"""Who is told of what, once; and what became of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.notice import MOST_WORDS, notice_text, outdated_text, quote
from watchkeeper.conflicts.standing import ConflictState, State, Status
from watchkeeper.model.agents import Channel, Heed, How, Seen, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import (
    ChangeLanded,
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    Event,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Recorded,
    SessionBegan,
    SessionEnded,
)
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha, SymbolKey
from watchkeeper.model.landing import Bounce, Entry, EntryBounced, EntryId, EntryQueued
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.watch.notices import decide_notices, waiting_for

A, B = ChangeId("dual-write"), ChangeId("mirror")
ID = ConflictId("c-12345678")


def conflict(severity: Severity = Severity.MAJOR, *, kind: Kind = Kind.WRITE_WRITE, text: str = "x = 1") -> Conflict:
    return Conflict(
        id=ID,
        kind=kind,
        rule="write-write",
        severity=severity,
        confidence=Confidence.SURE,
        changes=(A, B),
        subjects=("engine.stages:update_stage_field",),
        summary="dual-write and mirror both modify update_stage_field",
        why="both add a write",
        evidence=(Evidence(A, "engine/stages.py", 41, text), Evidence(B, "engine/stages.py", 55, text)),
        next_step="look at both",
        fingerprint="f",
    )


def session(name: str, change: str) -> Session:
    return Session(id=SessionId(name), agent="codex", vendor_id=name, path=f"/{change}", since=Millis(1))


ONE, TWO = session("codex-1", A), session("goose-1", B)
WORKING = {A: (ONE,), B: (TWO,)}


def proof(outcome: Outcome) -> ConflictProbed:
    return ConflictProbed(ID, Proof(changes=(A, B), trees=(Sha("a"), Sha("b")), merged=Sha("c"), outcome=outcome))


class Book:
    """What was recorded, and when: a step of time for each event."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.now = 1_000
        self.add(SessionBegan(ONE), SessionBegan(TWO))

    @property
    def state(self) -> State:
        return fold_all(self.events)

    def add(self, *events: Event, after_ms: int = 1) -> None:
        for event in events:
            self.now += after_ms
            self.events.append(Recorded(Seq(len(self.events) + 1), Millis(self.now), ProjectId("p"), event))

    def decide(self, least: Severity = Severity.MAJOR) -> tuple[Event, ...]:
        events = decide_notices(self.state, WORKING, least, Millis(self.now))
        self.add(*events)
        return events

    def deliver(self, to: Session) -> None:
        for notice in waiting_for(self.state, to.id):
            self.add(NoticeDelivered(notice.id, Channel.HOOK))


@pytest.fixture
def book() -> Book:
    return Book()


def queued(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    found = [event.notice for event in events if isinstance(event, NoticeQueued)]
    return sorted((each.session, each.severity.value) for each in found)


def settled(events: tuple[Event, ...]) -> list[Heed]:
    return [event.heed for event in events if isinstance(event, NoticeSettled)]


def test_both_sides_are_told_once(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    assert queued(book.decide()) == [("codex-1", "major"), ("goose-1", "major")]
    assert book.decide() == ()


def test_nobody_else_is_told(book: Book) -> None:
    book.add(SessionBegan(session("gemini-1", "docs")), ConflictOpened(conflict()))
    events = decide_notices(book.state, {**WORKING, ChangeId("docs"): (session("gemini-1", "docs"),)}, Severity.MAJOR,
                            Millis(0))  # fmt: skip
    assert queued(events) == [("codex-1", "major"), ("goose-1", "major")]


def test_what_is_less_than_asked_for_is_not_told(book: Book) -> None:
    book.add(ConflictOpened(conflict(Severity.MINOR)))
    assert book.decide() == ()
    assert queued(book.decide(Severity.MINOR)) != []


def test_what_becomes_graver_is_told_again_and_the_older_one_not_any_more(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.add(proof(Outcome.PROVED))
    events = book.decide()
    assert queued(events) == [("codex-1", "blocking"), ("goose-1", "blocking")]
    assert settled(events) == [Heed.MOOT]  # goose-1's first: it was not told yet
    assert [each.severity for each in waiting_for(book.state, TWO.id)] == [Severity.BLOCKING]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ConflictClosed(ID, CloseReason.RESOLVED), Heed.HEEDED),
        (proof(Outcome.CLEARED), Heed.HEEDED),
        (ConflictChanged(conflict(Severity.MINOR)), Heed.HEEDED),
        (ConflictDismissed(ID, Severity.MAJOR, 0), Heed.HEEDED),
    ],
)
def test_a_notice_is_heeded_when_the_conflict_is_over_or_less(book: Book, event: Event, expected: Heed) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.deliver(TWO)
    book.add(event)
    assert settled(book.decide()) == [expected, expected]
    assert book.decide() == ()


def test_what_changes_nothing_settles_nothing(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.add(proof(Outcome.NOT_DISPROVED), ConflictChanged(conflict(text="y = 2")))
    assert book.decide() == ()


def test_a_notice_that_was_not_delivered_before_the_end_of_the_conflict_is_moot(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    assert settled(book.decide()) == [Heed.MOOT, Heed.MOOT]
    assert waiting_for(book.state, ONE.id) == ()


def test_a_session_that_is_done_leaves_it_unanswered_whatever_others_do_afterwards(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.add(SessionEnded(ONE.id, "it said so"))
    assert settled(book.decide()) == [Heed.UNANSWERED]
    assert book.decide() == ()
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    assert settled(book.decide()) == [Heed.MOOT], "the other's, who was not told"


def test_what_ended_after_the_session_was_not_heeded_by_it_also_where_both_come_at_once(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.deliver(TWO)
    book.add(SessionEnded(ONE.id, "it said so"), ConflictClosed(ID, CloseReason.GONE))
    assert sorted(settled(book.decide())) == [Heed.HEEDED, Heed.UNANSWERED]
    assert [each.notice.session for each in book.state.notices.values()] == [TWO.id]


def test_what_a_session_saw_closed_before_it_was_done_it_heeded(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.add(ConflictClosed(ID, CloseReason.RESOLVED), SessionEnded(ONE.id, "it said so"))
    assert sorted(settled(book.decide())) == [Heed.HEEDED, Heed.MOOT]


def test_a_turn_that_ended_may_yet_be_followed_by_one_that_heeds(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    told = [each.notice.id for each in book.state.notices.values() if each.notice.session == ONE.id]
    book.add(*(NoticeSettled(each, Heed.UNANSWERED, "the turn ended") for each in told))
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    assert sorted(settled(book.decide())) == [Heed.HEEDED, Heed.MOOT]


def test_a_conflict_that_flickers_is_told_once_and_one_that_comes_back_later_again(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.deliver(TWO)
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    book.decide()
    book.add(ConflictOpened(conflict()))
    assert book.decide() == ()
    book.now += 60_001
    assert queued(book.decide()) == [("codex-1", "major"), ("goose-1", "major")]


def test_a_conflict_that_opens_again_at_another_place_is_told_at_once(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.deliver(TWO)
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    book.decide()
    summary = "dual-write and mirror both modify drop_stage"
    book.add(
        ConflictOpened(
            msgspec.structs.replace(conflict(), subjects=("engine.stages:drop_stage", "x.py"), summary=summary)
        )
    )
    assert queued(book.decide()) == [("codex-1", "major"), ("goose-1", "major")]


def text_of(state: ConflictState, *, others: tuple[Session, ...] = (TWO,)) -> str:
    return notice_text(state, A, others, Millis(600_000), conflict_verb="watchkeeper conflicts")


def opened(value: Conflict) -> ConflictState:
    return ConflictState(value, Status.OPEN, Millis(0), Millis(0), Seq(1))


def test_a_notice_says_who_what_where_and_one_next_step() -> None:
    text = text_of(opened(conflict()))
    assert "major conflict c-12345678 with goose-1 (a «codex» session, at work for 9 min)" in text
    assert "«dual-write and mirror both modify update_stage_field»" in text
    assert "yours: «engine/stages.py:41» «x = 1»" in text
    assert "theirs: «engine/stages.py:55»" in text
    assert "Next: read the other side" in text
    assert "watchkeeper conflicts c-12345678" in text


def test_of_a_landed_change_it_says_which_by_whom_how_long_ago_and_to_take_it_up() -> None:
    landed = Change(
        id=B, source=Source.LANDED, label="mirror stages (#12)", author="Ada", landed_at=Millis(600_000 - 300_000)
    )
    value = Conflict(**{**msgspec.structs.asdict(conflict(kind=Kind.STALE_READ)), "rule": "landed"})
    text = notice_text(
        opened(value), A, (), Millis(600_000), conflict_verb="watchkeeper conflicts", changes={B: landed}
    )
    assert "with the change «mirror stages (#12)» by «Ada», landed 5 min ago." in text
    assert "The target branch has it already" in text
    assert "Next: take up the target branch in yours" in text


def test_of_a_version_that_is_past_it_says_the_contracts_by_whom_and_how_long_ago() -> None:
    seen = Seen(SymbolKey("a.py", "f"), "old", How.DECLARED, Millis(0), "f(a)")
    landed = Change(id=B, source=Source.LANDED, label="f anew (#12)", author="Ada", landed_at=Millis(0))
    text = outdated_text(seen, "f(a, b)", landed, Millis(3 * 3_600_000))
    assert "«a.py: f», which your work relies on, is not what you saw 3 h ago." in text
    assert "Changed by «f anew (#12)» by «Ada», landed 3 h ago." in text
    assert "«f(a)» -> «f(a, b)»" in text
    assert "Changed by" not in outdated_text(seen, None, None, Millis(1))
    unsure = msgspec.structs.replace(seen, how=How.UNKNOWN)
    assert "is not what it was 3 h ago, if you have seen it." in outdated_text(unsure, "", None, Millis(3 * 3_600_000))


def test_of_what_only_the_merge_shows_it_is_neither_sides_line() -> None:
    value = conflict(kind=Kind.EMERGENT)
    shown = msgspec.structs.replace(value.evidence[0], change=ChangeId(""), text="merged = 1")
    text = text_of(opened(msgspec.structs.replace(value, evidence=(shown,))))
    assert "- merged: «engine/stages.py:41» «merged = 1»" in text
    assert "yours:" not in text
    assert "theirs:" not in text


@given(st.text(), st.text(), st.sampled_from(Kind))
def test_whatever_others_write_a_notice_is_short_and_their_text_stays_between_marks(
    line: str, summary: str, kind: Kind
) -> None:
    value = conflict(kind=kind, text=line)
    state = opened(Conflict(**{**{name: getattr(value, name) for name in value.__struct_fields__}, "summary": summary}))
    text = text_of(state)
    assert len(text.split()) <= MOST_WORDS
    assert all(each.isprintable() for each in text.replace("\n", ""))
    outside = [part.partition("»")[2] if index else part for index, part in enumerate(text.split("«"))]
    assert text.count("«") == text.count("»")
    assert not any(summary.strip() in part for part in outside if len(summary.strip()) > 40)


@given(st.text(), st.integers(1, 300))
def test_a_quote_is_one_line_of_bounded_length(text: str, most: int) -> None:
    quoted = quote(text, most)
    assert len(quoted) <= most + 2
    assert quoted[0] + quoted[-1] == "«»"
    assert not set(quoted[1:-1]) & set("«»\n\r\x1b")


def test_what_came_of_the_notices_of_a_session_that_is_done_is_kept_in_the_log_alone(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    book.decide()
    assert len(book.state.notices) == 2
    book.add(SessionEnded(ONE.id, "it said so"))
    assert {each.notice.session for each in book.state.notices.values()} == {TWO.id}
    book.add(SessionEnded(TWO.id, "it said so"))
    assert book.state.notices == {}
    assert book.decide() == ()


def test_a_conflict_knows_who_was_told_in_vain_until_it_is_heeded_or_opens_anew(book: Book) -> None:
    def unanswered() -> tuple[str, ...]:
        return book.state.conflicts[ID].unanswered

    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    assert unanswered() == ()
    book.add(SessionEnded(ONE.id, "it said so"))
    book.decide()
    book.decide()
    assert unanswered() == (ONE.id,)
    book.add(ConflictChanged(conflict()))
    assert unanswered() == (ONE.id,)
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    book.decide()
    assert unanswered() == ()
    book.add(ConflictOpened(conflict()))
    assert unanswered() == ()


def test_what_is_unanswered_stays_known_until_the_conflict_is_over(book: Book) -> None:
    book.add(ConflictOpened(conflict()))
    book.decide()
    book.deliver(ONE)
    book.add(SessionEnded(ONE.id, "it said so"))
    book.decide()
    assert [each.heed for each in book.state.notices.values() if each.notice.session == ONE.id] == [Heed.UNANSWERED]
    book.add(ConflictClosed(ID, CloseReason.RESOLVED))
    book.decide()
    assert [each for each in book.state.notices.values() if each.notice.session == ONE.id] == []


def bounced(name: str, *partners: str) -> EntryBounced:
    others = tuple(EntryId(each) for each in partners)
    why = Bounce.SET if partners else Bounce.ALONE
    return EntryBounced(EntryId(name), why, "it breaks test_it", others, ("test_it",))


def test_who_finished_a_change_that_came_back_is_told_once_with_its_partner(book: Book) -> None:
    book.add(bounced(f"{A}/1", "other/2"))

    first = book.decide()

    (notice,) = [each.notice for each in first if isinstance(each, NoticeQueued)]
    assert notice.session == ONE.id
    assert quote("other/2", 60) in notice.text
    assert len(notice.text.split()) <= MOST_WORDS
    assert book.decide() == ()


def test_a_newer_revision_in_the_queue_heeds_it(book: Book) -> None:
    book.add(bounced(f"{A}/1"))
    book.decide()
    book.deliver(ONE)

    book.add(EntryQueued(Entry(EntryId(f"{A}/2"), A, Sha("2" * 40))))

    assert settled(book.decide()) == [Heed.HEEDED]


def test_a_change_of_somebody_else_that_came_back_is_told_to_nobody(book: Book) -> None:
    book.add(bounced("nobodys/1"))

    assert book.decide() == ()


LANDED = Change(ChangeId("landed"), Source.LANDED, "landed", landed_at=Millis(1_000))


@pytest.mark.parametrize(("severity", "at_once"), [(Severity.MAJOR, 1), (Severity.BLOCKING, 2)])
def test_of_what_landed_those_concerned_are_told_one_after_the_other_unless_it_is_blocking(
    book: Book, severity: Severity, at_once: int
) -> None:
    first = msgspec.structs.replace(conflict(severity), changes=(A, LANDED.id))
    second = msgspec.structs.replace(conflict(severity), id=ConflictId("c-87654321"), changes=(B, LANDED.id))
    book.add(ChangeLanded(LANDED), ConflictOpened(first), ConflictOpened(second))

    assert len(queued(book.decide())) == at_once
    book.now += 31_000

    assert len(queued(book.decide())) == 2 - at_once
