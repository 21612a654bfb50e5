"""Parsing in processes of their own: it holds the interpreter's lock, and a bad file must not take the watch down.

Plain subprocesses that speak length-prefixed messages, not ``multiprocessing``: that one runs the caller's main program
again in each worker, which a library must not do. A worker ends when its input does, so also when its owner is killed.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Self

import msgspec

from watchkeeper.code.collector import paused_collector
from watchkeeper.code.languages import find_language
from watchkeeper.model.reading import Reading

_PREFIX = 8


class Parse(msgspec.Struct, frozen=True, array_like=True):
    """A file to be read: ``place`` is whatever the asker knows it by."""

    place: str
    path: str
    source: bytes


class Parsed(msgspec.Struct, frozen=True, array_like=True):
    """Its outline, the words that stand in it, and its number of lines."""

    place: str
    outline: Reading
    words: list[str]
    lines: int


Batch = Sequence[Parse]


class Workers:
    """``count`` parsing processes; started on first use, ended with ``close``."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._started: list[subprocess.Popen[bytes]] = []

    def parse(self, batches: Iterable[Batch]) -> Iterator[Parsed]:
        """Everything that the batches' files say, in any order. A batch whose worker dies is parsed right here."""
        self._start()
        with ThreadPoolExecutor(self._count, thread_name_prefix="parse") as threads:
            waiting: set[Future[list[Parsed]]] = set()
            for batch in batches:
                waiting.add(threads.submit(self._ask, batch))
                if len(waiting) > 2 * self._count:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield from future.result()
            for future in waiting:
                yield from future.result()

    def close(self) -> None:
        """End the processes."""
        for process in self._started:
            process.kill()
            process.communicate()
        self._started.clear()
        self._idle = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        for _ in range(self._count - len(self._started)):
            process = _start_worker()
            self._started.append(process)
            self._idle.put(process)

    def _ask(self, batch: Batch) -> list[Parsed]:
        process = self._idle.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, msgspec.msgpack.encode(batch))
            answer = _receive(process.stdout)
        except OSError:
            answer = None
        if answer is None:
            process.kill()
            self._idle.put(_start_worker_into(self._started))
            return list(parse_batch(batch))
        self._idle.put(process)
        with paused_collector():
            return msgspec.msgpack.decode(answer, type=list[Parsed])


def parse_batch(batch: Batch) -> Iterator[Parsed]:
    """What the files say, here and now; files that no language reads are left out."""
    for item in batch:
        language = find_language(item.path)
        if language is not None:
            with paused_collector():
                outline = language.read(item.source, bodies=False)
            yield Parsed(item.place, outline, sorted(words_of(item.source)), item.source.count(b"\n"))


def words_of(source: bytes) -> set[str]:
    """The words of a text that could be names, each once."""
    return {word.decode("ascii") for word in set(_split_words(source))}


def serve() -> None:
    """A worker's whole life: answer batches until the input ends."""
    gc.disable()
    while (message := _receive(sys.stdin.buffer)) is not None:
        batch = msgspec.msgpack.decode(message, type=list[Parse])
        _send(sys.stdout.buffer, msgspec.msgpack.encode(list(parse_batch(batch))))


def _split_words(source: bytes) -> list[bytes]:
    return source.translate(_NAME_BYTES).split()


def _name_table() -> bytes:
    kept = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"
    return bytes(byte if byte in kept else 0x20 for byte in range(256))


_NAME_BYTES = _name_table()


def _start_worker() -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH", "")
    return subprocess.Popen(
        [sys.executable, "-c", "from watchkeeper.watch.workers import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root},
        start_new_session=True,
    )


def _start_worker_into(started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    process = _start_worker()
    started.append(process)
    return process


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(_PREFIX, "big") + message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the other side has ended."""
    prefix = stream.read(_PREFIX)
    if len(prefix) < _PREFIX:
        return None
    size = int.from_bytes(prefix, "big")
    message = stream.read(size)
    return message if len(message) == size else None
