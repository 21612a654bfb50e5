"""A real socket that answers as a daemon would, for tests of what asks one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from watchkeeper.agents.sockets import socket_path


class HookServer:
    """Listens for one project: ``with HookServer(home, project, b"answer") as server``. ``requests`` is what was asked.

    ``answer`` may be a function of the payload. ``hang``: what was answered is all that ever comes, and no end.
    """

    def __init__(
        self, home: Path, project: str, answer: bytes | Callable[[bytes], bytes] = b"", *, hang: bool = False
    ) -> None:
        self.path = socket_path(home, project)
        self.requests: list[tuple[str, bytes]] = []
        self._answer = answer
        self._hang = hang
        self._kept: list[socket.socket] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.chmod(0o700)  # it may have been there
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        for each in (self._socket, *self._kept):
            each.close()
        self.path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                speaker, _ = self._socket.accept()
            except OSError:
                return
            head, payload = _split(speaker)
            self.requests.append((head, payload))
            with suppress(OSError):  # it did not wait
                speaker.sendall(self._answer(payload) if callable(self._answer) else self._answer)
            if self._hang:
                self._kept.append(speaker)
            else:
                speaker.close()


def _split(speaker: socket.socket) -> tuple[str, bytes]:
    whole = b""
    while chunk := speaker.recv(1 << 20):
        whole += chunk
    head, _, payload = whole.partition(b"\n")
    return head.decode("ascii"), payload
