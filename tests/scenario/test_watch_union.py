"""Three changes of which any two go together and all three do not: seen live, named as a set, and gone when mended."""

from __future__ import annotations

import pytest

from gitrepo import GitRepo
from watching import Watched, watch
from watchkeeper.conflicts.lifecycle import ConflictState, Status
from watchkeeper.model.conflicts import Kind, Severity

USE = "from first import *\nfrom second import *\n\n\ndef title():\n    return 'title'\n"
USES_LIMIT = USE + "\n\ndef limit():\n    return LIMIT\n"
WITH_LIMIT = "LIMIT = 10\nOTHER = 1\n"
WITHOUT = "OTHER = 1\n"


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """A name that two modules offer and nobody uses yet."""
    git_repo.commit("base", {"first.py": WITH_LIMIT, "second.py": WITH_LIMIT, "use.py": USE})
    return git_repo


def sets(watched: Watched) -> list[ConflictState]:
    found = watched.picture.state.conflicts.values()
    return [each for each in found if each.conflict.kind is Kind.EMERGENT and len(each.conflict.changes) > 2]


def test_three_that_break_each_other_are_named_as_a_set_and_closed_when_one_is_mended(repo: GitRepo) -> None:
    a, b, c = (repo.worktree(name, name) for name in "abc")
    a.write("first.py", WITHOUT)
    b.write("second.py", WITHOUT)
    c.write("use.py", USES_LIMIT)

    async def act(watched: Watched) -> None:
        await watched.until(lambda: any(each.status is Status.OPEN for each in sets(watched)))
        (found,) = sets(watched)
        assert found.conflict.changes == ("a", "b", "c")
        assert found.severity is Severity.BLOCKING
        assert "LIMIT" in found.conflict.summary
        c.write("use.py", USES_LIMIT.replace("LIMIT", "OTHER"))
        await watched.until(lambda: all(each.status is Status.CLOSED for each in sets(watched)))

    watch(repo.path, act)


def test_three_of_which_one_keeps_the_name_are_no_set(repo: GitRepo) -> None:
    a, b, c = (repo.worktree(name, name) for name in "abc")
    a.write("first.py", WITHOUT)
    b.write("second.py", "LIMIT = 20\nOTHER = 1\n")
    c.write("use.py", USES_LIMIT)

    async def act(watched: Watched) -> None:
        d = repo.worktree("d", "d")
        d.write("more.py", "from nowhere_in_the_project import thing\n")
        await watched.until(lambda: watched.has_appeared("d"))
        # Planted where the union is looked at: it tells when that was done.
        d.write("use.py", USE.replace("title", "headline"))
        c.write("use.py", USES_LIMIT + "\n\ndef twice():\n    return LIMIT * 2\n")
        await watched.until(lambda: watched.live.statistics().unions > 0)

    watched = watch(repo.path, act)
    assert sets(watched) == []
