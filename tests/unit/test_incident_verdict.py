"""What an incident says of two changes, and of the rules that looked at them before."""

from __future__ import annotations

import msgspec

from twosides import CHANGES, HANG, A, B, incident, origin, state
from watchkeeper.database.verdict import judge
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ChangeAppeared, ConflictOpened, ConflictProbed
from watchkeeper.model.ids import ChangeId, ConflictId, Sha
from watchkeeper.model.probing import Outcome, Proof


def conflict(rule: str, subject: str) -> Conflict:
    return Conflict(
        ConflictId("c-12345678"), Kind.WRITE_WRITE, rule, Severity.MAJOR, Confidence.SURE, (A, B), (subject,),
        "both write", "why", (), "talk", "0" * 16,
    )  # fmt: skip


def test_a_pair_that_nobody_suspected_becomes_a_conflict_that_is_proved_and_all_rules_missed_it() -> None:
    verdict = judge(HANG, state(*CHANGES))

    opened, probed = verdict.events
    assert isinstance(opened, ConflictOpened)
    assert isinstance(probed, ConflictProbed)
    assert (opened.conflict.changes, opened.conflict.severity) == ((A, B), Severity.BLOCKING)
    assert [each.line for each in opened.conflict.evidence] == [21, 43]
    assert probed.proof.outcome is Outcome.PROVED_AT_RUN_TIME
    assert verdict.missed == ("write-write", "tables", "locks")


def test_a_suspicion_of_the_pair_is_proved_by_it_and_its_rule_missed_nothing() -> None:
    known = conflict("write-write", "engine.stages:update_stage_field")

    verdict = judge(HANG, state(*CHANGES, ConflictOpened(known)))

    (probed,) = verdict.events
    assert isinstance(probed, ConflictProbed)
    assert (probed.id, verdict.conflict) == (known.id, known.id)
    assert verdict.missed == ("tables", "locks")


def test_a_conflict_of_the_pair_about_something_else_is_another() -> None:
    verdict = judge(HANG, state(*CHANGES, ConflictOpened(conflict("write-write", "engine.users:rename"))))

    assert isinstance(verdict.events[0], ConflictOpened)


def test_judged_again_it_records_nothing_new() -> None:
    first = judge(HANG, state(*CHANGES))

    again = judge(HANG, state(*CHANGES, *first.events))

    assert again.events == ()
    assert again.conflict == first.conflict


def test_a_check_that_had_proved_it_missed_nothing_also_when_it_is_judged_again() -> None:
    known = conflict("write-write", "engine.stages:update_stage_field")
    proof = Proof((A, B), (Sha("a" * 40), Sha("b" * 40)), Sha("c" * 40), Outcome.PROVED, by=("locks",))
    before = [*CHANGES, ConflictOpened(known), ConflictProbed(known.id, proof)]

    first = judge(HANG, state(*before))
    again = judge(HANG, state(*before, *first.events))

    assert (first.missed, again.missed) == (("tables",), ("tables",))


def test_rules_that_never_saw_the_two_together_missed_nothing() -> None:
    assert judge(HANG, state(CHANGES[0])).missed == ()


def test_one_change_alone_and_a_side_that_nobody_knows_are_no_conflict() -> None:
    assert judge(incident(origin(A, 21), origin(A, 43)), state(*CHANGES)).events == ()
    assert judge(incident(None, origin(B, 43)), state(*CHANGES)).events == ()
    bare = msgspec.structs.replace(origin(A, 21), commit=None)
    assert judge(incident(bare, origin(B, 43)), state(*CHANGES)).events == ()


def sha(digit: str) -> Sha:
    return Sha(digit * 40)


HISTORY = (sha("0"), sha("a"), sha("1"), sha("b"), sha("2"))
"""The target branch: what A wrote is in 1, what B wrote is in 2."""


def is_in(old: Sha, new: Sha) -> bool:
    return HISTORY.index(old) <= HISTORY.index(new)


def landed(digit: str, base: str) -> ChangeAppeared:
    return ChangeAppeared(
        Change(ChangeId(f"landed:{digit * 9}"), Source.LANDED, digit, head=sha(digit), base=sha(base))
    )


LANDED = [landed("2", "1"), landed("1", "0")]


def test_changes_that_the_record_knows_as_landed_are_found_by_that_name_also_where_a_merge_brought_them() -> None:
    known = msgspec.structs.replace(
        conflict("landed", "engine.stages:update_stage_field"),
        changes=(ChangeId("landed:111111111"), ChangeId("landed:222222222")),
    )

    verdict = judge(HANG, state(*LANDED, ConflictOpened(known)), is_in)

    (probed,) = verdict.events
    assert isinstance(probed, ConflictProbed)
    assert (probed.id, probed.proof.changes) == (known.id, known.changes)
    assert judge(HANG, state(*LANDED, ConflictOpened(known), probed), is_in).events == ()


def test_two_changes_of_one_landing_are_no_pair_of_landed_changes() -> None:
    verdict = judge(HANG, state(landed("2", "0")), is_in)

    assert isinstance(verdict.events[0], ConflictOpened)
    assert verdict.events[0].conflict.changes == (A, B)
    assert verdict.missed == ()


def test_a_change_that_was_begun_when_the_other_was_in_is_no_conflict_of_parallel_work() -> None:
    later = msgspec.structs.replace(origin(B, 43), before=sha("1"))

    assert judge(incident(origin(A, 21), later), state(*CHANGES), is_in) == ((), None, ())
    assert judge(incident(later, origin(A, 21)), state(*CHANGES), is_in) == ((), None, ())


def test_a_change_that_was_begun_before_the_other_was_in_is_one() -> None:
    later = msgspec.structs.replace(origin(B, 43), before=sha("0"))

    assert judge(incident(origin(A, 21), later), state(*CHANGES), is_in).conflict is not None
