"""The case that must never be missed: two dual writes in one function, merged cleanly, that hang for ever together."""

from __future__ import annotations

import pytest

from gitrepo import GitRepo
from lock_variants import ASSIGN, COUNT, HEAD, INSERT, SECOND, application
from watching import Watched, watch
from watchkeeper.conflicts.standing import ConflictState
from watchkeeper.model.conflicts import Kind, Severity
from watchkeeper.model.events import ConflictOpened
from watchkeeper.model.probing import Outcome

STAGES = "engine/stages.py"


def stages(*statements: str) -> str:
    body = "".join(f"        {each}\n" for each in statements)
    start = "def update_stage_field(content_id, value):\n    with SessionLocal() as session:\n"
    return f"{HEAD}{start}{body}        session.commit()\n"


BASE = stages(INSERT, "session.flush()", COUNT)
IN_SESSION = stages(ASSIGN, INSERT, "session.flush()", COUNT)
OVER_A_SECOND_CONNECTION = stages(INSERT, "session.flush()", COUNT, SECOND)
ONLY_LOGS = stages(INSERT, "session.flush()", COUNT, "print('stage', content_id, value)")


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("base", application(BASE))
    return git_repo


def about_the_function(watched: Watched) -> list[ConflictState]:
    return [each for each in watched.conflicts if "engine.stages:update_stage_field" in each.conflict.subjects]


def test_it_is_predicted_on_the_save_and_proved_before_anybody_commits(repo: GitRepo) -> None:
    a, b = repo.worktree("agent-a", "agent-a"), repo.worktree("agent-b", "agent-b")

    async def act(watched: Watched) -> None:
        a.write(STAGES, IN_SESSION)
        await watched.until(lambda: watched.has_appeared("agent-a"))
        b.write(STAGES, OVER_A_SECOND_CONNECTION)
        await watched.until(lambda: any(each.proof for each in about_the_function(watched)), "a proof")

    watched = watch(repo.path, act)
    found = next(each for each in about_the_function(watched) if each.conflict.kind is Kind.WRITE_WRITE)
    assert found.severity is Severity.BLOCKING
    assert found.proof is not None
    assert found.proof.outcome is Outcome.PROVED
    assert "nested lock: would hang: update_stage_field writes content in session" in found.proof.findings[0].message
    assert found.proof.runs == 0
    opened = next(each.event for each in watched.recorded if isinstance(each.event, ConflictOpened))
    assert opened.conflict.severity is Severity.MAJOR
    for tree in (a, b):
        tree.git("add", "-A")
        tree.git("commit", "-q", "-m", "dual write")
    repo.git("merge-tree", "--write-tree", "agent-a", "agent-b")  # git sees nothing wrong


def test_a_change_of_the_same_function_that_locks_nothing_is_suspected_and_not_proved(repo: GitRepo) -> None:
    a, b = repo.worktree("agent-a", "agent-a"), repo.worktree("agent-b", "agent-b")

    async def act(watched: Watched) -> None:
        a.write(STAGES, IN_SESSION)
        await watched.until(lambda: watched.has_appeared("agent-a"))
        b.write(STAGES, ONLY_LOGS)
        await watched.until(lambda: any(each.proof for each in about_the_function(watched)), "an outcome")

    watched = watch(repo.path, act)
    outcomes = {each.proof.outcome for each in about_the_function(watched) if each.proof}
    assert outcomes == {Outcome.NOT_DISPROVED}
