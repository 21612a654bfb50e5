"""What came back from the queue is listed until somebody has done something about it, or nothing is left to do."""

from __future__ import annotations

import pytest

from watchkeeper.landing.view import find_returned
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Bounce, Entry, EntryBounced, EntryId, EntryQueued, LandingEvent, TargetMoved

A, B = EntryId("a/1"), EntryId("b/1")


def queued(name: EntryId) -> EntryQueued:
    return EntryQueued(Entry(name, ChangeId(name.rpartition("/")[0]), Sha(f"head of {name}")))


@pytest.mark.parametrize(
    ("why", "is_listed"),
    [(Bounce.EMPTY, False), (Bounce.SET, True), (Bounce.ALONE, True), (Bounce.CLASH, True), (Bounce.PERSON, True)],
)
def test_what_the_target_branch_has_already_is_listed_no_more(why: Bounce, *, is_listed: bool) -> None:
    events: list[LandingEvent] = [queued(A), EntryBounced(A, why, "a reason")]
    assert bool(find_returned(events)) is is_listed


def test_an_earlier_return_of_a_change_that_is_in_by_now_is_listed_no_more() -> None:
    events: list[LandingEvent] = [
        EntryBounced(A, Bounce.CLASH, "clash"),
        EntryBounced(B, Bounce.CLASH, "clash"),
        EntryBounced(EntryId("a/2"), Bounce.EMPTY, "in"),
    ]
    assert [each.id for each in find_returned(events)] == [B]


def test_what_somebody_put_on_the_branch_past_the_queue_is_listed_no_more() -> None:
    back = EntryBounced(A, Bounce.ALONE, "it breaks t")
    adopted = Entry(EntryId("past/1"), ChangeId("past"), Sha(f"head of {A}"), is_picked=True)
    moved = TargetMoved(Sha("c0"), Sha("c1"), Sha("t1"), (adopted,))
    assert find_returned([queued(A), queued(B), back, moved]) == ()
    other = TargetMoved(Sha("c0"), Sha("c1"), Sha("t1"), (Entry(EntryId("past/1"), ChangeId("past"), Sha("x")),))
    assert find_returned([queued(A), queued(B), back, other]) == (back,)
