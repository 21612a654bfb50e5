"""A git process that stays and answers one question after the other."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from watchkeeper.model.errors import GitError
from watchkeeper.repos.git import GitResult, end_process, explain_failure, start_git


class CoProcess:
    """Starts on the first question, again after it died, and ends with ``close``. Not thread-safe: owners lock."""

    def __init__(
        self,
        folder: Path,
        *args: str,
        config: Mapping[str, str] | None = None,
        isolated: bool = False,
        timeout_s: float = 30.0,
    ) -> None:
        self._folder = folder
        self._args = args
        self._config = dict(config or {})
        self._isolated = isolated
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._buffer = bytearray()
        self._deadline = 0.0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask(self, question: bytes) -> None:
        """Send a question; the answer is read with ``read_until`` and ``read_exactly``, within the time limit.

        Raises: GitError where git cannot be started or died.
        """
        self._deadline = time.monotonic() + self._timeout_s
        if not self.is_running:
            self.close()
            # A pipe that nobody reads would fill up with warnings and block git.
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
            self._process = start_git(
                self._folder, self._args, config=self._config, isolated=self._isolated, errors=self._errors
            )
        assert self._process is not None
        try:
            _stream(self._process.stdin).write(question)
            _stream(self._process.stdin).flush()
        except BrokenPipeError:
            raise self._died() from None

    def read_until(self, end: bytes) -> bytes:
        """The bytes before the next ``end``, which is consumed too."""
        start = 0
        while (found := self._buffer.find(end, start)) < 0:
            start = max(0, len(self._buffer) - len(end) + 1)
            self._fill()
        taken = bytes(self._buffer[:found])
        del self._buffer[: found + len(end)]
        return taken

    def read_exactly(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        while len(self._buffer) < size:
            self._fill()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def close(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        errors, self._errors = self._errors, None
        self._buffer.clear()
        if process is not None:
            end_process(process)
        if errors is not None:
            errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self) -> None:
        assert self._process is not None
        stream = _stream(self._process.stdout).fileno()
        poll = select.poll()  # select() cannot take descriptors beyond 1,023
        poll.register(stream, select.POLLIN)
        ready = poll.poll(max(0.0, self._deadline - time.monotonic()) * 1000)
        if not ready:
            self.close()
            raise GitError(
                f"git did not answer in {self._timeout_s:.0f} s: {' '.join(self._args)} in {self._folder!s}",
                slug="git-too-slow",
                hint="look at the disk, or run `watchkeeper doctor`",
            )
        chunk = os.read(stream, 1 << 16)
        if not chunk:
            raise self._died()
        self._buffer += chunk

    def _died(self) -> Exception:
        """The error for a process that ended on its own, with the last thing it said."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = -1
        errors = _stream(self._errors)
        errors.seek(0)
        said = errors.read(_MAX_SAID).decode("utf-8", "replace").strip()
        self.close()
        return explain_failure(self._folder, self._args, GitResult(code, b"", said))


_MAX_SAID = 1 << 16


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # all are opened with the process
    return stream
