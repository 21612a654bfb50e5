"""One file before and now, side by side: what both readings say, and what of it is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from watchkeeper.code.language import Language
from watchkeeper.code.linediff import hunks as line_hunks
from watchkeeper.model.reading import Import, Reading, Status, Symbol


class FileVersion(msgspec.Struct, frozen=True):
    """One file at one moment: where it is, its bytes, and what they say (with bodies)."""

    path: str
    source: bytes
    reading: Reading


class Sides:
    """The two versions of one file. None for a side: the file is not there."""

    def __init__(self, language: Language, base: FileVersion | None, now: FileVersion | None) -> None:
        self.language = language
        self.base = base
        self.now = now
        self.old = {s.qualname: s for s in base.reading.symbols} if base else {}
        self.new = {s.qualname: s for s in now.reading.symbols} if now else {}
        self.path = base.path if base else now.path if now else ""
        self.now_path = now.path if now else self.path
        self.hunks = line_hunks(base.source if base else b"", now.source if now else b"")
        self._base_lines = base.source.splitlines() if base else []
        self._now_lines = now.source.splitlines() if now else []

    def is_hidden(self, qualname: str) -> bool:
        """Whether the symbol may merely have become unreadable: then it is not known to be deleted."""
        if self.now is None or self.now.reading.status is Status.PARSED:
            return False
        if self.now.reading.status is Status.UNKNOWN:
            return True
        owner = qualname.partition(".")[0]
        broken = b"\n".join(b"\n".join(self._now_lines[first - 1 : last]) for first, last in self.now.reading.broken)
        return owner.encode() in broken or qualname.rpartition(".")[2].encode() in broken

    def normal_before(self, symbol: Symbol, *, types: bool = True) -> str:
        """The symbol's normalised text in the base; without its annotations where ``types`` is False."""
        return self.language.normalise(self.base.source, symbol, types=types) if self.base else ""

    def normal_now(self, symbol: Symbol, *, types: bool = True) -> str:
        """The same in the present text."""
        return self.language.normalise(self.now.source, symbol, types=types) if self.now else ""

    def base_line(self, number: int) -> str:
        """A line of the base, for people: without its indentation, and cut."""
        return _line(self._base_lines, number)

    def now_line(self, number: int) -> str:
        """The same of the present text."""
        return _line(self._now_lines, number)


def bindings(version: FileVersion | None) -> dict[str, Import]:
    """What the file as a whole imports, by the name that it gets there."""
    if version is None:
        return {}
    return {item.local: item for item in version.reading.imports if not item.scope and item.local}


def digest_of(text: str) -> str:
    """Short enough to keep with each write; equal for equal texts."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _line(lines: Sequence[bytes], number: int) -> str:
    if not 0 < number <= len(lines):
        return ""
    return lines[number - 1].decode("utf-8", "replace").strip()[:160]
