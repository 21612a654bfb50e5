"""The block in AGENTS.md goes in, is renewed, and goes out; nothing else of the file ever changes."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.mcp.agentsmd import BEGIN, END, with_block, without_block
from watchkeeper.mcp.snippets import AGENTS, snippet
from watchkeeper.model.errors import WatchkeeperError

PIECES = st.sampled_from([b"\n", b"\r\n", b"\r", b"\xff\x00", b"# Rules", b"", b"<!-- watchkeeper -->", b"\xc3\xb6"])
FILES = st.none() | st.lists(PIECES, max_size=8).map(b"".join)


@given(FILES)
def test_what_is_put_in_comes_out_and_the_file_is_as_it_was(content: bytes | None) -> None:
    once = with_block(content)
    assert once != content
    assert with_block(once) == once
    assert without_block(once) == content


@given(FILES, st.lists(PIECES, max_size=5).map(b"".join))
def test_what_is_written_below_the_block_stays_when_it_is_renewed_and_when_it_goes(
    content: bytes | None, below: bytes
) -> None:
    edited = with_block(content) + below
    if below.startswith(b"\n") and edited.endswith(b"\r" + below):
        return  # this made another line end of the one that was there
    assert with_block(edited) == edited
    assert (without_block(edited) or b"") == (content or b"") + below


def test_an_older_block_is_replaced_where_it_stands() -> None:
    old = b"# Mine\n\n" + BEGIN + b"\nan older text\n" + END + b"\nafter\n"
    new = with_block(old)
    assert new.startswith(b"# Mine\n\n" + BEGIN)
    assert new.endswith(END + b"\nafter\n")
    assert b"an older text" not in new
    assert b"`inbox`" in new


def test_a_file_without_a_block_is_left_alone_by_removal() -> None:
    assert without_block(b"# Mine\n") == b"# Mine\n"


@pytest.mark.parametrize("content", [BEGIN, END, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END])
def test_half_a_block_is_no_block_and_nothing_is_done(content: bytes) -> None:
    for change in (with_block, without_block):
        with pytest.raises(WatchkeeperError) as found:
            change(content)
        assert found.value.slug == "agents-md-damaged"


ODD = ['/opt/ünter wegs/"x"\\watchkeeper', "mcp"]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_snippet_says_which_file_it_belongs_in_and_starts_the_server(agent: str) -> None:
    made = snippet(agent, ODD)
    if agent == "codex":
        found = tomllib.loads(made.text)["mcp_servers"]["watchkeeper"]
        assert found["required"] is True
    elif agent == "goose":
        lines = [line.strip() for line in made.text.splitlines()]
        found = {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines) if '"' in value}
        found["command"] = found.pop("cmd")
    else:
        whole = json.loads(made.text)
        found = whole["mcp" if agent == "opencode" else "mcpServers"]["watchkeeper"]
    command = found["command"]
    assert (command if isinstance(command, list) else [command, *found["args"]]) == ODD
