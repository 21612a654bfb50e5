"""Agents that print garbage, flood, die, hang and lie: a clear event, bounded memory, and nobody else is harmed."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

import pytest

from scene import Watcher
from watchkeeper.agents.acp import AcpAdapter
from watchkeeper.agents.codex_server import CodexAdapter
from watchkeeper.agents.opencode_server import OpenCodeAdapter
from watchkeeper.agents.plain import PlainAdapter
from watchkeeper.agents.port import Adapter, AgentError, Capabilities, Launch, Limits, Verdict
from watchkeeper.agents.vendors import SECOND_PROMPT, AcpVendor
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

VENDOR = AcpVendor("liar", ("liar",), Capabilities(), SECOND_PROMPT)

ACP_AGENT = """
import json, sys, time
def say(message): sys.stdout.write(json.dumps(message) + "\\n"); sys.stdout.flush()
def update(session, **fields): say({"jsonrpc": "2.0", "method": "session/update",
                                    "params": {"sessionId": session, "update": fields}})
for line in sys.stdin:
    asked = json.loads(line)
    method, number = asked.get("method"), asked.get("id")
    if method == "initialize": say({"jsonrpc": "2.0", "id": number, "result": {"protocolVersion": 1}})
    elif method == "session/new": say({"jsonrpc": "2.0", "id": number, "result": {"sessionId": "mine"}})
    elif method == "session/prompt":
        %s
        say({"jsonrpc": "2.0", "id": number, "result": {"stopReason": "end_turn"}})
"""


def python(script: str, *arguments: str) -> Launch:
    return Launch((sys.executable, "-c", script, *arguments))


def acp(script: str, **options: object) -> AcpAdapter:
    """An agent that speaks ACP, and does ``script`` when it is prompted."""
    body = "\n        ".join(script.strip().splitlines())
    return AcpAdapter(VENDOR, python(ACP_AGENT % body), **options)  # type: ignore[arg-type]


def one_turn(adapter: Adapter, folder: Path) -> Watcher:
    """Everything that is seen of a session with one turn."""

    async def run() -> Watcher:
        await adapter.start(folder)
        watcher = Watcher(adapter)
        await adapter.prompt("Go.")
        await watcher.until_idle()
        await adapter.stop()
        await watcher.until_end()
        return watcher

    return asyncio.run(run())


def faults(watcher: Watcher) -> list[str]:
    return [event.text for event in watcher.find(Act.FAULT)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def test_a_command_that_prints_a_gigabyte_is_killed_with_all_it_started_and_memory_stays(tmp_path: Path) -> None:
    flood = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
print(f"child {child.pid}", flush=True)
block = (b"x" * 4095 + b"\\n") * 256
while True: os.write(1, block)
"""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    watcher = one_turn(PlainAdapter("flood", python(flood)), tmp_path)

    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (
        1e6 if sys.platform == "darwin" else 1e3
    )
    assert "it printed more than it may: its processes were killed" in faults(watcher)
    assert any("the rest is not kept" in fault for fault in faults(watcher))
    assert watcher.find(Act.IDLE)[-1].phase is Phase.FAILED
    assert grown_mb < 60, f"memory grew by {grown_mb:.0f} MB"
    child = int(watcher.find(Act.SAY)[0].text.split()[1])
    assert sys.platform != "linux" or not is_alive(child), "what it started in a group of its own is gone, too"


def test_a_command_that_prints_endless_short_lines_is_killed(tmp_path: Path) -> None:
    limits = Limits(output_lines=50_000)

    watcher = one_turn(PlainAdapter("yes", Launch(("yes", "{prompt}")), limits=limits), tmp_path)

    assert "it printed more than it may: its processes were killed" in faults(watcher)


def test_garbage_overlong_lines_and_unknown_messages_are_told_and_the_turn_ends_well(tmp_path: Path) -> None:
    garbage = r"""
import os, sys
os.write(1, bytes(range(256)) + b"\n")
os.write(1, b"x" * (3 << 20) + b"\n")
os.write(1, b'{"type": "tool_use", "name": ["no", "text"], "input": 7}\n')
os.write(1, b"[" * 200000 + b"\n")
os.write(1, b"{" * 200000 + b"\n")
os.write(1, b'{"type": "of another world", "n": 1e999}\n')
os.write(1, b'{"type": "message", "content": "\\ud800 half a character"}\n')
os.write(1, b"the last line has no end")
"""

    watcher = one_turn(PlainAdapter("garbage", python(garbage)), tmp_path)

    assert faults(watcher) == ["a line of more than 1024 KB was skipped"]
    said = [event.text for event in watcher.find(Act.SAY)]
    assert said[-1] == "the last line has no end"
    assert any("of another world" in text for text in said)
    json.dumps(said).encode()
    assert watcher.find(Act.IDLE)[-1].phase is Phase.DONE


def test_a_command_that_dies_says_how_and_with_which_last_words(tmp_path: Path) -> None:
    dying = "import sys; sys.stderr.write('no licence\\n'); sys.exit(3)"

    watcher = one_turn(PlainAdapter("dying", python(dying)), tmp_path)

    assert faults(watcher) == ["the agent's process ended (exit code 3): no licence"]


def test_a_command_that_never_answers_is_killed_after_its_time(tmp_path: Path) -> None:
    watcher = one_turn(PlainAdapter("silent", Launch(("sleep", "1000")), limits=Limits(silence_s=0.2)), tmp_path)

    assert [fault.partition(" for ")[0] for fault in faults(watcher)] == ["nothing came from the agent"]


def test_a_command_that_works_quietly_within_its_time_is_left_alone(tmp_path: Path) -> None:
    watcher = one_turn(PlainAdapter("quiet", Launch(("true",)), limits=Limits(silence_s=60)), tmp_path)

    assert faults(watcher) == []
    assert watcher.find(Act.IDLE)[-1].text == "ended"


def test_a_command_whose_child_keeps_its_output_open_ends_nevertheless(tmp_path: Path) -> None:
    leaving = "import subprocess; print(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)"

    watcher = one_turn(PlainAdapter("leaving", python(leaving)), tmp_path)

    assert watcher.find(Act.IDLE)[-1].text == "ended"


def test_text_for_a_command_cannot_become_options_or_commands(tmp_path: Path) -> None:
    watcher = one_turn(PlainAdapter("echo", Launch(("printf", "%s\n", "{prompt}"))), tmp_path)

    assert [event.text for event in watcher.find(Act.SAY)] == ["Go."]


def test_a_cancelled_command_is_gone_and_can_be_prompted_again(tmp_path: Path) -> None:
    async def run() -> list[str]:
        adapter = PlainAdapter("slow", Launch(("sh", "-c", "tail -n 1; exec sleep 1000")))
        await adapter.start(tmp_path)
        watcher = Watcher(adapter)
        for number in (1, 2):
            await adapter.prompt(f"turn {number}")
            await watcher.until(lambda count=number: len(watcher.find(Act.SAY)) == count)  # type: ignore[misc]
            assert await adapter.advise("no way in") is None
            await adapter.cancel()
        await adapter.stop()
        await watcher.until_end()
        return [event.text for event in watcher.seen if event.act in (Act.SAY, Act.IDLE)]

    assert asyncio.run(run()) == ["turn 1", "cancelled", "turn 2", "cancelled"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/no/such/agent",), "No such file"),
        ((sys.executable, "-c", "import time; print('no protocol', flush=True); time.sleep(1000)"), "does not answer"),
        ((sys.executable, "-c", "import sys; sys.exit('please log in first')"), "please log in first"),
        (("cat",), "Method not found"),  # our own requests come back
    ],
)
@pytest.mark.parametrize("kind", ["acp", "codex"])
def test_an_agent_that_does_not_start_is_an_error_with_its_words(
    kind: str, command: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    limits = Limits(start_s=0.5)
    launch = Launch(command)
    adapter = AcpAdapter(VENDOR, launch, limits=limits) if kind == "acp" else CodexAdapter(launch, limits=limits)

    with pytest.raises(AgentError, match=words):
        asyncio.run(adapter.start(tmp_path))


def test_what_is_no_message_is_told_and_the_conversation_goes_on(tmp_path: Path) -> None:
    watcher = one_turn(
        acp(
            r"""
sys.stdout.buffer.write(bytes(range(128, 256)) + b"\n"); sys.stdout.flush()
say([1, 2, 3]); say("words"); say({"id": 999, "result": {}}); say({"id": [], "error": 7})
say({"jsonrpc": "2.0", "method": 7}); say({"method": "session/update", "params": ["no", "object"]})
for broken in (None, 7, [], {}, {"sessionUpdate": 7}, {"sessionUpdate": "of tomorrow"}):
    say({"method": "session/update", "params": {"sessionId": "mine", "update": broken}})
for kind in ("tool_call", "tool_call_update"):
    update("mine", sessionUpdate=kind, toolCallId=7)
    update("mine", sessionUpdate=kind, toolCallId="c", kind=["read"], locations=[7, {"path": 9}], content={"type": 1})
    update("mine", sessionUpdate=kind, toolCallId="c", rawInput=[1], status={"a": 1}, title="\ud800")
say({"id": "x", "method": "session/request_permission", "params": {"options": [1, {}], "toolCall": [2]}})
say({"id": {"a": 1}, "method": "fs/read_text_file", "params": {"path": "/etc/passwd"}})
update("mine", sessionUpdate="agent_message_chunk", content={"type": "text", "text": "still here"})
"""
        ),
        tmp_path,
    )

    assert [event.text for event in watcher.find(Act.SAY)] == ["still here"]
    assert sum("not a message" in fault for fault in faults(watcher)) == 3
    assert watcher.find(Act.IDLE)[-1].text == "end_turn"
    assert all(event.session == "mine" for event in watcher.seen)


def test_an_agent_that_speaks_for_another_session_is_found_out_and_its_deeds_stay_its_own(tmp_path: Path) -> None:
    watcher = one_turn(
        acp(
            """
update("somebody-else", sessionUpdate="tool_call", toolCallId="c", kind="edit", status="completed",
       content=[{"type": "diff", "path": "/a.py", "oldText": "a", "newText": "b"}])
"""
        ),
        tmp_path,
    )

    assert [fault.partition(":")[0] for fault in faults(watcher)] == ["speaks for a session that is not its own"]
    (written,) = watcher.find(Act.WRITE)
    assert (written.session, written.path) == ("mine", "/a.py")


def test_an_agent_that_dies_within_its_turn_leaves_nothing_open(tmp_path: Path) -> None:
    watcher = one_turn(
        acp(
            """
update("mine", sessionUpdate="tool_call", toolCallId="c", kind="read", locations=[{"path": "/a.py"}])
sys.exit("out of memory")
"""
        ),
        tmp_path,
    )

    assert faults(watcher) == ["the agent's process ended (exit code 1): out of memory"]
    assert [event.phase for event in watcher.find(Act.READ)] == [Phase.INTENT, Phase.FAILED]
    assert [event.act for event in watcher.seen[-2:]] == [Act.IDLE, Act.END]


def test_an_agent_that_falls_silent_within_its_turn_is_killed(tmp_path: Path) -> None:
    watcher = one_turn(acp("time.sleep(1000)", limits=Limits(silence_s=0.3)), tmp_path)

    assert [fault.partition(" for ")[0] for fault in faults(watcher)] == ["nothing came from the agent"]


def test_a_message_that_is_too_long_is_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    watcher = one_turn(
        acp(
            """
update("mine", sessionUpdate="agent_message_chunk", content={"type": "text", "text": "x" * 2_000_000})
update("mine", sessionUpdate="agent_message_chunk", content={"type": "text", "text": "short"})
""",
            limits=Limits(line_bytes=1 << 20),
        ),
        tmp_path,
    )

    assert faults(watcher) == ["a message longer than allowed was skipped"]
    assert [event.text for event in watcher.find(Act.SAY)] == ["short"]


def test_an_agent_that_floods_with_messages_is_told_once_and_the_reader_gets_what_fits(tmp_path: Path) -> None:
    adapter = acp(
        """
for each in range(5000):
    update("mine", sessionUpdate="tool_call", toolCallId=str(each), kind="read", status="completed",
           locations=[{"path": f"/{each}.py"}])
""",
        limits=Limits(waiting_events=100),
    )

    async def run() -> list[AgentEvent]:
        await adapter.start(tmp_path)
        await adapter.prompt("Go.")
        assert adapter._turn is not None
        await asyncio.wait({adapter._turn})
        await adapter.stop()
        return [event async for event in adapter.events()]

    seen = asyncio.run(run())

    assert sum(event.act is Act.READ for event in seen) <= 100
    lost = [event.text for event in seen if event.act is Act.FAULT]
    assert len(lost) == 1
    assert "events were dropped" in lost[0]
    assert seen[-1].act is Act.END


@pytest.mark.parametrize("is_slow", [True, False])
def test_a_gate_that_breaks_or_hangs_lets_the_agent_go_on_and_is_told(tmp_path: Path, is_slow: bool) -> None:
    async def gate(event: AgentEvent) -> Verdict:
        if is_slow:
            await asyncio.Event().wait()
        raise LookupError("no such rule")

    ask = """
options = [{"optionId": "no", "kind": "reject_once"}, {"optionId": "yes", "kind": "allow_once"}]
say({"jsonrpc": "2.0", "id": "p", "method": "session/request_permission", "params": {"sessionId": "mine",
     "toolCall": {"toolCallId": "c", "kind": "edit", "locations": [{"path": "/a.py"}]}, "options": options}})
answer = json.loads(sys.stdin.readline())
update("mine", sessionUpdate="agent_message_chunk", content={"type": "text", "text": json.dumps(answer["result"])})
"""

    watcher = one_turn(acp(ask, gate=gate, limits=Limits(gate_s=0.2)), tmp_path)

    (answer,) = watcher.find(Act.SAY)
    assert json.loads(answer.text) == {"outcome": {"outcome": "selected", "optionId": "yes"}}
    assert ["did not decide" in fault or "broke" in fault for fault in faults(watcher)] == [True]


def test_a_second_prompt_is_refused_while_a_turn_runs(tmp_path: Path) -> None:
    async def run() -> None:
        adapter = acp("time.sleep(1000)")
        await adapter.start(tmp_path)
        await adapter.prompt("Go.")
        with pytest.raises(AgentError, match="within a turn"):
            await adapter.prompt("And this.")
        await adapter.stop()

    asyncio.run(run())


def test_advice_to_an_agent_without_a_way_in_is_not_sent(tmp_path: Path) -> None:
    async def run() -> Channel | None:
        launch = python(ACP_AGENT % "time.sleep(1000)")
        adapter = AcpAdapter(AcpVendor("deaf", ("deaf",), Capabilities()), launch)
        await adapter.start(tmp_path)
        await adapter.prompt("Go.")
        channel = await adapter.advise("a second prompt would cancel the turn")
        await adapter.stop()
        return channel

    assert asyncio.run(run()) is None


SERVER = """
import json, re, socket, sys, threading
listening = socket.create_server(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
HEAD = b"HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n"
started = threading.Event()
def chunk(data): return b"%x\\r\\n%s\\r\\n" % (len(data), data)
def event(kind, **fields):
    return chunk(b"data: " + json.dumps({"type": kind, "properties": fields}).encode() + b"\\n\\n")
def serve(connection):
    asked = connection.recv(65536)
    if b"/event" in asked:
        connection.sendall(HEAD + event("server.connected"))
        started.wait()
        EVENTS
        connection.close()
    else:
        connection.sendall(HEAD + chunk(b'{"id": "ses_1"}') + chunk(b""))
        connection.close()
        if b"prompt_async" in asked: started.set()
while True: threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""


def opencode(events: str) -> OpenCodeAdapter:
    """A server that sends ``events`` once it is prompted, and then closes."""
    return OpenCodeAdapter(python(SERVER.replace("EVENTS", events)), limits=Limits(answer_s=5))


def test_events_of_a_server_that_are_garbage_or_somebody_elses_are_passed_over(tmp_path: Path) -> None:
    watcher = one_turn(
        opencode(
            """
        connection.sendall(chunk(b"data: no JSON\\n\\ndata: [1]\\n\\ndata: {}\\n\\n: comment\\n\\n"))
        connection.sendall(chunk(bytes(range(256))) + chunk(b"\\n"))
        connection.sendall(event("message.part.updated", part={"sessionID": "ses_1", "type": "tool", "state": 7}))
        connection.sendall(event("permission.asked", sessionID="ses_1", id="../../session", metadata=[1]))
        part = {"sessionID": "ses_2", "type": "tool", "tool": "edit", "callID": "c",
                "state": {"status": "completed", "input": {"filePath": "/a.py"}}}
        connection.sendall(event("message.part.updated", part=part))
        connection.sendall(event("message.part.updated", part={**part, "sessionID": "ses_1"}))
        connection.sendall(event("session.status", sessionID="ses_1", status={"type": "busy"}))
        connection.sendall(event("session.idle", sessionID="ses_2") + event("session.idle", sessionID="ses_1"))
        threading.Event().wait()
"""
        ),
        tmp_path,
    )

    assert [event.path for event in watcher.find(Act.WRITE)] == ["/a.py"]
    assert [fault.partition(":")[0] for fault in faults(watcher)] == ["asks under an id that is none"]
    assert watcher.find(Act.IDLE)[-1].phase is Phase.DONE


@pytest.mark.parametrize("end", ["pass", 'connection.sendall(b"zz\\r\\n")', 'connection.sendall(b"-5\\r\\n")'])
def test_a_server_whose_events_break_off_ends_the_session(tmp_path: Path, end: str) -> None:
    watcher = one_turn(opencode(end), tmp_path)

    assert ["its processes were killed" in fault for fault in faults(watcher)] == [True]
    assert watcher.find(Act.IDLE)[-1].phase is Phase.FAILED
    assert watcher.seen[-1].act is Act.END


@pytest.mark.parametrize(
    "script",
    [
        "print('http://127.0.0.1:1', flush=True); import time; time.sleep(1000)",
        SERVER.replace("HEAD = b", "HEAD = b'not HTTP at all' + b").replace("EVENTS", "pass"),
        SERVER.replace('b\'{"id": "ses_1"}\'', 'b\'{"id": "../../etc"}\'').replace("EVENTS", "pass"),
        "import sys; sys.exit('no licence')",
    ],
    ids=["nobody listens", "no HTTP", "an id that is a path", "dies"],
)
def test_a_server_that_opens_no_session_is_an_error(tmp_path: Path, script: str) -> None:
    adapter = OpenCodeAdapter(python(script), limits=Limits(start_s=2))

    with pytest.raises(AgentError, match="did not open a session"):
        asyncio.run(adapter.start(tmp_path))
