"""Where a statement comes from, which commit runs, and how the tag says it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from watchkeeper.database.tags import split_tag
from watchkeeper_tag.revision import find_revision, find_root
from watchkeeper_tag.tag import render_tag
from watchkeeper_tag.where import NOWHERE, Finder, Site

SITE = Site("engine/publish.py", 11, "Publisher.publish.<lambda>")
SHA = "0123456789abcdef0123456789abcdef01234567"


def test_the_watch_reads_what_the_tag_says() -> None:
    text = render_tag("923af8b7ebb8", SITE, assigned="engine/a b%.py:9", process=27, thread=28, slot=3) + "SELECT 1"

    tag, rest = split_tag(text)

    assert rest == "SELECT 1"
    assert tag is not None
    assert (tag.revision, tag.symbol, tag.site) == ("923af8b7ebb8", SITE.symbol, "engine/publish.py:11")
    assert (tag.set, tag.process, tag.thread, tag.task) == ("engine/a b%.py:9", 27, 28, "3")


@pytest.mark.parametrize("path", ["a*/b.py", "a,set=x.py", "a%s.py", "ä?:b$1.py"])
def test_no_name_ends_the_comment_or_is_taken_for_a_parameter(path: str) -> None:
    text = render_tag("", Site(path, 1, "f"), assigned="", process=1, thread=1, slot=1)

    assert text.count("*/") == 1
    assert not set("%?$").intersection(text)
    tag, _ = split_tag(text)
    assert tag is not None
    assert tag.site == f"{path}:1"
    assert tag.set == ""


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    made.mkdir()
    git(made, "init", "-q")
    git(made, "commit", "-q", "--allow-empty", "-m", "first")
    return made


def test_the_revision_is_what_is_said_then_the_variable_then_head(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHKEEPER_REVISION", raising=False)
    assert find_revision(checkout) == git(checkout, "rev-parse", "HEAD")[:12]

    monkeypatch.setenv("WATCHKEEPER_REVISION", "feedfeedfeedfeed")
    assert find_revision(checkout) == "feedfeedfeed"
    assert find_revision(checkout, "cafe") == "cafe"


@pytest.mark.parametrize("how", ["packed", "detached", "worktree"])
def test_head_is_read_however_it_is_kept(checkout: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHKEEPER_REVISION", raising=False)
    place = checkout
    if how == "packed":
        git(checkout, "pack-refs", "--all")
    elif how == "detached":
        git(checkout, "checkout", "-q", "--detach")
    else:
        place = checkout.parent / "other"
        git(checkout, "worktree", "add", "-q", str(place))

    assert find_revision(place) == git(checkout, "rev-parse", "HEAD")[:12]
    assert find_root(place / "src") == place


def test_without_a_repository_nothing_is_invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHKEEPER_REVISION", raising=False)

    assert find_revision(tmp_path) == ""


def call(path: Path, source: str, finder: Finder) -> Site:
    given: dict[str, object] = {"find": finder.find}
    exec(compile(source, str(path), "exec"), given)
    found = given["found"]
    assert isinstance(found, Site)
    return found


def test_the_nearest_line_of_the_application_counts_with_its_qualified_name(tmp_path: Path) -> None:
    source = "class Editor:\n    def save(self):\n        return (lambda: find())()\nfound = Editor().save()\n"

    found = call(tmp_path / "app" / "edit.py", source, Finder(tmp_path))

    assert found == Site("app/edit.py", 3, "Editor.save.<lambda>")


@pytest.mark.parametrize("place", [".venv/lib/x.py", "lib/site-packages/orm/query.py"])
def test_what_is_installed_below_the_root_is_not_the_application(tmp_path: Path, place: str) -> None:
    assert call(tmp_path / place, "found = find()", Finder(tmp_path)) == NOWHERE


def test_code_that_was_collected_leaves_no_place_to_another(tmp_path: Path) -> None:
    """Code is known by its address: as many short-lived functions as there may be, each has its own line."""
    finder = Finder(tmp_path)

    for number in range(300):
        assert call(tmp_path / f"a{number}.py", "found = find()", finder).path == f"a{number}.py"
    assert sys.getrefcount(finder) > 0
