"""How a conflict is shown after its merge was run, and after its rule was judged."""

from __future__ import annotations

import msgspec
import pytest

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import ConflictState, Status, open_conflicts, severity_after
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

C = ConflictId("c-1")
SUSPECTED = Conflict(
    id=C,
    kind=Kind.STALE_READ,
    rule="stale-read",
    severity=Severity.MAJOR,
    confidence=Confidence.SURE,
    changes=(ChangeId("a"), ChangeId("b")),
    subjects=("m:f",),
    summary="a changes what b reads",
    why="",
    evidence=(),
    next_step="talk",
    fingerprint="c-1",
)
OPENED = ConflictOpened(SUSPECTED)
DEMOTED, RESTORED = RuleDemoted("stale-read", 1, 20), RuleRestored("stale-read", 9, 20)


def probed(outcome: Outcome) -> ConflictProbed:
    return ConflictProbed(C, Proof(SUSPECTED.changes, (), Sha(""), outcome))


PROVED, CLEARED = probed(Outcome.PROVED), probed(Outcome.CLEARED)


def after(*events: Event) -> ConflictState:
    recorded = [Recorded(Seq(at), Millis(at), ProjectId("p"), event) for at, event in enumerate(events, start=1)]
    return fold_all(recorded).conflicts[C]


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Outcome.PROVED, Severity.BLOCKING),
        (Outcome.CLEARED, Severity.INFO),
        (Outcome.NOT_DISPROVED, Severity.MAJOR),
        (Outcome.FLAKY, Severity.MAJOR),
        (Outcome.COULD_NOT_RUN, Severity.MAJOR),
    ],
)
def test_a_proof_is_blocking_a_clearing_steps_down_and_nothing_else_changes_it(
    outcome: Outcome, shown: Severity
) -> None:
    state = after(OPENED, probed(outcome))

    assert state.severity is shown
    assert state.status is Status.OPEN
    assert state.conflict.severity is Severity.MAJOR  # what was suspected stays known


@pytest.mark.parametrize("severity", list(Severity))
def test_what_is_cleared_never_steps_below_the_lowest(severity: Severity) -> None:
    assert severity_after(severity, Outcome.CLEARED).rank == max(0, severity.rank - 2)


def test_the_newest_outcome_counts() -> None:
    assert after(OPENED, PROVED, CLEARED).severity is Severity.INFO
    assert after(OPENED, CLEARED, PROVED).severity is Severity.BLOCKING


def test_an_outcome_of_an_unknown_conflict_makes_none() -> None:
    assert fold_all([Recorded(Seq(1), Millis(1), ProjectId("p"), PROVED)]).conflicts == {}


def test_a_dismissed_suspicion_comes_back_when_it_is_proved() -> None:
    dismissed = ConflictDismissed(C, Severity.MAJOR, SUSPECTED.weight)
    state = after(OPENED, dismissed, PROVED)

    assert state.status is Status.OPEN
    assert state.dismissal is None
    assert state.severity is Severity.BLOCKING


@pytest.mark.parametrize("outcome", [each for each in Outcome if not each.is_proof])
def test_a_dismissed_suspicion_stays_away_after_any_other_outcome(outcome: Outcome) -> None:
    assert after(OPENED, ConflictDismissed(C, Severity.MAJOR, 1), probed(outcome)).status is Status.DISMISSED


def test_what_was_dismissed_as_proved_stays_dismissed_when_it_is_proved_again() -> None:
    assert after(OPENED, PROVED, ConflictDismissed(C, Severity.BLOCKING, 1), PROVED).status is Status.DISMISSED


def test_a_conflict_that_goes_on_keeps_its_proof_and_one_that_comes_back_begins_without() -> None:
    changed = ConflictChanged(msgspec.structs.replace(SUSPECTED, summary="otherwise said"))

    assert after(OPENED, PROVED, changed).proof == PROVED.proof
    assert after(OPENED, PROVED, ConflictClosed(C, CloseReason.RESOLVED), OPENED).proof is None


def test_a_proof_opens_nothing_that_is_closed() -> None:
    assert after(OPENED, ConflictClosed(C, CloseReason.RESOLVED), PROVED).status is Status.CLOSED


def test_a_demoted_rule_is_shown_one_lower_and_in_full_again_when_restored() -> None:
    assert after(OPENED, DEMOTED).severity is Severity.MINOR
    assert after(OPENED, DEMOTED, RESTORED).severity is Severity.MAJOR


def test_what_opens_while_its_rule_is_demoted_is_shown_lower_too() -> None:
    assert after(DEMOTED, OPENED).severity is Severity.MINOR
    assert after(RuleDemoted("other", 0, 20), OPENED).severity is Severity.MAJOR


def test_a_proved_conflict_is_never_demoted() -> None:
    assert after(OPENED, DEMOTED, PROVED).severity is Severity.BLOCKING


def test_what_is_cleared_is_not_lowered_once_more_for_its_rule() -> None:
    assert after(OPENED, DEMOTED, CLEARED).severity is Severity.INFO
    assert after(OPENED, CLEARED, DEMOTED).severity is Severity.INFO


def test_the_proved_come_first_and_the_cleared_last() -> None:
    events: list[Event] = []
    for name, outcome in (("1", Outcome.CLEARED), ("2", Outcome.NOT_DISPROVED), ("3", Outcome.PROVED)):
        each = msgspec.structs.replace(SUSPECTED, id=ConflictId(name))
        events += [ConflictOpened(each), ConflictProbed(each.id, probed(outcome).proof)]
    recorded = [Recorded(Seq(at), Millis(at), ProjectId("p"), event) for at, event in enumerate(events, start=1)]

    assert [each.conflict.id for each in open_conflicts(fold_all(recorded))] == ["3", "2", "1"]
