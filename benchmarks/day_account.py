"""What became of a fleet's day: each issue, each planted pair, each tree that a main ever had.

Of a planted pair it is counted whether it was ordered (one was begun only after the other, since their texts said that
they would clash), predicted (a conflict between the two was open before either landed), proved (a run of their merge
said so), told (a notice of such a conflict was delivered), returned (the queue sent one of them back), and whether it
escaped (a tree of main fails the check of the pair, which nobody knows but this).
"""

from __future__ import annotations

import re
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from day_plans import Work, by_key, pairs_of
from day_story import ProjectStory, Story, lives, settled
from day_trees import check_trees
from landing_project import failing_tests
from scratch import GitFailedError, git, merge_tree
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.events import (
    ConflictChanged,
    ConflictOpened,
    ConflictProbed,
    NoticeDelivered,
    NoticeQueued,
)
from watchkeeper.model.fleet import (
    Choice,
    Closing,
    DispatchDecided,
    EngagementMoved,
    Fault,
    IssueId,
)
from watchkeeper.model.landing import EntryBounced
from watchkeeper.model.probing import Outcome

_NAMED = 60


def account(story: Story, works: Sequence[Work], root: Path, began: float, ended: float) -> dict[str, Any]:
    """Every figure that the record and the repositories give."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        trees = check_trees(story, works, Path(folder))
        outcomes, alarms = _judge_conflicts(story, works, trees, Path(folder))
    return {
        "minutes": round((ended - began) / 60, 1),
        **_issues(story, works, ended - began),
        "planted": outcomes,
        "escaped": trees["escaped"],
        "red_trees": trees["red"],
        "trees_checked": trees["count"],
        "lost_work": trees["lost"],
        "false_alarms": alarms,
        "dispatcher": _dispatcher(story, began, ended),
    }


def _issues(story: Story, works: Sequence[Work], lasted: float) -> dict[str, Any]:
    ends: Counter[str] = Counter()
    unaccounted, persons, took = [], [], []
    for work in works:
        project = story.projects[work.project]
        end = settled(work, project)
        ends[end or "unaccounted"] += 1
        if end == Closing.LANDED:
            took.append((project.closed[work.key] - project.filed[work.key]) / 1000)
        standing = project.standing(work.key)
        decided = project.state.dispatched.get(standing.issue.id) if standing is not None else None
        why = f"{work.key} {work.kind}/{work.manner}: {decided.why if decided is not None else 'not filed'}"
        if not end:
            unaccounted.append(why[:400])
        elif end == "needs person":
            persons.append(why[:400])
    faults: Counter[str] = Counter()
    for project in story.projects:
        for each in project.events:
            if isinstance(each.event, EngagementMoved) and each.event.fault is not None:
                faults[Fault(each.event.fault).value] += 1
    took.sort()
    return {
        "ends": dict(ends),
        "unaccounted": unaccounted,
        "needs_person": persons,
        "landed_an_hour": round(3600 * ends[Closing.LANDED] / lasted),
        "closed_an_hour": round(3600 * (len(works) - len(unaccounted) - len(persons)) / lasted),
        "filed_to_landed_s": {"count": len(took), "p50": _percentile(took, 50), "p95": _percentile(took, 95)},
        "engagements": sum(len(each.state.engagements) for each in story.projects),
        "faults": dict(faults),
    }


def _percentile(ranked: Sequence[float], percent: int) -> int:
    return round(ranked[min(len(ranked) - 1, len(ranked) * percent // 100)]) if ranked else 0


# Conflicts


def _judge_conflicts(
    story: Story, works: Sequence[Work], trees: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    pairs = {frozenset({one.key, two.key}): one for one, two in pairs_of(list(works))}
    seen: dict[frozenset[str], dict[str, Any]] = defaultdict(dict)
    for project in story.projects:
        _hear(project, seen)
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for both, one in pairs.items():
        if one.kind.startswith("near"):
            continue
        found, counts = seen.get(both, {}), outcomes[one.kind]
        counts["planted"] += 1
        ends = [settled(each, story.projects[each.project]) for each in works if each.key in both]
        counts["both landed"] += all(end == Closing.LANDED for end in ends)
        counts["were open together"] += bool(found.get("together"))
        for what in ("ordered", "predicted", "proved", "told", "returned"):
            counts[what] += bool(found.get(what))
        is_escaped = f"{one.kind} p{one.project:02} {one.number}" in trees["escaped"]
        counts["escaped"] += is_escaped
        counts["escaped, not open together"] += is_escaped and not found.get("together")
        counts["escaped, predicted, not told"] += bool(is_escaped and found.get("predicted") and not found.get("told"))
    false = _false_alarms(story, works, seen, pairs, folder)
    return {kind: dict(counts) for kind, counts in sorted(outcomes.items())}, false


def _hear(project: ProjectStory, seen: dict[frozenset[str], dict[str, Any]]) -> None:
    """Of each two issues of a project: what was said of them, when, and whether they were live together."""
    landed, sealed = lives(project)
    conflicts: dict[str, frozenset[str]] = {}
    notices: dict[str, str] = {}
    for each in project.events:
        match each.event:
            case ConflictOpened(conflict) | ConflictChanged(conflict):
                both = _both(project, conflict)
                if len(both) != 2:
                    continue
                conflicts[conflict.id] = both
                found = seen[both]
                found.setdefault("conflicts", {})[conflict.id] = (
                    conflict.rule,
                    conflict.severity.value,
                    conflict.summary,
                )
                if all(each.at < landed.get(key, each.at + 1) for key in both):
                    found["predicted"] = True
            case ConflictProbed(identity, proof) if identity in conflicts and proof.outcome is Outcome.PROVED:
                seen[conflicts[identity]]["proved"] = True
            case NoticeQueued(notice) if notice.conflict in conflicts:
                notices[notice.id] = notice.conflict or ""
            case NoticeDelivered(identity) if identity in notices:
                seen[conflicts[notices[identity]]]["told"] = True
            case DispatchDecided(dispatch) if dispatch.choice is Choice.ORDER and dispatch.issue is not None:
                mine = _key_of_issue(project, dispatch.issue)
                for other in {_key_of_issue(project, each) for each in dispatch.after} - {mine, ""}:
                    seen[frozenset({mine, other})]["ordered"] = True
            case EntryBounced(identity, _, _, partners, _):
                mine = project.key_of(identity)
                for other in {project.key_of(partner) for partner in partners} - {mine, ""}:
                    seen[frozenset({mine, other})]["returned"] = True
                seen[frozenset({mine})]["returned"] = True
            case _:
                pass
    _hear_lives(sealed, landed, seen)


def _hear_lives(
    sealed: Mapping[str, int], landed: Mapping[str, int], seen: dict[frozenset[str], dict[str, Any]]
) -> None:
    for one in sealed:
        for two in sealed:
            if one < two and sealed[one] < landed.get(two, 1 << 60) and sealed[two] < landed.get(one, 1 << 60):
                seen[frozenset({one, two})]["together"] = True


def _key_of_issue(project: ProjectStory, issue: str) -> str:
    standing = project.state.issues.get(IssueId(issue))
    return project.key_of(standing.issue.title) if standing is not None else ""


def _both(project: ProjectStory, conflict: Conflict) -> frozenset[str]:
    return frozenset(key for each in conflict.changes if (key := project.key_of(each)))


def _false_alarms(
    story: Story, works: Sequence[Work], seen: Mapping[frozenset[str], dict[str, Any]],
    pairs: Mapping[frozenset[str], Work], folder: Path,
) -> dict[str, Any]:  # fmt: skip
    """Conflicts between two without a planted reason, judged on their first heads: the tests of both on the merge."""
    false, real = [], []
    told = 0
    named = by_key(list(works))
    for both, found in seen.items():
        planted = pairs.get(both)
        if not found.get("conflicts") or (planted is not None and not planted.kind.startswith("near")):
            continue
        one, two = sorted(both)
        project = story.projects[named[one].project]
        rules = sorted({f"{rule} ({severity})" for rule, severity, _ in found["conflicts"].values()})
        sentence = f"{one} {named[one].kind}, {two} {named[two].kind}: {', '.join(rules)}"
        if _goes_together(project.repo, story, named[one], named[two], folder / f"{one}-{two}"):
            false.append(sentence)
            told += bool(found.get("told"))
        else:
            real.append(sentence)
    return {"count": len(false), "of_them_told": told, "which": false[:_NAMED], "unplanted_but_real": real[:_NAMED]}


def _goes_together(repo: Path, story: Story, one: Work, two: Work, folder: Path) -> bool:
    heads = [_head(story, each) for each in (one, two)]
    if None in heads:
        return True
    hub = _hub(story, one)
    try:
        tree, is_clean = merge_tree(hub or repo, str(heads[0]), str(heads[1]))
    except GitFailedError:
        return True
    return is_clean and not failing_tests(hub or repo, tree, folder)


def _head(story: Story, work: Work) -> str | None:
    """The change of an issue, as its engagement finished it first."""
    project = story.projects[work.project]
    for each in project.events:
        if isinstance(each.event, EngagementMoved) and each.event.effect is not None and each.event.effect.change:
            engagement = project.state.engagements.get(each.event.id)
            if engagement is not None and project.key_of(engagement.engagement.branch) == work.key:
                return str(each.event.effect.change)
    return None


def _hub(story: Story, work: Work) -> Path | None:
    repo = story.projects[work.project].repo
    found = [each for each in (repo.parent / "home" / "projects").glob("*/hub*") if each.is_dir()]
    head = _head(story, work)
    for each in found:
        try:
            git(each, "cat-file", "-e", f"{head}^{{commit}}")
        except GitFailedError:
            continue
        return each
    return None


# The dispatcher


def _dispatcher(story: Story, began: float, ended: float) -> dict[str, Any]:
    """The share of the day, over all projects, in which nobody was at work in one, by why."""
    idle: Counter[str] = Counter()
    waits = []
    for project in story.projects:
        at, why = began * 1000, "before its first decision"
        for each in project.events:
            if isinstance(each.event, DispatchDecided) and each.event.dispatch.issue is None:
                idle[why] += max(0, min(each.at, ended * 1000) - at)
                decided = each.event.dispatch
                at, why = each.at, _said(decided.why) if decided.choice is not Choice.START else "at work"
        idle[why] += max(0, ended * 1000 - at)
        _, sealed = lives(project)
        waits += [(sealed[key] - project.filed[key]) / 1000 for key in sealed if key in project.filed]
    whole = sum(idle.values()) or 1
    decisions = sum(isinstance(e.event, DispatchDecided) for p in story.projects for e in p.events)
    return {
        "share_of_project_time": {why: round(found / whole, 3) for why, found in idle.most_common(12)},
        "decisions_recorded": decisions,
        "filed_to_begun_s": {"p50": round(statistics.median(waits)) if waits else 0},
    }


def _said(why: str) -> str:
    """Without what differs from moment to moment."""
    return re.sub(r"\d+", "N", why)[:80]
