"""Standards of the fleet: what a person writes, counts, adopts, enforces and lets be; and what follows for projects."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from watchkeeper.app import Place, find_target_of, open_analysis
from watchkeeper.forge.builtin import Builtin
from watchkeeper.forge.port import Draft
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.events import Event
from watchkeeper.model.fleet import Closing, IssueState
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, ProjectId, Sha
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import (
    CensusTaken,
    ExemptionEnded,
    ExemptionGranted,
    FindingId,
    Standard,
    StandardCheck,
    StandardId,
    StandardMoved,
    StandardState,
    StandardWritten,
    Violation,
)
from watchkeeper.model.scouting_state import StandardsState, StandardStanding, fold_standards
from watchkeeper.record.codec import SCOUT_KINDS
from watchkeeper.record.log import Log
from watchkeeper.repos.hub import Hub
from watchkeeper.scoutdeck.filing import READY
from watchkeeper.scoutdeck.hands import read_all
from watchkeeper.scouts.convergence.candidates import Candidate, find_candidates
from watchkeeper.scouts.convergence.catalogue import builtin_catalogue
from watchkeeper.scouts.filing import LABEL
from watchkeeper.scouts.rules.single import SingleRules
from watchkeeper.scouts.standards.agents_md import Written, write_standards
from watchkeeper.scouts.standards.campaign import Campaign, follow
from watchkeeper.scouts.standards.census import take_census
from watchkeeper.scouts.standards.checking import reader_of, run_check
from watchkeeper.scouts.standards.life import Asked, move
from watchkeeper.tracking import FleetLedger, find_name

SOURCE = "standard:"
"""What the source of a campaign's issue begins with; the standard's id follows."""

_RULES = SingleRules()
_MOST_PLACES = 50


class Held(NamedTuple):
    """A project that is held to standards."""

    name: str
    place: Place

    @property
    def project(self) -> ProjectId:
        return self.place.shared


class StandardsDesk:
    """Everything that is done to standards, recorded under the fleet. Blocks; one caller at a time."""

    def __init__(self, log: Log, held: Sequence[Held], clock: Callable[[], Millis]) -> None:
        self._log, self._clock = log, clock
        self._held = {each.project: each for each in held}

    def state(self) -> StandardsState:
        """All standards as they are recorded now. Raises WatchkeeperError."""
        return fold_standards(self._log.read(FLEET, kinds=SCOUT_KINDS))

    def get(self, name: str) -> StandardStanding:
        """The standard that a person means. Raises UsageError (``unknown-standard``)."""
        known = self.state().standards
        found = [each for key, each in known.items() if name in (key, key.removeprefix("std-"))]
        found = found or [each for key, each in known.items() if key.startswith(name)]
        if len(found) != 1:
            names = ", ".join(known) or "none yet"
            raise UsageError(f"There is no standard {name!r}", slug="unknown-standard", hint=f"there are: {names}")
        return found[0]

    # What projects agree on

    def candidates(self) -> tuple[Candidate, ...]:
        """Kinds that enough projects found independently, and that are no standard. Raises WatchkeeperError."""
        catalogue = builtin_catalogue()
        return find_candidates(read_all(self._log), self.state(), self._clock(), catalogue.severity_of)

    def note_candidates(self) -> tuple[StandardId, ...]:
        """Record each new candidate as a standard at its beginning, with the findings that it came from."""
        noted = []
        catalogue = builtin_catalogue()
        for each in self.candidates():
            kind = catalogue.kinds.get(each.kind)
            names = [self._name(project) for project in each.projects]
            known = tuple(standing.finding.id for found in each.evidence.values() for standing in found)
            identity = StandardId(f"std-{each.kind}")
            title = kind.says if kind is not None else f"What was found as {each.kind}"
            why = f"{each.count} projects found it independently: {', '.join(names)}"
            standard = Standard(identity, each.kind, title, "", known=known)
            events: list[Event] = [StandardWritten(standard, "scouts")]
            events.append(StandardMoved(identity, StandardState.CANDIDATE, why, ""))
            self._log.append(FLEET, events, self._clock())
            noted.append(identity)
        return tuple(noted)

    # What a person does

    def write(self, standard: Standard, by: str) -> None:
        """A standard is there, or says something else. Raises UsageError for a check that cannot be run."""
        if standard.check is not None:
            _require_runs(standard.check)
        self._log.append(FLEET, [StandardWritten(standard, by)], self._clock())

    def count(self, identity: StandardId) -> tuple[CensusTaken, ...]:
        """A census of every project, recorded; campaigns' issues are closed where nothing is left."""
        standing = self.get(identity)
        taken = tuple(self._count_one(standing, held) for held in self._held.values())
        self._log.append(FLEET, list(taken), self._clock())
        if standing.state in (StandardState.ADOPTED, StandardState.ENFORCED):
            self._follow_campaign(self.get(identity))
        return taken

    def move(self, identity: StandardId, to: StandardState, person: str, why: str) -> StandardMoved:
        """Move it on, or back, where everything that is due is there. Adopted, each project with places gets one issue.

        Raises UsageError that says what is missing.
        """
        standing = self.get(identity)
        asked = Asked(person, why, frozenset(self._held), self._find_known(standing.standard))
        moved = move(standing, to, asked)
        self._log.append(FLEET, [moved], self._clock())
        if to in (StandardState.ADOPTED, StandardState.ENFORCED):
            self._follow_campaign(self.get(identity))
        return moved

    def exempt(  # noqa: PLR0917 what is let be, why, until when, and by whom
        self, identity: StandardId, project: ProjectId, path: str, reason: str, until: Millis, by: str
    ) -> None:
        """Let a place be for a while. Raises UsageError: a reason, and an end within a year, are due."""
        now = self._clock()
        if not reason.strip():
            raise UsageError(
                f"{identity} lets nobody be without a reason", slug="standard-no-reason", hint="--reason '...'"
            )
        if not now < until <= now + 366 * 86_400_000:
            raise UsageError(
                f"An exemption from {identity} ends, within a year", slug="exemption-end", hint="--until 2027-01-31"
            )
        granted = ExemptionGranted(identity, project, path, reason.strip(), until, by)
        self._log.append(FLEET, [granted], now)

    def end_exemption(self, identity: StandardId, project: ProjectId, path: str, by: str) -> bool:
        """End it before its time; whether there was one."""
        if self.get(identity).find_exemption(project, path, self._clock()) is None:
            return False
        self._log.append(FLEET, [ExemptionEnded(identity, project, path, by)], self._clock())
        return True

    # What follows

    def campaign(self, identity: StandardId) -> Campaign:
        """How its old places are burnt down."""
        standing = self.get(identity)
        moments = [
            each.at
            for state in read_all(self._log).values()
            for each in state.findings.values()
            if each.kind_id == standing.standard.kind
        ]
        return follow(standing, Millis(min(moments)) if moments else None)

    def agents_md(self, text: str) -> Written:
        """``AGENTS.md`` with the block of what every project is held to. Raises UsageError for broken markers."""
        return write_standards(text, self.state().standards.values())

    def name_of(self, project: ProjectId) -> str:
        """What people call a project."""
        return self._name(project)

    def find_project(self, name: str) -> ProjectId:
        """Raises UsageError (``unknown-project``)."""
        for each in self._held.values():
            if each.name == name:
                return each.project
        names = ", ".join(each.name for each in self._held.values())
        raise UsageError(f"There is no project {name!r} here", slug="unknown-project", hint=f"use one of: {names}")

    def _name(self, project: ProjectId) -> str:
        held = self._held.get(project)
        return held.name if held is not None else project

    def _count_one(self, standing: StandardStanding, held: Held) -> CensusTaken:
        standard, now = standing.standard, self._clock()
        try:
            target = find_target_of(held.place)
            if target is None:
                return CensusTaken(standard.id, held.project, Sha(""), 0, reason="it has no commits yet")
            reads = reader_of(standard.check, _RULES) if standard.check is not None else _nothing
            with open_analysis(held.place) as analysis:
                files = texts_of(analysis.hub, target.commit, reads)
        except WatchkeeperError as error:
            return CensusTaken(standard.id, held.project, Sha(""), 0, reason=error.message)
        return take_census(
            standard, held.project, target.commit, files, rules=_RULES, clock=time.monotonic,
            is_exempt=lambda path: standing.find_exemption(held.project, path, now) is not None,
        )  # fmt: skip

    def _find_known(self, standard: Standard) -> frozenset[FindingId]:
        """Which of its known cases its check finds: in the file as it is, or as it was when the case was found."""
        if standard.check is None:
            return frozenset()
        found: set[FindingId] = set()
        for project, state in read_all(self._log).items():
            held = self._held.get(project)
            wanted = [state.findings[each] for each in standard.known if each in state.findings]
            if held is None or not wanted:
                continue
            with open_analysis(held.place) as analysis:
                for each in wanted:
                    text = _text_at(analysis.hub, each.finding.commit, each.finding.path)
                    if text is not None and _finds(standard.check, each.finding.path, text, each.finding.line):
                        found.add(each.finding.id)
        return frozenset(found)

    def _follow_campaign(self, standing: StandardStanding) -> None:
        """One issue for each project that has places; closed where none is left."""
        for project, censuses in standing.censuses.items():
            held, (_, last) = self._held.get(project), censuses[-1]
            if held is None or last.reason:
                continue
            now = self._clock()
            places = [each for each in last.violations if standing.find_exemption(project, each.path, now) is None]
            ledger = FleetLedger(self._log, project)
            tracker = Builtin(ledger, find_name(held.place, ledger.state()), by="standards", clock=self._clock)
            source = f"{SOURCE}{standing.standard.id}"
            known = next((each for each in ledger.state().issues.values() if each.issue.source == source), None)
            if places:
                title = printable(f"[Standard] {standing.standard.title}")[:180]
                body = render_campaign(standing.standard, places)
                if known is None or known.issue.body != body or known.state is not IssueState.OPEN:
                    tracker.file(Draft(title, body, (LABEL, READY), 3, source=source, author="standards"))
            elif known is not None and known.state is IssueState.OPEN:
                tracker.close(known.issue.id, Closing.SOURCE, "its census finds no place any more")


def texts_of(hub: Hub, commit: Sha, reads: Callable[[str], bool]) -> dict[str, str]:
    """The files of a commit that ``reads`` wants, by path, however large: who looks says what is too large for him."""
    found: dict[str, str] = {}
    for path, entry in hub.repository.tree_files(commit).items():
        content = hub.objects.read(entry.sha) if entry.is_text_file and reads(path) else None
        if content is not None:
            found[path] = content.decode("utf-8", "replace")
    return found


def _nothing(_: str) -> bool:
    return False


def render_campaign(standard: Standard, places: Sequence[Violation]) -> str:
    """The issue of one project: the standard, its places, how to mend them."""
    lines = [standard.text.strip(), "", f"Standard: {standard.id}. Places that do not keep to it:", ""]
    lines += [f"* `{each.path}:{each.line}` `{printable(each.quote)[:120]}`" for each in places[:_MOST_PLACES]]
    if len(places) > _MOST_PLACES:
        lines.append(f"* and {len(places) - _MOST_PLACES} more: watchkeeper standards show {standard.id}")
    if standard.fix:
        lines += ["", standard.fix.strip()]
    lines += ["", "Each census says what is left; the issue closes itself when nothing is."]
    return "\n".join(lines) + "\n"


def _require_runs(check: StandardCheck) -> None:
    """Raises UsageError (``standard-pattern``, ``standard-form``, ``standard-rule``)."""
    reader_of(check, _RULES)


def _text_at(hub: Hub, commit: Sha, path: str) -> str | None:
    entry = hub.objects.find_entry(commit, path) if commit else None
    content = hub.objects.read(entry.sha) if entry is not None and entry.is_text_file else None
    return content.decode("utf-8", "replace") if content is not None else None


def _finds(check: StandardCheck, path: str, text: str, line: int) -> bool:
    """On the line that was found, or within the expression that it begins."""
    run = run_check(check, {path: text}, _RULES, time.monotonic)
    return any(abs(each.line - line) <= _NEAR for each in run.spots)


_NEAR = 3
