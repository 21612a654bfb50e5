"""A model that says what a script says: real agents talk to it on loopback, and what they ask is kept.

Speaks OpenAI chat completions and responses, Anthropic messages and Gemini's ``generateContent``. One server serves any
number of scripts: ``base_url(name)`` chooses which. A script is steps in order, or whatever decides on the next one.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from watchkeeper.demo.replies import REPLIES, Body, Events, tools_of
from watchkeeper.demo.verbs import Arguments, choose_tool

_TITLE = re.compile(r"Generate a (concise, single-line task )?title")


@dataclass(frozen=True)
class Step:
    """One answer of the model: words, and calls of tools in verbs or the agent's own names; without calls, a turn ends.

    The answer is held back until ``wait_file`` exists.
    """

    text: str = ""
    calls: Sequence[tuple[str, Arguments]] = ()
    wait_file: str = ""


@dataclass(frozen=True)
class Received:
    """One request that an agent made. ``step``: which answer it got, from 0; None for titles and other side jobs."""

    path: str
    body: Body
    step: int | None

    @property
    def text(self) -> str:
        """All of it, as text to search in."""
        return json.dumps(self.body, ensure_ascii=False)


Mind = Callable[[Received], Step]
"""What decides on the next step by what is asked. Called in a thread of the request's own; it may wait."""


@dataclass
class _Script:
    steps: Sequence[Step] = ()
    mind: Mind | None = None
    taken: int = 0
    received: list[Received] = field(default_factory=list)


class ScriptedModel:
    """Serves until it is left (``with``), on a free port of 127.0.0.1."""

    def __init__(self, port: int = 0) -> None:
        self._scripts: dict[str, _Script] = {}
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.model = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def base_url(self, name: str) -> str:
        """Where the script ``name`` is spoken; agents append ``/v1/...`` or ``/v1beta/...``."""
        return f"http://127.0.0.1:{self.port}/s/{name}"

    def script(self, name: str, *steps: Step) -> None:
        """What the model says from now on; after the last step it ends each turn."""
        with self._changed:
            self._scripts[name] = _Script(steps)

    def follow(self, name: str, mind: Mind) -> None:
        """What the model says of this name is decided by ``mind`` from now on."""
        with self._changed:
            self._scripts[name] = _Script(mind=mind)

    def received(self, name: str) -> list[Received]:
        """Every request so far."""
        with self._changed:
            return [*self._scripts.get(name, _Script()).received]

    def request_of_step(self, name: str, step: int) -> Received:
        """The request that was answered with this step. Raises: LookupError where none was."""
        found = next((each for each in self.received(name) if each.step == step), None)
        if found is None:
            raise LookupError(f"step {step} of {name} was never asked for: {len(self.received(name))} requests")
        return found

    def find_request(self, text: str, name: str = "agent") -> int | None:
        """The step that answered the first request with a text in it; None where no request had it."""
        return next((each.step for each in self.received(name) if text in each.text and each.step is not None), None)

    def take(self, name: str, path: str, body: Body) -> tuple[Step, list[tuple[str, Arguments]]]:
        """The next step for a request, with its calls in the agent's own words."""
        tools = tools_of(body)
        with self._changed:
            script = self._scripts.setdefault(name, _Script())
            is_aside = not tools or _is_title(body)
            number = None if is_aside else script.taken
            script.taken += not is_aside
            request = Received(path, body, number)
            script.received.append(request)
            self._changed.notify_all()
        if number is None:
            return Step("A title"), []
        if script.mind is not None:
            step = script.mind(request)
        else:
            step = script.steps[number] if number < len(script.steps) else Step("The script is over.")
        calls = [choose_tool(verb, given, tools) for verb, given in step.calls]
        if step.wait_file:
            _await_file(Path(step.wait_file))
        return step, calls


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    model: ScriptedModel

    def handle_error(self, request: object, client_address: object) -> None:
        """An agent that hangs up is no error of the test's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: the requests are kept."""

    def do_GET(self) -> None:
        model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "nobody"}
        is_models = "/models" in self.path
        self._answer({"object": "list", "data": [model], "models": []} if is_models else {}, 200 if is_models else 404)

    def do_POST(self) -> None:
        name, path = _split(urlsplit(self.path).path)
        try:
            body = json.loads(self._read() or b"{}")
        except ValueError:
            self._answer({"error": {"message": "not JSON"}}, 400)
            return
        if path.startswith("/ctl/"):
            self.server.model.script(path.split("/")[2], *map(_step_of, body["steps"]))
            self._answer({"ok": True})
            return
        if path.endswith(":countTokens"):
            self._answer({"totalTokens": 10})
            return
        reply = next((reply for end, reply in REPLIES.items() if re.search(end, path)), None)
        if reply is None:
            self._answer({"error": {"message": f"not here: {path}"}}, 404)
            return
        is_streamed = bool(body.get("stream")) or "streamGenerateContent" in path
        step, calls = self.server.model.take(name, path, body)
        self._send(reply(step.text, calls, body), is_streamed=is_streamed)

    def _send(self, reply: tuple[Body, Events], *, is_streamed: bool) -> None:
        whole, events = reply
        if not is_streamed:
            self._answer(whole)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for kind, data in events:
            said = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"{f'event: {kind}{chr(10)}' if kind else ''}data: {said}\n\n".encode())
            self.wfile.flush()

    def _answer(self, body: Mapping[str, object], code: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _read(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole


def _split(path: str) -> tuple[str, str]:
    found = re.match(r"^/s/([^/]+)(/.*)$", path)
    return (found[1], found[2]) if found else ("default", path)


def _is_title(body: Body) -> bool:
    """Whether an agent asks for the title of the session: a side job that must not take a step."""
    turns = body.get("messages") or body.get("input") or body.get("contents") or [None]
    return bool(_TITLE.search(json.dumps(turns[-1] if isinstance(turns, list) else turns)))


def _step_of(given: Mapping[str, Any]) -> Step:
    calls = [(call["tool"], call.get("args", {})) for call in given.get("calls", [])]
    return Step(given.get("text", ""), calls, given.get("wait_file", ""))


def _await_file(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
