"""From a failing sequence to a minimal failing set, by asking as little as possible. Pure.

Prefix search first (the smallest failing prefix ends with a culprit), then the same for its partners with the culprit
kept: about ``log2 n`` questions for each member. It is QuickXplain's divide and conquer (Junker, AAAI 2004) with the
order of arrival kept, so that the first question's answer already lets the innocent go on. Asked again with the same
answers it gives the same; where an answer changes (a flaky test) the search goes another way by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

Ask = Callable[[tuple[T, ...]], "bool | None"]
"""Whether a subset (in order) fails; None: nobody knows yet."""


class Found(NamedTuple, Generic[T]):
    """A minimal failing set, in order; its last member is the culprit."""

    members: tuple[T, ...]


class Wanted(NamedTuple, Generic[T]):
    """Subsets that have to be asked before the search can go on; ``culprit`` is known already, or None."""

    subsets: tuple[tuple[T, ...], ...]
    culprit: T | None = None


def locate(length: int, fails: Callable[[int], bool | None], width: int = 1) -> int | tuple[int, ...]:
    """The length of the smallest failing prefix, or the lengths to ask next: at most ``width``, evenly spread.

    Length 0 is known to pass and ``length`` to fail. A longer one that passes though a shorter one fails is passed
    over: what fails first is what is looked for.
    """
    known = {at: fails(at) for at in range(1, length)}
    high = min((at for at, answer in known.items() if answer), default=length)
    low = max((at for at, answer in known.items() if answer is False and at < high), default=0)
    open_ones = high - low - 1
    if open_ones <= 0:
        return high
    parts = min(width, open_ones) + 1
    return tuple(dict.fromkeys(low + max(1, round((high - low) * part / parts)) for part in range(1, parts)))


def find_culprit(sequence: Sequence[T], ask: Ask[T], width: int = 1) -> int | tuple[tuple[T, ...], ...]:
    """The position of the culprit in a failing ``sequence``, or the prefixes to ask."""
    step = locate(len(sequence), lambda at: ask(tuple(sequence[:at])), width)
    return step - 1 if isinstance(step, int) else tuple(tuple(sequence[:at]) for at in step)


def find_partners(
    before: Sequence[T], culprit: T, ask: Ask[T], width: int = 1, *, others: Sequence[T] = ()
) -> Found[T] | Wanted[T]:
    """The members of ``before`` that the culprit needs to fail, with ``others`` that it is known to need.

    All of them together are known to fail.
    """
    known: tuple[T, ...] = (*others, culprit)
    pool = tuple(before)
    while True:
        alone = ask(known)
        if alone is None:
            return Wanted((known,), culprit)
        if alone or not pool:
            return Found(known)
        background = known

        def fails(at: int, pool: tuple[T, ...] = pool, background: tuple[T, ...] = background) -> bool | None:
            return ask((*pool[:at], *background))

        step = locate(len(pool), fails, width)
        if not isinstance(step, int):
            return Wanted(tuple((*pool[:at], *known) for at in step), culprit)
        known, pool = (pool[step - 1], *known), pool[: step - 1]


def without_one(members: Sequence[T]) -> tuple[tuple[T, ...], ...]:
    """All subsets with one member less, the empty one left out."""
    if len(members) < 2:
        return ()
    return tuple((*members[:at], *members[at + 1 :]) for at in range(len(members)))
