"""What landed closes its issue: once, also where the record cannot be written just then, or the process is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gitrepo import GitRepo
from watchkeeper.engagements.book import Book
from watchkeeper.engagements.life import Rules
from watchkeeper.fleetdeck.following import Follower
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.fleet import (
    RESOLVES_ISSUE,
    Budget,
    Closing,
    Effect,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    Issue,
    IssueFiled,
    IssueId,
    IssueReopened,
    IssueState,
    Seal,
    Stage,
)
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Sha
from watchkeeper.model.landing import Bounce, Entry, EntryBounced, EntryId, EntryQueued, LandingDone, LandingIntended
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_file_store
from watchkeeper.repos.objects import Objects

SHOP = ProjectId("shop")
ISSUE = Issue(IssueId("shop#1"), "Prices are wrong")
SEAL = Seal(Sha("a" * 40), (), Budget(), "d")
ENGAGED = Engagement(EngagementId("e-1"), RESOLVES_ISSUE, ISSUE.id, "codex", SEAL, branch="agent/shop-1")
NEW = Sha("b" * 40)


class Stubborn(Log):
    """Cannot be written to so often: a full disk, a database that is away."""

    refusals = 0

    def append_if(
        self, project: ProjectId, events: Sequence[Event], at: Millis, **how: Any
    ) -> tuple[Recorded, ...] | None:
        if self.refusals:
            self.refusals -= 1
            raise WatchkeeperError("the disk is full", slug="disk-full", hint="make room")
        return super().append_if(project, events, at, **how)


def clock() -> Millis:
    return Millis(1)


def tell(log: Log, *events: Event) -> None:
    log.append(SHOP, events, clock())


def follow(log: Log, objects: Objects | None = None) -> tuple[Follower, Book]:
    book = Book(log, SHOP, clock)
    place = SimpleNamespace(project=SHOP, shared=SHOP)
    parts, hub = SimpleNamespace(book=book, rules=Rules()), SimpleNamespace(objects=objects)
    project = cast("Project", SimpleNamespace(place=place, parts=parts, hub=hub))

    async def again(_: EngagementId) -> None:
        """Its driver goes on: what is recorded says so."""

    return Follower(project, log, clock, again), book


def begun(tmp_path: Path) -> Stubborn:
    log = Stubborn(open_file_store(tmp_path))
    tell(log, IssueFiled(ISSUE), EngagementSealed(ENGAGED))
    tell(log, LandingIntended((EntryId("agent/shop-1/1"), EntryId("fix/1")), Sha("a" * 40), NEW, Sha("c" * 40), "g"))
    return log


def test_what_landed_closes_its_issue_and_what_was_only_intended_does_not(tmp_path: Path) -> None:
    with begun(tmp_path) as log:
        follower, book = follow(log)
        asyncio.run(follower.look())
        assert book.state().issues[ISSUE.id].state is IssueState.OPEN

        tell(log, LandingDone(NEW))
        asyncio.run(follower.look())

        found = book.state().issues[ISSUE.id]
        assert (found.state, found.why, found.reason) == (IssueState.CLOSED, Closing.LANDED, f"landed as {NEW[:10]}")


def test_what_could_not_be_recorded_is_owed_until_it_can(tmp_path: Path) -> None:
    with begun(tmp_path) as log:
        follower, book = follow(log)
        tell(log, LandingDone(NEW))
        log.refusals = 2
        for _ in range(2):
            with pytest.raises(WatchkeeperError, match="the disk is full"):
                asyncio.run(follower.look())

        asyncio.run(follower.look())

        assert book.state().issues[ISSUE.id].state is IssueState.CLOSED


def test_the_next_process_closes_what_this_one_could_not_and_nothing_twice(tmp_path: Path) -> None:
    with begun(tmp_path) as log:
        tell(log, LandingDone(NEW))
        log.refusals = 1
        with pytest.raises(WatchkeeperError):
            asyncio.run(follow(log)[0].look())
        asyncio.run(follow(log)[0].look())
        tell(log, IssueReopened(ISSUE.id, "it is not right", "ada"))

        follower, book = follow(log)
        asyncio.run(follower.look())

        assert book.state().issues[ISSUE.id].state is IssueState.OPEN, "a person has opened it again since"


def test_what_came_back_and_was_queued_anew_before_anybody_looked_is_not_sent_back(tmp_path: Path) -> None:
    with begun(tmp_path) as log:
        tell(log, EntryBounced(EntryId("agent/shop-1/1"), Bounce.ALONE, "its tests fail"))
        tell(log, EntryQueued(Entry(EntryId("agent/shop-1/2"), ChangeId("agent/shop-1"), NEW)))

        asyncio.run(follow(log)[0].look())

        assert _stage(log) is Stage.QUEUED


@pytest.mark.parametrize("how", ["in", "undone", "lost"])
def test_a_change_that_changes_nothing_any_more_is_in_unless_its_author_took_it_out(tmp_path: Path, how: str) -> None:
    repo = GitRepo.create(tmp_path / "shop")
    base = Sha(repo.commit("begin", {"a.py": "a = 1\n"}))
    head = Sha(repo.commit("change", {"a.py": "a = 2\n"}))
    head = Sha(repo.commit("take it out", {"a.py": "a = 1\n"})) if how == "undone" else head
    base = base if how != "lost" else Sha("9" * 40)
    with begun(tmp_path) as log, Objects(repo.path / ".git") as objects:
        tell(log, EngagementMoved(ENGAGED.id, Stage.DONE, effect=Effect(head, 1, "1 test passes")))
        tell(log, EntryQueued(Entry(EntryId("agent/shop-1/1"), ChangeId("agent/shop-1"), head, base)))
        tell(log, EntryBounced(EntryId("agent/shop-1/1"), Bounce.EMPTY, "it changes nothing"))

        follower, book = follow(log, objects)
        asyncio.run(follower.look())

        issue = book.state().issues[ISSUE.id]
        if how != "in":
            assert (issue.state, _stage(log)) == (IssueState.OPEN, Stage.RUNNING), "an empty success is none"
        else:
            assert (issue.state, issue.why, _stage(log)) == (IssueState.CLOSED, Closing.LANDED, Stage.DONE)


def _stage(log: Log) -> Stage:
    return Book(log, SHOP, clock).state().engagements[ENGAGED.id].stage
