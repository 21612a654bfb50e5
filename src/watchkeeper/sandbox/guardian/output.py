"""What a job prints, kept within a bound: the head and the tail."""

from __future__ import annotations


class Kept:
    """Takes any amount of output and never holds more than about ``limit`` bytes and two chunks."""

    def __init__(self, limit: int) -> None:
        self.total = 0
        self._head_room = limit - limit // 2
        self._tail_room = limit // 2
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, chunk: bytes) -> None:
        """The next piece."""
        self.total += len(chunk)
        room = self._head_room - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        if len(self._tail) > self._tail_room + _SLACK:  # not on every piece: moving the tail costs its length
            self._trim()

    def render(self) -> bytes:
        """Head and tail, with a line that says how much was left out between them."""
        self._trim()
        left_out = self.total - len(self._head) - len(self._tail)
        if not left_out:
            return bytes(self._head + self._tail)
        return bytes(self._head) + b"\n[... %d bytes left out ...]\n" % left_out + bytes(self._tail)

    def _trim(self) -> None:
        del self._tail[: max(0, len(self._tail) - self._tail_room)]


_SLACK = 1 << 20
