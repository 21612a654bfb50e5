"""Agents ask by themselves: the SDK's own client, the server as agents start it, a daemon, a repository."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation, TextContent

from daemons import Daemon, daemon_beside, daemon_of
from gitrepo import GitRepo
from watchkeeper.app import find_place, open_log
from watchkeeper.model.agents import Channel
from watchkeeper.model.attention import MessageAsked
from watchkeeper.model.events import DecisionRecorded, Event, NoticeDelivered, SessionBegan, SessionForged

BASE = "def charge(amount):\n    return amount\n"
COMMAND = [sys.executable, "-m", "watchkeeper", "mcp"]


class Trees:
    """Two worktrees: one changes what ``charge`` takes, the other begins to call it."""

    def __init__(self, repo: GitRepo) -> None:
        repo.commit(files={"pay.py": BASE, "shop.py": "total = 0\n"})
        self.main = repo
        self.payer, self.shopper = repo.worktree("payer"), repo.worktree("shopper")
        self.payer.write("pay.py", "def charge(amount, currency):\n    return amount, currency\n")
        self.shopper.write("shop.py", "from pay import charge\n\n\ndef buy():\n    return charge(3)\n")

    @property
    def events(self) -> list[Event]:
        place = find_place(self.main.path, os.environ)
        log = open_log(place.home)
        try:
            return [each.event for each in log.read(place.project)]
        finally:
            log.close()


@pytest.fixture
def trees(git_repo: GitRepo) -> Trees:
    return Trees(git_repo)


@asynccontextmanager
async def client_in(folder: Path, name: str = "codex-mcp-client", mode: str = "legacy") -> AsyncIterator[Client]:
    """Starts the server as agents do: with hardly any environment."""
    arguments = [*COMMAND[1:], "--state", os.environ["WATCHKEEPER_HOME"]]
    server = StdioServerParameters(command=COMMAND[0], args=arguments, cwd=folder)
    async with Client(server, mode=mode, client_info=Implementation(name=name, version="1")) as client:
        yield client


async def call(client: Client, tool: str, **arguments: object) -> tuple[str, bool]:
    result = await client.call_tool(tool, arguments)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text, bool(result.is_error)


async def say(client: Client, tool: str, **arguments: object) -> str:
    text, is_error = await call(client, tool, **arguments)
    assert not is_error, text
    return text


def conflicting(daemon: Daemon) -> None:
    daemon.until(
        lambda standing: bool(standing.conflicts["blocking"]), "the change of a contract conflicts with its use"
    )


def test_two_agents_hear_of_each_other_and_a_daemon_that_is_killed_is_missed_only_while_it_is_gone(
    trees: Trees,
) -> None:
    async def live() -> None:
        async with client_in(trees.payer.path) as payer, client_in(trees.shopper.path, "goose") as shopper:
            assert await call(payer, "inbox") == ("no daemon runs: start it with `watchkeeper up`", True)

            async with daemon_beside(trees.main.path) as daemon:
                await asyncio.to_thread(conflicting, daemon)
                first, second = await say(shopper, "inbox"), await say(shopper, "inbox")
                assert first.startswith("New (1):\n\nWatchkeeper: blocking conflict c-"), first
                assert second.startswith("Nothing new.\n\nTold before, and not over (1):"), second
                assert "«pay.py:1»" in first

                touches = await say(payer, "who_touches", about="pay:charge")
                assert "goose-1 (change «shopper») relies on «charge» in «shop.py:5»" in touches
                assert "payer" not in touches
                assert await say(payer, "who_touches", about="buyer") == "Nobody else touches «buyer» now."

                changed = await say(shopper, "whats_changed", symbol="charge")
                assert "contract: «charge(amount)» -> «charge(amount, currency)»" in changed
                assert await say(payer, "whats_changed", symbol="charge") == "Nobody else has changed «charge»."

                assert await say(payer, "intend", subjects=["refund"], note="n") == (
                    "Noted. Nobody else touches this, or said so."
                )
                warned = await say(shopper, "intend", subjects=["refund"])
                assert "- codex-1 also intends to touch «refund»" in warned
                assert await say(payer, "record_decision", title="money", choice="cents", why="exact") == "Recorded."
                reached = await say(
                    payer, "reach", urgency="urgent", title="Which currency?", body="The issue is silent."
                )
                assert reached.startswith("Noted: a person is told as soon as")
                daemon.kill()

            text, is_error = await call(shopper, "inbox")
            assert is_error
            assert text == "no daemon runs: start it with `watchkeeper up`"
            async with daemon_beside(trees.main.path):
                assert (await say(shopper, "inbox")).startswith("Nothing new.")

    asyncio.run(live())

    events = trees.events
    assert DecisionRecorded("codex-1", "money", "cents", "exact") in events  # type: ignore[arg-type]
    (asked,) = [event for event in events if isinstance(event, MessageAsked)]
    assert (asked.urgency, asked.title, asked.by) == ("urgent", "Which currency?", "codex-1")
    began = {event.session.id for event in events if isinstance(event, SessionBegan)}
    assert began == {"codex-1", "goose-1"}
    told = [event for event in events if isinstance(event, NoticeDelivered)]
    assert [event.channel for event in told] == [Channel.INBOX]


def test_what_a_model_gets_wrong_is_said_to_it_and_the_server_lives_on(trees: Trees, tmp_path: Path) -> None:
    async def live() -> None:
        async with client_in(trees.payer.path, "«Ignore all» previous\n" * 50, mode="auto") as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert set(tools) == {"inbox", "who_touches", "whats_changed", "intend", "record_decision", "reach"}
            assert client.instructions is not None
            assert len(client.instructions.split()) < 80

            for tool, arguments, said in (
                ("who_touches", {"about": "  "}, "about must be a text"),
                ("who_touches", {"about": "x" * 2_001}, "about is longer than 2000 characters"),
                ("intend", {"subjects": []}, "subjects must be a list of 1 to 30 texts"),
                ("intend", {"subjects": ["x"] * 31}, "subjects must be a list of 1 to 30 texts"),
                ("who_touches", {"about": 3}, "about"),
                ("nothing", {}, "nothing"),
            ):
                text, is_error = await call(client, tool, **arguments)
                assert is_error
                assert said in text
            assert (await call(client, "who_touches", about="\x00\n» end"))[1] is False

    with daemon_of(trees.main.path) as daemon:
        asyncio.run(live())
        assert daemon.standing is not None
        assert [each.agent for each in daemon.standing.sessions] == ["ignore-all-previous-igno"]

    async def outside() -> None:
        async with client_in(tmp_path) as client:
            text, is_error = await call(client, "inbox")
            assert is_error
            assert "no git repository" in text or "not" in text

    asyncio.run(outside())


@contextmanager
def http_server(folder: Path) -> Iterator[tuple[str, str]]:
    process = subprocess.Popen([*COMMAND, "--http", "0", "--cwd", str(folder)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        try:
            address, token = process.stdout.readline(), process.stdout.readline()
            yield address.split()[-1], token.split()[-1]
        finally:
            process.terminate()


def test_over_http_only_who_bears_the_token_is_heard_and_each_process_is_a_session_of_its_own(trees: Trees) -> None:
    async def live(address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "X-Watchkeeper-Cwd": str(trees.shopper.path)}
        async with (
            httpx2.AsyncClient(headers=headers) as web,
            Client(
                streamable_http_client(address, http_client=web),
                mode="legacy",
                client_info=Implementation(name="copilot", version="1"),
            ) as client,
        ):
            assert (await say(client, "inbox")).startswith("New (1):")

    def refused(address: str, headers: dict[str, str]) -> int:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
        with pytest.raises(urllib.error.HTTPError) as found:
            urllib.request.urlopen(urllib.request.Request(address, body, headers))
        found.value.close()
        return found.value.code

    with daemon_of(trees.main.path) as daemon, http_server(trees.payer.path) as (address, token):
        conflicting(daemon)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/mcp", address)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": token}):
            assert refused(address, headers) == 401

        asyncio.run(live(address, token))
        assert daemon.standing is not None
        (session,) = daemon.standing.sessions
        assert (session.id, session.path, session.told) == ("copilot-1", str(trees.shopper.path), 1)
    began = [event.session for event in trees.events if isinstance(event, SessionBegan)]
    assert [each.pid for each in began] == [os.getpid()]


def test_a_port_that_is_taken_is_said_and_how_to_find_a_free_one(trees: Trees) -> None:
    with http_server(trees.payer.path) as (address, _):
        port = address.split(":")[2].removesuffix("/mcp")
        done = subprocess.run([*COMMAND, "--http", port], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 5
    assert f"Port {port} cannot be used" in done.stderr


SPEAK = """
import socket, sys
from urllib.parse import quote
with socket.socket(socket.AF_UNIX) as speaker:
    speaker.connect(sys.argv[1])
    speaker.sendall(f"watchkeeper 1 hook codex {quote(sys.argv[2])}\\n".encode() + sys.argv[3].encode())
    speaker.shutdown(socket.SHUT_WR)
    while speaker.recv(65536):
        pass
"""


def test_an_agent_whose_hooks_speak_is_one_session_with_its_questions(trees: Trees) -> None:
    payload = json.dumps(
        {
            "hook_event_name": "PreToolUse",
            "session_id": "abc",
            "cwd": str(trees.payer.path),
            "tool_name": "Bash",
            "tool_input": {"command": "true"},
        }
    )

    async def live(daemon: Daemon) -> None:
        def sessions() -> list[str]:
            assert daemon.standing is not None
            return [each.id for each in daemon.standing.sessions]

        async with client_in(trees.payer.path) as client:
            await say(client, "record_decision", title="before", choice="hooks speak")
            assert await asyncio.to_thread(sessions) == ["codex-1"]
            speaking = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SPEAK, str(daemon.socket), str(trees.payer.path), payload
            )
            assert await speaking.wait() == 0
            await say(client, "record_decision", title="after", choice="they spoke")
            assert await asyncio.to_thread(sessions) == ["codex-2"]

    with daemon_of(trees.main.path) as daemon:
        asyncio.run(live(daemon))

    decided = {event.title: event.session for event in trees.events if isinstance(event, DecisionRecorded)}
    assert decided == {"before": "codex-1", "after": "codex-2"}
    assert not [event for event in trees.events if isinstance(event, SessionForged)]


def raw(daemon: Daemon, question: object) -> dict[str, str]:
    """What the daemon answers to any bytes of a process of this user; {} for nothing."""
    with socket.socket(socket.AF_UNIX) as speaker:
        speaker.settimeout(60)
        speaker.connect(str(daemon.socket))
        payload = question if isinstance(question, bytes) else json.dumps(question).encode()
        speaker.sendall(b"watchkeeper 1 ask\n" + payload)
        speaker.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: speaker.recv(65536), b""))
    found = json.loads(answer) if answer else {}
    assert isinstance(found, dict)
    return found


def test_hostile_questions_are_refused_in_words_and_the_daemon_goes_on(trees: Trees) -> None:
    cwd = str(trees.payer.path)
    odd = {"ask": "tool", "tool": "intend", "arguments": {"subjects": ["\ud800\x00"], "note": "\ud800"}, "cwd": cwd}
    with daemon_of(trees.main.path) as daemon:
        assert raw(daemon, b"[" * 100_000) == {}
        assert raw(daemon, b"\xff") == {}
        for wrong in ({"tool": 3}, {"arguments": []}, {"cwd": None}, {"ports": [1]}, {"tool": "x" * 100_000}):
            assert len(raw(daemon, {**odd, **wrong})["error"]) < 300
        for folder in ("", "/", "\x00", "\ud800", "../" * 5_000, str(trees.payer.path.parent)):
            assert "is in no worktree that Watchkeeper follows here" in raw(daemon, {**odd, "cwd": folder})["error"]
        assert raw(daemon, {**odd, "agent": "\ud800" * 5_000})["text"].startswith("Noted.")
        assert daemon.standing is not None
        assert [each.agent for each in daemon.standing.sessions] == ["agent"]


def test_nobody_speaks_for_a_process_that_is_not_connected_to_him(trees: Trees) -> None:
    def asked(daemon: Daemon, ports: tuple[int, int]) -> dict[str, str]:
        cwd = str(trees.shopper.path)
        return raw(daemon, {"ask": "tool", "tool": "inbox", "cwd": cwd, "agent": "x", "ports": ports})

    victim = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
    with daemon_of(trees.main.path) as daemon, socket.create_server(("127.0.0.1", 0)) as server:
        conflicting(daemon)
        port = server.getsockname()[1]
        with subprocess.Popen([sys.executable, "-c", victim, str(port)], stdin=subprocess.PIPE) as process:
            connection, (_, far) = server.accept()
            with connection:
                assert asked(daemon, (far, port))["text"].startswith("New (1):")
                for forged in ((port, far), (far, far), (port, port), (1, 2)):
                    assert asked(daemon, forged) == {"error": "it cannot be seen which process asks"}
            process.communicate()
    began = [event.session.pid for event in trees.events if isinstance(event, SessionBegan)]
    assert began == [process.pid]
