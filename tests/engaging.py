"""Engagements for tests: a project on real git, an agent that follows a plan, tests that are really run.

As a program, one driver: ``python engaging.py REPOSITORY PLAN ENGAGEMENT``, to be killed at any moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.agents.plain import PlainAdapter
from watchkeeper.agents.port import Launch, Limits
from watchkeeper.app import Place, choose_commands, find_place, make_runner, now, open_analysis, open_log
from watchkeeper.engagements.book import Book
from watchkeeper.engagements.driver import Driver, Parts
from watchkeeper.engagements.life import Rules
from watchkeeper.engagements.ports import AgentRun, Checked, Outcome
from watchkeeper.engagements.sealing import Input, issue_input, seal
from watchkeeper.engagements.session import Bounds
from watchkeeper.fleet.config import AgentEntry
from watchkeeper.fleet.variables import variables_of
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import (
    RESOLVES_ISSUE,
    Budget,
    Engagement,
    EngagementId,
    EngagementSealed,
    Issue,
    IssueFiled,
    IssueId,
)
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import Sha
from watchkeeper.probes.commands import CommandRunner
from watchkeeper.probes.presets import CommandCheck
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.hubworktrees import HubWorktrees, branch_name, find_excludes
from watchkeeper.repos.worksnaps import Snapshots
from watchkeeper.sandbox.guarding import guard_command

AGENT = Path(__file__).with_name("engagedagent.py")
IDENTITY = EngagementId("e-0000000a")
ISSUE = Issue(IssueId("shop#12"), "Prices must be doubled", "`price` gives half of what it should.\n")
RULES = Rules(stuck_s=1.5, snap_s=0.3, repairs=0)
FILES = {
    "prices.py": "def price(n):\n    return n\n",
    "test_prices.py": (
        "import unittest\n\nimport prices\n\n\nclass Prices(unittest.TestCase):\n"
        "    def test_price(self):\n        self.assertIn(prices.price(2), (2, 4))\n"
    ),
    "watchkeeper.toml": '[project]\ntest = "python3 -m unittest -q"\n',
    ".gitignore": "__pycache__/\n",
}
FIXED = "def price(n):\n    return 2 * n\n"
BROKEN = "def price(n):\n    return 3 * n\n"


class ProjectChecks:
    """The project's own tests, on checkouts of the hub's trees, in the sandbox."""

    def __init__(self, runner: CommandRunner, tests: CommandCheck | None) -> None:
        self._runner = runner
        self._tests = tests

    async def set_up(self, folder: Path) -> str:
        return "" if await asyncio.to_thread(folder.is_dir) else "the worktree is not there"

    async def test(self, tree: Sha) -> Checked:
        if self._tests is None:
            return Checked(Outcome.NO_TESTS)
        cancel = threading.Event()
        try:
            ran = await asyncio.to_thread(self._runner.run, self._tests, tree, cancel=cancel)
        finally:
            cancel.set()
        if not ran.could_run:
            return Checked(Outcome.COULD_NOT_RUN, ran.reason)
        failed = [test for test in ran.tests if test.is_failure]
        said = f"{len(failed)} of {len(ran.tests)} tests fail" if failed else f"{len(ran.tests)} tests pass"
        details = "\n".join(f"{test.name}: {test.message}"[:500] for test in failed[:20])
        return Checked(Outcome.FAILED if failed else Outcome.PASSED, said, details)


class Tray:
    """Takes changes in as the queue does: the same change is the same entry."""

    def __init__(self) -> None:
        self.changes: list[Sha] = []
        self.refusal = ""

    async def submit(self, engagement: Engagement, change: Sha) -> str:
        if self.refusal:
            raise WatchkeeperError(self.refusal, slug="nothing-to-land", hint="")
        if change not in self.changes:
            self.changes.append(change)
        return f"{engagement.id}/{self.changes.index(change) + 1}"


class Scene:
    """One project and one engagement. Opened with ``open_scene``."""

    def __init__(self, place: Place, plan: Path, stack: ExitStack) -> None:
        self.place, self.plan = place, plan
        analysis = stack.enter_context(open_analysis(place))
        self.hub: Hub = analysis.hub
        self.log = stack.enter_context(open_log(place.home))
        self.book = Book(self.log, place.project, now)
        folder = place.home / "projects" / place.project / "worktrees"
        self.trees = HubWorktrees(self.hub, folder, find_excludes(place.repository.common_dir))
        self.snapshots = Snapshots(self.trees, most_file=1_000_000)
        runner, _ = make_runner(place, analysis, None, 1)
        self.checks = ProjectChecks(runner, choose_commands(place).tests)
        self.tray = Tray()
        self.plans: Mapping[EngagementId, Path] = {}
        self.program, self.is_guarded = sys.executable, True
        self.allowed: Mapping[str, str] = {}
        self.limits = Limits(line_bytes=1 << 20, output_lines=10_000)
        self.make: Callable[[Engagement, dict[str, str]], AgentRun] = self._make

    @property
    def worktree(self) -> Path:
        return self.trees.folder / IDENTITY

    @property
    def standing(self) -> EngagementStanding:
        found = self.book.find(IDENTITY)
        assert found is not None
        return found

    @property
    def events(self) -> list[Recorded]:
        return list(self.log.read(self.place.project, kinds=FLEET_KINDS))

    @property
    def stages(self) -> list[str]:
        """The stages that it went through, each once."""
        found = [getattr(each.event, "stage", None) for each in self.events]
        told = [str(stage.value) for stage in found if stage is not None]
        return [stage for number, stage in enumerate(told) if number == 0 or told[number - 1] != stage]

    def engage(self, *, budget: Budget = Budget(), issue: Issue = ISSUE, identity: EngagementId = IDENTITY) -> None:  # noqa: B008 - frozen
        """Claim the issue for one engagement, sealed."""
        base = self.place.repository.resolve("main")
        inputs = (issue_input(issue), Input("tests", "test", "python -m unittest -q"))
        sealed = seal(self.hub, identity, base, inputs, budget)
        branch = branch_name(issue.id, issue.title)
        engagement = Engagement(identity, RESOLVES_ISSUE, issue.id, "planner", sealed, 1, branch, issue.title)
        self.log.append(self.place.project, [IssueFiled(issue), EngagementSealed(engagement)], now())

    def parts(self, **other: Any) -> Parts:
        checkouts = [each.path for each in self.place.repository.worktrees()]
        parts = {
            "book": self.book, "snapshots": self.snapshots, "make_agent": self.make,
            "checks": self.checks, "desk": self.tray, "clock": now, "others": lambda: [*checkouts, self.trees.folder],
            "rules": RULES, "bounds": Bounds(processes=60), "look_s": 0.05,
        }  # fmt: skip
        return Parts(**{**parts, **other})

    def drive(self, **other: Any) -> EngagementStanding:
        """Drive it to its end, in this process."""

        async def run() -> EngagementStanding:
            async with asyncio.timeout(60):
                return await Driver(self.parts(**other), IDENTITY).drive()

        try:
            return asyncio.run(run())
        finally:
            for each in self.events[2:]:
                print(each.at, each.event)  # shown where a test fails

    def told(self, kind: str) -> list[Any]:
        """What the agent wrote beside its plan: ``asked``, ``two``."""
        place = Path(f"{self.plan}.{kind}")
        return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []

    def files_of(self, commit: Sha) -> dict[str, bytes]:
        entries = self.hub.repository.tree_files(commit)
        return {path: self.hub.objects.read(entry.sha) or b"" for path, entry in entries.items()}

    def _make(self, engagement: Engagement, given: dict[str, str]) -> AgentRun:
        listed = tuple(f"{there}={here}" for there, here in self.allowed.items())
        agent = AgentEntry(engagement.agent, (self.program,), env=listed)
        environment = {**variables_of(agent, os.environ).values, **given}
        plan = self.plans.get(engagement.id, self.plan)
        command = (self.program, str(AGENT), str(plan), "{prompt}")
        launch = Launch(guard_command(command, environment) if self.is_guarded else command, environment)
        return PlainAdapter(engagement.agent, launch, limits=self.limits)


@contextmanager
def open_scene(folder: Path, plan: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(find_place(folder, os.environ), plan, stack)


if __name__ == "__main__":
    with open_scene(Path(sys.argv[1]), Path(sys.argv[2])) as scene:
        rules = msgspec.structs.replace(RULES, takeovers=100)
        scene.is_guarded = "unguarded" not in sys.argv
        asyncio.run(Driver(scene.parts(rules=rules), EngagementId(sys.argv[3])).drive())
