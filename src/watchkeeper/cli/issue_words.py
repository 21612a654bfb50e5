"""Issues as lines for people and documents for programs; pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from watchkeeper.cli.output import Terminal
from watchkeeper.controlroom.wording.times import render_ago, render_moment, render_moment_iso
from watchkeeper.model.fleet import Choice, EngagementId, IssueId, IssueState, Stage
from watchkeeper.model.fleet_state import EngagementStanding, FleetState, IssueStanding
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable

_HOLDING = ("blocked", "backlog", "needs-person", "needs-decompose", "needs-prep")
_USUAL = 2


def waits_for(state: FleetState, own: IssueStanding) -> str:
    """What has to happen before somebody works on it; ``""`` where nothing has to."""
    open_on = [each for each in own.issue.depends_on if not _is_closed(state, each)]
    if open_on:
        return ", ".join(_shown_name(state, each) for each in open_on)
    if labels := [each for each in own.issue.labels if each in _HOLDING]:
        return f"a person: it is labelled {', '.join(labels)}"
    last = _last_attempt(state, own)
    if last is not None and last.is_over and last.stage is not Stage.DONE:
        return f"a person: {last.engagement.id} ended as {last.stage.value}{f', {last.reason}' if last.reason else ''}"
    if last is not None and last.stage is Stage.DONE:
        return f"the landing of {last.engagement.branch or last.engagement.id}"
    decided = state.dispatched.get(own.issue.id)
    return decided.why if decided is not None and decided.choice is not Choice.START else ""


def list_lines(state: FleetState, shown: Sequence[IssueStanding], now: Millis, terminal: Terminal) -> list[str]:
    """Two lines an issue: what it is, then who has it or what it waits for."""
    width = max((len(printable(each.issue.id)) for each in shown), default=0)
    lines = []
    for each in shown:
        issue = each.issue
        labels = terminal.paint("dim", f"  [{', '.join(printable(label) for label in issue.labels)}]")
        urgent = f"p{issue.priority}  " if issue.priority != _USUAL else ""
        name = terminal.paint("bold", printable(issue.id).ljust(width))
        lines.append(f"{name}  {urgent}{printable(issue.title)}{labels if issue.labels else ''}")
        if said := _standing_words(state, each, now):
            lines.append(f"{' ' * width}  {terminal.paint('dim', printable(said))}")
    return lines


def issue_lines(state: FleetState, own: IssueStanding, now: Millis, terminal: Terminal) -> list[str]:
    """All that is known of one issue. Its text is printed as it is, without what acts on a terminal."""
    issue = own.issue
    lines = [f"{terminal.paint('bold', printable(issue.id))}  {printable(issue.title)}"]
    filed = f"filed {render_ago(issue.filed_at, now)}" + (f" by {printable(issue.author)}" if issue.author else "")
    facts = [own.state.value, f"priority {issue.priority}", *(printable(each) for each in issue.labels), filed]
    lines.append(terminal.paint("dim", " · ".join(facts) if terminal.symbols else ", ".join(facts)))
    named = {
        "": _standing_words(state, own, now),
        "depends on: ": ", ".join(_shown_name(state, each) for each in issue.depends_on),
        "part of: ": issue.parent or "",
        "from: ": issue.source,
        "attempts: ": ", ".join(_attempt_words(state, each) for each in own.attempts),
    }
    lines += [printable(f"{name}{text}") for name, text in named.items() if text]
    lines += ["", *_text_lines(issue.body)] if issue.body.strip() else []
    for comment in own.comments:
        by = printable(comment.by) or "somebody"
        lines += ["", terminal.paint("dim", f"{by}, {render_moment(comment.at)}:"), *_text_lines(comment.text)]
    return lines


def issue_document(state: FleetState, own: IssueStanding, *, whole: bool = False) -> dict[str, object]:
    """The same for programs; ``whole`` with body and comments."""
    document: dict[str, object] = msgspec.to_builtins(own.issue)
    body = document.pop("body")
    claim = state.claims(own.issue.id)
    document |= {
        "filed_at": render_moment_iso(own.issue.filed_at),
        "state": own.state.value,
        "why": own.why.value if own.why else None,
        "reason": own.reason,
        "changed_at": render_moment_iso(own.changed_at),
        "waits_for": waits_for(state, own) if own.state is IssueState.OPEN and claim is None else "",
        "claimed_by": claim.engagement.id if claim else None,
        "attempts": list(own.attempts),
    }
    if whole:
        comments = [{"at": render_moment_iso(each.at), "by": each.by, "text": each.text} for each in own.comments]
        document |= {"body": body, "comments": comments}
    return document


def _standing_words(state: FleetState, own: IssueStanding, now: Millis) -> str:
    if own.state is IssueState.CLOSED:
        why = f": {own.why.value}" if own.why else ""
        return f"closed{why}{f', {own.reason}' if own.reason else ''}"
    claim = state.claims(own.issue.id)
    if claim is not None:
        stage = claim.stage.value + (f" on {claim.reason}" if claim.stage is Stage.WAITING and claim.reason else "")
        return f"{claim.engagement.agent} has it: {claim.engagement.id} is {stage} ({render_ago(claim.since, now)})"
    waits = waits_for(state, own)
    return f"waits for {waits}" if waits else ""


def _attempt_words(state: FleetState, identity: EngagementId) -> str:
    known = state.engagements.get(identity)
    return f"{identity} ({known.stage.value})" if known else identity


def _last_attempt(state: FleetState, own: IssueStanding) -> EngagementStanding | None:
    known = [state.engagements[each] for each in own.attempts if each in state.engagements]
    return known[-1] if known else None


def _is_closed(state: FleetState, identity: IssueId) -> bool:
    known = state.issues.get(identity)
    return known is not None and known.state is IssueState.CLOSED


def _shown_name(state: FleetState, identity: IssueId) -> str:
    known = state.issues.get(identity)
    if known is None:
        return f"{identity} (not known here)"
    return f"{identity} (closed)" if known.state is IssueState.CLOSED else identity


def _text_lines(text: str) -> list[str]:
    return [f"  {printable(line)}".rstrip() for line in text.rstrip().split("\n")]
