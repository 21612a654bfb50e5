"""Who may touch what: leases with an end, and owners of paths. Off unless somebody asks for it. Pure.

A gate looks at what an agent is about to do and says why it may not, or nothing. It never waits, and whatever it cannot
tell it lets pass: a conflict that comes of it is found like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from watchkeeper.code.globs import matches
from watchkeeper.conflicts.notice import quote
from watchkeeper.model.agents import Act, AgentEvent, Lease, Phase, Session
from watchkeeper.model.ids import Millis

_MOST_NAME = 80


class Owners(msgspec.Struct, frozen=True):
    """Globs of paths, and who may write there: agents (``codex``), sessions (``codex-1``); the last match counts.

    As in CODEOWNERS: an empty list of owners frees what an earlier glob took.
    """

    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, path: str) -> tuple[str, ...]:
        """The owners of a path; ``()`` where everybody may."""
        for pattern, owners in reversed(self.rules):
            if matches(pattern, path):
                return owners
        return ()


class Intention(msgspec.Struct, frozen=True):
    """One file that an agent is about to write: its path in the repository, the symbols and words that it touches."""

    path: str
    symbols: tuple[str, ...] = ()
    text: str = ""


def writes_of(events: Iterable[AgentEvent]) -> tuple[AgentEvent, ...]:
    """What is about to be written."""
    return tuple(each for each in events if each.act is Act.WRITE and each.phase is Phase.INTENT and each.path)


def reason_to_deny(
    session: Session, intended: Sequence[Intention], leases: Sequence[Lease], owners: Owners, now: Millis
) -> str | None:
    """Why the session may not do this, for the model to read; None where it may."""
    for each in intended:
        owner = owners.of(each.path)
        if owner and not is_named(session, owner):
            who = ", ".join(quote(name, 40) for name in owner[:4])
            return (
                f"Watchkeeper: {quote(each.path, _MOST_NAME)} may be written by {who} only, as this project has it. "
                "Leave the file as it is, and say in your answer what it needs."
            )
        for lease in leases:
            if lease.until > now and not is_named(session, (lease.holder,)) and covers(lease.subject, each):
                minutes = max(1, (lease.until - now) // 60_000)
                return (
                    f"Watchkeeper: {quote(lease.subject, _MOST_NAME)} is held by {quote(lease.holder, 40)} for another "
                    f"{minutes} min. Work on something else first, or wait and read it again before you edit it."
                )
    return None


def is_named(session: Session, names: Sequence[str]) -> bool:
    """Whether one of the names means this session, or all sessions of its agent."""
    return session.id in names or session.agent in names


def covers(subject: str, intention: Intention) -> bool:
    """Whether what is about to be written touches what is held."""
    if subject == intention.path or (any(sign in subject for sign in "*?[") and matches(subject, intention.path)):
        return True
    for symbol in intention.symbols:
        qualname = symbol.rpartition(":")[2]
        if subject in (symbol, qualname) or qualname.endswith(f".{subject}") or qualname.startswith(f"{subject}."):
            return True
    return "/" not in subject and ":" not in subject and _word(subject).search(intention.text) is not None


def read_owners(text: str) -> Owners:
    """CODEOWNERS: a glob and its owners a line; comments and sections of GitLab are left out, ``@`` is taken away."""
    rules = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and not words[0].startswith(("[", "^[")):
            rules.append((words[0], tuple(word.lstrip("@") for word in words[1:])))
    return Owners(tuple(rules))


def owners_of(lines: Sequence[str]) -> Owners:
    """The lines of a project's configuration: a glob, then who may write there."""
    return read_owners("\n".join(lines))


@lru_cache(maxsize=512)
def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
