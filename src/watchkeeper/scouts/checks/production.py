"""The check ``production``: errors that nobody has resolved, as a service like Sentry tells them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

import msgspec

from watchkeeper.model.scouting import KindId
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Raw, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.config import Production

_TIMEOUT_S = 20.0
_MOST_PAGES = 20
_MOST_BYTES = 8 << 20
_TRIES = 3
_LONGEST_WAIT_S = 30.0
_HICCUP_S = 60.0
_DISPROVE = (
    "Was it one hiccup of something else, and has it not come since? Is it fixed in a version that is not deployed yet?"
)


class _Metadata(msgspec.Struct):
    filename: str = ""
    function: str = ""
    type: str = ""
    value: str = ""


class ProductionError(msgspec.Struct):
    """An issue, as the published API describes it. Its title changes with its newest event: its ``id`` does not."""

    id: str
    title: str = ""
    culprit: str | None = ""
    count: str | int = "0"
    userCount: int = 0  # noqa: N815 as the API has it
    firstSeen: str = ""  # noqa: N815
    lastSeen: str = ""  # noqa: N815
    level: str = "error"
    permalink: str | None = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class BlindError(Exception):
    """Nobody knows whether there are errors, and why."""


class ProductionErrors:
    """Asks the service for what is unresolved. Its token comes from the variable that ``.scout.toml`` names."""

    name = "production"

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 it asks over HTTP
        """Every unresolved error, those that one hiccup made together as one."""
        source = ground.config.production
        if not source.url:
            return not_applicable(self.name, ".scout.toml names no service that collects errors of production")
        token = ground.environ.get(source.token, "").strip()
        if not token:
            return could_not_look(
                self.name, f"the variable {source.token}, which holds the service's token, is not set"
            )
        try:
            errors = self._fetch(source, token)
        except BlindError as error:
            return could_not_look(self.name, str(error).replace(token, "***"))
        found = [_raw(group) for group in group_hiccups(errors)]
        what = f"{len(errors)} unresolved errors of {source.project}"
        return looked(self.name, found, what=what, proof=f"{urlsplit(source.url).hostname} answered in full")

    def _fetch(self, source: Production, token: str) -> list[ProductionError]:
        base = source.url.rstrip("/")
        path = f"/api/0/projects/{quote(source.organization, safe='')}/{quote(source.project, safe='')}/issues/"
        address: str | None = f"{base}{path}?query=is%3Aunresolved&statsPeriod="
        errors: list[ProductionError] = []
        for _ in range(_MOST_PAGES):
            assert address is not None
            body, links = self._ask("GET", address, token)
            try:
                errors += msgspec.json.decode(body, type=list[ProductionError])
            except (msgspec.MsgspecError, ValueError) as error:
                raise BlindError(f"what {base} answers cannot be read: {str(error)[:160]}") from error
            address = next_page(links, base)
            if address is None:
                return errors
        raise BlindError(f"{base} has more than {_MOST_PAGES} pages of unresolved errors")

    def _ask(
        self, method: str, address: str, token: str, content: Mapping[str, object] | None = None
    ) -> tuple[bytes, str]:
        """The body, and the ``Link`` header. Waits where it is asked to, a while. Raises BlindError."""
        try:
            import httpx2
        except ImportError as error:
            raise BlindError("httpx2 is not installed: pip install 'watchkeeper[notify]'") from error
        host = urlsplit(address).hostname
        for attempt in range(_TRIES):
            try:
                with httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
                    given = {"json": dict(content)} if content is not None else {}
                    answer = client.request(method, address, headers={"Authorization": f"Bearer {token}"}, **given)  # type: ignore[arg-type]
            except httpx2.HTTPError as error:
                raise BlindError(f"{host} does not answer: {type(error).__name__}") from error
            if answer.status_code == 429 or answer.status_code >= 500:
                wait = _seconds(answer.headers.get("Retry-After", "")) or 2.0**attempt
                if attempt + 1 < _TRIES and wait <= _LONGEST_WAIT_S:
                    self._sleep(wait)
                    continue
            if answer.status_code in (401, 403):
                raise BlindError(f"{host} refuses the token ({answer.status_code}): make one that may read issues")
            if answer.status_code != 200:
                raise BlindError(f"{host} answers {answer.status_code}")
            if len(answer.content) > _MOST_BYTES:
                raise BlindError(f"{host} answers more than {_MOST_BYTES >> 20} MB")
            return answer.content, answer.headers.get("Link", "")
        raise BlindError(f"{host} asks to wait, again and again")

    def resolve(self, source: Production, token: str, error_id: str) -> str:
        """Resolve an error at its source, as its fix has landed; why that failed, ``""`` where it did not."""
        org, own = quote(source.organization, safe=""), quote(error_id, safe="")
        address = f"{source.url.rstrip('/')}/api/0/organizations/{org}/issues/{own}/"
        try:
            self._ask("PUT", address, token, {"status": "resolved"})
        except BlindError as error:
            return str(error).replace(token, "***")
        return ""


CHECK = ProductionErrors()


def group_hiccups(errors: Sequence[ProductionError]) -> list[list[ProductionError]]:
    """Errors of one type that began within a minute, as one cause; each other one by itself, in order."""
    groups: dict[tuple[str, int] | str, list[ProductionError]] = {}
    starts: dict[str, float] = {}
    for each in sorted(errors, key=lambda each: (each.firstSeen, each.id)):
        kind, began = each.metadata.type, _moment(each.firstSeen)
        if not kind or began is None:
            groups[each.id] = [each]
            continue
        if began - starts.get(kind, -1e18) > _HICCUP_S:
            starts[kind] = began
        groups.setdefault((kind, int(starts[kind])), []).append(each)
    return list(groups.values())


def next_page(links: str, base: str) -> str | None:
    """The next page, where the header says that it has results; None at the end. It has to be of the same service."""
    for part in links.split(","):
        address, _, about = part.strip().partition(">")
        if 'rel="next"' in about and 'results="true"' in about:
            found = address.lstrip("<")
            if urlsplit(found)[:2] != urlsplit(base)[:2]:
                raise BlindError("the next page is said to be of another service: the token is not sent there")
            return found
    return None


def anchor_of(anchor: str) -> Iterator[str]:
    """The ids of the errors that a finding is about."""
    return (each for each in anchor.split("+") if each)


def _raw(group: Sequence[ProductionError]) -> Raw:
    first = group[0]
    count = sum(_count(each.count) for each in group)
    users = sum(each.userCount for each in group)
    more = f", and {len(group) - 1} more within a minute" if len(group) > 1 else ""
    where = first.metadata.filename or first.culprit or ""
    return Raw(
        "unresolved-error", where, f"In production: {first.title[:200]}{more} ({count} times, {users} users)", 0,
        first.metadata.value[:400], first.metadata.function, f"{first.permalink or first.id}, last {first.lastSeen}",
        _DISPROVE, 4 if first.level == "fatal" or users >= 10 else 3, 0.9, KindId(""),
        "+".join(each.id for each in group),
    )  # fmt: skip


def _count(text: str | int) -> int:
    return int(text) if isinstance(text, int) or text.isdigit() else 0


def _seconds(text: str) -> float:
    return float(text) if text.strip().isdigit() else 0.0


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
