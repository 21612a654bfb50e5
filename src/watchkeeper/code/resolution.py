"""What a reference was found to mean, as values: what ``code.resolve`` answers with, and its parts tell each other."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Chain


class What(StrEnum):
    MODULE = "module"
    CLASS = "class"
    INSTANCE = "instance"
    SUPER = "super"
    FUNCTION = "function"
    OF = "of"  # a container, awaitable or context manager; ``inner`` is what it gives
    OUTSIDE = "outside"  # known, and not of this project
    UNKNOWN = "unknown"


class Value(NamedTuple):
    """What an expression is: its kind, the symbol that defines it, the element of a container, a method's receiver."""

    what: What
    key: SymbolKey = SymbolKey("", "")
    inner: Value | None = None
    receiver: SymbolKey | None = None


UNKNOWN = Value(What.UNKNOWN)
OUTSIDE = Value(What.OUTSIDE)


class Target(NamedTuple):
    """A symbol that a reference means or passes. ``absent``: looked for there in vain, so adding it matters."""

    key: SymbolKey
    confidence: Confidence
    absent: bool = False


class Outcome(StrEnum):
    RESOLVED = "resolved"
    AMBIGUOUS = "ambiguous"
    OUTSIDE = "outside"
    UNRESOLVED = "unresolved"


class Resolution(NamedTuple):
    """All symbols that one reference relies on, and how well it was understood."""

    outcome: Outcome
    targets: tuple[Target, ...]
    value: Value


class Beyond(IntEnum):
    """Where else a class's members may come from than from its bases in the project."""

    NOTHING = 0
    OUTSIDE = 1  # a base of another package
    UNKNOWN = 2  # a base that could not be followed
    ANYTHING = 3  # whatever its author passes on: ``__getattr__``, or a type computed from others


class ClassOrder(NamedTuple):
    """A class and its bases in look-up order."""

    keys: tuple[SymbolKey, ...]
    beyond: Beyond


FOUND_NOTHING = Resolution(Outcome.UNRESOLVED, (), UNKNOWN)
FOUND_OUTSIDE = Resolution(Outcome.OUTSIDE, (), OUTSIDE)


class Evaluation(Protocol):
    """What the meaning of names and of members asks back. ``depth``: how far from the question; there is an end."""

    def follow(self, path: str, holder: str, chain: Chain, depth: int) -> Resolution:
        """What ``chain`` means inside the symbol ``holder`` of the file ``path``."""

    def type_of(self, key: SymbolKey, receiver: SymbolKey | None, depth: int) -> Value:
        """What the symbol gives when it is called or taken, from ``receiver`` where it is a member."""

    def attribute(self, value: Value, name: str, depth: int) -> Resolution:
        """What ``name`` means on a value."""


MAX_DEPTH = 14
"""Questions that lead to questions end here: definitions may be made of each other."""


def solid(found: Resolution) -> Iterator[Target]:
    """What is there, without what was looked for in vain."""
    return (target for target in found.targets if not target.absent)


def is_solid(found: Resolution) -> bool:
    """Whether anything that is there was found."""
    return next(solid(found), None) is not None
