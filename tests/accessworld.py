"""A control room that is really served, over a record in which every text that others can write is planted."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import threading
import time
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx2 as httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from contract.test_record import EVERY_KIND
from gitrepo import GitRepo
from watchkeeper.app import now, open_log
from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.judging import Role
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import Scope, find_scope
from watchkeeper.fleet.config import WebSection
from watchkeeper.model.attention import PersonActed
from watchkeeper.model.events import Event
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ProjectId
from watchkeeper.record.log import Log
from watchkeeper.web.access import Access, make_server_config
from watchkeeper.web.api import api_routes
from watchkeeper.web.room import Room

FREE_NAMES = {"ChangeId", "EntryId", "SymbolId", "IssueId", "SessionId"}
"""Ids that are made of names which others choose: branches, symbols, issues."""


class SmallRoom(NamedTuple):
    """What the API needs of a room."""

    reader: Reader
    actions: Actions


def plant(payload: str, names: str) -> tuple[Event, ...]:
    """One event of each kind, with ``payload`` in every free text and ``names`` in all that is named after one."""
    return tuple(_poisoned(each, type(each), payload, names) for each in EVERY_KIND)


def _poisoned(value: Any, kind: Any, payload: str, names: str) -> Any:
    if isinstance(value, msgspec.Struct):
        hints = typing.get_type_hints(type(value))
        return type(value)(**{field: _poisoned(getattr(value, field), hints[field], payload, names) for field in hints})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return value
    if isinstance(value, tuple):
        inner = [each for each in typing.get_args(kind) if each is not Ellipsis] or [str]
        return tuple(_poisoned(each, inner[min(at, len(inner) - 1)], payload, names) for at, each in enumerate(value))
    if type(value) is not str:  # an enumeration, a number
        return value
    if kind is str or (typing.get_origin(kind) is not None and str in typing.get_args(kind)):
        return f"{value}{payload}"
    return f"{value}{names}" if getattr(kind, "__name__", "") in FREE_NAMES else value


@dataclasses.dataclass
class Served:
    """A running control room, and how to come in."""

    url: str
    log: Log
    project: ProjectId
    name: str
    access: Access
    app: Starlette
    room: SmallRoom
    tokens: Mapping[Role, str]
    home: Path

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, **more)

    @contextlib.contextmanager
    def logged_in(self, role: Role = Role.OPERATOR) -> Iterator[httpx.Client]:
        """A browser's: with the cookie of a login, and with what a browser says of where it comes from."""
        said = {"origin": self.url, "sec-fetch-site": "same-origin", "accept": "text/html"}
        with self.client(headers=said) as client:
            answer = client.post("/login", data={"token": self.tokens[role]})
            assert answer.status_code == 303, answer.text
            yield client

    def program(self, role: Role = Role.OPERATOR) -> httpx.Client:
        return self.client(headers={"authorization": f"Bearer {self.tokens[role]}"})

    def csrf(self, client: httpx.Client) -> str:
        session = next(cookie.value for cookie in client.cookies.jar)
        assert session is not None
        return self.access.identities.sessions.csrf(session)

    def acts(self) -> list[PersonActed]:
        return [each.event for each in self.log.read(FLEET) if isinstance(each.event, PersonActed)]


def small_app(room: SmallRoom, access: Access) -> Starlette:
    """A page that says whom it knows, one that acts, one that fails with a secret in its words."""

    async def page(request: Request) -> Response:
        return HTMLResponse(f"<p>{request.state.person.who}</p><input name=csrf value={request.state.csrf}>")

    async def act(request: Request) -> Response:
        form = await request.form()
        return HTMLResponse(f"<p>did {len(form)}</p>")

    async def fail(request: Request) -> Response:
        raise RuntimeError("cannot connect with postgresql://app:correcthorse@db/app")

    async def split(request: Request) -> Response:
        return Response("x", headers={"x-name": request.query_params["name"]})

    routes = [
        Route("/", page),
        Route("/act", act, methods=["POST"]),
        Route("/fail", fail),
        Route("/split", split),
        *api_routes(room),
        *access.routes(),
    ]
    return Starlette(routes=routes, middleware=access.middleware())


def real_room(reader: Reader, actions: Actions, _: Scope) -> Room:
    """The room that the pages show, with nothing of this machine's environment."""
    return Room(reader, actions, environ={})


@contextlib.contextmanager
def served(
    folder: Path,
    *,
    events: tuple[Event, ...] = (),
    web: WebSection | None = None,
    ports: Mapping[str, int] | None = None,
    make_app: Callable[[Any, Access], Starlette] = small_app,
    make_room: Callable[[Reader, Actions, Scope], Any] | None = None,
) -> Iterator[Served]:
    """A control room over one repository, on a port of its own."""
    repo = GitRepo.create(folder / "shop")
    repo.write("app.py", "def run(): pass\n")
    repo.commit("first")
    environ = {"WATCHKEEPER_HOME": str(folder / "home"), "HOME": str(folder)}
    scope = find_scope(None, repo.path, environ)
    source = scope.projects[0]
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    with open_log(scope.home, environ) as log:
        log.append(source.project, events, now())
        reader = Reader(log, scope, now)
        actions = Actions(reader, now)
        access = Access(web or WebSection(), scope.home, log, now, listen=f"127.0.0.1:{port}", ports=ports)
        tokens = {role: access.identities.tokens.make(role.value, role) for role in Role}
        room = SmallRoom(reader, actions) if make_room is None else make_room(reader, actions, scope)
        app = make_app(room, access)
        server = uvicorn.Server(make_server_config(app, "127.0.0.1", port))
        thread = threading.Thread(target=lambda: server.run([sock]), daemon=True)
        thread.start()
        try:
            _wait_started(server)
            yield Served(
                f"http://127.0.0.1:{port}", log, source.project, source.name, access, app, room, tokens, scope.home
            )
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            sock.close()
            assert not thread.is_alive()


def _wait_started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.005)


def texts(document: Any) -> Iterator[str]:
    """All texts of a JSON document."""
    for each in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from texts(each)
    if isinstance(document, str):
        yield document


def parsed(answer: httpx.Response) -> Any:
    return json.loads(answer.content)
