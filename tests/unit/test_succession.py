"""A conflict outlives the names of its changes: it is told, dismissed and proved once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State, Status
from watchkeeper.conflicts.succession import name_heirs
from watchkeeper.model.agents import Channel, Heed, Session, SessionId
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import (
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
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.watch.notices import decide_notices, waiting_for

OTHER = ChangeId("topic")
WHOLE, FIRST, SECOND = ChangeId("main"), ChangeId("main@codex-1"), ChangeId("main@goose-1")


def session(name: str) -> Session:
    return Session(id=SessionId(name), agent=name[:-2], vendor_id=name, path=f"/{name}", since=Millis(1))


CODEX, GOOSE, CLAUDE = session("codex-1"), session("goose-1"), session("claude-1")


def conflict(
    change: ChangeId,
    other: ChangeId = OTHER,
    *,
    rule: str = "write-write",
    subjects: Sequence[str] = ("prices:price",),
    severity: Severity = Severity.MAJOR,
) -> Conflict:
    return Conflict(
        id=ConflictId(f"c-{rule}-{change}-{other}"),
        kind=Kind.TEXT if rule == "text" else Kind.WRITE_WRITE,
        rule=rule,
        severity=severity,
        confidence=Confidence.SURE,
        changes=tuple(sorted((change, other))),
        subjects=tuple(subjects),
        summary="both modify price",
        why="both add a write",
        evidence=(),
        next_step="look at both",
        fingerprint="f",
    )


class Book:
    """What was recorded: a second of time for each step."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.now = 0
        self.add(SessionBegan(CODEX), SessionBegan(GOOSE), SessionBegan(CLAUDE))

    @property
    def state(self) -> State:
        return fold_all(self.events)

    def add(self, *events: Event) -> tuple[Event, ...]:
        """What is recorded of one step in which these were decided."""
        self.now += 1_000
        named = name_heirs(events, self.state, Millis(self.now))
        for event in named:
            self.events.append(Recorded(Seq(len(self.events) + 1), Millis(self.now), ProjectId(""), event))
        return named

    def told(self, working: dict[ChangeId, tuple[Session, ...]]) -> list[Event]:
        """Deliver what is due, and give it."""
        decided = decide_notices(self.state, working, Severity.MINOR, Millis(self.now))
        self.add(*decided)
        queued = [each.notice for each in decided if isinstance(each, NoticeQueued)]
        if queued:
            self.add(*(NoticeDelivered(each.id, Channel.HOOK) for each in queued))
        return [each for each in decided if not (isinstance(each, NoticeSettled) and each.heed is Heed.MOOT)]

    def opens(self, *conflicts: Conflict) -> None:
        self.add(*(ConflictOpened(each) for each in conflicts))


def gone(each: Conflict) -> ConflictClosed:
    return ConflictClosed(each.id, CloseReason.GONE)


BEFORE = {WHOLE: (CODEX,), OTHER: (CLAUDE,)}
SPLIT = {FIRST: (CODEX,), SECOND: (GOOSE,), OTHER: (CLAUDE,)}


def test_who_was_told_of_it_before_a_split_is_not_told_again_and_has_not_heeded_it() -> None:
    book = Book()
    book.opens(conflict(WHOLE))
    assert len(book.told(BEFORE)) == 2

    closed, _ = book.add(gone(conflict(WHOLE)), ConflictOpened(conflict(FIRST)))

    assert closed == ConflictClosed(conflict(WHOLE).id, CloseReason.RENAMED)
    assert book.told(SPLIT) == []
    book.add(ConflictClosed(conflict(FIRST).id, CloseReason.RESOLVED))
    assert [each.heed for each in book.told(SPLIT) if isinstance(each, NoticeSettled)] == [Heed.HEEDED, Heed.HEEDED]


def test_who_was_told_of_it_by_a_part_is_not_told_again_when_that_is_one_change_again() -> None:
    book = Book()
    book.opens(conflict(FIRST))
    assert len(book.told(SPLIT)) == 2

    book.add(gone(conflict(FIRST)), ConflictOpened(conflict(WHOLE)))

    assert book.told(BEFORE) == []


def test_it_may_split_and_join_and_split_again() -> None:
    book = Book()
    book.opens(conflict(WHOLE))
    book.told(BEFORE)
    for before, after in ((WHOLE, FIRST), (FIRST, WHOLE), (WHOLE, FIRST)):
        book.add(gone(conflict(before)), ConflictOpened(conflict(after)))
        assert book.told({**BEFORE, **SPLIT}) == []
    book.add(ConflictClosed(conflict(FIRST).id, CloseReason.RESOLVED))
    assert len(book.told(SPLIT)) == 2


def test_a_second_session_that_comes_into_it_later_is_told_of_and_told() -> None:
    book = Book()
    book.opens(conflict(WHOLE))
    book.told(BEFORE)
    book.add(gone(conflict(WHOLE)), ConflictOpened(conflict(FIRST)))

    book.opens(conflict(SECOND))

    told = [each.notice for each in book.told(SPLIT) if isinstance(each, NoticeQueued)]
    assert {(each.session, each.conflict) for each in told} == {
        (GOOSE.id, conflict(SECOND).id), (CLAUDE.id, conflict(SECOND).id)
    }  # fmt: skip


def test_one_session_does_not_inherit_from_another() -> None:
    book = Book()
    book.opens(conflict(FIRST))
    book.told(SPLIT)

    book.add(gone(conflict(FIRST)), ConflictOpened(conflict(SECOND)))

    assert len([each for each in book.told(SPLIT) if isinstance(each, NoticeQueued)]) == 2


@pytest.mark.parametrize(
    "other",
    [
        conflict(FIRST, rule="stale-read"),
        conflict(FIRST, subjects=("prices:total",)),
        conflict(FIRST, ChangeId("elsewhere")),
        conflict(ChangeId("feature@2")),
    ],
)
def test_another_rule_subject_or_change_is_another_conflict(other: Conflict) -> None:
    book = Book()
    book.opens(conflict(WHOLE))

    assert book.add(gone(conflict(WHOLE)), ConflictOpened(other)) == (gone(conflict(WHOLE)), ConflictOpened(other))


def test_a_branch_with_an_at_sign_in_its_name_is_no_part_of_anything() -> None:
    book = Book()
    book.opens(conflict(ChangeId("feature")))
    opened = ConflictOpened(conflict(ChangeId("feature@2")))

    assert book.add(gone(conflict(ChangeId("feature"))), opened)[1] == opened


def test_what_closed_since_the_code_no_longer_shows_it_has_no_heir() -> None:
    book = Book()
    book.opens(conflict(WHOLE))
    book.add(ConflictClosed(conflict(WHOLE).id, CloseReason.RESOLVED))

    assert book.add(ConflictOpened(conflict(FIRST))) == (ConflictOpened(conflict(FIRST)),)


def test_what_is_found_again_within_a_minute_goes_on_and_later_it_is_new() -> None:
    book = Book()
    book.opens(conflict(WHOLE))
    book.told(BEFORE)
    book.add(gone(conflict(WHOLE)))
    assert len(book.told(SPLIT)) == 2, "taken for over"

    book.opens(conflict(FIRST))
    assert book.told(SPLIT) == [], "it was not over, and those were told"
    book.add(gone(conflict(FIRST)))
    book.told(SPLIT)
    book.now += 61_000
    book.opens(conflict(WHOLE))
    assert len(book.told(BEFORE)) == 2


def test_what_was_dismissed_and_proved_and_unanswered_stays_so() -> None:
    book, whole = Book(), conflict(WHOLE)
    book.opens(whole)
    book.add(ConflictProbed(whole.id, Proof((WHOLE, OTHER), (Sha("a"), Sha("b")), Sha("c"), Outcome.CLEARED)))
    book.told(BEFORE)
    book.add(SessionEnded(CLAUDE.id, "done"))
    book.told({WHOLE: (CODEX,)})
    unanswered = book.state.conflicts[whole.id].unanswered
    book.add(ConflictDismissed(whole.id, Severity.MAJOR, 0, "ada", "fine"))

    book.add(gone(whole), ConflictOpened(conflict(FIRST)))

    heir = book.state.conflicts[conflict(FIRST).id]
    assert heir.status is Status.DISMISSED
    assert heir.proof is not None
    assert heir.unanswered == unanswered
    assert book.state.conflicts[whole.id].unanswered == ()


def test_of_two_that_become_one_a_dismissed_one_does_not_hide_the_other() -> None:
    book = Book()
    book.opens(conflict(FIRST), conflict(SECOND))
    book.add(ConflictDismissed(conflict(FIRST).id, Severity.MAJOR, 0))

    book.add(gone(conflict(FIRST)), gone(conflict(SECOND)), ConflictOpened(conflict(WHOLE)))

    assert book.state.conflicts[conflict(WHOLE).id].status is Status.OPEN


def test_what_became_graver_comes_back_and_is_told() -> None:
    book = Book()
    book.opens(conflict(WHOLE))
    book.told(BEFORE)
    book.add(ConflictDismissed(conflict(WHOLE).id, Severity.MAJOR, 0))

    book.add(gone(conflict(WHOLE)), ConflictOpened(conflict(FIRST, severity=Severity.BLOCKING)))

    assert book.state.conflicts[conflict(FIRST).id].status is Status.OPEN
    assert len([each for each in book.told(SPLIT) if isinstance(each, NoticeQueued)]) == 2


def test_texts_that_clash_in_one_file_go_on_wherever_in_it_and_further_places_are_told() -> None:
    book = Book()
    book.opens(conflict(WHOLE, rule="text", subjects=("prices:price", "prices.py")))
    book.told(BEFORE)
    grown = conflict(FIRST, rule="text", subjects=("prices:price", "prices:total", "prices.py"))

    book.add(gone(conflict(WHOLE, rule="text")), ConflictOpened(grown))

    told = [each.notice for each in book.told(SPLIT) if isinstance(each, NoticeQueued)]
    assert {each.session for each in told} == {CODEX.id, CLAUDE.id}
    assert all("total" in each.text and "both modify price" not in each.text for each in told)
    assert book.told(SPLIT) == []


def test_what_grows_before_it_could_be_told_is_told_whole_and_then_further() -> None:
    book = Book()
    book.opens(conflict(WHOLE, rule="text", subjects=("prices:price", "prices.py")))
    book.add(*decide_notices(book.state, BEFORE, Severity.MINOR, Millis(book.now)))
    grown = conflict(WHOLE, rule="text", subjects=("prices:price", "prices:total", "prices.py"))
    book.add(ConflictChanged(grown))
    book.add(*decide_notices(book.state, BEFORE, Severity.MINOR, Millis(book.now)))

    waiting = waiting_for(book.state, CODEX.id)

    assert ["both modify price" in each.text for each in waiting] == [True, False]


def test_a_clash_that_shrinks_or_comes_back_to_a_place_that_was_told_is_not_told_again() -> None:
    book = Book()
    both = conflict(WHOLE, rule="text", subjects=("prices:price", "prices:total", "prices.py"))
    book.opens(both)
    book.told(BEFORE)
    for subjects in (("prices:total", "prices.py"), ("prices.py",), ("prices:price", "prices:total", "prices.py")):
        book.add(ConflictChanged(conflict(WHOLE, rule="text", subjects=subjects)))
        assert book.told(BEFORE) == []


def skew(*subjects: str) -> Conflict:
    found = conflict(WHOLE, rule="write-skew", subjects=subjects)
    return msgspec.structs.replace(found, kind=Kind.WRITE_SKEW)


def stale(*subjects: str) -> Conflict:
    found = conflict(WHOLE, rule="stale-read", subjects=subjects)
    return msgspec.structs.replace(found, kind=Kind.STALE_READ)


def test_what_is_stale_in_both_directions_now_is_told_as_grown_and_in_one_again_not_at_all() -> None:
    book, one, both = Book(), stale("prices:price", "totals:total"), skew("prices:price", "rates:rate")
    book.opens(one)
    assert len(book.told(BEFORE)) == 2

    book.add(ConflictOpened(both), ConflictClosed(one.id, CloseReason.RESOLVED))
    told = [each.notice for each in book.told(BEFORE) if isinstance(each, NoticeQueued)]
    book.add(ConflictOpened(one), ConflictClosed(both.id, CloseReason.RESOLVED))

    assert len(told) == 2
    assert all("rate" in each.text and "price" not in each.text.replace("prices", "") for each in told)
    assert book.told(BEFORE) == []
    book.add(ConflictClosed(one.id, CloseReason.RESOLVED))
    assert {each.heed for each in book.told(BEFORE) if isinstance(each, NoticeSettled)} == {Heed.HEEDED}


def test_what_was_dismissed_in_one_direction_comes_back_in_both() -> None:
    book, one, both = Book(), stale("prices:price"), skew("prices:price", "rates:rate")
    book.opens(one)
    book.add(ConflictDismissed(one.id, Severity.MAJOR, 0))

    book.add(ConflictOpened(both), ConflictClosed(one.id, CloseReason.RESOLVED))

    assert book.state.conflicts[both.id].status is Status.OPEN


def test_another_direction_is_another_conflict() -> None:
    book, one = Book(), stale("prices:other")
    book.opens(one)

    opened, _ = book.add(
        ConflictOpened(skew("prices:price", "rates:rate")), ConflictClosed(one.id, CloseReason.RESOLVED)
    )

    assert opened == ConflictOpened(skew("prices:price", "rates:rate"))
