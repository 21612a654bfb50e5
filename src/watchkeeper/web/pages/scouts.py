"""What scouts looked at, what they found, how right each rule was, and the standards that came of it."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import FindingId, StandardId
from watchkeeper.model.scouting_state import FindingStanding, LookStanding, StandardStanding
from watchkeeper.scouts.precision import Precision, precisions
from watchkeeper.scouts.standards.campaign import follow
from watchkeeper.web.pages.asking import Answer, Asking, cut, require


class LookRow(NamedTuple):
    """A dimension of a project: its last look, and how much of what was found holds."""

    dimension: str
    last: LookStanding
    holding: int


class FindingRow(NamedTuple):
    """A finding in its project."""

    project: str
    standing: FindingStanding


class RuleRow(NamedTuple):
    """A rule, or a dimension, with how right it was. ``found`` is how much it has found."""

    name: str
    precision: Precision
    found: int


def show(asking: Asking) -> Answer:
    """Each project along each dimension, the blind ones first; then how right rules were."""
    grids = [(name, _look_rows(project)) for name, project in asking.projects()]
    every = [each for _, project in asking.projects() for each in project.scouting.findings.values()]
    context = {"grids": grids, "rules": _rule_rows(every)}
    return Answer("Scouts", "scouts.html", context, "scouts")


def show_findings(asking: Asking) -> Answer:
    """What holds, the gravest first; ``show=all``: what is gone, refuted or judged, too."""
    words = asking.query.get("q", "").strip().lower()
    found = [
        FindingRow(name, each)
        for name, project in asking.projects()
        for each in project.scouting.findings.values()
        if (asking.is_all or (each.holds and each.refuted is None)) and words in _text_of(each)
    ]
    found.sort(key=_by_impact)
    return Answer("Findings", "findings.html", {"part": cut(asking, found)}, "scouts")


def show_finding(asking: Asking) -> Answer:
    """One, with its code, who tried to refute it, and what became of it."""
    identity = FindingId(asking.params["finding"])
    row = next(
        (
            FindingRow(name, project.scouting.findings[identity])
            for name, project in asking.picture.projects.items()
            if identity in project.scouting.findings
        ),
        None,
    )
    found = require(row, "finding", identity)
    alike = [
        FindingRow(name, each)
        for name, project in asking.picture.projects.items()
        for each in project.scouting.findings.values()
        if found.standing.kind_id and each.kind_id == found.standing.kind_id and each.finding.id != identity
    ]
    alike.sort(key=_by_impact)
    return Answer(f"Finding {identity}", "finding.html", {"row": found, "alike": alike[:20]}, "scouts")


def show_standards(asking: Asking) -> Answer:
    """All standards by state, and contradictions that wait for a person."""
    state = asking.picture.standards
    found = sorted(state.standards.values(), key=lambda each: (_ORDER[each.state.value], each.standard.id))
    names = {each.source.shared: name for name, each in asking.picture.projects.items()}
    waiting = [found for found, judged in state.contradictions.values() if judged is None]
    context = {"standards": found, "contradictions": waiting, "names": names}
    return Answer("Standards", "standards.html", context, "standards")


def show_standard(asking: Asking) -> Answer:
    """One: its text, its check, its census in each project over time, exemptions, and what may be done with it."""
    identity = StandardId(asking.params["standard"])
    standing = require(asking.picture.standards.standards.get(identity), "standard", identity)
    names = {each.source.shared: name for name, each in asking.picture.projects.items()}
    firsts = [
        each.at
        for project in asking.picture.projects.values()
        for each in project.scouting.findings.values()
        if each.kind_id == standing.standard.kind
    ]
    campaign = follow(standing, Millis(min(firsts)) if firsts else None)
    context = {"standing": standing, "censuses": _censuses(standing, names), "names": names, "campaign": campaign}
    return Answer(standing.standard.title, "standard.html", context, "standards")


class CensusRow(NamedTuple):
    """A project under a standard: how many places do not keep to it, over time."""

    project: str
    series: tuple[tuple[Millis, int], ...]
    now: int
    reason: str
    places: tuple[tuple[str, int, str], ...]


def _censuses(standing: StandardStanding, names: dict[ProjectId, str]) -> list[CensusRow]:
    rows = []
    for project, censuses in standing.censuses.items():
        counted = [(at, len(each.violations)) for at, each in censuses if not each.reason]
        _, last = censuses[-1]
        places = tuple((each.path, each.line, each.quote) for each in last.violations[:20])
        rows.append(
            CensusRow(
                names.get(project, project), tuple(counted), counted[-1][1] if counted else 0, last.reason, places
            )
        )
    return sorted(rows, key=lambda row: (-row.now, row.project))


def _look_rows(project: ProjectPicture) -> list[LookRow]:
    scouting = project.scouting
    holding = [each for each in scouting.findings.values() if each.holds and each.refuted is None]
    rows = [
        LookRow(name, last, sum(each.finding.dimension == name for each in holding))
        for name, last in scouting.looks.items()
    ]
    return sorted(rows, key=lambda row: (_LOOKS.index(row.last.look.state.value), row.dimension))


def _rule_rows(found: list[FindingStanding]) -> list[RuleRow]:
    counts: dict[str, int] = {}
    for each in found:
        for name in (f"{each.finding.check}:{each.finding.rule}", each.finding.dimension):
            counts[name] = counts.get(name, 0) + 1
    rows = [RuleRow(name, each, counts.get(name, 0)) for name, each in precisions(found).items()]
    return sorted(rows, key=lambda row: (row.precision.rate is None, row.precision.rate or 0.0, row.name))


def _text_of(standing: FindingStanding) -> str:
    found = standing.finding
    return (
        f"{found.id} {found.path} {found.claim} {found.check}:{found.rule} {found.dimension} {standing.kind_id}"
    ).lower()


def _by_impact(row: FindingRow) -> tuple[float, str, str, int]:
    found = row.standing.finding
    return -found.severity * found.confidence, row.project, found.path, found.line


_ORDER = {"candidate": 0, "proposed": 1, "adopted": 2, "enforced": 3, "retired": 4}
_LOOKS = ("could-not-look", "found", "clean", "not-applicable")
