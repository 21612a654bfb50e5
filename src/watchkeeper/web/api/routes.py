"""The API's routes: a request is read and checked, its operation run beside the loop, its answer freed of secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Seq
from watchkeeper.model.redaction import redact
from watchkeeper.web.access.answers import refusal, status_of
from watchkeeper.web.api.acting import ACTS
from watchkeeper.web.api.openapi import PREFIX, describe
from watchkeeper.web.api.operations import ApiRoom, Asking, Operation, Parameter
from watchkeeper.web.api.reading import READS
from watchkeeper.web.api.scouting import SCOUTING

OPERATIONS: Final = (*READS, *ACTS, *SCOUTING)
DESCRIPTION_PATH = f"{PREFIX}/openapi.json"
_LOOK_EVERY_S = 0.4
_MAX_WAITING = 64


def api_routes(room: ApiRoom) -> list[Route]:
    """One route for each path, which answers every method, also the wrong ones, as JSON; and one for what is none."""
    paths: dict[str, list[Operation]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, []).append(each)
    waiting = asyncio.Semaphore(_MAX_WAITING)
    description = msgspec.json.encode(describe(OPERATIONS))
    routes = [Route(PREFIX + path, _Endpoint(room, found, waiting)) for path, found in paths.items()]
    return [Route(DESCRIPTION_PATH, _Described(description)), *routes, Route(f"{PREFIX}/{{rest:path}}", _nothing)]


class _Described:
    def __init__(self, description: bytes) -> None:
        self._description = description

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Response(self._description, media_type="application/json")
        if scope["method"] not in {"GET", "HEAD"}:
            answer = _wrong_method(scope["method"], ("GET",))
        await answer(scope, receive, send)


class _Nothing:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = UsageError(
            f"There is nothing at {scope['path'][:200]}",
            slug="api-no-such-path",
            hint=f"{DESCRIPTION_PATH} describes all there is",
            facts={"path": scope["path"][:200]},
        )
        await refusal(404, error, as_json=True)(scope, receive, send)


_nothing = _Nothing()


class _Endpoint:
    """All operations of one path."""

    def __init__(self, room: ApiRoom, operations: Sequence[Operation], waiting: asyncio.Semaphore) -> None:
        self._room, self._waiting = room, waiting
        self._operations = {each.method: each for each in operations}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        method = "GET" if request.method == "HEAD" else request.method
        operation = self._operations.get(method)
        if operation is None:
            answer = _wrong_method(request.method, tuple(self._operations))
        else:
            try:
                answer = await self._answer(operation, request)
            except WatchkeeperError as error:
                answer = refusal(status_of(error), error, as_json=True)
            except ClientDisconnect:
                return
        await answer(scope, receive, send)

    async def _answer(self, operation: Operation, request: Request) -> Response:
        query = _read_query(operation.parameters, request)
        body = await _read_body(operation, request)
        asking = Asking(self._room, request.state.person, request.path_params, query, body)
        headers: dict[str, str] = {}
        if operation.etag:
            seq = await run_in_threadpool(self._room.reader.log.last_seq)
            headers["etag"] = f'W/"{seq}"'
            if headers["etag"] in {each.strip() for each in request.headers.get("if-none-match", "").split(",")}:
                return Response(status_code=304, headers=headers)
        if query.get("wait"):
            await self._wait(asking)
        content = await run_in_threadpool(lambda: _encode(operation.run(asking)))
        return Response(content, 200, headers, "application/json")

    async def _wait(self, asking: Asking) -> None:
        """Until something newer is recorded, or the time is over; not for more programs at once than we can hold."""
        if self._waiting.locked():
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + asking.query["wait"]
        async with self._waiting:
            while loop.time() < until:
                if await run_in_threadpool(self._room.reader.log.last_seq) > Seq(asking.query["after"]):
                    return
                await asyncio.sleep(_LOOK_EVERY_S)


def _encode(answer: object) -> bytes:
    return msgspec.json.encode(_clean(msgspec.to_builtins(answer)))


def _clean(value: Any) -> Any:
    """Every text in it without secrets."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
        case _:
            return value


def _read_query(parameters: Sequence[Parameter], request: Request) -> Mapping[str, Any]:
    known = {each.name: each for each in parameters}
    given = request.query_params.multi_items()
    for name, _ in given:
        if name not in known:
            raise _bad(name[:60], f"use one of: {', '.join(known) or 'none is known here'}")
    names = [name for name, _ in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _bad(twice, "give it once")
    values = dict(given)
    return {each.name: _parse(each, values.get(each.name)) for each in parameters}


def _parse(parameter: Parameter, text: str | None) -> int | bool | str:
    if text is None:
        return parameter.default
    match parameter.kind:
        case "integer":
            if text.isascii() and text.isdigit() and len(text) <= 17 and int(text) <= parameter.most:
                return int(text)
            raise _bad(parameter.name, f"a whole number, 0 to {parameter.most}")
        case "boolean":
            if text in {"true", "false"}:
                return text == "true"
            raise _bad(parameter.name, "true or false")
        case _:
            if parameter.choices and text not in parameter.choices:
                raise _bad(parameter.name, f"one of: {', '.join(parameter.choices)}")
            if parameter.most and len(text) > parameter.most:
                raise _bad(parameter.name, f"at most {parameter.most} characters")
            return text


async def _read_body(operation: Operation, request: Request) -> Any:
    if operation.body is None:
        return None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UsageError(
            "The body is not said to be JSON", slug="api-no-json", hint="send it with `Content-Type: application/json`"
        )
    try:
        content = await request.body()
        content.decode("utf-8")
        return msgspec.json.decode(content, type=operation.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The body is not what {operation.name} takes: {str(error)[:200]}",
            slug="api-bad-body",
            hint=f"{DESCRIPTION_PATH} describes it",
            facts={"operation": operation.name},
        ) from error


def _bad(name: str, expected: str) -> UsageError:
    return UsageError(
        f"{name!r} has no value that can be worked with",
        slug="api-bad-parameter",
        hint=expected,
        facts={"parameter": name},
    )


def _wrong_method(method: str, allowed: Sequence[str]) -> Response:
    error = UsageError(
        f"{method[:20]} is not understood here",
        slug="web-bad-method",
        hint=f"use {' or '.join(allowed)}",
        facts={"method": method[:20]},
    )
    return refusal(405, error, as_json=True, headers={"allow": ", ".join(allowed)})
