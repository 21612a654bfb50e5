"""A Discord on this machine: webhooks, rooms, commands, the gateway, on real sockets, with limits and outages. What it
is asked and what it answers is checked against Discord's published description, so that it cannot drift from it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import WSMsgType, web

from openapi import Description, Operation

DESCRIPTION = Description(Path(__file__).parent / "discordapi" / "description.json")
BOT_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.G0secr.et0123456789abcdefghijklmnopqrstuv"
BOT_ID, APPLICATION_ID, GUILD_ID = "7001", "7002", "7003"
NONCE_S = 300.0

_EPOCH_MS = 1_420_070_400_000


class Fault(NamedTuple):
    """An answer that is given instead of the right one. ``after``: what was asked is done all the same."""

    status: int = 500
    body: Mapping[str, Any] = {"code": 0, "message": "Internal Server Error"}
    after: bool = False
    cuts: bool = False  # the connection ends without an answer
    pause_s: float = 0.0  # before the answer


def limited(seconds: float, *, is_global: bool = False) -> Fault:
    """It is too much, says Discord, for so long."""
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": is_global, "code": 0}
    return Fault(429, body)


class Window(NamedTuple):
    """So many questions in so many seconds."""

    most: int = 5
    seconds: float = 2.0


class Asked(NamedTuple):
    method: str
    path: str
    body: Any
    status: int


class Place:
    """A room: its messages by id, in order; webhooks post into one."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.messages: dict[str, dict[str, Any]] = {}
        self.nonces: dict[str, tuple[float, str]] = {}


class Bucket:
    """One limit, as it is counted; ``closed`` is until when whoever asks knows that it is closed."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.times: deque[float] = deque()
        self.closed = 0.0

    def left(self, now: float) -> int:
        while self.times and now - self.times[0] >= self.window.seconds:
            self.times.popleft()
        return self.window.most - len(self.times)

    def opens_in(self, now: float) -> float:
        return max(0.0, self.times[0] + self.window.seconds - now) if self.times else 0.0


class DiscordServer:
    """Serves until its context ends. ``misfortune`` is asked of each question; ``asked`` has what it was asked."""

    def __init__(self, window: Window, hidden: Window | None = None) -> None:
        """``hidden``: a limit for each room of which no header tells, as Discord has one."""
        self.url = ""
        self.window, self.hidden = window, hidden
        self.rooms: dict[str, Place] = {}
        self.webhooks: dict[str, Place] = {}  # by "ID/TOKEN"
        self.asked: list[Asked] = []
        self.violations: list[str] = []  # of the description
        self.trespasses: list[str] = []  # against a limit that had been told
        self.edits = 0
        self.refused_doubles = 0
        self.misfortune: Callable[[str, str], Fault | None] = lambda _method, _path: None
        self.commands: list[dict[str, Any]] = []
        self.responses: list[dict[str, Any]] = []  # what interactions were answered with
        self._buckets: dict[str, Bucket] = {}
        self._closed = 0.0  # for everybody
        self._next = 0
        self._sockets: list[web.WebSocketResponse] = []
        self._sequence = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ready = threading.Event()
        self.stop: asyncio.Event | None = None
        self.answered = threading.Condition()

    # -- what people do ----------------------------------------------------------------------------------------------

    def webhook(self, name: str = "1") -> str:
        """A new webhook with a room of its own; its address."""
        token = f"{name}-token_0123456789abcdefghij"
        self.webhooks[f"{name}/{token}"] = self.room(f"9{name}")
        return f"{self.url}/api/webhooks/{name}/{token}"

    def room(self, name: str) -> Place:
        """A room in which the bot may speak."""
        return self.rooms.setdefault(name, Place(name))

    def restart_limits(self) -> None:
        """Nobody has asked anything lately."""
        self._buckets.clear()

    def click(self, custom_id: str, user: str, message: Mapping[str, Any], roles: tuple[str, ...] = ()) -> None:
        """Somebody presses a button."""
        self.interact(
            {
                "type": 3, "message": dict(message), "channel_id": message["channel_id"],
                "data": {"component_type": 2, "custom_id": custom_id},
            },
            user,
            roles,
        )  # fmt: skip

    def command(self, name: str, user: str, room: str, roles: tuple[str, ...] = (), **options: object) -> None:
        """Somebody uses a slash command."""
        given = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
        data = {"id": "8001", "name": name, "type": 1, "options": given}
        self.interact({"type": 2, "channel_id": room, "data": data}, user, roles)

    def interact(self, told: Mapping[str, Any], user: str, roles: tuple[str, ...]) -> None:
        person = {"id": user, "username": f"u{user}", "discriminator": "0", "avatar": None, "global_name": None}
        event = {
            "id": self._id(), "application_id": APPLICATION_ID, "token": f"interaction-{self._next}", "version": 1,
            "guild_id": GUILD_ID, "locale": "en-US", "guild_locale": "en-US", "app_permissions": "0",
            "entitlements": [], "authorizing_integration_owners": {"0": GUILD_ID}, "context": 0,
            "attachment_size_limit": 1, "channel": {"id": told["channel_id"], "type": 0, "name": "room", "position": 0},
            "member": {
                "user": person, "roles": list(roles), "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False,
                "mute": False, "flags": 0, "permissions": "0",
            },
            **told,
        }  # fmt: skip
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._dispatch("INTERACTION_CREATE", event), self._loop).result(10)

    # -- questions ---------------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v10").removeprefix("/api")
        raw = await request.read()
        body = json.loads(raw) if raw else None
        fault = self.misfortune(request.method, path)
        status, found, headers = self._limited(request, path, body, fault)
        self.asked.append(Asked(request.method, path, body, status))
        with self.answered:
            self.answered.notify_all()
        if fault is not None and fault.pause_s:
            await asyncio.sleep(fault.pause_s)
        if fault is not None and fault.cuts:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if status == 204:
            return web.Response(status=204, headers=headers)
        return web.json_response(found, status=status, headers=headers)

    def _limited(
        self, request: web.Request, path: str, body: Any, fault: Fault | None
    ) -> tuple[int, Any, dict[str, str]]:
        """Limits are counted before anything is done; a fault may come before or after it."""
        now = time.monotonic()
        bucket = self._bucket(request.method, path)
        closed = max(bucket.closed, self._closed)
        if closed > now + 0.003:
            self.trespasses.append(f"{request.method} {path}: {closed - now:.3f} s too early")
        if bucket.left(now) <= 0:
            wait = bucket.opens_in(now)
            bucket.closed = now + wait
            limited = {
                "message": "You are being rate limited.",
                "retry_after": wait + 0.001,
                "global": False,
                "code": 0,
            }
            return 429, limited, {"Retry-After": str(int(wait) + 1), **self._headers(bucket, now)}
        if fault is not None and not fault.after and not fault.cuts:
            if fault.status == 429 and fault.body.get("global"):
                self._closed = now + fault.body["retry_after"]
            elif fault.status == 429:
                bucket.closed = now + fault.body["retry_after"]
            return fault.status, dict(fault.body), {}
        bucket.times.append(now)
        if fault is not None and fault.cuts and not fault.after:
            return 0, None, {}
        if self.hidden is not None and request.method == "POST" and "/callback" not in path:
            quota = self._buckets.setdefault(f"hidden {path}", Bucket(self.hidden))
            if quota.left(now) <= 0:
                wait = quota.opens_in(now)
                bucket.closed = now + wait
                return 429, limited(wait + 0.001).body, {"X-RateLimit-Scope": "shared"}
            quota.times.append(now)
        status, found = self._right(request, path, body)
        headers = self._headers(bucket, now)
        if fault is not None and not fault.cuts:
            return fault.status, dict(fault.body), {}
        if bucket.left(now) <= 0 and fault is None:
            bucket.closed = now + bucket.opens_in(now)
        return status, found, headers

    def _bucket(self, method: str, path: str) -> Bucket:
        parts = path.split("/")
        major = "/".join(parts[1:4] if parts[1] == "webhooks" else parts[1:3])
        kind = f"{method} {major} {'message' if 'messages' in parts and parts[-1] != 'messages' else ''}"
        generous = parts[1] in ("interactions", "applications", "users", "oauth2", "gateway")
        return self._buckets.setdefault(kind, Bucket(Window(1000, 1.0) if generous else self.window))

    def _headers(self, bucket: Bucket, now: float) -> dict[str, str]:
        kind = next(key for key, each in self._buckets.items() if each is bucket)
        return {
            "X-RateLimit-Limit": str(bucket.window.most), "X-RateLimit-Remaining": str(max(0, bucket.left(now))),
            "X-RateLimit-Reset": f"{time.time() + bucket.opens_in(now):.3f}",
            "X-RateLimit-Reset-After": f"{bucket.opens_in(now):.3f}",
            "X-RateLimit-Bucket": f"{abs(hash(kind)):x}",
        }  # fmt: skip

    def _right(self, request: web.Request, path: str, body: Any) -> tuple[int, Any]:
        operation = DESCRIPTION.find(request.method, path)
        if operation is None:
            self.violations.append(f"{request.method} {path} is not in the description")
            return 404, {"code": 0, "message": "404: Not Found"}
        self.violations += DESCRIPTION.faults_of_question(operation, dict(request.query), body)
        is_bot = request.headers.get("Authorization") == f"Bot {BOT_TOKEN}"
        by_token = operation.path.startswith(("/webhooks/", "/interactions/"))
        if not is_bot and not by_token:
            return 401, {"code": 0, "message": "401: Unauthorized"}
        status, found = self._do(operation, request, body)
        self.violations += DESCRIPTION.faults_of_answer(operation, status, found)
        return status, found

    def _do(self, operation: Operation, request: web.Request, body: Any) -> tuple[int, Any]:
        values, message = operation.values, operation.values.get("message_id", "")
        if operation.path.startswith("/webhooks/"):
            if values["webhook_id"] == APPLICATION_ID:
                self.responses.append({"token": values["webhook_token"], "data": body})
                return 200, self._made(Place("0"), body or {}, None)
            place = self.webhooks.get(f"{values['webhook_id']}/{values['webhook_token']}")
            if place is None:
                return 404, {"code": 10015, "message": "Unknown Webhook"}
        elif "channel_id" in values:
            found = self.rooms.get(values["channel_id"])
            if found is None:
                return 404, {"code": 10003, "message": "Unknown Channel"}
            place = found
        else:
            return self._do_else(operation, body)
        if message and message not in place.messages:
            return 404, {"code": 10008, "message": "Unknown Message"}
        webhook = values.get("webhook_id")
        match request.method, operation.path.rpartition("/")[2]:
            case "POST", _:
                return self._post(place, body, webhook, request.query.get("wait") == "true")
            case "PATCH", _:
                shown = self._edit(place.messages[message], body)
                return 200, shown
            case "GET", "{message_id}":
                return 200, place.messages[message]
            case "GET", "messages":
                return 200, self._listed(place, request.query)
            case "GET", "{channel_id}":
                return 200, {"id": place.id, "type": 0, "guild_id": GUILD_ID, "name": "room", "flags": 0}
            case _:
                return 200, {
                    "id": webhook, "type": 1, "name": "hook", "avatar": None, "application_id": None,
                    "channel_id": place.id, "guild_id": GUILD_ID,
                }  # fmt: skip

    def _do_else(self, operation: Operation, body: Any) -> tuple[int, Any]:
        match operation.path:
            case "/users/@me":
                return 200, {
                    **_user(BOT_ID, "watchkeeper", is_bot=True), "mfa_enabled": False, "locale": "en-US",
                    "premium_type": 0,
                }  # fmt: skip
            case "/interactions/{interaction_id}/{interaction_token}/callback":
                self.responses.append({"token": operation.values["interaction_token"], **body})
                with self.answered:
                    self.answered.notify_all()
                return 204, None
            case path if path.endswith("/commands"):
                self.commands = [
                    {
                        **each, "id": str(8001 + at), "application_id": APPLICATION_ID, "version": "1",
                        "default_member_permissions": None, "type": each.get("type", 1), "nsfw": False,
                    }
                    for at, each in enumerate(body)
                ]  # fmt: skip
                return 200, self.commands
            case _:
                return 200, {
                    "id": APPLICATION_ID, "name": "watchkeeper", "icon": None, "description": "", "type": None,
                    "verify_key": "0" * 64, "flags": 0, "bot": _user(BOT_ID, "watchkeeper", is_bot=True),
                    "redirect_uris": [], "interactions_endpoint_url": None, "role_connections_verification_url": None,
                    "owner": _user("1", "ada"), "approximate_guild_count": 1, "approximate_user_install_count": 0,
                    "approximate_user_authorization_count": 0, "explicit_content_filter": 0, "summary": "",
                    "bot_public": False, "bot_require_code_grant": False, "hook": True, "team": None,
                }  # fmt: skip

    def _post(self, place: Place, body: Any, webhook: str | None, waits: bool) -> tuple[int, Any]:
        if not body.get("content") and not body.get("embeds"):
            return 400, {"code": 50006, "message": "Cannot send an empty message"}
        nonce = body.get("nonce")
        if nonce and body.get("enforce_nonce"):
            known = place.nonces.get(nonce)
            if known is not None and time.monotonic() - known[0] < NONCE_S:
                self.refused_doubles += 1
                return 200, place.messages[known[1]]
        made = self._made(place, body, webhook)
        place.messages[made["id"]] = made
        if nonce:
            place.nonces[nonce] = (time.monotonic(), made["id"])
            made = {**made, "nonce": nonce}
        return (200, made) if webhook is None or waits else (204, None)

    def _made(self, place: Place, body: Mapping[str, Any], webhook: str | None) -> dict[str, Any]:
        author = _user(webhook, "hook", is_bot=True) if webhook else _user(BOT_ID, "watchkeeper", is_bot=True)
        made: dict[str, Any] = {
            "id": self._id(), "type": 19 if body.get("message_reference") else 0, "content": body.get("content") or "",
            "channel_id": place.id, "author": author, "mentions": [], "mention_roles": [], "attachments": [],
            "embeds": _shown_embeds(body), "components": _shown_components(body), "edited_timestamp": None, "flags": 0,
            "timestamp": dt.datetime.now(dt.UTC).isoformat(), "pinned": False, "mention_everyone": False, "tts": False,
        }  # fmt: skip
        if webhook:
            made["webhook_id"] = webhook
        reference = body.get("message_reference")
        if reference:
            made["message_reference"] = {"type": 0, "channel_id": place.id, "message_id": reference["message_id"]}
            made["referenced_message"] = None
        return made

    def _edit(self, message: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        self.edits += 1
        if "content" in body:
            message["content"] = body["content"] or ""
        if "embeds" in body:
            message["embeds"] = _shown_embeds(body)
        if "components" in body:
            message["components"] = _shown_components(body)
        message["edited_timestamp"] = dt.datetime.now(dt.UTC).isoformat()
        return message

    def _listed(self, place: Place, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The newest first, but with ``after`` the next ones, as Discord does; no nonce is among it."""
        after = int(query.get("after", "0"))
        found = [each for key, each in place.messages.items() if int(key) > after]
        most = int(query.get("limit", "50"))
        return found[:most][::-1] if "after" in query else found[-most:][::-1]

    def _id(self) -> str:
        self._next += 1
        return str(((int(time.time() * 1000) - _EPOCH_MS) << 22) + self._next)

    # -- the gateway -------------------------------------------------------------------------------------------------

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        async for each in socket:
            if each.type is not WSMsgType.TEXT:
                break
            said = json.loads(each.data)
            if said["op"] == 1:
                await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
            elif said["op"] == 2:
                if said["d"]["token"] != BOT_TOKEN:
                    await socket.close(code=4004)
                    break
                await self._dispatch("READY", self._hello())
                self.ready.set()
        return socket

    def _hello(self) -> dict[str, Any]:
        return {
            "v": 10, "user": _user(BOT_ID, "watchkeeper", is_bot=True), "guilds": [], "session_id": "s",
            "session_type": "normal", "resume_gateway_url": self.gateway_url, "shard": [0, 1],
            "application": {"id": APPLICATION_ID, "flags": 0}, "private_channels": [], "relationships": [],
            "presences": [], "geo_ordered_rtc_regions": [], "guild_join_requests": [],
        }  # fmt: skip

    @property
    def gateway_url(self) -> str:
        return self.url.replace("http://", "ws://") + "/gateway/"

    async def _dispatch(self, name: str, event: Mapping[str, Any]) -> None:
        self._sequence += 1
        for socket in self._sockets:
            if not socket.closed:
                await socket.send_json({"op": 0, "d": event, "s": self._sequence, "t": name})

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop


def _user(name: str, username: str, *, is_bot: bool = False) -> dict[str, Any]:
    return {
        "id": name, "username": username, "discriminator": "0", "avatar": None, "global_name": None, "public_flags": 0,
        "flags": 0, "primary_guild": None, **({"bot": True} if is_bot else {}),
    }  # fmt: skip


def _shown_embeds(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich", **each} for each in body.get("embeds") or []]


def _shown_components(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(json.dumps(body.get("components") or []))
    for at, row in enumerate(rows):
        row["id"] = 1 + 10 * at
        for number, each in enumerate(row.get("components", [])):
            each["id"] = 2 + 10 * at + number
    return rows


@contextmanager
def serve_discord(window: Window | None = None, hidden: Window | None = None) -> Iterator[DiscordServer]:
    """A Discord that is there while the context is; what it was asked or answered wrongly fails at the end."""
    server = DiscordServer(window or Window(), hidden)
    started = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(server, started)), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield server
    finally:
        assert server._loop is not None
        assert server.stop is not None
        server._loop.call_soon_threadsafe(server.stop.set)
        thread.join(20)
    assert not server.violations, server.violations[:5]


async def _serve(server: DiscordServer, started: threading.Event) -> None:
    app = web.Application(client_max_size=10 << 20)
    app.router.add_get("/gateway/", server.gateway)
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}"
    server.bind(asyncio.get_running_loop())
    server.stop = asyncio.Event()
    started.set()
    await server.stop.wait()
    await runner.cleanup()
