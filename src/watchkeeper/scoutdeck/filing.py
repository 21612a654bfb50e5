"""Findings become issues of the project, what could not be looked along one of the fleet; and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from watchkeeper.forge.builtin import Builtin
from watchkeeper.forge.filing import Outcome
from watchkeeper.forge.port import Draft
from watchkeeper.model.events import Event
from watchkeeper.model.fleet import Closing, IssueState
from watchkeeper.model.fleet_state import FleetState, IssueStanding
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import FindingFiled, FindingId, FindingJudged, LookState, ScoutLooked, Verdict
from watchkeeper.model.scouting_state import ScoutState
from watchkeeper.record.log import Log
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.filing import LABEL, Filing, find_room, plan_filing
from watchkeeper.scouts.precision import Precision
from watchkeeper.tracking import FleetLedger, find_name

BY = "scout"
READY = "ready-for-dev"
_COULD_NOT = "scout-could-not:"


def plan_for(  # noqa: PLR0917 all that bounds it
    subject: Subject,
    state: ScoutState,
    config: ScoutConfig,
    precisions: Mapping[str, Precision],
    now: Millis,
    solved: Mapping[FindingId, str],
) -> tuple[Filing, ...]:
    """What would be filed now; files nothing. Raises WatchkeeperError."""
    fleet = FleetLedger(subject.log, subject.project).state()
    most = {each.finding.dimension: config.of(each.finding.dimension).most for each in state.findings.values()}
    return plan_filing(state, precisions, find_room(fleet, now), most, config.most, solved)


def file_all(subject: Subject, filings: tuple[Filing, ...], clock: Callable[[], Millis]) -> list[Event]:
    """File them; what was filed. A kill in between files nothing twice: an issue is known by its source.

    Raises WatchkeeperError.
    """
    ledger = FleetLedger(subject.log, subject.project)
    tracker = Builtin(ledger, find_name(subject.place, ledger.state()), by=BY, clock=clock)
    events: list[Event] = []
    for each in filings:
        draft = Draft(each.title, each.body, (LABEL, READY), each.priority, source=each.source, author=BY)
        issue = tracker.file(draft)
        filed: list[Event] = [FindingFiled(finding, issue) for finding in each.findings]
        subject.log.append(subject.project, filed, clock())
        events += filed
    return events


def tell_blindness(log: Log, name: str, state: ScoutState, clock: Callable[[], Millis]) -> tuple[int, int]:
    """One issue of the fleet for each check that could not look at a project, closed when it can again.

    How many were filed, and closed. Raises WatchkeeperError.
    """
    ledger = FleetLedger(log, FLEET)
    tracker = Builtin(ledger, "fleet", by=BY, clock=clock)
    blind = dict(_blind(name, state))
    prefix = f"{_COULD_NOT}{name}:"
    filed = tracker.file_all(tuple(blind.values())) if blind else ()
    began = sum(each.outcome in (Outcome.FILED, Outcome.REOPENED) for each in filed)
    known = {each.issue.source: each for each in ledger.state().issues.values() if each.issue.source.startswith(prefix)}
    seen = [each for source, each in known.items() if source not in blind and each.state is IssueState.OPEN]
    for each in seen:
        tracker.close(each.issue.id, Closing.SOURCE, "it can look again")
    return began, len(seen)


def _blind(name: str, state: ScoutState) -> Iterator[tuple[str, Draft]]:
    for dimension, standing in state.looks.items():
        look = standing.look
        if look.state is not LookState.COULD_NOT_LOOK:
            continue
        failed = [(each.check, each.reason) for each in look.checked if each.reason] or [(dimension, look.reason)]
        for check, reason in failed:
            source = f"{_COULD_NOT}{name}:{dimension}:{check}"
            title = printable(f"[Scout] {name}: {check} could not look along {dimension}")[:180]
            yield (
                source,
                Draft(title, _render_blindness(name, look, check, reason), (LABEL,), 1, source=source, author=BY),
            )


def _render_blindness(name: str, look: ScoutLooked, check: str, reason: str) -> str:
    lines = [
        f"Along {look.dimension}, {check} did not look at {name}: nobody knows whether it is clean there.", "",
        f"Why: {printable(reason)}", "",
        f"Mend it, then: `watchkeeper scout {name} --dimension {look.dimension}`. The issue closes itself.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def judge_by_issues(state: ScoutState, fleet: FleetState) -> Iterator[FindingJudged]:
    """What became of issues says what their findings were: landed, they were true; nothing to do, they were not.

    A person's own word is not touched, and nor is what was judged so already.
    """
    for each in state.findings.values():
        issue = fleet.issues.get(each.issue) if each.issue is not None else None
        if issue is None or issue.state is IssueState.OPEN or each.judged is not None:
            continue
        verdict = _VERDICTS.get(issue.why) if issue.why is not None else None
        if verdict is not None:
            yield FindingJudged(each.finding.id, verdict, _why(issue), f"the end of {issue.issue.id}")


def _why(issue: IssueStanding) -> str:
    return printable(issue.reason)[:300]


_VERDICTS = {
    Closing.LANDED: Verdict.TRUE,
    Closing.NOTHING_TO_DO: Verdict.FALSE,
    Closing.DUPLICATE: Verdict.DUPLICATE,
}
