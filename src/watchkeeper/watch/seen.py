"""What each session believes: the versions of symbols that it has seen, and which of them are past. Pure.

A rebase changes what is on disk, and nothing of what an agent has read. It is told where what it relies on is no longer
what it has seen, once for each new version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from watchkeeper.model.agents import How, Seen, SessionId
from watchkeeper.model.ids import Millis, SymbolKey

MOST_SEEN = 5_000
"""Symbols of one session: what was seen longest ago is forgotten."""

MOST_SESSIONS = 200
"""Of those that are done too, for they may be taken up again; who looked at nothing for longest is forgotten."""


Page = tuple[SessionId, str]
"""What a session has seen of a file."""


class Version(NamedTuple):
    """A symbol as it is somewhere: a digest of its text, and its contract in words (``""``: it has none)."""

    digest: str
    contract: str = ""


class Outdated(NamedTuple):
    """A session relies on what is no longer as it has seen it. ``now`` None: it is gone."""

    seen: Seen
    now: Version | None


class Beliefs:
    """The versions that sessions have seen. What a session wrote itself it knows."""

    def __init__(self) -> None:
        self._seen: dict[SessionId, dict[SymbolKey, Seen]] = {}
        self._fresh: set[Page] = set()

    @property
    def sessions(self) -> frozenset[SessionId]:
        """Those that have seen anything."""
        return frozenset(self._seen)

    def read(self, session: SessionId, symbols: Mapping[SymbolKey, Version], how: How, at: Millis) -> None:
        """The session has these before its eyes. What is inferred never takes the place of what was declared."""
        known = self._seen[session] = self._seen.pop(session, {})
        for symbol, version in symbols.items():
            before = known.get(symbol)
            if before is not None and before.how is How.DECLARED and how is not How.DECLARED:
                continue
            known.pop(symbol, None)
            known[symbol] = Seen(symbol, version.digest, how, at, version.contract)
            self._fresh.add((session, symbol.path))
        while len(known) > MOST_SEEN:
            oldest = next(iter(known))
            del known[oldest]
            self._fresh.add((session, oldest.path))
        while len(self._seen) > MOST_SESSIONS:
            self.forget(next(iter(self._seen)))

    def wrote(self, session: SessionId, symbols: Mapping[SymbolKey, Version], at: Millis) -> None:
        """The session's own work is as it is now."""
        self.read(session, symbols, How.DECLARED, at)

    def seen(self, session: SessionId) -> tuple[Seen, ...]:
        """All that the session has seen, the oldest first."""
        return tuple(self._seen.get(session, {}).values())

    def unseen(self, session: SessionId, symbols: Iterable[SymbolKey]) -> tuple[SymbolKey, ...]:
        """Those of which no version is known that the session has seen."""
        known = self._seen.get(session, {})
        return tuple(symbol for symbol in dict.fromkeys(symbols) if symbol not in known)

    def unsure(self, session: SessionId, symbols: Iterable[SymbolKey]) -> tuple[SymbolKey, ...]:
        """Those of which it is not known whether the session has seen them."""
        known = self._seen.get(session, {})
        return tuple(
            symbol for symbol in dict.fromkeys(symbols) if symbol not in known or known[symbol].how is How.UNKNOWN
        )

    def forget(self, session: SessionId) -> None:
        """Nothing is kept of it any more."""
        self._fresh |= {(session, symbol.path) for symbol in self._seen.pop(session, {})}

    def take_fresh(self) -> dict[Page, tuple[Seen, ...]]:
        """What sessions have seen of files, where that is other than when this was asked last; nothing: all is gone."""
        fresh, self._fresh = self._fresh, set()
        found: dict[Page, list[Seen]] = {page: [] for page in fresh}
        for session in {session for session, _ in fresh}:
            for symbol, seen in self._seen.get(session, {}).items():
                if (session, symbol.path) in found:
                    found[session, symbol.path].append(seen)
        return {page: tuple(seen) for page, seen in found.items()}

    def take_up(self, session: SessionId, seen: Iterable[Seen]) -> None:
        """An earlier process knew this of a session."""
        known = self._seen.setdefault(session, {})
        for each in sorted(seen, key=lambda each: each.at):
            known.setdefault(each.symbol, each)

    def outdated(
        self, session: SessionId, relies_on: Iterable[SymbolKey], now: Callable[[SymbolKey], Version | None]
    ) -> tuple[Outdated, ...]:
        """Of what the session's work relies on and it has seen, what is something else ``now``."""
        known = self._seen.get(session, {})
        found = []
        for symbol in dict.fromkeys(relies_on):
            if (seen := known.get(symbol)) is not None:
                version = now(symbol)
                if version is None or version.digest != seen.digest:
                    found.append(Outdated(seen, version))
        return tuple(found)
