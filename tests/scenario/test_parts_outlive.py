"""A session's part of a shared checkout lives on after the session, for as long as its lines stand uncommitted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from gitrepo import GitRepo
from roommates import BASE, CLAUDE, CODEX, NAME, STAGES, Checkout, about, commit_now, early, late
from watching import Watched, watch
from watchkeeper.conflicts.standing import Status
from watchkeeper.model.agents import Session, SessionId
from watchkeeper.model.conflicts import Kind
from watchkeeper.model.events import CloseReason, ConflictClosed

Act = Callable[[Watched, Checkout], Awaitable[None]]
BOTH = {"main@codex-1", "main@claude-1"}


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("base", {STAGES: BASE, "other.py": "value = 1\n"})
    return git_repo


def after_a_conflict(repo: GitRepo, then: Act) -> Watched:
    """Two sessions of one checkout have written into one function."""

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await room.edit(CLAUDE, *late(BASE)[1:])
        await watched.until(lambda: bool(about(watched, NAME)), "they conflict")
        await then(watched, room)

    return watch(repo.path, act)


def test_a_conflict_stays_open_when_one_and_then_the_other_session_ends(repo: GitRepo) -> None:
    async def both_end(watched: Watched, room: Checkout) -> None:
        await room.enter(CLAUDE)
        await room.enter()
        repo.write("other.py", "value = 2\n")
        await watched.until(lambda: watched.has_appeared("main@unattributed"), "the watch goes on")

    watched = after_a_conflict(repo, both_end)
    assert watched.live_changes == {*BOTH, "main@unattributed"}
    assert watched.closed == []
    (found,) = about(watched, NAME)
    assert set(found.conflict.changes) == BOTH


def test_parts_of_ended_sessions_are_over_when_their_lines_are_committed(repo: GitRepo) -> None:
    async def commit(watched: Watched, room: Checkout) -> None:
        await room.enter()
        commit_now(repo, STAGES)
        await watched.until(lambda: not watched.live_changes & BOTH, "both parts are over")

    watched = after_a_conflict(repo, commit)
    assert not [each for each in watched.conflicts if each.status is Status.OPEN]
    assert {event.reason for event in watched.events if isinstance(event, ConflictClosed)} == {CloseReason.GONE}


def test_who_is_at_work_keeps_committed_lines_and_who_has_ended_does_not(repo: GitRepo) -> None:
    async def commit(watched: Watched, room: Checkout) -> None:
        await room.edit(CODEX, "value = 1\n", "value = 2\n", "other.py")
        await watched.until(lambda: any("other.py" in each for each in files_of(watched)), "it is seen")
        await room.enter(CLAUDE)
        commit_now(repo, STAGES)
        await watched.until(lambda: bool(watched.closed), "codex's lines in the function are committed")

    def files_of(watched: Watched) -> list[str]:
        return ["other.py"] if watched.picture.files.get("main@codex-1") == 2 else []

    watched = after_a_conflict(repo, commit)
    assert {each for each in watched.live_changes if not each.startswith("landed:")} == BOTH
    assert {each.id: watched.picture.files[each.id] for each in watched.picture.changes if each.id in BOTH} == {
        "main@codex-1": 1,
        "main@claude-1": 1,
    }


def test_a_part_is_over_when_its_lines_are_taken_back(repo: GitRepo) -> None:
    async def revert(watched: Watched, room: Checkout) -> None:
        await room.enter(CLAUDE)
        repo.write(STAGES, late(BASE)[0])
        await watched.until(lambda: watched.has_gone("main@codex-1"), "nothing of it is left")

    watched = after_a_conflict(repo, revert)
    assert not watched.has_gone("main@claude-1"), "for some seconds it may still turn out who took them back"
    assert set(watched.closed) == set(watched.opened)


def test_a_part_is_over_when_its_lines_are_written_anew_by_another(repo: GitRepo) -> None:
    async def rewrite(watched: Watched, room: Checkout) -> None:
        await room.enter(CLAUDE)
        await room.edit(CLAUDE, "    mirror()\n", "    mirror(twice=True)\n")
        await watched.until(lambda: watched.has_gone("main@codex-1"), "nothing of it is left")

    watched = after_a_conflict(repo, rewrite)
    assert watched.live_changes == {"main"}


def test_lines_that_come_back_from_a_stash_are_their_authors_again(repo: GitRepo) -> None:
    async def stash(watched: Watched, room: Checkout) -> None:
        await room.edit(CLAUDE, "value = 1\n", "value = 2\n", "other.py")
        await watched.until(lambda: watched.picture.files.get("main@claude-1") == 2, "it is seen")
        await room.enter(CLAUDE)
        text = (repo.path / STAGES).read_text()
        repo.write(STAGES, BASE)
        await watched.until(lambda: watched.has_gone("main@codex-1"), "away")
        await room.enter(CLAUDE, SessionId("goose-1"))
        gone = len(watched.recorded)
        repo.write(STAGES, text)
        await watched.until(lambda: "main@codex-1" in watched.live_changes, f"back, after {gone} events")

    watched = after_a_conflict(repo, stash)
    assert watched.live_changes >= BOTH


def test_who_begins_after_another_has_ended_has_found_its_lines_there(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main@codex-1"))
        await room.enter(CLAUDE)
        path = str(repo.path)
        goose = Session(SessionId("goose-1"), "goose", "g", path, since=watched.picture.at)
        await watched.live.set_sessions(repo.path, [Session(CLAUDE, "claude", f"id of {CLAUDE}", path), goose])
        await room.edit(goose.id, *late(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main@goose-1"))
        await room.edit(CLAUDE, "    step_6()\n", "    step_6()\n    third()\n")
        await watched.until(lambda: len(about(watched, NAME)) == 2, "claude was at work beside both")

    watched = watch(repo.path, act)
    pairs = {frozenset(each.conflict.changes) for each in about(watched, NAME)}
    assert pairs == {
        frozenset({"main@claude-1", "main@codex-1"}), frozenset({"main@claude-1", "main@goose-1"})
    }  # fmt: skip


def test_what_an_ended_session_has_committed_is_told_as_landed_to_others(repo: GitRepo) -> None:
    other = repo.worktree("other", "other")

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await watched.until(lambda: len(watched.live.roots) == 2, "both worktrees")
        await room.enter(CODEX, CLAUDE)
        await room.edit(CLAUDE, "value = 1\n", "value = 2\n", "other.py")
        await room.edit(CODEX, *early(BASE)[1:])
        other.write(STAGES, late(BASE)[0])
        await watched.until(lambda: bool(about(watched, NAME)), "codex and the other worktree")
        commit_now(repo, STAGES)
        await watched.until(lambda: any(each.startswith("landed:") for each in watched.live_changes), "it landed")
        assert [set(each.conflict.changes) for each in about(watched, NAME)] == [{"main@codex-1", "other"}]
        await room.enter(CLAUDE)
        await watched.until(lambda: watched.has_gone("main@codex-1"), "its work is committed")

    watched = watch(repo.path, act)
    (found,) = about(watched, NAME)
    assert "other" in found.conflict.changes
    assert any(each.startswith("landed:") for each in found.conflict.changes)
    assert found.conflict.kind in (Kind.WRITE_WRITE, Kind.STALE_READ)
