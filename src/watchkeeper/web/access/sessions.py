"""Logins: a random id in the browser, its hash here; each ends by itself, when unused, and with its token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from watchkeeper.controlroom.judging import Role
from watchkeeper.model.ids import Millis
from watchkeeper.web.access.keeping import KeptFile

_MOST = 1000
_WRITE_AFTER_MS = 60_000


class Session(msgspec.Struct, frozen=True):
    """One login. ``token`` is the id of the token that it was made with."""

    who: str
    role: Role
    token: str
    since: Millis
    used: Millis


class _Kept(msgspec.Struct, frozen=True):
    key: bytes
    sessions: Mapping[str, Session] = {}


class Sessions:
    """Thread-safe. A session holds ``life`` at most, and ``idle`` unused; it survives a restart of the server."""

    def __init__(self, folder: Path, clock: Callable[[], Millis], *, life: Millis, idle: Millis) -> None:
        self._kept: KeptFile[_Kept] = KeptFile(folder / "sessions.json", _Kept, lambda: _Kept(secrets.token_bytes(32)))
        self._clock, self._life, self._idle = clock, life, idle
        self._guard = threading.Lock()
        self._used: dict[str, Millis] = {}  # newer than what the file has
        self._key = self._kept.change(lambda kept: kept).key

    def begin(self, who: str, role: Role, token: str, before: str = "") -> str:
        """A new session with an id that nobody chose; the one that was ``before`` in this browser ends."""
        new, now = secrets.token_urlsafe(32), self._clock()
        session = Session(who, role, token, now, now)

        def add(kept: _Kept) -> _Kept:
            alive = {key: each for key, each in kept.sessions.items() if self._is_alive(key, each, now)}
            alive.pop(_hashed(before), None)
            newest = sorted(alive.items(), key=lambda each: each[1].used)[-(_MOST - 1) :]
            return _Kept(kept.key, {**dict(newest), _hashed(new): session})

        self._kept.change(add)
        return new

    def find(self, given: str) -> Session | None:
        """The session with this id, which is in use from now on; None where it is over or never was."""
        key, now = _hashed(given), self._clock()
        session = self._kept.read().sessions.get(key)
        if session is None or not self._is_alive(key, session, now):
            return None
        with self._guard:
            self._used[key] = now
        if now - session.used > _WRITE_AFTER_MS:
            self._kept.change(self._with_uses)
        return session

    def end(self, given: str) -> None:
        """It is over; nothing happens where it is not there."""
        self._end({_hashed(given)})

    def end_token(self, token: str) -> None:
        """All that were made with a token are over."""
        self._end({key for key, each in self._kept.read().sessions.items() if each.token == token})

    def csrf(self, given: str) -> str:
        """The token that the forms of this session carry: known to its pages alone."""
        return hmac.new(self._key, b"csrf\0" + given.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def _end(self, keys: set[str]) -> None:
        if not keys & set(self._kept.read().sessions):
            return
        self._kept.change(
            lambda kept: _Kept(kept.key, {key: each for key, each in kept.sessions.items() if key not in keys})
        )

    def _is_alive(self, key: str, session: Session, now: Millis) -> bool:
        with self._guard:
            used = max(session.used, self._used.get(key, session.used))
        return session.since <= now < session.since + self._life and now < used + self._idle

    def _with_uses(self, kept: _Kept) -> _Kept:
        with self._guard:
            used, self._used = self._used, {}
        replace = msgspec.structs.replace
        return _Kept(
            kept.key,
            {key: replace(each, used=max(each.used, used.get(key, each.used))) for key, each in kept.sessions.items()},
        )


def _hashed(given: str) -> str:
    """Of 256 random bits one round is enough."""
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
