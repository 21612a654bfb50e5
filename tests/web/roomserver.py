"""A control room that is really served over a scene, with its real access around it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx
import uvicorn
from webscene import Scene, open_scene

from watchkeeper.app import now
from watchkeeper.controlroom.judging import Role
from watchkeeper.controlroom.picture import Reader
from watchkeeper.fleet.config import WebSection
from watchkeeper.record.log import Log
from watchkeeper.web.access import Access, make_server_config
from watchkeeper.web.app import make_app
from watchkeeper.web.room import Room


class Served(NamedTuple):
    """A running control room, and how to come in."""

    url: str
    scene: Scene
    log: Log
    room: Room
    tokens: Mapping[Role, str]

    @contextlib.contextmanager
    def client(self, role: Role = Role.OPERATOR) -> Iterator[httpx.Client]:
        """Logged in as a browser is."""
        headers = {"origin": self.url, "sec-fetch-site": "same-origin", "accept": "text/html"}
        with httpx.Client(base_url=self.url, timeout=30, headers=headers) as client:
            assert client.post("/login", data={"token": self.tokens[role]}).status_code == 303
            yield client


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """On a port of its own, until the block ends."""
    with open_scene(folder) as (scene, log), socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        reader = Reader(log, scene.scope, now)
        room = Room(reader, environ=scene.environ)
        access = Access(WebSection(), scene.scope.home, log, now, listen=f"127.0.0.1:{port}")
        tokens = {role: access.identities.tokens.make(role.value, role) for role in Role}
        server = uvicorn.Server(make_server_config(make_app(room, access), "127.0.0.1", port))
        thread = threading.Thread(target=lambda: server.run([sock]), daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        try:
            yield Served(f"http://127.0.0.1:{port}", scene, log, room, tokens)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()
