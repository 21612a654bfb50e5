"""One question to GitHub and its answer: limits are waited for, faults are tried again or said, secrets never told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec
from githubkit import GitHub, TokenAuthStrategy, UnauthAuthStrategy
from githubkit.exception import GitHubException, RequestError, RequestFailed, RequestTimeout
from githubkit.response import Response

from watchkeeper.forge.moments import render_moment
from watchkeeper.forge.port import NotThereError, read_line
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis

MOST_ANSWER = 64 << 20
"""Bytes of an answer. A hundred issues with the longest bodies that GitHub takes are less than half of it."""

_TRIES = 4
_MOST_WAITS = 5
_MOST_HOPS = 3
_LATER = frozenset({500, 502, 503, 504})
_LEAST_WAIT_S = 1


class Answer(NamedTuple):
    """What came back: ``value`` is its JSON (None: nothing changed), ``next`` the address of the next page."""

    value: Any
    etag: str = ""
    next: str = ""


class Pace(NamedTuple):
    """How time passes for whoever asks: ``clock``, ``sleep`` for so many seconds, ``say`` why.

    A limit is waited for up to ``patience_s``, the next bytes of an answer up to ``timeout_s``, all ten times as long.
    """

    clock: Callable[[], Millis]
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    patience_s: float = 3600.0
    timeout_s: float = 30.0


class _UnreadableError(Exception):
    """An answer that is not read, and why."""


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, most_s: float) -> None:
        self._stream, self._end = stream, time.monotonic() + most_s

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MOST_ANSWER:
                raise _UnreadableError(f"it has more than {MOST_ANSWER >> 20} MiB")
            if time.monotonic() > self._end:
                raise _UnreadableError("it does not come to an end")
            yield chunk

    def close(self) -> None:
        self._stream.close()


class Asker:
    """Asks one GitHub. Blocks; close it. Raises WatchkeeperError (``tracker-...``), with NotThereError for 404 and 410.

    What changes nothing is tried again after faults of the network or the server; a new issue or comment is not, since
    it may have been made: whoever asks for one marks it, and looks.
    """

    def __init__(self, api: str, token: str, pace: Pace) -> None:
        self._api, self._token, self._pace = api.rstrip("/"), token, pace
        self._github = GitHub(
            TokenAuthStrategy(token) if token else UnauthAuthStrategy(),
            base_url=self._api,
            user_agent="watchkeeper",
            follow_redirects=False,
            timeout=pace.timeout_s,
            event_hooks={"response": [lambda response: _bound(response, 10 * pace.timeout_s)]},
            http_cache=False,
            auto_retry=False,
        )
        self._github.__enter__()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Let go of the connection."""
        self._github.__exit__()

    def get(self, address: str, *, params: Mapping[str, str | int] | None = None, etag: str = "") -> Answer:
        """What is at a path of the API, or at an address that it gave. Moves are followed."""
        headers = {"If-None-Match": etag} if etag else {}
        for _ in range(_MOST_HOPS):
            response = self._ask("GET", self._within(address), params, None, headers)
            if not response.raw_response.has_redirect_location:
                return self._answer(response, address)
            raw = response.raw_response
            address, params = urljoin(str(raw.url), raw.headers["location"]), None
        raise self._senseless(address, "it leads in a circle")

    def change(self, method: str, path: str, body: Mapping[str, object]) -> Answer:
        """Make or change something."""
        response = self._ask(method, path, None, body, {})
        if response.raw_response.has_redirect_location:
            raise self._senseless(path, "it has just moved")
        return self._answer(response, path)

    def _ask(
        self,
        method: str,
        address: str,
        params: Mapping[str, str | int] | None,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str],
    ) -> Response[Any]:
        # Packed answers are refused: a small one may unpack to more than there is memory.
        headers = {"Accept-Encoding": "identity", **headers}
        tries = waits = 0
        while True:
            try:
                return self._github.request(method, address, params=params, json=body, headers=headers)
            except RequestFailed as error:
                wait = self._wait_of(error.response.raw_response)
                if wait is not None and waits < _MOST_WAITS:
                    waits += 1
                    self._wait(wait)
                    continue
                tries += 1
                if method == "POST" or error.response.status_code not in _LATER or tries >= _TRIES:
                    raise self._refusal(error.response.raw_response, method, address) from None
            except (GitHubException, ValueError) as error:  # the library reads numbers of headers without a net
                tries += 1
                if method == "POST" or tries >= _TRIES or not _may_pass(error):
                    raise self._no_answer(error, address) from None
            self._pace.sleep(float(2**tries))

    def _within(self, address: str) -> str:
        """``address`` where it is a path, or at this very API: a token goes nowhere else."""
        if not urlsplit(address).netloc:
            return address
        if not address.startswith(f"{self._api}/"):
            raise self._senseless(address, "it leads away from the configured API")
        return address

    def _wait_of(self, response: httpx.Response) -> float | None:
        """Seconds until GitHub answers again; None where it is no matter of its limits."""
        if response.status_code not in (403, 429):
            return None
        headers = response.headers
        if (after := _number(headers.get("retry-after"))) is not None:
            return max(_LEAST_WAIT_S, after)
        if headers.get("x-ratelimit-remaining") == "0":
            reset = _number(headers.get("x-ratelimit-reset"))
            return max(_LEAST_WAIT_S, reset + 1 - self._pace.clock() / 1000) if reset is not None else 60.0
        return 60.0 if response.status_code == 429 else None

    def _wait(self, seconds: float) -> None:
        until = render_moment(Millis(self._pace.clock() + int(seconds * 1000)))
        if seconds > self._pace.patience_s:
            raise WatchkeeperError(
                f"GitHub answers no more questions until {until}: its limit is used up",
                slug="tracker-rate-limit",
                hint=f"sync again after {until}" + ("" if self._token else ", or with a token: it has a higher limit"),
                facts={"until": until},
            )
        self._pace.say(f"GitHub's limit is used up: waiting until {until}")
        self._pace.sleep(seconds)

    def _answer(self, response: Response[Any], address: str) -> Answer:
        raw = response.raw_response
        if raw.status_code == 304:
            return Answer(None)
        try:
            value = _json(raw.content)
        except (ValueError, RecursionError):
            raise self._senseless(address, "it is no JSON") from None
        return Answer(value, raw.headers.get("etag", ""), raw.links.get("next", {}).get("url", ""))

    def _refusal(self, response: httpx.Response, method: str, address: str) -> WatchkeeperError:
        status, said = response.status_code, self._safe(_message(response))
        what = f"{method} {self._safe(address)}: {status}{f', {said}' if said else ''}"
        facts = {"status": str(status), "address": self._safe(address)}
        if status in (404, 410):
            return NotThereError(
                f"GitHub has nothing there: {what}",
                slug="tracker-not-there",
                hint="check [tracker] github, and that the token may see the repository",
                facts=facts,
            )
        if status in (401, 403):
            return WatchkeeperError(
                f"GitHub refuses: {what}",
                slug="tracker-refused",
                hint="give a token that may read and write the repository's issues",
                facts=facts,
            )
        return WatchkeeperError(
            f"GitHub could not do it: {what}", slug="tracker-failed", hint="sync again later", facts=facts
        )

    def _no_answer(self, error: Exception, address: str) -> WatchkeeperError:
        if not isinstance(error, RequestError):
            return self._senseless(address, "its headers cannot be read")
        if isinstance(error.exc, _UnreadableError):
            return self._senseless(address, str(error.exc))
        reason = "no answer in time" if isinstance(error, RequestTimeout) else self._safe(str(error.exc))
        return WatchkeeperError(
            f"GitHub cannot be reached at {self._api}: {reason or type(error.exc).__name__}",
            slug="tracker-unreachable",
            hint="check the network, and [tracker] api; what is recorded stays as it is",
            facts={"api": self._api, "reason": reason},
        )

    def _senseless(self, address: str, why: str) -> WatchkeeperError:
        return WatchkeeperError(
            f"The answer of {self._safe(address)} makes no sense: {why}",
            slug="tracker-answer",
            hint="check that [tracker] api is the address of a GitHub API",
            facts={"address": self._safe(address), "reason": why},
        )

    def _safe(self, text: str) -> str:
        line = read_line(text, most=300)
        return line.replace(self._token, "***") if self._token else line


def _bound(response: httpx.Response, most_s: float) -> None:
    """Called before anything of the answer is read."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _UnreadableError("it is packed, which was not asked for")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, most_s)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, RequestTimeout) or (
        isinstance(error, RequestError) and isinstance(error.exc, httpx.TransportError)
    )


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 12 else None


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, ValueError):
        return json.loads(content.decode("utf-8", "replace"))  # halves of characters are read, and cleaned later


def _message(response: httpx.Response) -> str:
    try:
        value = _json(response.content)
    except (ValueError, RecursionError):
        return ""
    found = value.get("message") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
