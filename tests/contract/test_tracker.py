"""What every tracker promises, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from forging import open_desk
from githubserver import serving
from watchkeeper.forge.port import Draft, NotThereError, Told, Tracker
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import Closing, IssueId, IssueState

HOSTILE = "\x1b[31m\u202eevil\u202c\r\n# heading @everyone <!-- x --> [a](javascript:b) `code` \ud800 \x00 🦑"


@pytest.fixture(params=["builtin", "github"])
def tracker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tracker]:
    with ExitStack() as stack:
        desk = stack.enter_context(open_desk(stack.enter_context(serving()), tmp_path))
        yield desk.issues if request.param == "builtin" else stack.enter_context(desk.tracker())


def listed(tracker: Tracker, cursor: str = "") -> tuple[list[Told], str]:
    told, after = [], cursor
    for page in tracker.changed(cursor):
        assert page.unread == ()
        told, after = [*told, *page.told], page.cursor
    return told, after


def test_what_is_filed_is_there_with_all_that_was_said(tracker: Tracker) -> None:
    identity = tracker.file(Draft("Retry uploads", "They *fail*.\n\n- twice", labels=("bug", "ready")))

    told = tracker.get(identity)

    assert (told.id, told.draft.title, told.draft.body) == (identity, "Retry uploads", "They *fail*.\n\n- twice")
    assert told.draft.labels == ("bug", "ready")
    assert told.state is IssueState.OPEN
    assert told.said == ()


def test_no_id_is_given_twice_also_after_closing(tracker: Tracker) -> None:
    first, second = tracker.file(Draft("one")), tracker.file(Draft("two"))
    tracker.close(second, Closing.PERSON, "")

    assert len({first, second, tracker.file(Draft("three"))}) == 3


def test_two_of_one_source_are_one_whatever_their_titles(tracker: Tracker) -> None:
    first = tracker.file(Draft("No timeout", "a.py:3", source="scout/timeout/a.py"))

    assert tracker.file(Draft("Request without timeout", "a.py:9", source="scout/timeout/a.py")) == first
    assert tracker.file(Draft("No timeout", "a.py:3", source="scout/timeout/b.py")) != first


def test_a_comment_is_kept_and_with_one_mark_said_once(tracker: Tracker) -> None:
    identity = tracker.file(Draft("one"))

    assert tracker.comment(identity, "it hangs", mark="0123456789abcdef")
    assert not tracker.comment(identity, "it hangs", mark="0123456789abcdef")
    assert tracker.comment(identity, "still")

    assert [said.text.split("\n")[0] for said in tracker.get(identity).said] == ["it hangs", "still"]


def test_closing_and_opening_change_it_once(tracker: Tracker) -> None:
    identity = tracker.file(Draft("one"))

    assert not tracker.reopen(identity, "")
    assert tracker.close(identity, Closing.LANDED, "as 1a2b3c4")
    assert not tracker.close(identity, Closing.LANDED, "as 1a2b3c4")
    assert tracker.get(identity).state is IssueState.CLOSED
    assert tracker.reopen(identity, "it came back")
    assert tracker.get(identity).state is IssueState.OPEN


def test_from_a_cursor_on_exactly_what_changed_since_is_listed(tracker: Tracker) -> None:
    first, second = tracker.file(Draft("one")), tracker.file(Draft("two"))
    told, cursor = listed(tracker)
    assert {each.id for each in told} == {first, second}
    tracker.close(first, Closing.PERSON, "")
    third = tracker.file(Draft("three"))

    told, after = listed(tracker, cursor)

    assert {first, third} <= {each.id for each in told}
    assert next(each for each in told if each.id == first).state is IssueState.CLOSED
    assert listed(tracker, listed(tracker, listed(tracker, after)[1])[1])[0] == []


def test_closed_issues_are_not_listed_from_the_beginning(tracker: Tracker) -> None:
    first, second = tracker.file(Draft("one")), tracker.file(Draft("two"))
    tracker.close(first, Closing.PERSON, "")

    assert [each.id for each in listed(tracker)[0]] == [second]


@pytest.mark.parametrize("act", ["get", "comment", "close", "reopen"])
@pytest.mark.parametrize("name", ["#99", "elsewhere#1", "no id at all"])
def test_an_issue_that_is_not_there_is_an_error_of_its_own(tracker: Tracker, act: str, name: str) -> None:
    ours = tracker.file(Draft("one"))
    identity = IssueId(f"{ours.rpartition('#')[0]}{name}" if name.startswith("#") else name)

    with pytest.raises(NotThereError) as raised:
        {
            "get": lambda: tracker.get(identity),
            "comment": lambda: tracker.comment(identity, "x"),
            "close": lambda: tracker.close(identity, Closing.PERSON, ""),
            "reopen": lambda: tracker.reopen(identity, ""),
        }[act]()

    assert raised.value.hint


@pytest.mark.parametrize("title", ["", " \n\t", "\x00\x1b", "x" * 501])
def test_an_issue_without_a_title_that_can_be_shown_is_refused(tracker: Tracker, title: str) -> None:
    with pytest.raises(UsageError, match="title"):
        tracker.file(Draft(title))

    assert listed(tracker)[0] == []


def test_hostile_text_is_kept_as_text_and_acts_on_nothing(tracker: Tracker) -> None:
    identity = tracker.file(Draft(f"Title {HOSTILE}", HOSTILE, labels=(HOSTILE,)))
    tracker.comment(identity, HOSTILE)

    told = tracker.get(identity)

    assert told.draft.title.isprintable()
    assert told.draft.title.startswith("Title ")
    for text in (told.draft.body or "", told.said[0].text):
        assert "# heading @everyone" in text
        assert not set("\x1b\x00\u202e\r\ud800") & set(text)


def test_a_text_that_is_too_long_to_keep_is_refused_and_nothing_is_cut_off(tracker: Tracker) -> None:
    with pytest.raises(UsageError, match="262,144 are kept"):
        tracker.file(Draft("one", "x" * 262_145))
