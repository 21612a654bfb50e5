"""How states, moments, drawings and differences are shown: total, and never by colour alone."""

from __future__ import annotations

import datetime as dt
import subprocess
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitrepo import GitRepo
from watchkeeper.landing.view import QueueView, Row
from watchkeeper.landing.waiters import Place
from watchkeeper.model.attention import Urgency
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.ids import Millis
from watchkeeper.model.landing import EntryId
from watchkeeper.model.probing import Outcome
from watchkeeper.model.review import DecisionVerdict, Standing
from watchkeeper.review.states import Activity, Safety
from watchkeeper.web.diffs import parse_diff
from watchkeeper.web.drawings import Cell, draw_lane, draw_matrix
from watchkeeper.web.rendering import anchor
from watchkeeper.web.sitemap import PAGES, find_page
from watchkeeper.web.words import SHAPES, Look, ago, iso, look_of, moment

KINDS = (Activity, Safety, Severity, Urgency, Outcome, Place, Standing, DecisionVerdict)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_has_a_hue_a_shape_and_a_word(kind: type[StrEnum]) -> None:
    looks = [look_of(each) for each in kind]
    assert all(each.shape in SHAPES and each.word for each in looks)
    assert len({each.word for each in looks}) == len(looks)  # told apart without colour


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**45))
def test_any_moment_can_be_told(at: int, now: int) -> None:
    assert ago(Millis(at), Millis(now))
    assert moment(Millis(at), dt.UTC)
    assert dt.datetime.fromisoformat(iso(Millis(at), dt.UTC)).tzinfo is not None


def test_what_is_to_come_is_no_past() -> None:
    assert ago(Millis(3_600_000), Millis(0)) == "in 60 min"
    assert ago(Millis(0), Millis(3_600_000)) == "60 min ago"


@given(st.text())
def test_an_anchor_is_one_word_and_tells_texts_apart(text: str) -> None:
    assert anchor(text).isascii()
    assert " " not in anchor(text)
    assert anchor(text) != anchor(f"{text}x")


@given(st.text(alphabet=st.sampled_from(list("+- @diffgab/\n1,7")), max_size=400))
def test_any_text_can_be_read_as_a_difference(text: str) -> None:
    diff = parse_diff(text)
    assert all(line.kind in {"add", "cut", "same", "hunk"} for file in diff.files for line in file.lines)


def test_a_difference_has_the_numbers_of_both_sides(tmp_path: Path) -> None:
    repo = GitRepo.create(tmp_path / "repo")
    one = repo.commit("one", {"a.py": "x = 1\ny = 2\nz = 3\n"})
    other = repo.commit("other", {"a.py": "x = 1\ny = 5\nz = 3\n+++ b\n"})
    text = subprocess.run(["git", "diff", one, other], cwd=repo.path, capture_output=True, text=True, check=True).stdout
    (file,) = parse_diff(text).files
    assert file.path == "a.py"
    assert (file.added, file.removed) == (2, 1)
    shown = [(each.kind, each.before, each.after, each.text) for each in file.lines if each.kind != "hunk"]
    assert shown == [
        ("same", 1, 1, "x = 1"), ("cut", 2, 0, "y = 2"), ("add", 0, 2, "y = 5"), ("same", 3, 3, "z = 3"),
        ("add", 0, 4, "+++ b"),
    ]  # fmt: skip


def test_what_is_drawn_is_inert_and_says_in_words_what_it_shows() -> None:
    evil = "<script>alert(1)</script>"
    matrix = draw_matrix([evil, "b"], [Cell(evil, "b", "/conflicts/c", Look("red", "diamond", "blocking"), evil)])
    row = Row(
        EntryId(f"{evil}/1"), evil, "ada", Place.WAITING, 1, (EntryId("x/1"),), "its run", Millis(0), 3, Millis(0)
    )
    lane = draw_lane(QueueView(None, (row,), ()), evil)
    for drawn in (matrix, lane):
        assert "<script" not in drawn
        assert "style=" not in drawn
        assert "<title>" in drawn
    assert "speculative" in lane
    assert draw_matrix([], []) == draw_lane(QueueView(None, (), ()), "x") == ""


@pytest.mark.parametrize("path", ["/", "/queue/a%2F1", "/queue/a/1", "/log/shop/2026-01-01"])
def test_a_path_finds_its_page(path: str) -> None:
    assert find_page(path) is not None


@given(st.text())
def test_what_is_no_path_of_ours_finds_none_and_never_fails(text: str) -> None:
    found = find_page(f"/nowhere/{text}")
    assert found is None or found[0] in PAGES
