"""What sessions have seen, kept over a restart: a row for each session and file on a shelf of the record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from watchkeeper.conflicts.standing import SessionState
from watchkeeper.model.agents import How, Seen, SessionId
from watchkeeper.model.ids import Millis, SymbolKey
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.watch.ledger import Ledger
from watchkeeper.watch.seen import Page

SHELF = "seen"
FORMAT = 1
KEPT_MS = 7 * 86_400_000
"""So long after its end a session may be resumed, with all that it has read before its eyes."""


class _Line(msgspec.Struct, frozen=True, array_like=True):
    qualname: str
    digest: str
    how: How
    at: Millis
    contract: str


class _Page(msgspec.Struct, frozen=True):
    session: SessionId
    path: str
    lines: tuple[_Line, ...]
    format: int = FORMAT


class Pages:
    """Not thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def read(self, sessions: Mapping[SessionId, SessionState], now: Millis) -> Iterator[tuple[SessionId, list[Seen]]]:
        """What was kept of these sessions, file by file. What is kept of others, or of long ago, is dropped."""
        old: list[str] = []
        for name, value in self._ledger.kept(SHELF).items():
            page = _decoded(value)
            if page is None or is_past(sessions.get(page.session), now):
                old.append(name)
            else:
                yield page.session, [_seen(page.path, line) for line in page.lines]
        if old:
            self._ledger.keep(SHELF, dict.fromkeys(old))

    def keep(self, pages: Mapping[Page, Sequence[Seen]]) -> None:
        """These are as they are now; empty ones are kept no longer."""
        if pages:
            self._ledger.keep(SHELF, {_name(page): _encoded(page, seen) for page, seen in pages.items()})


def is_past(session: SessionState | None, now: Millis) -> bool:
    """The session ended too long ago to be resumed, or nobody knows it."""
    return session is None or (session.ended_at is not None and now - session.ended_at > KEPT_MS)


def _encoded(page: Page, seen: Sequence[Seen]) -> bytes | None:
    lines = tuple(_Line(each.symbol.qualname, each.digest, each.how, each.at, each.contract) for each in seen)
    return encode_message(_Page(*page, lines)) if lines else None


def _decoded(value: bytes) -> _Page | None:
    try:
        page = decode_message(value, _Page)
    except (ValueError, RecursionError):
        return None
    return page if page.format == FORMAT else None


def _seen(path: str, line: _Line) -> Seen:
    return Seen(SymbolKey(path, line.qualname), line.digest, line.how, line.at, line.contract)


def _name(page: Page) -> str:
    """A name that every engine takes, whatever the path is."""
    session, path = page
    digest = hashlib.blake2b(f"{session}\0{path}".encode("utf-8", "surrogatepass"), digest_size=12)
    return digest.hexdigest()
