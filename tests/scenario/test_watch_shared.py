"""Several agents work in one checkout, also on main: what each does is its own."""

from __future__ import annotations

import pytest

from gitrepo import GitRepo
from lock_variants import ASSIGN, COUNT, HEAD, INSERT, SECOND, application
from roommates import BASE, CLAUDE, CODEX, NAME, STAGES, Checkout, about, commit_now, early, late
from watching import Watched, watch
from watchkeeper.model.agents import Phase, SessionId
from watchkeeper.model.changes import Source
from watchkeeper.model.conflicts import Kind, Severity
from watchkeeper.model.events import ChangeGone
from watchkeeper.model.probing import Outcome


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("base", {STAGES: BASE, "other.py": "value = 1\n"})
    return git_repo


def test_two_sessions_in_one_checkout_that_change_one_function_conflict(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main@codex-1"))
        await room.edit(CLAUDE, *late(BASE)[1:])
        await watched.until(lambda: bool(about(watched, NAME)))

    watched = watch(repo.path, act)
    assert watched.live_changes == {"main@codex-1", "main@claude-1"}
    (found,) = about(watched, NAME)
    assert found.conflict.kind is Kind.WRITE_WRITE
    assert found.conflict.severity is Severity.MAJOR
    assert found.conflict.changes == ("main@claude-1", "main@codex-1")
    assert [each.text for each in found.conflict.evidence] == ["replicate()", "mirror()"]
    change = next(each for each in watched.picture.changes if each.id == "main@codex-1")
    assert (change.source, change.label, change.path) == (Source.SESSION, "codex-1 in main", str(repo.path))


def test_the_same_edits_by_one_session_beside_an_idle_one_are_no_conflict(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main@codex-1"))
        await room.edit(CODEX, *late(BASE)[1:])
        await room.edit(CLAUDE, "value = 1\n", "value = 2\n", "other.py")
        await watched.until(lambda: watched.has_appeared("main@claude-1"))

    watched = watch(repo.path, act)
    assert watched.live_changes == {"main@codex-1", "main@claude-1"}
    assert watched.opened == []


def test_one_session_alone_leaves_the_checkout_one_change_and_a_second_finds_its_work_told_apart(
    repo: GitRepo,
) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main"))
        await room.enter(CODEX, CLAUDE)
        await watched.until(lambda: watched.live_changes == {"main@codex-1"})
        await room.edit(CLAUDE, *late(BASE)[1:])
        await watched.until(lambda: bool(about(watched, NAME)))

    watched = watch(repo.path, act)
    assert watched.has_gone("main")
    assert watched.live_changes == {"main@codex-1", "main@claude-1"}


def test_sessions_that_work_one_after_the_other_leave_the_checkout_one_change(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main"))
        await room.enter()
        await room.enter(CLAUDE)
        await room.edit(CLAUDE, *late(BASE)[1:])
        await room.enter()

    watched = watch(repo.path, act)
    assert watched.live_changes == {"main"}
    assert watched.opened == []


def test_a_save_that_no_session_told_of_is_called_unattributed(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main@codex-1"))
        repo.git("status")  # its write is over for some time
        repo.write(STAGES, late(early(BASE)[0])[0])
        await watched.until(lambda: bool(about(watched, NAME)))

    watched = watch(repo.path, act)
    (found,) = about(watched, NAME)
    assert found.conflict.changes == ("main@codex-1", "main@unattributed")
    assert "unattributed in main" in found.conflict.summary


def test_what_was_different_before_the_sessions_came_is_unattributed(repo: GitRepo) -> None:
    repo.write("other.py", "value = 2\n")

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.live_changes == {"main@codex-1", "main@unattributed"})

    watch(repo.path, act)


def test_what_a_command_wrote_is_its_sessions_where_no_other_ran_one(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.run(CLAUDE, Phase.INTENT)
        repo.write("other.py", "value = 3\n")
        await watched.until(lambda: watched.has_appeared("main@claude-1"))
        await room.run(CLAUDE, Phase.DONE)

    watched = watch(repo.path, act)
    assert watched.live_changes == {"main@claude-1"}
    assert not watched.has_appeared("main@unattributed")


def test_work_that_is_committed_to_main_stays_its_sessions_and_moves_nothing_of_others(repo: GitRepo) -> None:
    seen: list[int] = []

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await room.edit(CLAUDE, "value = 1\n", "value = 2\n", "other.py")
        await watched.until(lambda: watched.live_changes == {"main@codex-1", "main@claude-1"})
        seen.append(len(watched.recorded))
        commit_now(repo, STAGES)
        await watched.until(lambda: any(each.id.startswith("landed:") for each in watched.picture.changes))
        seen.append(len(watched.recorded))
        await room.edit(CLAUDE, *late(BASE)[1:])
        await watched.until(lambda: bool(about(watched, NAME)))

    watched = watch(repo.path, act)
    assert {each.event.__class__.__name__ for each in watched.recorded[seen[0] : seen[1]]} == {"ChangeLanded"}
    (found,) = watched.conflicts
    assert found.conflict.changes == ("main@claude-1", "main@codex-1")


def test_a_switch_to_other_work_begins_anew_and_says_what_is_lost(repo: GitRepo) -> None:
    repo.git("branch", "other")
    repo.git("checkout", "-q", "other")
    repo.commit("elsewhere", {STAGES: BASE + "\n\nNOTE = 1\n"})
    repo.git("checkout", "-q", "main")

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await room.edit(CLAUDE, "value = 1\n", "value = 2\n", "other.py")
        await watched.until(lambda: watched.live_changes == {"main@codex-1", "main@claude-1"})
        repo.git("checkout", "-q", "-m", "other")
        await watched.until(lambda: watched.live_changes == {"other", "other@unattributed", "other@claude-1"})
        problems = watched.live.statistics().problems
        assert any("who wrote what in stages.py until then is not known any more" in each for each in problems)

    watched = watch(repo.path, act)
    assert watched.has_gone("main@codex-1")


def test_lines_that_another_session_took_out_are_told(repo: GitRepo) -> None:
    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: watched.has_appeared("main@codex-1"))
        repo.write(STAGES, late(BASE)[0])  # the whole file, from what was read before
        await room.tell(CLAUDE, None, late(BASE)[0])
        await watched.until(lambda: any(each.conflict.kind is Kind.TEXT for each in watched.conflicts))

    watched = watch(repo.path, act)
    found = next(each.conflict for each in watched.conflicts if each.conflict.kind is Kind.TEXT)
    assert found.summary == "claude-1 in main took out lines that codex-1 in main had written in update_stage_field"
    assert found.evidence[1].text == "mirror()"


INCIDENT = "engine/stages.py"


def stages(*statements: str) -> str:
    body = "".join(f"        {each}\n" for each in statements)
    start = "def update_stage_field(content_id, value):\n    with SessionLocal() as session:\n"
    return f"{HEAD}{start}{body}        session.commit()\n"


def test_two_dual_writes_in_one_checkout_are_proved_to_hang_together(git_repo: GitRepo) -> None:
    base = stages(INSERT, "session.flush()", COUNT)
    git_repo.commit("base", application(base))

    async def act(watched: Watched) -> None:
        room = Checkout(git_repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, f"        {INSERT}\n", f"        {ASSIGN}\n        {INSERT}\n", INCIDENT)
        await watched.until(lambda: watched.has_appeared("main@codex-1"))
        await room.edit(CLAUDE, f"        {COUNT}\n", f"        {COUNT}\n        {SECOND}\n", INCIDENT)
        name = "engine.stages:update_stage_field"
        await watched.until(lambda: any(each.proof for each in about(watched, name)), "a proof")

    watched = watch(git_repo.path, act)
    (found,) = [each for each in about(watched, "engine.stages:update_stage_field") if each.proof]
    assert found.proof is not None
    assert found.proof.outcome is Outcome.PROVED
    assert found.severity is Severity.BLOCKING
    assert "nested lock: would hang" in found.proof.findings[0].message
    assert not any(isinstance(event, ChangeGone) and "@" in event.change for event in watched.events)


def test_a_worktree_that_lacks_what_a_session_committed_meets_the_session_and_one_that_has_it_does_not(
    repo: GitRepo,
) -> None:
    lacks = repo.worktree("lacks", "lacks")
    lacks.write(STAGES, late(BASE)[0])

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CLAUDE, "value = 1\n", "value = 2\n", "other.py")
        await room.edit(CODEX, *early(BASE)[1:])
        await watched.until(lambda: bool(about(watched, NAME)))
        commit_now(repo, STAGES)
        has = repo.worktree("has", "has")
        has.write(STAGES, late(early(BASE)[0])[0])
        await watched.until(lambda: {"has", "lacks"} < watched.live_changes)
        await watched.until(lambda: any(each.startswith("landed:") for each in watched.live_changes))
        await watched.until(lambda: len(about(watched, NAME)) == 2)
        pairs = {each.conflict.changes for each in about(watched, NAME)}
        assert pairs == {("lacks", "main@codex-1"), ("has", "lacks")}
        await room.enter(CLAUDE)
        await watched.until(lambda: any(each.conflict.rule == "landed" for each in watched.conflicts))

    watch(repo.path, act)


def test_a_session_that_ended_keeps_what_it_did_not_commit(repo: GitRepo) -> None:
    third = SessionId("gemini-1")

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE, third)
        await room.edit(CODEX, *early(BASE)[1:])
        await room.edit(CODEX, "value = 1\n", "value = 1\nmore = 1\n", "other.py")
        await room.have("main@codex-1")
        await room.enter(CLAUDE, third)
        await room.edit(CLAUDE, *late(BASE)[1:])
        await watched.until(lambda: bool(about(watched, NAME)))
        repo.git("commit", "-q", "-m", "all", STAGES)
        await watched.until(lambda: not watched.conflicts)
        await room.have("main@codex-1", "main@claude-1")

    watch(repo.path, act)


def test_a_file_that_one_made_and_another_works_on_is_no_conflict(repo: GitRepo) -> None:
    made = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"

    async def act(watched: Watched) -> None:
        room = Checkout(repo, watched)
        await room.enter(CODEX, CLAUDE)
        repo.write("new.py", made)
        await room.tell(CODEX, None, made, "new.py")
        await room.have("main@codex-1")
        await room.edit(CLAUDE, "def two", "def extra():\n    return 3\n\n\ndef two", "new.py")
        await room.have("main@codex-1", "main@claude-1")

    assert watch(repo.path, act).opened == []


def test_two_edits_that_git_could_not_merge_are_one_file_already_and_are_proved_to_break_each_other(
    git_repo: GitRepo,
) -> None:
    base = "def first():\n    return 1\n\n\ndef scale(value):\n    return value\n"
    git_repo.commit("base", {"scale.py": base})

    async def act(watched: Watched) -> None:
        room = Checkout(git_repo, watched)
        await room.enter(CODEX, CLAUDE)
        await room.edit(CODEX, "scale(value)", "scale(value, factor)", "scale.py")
        await room.have("main@codex-1")
        await room.edit(CLAUDE, "def scale(", "def twice():\n    return scale(2)\ndef scale(", "scale.py")
        await watched.until(lambda: any(each.proof for each in watched.conflicts), "a proof")

    watched = watch(git_repo.path, act)
    found = next(each for each in watched.conflicts if each.proof)
    assert found.conflict.kind is Kind.STALE_READ
    assert found.proof is not None
    assert found.proof.outcome is Outcome.PROVED
    assert not [each for each in watched.conflicts if each.conflict.kind is Kind.TEXT]
