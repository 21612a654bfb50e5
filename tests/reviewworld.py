"""A record in memory that is read as the real one is, and sentences that make a day of it short to write."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from watchkeeper.app import Place
from watchkeeper.controlroom.picture import Picture, ProjectPicture, Reader
from watchkeeper.controlroom.scope import ProjectSource, Scope
from watchkeeper.fleet.config import FleetConfig, FleetSection, ProjectEntry
from watchkeeper.model.attention import Matter, MatterKind
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event, Recorded
from watchkeeper.model.findings import Finding
from watchkeeper.model.fleet import (
    Budget,
    Effect,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    Fault,
    Issue,
    IssueFiled,
    IssueId,
    Seal,
    Stage,
)
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.landing import (
    Candidate,
    Entry,
    EntryId,
    EntryQueued,
    LandingDone,
    LandingIntended,
    Purpose,
    RunBegan,
    RunEnded,
    RunId,
    TargetMoved,
    Verdict,
)
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.model.review import (
    ChangeSurveyed,
    Decision,
    DecisionFound,
    DecisionId,
    DecisionKind,
    Ref,
    SurveyPoint,
)
from watchkeeper.record.config import Config, Settings
from watchkeeper.record.log import Log
from watchkeeper.repos.repository import Repository
from watchkeeper.review.needs import find_matters
from watchkeeper.review.verifying import Seen, Sight

MINUTE = 60_000
HOUR = 60 * MINUTE
NOON = Millis(1_767_268_800_000)  # 2026-01-01 12:00 UTC


class MemoryLog:
    """What is recorded, in order; the two questions that a reader and a verifier ask of a log."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self._last = 0

    def append(self, project: ProjectId, events: Any, at: Millis) -> tuple[Recorded, ...]:
        new = tuple(Recorded(Seq(self._last + n), at, project, each) for n, each in enumerate(events, 1))
        self._last += len(new)
        self.recorded.extend(new)
        return new

    def read(
        self, project: ProjectId | None, *, after: Seq = Seq(0), limit: int | None = None, **_: Any
    ) -> Iterator[Recorded]:
        found = [e for e in self.recorded if e.seq > after and project in (None, e.project)]
        return iter(found[:limit])


def sha(text: str) -> Sha:
    """A commit's name that is the same for the same text."""
    return Sha(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class World:
    """Projects of one fleet; each call records what would be recorded, one minute later than the last."""

    def __init__(
        self,
        *projects: str,
        fleet: FleetSection = FleetSection(),  # noqa: B008 - frozen
        log: Any = None,
        places: Mapping[str, Place] | None = None,
        commits: Callable[[str, str], Sha] | None = None,
    ) -> None:
        """``commits`` makes the commit of a project's landing of that name; by default it is only a name."""
        self.log, self.now = log if log is not None else MemoryLog(), NOON
        self._commits = commits or (lambda project, name: sha(f"{project}:{name}"))
        entries = tuple(ProjectEntry(name, Path("/fleet") / name) for name in projects)
        config = FleetConfig(Path("/fleet/fleet.toml"), fleet=fleet, projects=entries)
        self.scope = Scope(
            tuple(
                ProjectSource(each.name, (places or {}).get(each.name) or _place(each.name), each) for each in entries
            ),
            Path("/state"),
            dt.UTC,
            config,
        )
        self._tips = {name: self._commits(name, "0") for name in projects}
        self._counts: dict[str, int] = {}
        for name in projects:
            self.record(name, TargetMoved(None, self._tips[name], sha(f"tree:{name}:0")))
        self.reader = Reader(cast(Log, self.log), self.scope, lambda: self.now)

    # -- recording -----------------------------------------------------------------------------------------------------

    def record(self, project: str, *events: Event) -> Seq:
        """Record events of a project (``""``: of the fleet); the number of the last."""
        self.now = Millis(self.now + MINUTE)
        source = self.scope.find(project)
        identity = source.project if source is not None else FLEET
        return self.log.append(identity, events, self.now)[-1].seq

    def issue(self, project: str, title: str, **more: Any) -> IssueId:
        identity = IssueId(f"{project}#{self._next('issue')}")
        self.record(project, IssueFiled(Issue(identity, title, filed_at=self.now, **more)))
        return identity

    def engage(self, issue: IssueId, *, branch: str = "", attempt: int = 1, title: str = "") -> EngagementId:
        identity = EngagementId(f"e-{self._next('engagement'):08x}")
        seal = Seal(sha("base"), (), Budget(), "d")
        own = Engagement(identity, "engineer-resolves-issue", issue, "ada", seal, attempt, branch or identity, title)
        project = issue.rpartition("#")[0]
        self.record(project, EngagementSealed(own), EngagementMoved(identity, Stage.RUNNING))
        return identity

    def end(
        self, project: str, engagement: EngagementId, stage: Stage, *, reason: str = "", fault: Fault | None = None,
        effect: Effect | None = None,
    ) -> None:  # fmt: skip
        self.record(project, EngagementMoved(engagement, stage, reason, fault, effect))

    def queue(self, project: str, change: str, **more: Any) -> Entry:
        entry = Entry(EntryId(f"{change}/1"), ChangeId(change), sha(f"{project}:{change}"), title=change, **more)
        self.record(project, EntryQueued(entry))
        return entry

    def land(self, project: str, change: str, *, tested: bool = True, survey: bool = True, **more: Any) -> Sha:
        """Through the queue; ``more`` is of the survey."""
        entry = self.queue(project, change)
        new, old, tree = self._commits(project, f"landed:{change}"), self._tips[project], sha(f"tree:{change}")
        candidate = Candidate(old, (entry.id,))
        run = RunId(f"r-{self._next('run')}")
        if tested:
            self.record(project, RunBegan(run, candidate, tree, Purpose.LAND, "gate"))
            self.record(project, RunEnded(run, Verdict.PASSED))
        self.record(project, LandingIntended((entry.id,), old, new, tree, "gate"))
        self.record(project, LandingDone(new))
        self._tips[project] = new
        if survey:
            self.survey(project, new, entry=entry.id, change=entry.change, **{"title": change, **more})
        return new

    def push(self, project: str, change: str, **more: Any) -> Sha:
        """Past the queue."""
        new, old = self._commits(project, f"pushed:{change}"), self._tips[project]
        entry = Entry(EntryId(f"{change}/1"), ChangeId(change), new, old, title=change, is_picked=True)
        self.record(project, TargetMoved(old, new, sha(f"tree:{change}"), (entry,)))
        self._tips[project] = new
        self.survey(project, new, change=entry.change, **{"title": change, **more})
        return new

    def survey(self, project: str, commit: Sha, **more: Any) -> None:
        usual: dict[str, Any] = {"files": 1, "lines_added": 5, "tests_added": 1, "writes": ("app.py:f",)}
        survey = ChangeSurveyed(project, commit, sha("base"), **{"title": commit, **usual, **more})
        self.record(project, msgspec.structs.replace(survey, landed_at=self.now))

    def decide(self, project: str, subject: str, choice: str, kind: DecisionKind, **more: Any) -> DecisionId:
        number = self._next("decision")
        usual: dict[str, Any] = {"title": f"{subject}: {choice}", "change": ChangeId(f"change-{number}")}
        decision = Decision(
            DecisionId(f"d-{number:08x}"), kind, choice=choice, origin="diff", subject=subject, **{**usual, **more}
        )
        self.record(project, DecisionFound(decision))
        return decision.id

    def conflict(
        self, project: str, one: str, other: str, severity: Severity = Severity.MAJOR, **more: Any
    ) -> ConflictId:
        number = self._next("conflict")
        usual: dict[str, Any] = {"summary": f"{one} and {other} both change pay.total", "weight": 1}
        conflict = Conflict(
            ConflictId(f"c-{number:08x}"), Kind.WRITE_WRITE, "write-write", severity, Confidence.SURE,
            tuple(ChangeId(each) for each in sorted((one, other))), ("pay:total",), why="why", evidence=(),
            next_step="talk", fingerprint=f"f{number}", **{**usual, **more},
        )  # fmt: skip
        self.record(project, ConflictOpened(conflict))
        return conflict.id

    def prove(self, project: str, conflict: ConflictId, outcome: Outcome = Outcome.PROVED) -> None:
        finding = Finding("tests", "failed", "test_pay.py", "test_total", "test_total fails on the merge only")
        state = self.project(project).standing.conflicts[conflict]
        proof = Proof(
            state.conflict.changes, (sha("a"), sha("b")), sha("m"), outcome, (finding,) if outcome.is_proof else ()
        )
        self.record(project, ConflictProbed(conflict, proof))

    # -- looking -------------------------------------------------------------------------------------------------------

    def look(self) -> Picture:
        return self.reader.look()

    def project(self, name: str) -> ProjectPicture:
        return self.look().projects[name]

    def matters(self, kind: MatterKind | None = None) -> tuple[Matter, ...]:
        found = find_matters(self.look(), self.scope)
        return tuple(each for each in found if kind in (None, each.kind))

    def _next(self, what: str) -> int:
        self._counts[what] = self._counts.get(what, 0) + 1
        return self._counts[what]


def point(kind: str, weight: int, reason: str = "", path: str = "app.py") -> SurveyPoint:
    return SurveyPoint(kind, weight, reason or f"{path} {kind}", path, 3)


class Trusting:
    """Says of everything that it holds, but of what it was told otherwise."""

    def __init__(self, otherwise: Mapping[Ref, Seen] | None = None) -> None:
        self.seen: list[Ref] = []
        self.otherwise = dict(otherwise or {})

    def see(self, ref: Ref) -> Seen:
        self.seen.append(ref)
        return self.otherwise.get(ref, Seen(Sight.HOLDS))


def _place(name: str) -> Place:
    folder = Path("/fleet") / name
    return Place(Repository(ProjectId(f"id-{name}"), folder / ".git"), Settings(Config(), {}), Path("/state"))
