"""Findings, folds and standards for tests, made the way they are recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha
from watchkeeper.model.scouting import (
    FindingFiled,
    FindingFound,
    FindingGone,
    FindingId,
    KindAssigned,
    KindId,
    LookState,
    RunId,
    ScoutFinding,
    ScoutLooked,
    Standard,
    StandardCheck,
    StandardId,
    StandardState,
)
from watchkeeper.model.scouting_state import ScoutState, StandardStanding, fold_scouting
from watchkeeper.scouts.standards.checking import Said

NOW = Millis(100 * 24 * 3_600_000)
DAY = 24 * 3_600_000
COMMIT = Sha("c" * 40)


def finding(name: str, **fields: object) -> ScoutFinding:
    """A finding of an agent; ``fields`` say otherwise."""
    told = {"dimension": "gaps", "check": "agent", "rule": "gaps", "path": f"{name}.py", "claim": name} | fields
    return ScoutFinding(id=FindingId(f"f-{name}"), **told)  # type: ignore[arg-type]


def state_of(
    *findings: ScoutFinding,
    kind: str = "silent-error",
    told: Sequence[str] = (),
    at: int = NOW - DAY,
    then: Iterable[Event] = (),
    has_ended: bool = True,
) -> ScoutState:
    """One run of one project: what it found, of which kind that is, and what was recorded ``then``."""
    events: list[Event] = []
    for each in findings:
        events.append(FindingFound(RunId("s-1"), each))
        if kind:
            events.append(KindAssigned(each.id, KindId(kind), "agent"))
    if has_ended:
        events.append(
            ScoutLooked(RunId("s-1"), "gaps", LookState.FOUND, COMMIT, told=tuple(KindId(each) for each in told))
        )
    events += then
    project = ProjectId("any")
    return fold_scouting(Recorded(Seq(n), Millis(at), project, each) for n, each in enumerate(events, 1))


def solved(each: ScoutFinding, issue: str) -> tuple[Event, ...]:
    """It was filed, and is gone."""
    return FindingFiled(each.id, IssueId(issue)), FindingGone(each.id, COMMIT)


def projects(**states: ScoutState) -> dict[ProjectId, ScoutState]:
    return {ProjectId(name): each for name, each in states.items()}


NO_EVAL = StandardCheck("pattern", "rule: {pattern: eval($X)}", ("python",))


def standing(
    name: str = "std-eval", state: StandardState = StandardState.ENFORCED, **fields: object
) -> StandardStanding:
    """A whole standard against ``eval`` in Python; ``fields`` are the standard's."""
    told = {
        "kind": KindId("injection"), "title": "No eval", "text": "Parse it instead.", "owner": "ada",
        "check": NO_EVAL, "known": (FindingId("f-known"),),
    } | fields  # fmt: skip
    return StandardStanding(Standard(StandardId(name), **told), state)  # type: ignore[arg-type]


class FileRules(NamedTuple):
    """Rules of standards: ``look`` says what a rule finds in a file; they read what ends so."""

    look: Callable[[str, str, str], Iterable[Said]]
    suffixes: tuple[str, ...] = ("",)

    def reads(self, rule: str, path: str) -> bool:  # noqa: ARG002 all rules read the same
        return path.endswith(self.suffixes)

    def run(self, rule: str, path: str, text: str) -> Iterable[Said]:
        return self.look(rule, path, text)
