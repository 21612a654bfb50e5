"""What is known of one project's findings, and of all standards: folds, total and idempotent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.scouting import (
    CensusTaken,
    ContradictionFound,
    ContradictionJudged,
    ExemptionEnded,
    ExemptionGranted,
    FindingBack,
    FindingFiled,
    FindingFound,
    FindingGone,
    FindingId,
    FindingJudged,
    FindingTried,
    KindAssigned,
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

_SETTLED = frozenset({Verdict.FALSE, Verdict.WONT_FIX, Verdict.DUPLICATE})


class FindingStanding(msgspec.Struct, frozen=True):
    """A finding and all that became of it. ``tried`` is in order; ``told``: its run had been told of these kinds."""

    finding: ScoutFinding
    run: RunId
    at: Millis
    seq: Seq
    tried: tuple[FindingTried, ...] = ()
    issue: IssueId | None = None
    filed_at: Millis | None = None
    judged: FindingJudged | None = None
    judged_at: Millis | None = None
    gone: FindingGone | None = None
    gone_at: Millis | None = None
    kind: KindAssigned | None = None

    @property
    def holds(self) -> bool:
        """It was there at the last look, and nobody says that it is no fault, or is to be left."""
        return self.gone is None and not (self.judged is not None and self.judged.verdict in _SETTLED)

    @property
    def refuted(self) -> FindingTried | None:
        """By whom it was shown to be false; the last word counts."""
        said = [each for each in self.tried if each.holds is not None]
        return said[-1] if said and said[-1].holds is False else None

    @property
    def kind_id(self) -> str:
        """Its kind as it is known now; ``""``: nobody has said."""
        return self.kind.kind if self.kind is not None else self.finding.kind


class LookStanding(msgspec.Struct, frozen=True):
    """The last look along a dimension, and how many in a row found nothing that was new."""

    look: ScoutLooked
    at: Millis
    seq: Seq
    empty: int = 0


class ScoutState(msgspec.Struct, frozen=True):
    """Of one project: findings by id in the order in which they were found, and the last look of each dimension."""

    findings: Mapping[FindingId, FindingStanding] = {}
    looks: Mapping[str, LookStanding] = {}
    told: Mapping[RunId, frozenset[str]] = {}
    seq: Seq = Seq(0)

    def holding(self) -> Iterator[FindingStanding]:
        """Those that are there, and that nobody settled otherwise."""
        return (each for each in self.findings.values() if each.holds)


def fold_scouting(events: Iterable[Recorded], state: ScoutState | None = None) -> ScoutState:
    """The state after ``events`` of one project, in their order; those up to ``state.seq`` are passed over."""
    start = state or ScoutState()
    findings, looks, told, seq = dict(start.findings), dict(start.looks), dict(start.told), start.seq
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, event = recorded.seq, recorded.event
        match event:
            case ScoutLooked():
                before = looks.get(event.dimension)
                looks[event.dimension] = LookStanding(event, recorded.at, seq, _count_empty(before, event))
                told[event.run] = told.get(event.run, frozenset()) | set(event.told)
            case FindingFound() if event.finding.id not in findings:
                findings[event.finding.id] = FindingStanding(event.finding, event.run, recorded.at, seq)
            case _ if (known := findings.get(FindingId(getattr(event, "id", "")))) is not None:
                findings[known.finding.id] = _moved(known, recorded)
            case _:
                pass
    return ScoutState(findings, looks, told, seq)


def _count_empty(before: LookStanding | None, look: ScoutLooked) -> int:
    """Who could not look has not found nothing."""
    known = before.empty if before is not None else 0
    if look.state is LookState.COULD_NOT_LOOK:
        return known
    return 0 if look.new else known + 1


def _moved(known: FindingStanding, recorded: Recorded) -> FindingStanding:
    replace, at = msgspec.structs.replace, recorded.at
    match recorded.event:
        case FindingTried() as event:
            return replace(known, tried=(*known.tried, event))
        case FindingFiled() as event:
            return replace(known, issue=event.issue, filed_at=at)
        case FindingJudged() as event:
            return replace(known, judged=event, judged_at=at)
        case FindingGone() as event:
            return replace(known, gone=event, gone_at=at)
        case FindingBack():
            return replace(known, gone=None, gone_at=None)
        case KindAssigned() as event:
            is_kept = known.kind is not None and known.kind.how == "person" and event.how != "person"
            return known if is_kept else replace(known, kind=event)
        case _:
            return known


class Exemption(msgspec.Struct, frozen=True):
    """As it was granted; ``ended`` before its time."""

    granted: ExemptionGranted
    at: Millis
    ended: bool = False

    def holds_at(self, now: Millis) -> bool:
        return not self.ended and now < self.granted.until


class StandardStanding(msgspec.Struct, frozen=True):
    """A standard and where it is; ``moves`` all its states with their moments, ``censuses`` by project."""

    standard: Standard
    state: StandardState = StandardState.CANDIDATE
    moves: tuple[tuple[Millis, StandardMoved], ...] = ()
    censuses: Mapping[ProjectId, tuple[tuple[Millis, CensusTaken], ...]] = {}
    exemptions: tuple[Exemption, ...] = ()

    def find_exemption(self, project: ProjectId, path: str, now: Millis) -> ExemptionGranted | None:
        """What lets a place be at a moment: granted to its path, or to the whole project."""
        for each in self.exemptions:
            granted = each.granted
            if granted.project == project and granted.path in ("", path) and each.holds_at(now):
                return granted
        return None


class StandardsState(msgspec.Struct, frozen=True):
    """All standards by id, and contradictions by key with what a person said of them (None: nothing yet)."""

    standards: Mapping[StandardId, StandardStanding] = {}
    contradictions: Mapping[str, tuple[ContradictionFound, ContradictionJudged | None]] = {}
    seq: Seq = Seq(0)


def fold_standards(events: Iterable[Recorded], state: StandardsState | None = None) -> StandardsState:
    """The state after the ``events`` of all projects, in their order; those up to ``state.seq`` are passed over."""
    start = state or StandardsState()
    standards, contradictions, seq = dict(start.standards), dict(start.contradictions), start.seq
    replace = msgspec.structs.replace
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, event = recorded.seq, recorded.event
        match event:
            case StandardWritten():
                known = standards.get(event.standard.id)
                made = StandardStanding(event.standard) if known is None else replace(known, standard=event.standard)
                standards[event.standard.id] = made
            case ContradictionFound() if event.key not in contradictions:
                contradictions[event.key] = (event, None)
            case ContradictionJudged() if event.key in contradictions:
                contradictions[event.key] = (contradictions[event.key][0], event)
            case StandardMoved() | CensusTaken() | ExemptionGranted() | ExemptionEnded() if event.id in standards:
                standards[event.id] = _carried(standards[event.id], recorded.at, event)
            case _:
                pass
    return StandardsState(standards, contradictions, seq)


def _carried(
    known: StandardStanding,
    at: Millis,
    event: StandardMoved | CensusTaken | ExemptionGranted | ExemptionEnded,
) -> StandardStanding:
    replace = msgspec.structs.replace
    match event:
        case StandardMoved():
            return replace(known, state=event.state, moves=(*known.moves, (at, event)))
        case CensusTaken():
            before = known.censuses.get(event.project, ())
            return replace(known, censuses={**known.censuses, event.project: (*before, (at, event))})
        case ExemptionGranted():
            return replace(known, exemptions=(*known.exemptions, Exemption(event, at)))
        case ExemptionEnded():
            place = (event.project, event.path)
            ended = tuple(
                replace(each, ended=True) if (each.granted.project, each.granted.path) == place else each
                for each in known.exemptions
            )
            return replace(known, exemptions=ended)
