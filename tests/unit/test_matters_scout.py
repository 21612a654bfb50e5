"""What of scouts and standards needs a person, and what does not."""

from __future__ import annotations

import pytest

from reviewworld import World
from watchkeeper.model.attention import MatterKind, Urgency
from watchkeeper.model.events import Event
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Sha
from watchkeeper.model.scouting import (
    Checked,
    ContradictionFound,
    ContradictionJudged,
    FindingFound,
    FindingId,
    FindingJudged,
    KindId,
    LookState,
    RunId,
    ScoutFinding,
    ScoutLooked,
    Standard,
    StandardId,
    StandardMoved,
    StandardState,
    StandardWritten,
    Verdict,
)

RUN, COMMIT = RunId("s-1"), Sha("c" * 40)


def tell_fleet(world: World, *events: Event) -> None:
    world.log.append(FLEET, list(events), world.now)


def scouting(world: World) -> list[tuple[str, Urgency]]:
    return [(each.title, each.urgency) for each in world.matters(MatterKind.SCOUT)]


def test_who_could_not_look_is_one_matter_of_the_project_until_he_can() -> None:
    world = World("shop")
    blind = (Checked("bandit", reason="it is not installed"),)
    for dimension in ("security", "errors"):
        world.record("shop", ScoutLooked(RUN, dimension, LookState.COULD_NOT_LOOK, COMMIT, "it is missing", blind))
    world.record("shop", ScoutLooked(RUN, "ux", LookState.CLEAN, COMMIT))
    assert scouting(world) == [("scouts could not look at shop along errors, security", Urgency.TODAY)]

    for dimension in ("security", "errors"):
        world.record("shop", ScoutLooked(RUN, dimension, LookState.FOUND, COMMIT, found=3))
    assert scouting(world) == [], "what was found is issues, not matters"


STANDARD = Standard(StandardId("std-x"), KindId("x"), "Requests end", "")


@pytest.mark.parametrize(
    ("state", "urgency"),
    [
        (StandardState.CANDIDATE, [Urgency.FYI]),
        (StandardState.PROPOSED, [Urgency.TODAY]),
        (StandardState.ADOPTED, []),
        (StandardState.ENFORCED, []),
        (StandardState.RETIRED, []),
    ],
)
def test_a_standard_needs_somebody_until_it_is_adopted(state: StandardState, urgency: list[Urgency]) -> None:
    world = World("shop")
    tell_fleet(world, StandardWritten(STANDARD), StandardMoved(STANDARD.id, state, "3 projects"))
    assert [each for _, each in scouting(world)] == urgency


def test_a_contradiction_needs_somebody_until_it_is_answered() -> None:
    world = World("shop")
    tell_fleet(world, ContradictionFound("k", KindId("x"), FLEET, COMMIT, FLEET, FindingId("f-1"), "one adds it"))
    assert scouting(world) == [("two projects contradict each other: one adds it", Urgency.TODAY)]
    tell_fleet(world, ContradictionJudged("k", "it is right", "ada"))
    assert scouting(world) == []


def test_a_rule_that_is_muted_is_told_quietly() -> None:
    world = World("shop")
    for number in range(5):
        found = ScoutFinding(FindingId(f"f-{number}"), "errors", "tree", "bare", "a.py", "x")
        verdict = Verdict.TRUE if number < 2 else Verdict.FALSE
        world.record("shop", FindingFound(RUN, found), FindingJudged(found.id, verdict, "", "ada"))
    assert ("tree:bare is muted: 2 of the last 5 findings were true", Urgency.FYI) in scouting(world)
