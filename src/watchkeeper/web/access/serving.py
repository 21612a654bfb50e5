"""The server: as uvicorn has it, but no client can keep a connection by not finishing what it says."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from watchkeeper.web.access.limits import HEAD_S, MAX_HEADER_BYTES

_CONNECTIONS = 1_000
_IDLE_S = 15


class PatientProtocol(H11Protocol):
    """Ends a connection whose request's head is not there in time; uvicorn itself waits for it for ever."""

    head_s = HEAD_S
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._disarm()
        elif self._deadline is None:
            self._arm()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self._deadline is None:
            self._arm(_IDLE_S + self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _arm(self, seconds: float = 0.0) -> None:
        self._deadline = self.loop.call_later(seconds or self.head_s, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


def make_server_config(app: ASGIApp, host: str, port: int, **more: Any) -> uvicorn.Config:
    """How the app is served: one implementation of HTTP, no forwarded headers believed, no log of what was asked.

    ``more`` are uvicorn's own settings.
    """
    settings: dict[str, Any] = {
        "http": PatientProtocol,
        "ws": "none",
        "proxy_headers": False,
        "server_header": False,
        "date_header": True,
        "access_log": False,
        "log_level": "warning",
        "limit_concurrency": _CONNECTIONS,
        "h11_max_incomplete_event_size": MAX_HEADER_BYTES * 2,
        "timeout_keep_alive": _IDLE_S,
        "timeout_graceful_shutdown": 3,
    }
    return uvicorn.Config(app, host=host, port=port, **{**settings, **more})
