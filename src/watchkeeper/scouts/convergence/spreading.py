"""What one project has solved and another still has: the commit that solved it, for whoever mends the other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum

import msgspec

from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import Millis, ProjectId, Sha
from watchkeeper.model.scouting import FindingId, KindId, ScoutFinding, Verdict
from watchkeeper.model.scouting_state import FindingStanding, ScoutState
from watchkeeper.scouts.convergence.words import stems

Landed = Mapping[ProjectId, Mapping[IssueId, Sha]]
"""For each project the commit that landed for an issue."""


class Alike(IntEnum):
    """Why two findings of one kind are alike, the surest last."""

    TEXT = 1
    SHAPE = 2
    RULE = 3


class Solved(msgspec.Struct, frozen=True):
    """A finding that is gone because a commit landed for its issue."""

    project: ProjectId
    finding: ScoutFinding
    kind: KindId
    commit: Sha
    at: Millis


class Suggestion(msgspec.Struct, frozen=True):
    """``commit`` of ``solved_in`` solved what ``finding`` of ``project`` is about. ``likeness`` is 0 to 1, of words."""

    project: ProjectId
    finding: FindingId
    kind: KindId
    solved_in: ProjectId
    solved: FindingId
    commit: Sha
    alike: Alike
    likeness: float
    why: str


def find_solved(states: Mapping[ProjectId, ScoutState], landed: Landed) -> tuple[Solved, ...]:
    """What is known to be solved: found true or never doubted, filed, landed for, and gone at a later look."""
    return tuple(
        Solved(project, each.finding, KindId(each.kind_id), commit, each.gone_at or each.at)
        for project, state in sorted(states.items())
        for each in state.findings.values()
        if (commit := _find_commit(each, landed.get(project, {}))) is not None
    )


def suggest(
    states: Mapping[ProjectId, ScoutState], landed: Landed, *, most: int = 1, least: float = 0.15
) -> tuple[Suggestion, ...]:
    """For each finding that holds, at most ``most`` solutions of its kind from other projects, the most alike first.

    The same rule is more alike than code of the same shape, that more than words; by words alone, ``least`` of them
    have to be shared. All suggestions are ordered so, and equal ones by their ids.
    """
    by_kind: dict[str, list[Solved]] = {}
    for solved in find_solved(states, landed):
        by_kind.setdefault(solved.kind, []).append(solved)
    found: list[Suggestion] = []
    for project, state in sorted(states.items()):
        for standing in state.holding():
            if standing.refuted is None and standing.kind_id:
                here = list(_compare(project, standing, by_kind.get(standing.kind_id, ()), least))
                found += sorted(here, key=_order)[:most]
    return tuple(sorted(found, key=_order))


def _find_commit(standing: FindingStanding, landed: Mapping[IssueId, Sha]) -> Sha | None:
    is_false = standing.judged is not None and standing.judged.verdict is not Verdict.TRUE
    if standing.gone is None or standing.issue is None or is_false or standing.refuted or not standing.kind_id:
        return None
    return landed.get(standing.issue)


def _compare(
    project: ProjectId, standing: FindingStanding, solved: Sequence[Solved], least: float
) -> Iterator[Suggestion]:
    finding = standing.finding
    for each in solved:
        if each.project == project:
            continue
        likeness = _shared(finding.claim, each.finding.claim)
        alike, why = _alike(finding, each.finding)
        if alike is not Alike.TEXT or likeness >= least:
            yield Suggestion(
                project, finding.id, each.kind, each.project, each.finding.id, each.commit, alike, likeness, why
            )


def _alike(here: ScoutFinding, there: ScoutFinding) -> tuple[Alike, str]:
    if here.check == there.check != "agent" and here.rule == there.rule:
        return Alike.RULE, f"both were found by {here.check}:{here.rule}"
    if here.shape and here.shape == there.shape:
        return Alike.SHAPE, "the code is the same but for its names"
    return Alike.TEXT, "both say the same kind of thing"


def _shared(left: str, right: str) -> float:
    a, b = set(stems(left)), set(stems(right))
    return round(len(a & b) / len(a | b), 4) if a | b else 0.0


def _order(each: Suggestion) -> tuple[int, float, ProjectId, FindingId, ProjectId, FindingId]:
    return (-each.alike, -each.likeness, each.project, each.finding, each.solved_in, each.solved)
