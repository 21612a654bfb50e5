"""The index of a revision is made beside the watch: it is the same, and whatever happens there ends nothing here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.app import Place, find_place, open_analysis
from watchkeeper.database.codeindex import read_index
from watchkeeper.lockwatch.indexing import read_aside
from watchkeeper.model.ids import Sha
from watchkeeper.watch.hubtrees import HubTrees

SQL = 'def rename(cursor, key):\n    cursor.execute("UPDATE content SET a = 1 WHERE id = %s", (key,))\n'


@pytest.fixture
def place(git_repo: GitRepo, tmp_path: Path) -> Place:
    git_repo.commit("first", {"shop/__init__.py": "", "shop/names.py": SQL, "README.md": "# Shop\n"})
    return find_place(git_repo.path, {**os.environ, "WATCHKEEPER_HOME": str(tmp_path / "home")})


def test_it_is_what_reading_the_tree_here_would_give(git_repo: GitRepo, place: Place) -> None:
    revision = Sha(git_repo.head)

    made = read_aside(place, revision)

    with open_analysis(place) as analysis:
        here = read_index(HubTrees(analysis.objects, analysis.readings, analysis.analyst).base(revision))
    assert made == here
    assert made is not None
    assert [each.symbol for each in made.routines] == ["rename"]


def test_a_revision_that_is_not_there_has_none(place: Place) -> None:
    assert read_aside(place, Sha("1" * 40)) is None


def test_a_reader_that_takes_too_long_is_ended(git_repo: GitRepo, place: Place) -> None:
    assert read_aside(place, Sha(git_repo.head), most_s=0.0) is None
