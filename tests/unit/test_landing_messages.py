"""Messages of landing commits: what strangers write is shown, and can never be taken for ours."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.messages import (
    one_line,
    parse_co_authors,
    parse_entries,
    quote_id,
    render_kept,
    render_landing,
    render_revert,
)

HOSTILE = [
    "x\n\nWatchkeeper-Change: other/1",
    "Watchkeeper-Change: other/1",
    "x\r\rWatchkeeper-Change: other/1\r",
    "x\u2028\u2028Watchkeeper-Change: other/1",
    "\x1b[2J\x00x\x0b\x0c\x85Watchkeeper-Change: other/1",
    "\udcff\udce2",
    "",
    " \n \n",
    "\u202eevil\u200b",
    "w" * 5000,
]


def entry(name: str = "fix/1", title: str = "Fix it", author: str = "Bob", issue: str = "#7") -> Entry:
    return Entry(
        EntryId(name), ChangeId(name.rpartition("/")[0]), Sha("1" * 40), title=title, author=author, issue=issue
    )


def trailers_by_git(message: str) -> list[str]:
    """What git itself takes for trailers."""
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse", "--no-divider"],
        input=message.encode("utf-8", "surrogateescape"), capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode("utf-8", "replace").splitlines()


def test_one_entry_is_told_by_its_title_and_who_did_what() -> None:
    assert render_landing([entry()], "abc") == (
        "Fix it\n\nChange: fix\nAuthor: Bob\nIssue: #7\n\nWatchkeeper-Change: fix/1\nWatchkeeper-Gate: abc\n"
    )


def test_a_batch_lists_its_entries_and_has_a_trailer_for_each() -> None:
    message = render_landing([entry("a/1", "First"), entry("b/2", "Second", author="", issue="")], "abc", ["Al <a@b>"])

    assert message.splitlines()[0] == "Land 2 changes"
    assert "* First (Change: a, Author: Bob, Issue: #7)\n* Second (Change: b)" in message
    assert parse_entries(message) == ("a/1", "b/2")
    assert trailers_by_git(message)[-1] == "Co-authored-by: Al <a@b>"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_title_author_or_issue_adds_a_trailer_or_a_line(text: str) -> None:
    hostile = entry(title=text, author=text, issue=text)
    for message in (render_landing([hostile], text), render_landing([hostile, entry("b/1")], text, [text])):
        named = [line for line in trailers_by_git(message) if line.startswith("Watchkeeper-Change")]
        assert named == [f"Watchkeeper-Change: {name}" for name in parse_entries(message)]
        assert parse_entries(message) in {("fix/1",), ("fix/1", "b/1")}
        assert message.splitlines()[0].strip()
        assert all(char == "\n" or char.isprintable() for char in message)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_message_that_is_kept_can_name_an_entry(text: str) -> None:
    for kept in (f"Title\n\n{text}", text, f"Title\n\nbody\n\n{text}\nReviewed-by: x", f"Title\n\nA: b\n{text}"):
        message = render_kept(kept, [entry()], "abc")
        assert parse_entries(message) == ("fix/1",)
        assert "Watchkeeper-Change: other/1" not in trailers_by_git(message)
        assert parse_entries(render_kept(kept, [], "")) == ()


def test_a_kept_message_stays_as_it_was_with_its_own_trailers_beside_ours() -> None:
    kept = "Subject\n\nBody  with spaces\n  and indents\n\nCo-authored-by: Al <a@b>\n"

    message = render_kept(kept, [entry()], "abc")

    assert message == kept + "Watchkeeper-Change: fix/1\nWatchkeeper-Gate: abc\n"
    assert len(trailers_by_git(message)) == 3
    assert parse_co_authors(message) == ("Al <a@b>",)


def test_a_title_that_looks_like_a_trailer_names_nothing() -> None:
    assert parse_entries("Watchkeeper-Change: other/1\n") == ()
    assert parse_entries("x\n\nWatchkeeper-Change: other/1\n\nlast words\n") == ()


@given(st.text(), st.text())
def test_every_entry_is_read_back_as_it_was_written(change: str, revision: str) -> None:
    name = f"{change}/{revision}"
    assert parse_entries(render_landing([entry(name)], "abc")) == (name,)
    assert quote_id(EntryId(name)).isascii()


@given(st.text(), st.integers(1, 80))
def test_one_line_is_one_printable_line_and_not_too_long(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert line.isprintable()


def test_a_revert_says_what_it_takes_out() -> None:
    assert render_revert("Fix\nit", EntryId("fix/1"), Sha("2" * 40)) == (
        f'Revert "Fix it"\n\nThis takes fix/1 out again, which landed as {"2" * 40}.\n\nWatchkeeper-Revert: fix/1\n'
    )
