"""Codex over its own app-server: says more than ACP, and lets itself be told without ending the turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import msgspec

from watchkeeper.agents.codex_reading import read_command, read_item
from watchkeeper.agents.jsonrpc import RefusedError, UnknownMethodError
from watchkeeper.agents.port import AgentError, Capabilities, Gate, GateKind, Launch, Limits, Reads, allow
from watchkeeper.agents.untrusted import MAX_TEXT, Fields, find_fields, find_objects, find_text
from watchkeeper.agents.usage import read_codex
from watchkeeper.agents.wire import Telling, Wire, ask_gate
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

CAPABILITIES = Capabilities(
    push=(Channel.STEER, Channel.HOOK, Channel.STOP),
    gates=(GateKind.HOOK, GateKind.DECLINE),
    reject_ends_turn=False,
    reads=Reads.COMMANDS,
    diffs=True,
    cancel=True,
    resume=True,
    measured="0.169.0",
)

_LOST = (ConnectionError, TimeoutError)
_MAX_CHANGES = 200


class CodexAdapter:
    """One session (thread) of ``codex app-server``: of one that we start, or of one that a person did.

    ``source`` is how ours is started, or the socket of the person's (``--listen unix://...``): that one is joined and
    left, nothing that it asks for is answered (the person does), and ``start`` without ``resume`` takes the thread that
    works in the given folder.

    ``settings`` go into ``thread/start`` as they are: ``approvalPolicy`` (``untrusted`` lets the gate see each command
    that Codex does not know as harmless, and each change; ``never`` asks nothing), ``sandbox``, ``model``.
    """

    def __init__(
        self,
        source: Launch | Path,
        *,
        gate: Gate = allow,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._gate = gate
        self._limits = limits
        self._settings = dict(settings or {})
        self._telling = Telling("codex", "app-server", limits)
        self._wire = Wire(self._telling, source, limits, is_versioned=False)
        self._is_guest = isinstance(source, Path)
        self._session = ""
        self._turn = ""
        self._is_busy = False
        self._turn_known = asyncio.Event()
        self._changes: OrderedDict[str, Fields] = OrderedDict()
        self._open: OrderedDict[str, Fields] = OrderedDict()
        self._pushed: list[str] = []

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def pid(self) -> int:
        return self._wire.pid

    async def start(self, cwd: Path, *, resume: str = "") -> str:
        await self._wire.open(cwd, self, lambda: self._is_busy, self._on_end)
        try:
            async with asyncio.timeout(self._limits.start_s):
                self._session = await self._open_thread(cwd, resume)
        except (RefusedError, *_LOST) as error:
            raise await self._wire.give_up(error) from error
        except BaseException:
            await self._wire.stop()
            raise
        self._telling.name(self._session, cwd)
        self._telling.tell(Act.BEGIN)
        return self._session

    async def prompt(self, text: str) -> None:
        if self._is_busy:
            raise AgentError("the agent codex is within a turn", slug="agent-at-work", hint="wait until it is idle")
        self._is_busy, self._turn = True, ""
        self._turn_known.clear()
        self._pushed.clear()
        self._wire.peer.heard_at = asyncio.get_running_loop().time()
        self._telling.tell(Act.PROMPT, text=text[:MAX_TEXT])
        try:
            begun = await self._ask("turn/start", {"input": _input(text)})
        except (RefusedError, *_LOST) as error:
            self._is_busy = False
            self._telling.tell(Act.IDLE, Phase.FAILED, text=str(error))
            raise AgentError(
                f"the agent codex takes no prompt: {error}", slug="agent-not-started", hint="start a new session"
            ) from error
        self._begin_turn(find_text(begun, "turn", "id"))

    async def advise(self, text: str) -> Channel | None:
        """As a message of the user's, which a person who looks on sees too, and Codex says when it took it in.

        Where this turn cannot be steered (a review, a compaction), as a message of the developer's.
        """
        if not self._is_busy:
            return None
        self._pushed.append(text)
        try:
            async with asyncio.timeout(self._limits.answer_s):
                await self._turn_known.wait()
            await self._ask("turn/steer", {"expectedTurnId": self._turn, "input": _input(text)})
        except _LOST:
            return None
        except RefusedError:
            self._pushed.remove(text)
            return await self._inject(text) if self._turn_known.is_set() else None  # else it ended meanwhile
        return Channel.STEER

    async def cancel(self) -> None:
        if self._is_busy:
            try:
                await self._ask("turn/interrupt", {"turnId": self._turn})
            except (RefusedError, *_LOST) as error:
                self._telling.fault(f"does not take the cancellation: {error}")

    async def stop(self) -> None:
        await self._wire.stop()

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._telling.outbox.read()

    def on_fault(self, text: str) -> None:
        self._telling.fault(text)

    def on_notification(self, method: str, params: Fields) -> None:
        thread = find_text(params, "threadId")
        if thread and self._session and thread != self._session and method.startswith("turn/"):
            return  # of an agent that this one started: its deeds are this session's, its turns are not
        item = find_fields(params, "item")
        match method:
            case "turn/started":
                if not self._is_busy:  # a person asked for something
                    self._is_busy = True
                    self._telling.tell(Act.PROMPT)
                self._begin_turn(find_text(params, "turn", "id"))
            case "turn/completed":
                self._end_turn(find_fields(params, "turn"))
            case "item/started":
                self._take_item(item, is_started=True)
            case "item/completed":
                self._take_item(item, is_started=False)
            case "thread/tokenUsage/updated" if thread == self._session:
                self._telling.use(read_codex(params))
            case "error":
                self._telling.fault(find_text(params, "error", "message") or "an error without words")

    async def on_request(self, method: str, params: Fields) -> object:
        if self._is_guest:
            await asyncio.Event().wait()  # an answer of any kind would decide in the person's place
        about = msgspec.structs.replace(self._telling.about, phase=Phase.INTENT, call=find_text(params, "itemId"))
        match method:
            case "item/commandExecution/requestApproval":
                known = self._open.get(about.call, {})
                intents = list(read_command({**known, **{k: v for k, v in params.items() if v}}, about))
            case "item/fileChange/requestApproval":
                change = self._changes.get(about.call)
                intents = list(read_item(change, about, is_started=True)) if change else []
                intents = intents or [msgspec.structs.replace(about, act=Act.WRITE)]
            case _:
                raise UnknownMethodError
        self._put(msgspec.structs.replace(event, act=Act.ASK) for event in intents)
        for event in intents:
            verdict = await ask_gate(self._gate, event, self._limits, self._telling)
            if not verdict.allow:
                if verdict.reason:
                    await self._inject(f"Not allowed: {verdict.reason}")
                return {"decision": "decline"}
        return {"decision": "accept"}

    async def _open_thread(self, cwd: Path, resume: str) -> str:
        peer = self._wire.peer
        me = {"name": "watchkeeper", "title": "Watchkeeper", "version": "1"}
        await peer.request("initialize", {"clientInfo": me, "capabilities": {"experimentalApi": True}}, timeout_s=None)
        await peer.notify("initialized")
        place = {"cwd": str(cwd), **self._settings}
        if self._is_guest:
            opened = await self._join_thread(resume or await self._find_thread(cwd))
        elif resume:
            opened = await peer.request("thread/resume", {"threadId": resume, **place}, timeout_s=None)
        else:
            opened = await peer.request("thread/start", place, timeout_s=None)
        session = find_text(opened, "thread", "id")
        if not session:
            raise RefusedError("it gave no thread id")
        return session

    async def _find_thread(self, cwd: Path) -> str:
        """The newest thread that is at work in a folder."""
        loaded = find_fields(await self._wire.peer.request("thread/loaded/list", {}, timeout_s=None)).get("data")
        for thread in reversed(loaded if isinstance(loaded, list) else []):
            read = await self._wire.peer.request("thread/read", {"threadId": thread}, timeout_s=None)
            if find_text(read, "thread", "cwd") == str(cwd):
                return str(thread)
        raise RefusedError(f"no thread of it works in {cwd}")

    async def _join_thread(self, thread: str) -> object:
        """Hear a thread from now on, with its person's settings, and know the turn that it is within."""
        opened = await self._wire.peer.request("thread/resume", {"threadId": thread}, timeout_s=None)
        for turn in find_objects(opened, "thread", "turns"):
            if find_text(turn, "status") == "inProgress":
                self._is_busy = True
                self._begin_turn(find_text(turn, "id"))
        return opened

    async def _ask(self, method: str, params: Mapping[str, object]) -> object:
        return await self._wire.peer.request(
            method, {"threadId": self._session, **params}, timeout_s=self._limits.answer_s
        )

    async def _inject(self, text: str) -> Channel | None:
        item = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]}
        try:
            await self._ask("thread/inject_items", {"items": [item]})
        except (RefusedError, *_LOST):
            return None
        return Channel.STEER

    def _begin_turn(self, turn: str) -> None:
        if turn and self._is_busy:
            self._turn = turn
            self._turn_known.set()

    def _end_turn(self, turn: Fields) -> None:
        status = find_text(turn, "status")
        if not self._is_busy or (self._turn and find_text(turn, "id") not in ("", self._turn)):
            return
        words = find_text(turn, "error", "message")
        if words:
            self._telling.fault(f"the turn failed: {words}")
        self._finish(status or "ended", Phase.FAILED if status == "failed" else Phase.DONE)

    def _finish(self, reason: str, phase: Phase) -> None:
        for item in self._open.values():
            self._put(read_item({**item, "status": "failed"}, self._telling.about, is_started=False))
        self._open.clear()
        self._changes.clear()
        self._is_busy = False
        self._turn_known.clear()
        self._telling.tell(Act.IDLE, phase, text=reason)

    def _on_end(self) -> None:
        if self._is_busy:
            self._finish("the agent's process ended", Phase.FAILED)

    def _take_item(self, item: Fields, *, is_started: bool) -> None:
        call = find_text(item, "id")
        if find_text(item, "type") == "userMessage":
            if is_started:
                self._hear(item)
            return
        if is_started:
            _keep(self._open, call, item)
            if find_text(item, "type") == "fileChange":
                _keep(self._changes, call, item)
        else:
            self._open.pop(call, None)
        self._put(read_item(item, self._telling.about, is_started=is_started))

    def _hear(self, item: Fields) -> None:
        text = "".join(find_text(part, "text") for part in find_objects(item, "content"))
        for pushed in [each for each in self._pushed if each in text]:
            self._pushed.remove(pushed)
            self._telling.tell(Act.HEARD, text=pushed[:MAX_TEXT])

    def _put(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            self._telling.outbox.put(event)


def _keep(kept: OrderedDict[str, Fields], call: str, item: Fields) -> None:
    kept[call] = item
    if len(kept) > _MAX_CHANGES:
        kept.popitem(last=False)


def _input(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]
