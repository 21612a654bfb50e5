"""Which findings become issues now: the gravest few, of believed rules, no more than is worked off. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.model.fleet import Closing, IssueState
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import FindingId, ScoutFinding
from watchkeeper.model.scouting_state import FindingStanding, ScoutState
from watchkeeper.scouts.precision import Precision, rule_of

SOURCE = "scout:"
"""What the sources of issues begin with that scouts file."""

LABEL = "scout"
CAMPAIGNS = "drift"
"""A dimension whose findings are in the issue of a standard's campaign already."""

LEAST_ROOM = 5
_WEEK_MS = 7 * 86_400_000
_MOST_PLACES = 20
_UNKNOWN = Precision(0, 0)


class Filing(msgspec.Struct, frozen=True):
    """An issue to be filed: the findings of one rule in one file. The same findings have the same ``source``."""

    title: str
    body: str
    findings: tuple[FindingId, ...]
    source: str
    priority: int
    impact: float


class Room(msgspec.Struct, frozen=True):
    """How many issues of scouts may be open at once: what the fleet worked off in a week, and at least a few."""

    open: int
    most: int

    @property
    def left(self) -> int:
        return max(0, self.most - self.open)


def find_room(fleet: FleetState, now: Millis) -> Room:
    """From a project's issues: those of scouts that are open, against all that landed within a week."""
    ours = [each for each in fleet.issues.values() if each.issue.source.startswith(SOURCE)]
    still = sum(each.state is IssueState.OPEN for each in ours)
    landed = sum(
        each.state is IssueState.CLOSED and each.why is Closing.LANDED and now - each.changed_at < _WEEK_MS
        for each in fleet.issues.values()
    )
    return Room(still, max(LEAST_ROOM, landed))


def plan_filing(  # noqa: PLR0917 all that bounds it
    state: ScoutState,
    precisions: Mapping[str, Precision],
    room: Room,
    most: Mapping[str, int],
    in_all: int,
    solved: Mapping[FindingId, str] | None = None,
) -> tuple[Filing, ...]:
    """The issues to file, the gravest first. ``most``: of each dimension; ``in_all``: of this run; ``solved`` says, as
    markdown, how another project solved the same.

    A finding is filed once, where it holds, its refuters did not show it to be false, somebody confirmed it or its rule
    is trusted, and neither rule nor dimension is muted.
    """
    groups: dict[tuple[str, str, str], list[FindingStanding]] = {}
    for each in state.holding():
        if is_fit(each, precisions):
            found = each.finding
            groups.setdefault((found.check, found.rule, found.path), []).append(each)
    filings = [(_file(group, precisions, solved or {}), group[0].finding.dimension) for group in groups.values()]
    filings.sort(key=lambda pair: (-pair[0].impact, pair[0].source))
    chosen: list[Filing] = []
    used: dict[str, int] = {}
    for filing, dimension in filings:
        if len(chosen) >= min(in_all, room.left):
            break
        if used.get(dimension, 0) < most.get(dimension, in_all):
            used[dimension] = used.get(dimension, 0) + 1
            chosen.append(filing)
    return tuple(chosen)


def is_fit(standing: FindingStanding, precisions: Mapping[str, Precision]) -> bool:
    """Whether it may be filed now."""
    if standing.issue is not None or standing.judged is not None or not standing.holds:
        return False
    if standing.finding.dimension == CAMPAIGNS:
        return False
    rule, dimension = (precisions.get(name, _UNKNOWN) for name in (rule_of(standing), standing.finding.dimension))
    if rule.is_muted or dimension.is_muted or standing.refuted is not None:
        return False
    return rule.is_trusted or any(each.holds for each in standing.tried)


def impact_of(finding: ScoutFinding, precision: Precision) -> float:
    """Severity, and how sure one may be of it."""
    return finding.severity * finding.confidence * precision.weight


def _file(
    group: Sequence[FindingStanding], precisions: Mapping[str, Precision], solved: Mapping[FindingId, str]
) -> Filing:
    found = sorted((each.finding for each in group), key=lambda each: (each.line, each.id))
    first = found[0]
    precision = precisions.get(rule_of(group[0]), _UNKNOWN)
    places = f" ({len(found)} places)" if len(found) > 1 else ""
    worst = max(each.severity for each in found)
    return Filing(
        title=printable(f"[Scout] {first.claim}")[:180] + places,
        body=render_body(found, group, next((solved[each.id] for each in found if each.id in solved), "")),
        findings=tuple(each.id for each in found),
        source=f"{SOURCE}{first.id}",
        priority=max(1, 5 - worst),
        impact=max(impact_of(each, precision) for each in found) * (1 + 0.1 * (len(found) - 1)),
    )


def render_body(found: Sequence[ScoutFinding], group: Iterable[FindingStanding], solved: str = "") -> str:
    """The whole work packet, as markdown: where, what, how it was found, how to show that it is false.

    Code of the project stands in fences that it cannot end.
    """
    first = found[0]
    lines = [f"{first.claim}", "", f"Dimension: {first.dimension}. Rule: {first.check}:{first.rule}.", ""]
    for each in found[:_MOST_PLACES]:
        inside = f" in `{_code(each.symbol)}`" if each.symbol else ""
        lines += [f"* `{_code(each.path)}:{each.line}`{inside} (as of {each.commit[:10]}) Finding: {each.id}"]
        lines += [*fenced(each.quote), ""] if each.quote else []
    if len(found) > _MOST_PLACES:
        lines += [f"and {len(found) - _MOST_PLACES} more: watchkeeper findings {first.path}", ""]
    if first.evidence:
        lines += ["## How it was found", "", *fenced(first.evidence), ""]
    tried = sorted({f"{each.by}: {each.reason}" for standing in group for each in standing.tried if each.holds})
    if tried:
        lines += ["## Who tried to refute it", "", *(f"* {printable(each)}" for each in tried[:5]), ""]
    if first.disprove:
        lines += [
            "## How to show that it is false", "", first.disprove, "",
            f"If it is: `watchkeeper findings {first.id} --judge false --reason '...'`; it is never filed again.", "",
        ]  # fmt: skip
    lines += ["## How another project solved it", "", solved.rstrip(), ""] if solved else []
    return "\n".join(lines).rstrip() + "\n"


def fenced(text: str) -> list[str]:
    """Lines of markdown that show a text as code, in a fence that it cannot end."""
    longest = max((len(run) for run in "".join(char if char == "`" else " " for char in text).split()), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *(printable(line) for line in text.splitlines()), fence]


def _code(text: str) -> str:
    return printable(text).replace("`", "'")
