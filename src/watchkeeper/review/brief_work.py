"""Of a brief: what stands still or is idle, and why; what it all cost. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from watchkeeper.controlroom.picture import Picture, ProjectPicture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.controlroom.spending import spent_since
from watchkeeper.fleet.budgets import total
from watchkeeper.model.attention import MatterKind
from watchkeeper.model.fleet import Stage
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import BriefEntry
from watchkeeper.review.brief_code import Told
from watchkeeper.review.evidence import events, make_claim, of_report
from watchkeeper.review.links import FLEET_PAGE, page
from watchkeeper.review.states import Activity, activity_of
from watchkeeper.review.words import counted, lasted, names, short, spent

_SCORES = {Activity.STUCK: 300.0, Activity.FAILED: 200.0, Activity.WAITING: 100.0}


def stuck_entries(picture: Picture, since: Millis, told: Told) -> Iterator[BriefEntry]:
    """Engagements that stand still or failed, each project that has nothing to do, with the reason."""
    for name, project in picture.projects.items():
        yield from _engagements(name, project, picture, since, told)
        idle = _idle_reason(project)
        if idle:
            evidence = events(project.source.shared, (project.fleet.seq,))
            claim = make_claim(f"idle:{name}", f"{name} is idle: {idle}", evidence, page("projects", name))
            yield BriefEntry(claim, name, score=10.0)


def _engagements(
    name: str, project: ProjectPicture, picture: Picture, since: Millis, told: Told
) -> Iterator[BriefEntry]:
    """Of several tries at one issue the newest; older ones are its count."""
    tries = Counter(each.engagement.issue for each in project.fleet.engagements.values())
    newest = {each.engagement.issue: each for each in project.fleet.engagements.values()}
    for each in newest.values():
        own = each.engagement
        activity = activity_of(each, picture.at)
        score = _SCORES.get(activity.value)
        is_of = not each.is_over or each.since >= since
        if score is None or not is_of or (name, MatterKind.ENGAGEMENT, own.id) in told:
            continue
        again = f", try {tries[own.issue]}" if tries[own.issue] > 1 else ""
        what = f"{name}: {own.id} on {short(own.issue, 30)}{again}"
        how = "failed {} ago" if activity.value is Activity.FAILED else f"is {activity.value.value} for {{}}"
        text = f"{what} {how.format(lasted(picture.at - activity.since))}: {activity.why}"
        where = page("engagements", own.id)
        claim = make_claim(f"engagement:{own.id}", text, of_report(project, "engagement", own.id, picture), where)
        yield BriefEntry(claim, name, score + tries[own.issue])


def _idle_reason(project: ProjectPicture) -> str:
    """Why nothing is done here; ``""`` where something is, or where no fleet ever decided about it."""
    if any(True for _ in project.fleet.live()):
        return ""
    waiting = list(project.fleet.open_issues())
    decided = project.fleet.dispatched.get(None)
    if not waiting:
        return "no issue is open" if project.fleet.issues else ""
    why = [project.fleet.dispatched[each.issue.id].why for each in waiting if each.issue.id in project.fleet.dispatched]
    if why:
        first, count = Counter(why).most_common(1)[0]
        rest = f" (and {len(why) - count} for other reasons)" if len(why) > count else ""
        return f"{counted(len(waiting), 'issue waits', 'issues wait')}: {short(first, 100)}{rest}"
    return (
        short(decided.why, 140)
        if decided is not None
        else f"{counted(len(waiting), 'issue waits', 'issues wait')} for a dispatcher"
    )


def cost_entries(picture: Picture, scope: Scope, since: Millis) -> Iterator[BriefEntry]:
    """What agents spent in all and for what, by project where there are several."""
    gone = {name: spent_since(project.spent, since) for name, project in picture.projects.items()}
    runs = {
        name: [each for each in project.fleet.engagements.values() if each.since >= since or not each.is_over]
        for name, project in picture.projects.items()
    }
    came = {name: sum(1 for e in p.landing.landed if e.at >= since) for name, p in picture.projects.items()}
    everything = total(gone.values())
    count = sum(map(len, runs.values()))
    if not count:
        return
    stages = Counter(each.stage for them in runs.values() for each in them)
    parts = [f"{stages[stage]} {stage.value}" for stage in Stage if stages[stage]]
    budget = scope.config.fleet.budget if scope.config is not None else None
    of = f" of {budget.money:.2f} a day" if budget is not None and budget.money and everything.money else ""
    each_one = f"; {everything.money / sum(came.values()):.2f} a landed change" if (
        everything.money and sum(came.values())
    ) else ""  # fmt: skip
    text = f"{counted(count, 'engagement')} ({', '.join(parts)}) spent {spent(everything)}{of}{each_one}"
    seqs = events(FLEET, (max((p.fleet.seq for p in picture.projects.values()), default=picture.seq),))
    details = []
    for name, project in picture.projects.items():
        if runs[name]:
            dearest = sorted(runs[name], key=lambda each: -(each.spend.money or each.spend.minutes))[:3]
            most = names([f"{each.engagement.id} {spent(each.spend)}" for each in dearest])
            said = f"{name}: {counted(len(runs[name]), 'engagement')}, {spent(gone[name])}; most: {most}"
            at = events(project.source.shared, (project.fleet.seq,))
            details.append(make_claim(f"cost:{name}", said, at, page("projects", name)))
    yield BriefEntry(make_claim("cost", text, seqs, FLEET_PAGE), "", 1.0, details=tuple(details))
