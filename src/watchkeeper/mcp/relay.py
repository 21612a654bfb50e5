"""Passes calls of tools on to the daemon of the repository. Keeps nothing: that may be started anew at any time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from watchkeeper.app import find_place, find_socket
from watchkeeper.model.errors import WatchkeeperError

_ANSWER_S = 30.0
_MOST_PLACES = 64
NO_DAEMON = "no daemon runs: start it with `watchkeeper up`"


class Heard(NamedTuple):
    """What the daemon said, or why nothing could be heard; for the model."""

    text: str
    is_error: bool = False


class Relay:
    """Finds the daemon of a folder and asks it, one connection a call."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._sockets: dict[str, Path] = {}

    async def ask(
        self,
        tool: str,
        arguments: Mapping[str, object],
        *,
        cwd: str,
        agent: str,
        ports: tuple[int, int] | None = None,
    ) -> Heard:
        """What the daemon says to a call of a tool. Never raises for what is wrong with daemon or folder."""
        question = {"ask": "tool", "tool": tool, "arguments": arguments, "cwd": cwd, "agent": agent, "ports": ports}
        try:
            async with asyncio.timeout(_ANSWER_S):
                said = await _talk(await self._find_socket(cwd), json.dumps(question).encode())
        except WatchkeeperError as error:
            return Heard(f"{error.message}. {error.hint}", is_error=True)
        except TimeoutError:
            return Heard(f"the daemon did not answer within {_ANSWER_S:.0f} s: ask again later", is_error=True)
        except OSError:
            return Heard(NO_DAEMON, is_error=True)
        return _parse(said)

    async def _find_socket(self, cwd: str) -> Path:
        found = self._sockets.get(cwd)
        if found is None:
            found = await asyncio.to_thread(lambda: find_socket(find_place(Path(cwd), self._environ)))
            if len(self._sockets) < _MOST_PLACES:
                self._sockets[cwd] = found
        return found


async def _talk(socket: Path, question: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(b"watchkeeper 1 ask\n" + question)
        writer.write_eof()
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


def _parse(said: bytes) -> Heard:
    """An end without an answer is a daemon that ended, or one of another version."""
    try:
        found = json.loads(said)
    except ValueError:
        return Heard(NO_DAEMON if not said else "the daemon said what cannot be understood", is_error=True)
    match found:
        case {"text": str(text)}:
            return Heard(text)
        case {"error": str(text)}:
            return Heard(text, is_error=True)
        case _:
            return Heard("the daemon is of another version: watchkeeper down, then watchkeeper up", is_error=True)
