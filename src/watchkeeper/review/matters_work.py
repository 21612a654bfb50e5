"""What needs a person about work: engagements that failed, stand still or wrote nothing, issues on hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.fleet.triage import Route, triage
from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.fleet import Choice, Fault, Stage
from watchkeeper.model.fleet_state import EngagementStanding, IssueStanding
from watchkeeper.review.links import page, step
from watchkeeper.review.matters import Maker, View
from watchkeeper.review.states import Activity, activity_of, empty_reason, last_try
from watchkeeper.review.words import counted, lasted, sentence, short

_FAILED = frozenset({Stage.FAILED, Stage.INTERRUPTED, Stage.NEEDS_PERSON})
_OURS = frozenset({Fault.SETUP, Fault.AGENT})
"""Faults that are the project's or the machine's, not the work's: two in a row are one matter of the project."""
_WEEK_MS = 7 * 86_400_000
_NEAR = 0.8


def find_work_matters(view: View) -> Iterator[Matter]:
    """Those of one project; one that no agent can work on silences what is told of the single engagements."""
    broken = _broken_project(view)
    yield from broken
    yield from _engagements(view, broken[0].fingerprint if broken else "")
    yield from _issues(view)


def _engagements(view: View, parent: str) -> Iterator[Matter]:
    fleet = view.project.fleet
    newest = {issue.attempts[-1] for issue in fleet.issues.values() if issue.attempts}
    for identity, each in fleet.engagements.items():
        if each.engagement.issue in fleet.issues and identity not in newest:
            continue  # another try has taken its place
        found = _engagement(view, each)
        if found is not None:
            fault_is_ours = each.fault in _OURS and found.kind is MatterKind.ENGAGEMENT
            yield found if not (parent and fault_is_ours) else Maker.under(found, parent)


def _engagement(view: View, each: EngagementStanding) -> Matter | None:
    own = each.engagement
    issue = view.project.fleet.issues.get(own.issue)
    is_open = issue is None or issue.state.value == "open"
    what = f"{own.id} ({short(own.agent, 20)} on {short(own.issue, 30)}: {short(own.title or own.issue, 50)})"
    tries = _failures(view, issue) if issue is not None else 1
    if (empty := empty_reason(each)) and (is_open or view.now - each.since < _WEEK_MS):
        title, reason, urgency, weight = f"{what} ran but {empty}", "a success without an effect", Urgency.TODAY, 620
    elif each.stage is Stage.NEEDS_PERSON and is_open:
        title, reason = f"{what} needs you: {each.reason or 'it does not say for what'}", "its agent can do no more"
        urgency, weight = Urgency.TODAY, 450
    elif each.fault in (Fault.ESCAPED, Fault.REWROTE) and view.now - each.since < _WEEK_MS:
        title, reason = f"{what} was stopped: {each.reason or each.fault.value}", "it went beyond what it may do"
        urgency, weight = Urgency.NAG, 740
    elif each.stage in (Stage.FAILED, Stage.INTERRUPTED) and is_open:
        fault = f" ({each.fault.value})" if each.fault is not None else ""
        title = f"{what} failed{fault}: {each.reason}"
        enough = tries >= view.attempts or issue is None
        reason = f"tried {counted(tries, 'time')}, and not again by itself" if enough else "it is tried again by itself"
        urgency, weight = (Urgency.TODAY if enough else Urgency.FYI), (400 if enough else 100) + 5 * tries
    else:
        activity = activity_of(each, view.now)
        if activity.value is not Activity.STUCK:
            return None
        title, reason = f"{what} is stuck: {activity.why}", f"nothing seen {lasted(view.now - activity.since)} long"
        urgency, weight = Urgency.TODAY, 330 + 20 * each.nudges
    act = step("see what it did", view.commands.of_repo("issue", "show", own.issue), page("engagements", own.id))
    if each.is_over and is_open and issue is not None and own.issue:
        act = step("let it be tried again", view.commands.of_fleet("overrule", own.issue), page("engagements", own.id))
    return view.maker.make(
        MatterKind.ENGAGEMENT,
        urgency,
        title,
        about=own.id,
        reason=sentence(reason),
        since=each.since,
        weight=weight,
        step=act,
        page=page("engagements", own.id),
    )


def _issues(view: View) -> Iterator[Matter]:
    """Issues on hold; where the last try says why, that is the matter."""
    for each in view.project.fleet.open_issues():
        last = last_try(view.project, each)
        if view.project.fleet.claims(each.issue.id) is not None:
            continue
        if last is not None and (last.stage is Stage.NEEDS_PERSON or empty_reason(last)):
            continue
        if last is not None and last.stage in _FAILED and _failures(view, each) >= view.attempts:
            continue
        why = _hold_reason(view, each)
        if why:
            yield _issue(view, each, why)


def _hold_reason(view: View, each: IssueStanding) -> str:
    """What the dispatcher decided, where it looked; else what its labels say."""
    decided = view.project.fleet.dispatched.get(each.issue.id)
    if decided is not None:
        return decided.why if decided.choice is Choice.HOLD and not each.is_overruled else ""
    routed = triage(each.issue)
    return routed.why if routed.route is Route.PERSON else ""


def _issue(view: View, each: IssueStanding, why: str) -> Matter:
    issue = each.issue
    settled = "nothing to do" in why
    if settled:
        act = step("close it", view.commands.of_repo("issue", "close", issue.id, "--why", "nothing-to-do"), "/")
    else:
        act = step(
            "let it go on", view.commands.of_fleet("overrule", issue.id), page("projects", issue.id.rpartition("#")[0])
        )
    return view.maker.make(
        MatterKind.ISSUE,
        Urgency.TODAY,
        f"{issue.id} waits for you: {why}",
        about=issue.id,
        reason=sentence(short(issue.title, 150)),
        since=each.changed_at,
        weight=280 + 10 * (4 - min(4, max(0, issue.priority))),
        step=act,
        page=act.page,
    )


def _failures(view: View, issue: IssueStanding) -> int:
    """How often in a row it was tried in vain; what was lost with its host was not."""
    count = 0
    for identity in reversed(issue.attempts):
        each = view.project.fleet.engagements.get(identity)
        if each is None or each.fault is Fault.LOST:
            continue
        if each.stage not in _FAILED:
            break
        count += 1
    return count


def _broken_project(
    view: View,
) -> tuple[Matter, ...]:
    """The last tries of two issues or more failed before an agent came to work."""
    over = [each for each in view.project.fleet.engagements.values() if each.is_over]
    row: list[EngagementStanding] = []
    for each in sorted(over, key=lambda one: one.since, reverse=True):
        if each.fault not in _OURS:
            break
        row.append(each)
    if len({each.engagement.issue for each in row}) < 2:
        return ()
    fault = row[0].fault
    assert fault is not None
    return (
        view.maker.make(
            MatterKind.PROJECT,
            Urgency.NAG,
            f"no agent gets to work: the last {len(row)} engagements failed with {fault.value}: {row[0].reason}",
            about=f"fault:{fault.value}",
            reason="every further one will fail the same way",
            since=row[-1].since,
            weight=660 + min(30, len(row)),
            step=step("check the project", view.commands.of_repo("doctor"), page("projects", view.name)),
            page=page("projects", view.name),
        ),
    )
