"""Parsing in processes of their own: it holds the interpreter's lock, and a bad file must not take the watch down."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import msgspec

from watchkeeper.code.collector import paused_collector
from watchkeeper.code.languages import find_language
from watchkeeper.model.reading import Reading
from watchkeeper.sandbox.companion import Companion, receive, send

_ENTRY = "watchkeeper.watch.workers:serve"


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
        self._idle: SimpleQueue[Companion] = SimpleQueue()
        self._started: list[Companion] = []

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
            process = Companion(_ENTRY)
            self._started.append(process)
            self._idle.put(process)

    def _ask(self, batch: Batch) -> list[Parsed]:
        process = self._idle.get()
        try:
            process.send(msgspec.msgpack.encode(batch))
            answer = process.receive()
        except OSError:
            answer = None
        if answer is None:
            process.kill()
            fresh = Companion(_ENTRY)
            self._started.append(fresh)
            self._idle.put(fresh)
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
    while (message := receive(sys.stdin.buffer)) is not None:
        batch = msgspec.msgpack.decode(message, type=list[Parse])
        send(sys.stdout.buffer, msgspec.msgpack.encode(list(parse_batch(batch))))


def _split_words(source: bytes) -> list[bytes]:
    return source.translate(_NAME_BYTES).split()


def _name_table() -> bytes:
    kept = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"
    return bytes(byte if byte in kept else 0x20 for byte in range(256))


_NAME_BYTES = _name_table()
