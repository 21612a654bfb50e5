"""Live rows: what changed on a page since an event, sent as it changes; an interrupted stream goes on where it was.

Each page that somebody looks at is rendered once for all who do, whenever the record has moved on; what differs is
sent by element. The id of each message is the number of the event up to which the page is current then, so that
whoever comes back with it gets what he missed, once. In between a pulse says that the record can still be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from watchkeeper.controlroom.judging import Role
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Seq
from watchkeeper.web.pages.asking import Asking
from watchkeeper.web.rendering import Fragment, Renderer, find_fragments
from watchkeeper.web.room import Room
from watchkeeper.web.sitemap import Page, find_page

LOOK_EVERY_S = 0.2
PULSE_EVERY_S = 5.0
ATTEND_EVERY_S = 2.0
MOST_STREAMS = 600
_REST = 2.0
"""A page that took a second to render is not rendered again for so many."""
_KEPT_S = 120.0
_MOST_GONE = 2_000
_MOST_IDLE = 64
_TIME_EVERY_S = 20.0
"""Some of what a page says is a matter of time alone: it is looked at again so often without any event."""

CSRF = Markup("csrf-of-the-viewer-stands-here")


class Row(msgspec.Struct, frozen=True):
    """An element as it is now: in which list, and after which of its rows (``""``: it is the first)."""

    id: str
    region: str
    after: str
    html: str


class Patch(msgspec.Struct, frozen=True):
    """What changed: elements as they are now, and rows that are not there any more."""

    rows: tuple[Row, ...]
    gone: tuple[str, ...] = ()


class Pulse(msgspec.Struct, frozen=True):
    """That the stream lives. ``stale`` says why what is shown may be old; ``""``: it is current up to ``seq``."""

    seq: Seq
    at: int
    stale: str = ""
    absences: tuple[str, ...] = ()


class View(NamedTuple):
    """One page as one role sees it. ``address`` is its path with its query, as forms lead back to it."""

    page: Page
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    may_act: bool

    @property
    def address(self) -> str:
        return quote(self.path, safe="/") + (f"?{urlencode(self.query)}" if self.query else "")

    @property
    def key(self) -> tuple[object, ...]:
        return (self.path, tuple(sorted(self.query.items())), self.may_act)


class _Shown:
    """A page that somebody looks at: what it showed last, and at which event each element changed last."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.viewers = 0
        self.left_at = 0.0
        self.since: Seq | None = None  # from here on every change is known
        self.seq = Seq(0)
        self.version = 0  # counts renderings in which anything was different
        self.fragments: dict[str, Fragment] = {}
        self.order: dict[str, str] = {}
        self.changed: dict[str, tuple[Seq, int]] = {}
        self.gone: dict[str, tuple[Seq, int]] = {}
        self._encoded: tuple[int, int, bytes] = (-1, -1, b"")
        self.next_at = 0.0
        self.rendered_at = 0.0
        self.problem = ""

    def take(self, fragments: tuple[Fragment, ...], seq: Seq) -> None:
        """Hold a newer rendering. Sequence numbers never go back."""
        now = {each.id: each for each in fragments}
        if self.since is None:
            self.since = seq
        else:
            different = [each for each in fragments if self._differs(each)]
            missing = self.fragments.keys() - now.keys()
            mark = (seq, self.version + 1)
            for each in different:
                self.changed[each.id] = mark
                self.gone.pop(each.id, None)
            for identity in missing:
                self.gone[identity] = mark
                self.changed.pop(identity, None)
            while len(self.gone) > _MOST_GONE:
                oldest = next(iter(self.gone))
                self.since = max(self.since, self.gone.pop(oldest)[0])
            self.version += bool(different or missing)
        self.fragments, self.order, self.seq = now, _orders(fragments), max(seq, self.seq)

    def _differs(self, fragment: Fragment) -> bool:
        known = self.fragments.get(fragment.id)
        return known is None or known.digest != fragment.digest

    def patch_since(self, after: Seq) -> bytes | None:
        """What somebody who saw the page at event ``after`` may not have yet; None: nothing."""
        if self.since is None:
            return None
        if after < self.since:  # nobody knows what he has: all of it, which changes nothing that is the same
            return self._encode(list(self.fragments), list(self.gone))
        wanted = [each for each in self.fragments if each in self.changed and self.changed[each][0] >= after]
        return self._encode(wanted, [each for each, mark in self.gone.items() if mark[0] >= after])

    def patch_from(self, version: int) -> bytes | None:
        """What somebody does not have yet who has that version; made once for all who have it."""
        if self._encoded[:2] != (version, self.version):
            wanted = [each for each in self.fragments if each in self.changed and self.changed[each][1] > version]
            body = self._encode(wanted, [each for each, mark in self.gone.items() if mark[1] > version])
            self._encoded = (version, self.version, body or b"")
        return self._encoded[2] or None

    def _encode(self, wanted: list[str], gone: list[str]) -> bytes | None:
        if not wanted and not gone:
            return None
        rows = [
            Row(each, self.fragments[each].region, self.order.get(each, ""), self.fragments[each].html)
            for each in wanted
        ]
        return msgspec.json.encode(Patch(tuple(rows), tuple(gone)))


def _orders(fragments: tuple[Fragment, ...]) -> dict[str, str]:
    """For each row the one before it in its list."""
    last: dict[str, str] = {}
    found = {}
    for each in fragments:
        if each.region:
            found[each.id] = last.get(each.region, "")
            last[each.region] = each.id
    return found


class Hub:
    """Renders what is looked at when the record moves on, and wakes who looks. One for an app; belongs to its loop."""

    def __init__(self, room: Room, renderer: Renderer) -> None:
        self._room, self._renderer = room, renderer
        self._shown: dict[tuple[object, ...], _Shown] = {}
        self._moved = asyncio.Condition()
        self._seq = Seq(0)
        self._stale = ""
        self._absences: tuple[str, ...] = ()
        self._attended_at = -ATTEND_EVERY_S
        self.streams = 0

    async def run(self) -> None:
        """Until it is cancelled. A record that cannot be read is said to everybody, and tried again."""
        while True:
            if self._shown:
                await self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        was_stale, were_absent = self._stale, self._absences
        try:
            self._seq = await run_in_threadpool(self._room.reader.log.last_seq)
            self._stale = ""
            await self._attend(loop.time())
        except Exception as error:  # noqa: BLE001 whatever it is: the badge says that nothing is known any more
            self._stale = error.message if isinstance(error, WatchkeeperError) else "the record cannot be read"
        moved = (was_stale, were_absent) != (self._stale, self._absences)
        for key, each in list(self._shown.items()):
            if not each.viewers:
                if loop.time() - each.left_at > _KEPT_S:
                    del self._shown[key]
                continue
            is_due = each.seq < self._seq or loop.time() - each.rendered_at > _TIME_EVERY_S
            if is_due and loop.time() >= each.next_at and each.view.page.is_live and not self._stale:
                moved = await self._render(each) or moved
        if moved:
            async with self._moved:
                self._moved.notify_all()

    async def _attend(self, moment: float) -> None:
        """See whether anybody watches, from time to time."""
        if moment - self._attended_at < ATTEND_EVERY_S:
            return
        self._attended_at = moment
        found = await run_in_threadpool(lambda: self._room.absences(self._room.reader.look()))
        self._absences = tuple(found.values())

    async def _render(self, each: _Shown) -> bool:
        loop = asyncio.get_running_loop()
        began = loop.time()
        before = (each.version, each.problem, each.since)
        try:
            fragments, seq = await run_in_threadpool(self._make, each.view)
            each.take(fragments, seq)
            each.problem = ""
        except UsageError as error:  # what it is about is gone
            each.problem, each.seq = error.message, self._seq
        except Exception as error:  # noqa: BLE001 the stream goes on, and says that it is not current
            each.problem = error.message if isinstance(error, WatchkeeperError) else "the page cannot be made any more"
        each.rendered_at = loop.time()
        each.next_at = each.rendered_at + _REST * (each.rendered_at - began)
        return (each.version, each.problem, each.since) != before

    def _make(self, view: View) -> tuple[tuple[Fragment, ...], Seq]:
        picture = self._room.reader.look()
        asking = Asking(self._room, picture, view.params, view.query, view.may_act)
        html = self._renderer.render(
            asking, view.page.make()(asking), csrf=CSRF, person=None, said=None, page=view.page, at=view.address
        )
        return find_fragments(html), picture.seq

    def prime(self, view: View, html: str, seq: Seq, csrf: str) -> None:
        """A page was rendered for somebody: from here on his stream knows what he has."""
        if not view.page.is_live or view.key in self._shown:
            return
        idle = [key for key, each in self._shown.items() if not each.viewers]
        for key in idle[: max(0, len(idle) - _MOST_IDLE)]:
            del self._shown[key]
        shown = self._shown[view.key] = _Shown(view)
        shown.left_at = shown.rendered_at = asyncio.get_running_loop().time()
        shown.take(find_fragments(html.replace(csrf, CSRF) if csrf else html), seq)

    async def follow(self, view: View, after: Seq, csrf: str) -> AsyncIterator[bytes]:
        """The stream of one viewer."""
        if not self.streams:  # nobody looked before: what was known then may be over
            self._attended_at = -ATTEND_EVERY_S
        shown = self._shown.setdefault(view.key, _Shown(view))
        shown.viewers += 1
        self.streams += 1
        try:
            yield b"retry: 1000\n\n"
            loop = asyncio.get_running_loop()
            with suppress(WatchkeeperError, OSError):  # the next look says so
                await self._attend(loop.time())
            pulsed_at, told = loop.time(), self._trouble(shown)
            yield self._pulse(shown, after)
            version: int | None = None  # of the page that he has; None: nobody knows yet
            while True:
                patch = None
                if version is not None:
                    patch = shown.patch_from(version)
                elif shown.since is not None:
                    patch = shown.patch_since(after)
                if shown.since is not None:
                    version, after = shown.version, max(after, shown.seq)
                if patch is not None:
                    yield _message("patch", after, patch.replace(CSRF.encode(), csrf.encode()))
                if told != self._trouble(shown) or loop.time() - pulsed_at >= PULSE_EVERY_S:
                    pulsed_at, told = loop.time(), self._trouble(shown)
                    yield self._pulse(shown, after)
                if version in (None, shown.version):
                    await self._wait()
        finally:
            shown.viewers -= 1
            shown.left_at = asyncio.get_running_loop().time()
            self.streams -= 1

    async def _wait(self) -> None:
        """Until something moved, or a pulse is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PULSE_EVERY_S), self._moved:
                await self._moved.wait()

    def _pulse(self, shown: _Shown, after: Seq) -> bytes:
        stale, absences = self._trouble(shown)
        return _message("pulse", after, msgspec.json.encode(Pulse(self._seq, self._room.clock(), stale, absences)))

    def _trouble(self, shown: _Shown) -> tuple[str, tuple[str, ...]]:
        """Why what a viewer sees may be old; a change of it is told at once."""
        return self._stale or shown.problem, self._absences


def live_route(hub: Hub) -> Route:
    """``GET /live?at=/conflicts&after=120``: the stream of that page, from that event on."""

    async def stream(request: Request) -> Response:
        at = urlsplit(request.query_params.get("at", "/")[:2000])
        found = find_page(unquote(at.path))
        if found is None:
            return Response(status_code=404)
        if hub.streams >= MOST_STREAMS:
            return Response(status_code=503, headers={"retry-after": "30"})
        page, params = found
        query = {key[:40]: value[:400] for key, value in parse_qsl(at.query)[:12] if key != "said"}
        view = View(page, unquote(at.path), params, query, request.state.person.role is Role.OPERATOR)
        given = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        after = Seq(int(given)) if given.isascii() and given.isdigit() and len(given) < 18 else Seq(0)
        body = hub.follow(view, after, request.state.csrf)
        return StreamingResponse(body, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    return Route("/live", stream, methods=["GET"])


def _message(event: str, seq: Seq, data: bytes) -> bytes:
    """One message. JSON has no line breaks outside its texts, where they are escaped."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (event.encode(), seq, data)
