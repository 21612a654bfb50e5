"""How states look and moments read: shape, word and hue for each, never the hue alone. Pure."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.landing.waiters import Place
from watchkeeper.model.attention import Urgency
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.ids import Millis
from watchkeeper.model.probing import Outcome
from watchkeeper.model.review import DecisionVerdict, Standing
from watchkeeper.model.scouting import LookState, StandardState
from watchkeeper.review.states import Activity, Safety

SHAPES = {
    "diamond": '<path d="M6 .5 11.5 6 6 11.5.5 6z"/>',
    "triangle": '<path d="M6 1 11.6 11H.4z"/>',
    "square": '<rect x="1.2" y="1.2" width="9.6" height="9.6" rx="1"/>',
    "disc": '<circle cx="6" cy="6" r="4.6"/>',
    "half": '<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6"/>'
    '<path d="M6 1.8a4.2 4.2 0 0 1 0 8.4z"/>',
    "ring": '<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6"/>',
    "dashed": '<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6"'
    ' stroke-dasharray="2.2 2.2"/>',
    "pause": '<path d="M2.5 1.5h2.6v9H2.5zM6.9 1.5h2.6v9H6.9z"/>',
    "check": '<path d="M1.5 6.4 4.7 9.6 10.6 2.8" fill="none" stroke="currentColor" stroke-width="2"/>',
    "cross": '<path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" stroke-width="2"/>',
}


class Look(NamedTuple):
    """``hue`` is ``red``, ``amber``, ``green``, ``blue`` or ``grey``; ``shape`` names a drawing; ``word`` says it."""

    hue: str
    shape: str
    word: str


def shape_svg(shape: str) -> str:
    """The drawing's markup, in the colour of the text around it; words beside it say the same."""
    return f'<svg class="mark" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{SHAPES[shape]}</svg>'


_ACTIVITY = {
    Activity.QUEUED: ("grey", "ring"),
    Activity.WORKING: ("blue", "half"),
    Activity.WAITING: ("amber", "pause"),
    Activity.STUCK: ("amber", "triangle"),
    Activity.DONE: ("green", "check"),
    Activity.FAILED: ("red", "cross"),
}
_SAFETY = {
    Safety.CLEAR: ("green", "check"),
    Safety.AT_RISK: ("amber", "triangle"),
    Safety.CONFLICTING: ("red", "diamond"),
    Safety.BLOCKED: ("red", "square"),
    Safety.UNKNOWN: ("grey", "dashed"),
}
_SEVERITY = {
    Severity.INFO: ("grey", "ring"),
    Severity.MINOR: ("blue", "disc"),
    Severity.MAJOR: ("amber", "triangle"),
    Severity.BLOCKING: ("red", "diamond"),
}
_URGENCY = {
    Urgency.FYI: ("grey", "ring"),
    Urgency.SCHEDULED: ("grey", "dashed"),
    Urgency.TODAY: ("blue", "disc"),
    Urgency.NAG: ("amber", "triangle"),
    Urgency.URGENT: ("red", "diamond"),
}
_OUTCOME = {
    Outcome.PROVED: ("red", "diamond", "proved"),
    Outcome.PROVED_AT_RUN_TIME: ("red", "diamond", "happened at run time"),
    Outcome.CLEARED: ("green", "check", "cleared by running it"),
    Outcome.NOT_DISPROVED: ("amber", "triangle", "run, not disproved"),
    Outcome.FLAKY: ("amber", "half", "failed once, not again"),
    Outcome.COULD_NOT_RUN: ("grey", "dashed", "could not be run"),
}
_PLACE = {
    Place.WAITING: ("blue", "ring", "waiting"),
    Place.HELD: ("amber", "pause", "held"),
    Place.QUARANTINED: ("amber", "triangle", "searched"),
    Place.LANDED: ("green", "check", "landed"),
    Place.BOUNCED: ("red", "cross", "came back"),
    Place.WITHDRAWN: ("grey", "cross", "withdrawn"),
}
_STANDING = {
    Standing.HOLDS: ("green", "check", "holds"),
    Standing.CORRECTED: ("blue", "half", "corrected"),
    Standing.UNVERIFIED: ("amber", "triangle", "not verified"),
}
_VERDICT = {
    DecisionVerdict.ACCEPTED: ("green", "check", "accepted"),
    DecisionVerdict.QUESTIONED: ("blue", "half", "questioned"),
    DecisionVerdict.REVERTED: ("grey", "cross", "reverted"),
}
_LOOK = {
    LookState.FOUND: ("amber", "disc", "found"),
    LookState.CLEAN: ("green", "check", "clean"),
    LookState.NOT_APPLICABLE: ("grey", "ring", "does not apply"),
    LookState.COULD_NOT_LOOK: ("red", "dashed", "could not look"),
}
_STANDARD = {
    StandardState.CANDIDATE: ("blue", "ring", "candidate"),
    StandardState.PROPOSED: ("blue", "half", "proposed"),
    StandardState.ADOPTED: ("amber", "disc", "adopted"),
    StandardState.ENFORCED: ("green", "check", "enforced"),
    StandardState.RETIRED: ("grey", "cross", "retired"),
}
_GRAVE = {1: ("grey", "ring", "small"), 2: ("blue", "disc", "minor"), 3: ("amber", "triangle", "major")}


def grave(severity: int) -> Look:
    """How a finding's severity is shown, 1 to 4."""
    return Look(*_GRAVE.get(severity, ("red", "diamond", "grave")))


def look_of(value: object) -> Look:
    """How any state is shown. Total over the states that pages show; KeyError for what is none."""
    match value:
        case Activity():
            return Look(*_ACTIVITY[value], value.value)
        case Safety():
            return Look(*_SAFETY[value], value.value)
        case Severity():
            return Look(*_SEVERITY[value], value.value)
        case Urgency():
            return Look(*_URGENCY[value], value.value)
        case Outcome():
            return Look(*_OUTCOME[value])
        case Place():
            return Look(*_PLACE[value])
        case Standing():
            return Look(*_STANDING[value])
        case DecisionVerdict():
            return Look(*_VERDICT[value])
        case LookState():
            return Look(*_LOOK[value])
        case StandardState():
            return Look(*_STANDARD[value])
        case None:
            return Look("grey", "dashed", "not run yet")
        case _:
            raise KeyError(value)


def status_word(state: ConflictState) -> str:
    """Where a conflict stands, and why: ``open``, ``dismissed by ada``, ``closed: landed``."""
    if state.status is Status.DISMISSED:
        by = state.dismissal.by if state.dismissal is not None else ""
        return f"dismissed by {by}" if by else "dismissed"
    if state.status is Status.CLOSED:
        return f"closed: {state.closed.value}" if state.closed is not None else "closed"
    return "open"


def lasted(milliseconds: int) -> str:
    """``45 s``, ``12 min``, ``7 h``, ``3 d``."""
    seconds = max(0, milliseconds) // 1000
    for limit, unit, word in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit} {word}"
    return f"{seconds // 86_400} d"


def ago(at: Millis, now: Millis) -> str:
    """``12 min ago``; ``in 3 h`` for what is to come."""
    if at > now + 1000:
        return f"in {lasted(at - now)}"
    return f"{lasted(now - at)} ago" if now - at >= 1000 else "now"


def moment(at: Millis, zone: dt.tzinfo) -> str:
    """``Thu 26 Nov 2026, 16:45:33 UTC``."""
    return f"{_in_zone(at, zone):%a %d %b %Y, %H:%M:%S %Z}".strip()


def iso(at: Millis, zone: dt.tzinfo) -> str:
    """As machines read it, with its offset."""
    return _in_zone(at, zone).isoformat(timespec="seconds")


_LATEST = 253_370_764_800_000  # the year 9999: a record may hold any number


def _in_zone(at: Millis, zone: dt.tzinfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(min(max(0, at), _LATEST) / 1000, dt.UTC).astimezone(zone)
