"""Issues out of files: what is understood, and how mistakes are answered."""

from __future__ import annotations

import json

import pytest

from watchkeeper.forge.importing import parse_issues
from watchkeeper.forge.port import Draft
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import IssueState


def test_a_line_says_everything_that_an_issue_is() -> None:
    line = {
        "title": "Retry uploads", "body": "They fail.", "labels": ["bug", "ready"], "priority": 1, "id": "up",
        "depends_on": [3, "api"], "source": "https://example.org/7", "state": "closed", "author": "ada", "parent": 9,
    }  # fmt: skip
    found = parse_issues(f"\ufeff{json.dumps(line)}\r\n\n".encode(), "f.jsonl")

    assert found.drafts == (
        Draft(
            "Retry uploads", "They fail.", ("bug", "ready"), 1, ("3", "api"), "https://example.org/7", "ada", "9",
            state=IssueState.CLOSED, key="up",
        ),
    )  # fmt: skip
    assert found.not_taken == ()


def test_a_title_is_enough_and_what_is_not_said_is_left_open() -> None:
    (draft,) = parse_issues(b'{"title": "x", "body": null, "labels": null}', "f.jsonl").drafts

    assert draft == Draft("x", source="f.jsonl#x", state=IssueState.OPEN)


def test_what_githubs_command_line_prints_is_understood_as_a_list_and_as_lines() -> None:
    issue = {
        "number": 7, "title": "x", "body": "y", "labels": [{"id": "L", "name": "bug", "color": "f00"}],
        "state": "OPEN", "url": "https://github.com/o/n/issues/7", "author": {"login": "me", "is_bot": False},
        "createdAt": "2026-03-01T12:00:00Z", "milestone": None, "comments": [],
    }  # fmt: skip
    listed = parse_issues(json.dumps([issue, {**issue, "number": 8, "url": "https://u/8"}], indent=2).encode(), "stdin")
    lines = parse_issues(json.dumps(issue).encode(), "stdin")

    assert [draft.key for draft in listed.drafts] == ["7", "8"]
    assert lines.drafts[0] == listed.drafts[0]
    assert listed.drafts[0].source == "https://github.com/o/n/issues/7"
    assert (listed.drafts[0].author, listed.drafts[0].labels, listed.drafts[0].filed_at) == (
        "me",
        ("bug",),
        1_772_366_400_000,
    )
    assert listed.not_taken == ("comments", "milestone")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b" [ ] \n"])
def test_nothing_in_it_is_nothing(content: bytes) -> None:
    assert parse_issues(content, "f").drafts == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"title": "a"}\n{"title": ', "f:2: no JSON"),
        ('{"title": "a"}\n\nnothing', "f:3: no JSON"),
        ('{"title": "a"}\n["title"]', "f:2: an issue is an object"),
        ('{"title": "a"}\n7', "f:2: an issue is an object"),
        ('{"body": "a"}', 'f:1: "title" is missing'),
        ('{"title": 7}', "f:1: title has to be a text"),
        ('{"title": " "}', "f:1: An issue needs a title"),
        ('{"title": "a", "body": 7}', "f:1: body has to be a text, not 7"),
        ('{"title": "a", "priority": 7}', "f:1: priority has to be 0 (the most urgent) to 4, not 7"),
        ('{"title": "a", "priority": true}', "priority has to be 0"),
        ('{"title": "a", "priority": "high"}', 'not "high"'),
        ('{"title": "a", "labels": "bug"}', 'f:1: labels has to be a list, not "bug"'),
        ('{"title": "a", "labels": [7]}', "f:1: labels have to be texts"),
        ('{"title": "a", "labels": [{"id": 7}]}', "f:1: labels have to be texts"),
        ('{"title": "a", "depends_on": 3}', "f:1: depends_on has to be a list, not 3"),
        ('{"title": "a", "depends_on": [null, {}]}', "f:1: depends_on has to name issues"),
        ('{"title": "a", "id": 1.5}', "f:1: id has to name issues"),
        ('{"title": "a", "state": "done"}', 'f:1: state has to be "open" or "closed", not "done"'),
        ('{"title": "a", "author": {"login": 7}}', "f:1: author has to be a name"),
        ('{"title": "a", "createdAt": "yesterday"}', "f:1: createdAt has to be a time"),
        ('{"title": "a", "prority": 1}', "f:1: there is no 'prority'; did you mean 'priority'?"),
        ('{"title": "a", "zzz": 1}', "f:1: there is no 'zzz'; there are title, body"),
        ('{"title": "a", "id": 1, "number": 2}', "f:1: 'id' and 'number' say the same"),
        ('{"title": "a", "id": 1}\n{"title": "b", "id": 1}', "f:2: line 1 has the same"),
        ('{"title": "a"}\n{"title": "a"}', "f:2: line 1 has the same source f#a"),
        ('[\n {"title": "a"},\n {"title": ]', "f:3: no JSON"),
        ('[\n {"title": "a"}\n {"title": "b"}]', "f:3: a comma or ] is missing"),
        ('[{"title": "a"}', "f:1: a comma or ] is missing"),
        ('[{"title": "a"}]\n[]', "f:2: something follows the list"),
        ('[\n\n7]', "f:3: an issue is an object"),
        ("[" * 100_000, "f:1: no JSON: it is nested too deeply"),
        ('{"title": "a", "body": ' + "[" * 100_000 + "]" * 100_000 + "}", "f:1: no JSON: it is nested too deeply"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_nothing_is_taken(content: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_issues(content.encode(), "f")

    assert raised.value.slug == "issue-import"
    assert raised.value.message.startswith("Nothing was imported. ")
    assert said in raised.value.message


def test_bytes_that_are_no_text_are_told_with_their_line() -> None:
    with pytest.raises(UsageError, match="f:2: this is no UTF-8"):
        parse_issues(b'{"title": "a"}\n{"title": "\xff"}', "f")


def test_several_mistakes_are_told_at_once_and_counted() -> None:
    lines = "\n".join('{"titel": "a"}' for _ in range(9))

    with pytest.raises(UsageError, match=r"f:1: .*; f:2: .*; f:3: .* \(and 6 more\)") as raised:
        parse_issues(lines.encode(), "f")

    assert raised.value.facts["errors"].count("\n") == 8
