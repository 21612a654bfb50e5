"""How often a rule was right, counted from the record, and when it is shown lower for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from watchkeeper.conflicts.scoring import (
    Ending,
    RuleRecord,
    can_demote,
    count_rules,
    decide_demotions,
)
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import (
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    Event,
    Recorded,
    RuleDemoted,
    RuleRestored,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.probing import Outcome, Proof

RULE = "stale-read"
PROVED, CLEARED, OPEN_ENDED = Outcome.PROVED, Outcome.CLEARED, Outcome.NOT_DISPROVED


def opened(name: str, rule: str = RULE, kind: Kind = Kind.WRITE_WRITE) -> ConflictOpened:
    return ConflictOpened(
        Conflict(
            id=ConflictId(name),
            kind=kind,
            rule=rule,
            severity=Severity.MAJOR,
            confidence=Confidence.SURE,
            changes=(ChangeId("a"), ChangeId("b")),
            subjects=("m:f",),
            summary="both change f",
            why="",
            evidence=(),
            next_step="talk",
            fingerprint=name,
        )
    )


def probed(name: str, outcome: Outcome) -> ConflictProbed:
    return ConflictProbed(ConflictId(name), Proof((ChangeId("a"), ChangeId("b")), (), Sha(""), outcome))


def closed(name: str, reason: CloseReason = CloseReason.RESOLVED) -> ConflictClosed:
    return ConflictClosed(ConflictId(name), reason)


def dismissed(name: str) -> ConflictDismissed:
    return ConflictDismissed(ConflictId(name), Severity.MAJOR, 1)


def record(*events: Event) -> RuleRecord:
    recorded = [Recorded(Seq(at), Millis(at), ProjectId("p"), event) for at, event in enumerate(events, start=1)]
    return count_rules(recorded)[RULE]


def ended(outcomes: Sequence[Outcome], rule: str = RULE, *, start: int = 0) -> list[Event]:
    """A suspicion for each outcome."""
    return [
        event
        for number, outcome in enumerate(outcomes, start)
        for event in (opened(f"{rule}-{number}", rule), probed(f"{rule}-{number}", outcome))
    ]


def decided(*events: Event) -> tuple[RuleDemoted | RuleRestored, ...]:
    recorded = [Recorded(Seq(at), Millis(at), ProjectId("p"), event) for at, event in enumerate(events, start=1)]
    return decide_demotions(count_rules(recorded))


@pytest.mark.parametrize(
    ("after", "ending"),
    [
        ([], Ending.NONE),
        ([probed("c", PROVED)], Ending.PROVED),
        ([probed("c", CLEARED)], Ending.CLEARED),
        ([probed("c", OPEN_ENDED)], Ending.NOT_DISPROVED),
        ([probed("c", Outcome.FLAKY)], Ending.NONE),
        ([probed("c", Outcome.COULD_NOT_RUN)], Ending.NONE),
        ([dismissed("c")], Ending.DISMISSED),
        ([closed("c")], Ending.CHANGED_COURSE),
        ([closed("c", CloseReason.GONE)], Ending.NONE),
        ([closed("c", CloseReason.LANDED)], Ending.NONE),
        ([probed("c", OPEN_ENDED), closed("c")], Ending.CHANGED_COURSE),
        ([probed("c", OPEN_ENDED), probed("c", PROVED)], Ending.PROVED),
        ([probed("c", CLEARED), probed("c", PROVED)], Ending.PROVED),
        ([probed("c", CLEARED), probed("c", OPEN_ENDED)], Ending.CLEARED),
        ([probed("c", CLEARED), closed("c")], Ending.CLEARED),
        ([dismissed("c"), closed("c")], Ending.DISMISSED),
    ],
)
def test_a_suspicion_counts_once_by_its_newest_ending(after: list[Event], ending: Ending) -> None:
    found = record(opened("c"), *after)

    assert found.raised == 1
    assert {each: count for each, count in found.endings.items() if count} == {ending: 1}


@pytest.mark.parametrize("after", [closed("c"), probed("c", CLEARED), probed("c", OPEN_ENDED), dismissed("c")])
def test_a_proof_stays_a_proof_when_the_code_is_mended_afterwards(after: Event) -> None:
    assert record(opened("c"), probed("c", PROVED), after).endings[Ending.PROVED] == 1


def test_a_conflict_that_comes_back_is_raised_anew_and_one_that_only_changes_is_not() -> None:
    first = opened("c")
    found = record(first, probed("c", PROVED), closed("c"), first, ConflictChanged(first.conflict), closed("c"))

    assert found.raised == 2
    assert (found.endings[Ending.PROVED], found.endings[Ending.CHANGED_COURSE]) == (1, 1)


def test_what_only_the_merge_showed_was_raised_by_no_rule() -> None:
    recorded = [Recorded(Seq(1), Millis(1), ProjectId("p"), opened("c", "emergent-tests", Kind.EMERGENT))]

    assert count_rules(recorded) == {}


def test_endings_of_what_nobody_raised_count_nowhere() -> None:
    assert record(opened("c"), probed("other", PROVED), closed("other")).endings[Ending.PROVED] == 0


def test_the_last_twenty_conclusive_endings_are_in_the_order_in_which_they_came() -> None:
    old, new = ended([PROVED] * 5), ended([CLEARED] * 20, start=5)

    found = record(*old, *new)

    assert found.lately == (Ending.CLEARED,) * 20
    assert found.precision == 0.0
    assert record(*new, *old).proved_lately == 5


def test_a_rule_below_its_floor_is_demoted_after_twenty_conclusive_outcomes_and_not_before() -> None:
    few = [PROVED] * 5

    assert decided(*ended([*few, *[CLEARED] * 14])) == ()
    assert decided(*ended([*few, *[CLEARED] * 15])) == (RuleDemoted(RULE, 5, 20),)


def test_a_rule_on_its_floor_is_not_demoted() -> None:
    assert decided(*ended([PROVED] * 6 + [CLEARED] * 14)) == ()


def test_inconclusive_outcomes_do_not_count() -> None:
    inconclusive = [OPEN_ENDED, Outcome.FLAKY, Outcome.COULD_NOT_RUN]

    assert decided(*ended([CLEARED] * 19 + inconclusive * 10)) == ()


def test_a_demoted_rule_is_restored_above_the_floor_only() -> None:
    demoted = RuleDemoted(RULE, 0, 20)

    assert decided(*ended([CLEARED] * 13 + [PROVED] * 7), demoted) == ()
    assert decided(*ended([CLEARED] * 12 + [PROVED] * 8), demoted) == (RuleRestored(RULE, 8, 20),)


def test_a_rule_is_demoted_and_restored_once() -> None:
    bad, good = ended([CLEARED] * 20), ended([PROVED] * 20)

    assert decided(*bad, RuleDemoted(RULE, 0, 20)) == ()
    assert decided(*good, RuleDemoted(RULE, 0, 20), RuleRestored(RULE, 20, 20)) == ()


@pytest.mark.parametrize("rule", ["table-locks", "tables", "text", "unread"])
def test_what_hangs_production_is_never_shown_lower(rule: str) -> None:
    assert not can_demote(rule)
    assert decided(*ended([CLEARED] * 40, rule)) == ()


def test_each_rule_is_judged_by_its_own_record() -> None:
    found = decided(*ended([CLEARED] * 20, "stale-read"), *ended([PROVED] * 20, "write-write"))

    assert found == (RuleDemoted("stale-read", 0, 20),)


def test_without_a_conclusive_ending_there_is_no_precision() -> None:
    assert record(opened("c")).precision is None
