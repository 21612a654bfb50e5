"""What scouts did, and what became of what they found, in words."""

from __future__ import annotations

from watchkeeper.controlroom.wording.times import render_moment
from watchkeeper.model.printing import printable
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
    FindingJudged,
    FindingTried,
    KindAssigned,
    LookState,
    ScoutEvent,
    ScoutFinding,
    ScoutLooked,
    StandardMoved,
    StandardWritten,
)

_STATES = {
    LookState.FOUND: "found something",
    LookState.CLEAN: "is clean",
    LookState.NOT_APPLICABLE: "does not apply",
    LookState.COULD_NOT_LOOK: "could not be looked along",
}


def describe_scouting(event: ScoutEvent) -> str:
    """What happened, in one clause."""
    match event:
        case ScoutLooked():
            return _describe_look(event)
        case FindingFound():
            return f"{event.finding.id} was found: {place_of(event.finding)}: {printable(event.finding.claim)}"
        case FindingTried():
            said = {True: "holds", False: "is refuted", None: "could not be decided"}[event.holds]
            return f"{event.id} {said}, says {printable(event.by)}: {printable(event.reason)}"
        case FindingFiled():
            return f"{event.id} is filed as {printable(event.issue)}"
        case FindingJudged():
            why = f": {printable(event.reason)}" if event.reason else ""
            return f"{event.id} is {event.verdict.value}, says {printable(event.by)}{why}"
        case FindingGone():
            return f"{event.id} is gone in {event.commit[:10]}"
        case FindingBack():
            return f"{event.id} is there again in {event.commit[:10]}"
        case KindAssigned():
            return f"{event.id} is of the kind {printable(event.kind)}, says {printable(event.by or event.how)}"
        case ContradictionFound():
            return f"two projects disagree on {printable(event.kind)}: {printable(event.text)}"
        case ContradictionJudged():
            return f"{printable(event.by)} says of {printable(event.key)}: {printable(event.answer)}"
        case _:
            return _describe_standard(event)


def place_of(finding: ScoutFinding) -> str:
    """Where it is: a path, and the line where it was first seen."""
    return f"{printable(finding.path)}:{finding.line}" if finding.line else printable(finding.path)


def _describe_look(look: ScoutLooked) -> str:
    why = f": {printable(look.reason)}" if look.reason else ""
    count = f" ({look.found} hold, {look.new} new)" if look.found or look.new else ""
    return f"{printable(look.dimension)} {_STATES[look.state]} in {look.commit[:10]}{count}{why}"


def _describe_standard(
    event: StandardWritten | StandardMoved | CensusTaken | ExemptionGranted | ExemptionEnded,
) -> str:
    match event:
        case StandardWritten():
            by = f" by {printable(event.by)}" if event.by else ""
            return f"the standard {event.standard.id} was written{by}: {printable(event.standard.title)}"
        case StandardMoved():
            by = f" by {printable(event.by)}" if event.by else ""
            return f"the standard {event.id} is {event.state.value}{by}: {printable(event.why)}"
        case CensusTaken():
            if event.reason:
                return f"{event.id} could not be counted in {event.commit[:10]}: {printable(event.reason)}"
            return f"{event.id} is violated at {len(event.violations)} places of {event.commit[:10]}"
        case ExemptionGranted():
            where, until = printable(event.path) or "the project", render_moment(event.until)[:10]
            return f"{printable(event.by)} lets {where} be until {until}, of {event.id}: {printable(event.reason)}"
        case ExemptionEnded():
            return f"{printable(event.by)} ended what let {printable(event.path) or 'the project'} be, of {event.id}"
