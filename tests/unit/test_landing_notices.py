"""What sessions are told of their finished changes, once, and when that is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.conflicts.landing_news import Culprit, Intent
from watchkeeper.conflicts.landing_notice import culprit_text, held_text, returned_text
from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.notice import MOST_WORDS, quote
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Channel, Heed, Notice, Session, SessionId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import (
    Event,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Recorded,
    SessionBegan,
    SessionEnded,
)
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.landing import (
    Bounce,
    ConflictSet,
    DiagnosisId,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
    EntryReleased,
    LandingDone,
    LandingIntended,
    LanesResumed,
    RevertPrepared,
    SetConfirmed,
)
from watchkeeper.watch.notices import decide_notices

A, B = ChangeId("cart"), ChangeId("tax")
A1, B1 = EntryId("cart/1"), EntryId("tax/1")


def session(name: str) -> Session:
    return Session(id=SessionId(name), agent="codex", vendor_id=name, path="/", since=Millis(1))


ONE, TWO, FAR = session("codex-1"), session("codex-2"), session("codex-3")
WORKING = {A: (ONE,), B: (TWO,)}


class Book:
    """What was recorded; sessions are at work on ``cart`` and on ``tax``, a third one somewhere else."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.add(SessionBegan(ONE), SessionBegan(TWO), SessionBegan(FAR))
        self.add(
            EntryQueued(Entry(A1, A, Sha("1"), title="Round the total of a cart", issue="#41")),
            EntryQueued(Entry(B1, B, Sha("2"), title="Add tax to each item", issue="#42", session=FAR.id)),
        )

    @property
    def state(self) -> State:
        return fold_all(self.events)

    def add(self, *events: Event) -> None:
        for event in events:
            at = len(self.events) + 1
            self.events.append(Recorded(Seq(at), Millis(at), ProjectId("p"), event))

    def decide(self) -> list[Notice]:
        events = decide_notices(self.state, WORKING, Severity.MAJOR, Millis(10_000))
        self.add(*events)
        return [each.notice for each in events if isinstance(each, NoticeQueued)]

    def settled(self) -> list[Heed]:
        events = decide_notices(self.state, WORKING, Severity.MAJOR, Millis(10_000))
        self.add(*events)
        return [each.heed for each in events if isinstance(each, NoticeSettled)]

    def tell(self, notices: list[Notice]) -> None:
        self.add(*(NoticeDelivered(each.id, Channel.HOOK) for each in notices))


@pytest.fixture
def book() -> Book:
    return Book()


def named(last: EntryId, *others: EntryId, landed: bool = True) -> SetConfirmed:
    members = (*others, last)
    found = ConflictSet(members, ("test_total", "test_tax"), Sha("c0"), members if landed else others)
    return SetConfirmed(DiagnosisId("d1"), found)


REVERT = RevertPrepared(B1, Sha("c2"), Sha("c3"))


def test_who_broke_the_target_branch_is_told_once_beside_the_prepared_revert(book: Book) -> None:
    book.add(named(B1, A1))
    assert book.decide() == []  # until it is known whether it can be taken out
    book.add(REVERT)

    notices = book.decide()

    assert [each.session for each in notices] == [TWO.id, FAR.id]
    text = notices[0].text
    assert quote("tax/1", 60) in text
    assert quote("test_total", 60) in text
    assert quote("cart/1", 60) in text
    assert quote("Add tax to each item", 60) in text
    assert quote("Round the total of a cart", 60) in text
    assert "revert" in text
    assert book.decide() == []


def test_who_did_not_land_is_no_culprit(book: Book) -> None:
    book.add(named(B1, A1, landed=False), REVERT)

    assert book.decide() == []


def test_a_session_that_is_done_is_told_nothing(book: Book) -> None:
    book.add(SessionEnded(FAR.id, "it said so"), named(B1, A1), REVERT)

    assert [each.session for each in book.decide()] == [TWO.id]


@pytest.mark.parametrize(
    ("events", "is_over"),
    [
        ((LanesResumed(("test_total", "test_tax")),), True),
        ((LanesResumed(("test_total",)),), False),
        ((LandingIntended((A1,), Sha("a"), Sha("b"), Sha("t"), "g"), LandingDone(Sha("b"))), True),
        ((LandingIntended((A1,), Sha("a"), Sha("b"), Sha("t"), "g", is_lane=True), LandingDone(Sha("b"))), False),
        (
            (LandingIntended((A1,), Sha("a"), Sha("b"), Sha("t"), "g", red=("test_tax",)), LandingDone(Sha("b"))),
            False,
        ),
        ((EntryQueued(Entry(EntryId("tax/2"), B, Sha("9"))),), True),
    ],
    ids=["lanes pass", "some tests pass", "what passes all", "another lane", "what passes all but these", "a revision"],
)
def test_a_broken_branch_is_over_once_its_tests_pass_or_who_broke_it_comes_again(
    book: Book, events: tuple[Event, ...], *, is_over: bool
) -> None:
    book.add(named(B1, A1), REVERT)
    book.tell(book.decide())

    book.add(*events)

    assert book.settled() == ([Heed.HEEDED] * 2 if is_over else [])


def test_who_waits_for_a_person_since_its_run_is_told_so_until_it_goes_on(book: Book) -> None:
    book.add(EntryHeld(A1, "its risk is 60 now that it was run: lines 3-9 of x.py", "watchkeeper", 60))

    (notice,) = book.decide()

    assert notice.session == ONE.id
    assert notice.severity is Severity.MAJOR
    assert "lines 3-9 of x.py" in notice.text
    assert book.decide() == []
    book.tell([notice])
    book.add(EntryReleased(A1, "me"))
    assert book.settled() == [Heed.HEEDED]


def test_who_waited_from_the_beginning_or_because_a_person_said_so_is_not_told(book: Book) -> None:
    book.add(EntryHeld(A1, "its risk is 60", "watchkeeper"), EntryHeld(B1, "later", "me"))

    assert book.decide() == []


def test_what_came_back_says_what_both_sides_are_for_in_one_line_each(book: Book) -> None:
    book.add(EntryBounced(B1, Bounce.SET, "with cart/1 it breaks test_total", (A1,), ("test_total",)))

    text = book.decide()[0].text

    assert f"Yours is for: {quote('Add tax to each item', 60)}, issue {quote('#42', 20)}" in text.splitlines()
    assert (
        f"The other's is for: {quote('Round the total of a cart', 60)}, issue {quote('#41', 20)}" in text.splitlines()
    )


def test_a_side_of_which_nothing_is_known_has_no_line(book: Book) -> None:
    book.add(EntryBounced(B1, Bounce.SET, "with past/1 it breaks it", (EntryId("past/1"),), ("test_total",)))

    assert "The other's" not in book.decide()[0].text


words = st.one_of(st.text(max_size=400), st.text(alphabet="a \n\u00ab\u00bb", max_size=400))


@given(words, words, words, words, st.sampled_from(Bounce))
def test_whatever_others_wrote_every_notice_is_short_and_quotes_it(
    name: str, title: str, reason: str, test: str, why: Bounce
) -> None:
    other = EntryId(f"{name}/1")
    intents = {each: Intent(title, reason) for each in (A1, other)}
    texts = [
        returned_text(EntryBounced(A1, why, reason, (other,), (test, test)), show_verb="show", intents=intents),
        held_text(EntryHeld(A1, reason, "watchkeeper", 50), show_verb="show"),
        culprit_text(Culprit(A1, (other,), (test, test), no_revert=reason), show_verb="show", intents=intents),
    ]
    for text in texts:
        assert len(text.split()) <= MOST_WORDS
        assert all(each.isprintable() for each in text.replace("\n", ""))
        assert text.count("\u00ab") == text.count("\u00bb")
        outside = [part.partition("\u00bb")[2] if at else part for at, part in enumerate(text.split("\u00ab"))]
        long = [each for each in (name, title, reason, test) if len(each.strip()) > 40]
        assert not any(each.strip() in part for each in long for part in outside)
