"""A Python process of our own beside this one, for work that would hold this interpreter or must not take it down.

Plain subprocesses that speak length-prefixed messages, not ``multiprocessing``: that one runs the caller's main program
again in each process, which a library must not do. A companion ends when its input does, so also when its owner is
killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

_PREFIX = 8
_END_S = 5.0


class Companion:
    """Runs ``entry`` (``module:function``), which reads messages with ``receive`` and answers with ``send``."""

    def __init__(self, entry: str) -> None:
        module, _, function = entry.partition(":")
        root = str(Path(__file__).parents[2])
        known = os.environ.get("PYTHONPATH", "")
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {module} import {function}; {function}()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: bytes) -> None:
        """Blocks while its pipe is full. Raises: OSError where it has ended."""
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, message)
        except ValueError as error:  # it was ended meanwhile
            raise BrokenPipeError("the process was ended") from error

    def receive(self) -> bytes | None:
        """The next message; blocks. None where it has ended."""
        assert self._process.stdout is not None
        return receive(self._process.stdout)

    def end(self, patience_s: float = _END_S) -> str:
        """Close its input, wait, and kill it where it does not end by itself; how it ended, in words."""
        _close(self._process.stdin)
        try:
            code = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        _close(self._process.stdout)
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        _close(self._process.stdin)
        _close(self._process.stdout)


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(OSError):  # what was not sent yet
            stream.close()


def send(stream: IO[bytes], message: bytes) -> None:
    """Write one message. Raises: OSError where nobody reads any more."""
    stream.write(len(message).to_bytes(_PREFIX, "big") + message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the other side has ended."""
    prefix = stream.read(_PREFIX)
    if len(prefix) < _PREFIX:
        return None
    size = int.from_bytes(prefix, "big")
    message = stream.read(size)
    return message if len(message) == size else None
