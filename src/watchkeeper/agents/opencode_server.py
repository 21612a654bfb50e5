"""OpenCode over its own server (``opencode serve``): text can be put into a turn without ending or beginning one."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from urllib.parse import quote

import msgspec

from watchkeeper.agents.loopback import Loopback
from watchkeeper.agents.port import AgentError, Capabilities, Gate, GateKind, Launch, Limits, Reads, allow
from watchkeeper.agents.process import FloodError, Process, start_process
from watchkeeper.agents.stream_reading import read_call
from watchkeeper.agents.tooluse import command_of, parse_unified
from watchkeeper.agents.untrusted import (
    MAX_TEXT,
    Fields,
    find_fields,
    find_first_path,
    find_first_text,
    find_text,
    find_whole_text,
)
from watchkeeper.agents.usage import read_opencode_step
from watchkeeper.agents.wire import Telling, ask_gate, end_process, watch_process
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

CAPABILITIES = Capabilities(
    push=(Channel.STEER, Channel.HOOK),
    gates=(GateKind.HOOK, GateKind.DECLINE),
    reject_ends_turn=False,
    reads=Reads.LINES,
    diffs=True,
    cancel=True,
    resume=True,
    measured="1.18.33",
)

_STATES = {"running": Phase.INTENT, "completed": Phase.DONE, "error": Phase.FAILED}
_PERMISSIONS = {"edit": Act.WRITE, "read": Act.READ, "list": Act.SEARCH, "glob": Act.SEARCH, "grep": Act.SEARCH}
_LISTENS = re.compile(rb"http://127\.0\.0\.1:(\d{1,5})\b")
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MAX_CALLS = 1000
_MAX_TASKS = 64


class OpenCodeAdapter:
    """One session of an OpenCode server of its own: ``opencode serve --hostname 127.0.0.1 --port 0``.

    The server gets a password that nobody else knows: its port is open to every user of this machine.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        gate: Gate = allow,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._password = secrets.token_urlsafe(24)
        given = os.environ if launch.environment is None else launch.environment
        self._launch = Launch(launch.command, {**given, "OPENCODE_SERVER_PASSWORD": self._password})
        self._gate = gate
        self._limits = limits
        self._telling = Telling("opencode", "opencode-server", limits)
        self._process: Process | None = None
        self._server: Loopback | None = None
        self._connected = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = ""
        self._family: set[str] = set()
        self._users: set[str] = set()
        self._steps: OrderedDict[str, None] = OrderedDict()
        self._open: OrderedDict[str, tuple[AgentEvent, ...]] = OrderedDict()
        self._pushed: list[str] = []
        self._is_busy = False
        self._has_begun = False
        self._reason = "ended"
        self._is_stopping = False
        self._heard_at = 0.0

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    async def start(self, cwd: Path, *, resume: str = "") -> str:
        if self._life is not None:
            raise AgentError("this agent was started before", slug="agent-at-work", hint="make a new adapter")
        self._process = await start_process(self._launch, cwd, self._limits)
        self._life = asyncio.create_task(self._live(self._process))
        try:
            async with asyncio.timeout(self._limits.start_s):
                await self._await_connected(self._life)
                self._session = await self._open_session(resume)
        except (ConnectionError, TimeoutError) as error:
            words = self._process.last_words
            await self.stop()
            raise AgentError(
                f"the agent opencode did not open a session: {str(error) or 'it does not answer'} {words}".rstrip(),
                slug="agent-not-started",
                hint=f"run it by hand: {' '.join(self._launch.command)[:200]}",
            ) from error
        except BaseException:
            await self.stop()
            raise
        self._family.add(self._session)
        self._telling.name(self._session, cwd)
        self._telling.tell(Act.BEGIN)
        return self._session

    async def prompt(self, text: str) -> None:
        if self._is_busy:
            raise AgentError("the agent opencode is within a turn", slug="agent-at-work", hint="wait until it is idle")
        self._is_busy, self._has_begun = True, False
        self._pushed.clear()
        self._heard_at = asyncio.get_running_loop().time()
        self._telling.tell(Act.PROMPT, text=text[:MAX_TEXT])
        if not await self._post("prompt_async", {"parts": _parts(text)}):
            self._finish("no prompt was taken", Phase.FAILED)
            raise AgentError("the agent opencode takes no prompt", slug="agent-not-started", hint="start a new session")

    async def advise(self, text: str) -> Channel | None:
        if not self._is_busy:
            return None
        self._pushed.append(text)
        if await self._post("message", {"noReply": True, "parts": _parts(text)}):
            return Channel.STEER
        if text in self._pushed:
            self._pushed.remove(text)
        return None

    async def cancel(self) -> None:
        if self._is_busy and not await self._post("abort", {}):
            self._telling.fault("does not take the cancellation")

    async def stop(self) -> None:
        self._is_stopping = True
        if self._process is None or self._life is None:
            self._telling.close()
            return
        await self._process.end()
        await asyncio.wait({self._life})

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._telling.outbox.read()

    async def _await_connected(self, life: asyncio.Task[None]) -> None:
        """Wait for the first event. Raises: ConnectionError where the process ends before."""
        connecting = asyncio.create_task(self._connected.wait())
        try:
            await asyncio.wait({connecting, life}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            connecting.cancel()
        if life.done():
            raise ConnectionError("it ended")

    async def _open_session(self, resume: str) -> str:
        path = f"/session/{quote(resume, safe='')}" if resume else "/session"
        status, found = await self._call("GET" if resume else "POST", path, None if resume else {})
        session = find_text(found, "id")
        if status != 200 or not _ID.fullmatch(session) or (resume and session != resume):
            raise ConnectionError(f"HTTP {status}")
        return session

    async def _call(self, method: str, path: str, body: object) -> tuple[int, Fields]:
        if self._server is None:
            raise ConnectionError("it does not listen")
        return await self._server.call(method, path, body, timeout_s=self._limits.answer_s)

    async def _post(self, what: str, body: object) -> bool:
        try:
            status, _ = await self._call("POST", f"/session/{self._session}/{what}", body)
        except (ConnectionError, TimeoutError):
            return False
        return status in (200, 204)

    async def _live(self, process: Process) -> None:
        """From the start of the process to its end."""
        reading = asyncio.create_task(self._read(process))
        try:
            why = await watch_process(process, reading, lambda: self._heard_at if self._is_busy else None, self._limits)
            code = await end_process(process, reading)
            why = why or reading.result()
            if why:
                self._telling.final_fault(f"{why}: its processes were killed")
            elif not self._is_stopping:
                words = f": {process.last_words}" if process.last_words else ""
                self._telling.final_fault(f"the agent's process ended (exit code {code}){words}")
        finally:
            for task in [*self._tasks, reading]:
                task.cancel()
            if self._is_busy:
                self._finish("the agent's process ended", Phase.FAILED)
            self._telling.close()

    async def _read(self, process: Process) -> str:
        """What the server prints: the first address in it is where it listens."""
        try:
            async for line in process.lines():
                found = _LISTENS.search(line) if isinstance(line, bytes) else None
                if found is not None and self._server is None:
                    self._server = Loopback(int(found[1]), "opencode", self._password, self._limits.line_bytes)
                    self._own(self._listen(process, self._server))
        except FloodError:
            return "it printed more than it may"
        return ""

    async def _listen(self, process: Process, server: Loopback) -> None:
        """The server's events; without them nothing is known of the agent, so it ends with them."""
        why = "the server ended its events"
        try:
            async for event in server.events("/event"):
                self._heard_at = asyncio.get_running_loop().time()
                self._connected.set()
                self._take(find_text(event, "type"), find_fields(event, "properties"))
        except (ConnectionError, OSError) as error:
            why = f"the server's events broke off: {error}"
        if not self._is_stopping:
            self._telling.final_fault(f"{why}: its processes were killed")
            self._is_stopping = True
            await process.end()

    def _own(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self, kind: str, fields: Fields) -> None:
        """One event of the server; those of sessions that ours did not begin are somebody else's."""
        if kind == "session.created" and find_text(fields, "info", "parentID") in self._family:
            self._family.add(find_text(fields, "info", "id"))
        session = find_first_text(fields, ("sessionID",)) or find_text(fields, "part", "sessionID")
        if session not in self._family:
            return
        match kind:
            case "message.updated" if find_text(fields, "info", "role") == "user" and len(self._users) < _MAX_CALLS:
                self._users.add(find_text(fields, "info", "id"))
            case "message.part.updated":
                self._take_part(find_fields(fields, "part"))
            case "permission.asked":
                self._ask(fields)
            case "session.error":
                self._take_error(fields, is_ours=session == self._session)
            case "session.status" if session == self._session and find_text(fields, "status", "type") == "busy":
                self._has_begun = True
            # The turn before may be called idle once more after it was cancelled.
            case "session.idle" if session == self._session and self._is_busy and self._has_begun:
                self._finish(self._reason, Phase.FAILED if self._reason == "failed" else Phase.DONE)

    def _take_part(self, part: Fields) -> None:
        text = find_text(part, "text")
        if find_text(part, "type") == "tool":
            self._take_call(part)
        elif find_text(part, "type") == "step-finish":
            self._take_step(part)
        elif find_text(part, "type") != "text" or not text:
            return
        elif find_text(part, "messageID") in self._users:
            if text in self._pushed:
                self._pushed.remove(text)
                self._telling.tell(Act.HEARD, text=text)
        elif "end" in find_fields(part, "time"):
            self._telling.tell(Act.SAY, text=text)

    def _take_step(self, part: Fields) -> None:
        """What one call of the model used; the same part may be told again."""
        step = find_text(part, "id")
        if step not in self._steps:
            self._steps[step] = None
            self._telling.use(read_opencode_step(part))
        if len(self._steps) > _MAX_CALLS:
            self._steps.popitem(last=False)

    def _take_call(self, part: Fields) -> None:
        call, phase = find_text(part, "callID"), _STATES.get(find_text(part, "state", "status"))
        about = msgspec.structs.replace(self._telling.about, call=call, phase=phase or Phase.INTENT)
        events = tuple(read_call(find_text(part, "tool"), find_fields(part, "state", "input"), about))
        if phase is None or (phase is Phase.INTENT and call in self._open):
            return
        if phase is Phase.INTENT:
            self._open[call] = events
            if len(self._open) > _MAX_CALLS:
                self._open.popitem(last=False)
        else:
            self._open.pop(call, None)
        self._put(events)

    def _take_error(self, fields: Fields, *, is_ours: bool) -> None:
        name = find_text(fields, "error", "name")
        if name == "MessageAbortedError":
            self._reason = "cancelled" if is_ours else self._reason
            return
        self._telling.fault(f"{name}: {find_text(fields, 'error', 'data', 'message')}"[:500])
        self._reason = "failed" if is_ours else self._reason

    def _ask(self, fields: Fields) -> None:
        if len(self._tasks) < _MAX_TASKS:
            self._own(self._answer(fields))
        else:
            self._telling.fault(f"asks for more than {_MAX_TASKS} things at once")

    async def _answer(self, fields: Fields) -> None:
        """A permission: allowed once, or rejected with the reason, which its model is told; the turn goes on then."""
        number = find_text(fields, "id")
        if not _ID.fullmatch(number):
            self._telling.fault(f"asks under an id that is none: {number[:100]!r}")
            return
        event = _read_permission(fields, self._telling.about)
        self._put([msgspec.structs.replace(event, act=Act.ASK)])
        verdict = await ask_gate(self._gate, event, self._limits, self._telling)
        reason = f"Not allowed: {verdict.reason}" if verdict.reason else "Not allowed"
        reply = {"reply": "once"} if verdict.allow else {"reply": "reject", "message": reason}
        try:
            status, _ = await self._call("POST", f"/permission/{number}/reply", reply)
        except (ConnectionError, TimeoutError) as error:
            self._telling.fault(f"does not take the answer to a permission: {error}")
        else:
            if status != 200:
                self._telling.fault(f"does not take the answer to a permission: HTTP {status}")

    def _finish(self, reason: str, phase: Phase) -> None:
        for events in self._open.values():
            self._put(msgspec.structs.replace(event, phase=Phase.FAILED) for event in events)
        self._open.clear()
        self._is_busy, self._reason = False, "ended"
        self._telling.tell(Act.IDLE, phase, text=reason)

    def _put(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            self._telling.outbox.put(event)


def _read_permission(fields: Fields, about: AgentEvent) -> AgentEvent:
    """What a permission is asked for; an edit comes with its whole difference."""
    details = find_fields(fields, "metadata")
    act = _PERMISSIONS.get(find_text(fields, "permission"), Act.RUN)
    return msgspec.structs.replace(
        about,
        act=act,
        phase=Phase.INTENT,
        call=find_text(fields, "tool", "callID"),
        tool=find_text(fields, "permission"),
        path=find_first_path(details, ("filepath", "filePath", "path")),
        command=command_of(details),
        edits=parse_unified(find_whole_text(details, "diff") or "") if act is Act.WRITE else (),
    )


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]
