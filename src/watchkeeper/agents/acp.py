"""Agents that speak the Agent Client Protocol over their standard input and output; one adapter for all of them.

Speaks JSON-RPC itself (``jsonrpc``) instead of using the protocol's SDK: the SDK's types refuse what a newer agent
says, and this side must go on reading then. What vendors do differently is in ``vendors``, as data.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec

from watchkeeper.agents.acp_files import ServedFiles
from watchkeeper.agents.acp_reading import ToolCalls
from watchkeeper.agents.jsonrpc import DeniedError, RefusedError, UnknownMethodError
from watchkeeper.agents.port import AgentError, Capabilities, Gate, Launch, Limits, allow
from watchkeeper.agents.untrusted import MAX_TEXT, Fields, find_fields, find_objects, find_path, find_text
from watchkeeper.agents.usage import read_acp_answer, read_acp_update
from watchkeeper.agents.vendors import AcpVendor, Steering
from watchkeeper.agents.wire import Telling, Wire, ask_gate
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase, TextEdit

_LOST = (ConnectionError, TimeoutError)


class AcpAdapter:
    """One session of an agent over ACP. ``servers`` are MCP servers that it is given, in the protocol's words.

    ``serves_files``: the agent may read and write the files of its worktree through us. Off, unless wanted: most agents
    never ask, and one writes past us anyway. Goose tells the lines that it reads only then, and is told by the gate why
    it may not write. What an agent asks for that was not offered is answered as unknown.
    """

    def __init__(
        self,
        vendor: AcpVendor,
        launch: Launch,
        *,
        gate: Gate = allow,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        servers: Sequence[Mapping[str, object]] = (),
        serves_files: bool = False,
    ) -> None:
        self._vendor = vendor
        self._gate = gate
        self._limits = limits
        self._servers = list(servers)
        self._serves_files = serves_files
        self._files = ServedFiles(Path("/nowhere"))
        self._telling = Telling(vendor.name, "acp", limits)
        self._wire = Wire(self._telling, launch, limits)
        self._calls = ToolCalls(vendor.tool_name_at)
        self._session = ""
        self._prompts: set[asyncio.Future[object]] = set()
        self._turn: asyncio.Task[None] | None = None
        self._can_steer = vendor.steering is not None
        self._run = ""
        self._run_known = asyncio.Event()
        self._said: list[str] = []
        self._said_size = 0
        self._pushed: list[str] = []
        self._echo = ""
        self._is_replaying = False
        self._strangers: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        return self._vendor.capabilities

    @property
    def pid(self) -> int:
        return self._wire.pid

    async def start(self, cwd: Path, *, resume: str = "") -> str:
        self._files = ServedFiles(cwd)
        await self._wire.open(cwd, self, lambda: self._turn is not None, self._on_end)
        try:
            async with asyncio.timeout(self._limits.start_s):
                self._session = await self._open_session(cwd, resume)
        except (RefusedError, *_LOST) as error:
            raise await self._wire.give_up(error) from error
        except BaseException:
            await self._wire.stop()
            raise
        self._telling.name(self._session, cwd)
        self._telling.tell(Act.BEGIN)
        return self._session

    async def prompt(self, text: str) -> None:
        if self._turn is not None:
            raise AgentError(
                f"the agent {self._vendor.name} is within a turn", slug="agent-at-work", hint="wait until it is idle"
            )
        self._run_known.clear()
        self._run = ""
        self._pushed.clear()
        self._wire.peer.heard_at = asyncio.get_running_loop().time()
        self._telling.tell(Act.PROMPT, text=text[:MAX_TEXT])
        try:
            self._prompts.add(await self._wire.peer.send("session/prompt", self._message(text)))
        except _LOST as error:
            raise AgentError(
                f"the agent {self._vendor.name} takes no prompt: {type(error).__name__}",
                slug="agent-not-started",
                hint="start a new session",
            ) from error
        self._turn = asyncio.create_task(self._await_turn())

    async def advise(self, text: str) -> Channel | None:
        steering = self._vendor.steering
        if self._turn is None or steering is None or not self._can_steer:
            return None
        self._pushed.append(text)
        try:
            channel = await self._steer(steering, text)
        except (RefusedError, *_LOST):
            channel = None
        if channel is None and text in self._pushed:
            self._pushed.remove(text)
        return channel

    async def cancel(self) -> None:
        if self._turn is not None:
            try:
                await self._wire.peer.notify("session/cancel", {"sessionId": self._session})
            except _LOST:
                self._telling.fault("does not take the cancellation")

    async def stop(self) -> None:
        await self._wire.stop()

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._telling.outbox.read()

    def on_fault(self, text: str) -> None:
        self._telling.fault(text)

    def on_notification(self, method: str, params: Fields) -> None:
        if method != "session/update":
            return  # extensions: what nobody knows is no fault
        self._check_session(params)
        update = find_fields(params, "update")
        self._find_run(update)
        if self._is_replaying:
            return
        match find_text(update, "sessionUpdate"):
            case "agent_message_chunk":
                self._say(find_text(update, "content", "text"))
            case "user_message_chunk":
                self._hear(find_text(update, "content", "text"))
            case "tool_call" | "tool_call_update":
                self._flush()
                self._put(self._calls.take(update, self._telling.about))
            case "usage_update":
                self._telling.use(read_acp_update(update))

    async def on_request(self, method: str, params: Fields) -> object:
        self._check_session(params)
        match method:
            case "session/request_permission":
                return await self._permit(params)
            case "fs/read_text_file" if self._serves_files:
                return await self._files.read(params)
            case "fs/write_text_file" if self._serves_files:
                return await self._write(params)
        raise UnknownMethodError

    async def _permit(self, params: Fields) -> object:
        self._flush()
        intents = self._calls.read_intent(find_fields(params, "toolCall"), self._telling.about)
        about = msgspec.structs.replace(self._telling.about, phase=Phase.INTENT)
        asked = intents or (msgspec.structs.replace(about, act=Act.RUN, tool=find_text(params, "toolCall", "title")),)
        self._put(tuple(msgspec.structs.replace(event, act=Act.ASK) for event in asked))
        for event in asked:
            verdict = await ask_gate(self._gate, event, self._limits, self._telling)
            if not verdict.allow:
                await self._give_reason(verdict.reason)
                return _choose(params, ("reject_once", "reject_always"))
        return _choose(params, ("allow_once", "allow_always"))

    async def _write(self, params: Fields) -> object:
        old, new = await self._files.compare(params)
        event = msgspec.structs.replace(
            self._telling.about, act=Act.WRITE, phase=Phase.INTENT, path=find_path(params, "path"), tool="write",
            edits=(TextEdit(old, new),),
        )  # fmt: skip
        verdict = await ask_gate(self._gate, event, self._limits, self._telling)
        if not verdict.allow:
            raise DeniedError(f"Not allowed: {verdict.reason}" if verdict.reason else "Not allowed")
        await self._files.write(params)
        return None

    async def _open_session(self, cwd: Path, resume: str) -> str:
        peer, serves = self._wire.peer, self._serves_files
        hello = await peer.request(
            "initialize",
            {
                "protocolVersion": 1,
                "clientCapabilities": {"fs": {"readTextFile": serves, "writeTextFile": serves}, "terminal": False},
                "clientInfo": {"name": "watchkeeper", "version": "1"},
            },
            timeout_s=None,
        )
        offered_at = self._vendor.steering.offered_at if self._vendor.steering else ()
        if offered_at and find_fields(hello, *offered_at[:-1]).get(offered_at[-1]) is not True:
            self._can_steer = False
        place = {"cwd": str(cwd), "mcpServers": self._servers}
        if resume:
            await self._attach(find_fields(hello, "agentCapabilities"), {"sessionId": resume, **place})
            session = resume
        else:
            session = find_text(await peer.request("session/new", place, timeout_s=None), "sessionId")
        if not session:
            raise RefusedError("it gave no session id")
        if self._vendor.mode:
            await peer.request("session/set_mode", {"sessionId": session, "modeId": self._vendor.mode}, timeout_s=None)
        return session

    async def _attach(self, offered: Fields, params: Mapping[str, object]) -> None:
        """Resume where the agent can, else load: it tells the whole past again then, which is no news."""
        self._session = str(params["sessionId"])
        method = "session/resume" if "resume" in find_fields(offered, "sessionCapabilities") else "session/load"
        self._is_replaying = True
        try:
            await self._wire.peer.request(method, params, timeout_s=None)
        finally:
            self._is_replaying = False

    async def _await_turn(self) -> None:
        """Wait until every prompt of the turn is answered: a merged one is answered with the first, or after it."""
        reason, phase = "", Phase.DONE
        while self._prompts:
            answer = next(iter(self._prompts))
            try:
                said = await answer
                reason = find_text(said, "stopReason")
                self._telling.use(read_acp_answer(said))
            except RefusedError as error:
                reason, phase = str(error), Phase.FAILED
                self._telling.fault(f"the turn failed: {error}")
            except ConnectionError:
                return  # the end of the process ends the turn, once it is known how it died
            finally:
                self._prompts.discard(answer)
        self._end_turn(reason, phase)

    def _end_turn(self, reason: str, phase: Phase) -> None:
        self._flush()
        self._put(self._calls.end(self._telling.about))
        self._turn = None
        self._telling.tell(Act.IDLE, phase, text=reason)

    def _on_end(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._end_turn("the agent's process ended", Phase.FAILED)

    async def _steer(self, steering: Steering, text: str) -> Channel | None:
        params = self._message(text)
        if steering.run_key:
            if not self._run:  # told soon after the turn began
                async with asyncio.timeout(self._limits.answer_s):
                    await self._run_known.wait()
            params[steering.run_key] = self._run
        if not steering.is_answered:
            self._prompts.add(await self._wire.peer.send(steering.method, params))
            if self._turn is None:  # it ended while this was on its way, which begins another then
                self._telling.tell(Act.PROMPT, text=text[:MAX_TEXT])
                self._turn = asyncio.create_task(self._await_turn())
                return Channel.PROMPT
            return Channel.STEER
        answer = await self._wire.peer.request(steering.method, params, timeout_s=self._limits.answer_s)
        return Channel.STEER if find_text(answer, "outcome") in ("", "injected") else None

    async def _give_reason(self, reason: str) -> None:
        """No agent hands on the reason of a rejection: where the turn goes on, it is pushed in."""
        if reason and self._vendor.capabilities.reject_ends_turn is False:
            await self.advise(f"Not allowed: {reason}")

    def _message(self, text: str) -> dict[str, object]:
        return {"sessionId": self._session, "prompt": [{"type": "text", "text": text}]}

    def _find_run(self, update: Fields) -> None:
        steering = self._vendor.steering
        if steering is not None and steering.run_path and (run := find_text(update, *steering.run_path)):
            self._run = run
            self._run_known.set()

    def _check_session(self, params: Fields) -> None:
        told = find_text(params, "sessionId")
        if self._session and told != self._session and told not in self._strangers and len(self._strangers) < 10:
            self._strangers.add(told)
            self._telling.fault(f"speaks for a session that is not its own: {told[:100]!r}; taken as its own deeds")

    def _say(self, text: str) -> None:
        self._said.append(text)
        self._said_size += len(text)
        if self._said_size >= MAX_TEXT:
            self._flush()

    def _hear(self, text: str) -> None:
        """A pushed text that is seen in the conversation; it may come in pieces."""
        if not self._pushed:
            return
        self._echo = (self._echo + text)[-MAX_TEXT:]
        for pushed in [each for each in self._pushed if each in self._echo]:
            self._pushed.remove(pushed)
            self._telling.tell(Act.HEARD, text=pushed[:MAX_TEXT])

    def _flush(self) -> None:
        text = "".join(self._said)
        self._said.clear()
        self._said_size = 0
        self._echo = ""
        if text:
            self._telling.tell(Act.SAY, text=text)

    def _put(self, events: Sequence[AgentEvent]) -> None:
        for event in events:
            self._telling.outbox.put(event)


def _choose(params: Fields, kinds: tuple[str, ...]) -> object:
    """The answer with the first option of these kinds; where the agent offers none, that nothing was chosen."""
    options = {find_text(each, "kind"): find_text(each, "optionId") for each in find_objects(params, "options")}
    chosen = next((options[kind] for kind in kinds if options.get(kind)), None)
    return {"outcome": {"outcome": "cancelled"} if chosen is None else {"outcome": "selected", "optionId": chosen}}
