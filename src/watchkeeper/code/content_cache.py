"""What depends on the bytes of a file alone, kept by them: equal files of any trees share it."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, TypeVar

T = TypeVar("T")


def kept_by_content(most_bytes: int) -> Callable[[Callable[[bytes], T]], ContentCache[T]]:
    """Decorates a function of a file's content: its latest answers are kept, for ``most_bytes`` of files in all.

    Bounded by size, not by number: what is kept of a file grows with the file.
    """
    return lambda function: ContentCache(function, most_bytes)


class ContentCache(Generic[T]):
    """A function that remembers. Threads may compute an answer twice, and never get a wrong one.

    Only single operations of a dictionary, and copies of its keys: that needs no lock, which the pure rooms lack.
    """

    def __init__(self, function: Callable[[bytes], T], most_bytes: int) -> None:
        self._function = function
        self._most_bytes = most_bytes
        self._known: dict[bytes, T] = {}  # what was asked for last stands last
        self._size = 0  # of the keys, about: threads may miss an addition, until it is counted anew
        update_wrapper(self, function)

    def __call__(self, source: bytes) -> T:
        try:
            answer = self._known.pop(source)
        except KeyError:
            answer = self._function(source)
            self._size += len(source)
            if self._size > self._most_bytes:
                self._forget(len(source))
        self._known[source] = answer
        return answer

    def _forget(self, coming: int) -> None:
        """Half goes at once: what is kept need not be counted at every call."""
        kept = list(self._known)
        size = sum(map(len, kept)) + coming
        for source in kept:
            if size * 2 <= self._most_bytes:
                break
            self._known.pop(source, None)
            size -= len(source)
        self._size = size
