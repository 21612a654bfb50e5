"""The two ways in: the standard streams of a process that an agent starts, and HTTP for this machine alone."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.model.errors import WatchkeeperError

if TYPE_CHECKING:
    from typing import Any

    from mcp.server import MCPServer
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
_HOST = "127.0.0.1"


def serve_streams(folder: Path, environ: Mapping[str, str]) -> None:
    """Speak MCP on stdin and stdout until stdin ends. Raises WatchkeeperError (``mcp-missing``)."""
    server = _make_server(folder, environ)
    asyncio.run(server.run_stdio_async())


def serve_http(folder: Path, environ: Mapping[str, str], port: int, announce: Callable[[str, str], None]) -> None:
    """Serve until interrupted, on this machine's own address alone; port 0 finds a free one.

    ``announce`` is given the address and the token that each request has to bear; it is new each time. Raises
    WatchkeeperError (``mcp-missing``, ``mcp-port``).
    """
    server = _make_server(folder, environ)
    import uvicorn

    listening = _listen(port)
    token = secrets.token_urlsafe(24)
    app = Gate(server.streamable_http_app(streamable_http_path=PATH, json_response=True, host=_HOST), token)
    web = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    announce(f"http://{_HOST}:{listening.getsockname()[1]}{PATH}", token)
    web.run(sockets=[listening])


class Gate:
    """Lets nobody through who does not bear the token: any user of this machine can reach the port."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] == "lifespan" or self._knows(scope):
            await self._app(scope, receive, send)
            return
        from starlette.responses import PlainTextResponse

        said = "the token is missing or wrong: it was printed when `watchkeeper mcp --http` was started\n"
        await PlainTextResponse(said, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        borne = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        return len(borne) == 1 and hmac.compare_digest(borne[0], self._wanted)


def _make_server(folder: Path, environ: Mapping[str, str]) -> MCPServer[Any]:
    try:
        from watchkeeper.mcp.server import make_server
    except ImportError as error:
        raise WatchkeeperError(
            f"What speaks MCP is not installed: {error}",
            slug="mcp-missing",
            hint="pip install 'watchkeeper[mcp]'",
        ) from error
    from watchkeeper.mcp.relay import Relay

    return make_server(Relay(environ), Path(os.path.abspath(folder)), metadata.version("watchkeeper"))  # noqa: PTH100 links stay as the agent sees them


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
        listening.listen()  # who comes before everything is ready waits, and is not refused
    except OSError as error:
        listening.close()
        raise WatchkeeperError(
            f"Port {port} cannot be used: {error.strerror or error}",
            slug="mcp-port",
            hint="choose another: watchkeeper mcp --http 0 finds a free one",
            facts={"port": str(port)},
        ) from error
    return listening
