"""One project of the fleet, opened: where its work is made, checked and handed in."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from watchkeeper.app import (
    Place,
    choose_commands,
    find_place,
    find_socket,
    find_target_of,
    make_runner,
    now,
    open_analysis,
    open_cache,
)
from watchkeeper.engagements.book import Book
from watchkeeper.engagements.driver import Parts
from watchkeeper.engagements.life import Rules
from watchkeeper.engagements.ports import AgentRun
from watchkeeper.engagements.sealing import Input, issue_input, seal
from watchkeeper.fleet.config import AgentEntry, FleetConfig, watch_flags
from watchkeeper.fleet.foresight import Ground
from watchkeeper.fleet.plan import Beside, Start
from watchkeeper.fleet.roster import Member
from watchkeeper.fleet.survey import Survey
from watchkeeper.fleet.variables import variables_of
from watchkeeper.fleetdeck.checking import ProjectChecks
from watchkeeper.fleetdeck.company import Company
from watchkeeper.fleetdeck.crew import make_agent
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.fleet import Engagement, EngagementId, Issue, IssueId
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.scouting_state import StandardsState
from watchkeeper.queueing import open_landing, queue_change, standards_of
from watchkeeper.record.log import Log
from watchkeeper.record.shared import note_shared
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.hubworktrees import HubWorktrees, branch_name, find_excludes
from watchkeeper.repos.worksnaps import Snapshots
from watchkeeper.scouts.standards.agents_md import write_standards

_DOCUMENTS = (".watchkeeper/role.md", ".watchkeeper/guide.md", "AGENTS.md")
_TREES = 2
_MOST_LIKELY = 10


@dataclass(frozen=True)
class Project:
    """A project that engagements work on. ``parts`` is what their drivers share; ``host`` where they are driven;
    ``standards`` gives what every project is held to."""

    member: Member
    place: Place
    hub: Hub
    parts: Parts
    ground: Ground
    host: str = ""
    standards: Callable[[], StandardsState] = StandardsState

    @property
    def name(self) -> str:
        return self.member.entry.name

    def seal(self, start: Start, issue: Issue, identity: EngagementId) -> Engagement:
        """Fix the inputs of a new engagement: the issue, the project's documents, the commit it begins from.

        Raises UsageError where the project has no target branch; WatchkeeperError.
        """
        base = _tip(self.place)
        inputs = [issue_input(issue), *self._documents(base), *self._standards()]
        inputs += _beside(start.beside)
        tests = self.place.config.project.test
        inputs += [Input("tests", "test command", tests)] if tests else []
        sealed = seal(self.hub, identity, base, inputs, start.budget)
        if self.host:  # whoever takes it over may not have it
            self.hub.pin(f"engagements/{identity}/base", base)
        branch = branch_name(issue.id, issue.title)
        branch = branch if start.attempt == 1 else f"{branch}-{start.attempt}"
        return Engagement(
            identity, start.atom, issue.id, start.agent, sealed, start.attempt, branch, issue.title[:200],
            self.host,
        )  # fmt: skip

    def _standards(self) -> Iterator[Input]:
        """What every project is held to, so that nobody has to be sent back for it."""
        text = write_standards("", self.standards().standards.values()).text
        if text:
            yield Input("guide", "standards", text)

    def _documents(self, base: Sha) -> Iterator[Input]:
        """What the project itself says to whoever works on it, as it is in the commit."""
        for path in _DOCUMENTS:
            entry = self.hub.objects.find_entry(base, path)
            content = self.hub.objects.read(entry.sha) if entry is not None else None
            if content:
                kind = "role" if path.endswith("role.md") else "guide"
                yield Input(kind, path, content.decode("utf-8", "replace"))


@contextmanager
def open_project(
    member: Member,
    config: FleetConfig,
    log: Log,
    environ: Mapping[str, str],
    company: Company,
) -> Iterator[Project]:
    """Everything that engagements of one project need, closed at the end. Raises WatchkeeperError."""
    place = find_place(member.entry.path, environ, watch_flags(member.entry))
    if member.shared is not None:
        note_shared(place.home, place.project, member.shared)
        place = msgspec.structs.replace(place, fleet_id=member.shared)
    folder = place.home / "projects" / place.project
    with open_analysis(place) as analysis, open_cache(place.home) as cache, open_cache(place.home) as pages:
        from watchkeeper.probes.commands import RunStore

        runner, _ = make_runner(place, analysis, RunStore(cache), _TREES)
        worktrees = folder / "worktrees"
        worktrees.mkdir(parents=True, exist_ok=True)
        trees = HubWorktrees(analysis.hub, worktrees, find_excludes(place.repository.common_dir))
        agents = {each.name: each for each in config.agents}
        parts = Parts(
            book=Book(log, place.shared, now),
            snapshots=Snapshots(trees),
            make_agent=partial(_make_agent, agents, find_socket(place), environ),
            checks=ProjectChecks(runner, choose_commands(place).tests),
            desk=QueueDesk(place, company.may_act),
            clock=now,
            others=partial(_others, place, worktrees),
            hold=partial(_hold, company),
            rules=Rules(stuck_s=config.fleet.stuck_minutes * 60, snap_s=config.fleet.pin_seconds),
            target=partial(_target, place),
            is_alive=company.is_alive,
            me=company.mark,
        )
        survey = Survey(
            analysis.hub.repository,
            analysis.hub.objects,
            pages,
            issue_text=partial(_issue_text, parts.book),
        )
        ground = Ground(survey, partial(_target, place))
        yield Project(member, place, analysis.hub, parts, ground, company.name, standards_of(log))


class QueueDesk:
    """``engagements.ports.Desk`` over the landing queue. What it needs is opened when a change is handed in."""

    def __init__(self, place: Place, may_act: Callable[[], bool]) -> None:
        """While it may not act nothing is handed in: another host may have the engagement."""
        self._place, self._may_act = place, may_act
        self._guard = threading.Lock()

    async def submit(self, engagement: Engagement, change: Sha) -> str:
        return await asyncio.to_thread(self._submit, engagement, change)

    def _submit(self, engagement: Engagement, change: Sha) -> str:
        if not self._may_act():
            raise WatchkeeperError(
                f"{engagement.id} is not handed in: this host may have been declared lost",
                slug="host-in-doubt",
                hint="see that this host reaches the record",
                facts={"engagement": engagement.id},
            )
        with self._guard, open_landing(self._place) as landing:
            name, issue, title = ChangeId(engagement.branch), engagement.issue, engagement.title
            return queue_change(self._place, landing, name, change, issue=issue, title=title)


def _beside(beside: Beside) -> list[Input]:
    """What the agent is told of others who will probably touch the same: their issues, and which code."""
    if not beside.issues:
        return []
    what = ", ".join(beside.likely[:_MOST_LIKELY])
    text = (
        f"Others work at this moment on {', '.join(beside.issues)}, and will probably touch {what} too. Keep to your "
        "own issue there, and change no more of it than you need; you will be told when the two changes meet."
    )
    return [Input("others", "others at work", text)]


def _make_agent(
    agents: Mapping[str, AgentEntry],
    socket: Path,
    environ: Mapping[str, str],
    engagement: Engagement,
    given: dict[str, str],
) -> AgentRun:
    agent = agents.get(engagement.agent)
    if agent is None:
        raise UsageError(
            f"{engagement.id} is for the agent {engagement.agent!r}, which fleet.toml has no more",
            slug="unknown-agent",
            hint=f"add [agent.{engagement.agent}] again, or let its issue be tried by another",
            facts={"agent": engagement.agent},
        )
    return make_agent(agent, engagement, socket, {**variables_of(agent, environ).values, **given})


def _hold(company: Company, _engagement: Engagement) -> str:
    return "" if company.may_act() else "this host does not reach the record, and may have been declared lost"


def _others(place: Place, worktrees: Path) -> list[Path]:
    """The folders that no agent may write to but its own: all checkouts of the project, and their neighbours."""
    found = [tree.path for tree in place.repository.worktrees() if not tree.is_bare]
    with os.scandir(worktrees) as entries:
        return [*found, *(Path(entry.path) for entry in entries if entry.is_dir())]


def _issue_text(book: Book, name: str) -> str:
    """What an issue said, by its id; ``""`` for one that nobody knows."""
    known = book.state().issues.get(IssueId(name))
    return f"{known.issue.title}\n\n{known.issue.body}" if known is not None else ""


def _target(place: Place) -> Sha | None:
    found = find_target_of(place)
    return found.commit if found is not None else None


def _tip(place: Place) -> Sha:
    found = find_target_of(place)
    if found is None:
        raise UsageError(
            f"{place.repository.common_dir} has no commits yet, so there is nothing to begin from",
            slug="no-target",
            hint="make a first commit, or set the target: watchkeeper init",
        )
    return found.commit
