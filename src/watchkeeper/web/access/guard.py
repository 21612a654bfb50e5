"""Stands around the whole app: who asks, whether he may, and what every answer carries. Nothing gets past it.

The order is the cheapest refusal first: form and size, the name that was asked, rate, person, then for whatever acts
the origin, the form's token and the role. A route needs to do nothing to be guarded, and can do nothing to be not.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from html import escape
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchkeeper.controlroom.judging import Role
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.redaction import redact
from watchkeeper.web.access import refusing
from watchkeeper.web.access.answers import HEADERS, plain_page, refusal, status_of
from watchkeeper.web.access.identity import Identities, Known
from watchkeeper.web.access.limits import (
    ALL_REFUSALS,
    BODY_S,
    LOOK_AGAIN_S,
    MAX_BODY,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_PATH,
    MAX_QUERY,
    PERSONS,
    REFUSALS,
    STRANGERS,
    Limiter,
)
from watchkeeper.web.access.refusing import Asking, Refused

_LOGIN = "/login"
PUBLIC_PATHS = (_LOGIN,)
PUBLIC_FOLDERS = ("/static/",)
"""What is answered to anybody: where one logs in, and what its page looks like. Everything else asks who it is."""

VIEWERS_MAY_POST = ("/logout",)
_SAFE = frozenset({"GET", "HEAD"})
_ACTS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DROPPED = re.compile(
    rb"tailscale-|x-forwarded|forwarded$|x-real-ip|x-http-method|x-method-override|x-original|x-rewrite"
)
_BAD_PATH = re.compile(r"[\x00-\x1f\x7f\\]|(?:^|/)\.{1,2}(?:/|$)|//")
Beside = Callable[[], AbstractAsyncContextManager[None]]
_LOG = logging.getLogger(__name__)


class Guard:
    """The middleware, as ASGI has it."""

    def __init__(self, app: ASGIApp, *, identities: Identities, beside: Beside = nullcontext) -> None:
        """``beside`` is what is served as long as the app is."""
        self._app, self._who, self._beside = app, identities, beside
        clock = identities.clock
        self._strangers, self._persons = Limiter(STRANGERS, clock), Limiter(PERSONS, clock)
        self._refusals, self._all_refusals = Limiter(REFUSALS, clock), Limiter(ALL_REFUSALS, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with self._beside():
                await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # no part of ours speaks over a websocket
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = _Answering(send, is_static=scope["path"].startswith(PUBLIC_FOLDERS))
        asking = Asking(scope["method"], scope["path"])
        try:
            answer = await self._judge(scope, receive, answering, asking)
        except Refused as refused:
            answer = await self._refuse(scope, asking, refused)
        except Exception as error:  # noqa: BLE001 whatever failed, its words may hold anything: they stay in our log
            answer = _failed(scope, error)
        if answer is not None:
            if answering.has_begun:  # half an answer was sent: the connection is all that can be ended
                raise ConnectionAbortedError("the answer could not be completed")
            await answer(scope, receive, answering)

    async def _judge(self, scope: Scope, receive: Receive, send: _Answering, asking: Asking) -> Response | None:
        headers = Headers(scope=scope)
        _require_form(scope, headers)
        client = self._who.client_of(scope, headers)
        is_secure = self._who.is_secure(headers["host"])
        is_public = scope["path"] in PUBLIC_PATHS or scope["path"].startswith(PUBLIC_FOLDERS)
        known = await run_in_threadpool(self._who.find, scope, headers, client, is_public=is_public)
        wait = self._persons.take(known.person.who) if known else self._strangers.take(client)
        if wait and not scope["path"].startswith(PUBLIC_FOLDERS):
            raise refusing.too_often(wait)
        if known is None and not is_public:
            return _to_login(scope, headers)
        if known is not None:
            send.looks_again = lambda: self._is_still(known, scope, headers, client)
        inner = {**scope, "headers": [each for each in scope["headers"] if not _DROPPED.match(each[0].lower())]}
        inner["state"] = {
            **scope.get("state", {}),
            "person": known.person if known else None,
            "csrf": known.csrf if known else "",
            "session": known.session if known else "",
            "client": client,
            "is_secure": is_secure,
        }
        if asking.method in _ACTS:
            receive = await self._require_act(receive, headers, asking, known)
        await self._app(inner, receive, send)
        return None

    async def _is_still(self, known: Known, scope: Scope, headers: Headers, client: str) -> bool:
        try:
            now = await run_in_threadpool(self._who.find, scope, headers, client, is_public=False)
        except Refused:
            return False
        return now is not None and now.person == known.person

    async def _require_act(self, receive: Receive, headers: Headers, asking: Asking, known: Known | None) -> Receive:
        """Only a page of ours, with the token of this login, by who may act; with the body read and bounded."""
        if asking.path == _LOGIN:  # whoever is logged in may log in anew, from a form that was shown before
            known = None
        is_own = known is not None and known.person.via == "api"  # no browser sends a token by itself
        if not is_own:
            self._who.require_own_origin(headers, needs_proof=known is None)
        body = await _read_body(receive)
        if known is not None and not is_own:
            given = headers.get("x-csrf-token") or _form_value(headers, body)
            if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.csrf.encode()):
                raise refusing.wrong_csrf()
        if known is not None and known.person.role is not Role.OPERATOR and asking.path not in VIEWERS_MAY_POST:
            raise refusing.not_allowed(known.person.who, asking)
        return _replay(body, receive)

    async def _refuse(self, scope: Scope, asking: Asking, refused: Refused) -> Response:
        headers = Headers(scope=scope)
        if refused.audited:
            client = self._who.address(scope)
            if not self._refusals.take(client) and not self._all_refusals.take():
                await run_in_threadpool(self._who.audit_refused, client, asking, refused.error)
        extra = {"retry-after": str(refused.wait_s)} if refused.wait_s else {}
        if refused.status == 405:
            extra["allow"] = "GET, HEAD, POST"
        if refused.status == 401 and _wants_json(scope, headers):
            extra["www-authenticate"] = "Bearer"
        return refusal(refused.status, refused.error, as_json=_wants_json(scope, headers), headers=extra)


class _Answering:
    """Sends with the headers that every answer has; what a route said of them itself does not count."""

    def __init__(self, send: Send, *, is_static: bool) -> None:
        self._send, self._is_static = send, is_static
        self.has_begun = False
        self.looks_again: Callable[[], Awaitable[bool]] | None = None
        self._looked_at = time.monotonic()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name.decode()] = value.decode()
            if not self._is_static:
                headers["cache-control"] = "no-store"
            message["headers"] = [(name, _one_line(value)) for name, value in message["headers"]]
        elif self.looks_again is not None and time.monotonic() - self._looked_at > LOOK_AGAIN_S:
            self._looked_at = time.monotonic()
            if not await self.looks_again():  # live rows end with the login that they were asked for with
                raise refusing.not_logged_in()
        await self._send(message)


def _one_line(value: bytes) -> bytes:
    """A header's value cannot become another header, whatever is in it."""
    return value.translate(None, b"\r\n\0")


def _require_form(scope: Scope, headers: Headers) -> None:
    method, path = scope["method"], scope["path"]
    if method not in _SAFE | _ACTS:
        raise refusing.wrong_method(method)
    if len(scope.get("raw_path") or path.encode()) > MAX_PATH:
        raise refusing.too_large("path", MAX_PATH)
    if len(scope["query_string"]) > MAX_QUERY:
        raise refusing.too_large("query", MAX_QUERY)
    total = sum(len(name) + len(value) for name, value in scope["headers"])
    if total > MAX_HEADER_BYTES or len(scope["headers"]) > MAX_HEADERS:
        raise refusing.too_large("header", MAX_HEADER_BYTES)
    if len(headers.getlist("host")) != 1 or _BAD_PATH.search(path) or not path.startswith("/"):
        raise refusing.malformed("its path or its host")
    for single in ("origin", "authorization", "content-length", "content-type", "sec-fetch-site"):
        if len(headers.getlist(single)) > 1:
            raise refusing.malformed(f"it has several {single}")
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise refusing.malformed("its length")
    if int(length) > MAX_BODY:
        raise refusing.too_large("body", MAX_BODY)


async def _read_body(receive: Receive) -> bytes:
    """The whole body, in time and within the bound, whatever it said of its length."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise refusing.malformed("it ended before its body")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY:
                    raise refusing.too_large("body", MAX_BODY)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise refusing.too_slow() from None


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _form_value(headers: Headers, body: bytes) -> str:
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    try:
        found = parse_qs(body.decode("utf-8", "replace"), max_num_fields=500).get("csrf", [""])
    except ValueError:  # more fields than any form of ours has
        return ""
    return found[0] if len(found) == 1 else ""


def _to_login(scope: Scope, headers: Headers) -> Response:
    """Where a person came to a page, lead him to the login and back again; a program is refused."""
    if scope["method"] not in _SAFE or _wants_json(scope, headers):
        raise refusing.not_logged_in()
    asked = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    asked = quote(asked, safe="/?=&;:@%+,!*()~.-_")
    if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and headers.get("sec-fetch-mode") == "navigate":
        # A link in a message: the browser keeps a strict cookie back until one of our own pages asks.
        more = f'<meta http-equiv="refresh" content="0; url={escape(asked)}">'
        return plain_page("One moment", f'<p><a href="{escape(asked)}">Go on</a></p>', more=more)
    return RedirectResponse(f"/login?next={quote(asked, safe='/')}", 303)


def _wants_json(scope: Scope, headers: Headers) -> bool:
    accepted = headers.get("accept", "*/*")
    return scope["path"].startswith("/api/") or not ("text/html" in accepted or "*/*" in accepted)


def _failed(scope: Scope, error: Exception) -> Response:
    as_json = _wants_json(scope, Headers(scope=scope))
    if isinstance(error, WatchkeeperError):
        return refusal(status_of(error), error, as_json=as_json)
    _LOG.error("%s %s failed: %s", scope["method"], redact(scope["path"])[:200], _where(error))
    shown = WatchkeeperError(
        "The page could not be made; what was acted on before stays done",
        slug="web-failed",
        hint="watchkeeper doctor, and the log of `watchkeeper web` says where",
    )
    return refusal(500, shown, as_json=as_json)


def _where(error: Exception) -> str:
    """The error's type and where it was raised, without its words and without what it was given."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}"
