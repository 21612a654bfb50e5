"""Who may act, asked in one place: every try is recorded, whatever surface it comes through."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from watchkeeper.controlroom.picture import ProjectPicture, Reader
from watchkeeper.model.attention import PersonActed
from watchkeeper.model.errors import UsageError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis


class Role(StrEnum):
    VIEWER = "viewer"  # sees everything, changes nothing
    OPERATOR = "operator"


class Person(NamedTuple):
    """Who acts, as the surface knows him, and through which: ``web``, ``api``, ``discord``."""

    who: str
    role: Role
    via: str


class Done(NamedTuple):
    """One sentence of what was done, or that nothing was to do (``changed`` False)."""

    sentence: str
    changed: bool = True


class NotAllowedError(UsageError):
    """He may look, and not act. It is recorded that he tried."""


class Judge:
    """Thread-safe."""

    def __init__(self, reader: Reader, clock: Callable[[], Millis]) -> None:
        self._reader, self._clock = reader, clock

    def judge(self, person: Person, what: str, on: str) -> None:
        """Audit the act, and refuse it to who may only look. Raises NotAllowedError."""
        allowed = person.role is Role.OPERATOR
        acted = PersonActed(what, on[:200], person.who, person.via, person.role.value, allowed)
        self._reader.log.append(FLEET, [acted], self._clock())
        if not allowed:
            raise NotAllowedError(
                f"{person.who} may look, and not {what}",
                slug="not-allowed",
                hint="ask somebody who is an operator",
                facts={"who": person.who, "action": what},
            )

    def project(self, name: str) -> ProjectPicture:
        """As it is now. Raises UsageError (``not-there``)."""
        found = self._reader.look().projects.get(name)
        if found is None:
            raise not_there("project", name, "this fleet")
        return found


def not_there(what: str, name: str, where: str) -> UsageError:
    """What an act was about is not there, or no more: a page may be older than what it shows."""
    return UsageError(
        f"There is no {what} {name!r} in {where}",
        slug="not-there",
        hint="look again: it may be gone since it was shown",
        facts={"what": what, "name": name},
    )
