"""How times, conflicts and events are put into words; pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import assert_never

from watchkeeper.cli.fleet_words import describe_fleet
from watchkeeper.cli.host_words import describe_hosts
from watchkeeper.cli.incident_words import describe_incidents
from watchkeeper.cli.landing_words import describe_landing
from watchkeeper.cli.output import Terminal, printable
from watchkeeper.cli.people_words import describe_people, describe_review
from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.model.agents import SessionId
from watchkeeper.model.attention import AttentionEvent, PersonActed
from watchkeeper.model.changes import WorkNotCounted
from watchkeeper.model.conflicts import Conflict, Evidence, Severity
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ChangeLanded,
    ChangeMoved,
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    DecisionRecorded,
    Event,
    FileUnreadable,
    GateClosed,
    IntentDeclared,
    LeaseReleased,
    LeaseTaken,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Opaque,
    Recorded,
    RuleDemoted,
    RuleRestored,
    SessionBegan,
    SessionEnded,
    SessionForged,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.fleet import FleetEvent
from watchkeeper.model.hosts import HostEvent
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import IncidentEvent
from watchkeeper.model.landing import LandingEvent
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.model.review import ReviewEvent

_MARKS = {
    Severity.INFO: ("·", ".", "dim"),
    Severity.MINOR: ("●", "o", "blue"),
    Severity.MAJOR: ("▲", "!", "yellow"),
    Severity.BLOCKING: ("■", "X", "red"),
}
_OUTCOMES = {
    Outcome.PROVED: "proved",
    Outcome.PROVED_AT_RUN_TIME: "proved at run time",
    Outcome.CLEARED: "cleared",
    Outcome.NOT_DISPROVED: "not disproved",
    Outcome.FLAKY: "flaky",
    Outcome.COULD_NOT_RUN: "could not be run",
}
_MOST_FINDINGS = 8
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (2 * 86400, 3600, "h"), (float("inf"), 86400, "d"))
_CLOSED = {
    CloseReason.RESOLVED: "the code no longer shows it",
    CloseReason.GONE: "one of the changes is gone",
    CloseReason.RENAMED: "it goes on by another name",
    CloseReason.LANDED: "both changes have landed",
}


def mark(severity: Severity, terminal: Terminal) -> str:
    """Shape and word, padded to one width, in colour where there is colour."""
    fancy, plain, colour = _MARKS[severity]
    return terminal.paint(colour, f"{terminal.symbol(fancy, plain)} {severity.value:<8}")


def render_ago(at: Millis, now: Millis) -> str:
    """``4 min ago``; what lies ahead (clocks differ) is ``just now``."""
    seconds = (now - at) // 1000
    if seconds < 5:
        return "just now"
    limit = next(step for step in _STEPS if seconds < step[0])
    return f"{seconds // limit[1]} {limit[2]} ago"


def render_moment(at: Millis) -> str:
    """The local date and time."""
    try:
        return dt.datetime.fromtimestamp(at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def render_moment_iso(at: Millis) -> str:
    """The moment in UTC, for programs."""
    try:
        moment = dt.datetime.fromtimestamp(at / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def join_names(names: Sequence[str], terminal: Terminal) -> str:
    """``agent-a × agent-b``."""
    return terminal.symbol(" × ", " x ").join(printable(name) for name in names)


def conflict_lines(
    conflict: Conflict,
    terminal: Terminal,
    *,
    about: str = "",
    proof: Proof | None = None,
    severity: Severity | None = None,
) -> list[str]:
    """One conflict in two or three lines: severity, id, sentence; who, which rule, ``about`` (since when); the proof.

    ``severity`` is as it is shown, where that is not the suspicion's own.
    """
    indent = " " * 12
    details = [join_names(conflict.changes, terminal), printable(conflict.rule), *([about] if about else [])]
    separator = terminal.symbol(" · ", " - ")
    lines = [
        f"{mark(severity or conflict.severity, terminal)}  {conflict.id}  {printable(conflict.summary)}",
        terminal.paint("dim", f"{indent}{separator.join(details)}"),
    ]
    return [*lines, f"{indent}{proof_line(proof, terminal)}"] if proof is not None else lines


def state_lines(state: ConflictState, now: Millis, terminal: Terminal) -> list[str]:
    """A conflict as it stands, in two to four lines."""
    about = status_word(state, now)
    lines = conflict_lines(state.conflict, terminal, about=about, proof=state.proof, severity=state.severity)
    if state.unanswered and state.status is Status.OPEN:
        lines.append(" " * 12 + terminal.paint("yellow", unanswered_line(state.unanswered)))
    return lines


def unanswered_line(sessions: Sequence[SessionId]) -> str:
    """``unanswered by codex-1, goose-2: it is for you now``."""
    return f"unanswered by {', '.join(printable(each) for each in sessions)}: it is for you now"


def proof_line(proof: Proof, terminal: Terminal) -> str:
    """``proved: `_fmt_exc` is used but not defined (names, 40 ms)``: the outcome, the first finding, who says so."""
    found = "; ".join(printable(each.message) for each in proof.findings[:1])
    more = f" and {len(proof.findings) - 1} more" if len(proof.findings) > 1 else ""
    said = f"{found}{more}" if found else printable(proof.reason)
    by = ", ".join(printable(each) for each in proof.by)
    took = f"{proof.wall_ms / 1000:.1f} s" if proof.wall_ms >= 1000 else f"{proof.wall_ms} ms"
    past = "saved since, being run again" if proof.is_past else ""
    detail = ", ".join(part for part in (by, took, past) if part)
    colour = "red" if proof.outcome.is_proof else "green" if proof.outcome is Outcome.CLEARED else "dim"
    return terminal.paint(
        colour, f"{_OUTCOMES[proof.outcome]}: {said} ({detail})" if said else _OUTCOMES[proof.outcome]
    )


def not_counted_line(work: WorkNotCounted) -> str:
    """``agent-a has uncommitted work in ../agent-a, which is not looked at: name the path to include it``."""
    name, path = printable(work.change), printable(work.path)
    if work.reason:
        return f"whether {name} has uncommitted work in {path} cannot be told: {printable(work.reason)}"
    return f"{name} has uncommitted work in {path}, which is not looked at: name the path to include it"


def conflict_page(state: ConflictState, history: Iterable[Recorded], now: Millis, terminal: Terminal) -> list[str]:
    """Everything about one conflict: both sides' lines, why, history. The next step is left to the caller."""
    conflict = state.conflict
    lines = [
        f"{mark(state.severity, terminal)}  {conflict.id}  {printable(conflict.summary)}",
        "",
        _field("state", f"{state.status.value}, {render_ago(state.changed_at, now)}"),
        *_proof_fields(state, terminal),
        _field("changes", join_names(conflict.changes, terminal)),
        _field("kind", f"{conflict.kind.value}, rule {conflict.rule}, {conflict.confidence.value}"),
        _field("about", printable(", ".join(conflict.subjects))),
        _field("why", printable(conflict.why)),
        *([_field("agents", unanswered_line(state.unanswered))] if state.unanswered else []),
    ]
    for side, shown in evidence_of_sides(conflict):
        lines += ["", terminal.paint("bold", side), *shown]
    lines += ["", terminal.paint("bold", "history")]
    return lines + [f"  {event_line(recorded, now, terminal)}" for recorded in history]


def _proof_fields(state: ConflictState, terminal: Terminal) -> list[str]:
    """What running the merge said, finding by finding, and why the severity is not the suspicion's own."""
    lines = []
    if state.proof is not None:
        lines.append(_field("outcome", proof_line(state.proof, terminal)))
        for each in state.proof.findings[:_MOST_FINDINGS]:
            place = f"{printable(each.path)}:{each.line}" if each.line else printable(each.path)
            lines.append(_field("", f"{place}  {printable(each.message)}  ({printable(each.check)}: {each.rule})"))
    if state.severity is not state.conflict.severity:
        why = "its rule was too often wrong lately" if state.is_demoted and state.proof is None else "by its outcome"
        lines.append(_field("suspected", f"{state.conflict.severity.value}; shown as {state.severity.value} {why}"))
    return lines


def evidence_of_sides(conflict: Conflict) -> list[tuple[str, list[str]]]:
    """Each side by its name with the lines that show the conflict; what only the merge shows, under that."""
    sides = [(printable(each), _evidence_lines(conflict.evidence, each)) for each in conflict.changes]
    if any(not each.change for each in conflict.evidence):
        sides = [side for side in sides if side[1]] + [("the merge", _evidence_lines(conflict.evidence, ""))]
    return [(side, lines or ["  (no line of this side shows it)"]) for side, lines in sides]


def _evidence_lines(evidence: Iterable[Evidence], change: str) -> list[str]:
    found = [each for each in evidence if each.change == change]
    lines = []
    for each in found:
        note = f"  ({printable(each.note)})" if each.note else ""
        lines.append(f"  {printable(each.path)}:{each.line}  {printable(each.text.strip())}{note}")
    return lines


def event_line(recorded: Recorded, now: Millis, terminal: Terminal) -> str:
    """One event on one line: when, how long ago, what."""
    ago = render_ago(recorded.at, now)
    return f"{terminal.paint('dim', f'{render_moment(recorded.at)}  {ago:>10}')}  {describe(recorded.event, terminal)}"


def describe(event: Event, terminal: Terminal) -> str:
    """What happened, in one clause."""
    match event:
        case ChangeAppeared():
            return f"{printable(event.change.label)} appeared ({event.change.source.value})"
        case ChangeMoved():
            return f"{printable(event.change.label)} moved to {(event.change.head or 'no commit')[:10]}"
        case ChangeGone():
            return f"{printable(event.change)} is gone: {printable(event.reason)}"
        case ChangeLanded():
            return f"{printable(event.change.label)} landed"
        case ConflictOpened() | ConflictChanged() | ConflictClosed() | ConflictDismissed() | ConflictProbed():
            return _describe_conflict(event, terminal)
        case RuleDemoted() | RuleRestored():
            return _describe_rule(event)
        case FileUnreadable():
            return f"{printable(event.change)}: {printable(event.path)} cannot be read: {printable(event.reason)}"
        case SessionBegan() | SessionEnded() | SessionForged() | IntentDeclared() | DecisionRecorded():
            return _describe_session(event)
        case NoticeQueued() | NoticeDelivered() | NoticeSettled():
            return _describe_notice(event)
        case LeaseTaken() | LeaseReleased() | GateClosed():
            return _describe_gate(event)
        case WatchStarted():
            return f"watching began (version {event.version}, target {printable(event.target)})"
        case WatchStopped():
            return "watching ended"
        case Opaque():
            return f"{printable(event.kind)} (an event of a newer version)"
        case _:
            return _describe_fleets_and_queues(event)


def _describe_fleets_and_queues(
    event: FleetEvent | HostEvent | IncidentEvent | LandingEvent | ReviewEvent | AttentionEvent | PersonActed,
) -> str:
    if isinstance(event, HostEvent):
        return describe_hosts(event)
    if isinstance(event, IncidentEvent):
        return describe_incidents(event)
    if isinstance(event, ReviewEvent):
        return describe_review(event)
    if isinstance(event, AttentionEvent | PersonActed):
        return describe_people(event)
    return describe_fleet(event) if isinstance(event, FleetEvent) else describe_landing(event)


def _describe_session(
    event: SessionBegan | SessionEnded | SessionForged | IntentDeclared | DecisionRecorded,
) -> str:
    match event:
        case SessionBegan():
            by = "started by a person" if event.session.guest else "started by Watchkeeper"
            return f"{printable(event.session.id)} is at work in {printable(event.session.path)}, {by}"
        case SessionEnded():
            return f"{printable(event.id)} is done: {printable(event.reason)}"
        case SessionForged():
            return f"process {event.pid} spoke in the name of {printable(event.id)}: {printable(event.reason)}"
        case IntentDeclared():
            what = ", ".join(printable(each) for each in event.subjects)
            return f"{printable(event.session)} is going to touch {what}"
        case DecisionRecorded():
            return f"{printable(event.session)} decided: {printable(event.title)}: {printable(event.choice)}"
        case _:
            assert_never(event)


def _describe_notice(event: NoticeQueued | NoticeDelivered | NoticeSettled) -> str:
    match event:
        case NoticeQueued():
            about = event.notice.conflict or "what it relies on"
            return f"{event.notice.id}  {printable(event.notice.session)} is to be told of {about}"
        case NoticeDelivered():
            return f"{event.id}  told ({event.channel.value})"
        case NoticeSettled():
            return f"{event.id}  {event.heed.value}: {printable(event.reason)}"
        case _:
            assert_never(event)


def _describe_gate(event: LeaseTaken | LeaseReleased | GateClosed) -> str:
    match event:
        case LeaseTaken():
            until = render_moment(event.lease.until)
            return f"{printable(event.lease.subject)} is held by {printable(event.lease.holder)} until {until}"
        case LeaseReleased():
            return f"{printable(event.subject)} is free again"
        case GateClosed():
            return (
                f"{printable(event.session)} was kept from writing {printable(event.path)}: {printable(event.reason)}"
            )
        case _:
            assert_never(event)


def _describe_conflict(
    event: ConflictOpened | ConflictChanged | ConflictClosed | ConflictDismissed | ConflictProbed, terminal: Terminal
) -> str:
    match event:
        case ConflictOpened():
            goes_on = f" (goes on from {', '.join(event.succeeds)})" if event.succeeds else ""
            opened = f"{mark(event.conflict.severity, terminal)} {event.conflict.id} opened{goes_on}"
            return f"{opened}: {_sentence(event.conflict)}"
        case ConflictChanged():
            return f"{mark(event.conflict.severity, terminal)} {event.conflict.id} changed: {_sentence(event.conflict)}"
        case ConflictClosed():
            return f"{terminal.symbol('✔', '+')} {event.id} closed: {_CLOSED[event.reason]}"
        case ConflictDismissed():
            return _describe_dismissal(event)
        case ConflictProbed():
            return f"{event.id} {proof_line(event.proof, terminal)}"
        case _:
            assert_never(event)


def severity_counts(states: Iterable[ConflictState]) -> str:
    """``1 blocking, 2 major``: how many of each severity, the worst first; ``none`` where there are none."""
    severities = [state.severity for state in states]
    counted = [(severity, severities.count(severity)) for severity in reversed(Severity)]
    return ", ".join(f"{count} {severity.value}" for severity, count in counted if count) or "none"


def status_word(state: ConflictState, now: Millis) -> str:
    """Since when it is open, or what else became of it."""
    if state.status is Status.OPEN:
        return f"open since {render_ago(state.opened_at, now).removesuffix(' ago')}"
    return f"{state.status.value} {render_ago(state.changed_at, now)}"


def _describe_rule(event: RuleDemoted | RuleRestored) -> str:
    became = "is shown one severity lower" if isinstance(event, RuleDemoted) else "is shown in full again"
    return f"rule {printable(event.rule)} {became}: {event.proved} of its last {event.conclusive} outcomes were proofs"


def _describe_dismissal(event: ConflictDismissed) -> str:
    by = f" by {printable(event.by)}" if event.by else ""
    reason = f": {printable(event.reason)}" if event.reason else ""
    return f"{event.id} dismissed{by} as {event.severity.value}{reason}"


def _sentence(conflict: Conflict) -> str:
    return printable(conflict.summary)


def _field(name: str, value: str) -> str:
    return f"{name:<10}{value}"
