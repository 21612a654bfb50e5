"""A Codex server that a person started: joined, heard, told within its turn, and left as it was."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homes import codex_environment
from scene import AFTER, EDIT_STEP, NOTICE, Scene, Watcher
from scripted_model import ScriptedModel
from watchkeeper.agents.codex_server import CodexAdapter
from watchkeeper.agents.jsonrpc import Peer
from watchkeeper.agents.port import AgentError, Limits
from watchkeeper.agents.untrusted import Fields, find_text
from watchkeeper.agents.websocket import Joined, join
from watchkeeper.model.agents import Act, Channel, Phase

LIMITS = Limits()


class Person:
    """Sits at another client of the same server, and allows what is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.reading: asyncio.Task[str] | None = None

    def on_notification(self, method: str, params: Fields) -> None:
        """Nothing: the person looks at something else."""

    async def on_request(self, method: str, params: Fields) -> object:  # noqa: ARG002 - the port's
        self.asked.append(method)
        return {"decision": "accept"}

    def on_fault(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def place(codex: Path, scene: Scene, model: ScriptedModel) -> Iterator[Path]:
    """The socket of a running server."""
    with tempfile.TemporaryDirectory(prefix="wk-", dir="/tmp") as folder:  # a socket's name must be short
        socket = Path(folder) / "s"
        server = subprocess.Popen(
            [str(codex), "app-server", "--listen", f"unix://{socket}"],
            env=codex_environment(scene.home, model.base_url("codex")),
            cwd=scene.worktree, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 20
            while not socket.exists():
                assert time.monotonic() < deadline, "the server does not listen"
                time.sleep(0.01)
            yield socket
        finally:
            server.terminate()
            server.wait(timeout=10)


async def begin_work(place: Path, scene: Scene, person: Person, *, policy: str) -> tuple[Peer, Joined, str]:
    """A person begins a thread and a turn of it."""
    joined = await join(place, LIMITS)
    peer = Peer(joined, person, is_versioned=False)
    person.reading = asyncio.create_task(peer.run())
    me = {"name": "person", "title": "Person", "version": "1"}
    await peer.request("initialize", {"clientInfo": me, "capabilities": {"experimentalApi": True}}, timeout_s=20)
    await peer.notify("initialized")
    settings = {"cwd": str(scene.worktree), "approvalPolicy": policy, "sandbox": "danger-full-access"}
    thread = find_text(await peer.request("thread/start", settings, timeout_s=20), "thread", "id")
    prompt = {"threadId": thread, "input": [{"type": "text", "text": "Change mul."}]}
    await peer.request("turn/start", prompt, timeout_s=20)
    return peer, joined, thread


@pytest.mark.parametrize("policy", ["never", "untrusted"])
def test_a_turn_that_a_person_began_is_heard_and_told_and_what_it_asks_is_left_to_the_person(
    place: Path, scene: Scene, model: ScriptedModel, policy: str
) -> None:
    model.script("codex", *scene.script)
    person = Person()

    async def run() -> tuple[Watcher, str, str]:
        peer, joined, thread = await begin_work(place, scene, person, policy=policy)
        adapter = CodexAdapter(place)
        watcher = Watcher(adapter)
        await watcher.until(scene.is_running)
        session = await adapter.start(scene.worktree)
        assert await adapter.advise(NOTICE) is Channel.STEER
        scene.let_go()
        await watcher.until_idle()
        await adapter.stop()
        await watcher.until_end()
        still = await peer.request("thread/read", {"threadId": thread}, timeout_s=20)
        await joined.end()
        await joined.close()
        return watcher, session, find_text(still, "thread", "id")

    watcher, session, still_there = asyncio.run(run())

    assert NOTICE in model.request_of_step("codex", EDIT_STEP).text, "the model had it when it chose the edit"
    assert session == still_there, "the thread in this folder was found, and is there after we have left"
    assert [event.path for event in watcher.find(Act.WRITE, Phase.DONE)] == [str(scene.file)]
    assert scene.file.read_text() == AFTER
    assert watcher.find(Act.FAULT) == watcher.find(Act.ASK) == []
    assert bool(person.asked) == (policy == "untrusted")


def test_nobody_can_be_joined_where_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="nobody can be joined"):
        asyncio.run(CodexAdapter(tmp_path / "s").start(tmp_path))
