"""Login tokens: shown once when they are made, kept as salted hashes, named, listed and revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from watchkeeper.controlroom.judging import Role
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.web.access.keeping import KeptFile

FIRST = "first"
_SHAPE = re.compile(r"wk_t_([0-9a-f]{12})_([\w-]{43})", re.ASCII)
_COST, _BLOCK, _LANES = 1 << 14, 8, 1  # scrypt: 16 MB and some 50 ms a guess
_NOBODY = b"\0" * 16


class Token(msgspec.Struct, frozen=True):
    """One token as it is kept. ``id`` is a part of it that is no secret; ``hash`` is scrypt's of the part that is."""

    id: str
    name: str
    role: Role
    salt: bytes
    hash: bytes
    made_at: Millis = Millis(0)


class Tokens:
    """All tokens of one state folder. Thread-safe; what another process makes or revokes counts at once."""

    def __init__(self, folder: Path, clock: Callable[[], Millis]) -> None:
        self._kept: KeptFile[tuple[Token, ...]] = KeptFile(folder / "tokens.json", tuple[Token, ...], tuple)
        self._clock = clock
        self._guard = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[str, bytes]] = {}  # of what was verified: its digest under our key

    def list(self) -> tuple[Token, ...]:
        """All that are valid, the oldest first."""
        return self._kept.read()

    def make(self, name: str, role: Role) -> str:
        """A new token. What is given back is nowhere else: show it once. Raises UsageError for a name in use."""
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,40}", name, re.ASCII):
            raise UsageError(
                f"A token cannot be called {name[:60]!r}",
                slug="web-bad-token-name",
                hint="use letters, digits, `-`, `_` and `.`",
                facts={"name": name[:60]},
            )
        handle, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        salt = secrets.token_bytes(16)
        new = Token(handle, name, role, salt, _hashed(secret, salt), self._clock())

        def add(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            if any(each.name == name for each in tokens):
                raise UsageError(
                    f"There is a token {name!r} already",
                    slug="web-token-twice",
                    hint=f"watchkeeper web token --revoke {name}, or choose another name",
                    facts={"name": name},
                )
            return (*tokens, new)

        self._kept.change(add)
        return f"wk_t_{handle}_{secret}"

    def make_first(self) -> str | None:
        """The first token, of an operator, where there is none; None where there is one already."""
        return None if self.list() else self.make(FIRST, Role.OPERATOR)

    def revoke(self, name: str) -> Token:
        """It is no longer valid, nor is any login that was made with it. Raises UsageError (``web-no-token``)."""
        gone: list[Token] = []

        def remove(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            gone.extend(each for each in tokens if each.name == name)
            return tuple(each for each in tokens if each.name != name)

        self._kept.change(remove)
        if not gone:
            names = ", ".join(each.name for each in self.list())
            raise UsageError(
                f"There is no token {name[:60]!r}",
                slug="web-no-token",
                hint=f"use one of: {names}" if names else "watchkeeper web token --new",
                facts={"name": name[:60]},
            )
        return gone[0]

    def find(self, handle: str) -> Token | None:
        """The valid token of that id."""
        return next((each for each in self.list() if each.id == handle), None)

    def verify(self, given: str) -> Token | None:
        """Whose token it is; None for what is none. Takes the same time for a wrong secret and for an unknown id."""
        shape = _SHAPE.fullmatch(given[:200].strip())
        handle, secret = (shape[1], shape[2]) if shape else ("", "")
        token = self.find(handle)
        digest = hmac.digest(self._key, given[:200].strip().encode("utf-8", "surrogatepass"), "sha256")
        with self._guard:
            known = self._known.get(digest)
        if token is not None and known == (token.id, token.hash):
            return token
        hashed = _hashed(secret, token.salt if token is not None else _NOBODY)
        if token is None or not hmac.compare_digest(hashed, token.hash):
            return None
        with self._guard:
            if len(self._known) > 100:
                self._known.clear()
            self._known[digest] = (token.id, token.hash)
        return token


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)
