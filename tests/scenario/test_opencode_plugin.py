"""OpenCode's plugin, run by Node and by Bun: what it tells the daemon, and what becomes of the answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from hookserver import HookServer
from watchkeeper.agents.hooks import vendor
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said, decode_payload
from watchkeeper.agents.shimcopy import render_plugin
from watchkeeper.agents.sockets import socket_path
from watchkeeper.model.agents import Act, TextEdit
from watchkeeper.repos.repository import find_repository

RUNTIMES = [shutil.which(name) for name in ("node", "bun")]  # OpenCode runs on Bun

DRIVER = """
import { Watchkeeper } from "./watchkeeper.mjs";
const told = [];
const client = { session: { prompt: async (request) => { told.push(request); } } };
const hooks = await Watchkeeper({ client, directory: process.argv[2] });
const results = [];
for (const [name, input, output] of JSON.parse(process.argv[3])) {
  try { await hooks[name](input, output); results.push({ output }); }
  catch (error) { results.push({ error: error.message, output }); }
}
console.log(JSON.stringify({ results, told, exported: Object.keys(await import("./watchkeeper.mjs")) }));
"""

EDIT = {"filePath": "src/a.py", "oldString": "x", "newString": "y"}
BEFORE = ["tool.execute.before", {"tool": "edit", "sessionID": "ses_1", "callID": "call_1"}, {"args": EDIT}]
AFTER = [
    "tool.execute.after",
    {"tool": "read", "sessionID": "ses_1", "callID": "call_2", "args": {"filePath": "a.py"}},
    {"title": "", "output": "text", "metadata": {"display": {"lineStart": 3, "lineEnd": 9}, "more": "x" * 1000}},
]
IDLE = ["event", {"event": {"type": "session.idle", "properties": {"sessionID": "ses_1"}}}, None]
PROMPT = [
    "chat.message",
    {"sessionID": "ses_1"},
    {"message": {}, "parts": [{"id": "prt_1", "type": "text", "text": "do it", "messageID": "m"}]},
]


class Drive:
    """Runs the plugin in one repository: ``drive(steps)`` gives what the driver printed."""

    def __init__(self, runtime: str, folder: Path, repo: GitRepo, home: Path, deadline_s: float = 20.0) -> None:
        self.runtime, self.home, self.repo, self.folder = runtime, home, repo, folder / "plugin"
        self.folder.mkdir()
        (self.folder / "watchkeeper.mjs").write_bytes(render_plugin(self.home, deadline_s))
        (self.folder / "driver.mjs").write_text(DRIVER)
        self.project = find_repository(repo.path).project

    def __call__(self, *steps: object, folder: Path | None = None) -> dict:
        environ = {name: value for name, value in os.environ.items() if name != "WATCHKEEPER_HOME"}
        done = subprocess.run(
            [self.runtime, "driver.mjs", str(folder or self.repo.path), json.dumps(steps)],
            cwd=self.folder, env=environ, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def server(self, say: Callable[[HookCall], Said]) -> HookServer:
        opencode = vendor("opencode")
        assert opencode

        def answer(payload: bytes) -> bytes:
            call = opencode.read(decode_payload(payload), "/")
            return opencode.answer(call, say(call))

        return HookServer(self.home, self.project, answer)


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder with a short name, whose sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="wk-", dir="/tmp") as folder:
        yield Path(folder, "state")


@pytest.fixture(params=RUNTIMES, ids=["node", "bun"])
def runtime(request: pytest.FixtureRequest) -> str:
    if request.param is None:
        pytest.skip("the runtime to run the plugin with is not installed")
    return str(request.param)


@pytest.fixture
def drive(runtime: str, tmp_path: Path, git_repo: GitRepo, home: Path) -> Drive:
    return Drive(runtime, tmp_path, git_repo, home)


def calls(server: HookServer) -> list[HookCall]:
    opencode = vendor("opencode")
    assert opencode
    return [opencode.read(decode_payload(payload), "/") for _, payload in server.requests]


def test_edits_reads_prompts_and_ends_of_turns_are_told(drive: Drive) -> None:
    with drive.server(lambda _call: Said()) as server:
        result = drive(BEFORE, AFTER, PROMPT, IDLE)
        before, after, prompt, idle = calls(server)

    assert server.requests[0][0] == f"watchkeeper 1 hook opencode {drive.repo.path}"
    assert [call.point for call in (before, after, prompt, idle)] == [
        Point.BEFORE_TOOL, Point.AFTER_TOOL, Point.PROMPT, Point.STOP,
    ]  # fmt: skip
    assert {call.session for call in (before, after, prompt, idle)} == {"ses_1"}
    assert {call.cwd for call in (before, after)} == {str(drive.repo.path)}
    assert [(event.act, event.path, event.edits, event.call) for event in before.events] == [
        (Act.WRITE, "src/a.py", (TextEdit("x", "y"),), "call_1")
    ]
    assert [(event.act, event.path, event.lines) for event in after.events] == [(Act.READ, "a.py", (3, 9))]
    assert prompt.events[0].text == "do it"
    assert result["told"] == []
    assert result["results"][1]["output"]["output"] == "text"
    assert result["exported"] == ["Watchkeeper"], "OpenCode takes every export for a plugin"


def test_what_is_denied_is_thrown_with_its_reason(drive: Drive) -> None:
    with drive.server(lambda _call: Said(deny="ada is at it")):
        assert drive(BEFORE)["results"] == [{"error": "ada is at it", "output": {"args": EDIT}}]


def test_advice_after_a_tool_is_appended_to_what_it_printed(drive: Drive) -> None:
    with drive.server(lambda _call: Said(advice="look")):
        result = drive(AFTER)

    assert result["results"][0]["output"]["output"] == "text\n\nlook"
    assert result["told"] == []


def test_advice_before_a_tool_is_a_message_that_asks_for_no_reply(drive: Drive) -> None:
    with drive.server(lambda _call: Said(advice="look")):
        (told,) = drive(BEFORE)["told"]

    assert told == {"path": {"id": "ses_1"}, "body": {"noReply": True, "parts": [{"type": "text", "text": "look"}]}}


def test_advice_with_a_prompt_is_a_part_of_its_own(drive: Drive) -> None:
    with drive.server(lambda _call: Said(advice="look")):
        own, added = drive(PROMPT)["results"][0]["output"]["parts"]

    assert own["text"] == "do it"
    assert (added["text"], added["synthetic"], added["messageID"]) == ("look", True, "m")
    assert added["id"] != own["id"]


def test_a_session_is_held_once_until_somebody_prompts_again(drive: Drive) -> None:
    with drive.server(lambda call: Said(hold="" if call.was_held else "go on")) as server:
        told = drive(IDLE, IDLE, PROMPT, IDLE)["told"]
        held = [call.was_held for call in calls(server) if call.point is Point.STOP]

    assert held == [False, True, False]
    assert [(each["body"]["noReply"], each["body"]["parts"][0]["text"]) for each in told] == [(False, "go on")] * 2


@pytest.mark.parametrize("answer", [b"", b"no json", b"[]", b"null", b'{"advice": ', b"7"])
def test_an_answer_that_means_nothing_changes_nothing(drive: Drive, answer: bytes) -> None:
    with HookServer(drive.home, drive.project, answer):
        result = drive(BEFORE, AFTER, PROMPT, IDLE)

    assert result["told"] == []
    assert [set(each) for each in result["results"]] == [{"output"}] * 3 + [{"output"}]
    assert result["results"][1]["output"]["output"] == "text"


def test_without_a_daemon_or_a_repository_nothing_happens(drive: Drive, tmp_path: Path) -> None:
    assert drive(BEFORE, AFTER)["told"] == []
    with drive.server(lambda _call: Said(deny="no")) as server:
        assert "error" not in drive(BEFORE, folder=tmp_path)["results"][0]
    assert server.requests == []


def test_a_daemon_that_does_not_answer_is_waited_for_until_the_deadline(
    runtime: str, tmp_path: Path, git_repo: GitRepo, home: Path
) -> None:
    drive = Drive(runtime, tmp_path, git_repo, home, deadline_s=0.3)
    started = time.monotonic()
    with HookServer(drive.home, drive.project, b'{"deny": "n', hang=True):
        assert "error" not in drive(BEFORE)["results"][0]
    assert time.monotonic() - started < 30


def test_a_linked_worktree_and_a_long_state_folder_lead_to_the_same_socket_as_everywhere(
    runtime: str, tmp_path: Path, git_repo: GitRepo
) -> None:
    git_repo.commit(files={"a.py": ""})
    tree = git_repo.worktree("ünter wegs", "side")
    drive = Drive(runtime, tmp_path, git_repo, tmp_path / ("long " * 30))

    with drive.server(lambda _call: Said(deny="no")) as server:
        assert drive(BEFORE, folder=tree.path)["results"][0]["error"] == "no"
    assert server.path == socket_path(drive.home, drive.project)
    assert "%C3%BCnter%20wegs" in server.requests[0][0]


def test_a_socket_in_a_folder_that_others_may_write_to_is_not_asked(drive: Drive) -> None:
    with drive.server(lambda _call: Said(deny="forged")) as server:
        server.path.parent.chmod(0o777)
        assert "error" not in drive(BEFORE)["results"][0]
    assert server.requests == []
