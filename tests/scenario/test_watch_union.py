"""Three changes of which any two go together and all three do not: seen live, named as a set, and gone when mended."""

from __future__ import annotations

import pytest

from gitrepo import GitRepo
from watching import Watched, watch
from watchkeeper.conflicts.standing import ConflictState, Status
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


def test_two_whom_no_rule_suspects_are_closed_when_one_is_mended_and_stay_open_while_it_is_not(repo: GitRepo) -> None:
    repo.commit("one place offers it", {"second.py": WITHOUT})
    a, b, c = (repo.worktree(name, name) for name in "abc")
    a.write("first.py", WITHOUT)
    b.write("more.py", "def aside():\n    return 1\n")
    c.write("other.py", "def other():\n    return 2\n")

    def pairs(watched: Watched) -> list[ConflictState]:
        return [each for each in watched.picture.state.conflicts.values() if each.conflict.kind is Kind.EMERGENT]

    async def act(watched: Watched) -> None:
        await watched.until(lambda: all(watched.has_appeared(each) for each in "abc"))
        c.write("use.py", USES_LIMIT)
        await watched.until(lambda: any(each.status is Status.OPEN for each in pairs(watched)))
        (found,) = pairs(watched)
        assert found.conflict.changes == ("a", "c")
        others = [e for e in watched.picture.state.conflicts.values() if e.conflict.kind is not Kind.EMERGENT]
        assert others == []
        proofs = watched.live.statistics().proofs
        c.write("use.py", USES_LIMIT.replace("'title'", "'headline'"))
        await watched.until(lambda: watched.live.statistics().proofs > proofs)
        c.write("use.py", USES_LIMIT.replace("LIMIT", "OTHER"))
        await watched.until(lambda: all(each.status is Status.CLOSED for each in pairs(watched)))

    watch(repo.path, act, flags={"ignore": ["*.py"]})


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
