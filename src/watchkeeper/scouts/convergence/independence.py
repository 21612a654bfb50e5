"""How many projects found a kind independently of each other: projects count, not occurrences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import FindingId, KindId, Verdict
from watchkeeper.model.scouting_state import FindingStanding, ScoutState

DAY: Millis = Millis(24 * 3_600_000)
WINDOW = Millis(30 * DAY)
NEEDED, NEEDED_GRAVE = 3, 2
GRAVE = 4


class LeftOut(msgspec.Struct, frozen=True):
    """A finding of the kind that does not count, and why, in words."""

    project: ProjectId
    finding: FindingId
    reason: str


class Independent(msgspec.Struct, frozen=True):
    """What speaks for a kind. ``count`` is of independent projects, ``needed`` how many make a candidate.

    ``evidence`` has the findings that count of each project, oldest first; projects in the order of their first one.
    ``copies`` are the projects that only have what another one has too.
    """

    kind: KindId
    count: int
    needed: int
    evidence: Mapping[ProjectId, tuple[FindingStanding, ...]] = {}
    copies: tuple[ProjectId, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def is_enough(self) -> bool:
        return self.count >= self.needed

    @property
    def first_at(self) -> Millis:
        """When the oldest finding that counts was found; 0 where there is none."""
        return min((found[0].at for found in self.evidence.values()), default=Millis(0))


def count_independent(
    kind: KindId,
    states: Mapping[ProjectId, ScoutState],
    now: Millis,
    *,
    severity: int = 2,
    since: Millis = Millis(0),
) -> Independent:
    """What the folds of all projects say of a kind at a moment.

    Counted is what was found within the last 30 days and after ``since``, by a run that had not been told of the kind,
    and that nobody showed to be false. Code that is copied counts once over the projects that have it. ``severity`` is
    the kind's own: at 4, or where two projects have a finding of 4, two projects are enough instead of three.
    """
    evidence: dict[ProjectId, tuple[FindingStanding, ...]] = {}
    left_out: list[LeftOut] = []
    for project in sorted(states):
        counted = []
        for each in _of_kind(kind, states[project]):
            if reason := _why_not(each, states[project], kind, now, since):
                left_out.append(LeftOut(project, each.finding.id, reason))
            else:
                counted.append(each)
        if counted:
            evidence[project] = tuple(sorted(counted, key=lambda each: (each.at, each.seq)))
    ordered = dict(sorted(evidence.items(), key=lambda pair: (pair[1][0].at, pair[0])))
    alone = _match_origins(ordered)
    grave = sum(any(each.finding.severity >= GRAVE for each in ordered[project]) for project in alone)
    needed = NEEDED_GRAVE if severity >= GRAVE or grave >= NEEDED_GRAVE else NEEDED
    copies = tuple(project for project in ordered if project not in alone)
    return Independent(kind, len(alone), needed, ordered, copies, tuple(left_out))


def kinds_of(states: Mapping[ProjectId, ScoutState]) -> tuple[KindId, ...]:
    """All kinds of which something was ever found, sorted."""
    found = {each.kind_id for state in states.values() for each in state.findings.values()}
    return tuple(sorted(KindId(each) for each in found if each))


def _of_kind(kind: KindId, state: ScoutState) -> Iterator[FindingStanding]:
    return (each for each in state.findings.values() if each.kind_id == kind)


def _why_not(standing: FindingStanding, state: ScoutState, kind: KindId, now: Millis, since: Millis) -> str:
    told = state.told.get(standing.run)
    if standing.judged is not None and standing.judged.verdict is Verdict.FALSE:
        return "judged to be false"
    if standing.judged is not None and standing.judged.verdict is Verdict.DUPLICATE:
        return "the same as another finding"
    if standing.refuted is not None and (standing.judged is None or standing.judged.verdict is not Verdict.TRUE):
        return "refuted"
    if standing.at <= since:
        return "known before the standard was retired"
    if not now - WINDOW < standing.at <= now:
        return "not found within the last 30 days"
    if told is None:
        return "its run has not ended, so that nobody knows what it had been told"
    return "its run had been told to look for it" if kind in told else ""


def _match_origins(evidence: Mapping[ProjectId, tuple[FindingStanding, ...]]) -> frozenset[ProjectId]:
    """The most projects that can each have an origin of their own: a largest matching of projects and origins.

    To drop every project that has a copy was the simpler way; then one copied line would hide what a project found of
    its own. Source: H. W. Kuhn, The Hungarian method (1955), augmenting paths.
    """
    origins = _origins(evidence)
    owner: dict[int, ProjectId] = {}

    def place(project: ProjectId, tried: set[int]) -> bool:
        for origin in origins[project]:
            if origin not in tried:
                tried.add(origin)
                if origin not in owner or place(owner[origin], tried):
                    owner[origin] = project
                    return True
        return False

    return frozenset(project for project in evidence if place(project, set()))


def _origins(evidence: Mapping[ProjectId, tuple[FindingStanding, ...]]) -> dict[ProjectId, tuple[int, ...]]:
    """For each project where its findings come from: what shares code, also through a third, has one origin."""
    leaders: list[int] = []
    seen: dict[tuple[str, ...], int] = {}
    of_project: dict[ProjectId, list[int]] = {}

    def find(number: int) -> int:
        while leaders[number] != number:
            number = leaders[number]
        return number

    for project, standings in evidence.items():
        for standing in standings:
            number = len(leaders)
            leaders.append(number)
            of_project.setdefault(project, []).append(number)
            for mark in _marks(standing):
                first = find(seen.setdefault(mark, number))
                leaders[find(number)] = first
    return {project: tuple(sorted({find(each) for each in numbers})) for project, numbers in of_project.items()}


def _marks(standing: FindingStanding) -> Iterator[tuple[str, ...]]:
    """By what copies are known: the code's digest without names; or the same words at the same place."""
    finding, quote = standing.finding, "".join(standing.finding.quote.split())
    if finding.shape:
        yield "shape", finding.shape
    if quote:
        yield "place", finding.path, finding.symbol, quote
