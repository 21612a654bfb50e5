"""What a fleet's day recorded, project by project: issues, their ends, when each was begun and landed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from day_plans import Work
from watchkeeper.app import find_place, open_log
from watchkeeper.model.events import ChangeAppeared, ChangeMoved, Recorded, SessionBegan
from watchkeeper.model.fleet import Choice, EngagementSealed, IssueClosed, IssueFiled, IssueState, Stage
from watchkeeper.model.fleet_state import FleetState, IssueStanding, fold_fleet
from watchkeeper.model.ids import Seq
from watchkeeper.model.landing import LandingDone, LandingIntended

_KEY = re.compile(r"p\d\di\d{3}")


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
        return sum(settled(each, self.projects[each.project]) != "" for each in self.works)

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


def settled(work: Work, project: ProjectStory) -> str:
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


def lives(project: ProjectStory) -> tuple[dict[str, int], dict[str, int]]:
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
