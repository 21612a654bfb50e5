"""The fold of events is total, idempotent, and the same wherever it was cut."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.conflicts.lifecycle import fold, fold_all
from watchkeeper.conflicts.scoring import count_rules, decide_demotions
from watchkeeper.conflicts.standing import State, Status, open_conflicts
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Kind, Severity
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
    Event,
    FileUnreadable,
    Opaque,
    Recorded,
    RuleDemoted,
    RuleRestored,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.probing import Outcome, Proof

change_ids = st.sampled_from([ChangeId(name) for name in ("a", "b", "c")])
conflict_ids = st.sampled_from([ConflictId(f"c-{number}") for number in range(3)])
severities = st.sampled_from(list(Severity))
weights = st.integers(0, 4)
changes = st.builds(Change, id=change_ids, source=st.sampled_from(list(Source)), label=st.text(max_size=3))


def make_conflict(name: ConflictId, severity: Severity, weight: int) -> Conflict:
    return Conflict(
        id=name,
        kind=Kind.WRITE_WRITE,
        rule="write-write",
        severity=severity,
        confidence=Confidence.SURE,
        changes=(ChangeId("a"), ChangeId("b")),
        subjects=("m:f",),
        summary="both change f",
        why="",
        evidence=(),
        next_step="talk",
        fingerprint=name,
        weight=weight,
    )


rules = st.sampled_from(["write-write", "stale-read"])
proofs = st.builds(
    Proof,
    changes=st.just((ChangeId("a"), ChangeId("b"))),
    trees=st.just(()),
    merged=st.just(Sha("")),
    outcome=st.sampled_from(list(Outcome)),
)
conflicts = st.builds(make_conflict, conflict_ids, severities, weights)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ChangeAppeared, changes),
    st.builds(ChangeMoved, changes),
    st.builds(ChangeLanded, changes),
    st.builds(ChangeGone, change_ids, st.just("removed")),
    st.builds(ConflictOpened, conflicts),
    st.builds(ConflictChanged, conflicts),
    st.builds(ConflictClosed, conflict_ids, st.sampled_from(list(CloseReason))),
    st.builds(ConflictDismissed, conflict_ids, severities, weights),
    st.builds(ConflictProbed, conflict_ids, proofs),
    st.builds(RuleDemoted, rules, st.just(1), st.just(20)),
    st.builds(RuleRestored, rules, st.just(9), st.just(20)),
    st.builds(FileUnreadable, change_ids, st.text(max_size=3), st.text(max_size=3)),
    st.builds(WatchStarted, st.just("1"), st.just("main")),
    st.builds(WatchStopped),
    st.builds(Opaque, st.text(max_size=3), st.text(max_size=3)),
)


def recorded(sequence: list[Event]) -> list[Recorded]:
    return [
        Recorded(Seq(number), Millis(number * 10), ProjectId("p"), event)
        for number, event in enumerate(sequence, start=1)
    ]


histories = st.lists(events, max_size=25).map(recorded)


@given(histories)
def test_folding_never_fails_and_one_by_one_is_the_same_as_all_at_once(history: list[Recorded]) -> None:
    state = State()
    for each in history:
        state = fold(state, each)

    assert state == fold_all(history)


@given(histories, st.data())
def test_a_replay_after_a_crash_anywhere_gives_the_same_state(history: list[Recorded], data: st.DataObject) -> None:
    """What was folded before the crash may be delivered again, from any earlier place on."""
    cut = data.draw(st.integers(0, len(history)))
    again_from = data.draw(st.integers(0, cut))

    assert fold_all(history[again_from:], fold_all(history[:cut])) == fold_all(history)


@given(histories)
def test_folding_leaves_the_state_before_as_it_was(history: list[Recorded]) -> None:
    before = fold_all(history[:-1])
    copy = msgspec.convert(msgspec.to_builtins(before), State)

    fold_all(history, before)

    assert before == copy


@given(histories)
def test_open_conflicts_are_exactly_the_open_ones_the_worst_first(history: list[Recorded]) -> None:
    state = fold_all(history)
    found = open_conflicts(state)

    assert {each.conflict.id for each in found} == {
        each.conflict.id for each in state.conflicts.values() if each.status is Status.OPEN
    }
    ranks = [each.severity.rank for each in found]  # as shown: a proof comes before what was only suspected
    assert ranks == sorted(ranks, reverse=True)


@given(conflicts, severities, weights, st.booleans())
def test_a_dismissed_conflict_comes_back_exactly_when_it_is_worse(
    conflict: Conflict, severity: Severity, weight: int, closed_between: bool
) -> None:
    between: list[Event] = [ConflictClosed(conflict.id, CloseReason.RESOLVED)] if closed_between else []
    history = recorded(
        [
            ConflictOpened(conflict),
            ConflictDismissed(conflict.id, conflict.severity, conflict.weight),
            *between,
            ConflictOpened(make_conflict(conflict.id, severity, weight)),
        ]
    )

    worse = severity.rank > conflict.severity.rank or weight > conflict.weight
    assert fold_all(history).conflicts[conflict.id].status is (Status.OPEN if worse else Status.DISMISSED)


@given(conflict_ids, severities)
def test_a_dismissal_of_less_than_what_stands_hides_nothing(name: ConflictId, severity: Severity) -> None:
    history = recorded(
        [ConflictOpened(make_conflict(name, severity, 2)), ConflictDismissed(name, severity.lowered(), 1)]
    )

    assert fold_all(history).conflicts[name].status is Status.OPEN


@given(histories)
def test_a_conflict_is_shown_lower_exactly_while_its_rule_is_demoted(history: list[Recorded]) -> None:
    state = fold_all(history)

    assert all(each.is_demoted is (each.conflict.rule in state.demoted) for each in state.conflicts.values())


@given(histories)
def test_the_record_of_rules_counts_each_suspicion_once_and_agrees_with_the_state(history: list[Recorded]) -> None:
    records = count_rules(history)

    raised = [each.event.conflict for each in history if isinstance(each.event, ConflictOpened)]
    assert sum(record.raised for record in records.values()) == len(raised)
    for record in records.values():
        assert sum(record.endings.values()) == record.raised
        assert record.is_demoted is (record.rule in fold_all(history).demoted)
    assert decide_demotions(records) == ()  # never on fewer than twenty
