"""JSON-RPC 2.0 with an agent, a message a line: requests of both sides, in one loop that no message can break.

An own loop rather than the protocol's SDK, which drops what its schema does not know, raises on unknown stop reasons,
and trims the child's environment: an agent one version ahead must stay readable.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Protocol

import msgspec

from watchkeeper.agents.process import Conversation, FloodError, Overlong
from watchkeeper.agents.untrusted import Fields, clean, decode, find_fields, find_text, parse_object


class RefusedError(Exception):
    """The agent answered a request with an error; the message holds its words."""


class UnknownMethodError(Exception):
    """We do not do what the agent asks for."""


class DeniedError(Exception):
    """We do not do it this time; the message tells the agent why."""


class Hearer(Protocol):
    """Who gets what an agent sends of its own accord."""

    def on_notification(self, method: str, params: Fields) -> None: ...

    async def on_request(self, method: str, params: Fields) -> object:
        """The result of a request. Raises: UnknownMethodError for what we do not do, DeniedError with a reason."""
        ...

    def on_fault(self, text: str) -> None:
        """Something that is no message of the protocol."""
        ...


class Peer:
    """The conversation with one process. ``run`` reads it until it ends; only meanwhile are requests answered."""

    def __init__(self, process: Conversation, hearer: Hearer, *, is_versioned: bool = True) -> None:
        self._process = process
        self._hearer = hearer
        self._version = {"jsonrpc": "2.0"} if is_versioned else {}
        self._ids = itertools.count(1)
        self._open: dict[int, asyncio.Future[object]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.heard_at = asyncio.get_running_loop().time()

    async def run(self) -> str:
        """Read until the process ends or is unbearable; gives why, in words. Open requests fail then."""
        try:
            return await self._read()
        finally:
            self._is_over = True
            for answer in self._open.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the agent's process ended"))
                    answer.exception()  # seen: nobody may be waiting any more
            for task in [*self._serving]:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def request(self, method: str, params: object, *, timeout_s: float | None) -> object:
        """The agent's result.

        Raises: RefusedError for its error, ConnectionError where it is gone, TimeoutError where it does not answer.
        """
        answer = await self.send(method, params)
        async with asyncio.timeout(timeout_s):
            return await answer

    async def send(self, method: str, params: object) -> asyncio.Future[object]:
        """Send a request, and give what its result will come in: for those that are answered at a turn's end."""
        if self._is_over:
            raise ConnectionError("the agent's process ended")
        number = next(self._ids)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        answer.add_done_callback(lambda _: self._open.pop(number, None))
        try:
            await self._post({**self._version, "id": number, "method": method, "params": params})
        except BaseException:
            answer.cancel()
            raise
        return answer

    async def notify(self, method: str, params: object | None = None) -> None:
        """Send what needs no answer. Raises: ConnectionError, TimeoutError."""
        await self._post({**self._version, "method": method, **({} if params is None else {"params": params})})

    async def _post(self, message: object) -> None:
        await self._process.write(msgspec.json.encode(message) + b"\n")

    async def _read(self) -> str:
        try:
            async for line in self._process.lines():
                self.heard_at = asyncio.get_running_loop().time()
                self._take(line)
        except FloodError:
            return "it printed more than it may"
        return ""

    def _take(self, line: bytes | Overlong) -> None:
        if isinstance(line, Overlong):
            self._hearer.on_fault("a message longer than allowed was skipped")
            return
        if not line.strip():
            return
        message = parse_object(line)
        if message is None:
            self._hearer.on_fault(f"not a message of the protocol: {decode(line[:_QUOTED])}")
        elif isinstance(message.get("method"), str):
            self._take_call(clean(message["method"]), message)
        else:
            self._take_answer(message)

    def _take_call(self, method: str, message: Fields) -> None:
        params = find_fields(message, "params")
        if "id" not in message:
            self._hearer.on_notification(method, params)
        elif len(self._serving) >= _MAX_SERVING:
            self._hearer.on_fault(f"asks for more than {_MAX_SERVING} things at once: {method} is not answered")
        else:
            task = asyncio.create_task(self._serve(message["id"], method, params))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    def _take_answer(self, message: Fields) -> None:
        number = message.get("id")
        answer = self._open.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            self._hearer.on_fault(f"an answer to nothing that was asked: id {clean(str(number))[:40]}")
        elif "error" in message:
            answer.set_exception(RefusedError(_words_of(message)))
            answer.exception()  # seen: whoever asked may have gone
        else:
            answer.set_result(message.get("result"))

    async def _serve(self, number: object, method: str, params: Fields) -> None:
        reply: dict[str, object]
        try:
            reply = {"result": await self._hearer.on_request(method, params)}
        except UnknownMethodError:
            reply = {"error": {"code": -32601, "message": f"Method not found: {method}"}}
        except DeniedError as error:
            reply = {"error": {"code": -32000, "message": str(error)}}
        try:
            await self._post({**self._version, "id": number, **reply})
        except (ConnectionError, TimeoutError):
            self._hearer.on_fault(f"does not take the answer to {method}")


_QUOTED = 200
_MAX_SERVING = 64


def _words_of(message: Fields) -> str:
    said = find_text(message, "error", "message") or "it gave no reason"
    detail = message["error"].get("data") if isinstance(message["error"], dict) else None
    return f"{said} {clean(str(detail))[:500]}" if detail else said
