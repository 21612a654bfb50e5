"""What a queue promises, held against recorded events: each broken promise is found, and a true log has none."""

from __future__ import annotations

import pytest

from landingworld import GATE, World
from watchkeeper.landing.audit import Audit, audit_landings
from watchkeeper.landing.policy import Policy
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import (
    Bounce,
    Candidate,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
    EntryReleased,
    GateSet,
    LandingDone,
    LandingEvent,
    LandingIntended,
    Purpose,
    RunBegan,
    RunEnded,
    RunId,
    SetConfirmed,
    TargetMoved,
    Verdict,
)

A, B, C = EntryId("a/1"), EntryId("b/1"), EntryId("c/1")


def landed(*names: EntryId, lanes: bool = False, broken: bool = False) -> World:
    """A queue in which these arrived and everything was decided."""
    scene = World(Policy(slots=2, lanes=lanes))
    if broken:
        scene.breaks("t", A, B)
    for name in names:
        scene.arrive(name, reach=(f"{name}.py",))
    scene.settle()
    return scene


def without(events: list[LandingEvent], kind: type[LandingEvent]) -> list[LandingEvent]:
    return [event for event in events if not isinstance(event, kind)]


def said(audit: Audit) -> list[str]:
    return [each.what for each in audit.broken]


def test_a_true_log_breaks_no_promise_and_its_landings_are_counted() -> None:
    audit = audit_landings(landed(A, B, C, broken=True).events)
    assert audit.broken == ()
    assert audit.landings == audit.tested > 0
    assert audit.in_lanes == 0


def test_a_landing_whose_tree_no_run_passed_is_found() -> None:
    assert "no run had passed its tree" in said(audit_landings(without(landed(A).events, RunEnded)))


def test_a_run_under_another_gate_does_not_count_for_a_landing() -> None:
    events = landed(A).events
    at = next(at for at, event in enumerate(events) if isinstance(event, LandingIntended))
    assert said(audit_landings([*events[:at], GateSet("other"), *events[at:]])) == [
        "it was begun under a gate that was in force no more"
    ]


@pytest.mark.parametrize(
    ("failing", "then", "is_kept"),
    [(("t",), (), False), (("t",), ("t",), False), (("t",), None, True), ((), (), True)],
    ids=["failed once", "failed twice", "passed when it was asked again", "passed at once"],
)
def test_what_passes_follows_the_rules_of_evidence(
    failing: tuple[str, ...], then: tuple[str, ...] | None, *, is_kept: bool
) -> None:
    onto, tree, new = Sha("c0"), Sha("t1"), Sha("c1")
    candidate = Candidate(onto, (A,))
    events: list[LandingEvent] = [
        TargetMoved(None, onto, Sha("t0")),
        RunBegan(RunId("r1"), candidate, tree, Purpose.LAND, GATE),
        RunEnded(RunId("r1"), Verdict.FAILED if failing else Verdict.PASSED, failing),
    ]
    if then is None or then:
        events.append(RunBegan(RunId("r2"), candidate, tree, Purpose.AGAIN, GATE, failing))
        events.append(RunEnded(RunId("r2"), Verdict.FAILED if then else Verdict.PASSED, then or ()))
    events += [LandingIntended((A,), onto, new, tree, GATE), LandingDone(new)]
    assert (audit_landings(events).broken == ()) is is_kept


def test_an_entry_that_lands_while_it_waits_for_a_person_is_found_and_a_released_one_is_not() -> None:
    events = landed(A).events
    at = next(at for at, event in enumerate(events) if isinstance(event, EntryQueued)) + 1
    held = [*events[:at], EntryHeld(A, "risky"), *events[at:]]
    assert said(audit_landings(held)) == ["a/1 waits for a person"]
    assert audit_landings([*events[:at], EntryHeld(A, "risky"), EntryReleased(A), *events[at:]]).broken == ()


def test_an_entry_that_lands_twice_or_from_where_the_branch_is_not_is_found() -> None:
    events = landed(A).events
    intent = next(event for event in events if isinstance(event, LandingIntended))
    again = LandingIntended((A,), intent.old, Sha("c9"), intent.tree, GATE)
    assert said(audit_landings([*events, again, LandingDone(Sha("c9"))])) == [
        "it was begun from c0, where the branch was not",
        "a/1 had landed before",
    ]


def test_who_is_sent_back_without_a_confirmed_set_is_found() -> None:
    events = landed(A, B, broken=True).events
    assert any(isinstance(event, EntryBounced) and event.why is Bounce.SET for event in events)
    assert audit_landings(events).broken == ()
    assert said(audit_landings(without(events, SetConfirmed))) == ["b/1 was sent back for what no run confirmed"]


def test_lanes_land_without_a_run_of_their_sum_which_is_run_afterwards() -> None:
    scene = landed(A, B, lanes=True)
    audit = audit_landings(scene.events)
    assert audit.in_lanes == 1
    assert audit.broken == ()
    assert audit.untested == ()
    at = next(
        at for at, event in enumerate(scene.events) if isinstance(event, RunBegan) and not event.candidate.entries
    )
    assert len(audit_landings(scene.events[:at]).untested) == 1


def test_a_lane_that_lands_untested_is_found() -> None:
    events = landed(A, B, lanes=True).events
    lane = next(event for event in events if isinstance(event, LandingIntended) and event.is_lane)
    run = next(event.id for event in events if isinstance(event, RunBegan) and event.candidate.entries == lane.entries)
    bare = [event for event in events if not (isinstance(event, RunEnded) and event.id == run)]
    assert "no run had passed its lane" in said(audit_landings(bare))


def test_a_sum_of_lanes_that_is_run_too_late_is_found() -> None:
    names = [EntryId(f"e{number}/1") for number in range(10)]
    events: list[LandingEvent] = [TargetMoved(None, Sha("c0"), Sha("t0"))]
    for number, name in enumerate(names):
        run, tree, tip = RunId(f"r{number}"), Sha(f"own{number}"), Sha(f"c{number}")
        events += [
            RunBegan(run, Candidate(Sha("c0"), (name,)), tree, Purpose.LAND, GATE),
            RunEnded(run, Verdict.PASSED),
            LandingIntended((name,), tip, Sha(f"c{number + 1}"), Sha(f"t{number + 1}"), GATE, is_lane=True),
            LandingDone(Sha(f"c{number + 1}")),
        ]
    late = "another run began although 8 landings in lanes were not run together"
    assert said(audit_landings(events[: 1 + 4 * 8])) == []
    assert said(audit_landings(events))[:1] == [late]
    head = [
        RunBegan(RunId("h"), Candidate(Sha("c8")), Sha("t8"), Purpose.HEAD, GATE),
        RunEnded(RunId("h"), Verdict.PASSED),
    ]
    assert said(audit_landings([*events[: 1 + 4 * 8], *head, *events[1 + 4 * 8 :]])) == []
