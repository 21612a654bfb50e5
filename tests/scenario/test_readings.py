"""How often a word stands in a tree, when only some of its files are new: nobody is taken for rarer than he is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.record.cache import ReadingCache
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository
from watchkeeper.watch.readings import Readings

USERS = 12


def tree(repo: GitRepo, **files: str) -> dict[str, str]:
    """The blobs of a commit with these files, by path."""
    commit = repo.commit("work", {path.replace("__", "."): text for path, text in files.items()})
    listing = repo.git("ls-tree", "-r", commit)
    return {line.split("\t")[1]: line.split()[2] for line in listing.splitlines()}


@pytest.fixture
def objects(git_repo: GitRepo) -> Iterator[Objects]:
    with Objects(find_repository(git_repo.path).common_dir) as opened:
        yield opened


@pytest.fixture
def users() -> dict[str, str]:
    """Many files that call ``shared``, each with a name of its own."""
    return {f"user_{n}__py": f"from a import shared\n\n\ndef own_{n}():\n    return shared()\n" for n in range(USERS)}


def test_files_that_are_known_count_where_many_are_new(
    git_repo: GitRepo, objects: Objects, users: dict[str, str]
) -> None:
    readings = Readings(objects)
    readings.read_tree("p", tree(git_repo, a__py="def shared():\n    return 1\n", **users))
    changed = {f"new_{n}__py": f"def new_{n}():\n    return 1\n" for n in range(4)}

    read = readings.read_tree("p", tree(git_repo, **changed))

    assert read.frequency["shared"] == USERS + 1
    assert "own_3" not in read.frequency


def test_they_count_also_where_they_come_out_of_the_cache(
    git_repo: GitRepo, objects: Objects, users: dict[str, str], tmp_path: Path
) -> None:
    with ReadingCache(tmp_path / "cache.db") as cache:
        Readings(objects, cache).read_tree("p", tree(git_repo, a__py="def shared():\n    return 1\n", **users))
        changed = {f"new_{n}__py": f"def new_{n}():\n    return 1\n" for n in range(4)}

        read = Readings(objects, cache).read_tree("p", tree(git_repo, **changed))

    assert read.frequency["shared"] == USERS + 1


def test_a_word_that_comes_with_few_new_files_is_not_taken_to_stand_in_one_alone(
    git_repo: GitRepo, objects: Objects, users: dict[str, str]
) -> None:
    readings = Readings(objects)
    readings.read_tree("p", tree(git_repo, a__py="def shared():\n    return 1\n", **users))

    read = readings.read_tree("p", tree(git_repo, late__py="def late():\n    return own_3()\n"))

    assert read.frequency["own_3"] == 2
    assert read.frequency["shared"] == USERS + 1
