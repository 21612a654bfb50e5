"""Discord: a webhook, or a bot in a room. One question each; what became of it is told, also where nobody knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2

from watchkeeper.model.attention import Delivery, EntryState, MatterKind, matter_id
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import redact
from watchkeeper.notify.limits import Limits, read_wait
from watchkeeper.notify.messages import Message
from watchkeeper.notify.port import NotSent, Outcome, Sent
from watchkeeper.notify.rendering import Rendered, cut, inert_markdown, plain

API = "https://discord.com/api/v10"

_MOST_CONTENT, _MOST_DESCRIPTION, _MOST_FOOTER = 2000, 4096, 2048
_MOST_ANSWER = 4 << 20
_EPOCH_MS = 1_420_070_400_000
_UNKNOWN_MESSAGE = 10008
_PAGES = 5
_COLOURS = {"urgent": 0xD93F3F, "nag": 0xD98E3F, "scheduled": 0x3F7FD9, "today": 0x6F7F8F, "fyi": 0x6F7F8F}
_GREEN = 0x3F9F5F
_HOLDS = frozenset({MatterKind.ENTRY, MatterKind.RISK})


class Answer(NamedTuple):
    """What came back; ``fault`` where nothing did, and ``is_unknown`` whether the question may have been heard."""

    status: int = 0
    body: Any = None
    fault: str = ""
    is_unknown: bool = False
    wait_s: float = 0.0


class Asker:
    """Asks one Discord, within what it says of its limits. Close it."""

    def __init__(self, api: str, token: str, limits: Limits, timeout_s: float = 15.0) -> None:
        headers = {"User-Agent": "DiscordBot (watchkeeper, 1)"}
        headers |= {"Authorization": f"Bot {token}"} if token else {}
        self._client = httpx2.AsyncClient(
            headers=headers, timeout=httpx2.Timeout(timeout_s, connect=min(5.0, timeout_s)), follow_redirects=False
        )
        self._api, self._secret, self.limits = api.rstrip("/"), token, limits

    async def ask(
        self, method: str, path: str, major: str, *, body: object = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """One question. Waits for nothing: whoever asks looked at the limits before."""
        route = route_of(method, path)
        try:
            async with self._client.stream(
                method,
                f"{self._api}{path}",
                json=body,
                params=dict(query or {}),
                headers={"X-RateLimit-Precision": "ms"},
            ) as response:
                content = await _read(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as error:
            return Answer(fault=f"it cannot be reached ({type(error).__name__})")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return Answer(fault=f"its answer was lost ({type(error).__name__})", is_unknown=True)
        found = _parsed(content)
        self.limits.take(route, major, response.headers)
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            wait, is_global = read_wait(response.headers, found)
            self.limits.refuse(route, wait, is_global=is_global)
            return Answer(response.status_code, found, wait_s=wait)
        return Answer(response.status_code, found)

    async def close(self) -> None:
        await self._client.aclose()


class Discord:
    """A webhook (``room`` ``""``) or a bot in a room; see ``watchkeeper.notify.port.Port``.

    A webhook can neither refuse a second delivery nor be asked what it has: where an answer was lost, nobody knows.
    A bot gives each delivery a nonce, by which Discord refuses a second one for some minutes, and its messages name
    their delivery, so that they are found.
    """

    inert = staticmethod(inert_markdown)

    def __init__(self, asker: Asker, path: str, *, room: str = "") -> None:
        self._asker, self._path, self._room = asker, path, room
        self._me = ""

    def ready_in(self, message: Message) -> float:
        method, path, _ = self._where(message)
        return self._asker.limits.wait_s(route_of(method, path))

    async def send(self, message: Message, words: Rendered) -> Outcome:
        method, path, query = self._where(message)
        body = self._body(message, words)
        answer = await self._asker.ask(method, path, self._path, body=body, query=query)
        outcome = judge_answer(answer, is_change=message.what is not Delivery.EDIT)
        if isinstance(outcome, Sent) and not outcome.reference and message.what is Delivery.EDIT:
            return Sent(message.reference)
        return outcome

    async def find(self, token: str, since: Millis) -> Sent | NotSent | None:
        if not self._room:
            return NotSent("a webhook cannot be asked what it has", None, is_unknown=True)
        me = await self._find_me()
        if isinstance(me, NotSent):
            return me
        after = str(max(0, since - 120_000 - _EPOCH_MS) << 22)
        for _ in range(_PAGES):
            wait = self._asker.limits.wait_s(route_of("GET", self._path))
            if wait > 0:
                return NotSent("its limit is reached", wait, is_limit=True)
            answer = await self._asker.ask("GET", self._path, self._path, query={"after": after, "limit": "100"})
            if answer.status != httpx2.codes.OK or not isinstance(answer.body, list):
                fault = judge_answer(answer, is_change=False)
                return fault if isinstance(fault, NotSent) else NotSent("its answer makes no sense", 5.0)
            for each in answer.body:
                if _author(each) == me and token[:12] in _marks(each):
                    return Sent(str(each["id"]))
            if len(answer.body) < 100:
                return None
            after = str(max(int(str(each["id"])) for each in answer.body))
        return NotSent("the room has too many messages since", 60.0)

    async def probe(self) -> str | None:
        path = self._path.removesuffix("/messages")
        if self._asker.limits.wait_s(route_of("GET", path)) > 0:
            return "its limit is reached"
        outcome = judge_answer(await self._asker.ask("GET", path, self._path), is_change=False)
        return "" if isinstance(outcome, Sent) else outcome.reason

    async def close(self) -> None:
        await self._asker.close()

    def _where(self, message: Message) -> tuple[str, str, dict[str, str]]:
        if message.what is Delivery.EDIT:
            messages = self._path if self._room else f"{self._path}/messages"
            return "PATCH", f"{messages}/{message.reference}", {}
        return "POST", self._path, {} if self._room else {"wait": "true"}

    def _body(self, message: Message, words: Rendered) -> dict[str, Any]:
        body: dict[str, Any] = {"allowed_mentions": {"parse": []}}
        if message.is_plain:
            body |= {"content": words.text(_MOST_CONTENT)}
            if message.what is Delivery.EDIT:
                body |= {"embeds": []}
        else:
            embed: dict[str, Any] = {"footer": {"text": cut(words.footer, _MOST_FOOTER)}}
            embed["color"] = _COLOURS[words.urgency.value] if words.urgency is not None else _GREEN
            if words.lines:
                embed["description"] = cut("\n".join(words.lines), _MOST_DESCRIPTION)
            body |= {"content": cut(words.headline, _MOST_CONTENT), "embeds": [embed]}
            if self._room:
                body["components"] = _buttons(message)
        if self._room and message.what is not Delivery.EDIT:
            body |= {"nonce": message.token, "enforce_nonce": True}
            if message.what is Delivery.REPLY:
                body["message_reference"] = {"message_id": message.reference, "fail_if_not_exists": False}
        return body

    async def _find_me(self) -> str | NotSent:
        if not self._me:
            answer = await self._asker.ask("GET", "/users/@me", "")
            outcome = judge_answer(answer, is_change=False)
            if isinstance(outcome, NotSent):
                return outcome
            self._me = outcome.reference
        return self._me


def judge_answer(answer: Answer, *, is_change: bool) -> Outcome:
    """What became of a question. ``is_change``: it made something, so that a lost answer leaves a doubt."""
    if answer.fault:
        return NotSent(answer.fault, 2.0, is_unknown=answer.is_unknown and is_change)
    if answer.status in (200, 201, 204):
        reference = answer.body.get("id") if isinstance(answer.body, dict) else None
        return Sent(str(reference) if isinstance(reference, (str, int)) else "")
    said = answer.body if isinstance(answer.body, dict) else {}
    told = redact(plain(str(said.get("message", ""))))[:120]
    reason = f"it answered {answer.status}{f': {told}' if told else ''}"
    if answer.status == httpx2.codes.TOO_MANY_REQUESTS:
        return NotSent(reason, answer.wait_s, is_limit=True)
    if answer.status >= 500 or answer.status == httpx2.codes.REQUEST_TIMEOUT:
        return NotSent(reason, 2.0, is_unknown=is_change)
    if answer.status == 404 and said.get("code") == _UNKNOWN_MESSAGE:
        return NotSent(reason, None)
    if answer.status in (401, 403, 404):
        return NotSent(reason, 60.0, is_dead=True)
    return NotSent(reason, None)


def parse_webhook(address: str) -> tuple[str, str]:
    """The API and the path of a webhook's address. Raises UsageError (``bad-webhook``), which does not quote it."""
    found = re.fullmatch(r"(https?)://([^/\s?#@]+)/api(?:/v\d+)?/webhooks/(\d{1,20})/([\w-]{1,200})/?", address.strip())
    if found is None or (found[1] == "http" and not re.match(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$", found[2])):
        raise UsageError(
            "The address of a webhook cannot be used: it has to be https://discord.com/api/webhooks/ID/TOKEN",
            slug="bad-webhook",
            hint="copy it from the channel's settings in Discord, under Integrations, Webhooks",
        )
    return f"{found[1]}://{found[2]}/api/v10", f"/webhooks/{found[3]}/{found[4]}"


def route_of(method: str, path: str) -> str:
    """What one limit is for: which message of a room does not matter."""
    room = re.sub(r"(/messages)/[^/]+$", r"\1/*", path)
    return f"{method} {room}"


def _buttons(message: Message) -> list[dict[str, Any]]:
    """What a person can do with it at once; the bot performs it in his name."""
    open_entries = [
        each for each in message.entries if each.kind is not MatterKind.BRIEF and each.state is EntryState.OPEN
    ]
    if not open_entries:
        return []
    if len(open_entries) > 1 or message.brief_at is not None:
        return [_row(_button("Acknowledge all", f"wk:all:{message.token}"))]
    entry = open_entries[0]
    name = matter_id(entry.fingerprint)
    made = [_button("Acknowledge", f"wk:ack:{name}"), _button("Why", f"wk:why:{name}", style=2)]
    if entry.kind in _HOLDS:
        made.append(_button("Hold", f"wk:hold:{name}", style=2))
        made.append(_button("Release", f"wk:release:{name}", style=2))
    return [_row(*made)]


def _row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(buttons)}


def _button(label: str, action: str, style: int = 1) -> dict[str, Any]:
    return {"type": 2, "style": style, "label": label, "custom_id": action}


def _author(message: object) -> str:
    author = message.get("author") if isinstance(message, dict) else None
    return str(author.get("id", "")) if isinstance(author, dict) else ""


def _marks(message: Mapping[str, Any]) -> str:
    """Where a message names its delivery: the foot of its embed, or its last line where it is plain."""
    embeds = message.get("embeds")
    feet = [each.get("footer") for each in embeds if isinstance(each, dict)] if isinstance(embeds, list) else []
    texts = [str(each.get("text", "")) for each in feet if isinstance(each, dict)]
    return "\n".join([*texts, str(message.get("content", "")).rpartition("\n")[2]])


async def _read(response: httpx2.Response) -> bytes:
    found = bytearray()
    async for chunk in response.aiter_bytes():
        found += chunk
        if len(found) > _MOST_ANSWER:
            break
    return bytes(found)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
