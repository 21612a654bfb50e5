"""A suspicion turns proved before your eyes, and the proof goes when the code is mended."""

from __future__ import annotations

import pytest

from gitrepo import GitRepo
from watching import Watched, lines, watch
from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.model.conflicts import Kind, Severity
from watchkeeper.model.events import ConflictProbed
from watchkeeper.model.probing import Outcome

TEXTS = lines("def shorten(text):", "    return text[:10]", "", "", "def shout(text):", "    return text.upper()")
USES = lines("from texts import shout", "", "", "def title(text):", "    return shout(text)")
CALLS = lines(
    "from texts import shorten, shout", "", "", "def title(text):", "    return shout(text)", "", "",
    "def teaser(text):", "    return shorten(text)",
)  # fmt: skip
RENAMED = TEXTS.replace("def shorten(", "def abridge(")


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """A helper that nobody calls yet."""
    git_repo.commit("base", {"texts.py": TEXTS, "titles.py": USES})
    return git_repo


def with_outcome(watched: Watched, outcome: Outcome) -> list[ConflictState]:
    return [each for each in watched.conflicts if each.proof is not None and each.proof.outcome is outcome]


def test_a_call_of_what_the_other_renamed_is_proved_without_running_anything(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")

    async def act(watched: Watched) -> None:
        a.write("texts.py", RENAMED)
        await watched.until(lambda: watched.has_appeared("a"))
        b.write("titles.py", CALLS)
        await watched.until(lambda: with_outcome(watched, Outcome.PROVED) != [])
        (proved,) = with_outcome(watched, Outcome.PROVED)
        assert proved.severity is Severity.BLOCKING
        assert proved.proof is not None
        assert proved.proof.runs == 0
        assert [(each.path, "shorten" in each.message) for each in proved.proof.findings] == [("titles.py", True)]
        b.write("titles.py", CALLS.replace("shorten", "shout").replace("shout, shout", "shout"))
        await watched.until(lambda: watched.conflicts == ())

    watched = watch(repo.path, act)
    assert all(each.status is Status.CLOSED for each in watched.picture.state.conflicts.values())


def test_a_call_of_what_the_other_left_alone_is_not_proved(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")

    async def act(watched: Watched) -> None:
        a.write("texts.py", TEXTS.replace("[:10]", "[:20]"))
        b.write("titles.py", CALLS)
        await watched.until(lambda: watched.live_changes == {"a", "b"})
        await watched.until(lambda: any(isinstance(event, ConflictProbed) for event in watched.events))

    watched = watch(repo.path, act)
    outcomes = {event.proof.outcome for event in watched.events if isinstance(event, ConflictProbed)}
    assert outcomes == {Outcome.NOT_DISPROVED}
    assert not any(each.conflict.kind is Kind.EMERGENT for each in watched.conflicts)


def test_a_pair_that_stays_as_it_is_is_run_once(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("texts.py", RENAMED)
    b.write("titles.py", CALLS)

    async def act(watched: Watched) -> None:
        await watched.until(lambda: with_outcome(watched, Outcome.PROVED) != [])
        c = repo.worktree("c", "c")
        c.write("other.py", "value = 1\n")
        await watched.until(lambda: watched.has_appeared("c"))

    watched = watch(repo.path, act)
    assert len([event for event in watched.events if isinstance(event, ConflictProbed)]) == len(watched.opened)
