"""Dev servers of projects by name: ``/proxy/NAME/`` leads to an origin of its own, where they are passed through.

Who may act in the control room gets a ticket for one project, good once and for seconds; what it becomes is a cookie of
that other origin, good for that project alone, and over with the login. `devserver` has what is passed on and why.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import h11
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from watchkeeper.controlroom.judging import Person, Role
from watchkeeper.fleet.config import WebSection
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Millis
from watchkeeper.web.access import refusing
from watchkeeper.web.access.identity import Identities, cookies_of_line
from watchkeeper.web.access.places import find_next, is_loopback, require_listen
from watchkeeper.web.access.refusing import Asking
from watchkeeper.web.devserver import find_named
from watchkeeper.web.tunnel import Incoming, answer_plain, pass_through, read_head

ENTER = "/.watchkeeper/enter"
_TICKET_MS, _GRANT_MS = 30_000, 12 * 3_600_000
_MOST = 500
_CONNECTIONS = 200
_LOG = logging.getLogger(__name__)


class Grant(NamedTuple):
    """That somebody may see one project's dev server, while his login holds."""

    project: str
    session: str
    until: Millis


class DevProxy:
    """All dev servers of a fleet, behind one port."""

    def __init__(self, web: WebSection, identities: Identities, ports: Mapping[str, int]) -> None:
        """Raises UsageError (``web-bad-listen``, ``web-exposed``)."""
        self._who, self._ports, self._clock = identities, dict(ports), identities.clock
        host, self._port = require_listen(web, web.dev_listen)
        self._host = host
        named = "http://{name}.localhost:" + str(self._port)
        self._origin = web.dev_origin or (named if is_loopback(host) else f"http://{web.dev_listen}")
        self._guard = threading.Lock()
        self._tickets: dict[str, Grant] = {}
        self._grants: dict[str, Grant] = {}
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._is_listening = False

    @property
    def is_secure(self) -> bool:
        return self._origin.startswith("https://")

    def routes(self) -> list[Route]:
        """``/proxy/NAME/...``: records who opens it, and leads to the other origin."""
        return [
            Route("/proxy/{project}", self._open, methods=["GET"], name="proxy"),
            Route("/proxy/{project}/{rest:path}", self._open, methods=["GET"], name="proxy-path"),
        ]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Pass through what comes, until the end. A port that is taken is said, and stops nothing else."""
        try:
            server = await asyncio.start_server(self._serve, self._host, self._port, limit=1 << 16)
        except OSError as error:
            _LOG.error("dev servers cannot be shown at %s:%d: %s", self._host, self._port, error.strerror or error)
            yield
            return
        self._is_listening = True
        try:
            async with server:
                yield
        finally:
            self._is_listening = False

    # -- in the control room ----------------------------------------------------------------------------------------

    async def _open(self, request: Request) -> Response:
        person: Person = request.state.person
        project, rest = request.path_params["project"], request.path_params.get("rest", "")
        if person.role is not Role.OPERATOR:  # a dev server changes things too
            raise refusing.not_allowed(person.who, Asking("GET", request.url.path))
        if project not in self._ports:
            raise UsageError(
                f"There is no dev server of {project[:100]!r}",
                slug="dev-unknown",
                hint="set project.port in fleet.toml",
                facts={"project": project[:100]},
            )
        if not self._is_listening:
            raise WatchkeeperError(
                f"Dev servers cannot be shown: {self._host}:{self._port} is taken",
                slug="dev-not-listening",
                hint="set web.dev_listen in fleet.toml to a free port, and start `watchkeeper web` anew",
            )
        await run_in_threadpool(
            self._who.audit, "open-dev-server", person.who, person.role.value, project, allowed=True
        )
        ticket = self._keep(self._tickets, Grant(project, request.state.session, Millis(self._clock() + _TICKET_MS)))
        wanted = "/" + quote(rest, safe="/:@!$&'()*+,;=~-._") + (f"?{request.url.query}" if request.url.query else "")
        origin = self._origin.replace("{name}", project.lower())
        return RedirectResponse(f"{origin}{ENTER}?{urlencode({'ticket': ticket, 'to': find_next(wanted)})}", 303)

    # -- at the other origin ----------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._slots.locked():
                await answer_plain(writer, 503, "Too many connections")
                return
            async with self._slots:
                await self._one(reader, writer)
        except (OSError, EOFError, TimeoutError, h11.ProtocolError):
            pass  # one of the two hung up, or says nothing that is HTTP: there is nobody to tell
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming = await read_head(reader)
        if incoming is None:
            await answer_plain(writer, 400, "That is no request")
            return
        host = incoming.header(b"host").lower()
        named = find_named(f"http{'s' * self.is_secure}://{host}", self._origin, tuple(self._ports))
        if named is None and ("{name}" in self._origin or host != urlsplit(self._origin).netloc.lower()):
            await answer_plain(writer, 421, "Nothing answers here by that name")
        elif urlsplit(incoming.target).path == ENTER:
            await self._enter(incoming, writer, named)
        elif not self._is_own(incoming, host):
            await answer_plain(writer, 403, "The request came from another page")
        else:
            grant = await run_in_threadpool(self._find_grant, incoming, named)
            if grant is None:
                await answer_plain(writer, 401, "Open this from the control room: /proxy/NAME/")
            else:
                await pass_through(incoming, reader, writer, self._ports[grant.project])

    async def _enter(self, incoming: Incoming, writer: asyncio.StreamWriter, named: str | None) -> None:
        query = parse_qs(urlsplit(incoming.target).query)
        with self._guard:
            ticket = self._tickets.pop(_hashed(query.get("ticket", [""])[0]), None)
        if ticket is None or self._clock() > ticket.until or named not in {None, ticket.project}:
            await answer_plain(writer, 401, "Open this from the control room: /proxy/NAME/")
            return
        key = self._keep(self._grants, ticket._replace(until=Millis(self._clock() + _GRANT_MS)))
        cookie = f"{self._cookie}={key}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.is_secure else "")
        # What another project's server left under the same origin must not see this one's pages.
        more = [("Location", find_next(query.get("to", ["/"])[0])), ("Set-Cookie", cookie)]
        await answer_plain(writer, 303, "", [*more, ("Clear-Site-Data", '"cache", "storage"')])

    def _is_own(self, incoming: Incoming, host: str) -> bool:
        """Of this origin, or somebody who goes there; another page does not speak to a dev server through us."""
        site, mode = incoming.header(b"sec-fetch-site"), incoming.header(b"sec-fetch-mode")
        origin = incoming.header(b"origin").lower()
        own = f"http{'s' * self.is_secure}://{host}"
        if incoming.is_upgrade or incoming.method not in {"GET", "HEAD"}:
            return origin == own
        is_going = mode == "navigate" and incoming.header(b"sec-fetch-dest") in {"document", ""}
        return (not origin or origin == own) and (site in {"", "same-origin", "none"} or is_going)

    def _find_grant(self, incoming: Incoming, named: str | None) -> Grant | None:
        for given in cookies_of_line(incoming.header(b"cookie"), self._cookie):
            with self._guard:
                grant = self._grants.get(_hashed(given))
            if grant is None or self._clock() > grant.until or named not in {None, grant.project}:
                continue
            if not grant.session or self._who.is_alive(grant.session):
                return grant
        return None

    @property
    def _cookie(self) -> str:
        return "__Host-watchkeeper_dev" if self.is_secure else "watchkeeper_dev"

    def _keep(self, among: dict[str, Grant], grant: Grant) -> str:
        key = secrets.token_urlsafe(32)
        with self._guard:
            for old in [each for each, kept in among.items() if self._clock() > kept.until]:
                del among[old]
            while len(among) >= _MOST:
                del among[next(iter(among))]
            among[_hashed(key)] = grant
        return key


def _hashed(given: str) -> str:
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
