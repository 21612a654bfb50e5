"""What became of a fleet's day: each issue, each planted pair, each tree that a main ever had.

Of a planted pair it is counted whether it was predicted (a conflict between the two was open before either landed),
proved (a run of their merge said so), told (a notice of such a conflict was delivered), returned (the queue sent one of
them back), and whether it escaped (a tree of main fails the check of the pair, which nobody knows but this).
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from day_plans import Work, by_key, kept_of, pairs_of, truth_of
from landing_project import failing_tests
from scratch import GitFailedError, git, merge_tree
from watchkeeper.app import find_place, open_log
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeMoved,
    ConflictChanged,
    ConflictOpened,
    ConflictProbed,
    NoticeDelivered,
    NoticeQueued,
    Recorded,
    SessionBegan,
)
from watchkeeper.model.fleet import (
    Choice,
    Closing,
    DispatchDecided,
    EngagementMoved,
    EngagementSealed,
    Fault,
    IssueClosed,
    IssueFiled,
    IssueState,
    Stage,
)
from watchkeeper.model.fleet_state import FleetState, IssueStanding, fold_fleet
from watchkeeper.model.ids import Seq
from watchkeeper.model.landing import EntryBounced, LandingDone, LandingIntended
from watchkeeper.model.probing import Outcome

_KEY = re.compile(r"p\d\di\d{3}")
_NAMED = 60


@dataclass
class ProjectStory:
    """What one project recorded, by what it is asked for here."""

    repo: Path
    state: FleetState = field(default_factory=FleetState)
    events: list[Recorded] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)  # of changes and sessions, by their id
    filed: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)

    def key_of(self, name: str) -> str:
        """The issue that a change, a session's change, an entry or a branch belongs to; ``""``: none."""
        found = _KEY.search(name)
        return found[0] if found else self.keys.get(name, self.keys.get(name.partition("@")[0], ""))

    def standing(self, key: str) -> IssueStanding | None:
        return next((each for each in self.state.issues.values() if each.issue.title.startswith(key)), None)


class Story:
    """All projects of a day."""

    def __init__(self, projects: Sequence[ProjectStory], works: Sequence[Work]) -> None:
        self.projects, self.works = projects, works

    def count_settled(self) -> int:
        """Issues that will not change any more by themselves."""
        return sum(_settled(each, self.projects[each.project]) != "" for each in self.works)

    def for_person(self) -> Iterator[tuple[str, str, str, int]]:
        """Issues that a person closes now: duplicates, and what an agent found nothing to do in."""
        for work in self.works:
            state = self.projects[work.project].state
            standing = self.projects[work.project].standing(work.key)
            if standing is None or standing.state is IssueState.CLOSED:
                continue
            if work.kind == "duplicate":
                yield standing.issue.id, "duplicate", "it is there already", work.project
            last = state.engagements.get(standing.attempts[-1]) if standing.attempts else None
            if last is not None and last.stage is Stage.DONE and last.effect is not None and last.effect.reason:
                yield standing.issue.id, "nothing-to-do", last.effect.reason, work.project


def _settled(work: Work, project: ProjectStory) -> str:
    """How an issue ended; ``""``: it may still come to something."""
    standing = project.standing(work.key)
    if standing is None:
        return ""
    if standing.state is IssueState.CLOSED:
        return standing.why.value if standing.why is not None else "closed"
    decided = project.state.dispatched.get(standing.issue.id)
    is_held = decided is not None and decided.choice is Choice.HOLD and "nothing to do" not in decided.why
    return "needs person" if is_held and work.kind != "duplicate" else ""


class Reader:
    """Follows the record of all projects of a day; each look reads only what is new."""

    def __init__(self, repos: Sequence[Path], works: Sequence[Work], env: Mapping[str, str]) -> None:
        self._works, self._env = works, env
        self._places = [find_place(repo, env) for repo in repos]
        self._stories = [ProjectStory(repo) for repo in repos]

    def look(self) -> Story:
        """As the record has it now; a project that recorded nothing yet has an empty one."""
        home = self._places[0].home
        if (home / "watchkeeper.db").exists():
            with open_log(home, self._env) as log:
                for place, story in zip(self._places, self._stories, strict=True):
                    after = story.events[-1].seq if story.events else Seq(0)
                    _read(story, list(log.read(place.project, after=after)))
        return Story(self._stories, self._works)


def _read(story: ProjectStory, news: Sequence[Recorded]) -> None:
    story.state = fold_fleet(news, story.state)
    story.events += news
    for each in news:
        match each.event:
            case ChangeAppeared(change) | ChangeMoved(change):
                if key := _KEY.search(f"{change.branch} {change.label} {change.id}"):
                    story.keys[change.id] = key[0]
            case SessionBegan(session):
                issue = next((i for i in story.state.issues.values() if i.issue.id == session.issue), None)
                if issue is not None and (key := _KEY.search(issue.issue.title)):
                    story.keys[session.id] = key[0]
            case IssueFiled(issue):
                if key := _KEY.search(issue.title):
                    story.filed[key[0]] = each.at
            case IssueClosed(identity):
                if key := _KEY.search(story.state.issues[identity].issue.title):
                    story.closed[key[0]] = each.at
            case _:
                pass


def account(story: Story, works: Sequence[Work], root: Path, began: float, ended: float) -> dict[str, Any]:
    """Every figure that the record and the repositories give."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        trees = _check_trees(story, works, Path(folder))
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
        end = _settled(work, project)
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


# Trees


def _check_trees(story: Story, works: Sequence[Work], folder: Path) -> dict[str, Any]:
    """Every first-parent tree of every main: its own tests, and what is true of the pairs; at the end, what has to be
    in it because it landed."""
    red, escaped, lost, count = [], defaultdict(list), [], 0
    for number, project in enumerate(story.projects):
        mine = [each for each in works if each.project == number]
        commits = git(project.repo, "rev-list", "--first-parent", "--reverse", "main").split()
        truths = {work.pair: (work, truth_of(work)) for work in mine if work.side and truth_of(work)}
        for at, commit in enumerate(commits):
            place = folder / f"{number}-{at}"
            count += 1
            if failing := failing_tests(project.repo, commit, place):
                red.append(f"project {number} {commit[:10]}: {', '.join(failing)[:200]}")
            for (_, pair), said in _fail(place, {pair: code for pair, (_, code) in truths.items()}).items():
                escaped[f"{truths[number, pair][0].kind} p{number:02} {pair}"].append(f"{commit[:10]}: {said}")
        landed = [each for each in mine if _settled(each, project) == Closing.LANDED]
        for key, said in _fail(place, {each.key: kept_of(each) for each in landed if kept_of(each)}).items():
            lost.append(f"{key} {by_key(list(works))[str(key)].kind}: {said}")
    told = {pair: {"trees": len(found), "first": found[0]} for pair, found in escaped.items()}
    return {"red": red, "escaped": told, "lost": lost, "count": count}


def _fail(place: Path, codes: Mapping[Any, str]) -> dict[Any, str]:
    """What of ``codes`` fails in a folder, in one process, and how."""
    script = (
        "import json, sys, traceback\nsys.path.insert(0, '.')\nfailed = {}\n"
        "for name, code in json.load(sys.stdin).items():\n"
        "    try:\n        exec(code, {})\n"
        "    except Exception as error:\n        failed[name] = f'{type(error).__name__}: {error}'\n"
        "print(json.dumps(failed))\n"
    )
    import json

    names = {str(name): name for name in codes}
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", script], cwd=place, capture_output=True, text=True, check=True,
        input=json.dumps({str(name): code for name, code in codes.items()}),
    )  # fmt: skip
    return {names[name]: said for name, said in json.loads(done.stdout).items()}


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
        ends = [_settled(each, story.projects[each.project]) for each in works if each.key in both]
        counts["both landed"] += all(end == Closing.LANDED for end in ends)
        counts["were open together"] += bool(found.get("together"))
        for what in ("predicted", "proved", "told", "returned"):
            counts[what] += bool(found.get(what))
        is_escaped = f"{one.kind} p{one.project:02} {one.number}" in trees["escaped"]
        counts["escaped"] += is_escaped
        counts["escaped, not open together"] += is_escaped and not found.get("together")
        counts["escaped, predicted, not told"] += bool(is_escaped and found.get("predicted") and not found.get("told"))
    false = _false_alarms(story, works, seen, pairs, folder)
    return {kind: dict(counts) for kind, counts in sorted(outcomes.items())}, false


def _hear(project: ProjectStory, seen: dict[frozenset[str], dict[str, Any]]) -> None:
    """Of each two issues of a project: what was said of them, when, and whether they were live together."""
    landed, sealed = _lives(project)
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
            case EntryBounced(identity, _, _, partners, _):
                mine = project.key_of(identity)
                for other in {project.key_of(partner) for partner in partners} - {mine, ""}:
                    seen[frozenset({mine, other})]["returned"] = True
                seen[frozenset({mine})]["returned"] = True
            case _:
                pass
    for one in sealed:
        for two in sealed:
            if one < two and sealed[one] < landed.get(two, 1 << 60) and sealed[two] < landed.get(one, 1 << 60):
                seen[frozenset({one, two})]["together"] = True


def _both(project: ProjectStory, conflict: Conflict) -> frozenset[str]:
    return frozenset(key for each in conflict.changes if (key := project.key_of(each)))


def _lives(project: ProjectStory) -> tuple[dict[str, int], dict[str, int]]:
    """When each issue landed, and when work on it began, in milliseconds."""
    landed: dict[str, int] = {}
    sealed: dict[str, int] = {}
    intended: dict[str, LandingIntended] = {}
    for each in project.events:
        match each.event:
            case EngagementSealed(engagement):
                sealed.setdefault(project.key_of(engagement.branch), each.at)
            case LandingIntended() as event:
                intended[event.new] = event
            case LandingDone(new) if new in intended:
                landed |= {project.key_of(entry): each.at for entry in intended[new].entries}
            case _:
                pass
    return landed, sealed


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
        _, sealed = _lives(project)
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
