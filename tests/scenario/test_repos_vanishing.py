"""What a resolved conflict dropped, read from real trees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from landingrepo import LINES, LandingRepo, changed
from watchkeeper.code.vanished import Losses, Side
from watchkeeper.model.ids import Sha
from watchkeeper.repos.vanishing import vanished_between


@pytest.fixture
def landing(git_repo: GitRepo, tmp_path: Path) -> Iterator[LandingRepo]:
    made = LandingRepo(git_repo, tmp_path / "state")
    yield made
    made.hub.close()


def both_sides(landing: LandingRepo) -> tuple[Sha, Sha, Sha]:
    """Base, and two branches that clash in one file; one of them renamed another file."""
    base = landing.base
    ours = landing.branch("ours", {"a.py": changed(4, "our four"), "ours.py": "only ours\n"}).head
    landing.repo.switch("theirs")
    landing.repo.git("mv", "pkg/c.py", "pkg/renamed.py")
    theirs = Sha(landing.repo.commit("theirs", {"a.py": changed(4, "their four"), "b.py": changed(9, "nine")}))
    landing.repo.switch("main")
    return base, ours, theirs


def resolved(landing: LandingRepo, heads: tuple[Sha, Sha], files: dict[str, str]) -> Sha:
    """A merge of the two by hand: git's own, with these files over it."""
    landing.repo.git("checkout", "-q", "--detach", heads[0])
    with pytest.raises(AssertionError):
        landing.repo.git("merge", "-q", "--no-edit", heads[1])
    head = landing.repo.commit("resolved", files)
    landing.repo.switch("main")
    return Sha(head)


def test_a_resolution_with_both_sides_has_lost_nothing_also_across_renames(landing: LandingRepo) -> None:
    base, ours, theirs = both_sides(landing)
    result = resolved(landing, (ours, theirs), {"a.py": changed(4, "our four\ntheir four")})

    assert vanished_between(landing.hub, base, ours, theirs, result) == Losses(())


def test_a_side_that_was_dropped_is_told_line_by_line_in_every_file(landing: LandingRepo) -> None:
    base, ours, theirs = both_sides(landing)
    result = resolved(landing, (ours, theirs), {"a.py": changed(4, "our four"), "b.py": LINES})

    found = vanished_between(landing.hub, base, ours, theirs, result)

    assert [(line.side, line.path, line.number, line.text) for line in found.lines] == [
        (Side.THEIRS, "a.py", 4, b"their four"),
        (Side.THEIRS, "b.py", 9, b"nine"),
    ]


def test_a_file_too_large_to_be_read_is_named_and_not_passed_over(landing: LandingRepo) -> None:
    base = landing.main
    large = landing.branch("large", {"data.txt": "x" * (6 * 1024 * 1024)}).head

    assert vanished_between(landing.hub, base, large, base, base) == Losses((), ("data.txt",))
    assert vanished_between(landing.hub, base, large, base, large) == Losses(())


def test_a_file_that_became_a_folder_is_read_as_gone(landing: LandingRepo) -> None:
    base = landing.main
    landing.repo.switch("folder")
    landing.repo.remove("a.py")
    folder = Sha(landing.repo.commit("folder", {"a.py/inner.py": LINES + "more\n"}))
    landing.repo.switch("main")

    found = vanished_between(landing.hub, base, folder, base, base)

    assert [(line.path, line.text) for line in found.lines] == [("a.py/inner.py", b"more")]
