"""One reader for all that agents send: of the wanted type and size, or as if it were not there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from watchkeeper.agents.acp_files import ServedFiles
from watchkeeper.agents.jsonrpc import DeniedError
from watchkeeper.agents.untrusted import (
    MAX_CONTENT,
    MAX_TEXT,
    NotAnObjectError,
    find_command,
    find_first_text,
    find_number,
    find_path,
    find_range,
    find_text,
    find_whole_text,
    find_word,
    parse_object,
    read_object,
)


def test_names_lead_from_one_object_into_the_next() -> None:
    assert find_text({"a": {"b": "x"}}, "a", "b") == "x"
    assert find_text({"a": ["b"]}, "a", "b") == ""


def test_the_first_of_several_fields_that_holds_text_counts() -> None:
    assert find_first_text({"a": "", "b": 3, "c": "x", "d": "y"}, ("a", "b", "c", "d")) == "x"


def test_words_are_cut_where_the_caller_says_and_texts_of_files_never() -> None:
    fields = {"text": "x" * (MAX_CONTENT + 1)}
    assert len(find_text(fields, "text")) == MAX_TEXT
    assert len(find_text(fields, "text", most=MAX_CONTENT)) == MAX_CONTENT
    assert len(find_whole_text(fields, "text") or "") == MAX_CONTENT + 1


def test_two_halves_of_a_character_are_joined_and_a_lone_one_is_replaced() -> None:
    sent = read_object(rb'{"halves": "\ud83d\ude00", "lone": "\ud800"}')
    assert find_text(sent, "halves") == "\N{GRINNING FACE}"
    assert find_text(sent, "lone") == "\N{REPLACEMENT CHARACTER}"
    assert find_whole_text(sent, "lone") == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("path", ["a\0b", "a\nb", "a" * 4097, 7, None, ["a"]])
def test_what_no_file_can_be_named_is_no_path(path: object) -> None:
    assert find_path({"path": path}, "path") == ""
    assert find_path({"path": "a b/ä.py"}, "path") == "a b/ä.py"


@pytest.mark.parametrize("word", ["a\nb", "a" * 501, "\x1b[2J", 7])
def test_a_name_is_short_and_on_one_line(word: object) -> None:
    assert find_word({"id": word}, "id") == ""
    assert find_word({"id": "a" * 500}, "id") == "a" * 500


@pytest.mark.parametrize(("number", "found"), [(6, 6), (6.0, 6), (True, None), (-1, None), (1e300, None), (0.5, None)])
def test_a_number_is_whole_and_of_a_size_that_files_have(number: object, found: int | None) -> None:
    assert find_number({"line": number}, "line") == found


@pytest.mark.parametrize(
    ("bounds", "lines"), [([6, 7], (6, 7)), ([6, -1], (6, 10**9)), ([6, "7"], None), ([7, 6], None), ([6], None)]
)
def test_a_range_is_a_list_of_two_numbers(bounds: object, lines: object) -> None:
    assert find_range({"view_range": bounds}, "view_range") == lines


@pytest.mark.parametrize(
    ("told", "command"),
    [
        ("cat a.py", "cat a.py"),
        (["bash", "-lc", "cat a.py"], "cat a.py"),
        (["cat", "a b.py"], "cat 'a b.py'"),
        ([3, None], ""),
        ({"a": 1}, ""),
    ],
)
def test_a_command_is_a_text_or_a_list_of_words(told: object, command: str) -> None:
    assert find_command({"command": told}, "command") == command


@pytest.mark.parametrize("raw", [b"[1]", b"nonsense", b"", b'{"a":' * 200_000])
def test_what_is_no_object_is_refused_with_a_reason(raw: bytes) -> None:
    assert parse_object(raw) is None
    with pytest.raises(NotAnObjectError, match="it is n"):
        read_object(raw)


def test_a_file_is_not_written_under_a_name_that_its_gate_could_not_be_told(tmp_path: Path) -> None:
    files = ServedFiles(tmp_path)
    with pytest.raises(DeniedError):
        asyncio.run(files.write({"path": "a\nb", "content": "x"}))
    asyncio.run(files.write({"path": "ab", "content": "x"}))
    assert [file.name for file in tmp_path.iterdir()] == ["ab"]
