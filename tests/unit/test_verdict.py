"""What an incident says of the two changes behind it: a suspicion that was right, or a conflict that nobody saw."""

from __future__ import annotations

import msgspec
import pytest

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.scoring import count_rules
from watchkeeper.conflicts.standing import State
from watchkeeper.database.verdict import Side, Verdict, decide_verdict, pair_of
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import (
    ChangeAppeared,
    CloseReason,
    ConflictClosed,
    ConflictOpened,
    ConflictProbed,
    Event,
    Recorded,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.incidents import (
    Attribution,
    Incident,
    IncidentId,
    IncidentKind,
    Origin,
    Party,
    Role,
    Tier,
)
from watchkeeper.model.probing import Outcome

A, B, C = ChangeId("dual-write"), ChangeId("mirror"), ChangeId("other")
STAGES = "engine/stages.py"


def origin(name: str, line: int, agent: str, symbol: str = "update_stage_field", share: float = 1.0) -> Origin:
    commit = Sha(name * 40)
    return Origin(STAGES, line, symbol, "code", Sha("f" * 40), commit, "s", "a", agent, agent[-1:], confidence=share)


HELD, WAITED = origin("a", 21, "agent-1"), origin("b", 43, "agent-2")
SIDES = (Side(HELD, (A, ChangeId("landed:aaaaaaaaa"))), Side(WAITED, (B,)))


def incident(*origins: Origin, kind: IncidentKind = IncidentKind.SELF_DEADLOCK) -> Incident:
    roles = (Role.HOLDER, Role.WAITER)
    parties = tuple(
        Party(n, role, attribution=Attribution(Tier.TAG, (each,)))
        for n, (role, each) in enumerate(zip(roles, origins or (HELD, WAITED), strict=True))
    )
    return Incident(
        IncidentId("i-1"), "f", kind, "shop", "both hold", Millis(1), Millis(2), parties, relation="content"
    )


def suspicion(rule: str, *changes: ChangeId, subject: str = "engine.stages:update_stage_field") -> Conflict:
    return Conflict(
        ConflictId(f"c-{rule}"), Kind.WRITE_WRITE, rule, Severity.MAJOR, Confidence.SURE, changes or (A, B), (subject,),
        "both change it", "", (), "talk", rule,
    )  # fmt: skip


def log_of(*events: Event) -> list[Recorded]:
    return [Recorded(Seq(n), Millis(n), ProjectId("p"), each) for n, each in enumerate(events, start=1)]


def state(*events: Event) -> State:
    return fold_all(log_of(*events))


def appeared(name: ChangeId) -> ChangeAppeared:
    return ChangeAppeared(Change(name, Source.WORKTREE, name))


def outcomes(verdict: Verdict) -> list[tuple[str, str]]:
    return [(each.id, each.proof.outcome.value) for each in verdict.events if isinstance(each, ConflictProbed)]


def test_a_suspicion_of_the_pair_about_that_function_is_proved() -> None:
    opened = ConflictOpened(suspicion("write-write"))
    verdict = decide_verdict(incident(), SIDES, state(opened))

    assert verdict.conflict == "c-write-write"
    assert outcomes(verdict) == [("c-write-write", "proved-at-run-time")]
    assert count_rules(log_of(opened, *verdict.events))["write-write"].proved_lately == 1


def test_one_about_the_table_is_proved_as_well_and_under_a_landed_name() -> None:
    told = suspicion("tables", ChangeId("landed:aaaaaaaaa"), B, subject="table content")
    assert outcomes(decide_verdict(incident(), SIDES, state(ConflictOpened(told)))) == [
        ("c-tables", "proved-at-run-time")
    ]


@pytest.mark.parametrize(
    "told",
    [
        suspicion("write-write", A, C),
        suspicion("write-write", subject="engine.stages:other_function"),
        suspicion("tables", subject="table job"),
        suspicion("write-write", A, B, C),
    ],
    ids=["another pair", "another function", "another table", "three changes"],
)
def test_what_warned_of_something_else_is_not_proved(told: Conflict) -> None:
    verdict = decide_verdict(incident(), SIDES, state(ConflictOpened(told)))

    assert told.id not in [name for name, _ in outcomes(verdict)]
    (opened,) = (each for each in verdict.events if isinstance(each, ConflictOpened))
    assert opened.conflict.rule == "run-time"


def test_without_a_suspicion_a_conflict_of_the_pair_is_opened_and_proved() -> None:
    verdict = decide_verdict(incident(), SIDES, State())

    opened, probed = verdict.events
    assert isinstance(opened, ConflictOpened)
    assert isinstance(probed, ConflictProbed)
    assert opened.conflict.changes == tuple(sorted((A, B)))
    assert {(each.change, each.line) for each in opened.conflict.evidence} == {(A, 21), (B, 43)}
    assert probed.proof.trees == (HELD.commit, WAITED.commit)
    assert probed.proof.merged == HELD.revision
    known = state(*verdict.events).conflicts[opened.conflict.id]
    assert known.severity is Severity.BLOCKING


def test_the_same_fault_tomorrow_records_nothing_more() -> None:
    first = decide_verdict(incident(), SIDES, State())
    again = decide_verdict(incident(), SIDES, state(*first.events))
    suspected = state(ConflictOpened(suspicion("write-write")))
    proved = decide_verdict(incident(), SIDES, suspected)
    proved_again = decide_verdict(incident(), SIDES, state(ConflictOpened(suspicion("write-write")), *proved.events))

    assert (again.conflict, again.events) == (first.conflict, ())
    assert (proved_again.conflict, proved_again.events) == (proved.conflict, ())


def test_a_suspicion_that_closed_as_its_changes_landed_was_right_nevertheless() -> None:
    told = state(
        ConflictOpened(suspicion("write-write")), ConflictClosed(ConflictId("c-write-write"), CloseReason.GONE)
    )
    assert outcomes(decide_verdict(incident(), SIDES, told)) == [("c-write-write", "proved-at-run-time")]


def test_rules_that_looked_at_the_pair_and_said_nothing_are_listed() -> None:
    both = (appeared(A), appeared(B))
    told = decide_verdict(incident(), SIDES, state(*both, ConflictOpened(suspicion("write-write"))))
    untold = decide_verdict(incident(), SIDES, state(*both))
    apart = (SIDES[0], Side(origin("b", 43, "agent-2", "publish"), (B,)))

    assert told.missed == ("locks", "tables")
    assert untold.missed == ("locks", "tables", "write-write")
    assert decide_verdict(incident(), apart, state(*both)).missed == ("locks", "tables")


def test_a_check_that_was_proved_on_the_merge_missed_nothing() -> None:
    found = suspicion("emergent-locks", subject="update_stage_field: content: session then engine.begin()")
    verdict = decide_verdict(incident(), SIDES, state(appeared(A), appeared(B), ConflictOpened(found)))

    assert "locks" not in verdict.missed
    assert verdict.conflict == "c-emergent-locks"


def test_no_rule_missed_changes_that_nobody_looked_at() -> None:
    assert decide_verdict(incident(), SIDES, state(appeared(A))).missed == ()


def test_one_change_alone_is_no_pair() -> None:
    same = (SIDES[0], Side(WAITED, (A,)))
    assert decide_verdict(incident(), same, State()) == Verdict()
    assert decide_verdict(incident(), SIDES[:1], State()) == Verdict()


def test_a_pair_are_two_different_works_that_are_known_well_enough() -> None:
    base = msgspec.structs.replace(WAITED, agent="", issue="")

    assert pair_of(incident()) == (HELD, WAITED)
    assert pair_of(incident(HELD, base)) == (HELD,)
    assert pair_of(incident(HELD, origin("b", 43, "agent-1"))) == (HELD,)
    assert pair_of(incident(HELD, origin("b", 43, "agent-2", share=0.3))) == (HELD,)


def test_both_kinds_of_proof_are_proofs_and_others_are_not() -> None:
    assert [each for each in Outcome if each.is_proof] == [Outcome.PROVED, Outcome.PROVED_AT_RUN_TIME]
    assert Outcome.PROVED_AT_RUN_TIME.is_conclusive
