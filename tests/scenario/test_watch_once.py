"""``watch --once`` where all that is found is minor: folded for people, complete for programs."""

from __future__ import annotations

import json

import pytest

from gitrepo import GitRepo
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import run

LINES = ["class Entry:", "    def __init__(self, title):", "        self.title = title", "        self.kind = 'html'"]
BASE = "\n".join([*LINES, "        # between", "        # the", "        # two", "        self.tags = []", ""])
FOLDED = "1 minor: watchkeeper conflicts --severity minor"


@pytest.fixture
def repo(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Two worktrees that edit two attributes of one constructor."""
    git_repo.commit("base", {"feeds.py": BASE})
    for name, old, new in (("agent-a", "'html'", "'text'"), ("agent-b", "[]", "[title]")):
        git_repo.worktree(name, name).write("feeds.py", BASE.replace(old, new))
    monkeypatch.chdir(git_repo.path)
    return git_repo


def test_a_minor_conflict_is_one_line_and_still_something_found(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", "--once"]) == Exit.FOUND

    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == ["no conflict at major or above", FOLDED, "next: watchkeeper conflicts"]
    assert run(["conflicts"]) == Exit.FOUND
    assert "both change Entry.__init__" in capsys.readouterr().out


def test_whoever_asks_for_minor_sees_it_in_full(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "--once", "--severity", "minor"]) == Exit.FOUND

    text = capsys.readouterr().out
    assert "agent-a and agent-b both change Entry.__init__" in text
    assert FOLDED not in text


def test_whoever_asks_for_major_is_told_of_no_minor_one(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "--once", "--severity", "major"]) == Exit.NOTHING

    text = capsys.readouterr().out
    assert "no conflicts" in text
    assert FOLDED not in text


def test_programs_get_minor_conflicts_as_ever(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "--once", "--json"]) == Exit.FOUND

    found = json.loads(capsys.readouterr().out)["conflicts"]
    assert [(each["severity"], each["subjects"]) for each in found] == [("minor", ["feeds:Entry.__init__"])]
