"""Trackers and the record for tests: real ones, with time that passes when somebody sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from githubserver import TOKEN, GitHubServer, Repo
from watchkeeper.forge.asking import Pace
from watchkeeper.forge.builtin import Builtin
from watchkeeper.forge.github import GitHubTracker
from watchkeeper.forge.github_reading import BY
from watchkeeper.forge.sync import Sync, SyncReport
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.log import Log
from watchkeeper.record.shelf import Shelf
from watchkeeper.record.store import open_file_store
from watchkeeper.tracking import FleetLedger

PROJECT = ProjectId("shop")
NOON = 1_772_366_400_000


class Time:
    """Passes only when somebody sleeps; ``said`` is what was told meanwhile."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept: list[float] = []
        self.said: list[str] = []
        self.timeout_s = 30.0

    def clock(self) -> Millis:
        self.now += 1
        return Millis(self.now)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds * 1000)

    @property
    def pace(self) -> Pace:
        return Pace(self.clock, self.sleep, self.said.append, timeout_s=self.timeout_s)


class Desk:
    """One project's record, and a repository at GitHub that is synced with it."""

    def __init__(self, github: GitHubServer, repo: Repo, log: Log) -> None:
        self.github, self.repo, self.log = github, repo, log
        self.time = Time()
        self.ledger = FleetLedger(log, PROJECT, self.time.clock)
        self.issues = Builtin(self.ledger, "shop", by="ada", clock=self.time.clock)
        self.name = repo.name

    @property
    def state(self) -> FleetState:
        return self.ledger.state()

    @property
    def shelf(self) -> Shelf:
        return self.log.shelf(PROJECT, "github")

    @contextmanager
    def syncing(self, token: str = TOKEN) -> Iterator[Sync]:
        with self.tracker(token) as tracker:
            yield Sync(tracker, self.ledger, self.shelf, ids=tracker.ids, their=BY, clock=self.time.clock)

    def sync(self, *, whole: bool = False, pushes: bool = True, token: str = TOKEN) -> SyncReport:
        with self.syncing(token) as sync:
            return sync.run(whole=whole, pushes=pushes)

    def tracker(self, token: str = TOKEN) -> GitHubTracker:
        return GitHubTracker(
            self.name, api=self.github.url, token=token, pace=self.time.pace, ids="github:octo-org/shop"
        )

    def forget(self) -> None:
        """The shelf is lost."""
        self.shelf.put(dict.fromkeys(self.shelf.read()))


@contextmanager
def open_desk(github: GitHubServer, folder: Path) -> Iterator[Desk]:
    """A desk with an empty record in ``folder`` and an empty repository ``octo-org/shop``."""
    with ExitStack() as stack:
        log = stack.enter_context(Log(open_file_store(folder)))
        yield Desk(github, github.repo("octo-org/shop"), log)
