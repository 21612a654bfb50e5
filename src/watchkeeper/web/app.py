"""The control room as an app: its pages, their live rows, acts, the API, and access around all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from watchkeeper.controlroom.judging import Role
from watchkeeper.model.ids import Seq
from watchkeeper.web.acting import act_routes
from watchkeeper.web.api import api_routes
from watchkeeper.web.live import Hub, View, live_route
from watchkeeper.web.pages.asking import Asking
from watchkeeper.web.rendering import Renderer
from watchkeeper.web.room import Room
from watchkeeper.web.sitemap import PAGES, Page

STATIC = Path(__file__).parent / "static"


class AccessPort(Protocol):
    """Who may come in: sets ``request.state.person`` and ``request.state.csrf`` around everything."""

    def middleware(self) -> list[Middleware]: ...

    def routes(self) -> list[Route]: ...


def make_app(room: Room, access: AccessPort) -> Starlette:
    """Everything that is served. Nothing of it is reached past ``access``."""
    renderer = Renderer(room.scope.zone)
    hub = Hub(room, renderer)
    routes: list[BaseRoute] = [
        *(_route(each, room, renderer, hub) for each in PAGES),
        live_route(hub),
        *act_routes(room),
        *api_routes(room),
        *access.routes(),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(hub.run())
            yield
            running.cancel()

    return Starlette(routes=routes, middleware=access.middleware(), lifespan=lifespan)


def _route(page: Page, room: Room, renderer: Renderer, hub: Hub) -> Route:
    def make(request: Request) -> tuple[str, View, Seq]:
        state = request.state
        picture = room.reader.look()
        query = _query(request)
        asking = Asking(room, picture, request.path_params, query, state.person.role is Role.OPERATOR)
        view = View(page, request.url.path, request.path_params, query, asking.may_act)
        html = renderer.render(
            asking,
            page.make()(asking),
            csrf=Markup(state.csrf),  # noqa: S704 made of our own letters, and no text to look for secrets in
            person=state.person,
            said=room.take_said(request.query_params.get("said", "")),
            page=page,
            at=view.address,
        )
        return html, view, picture.seq

    async def show(request: Request) -> Response:
        html, view, seq = await run_in_threadpool(make, request)
        hub.prime(view, html, seq, request.state.csrf)
        return HTMLResponse(html)

    return Route(page.path, show, methods=["GET"])


def _query(request: Request) -> Mapping[str, str]:
    """The last value of each name, and of no more names than a page of ours has."""
    return {key[:40]: value[:400] for key, value in list(request.query_params.items())[:12] if key != "said"}
