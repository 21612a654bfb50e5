"""Which few of many changes break each other: minimal conflicting sets, with few runs. Pure but for the asking.

Prefix search as in the landing queue's isolation: the culprit is the last change of the smallest failing prefix; then,
with the culprit as background, the same search finds one partner after the other until the set alone fails.
About ``log2 n`` runs for each member, where all pairs take ``n * (n - 1) / 2``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=Hashable)

Fails = Callable[[tuple[T, ...]], bool]
"""Whether the virtual merge of these changes shows the failure. Asked for each set once."""


class Isolated(msgspec.Struct, Generic[T], frozen=True):
    """A minimal conflicting set, in the order of the changes, and how many questions finding it took.

    ``is_monotone`` is False where a subset failed that a superset of it did not: the set is then one that fails, but
    what it was found among behaves in a way that no search can rely on.
    """

    members: tuple[T, ...]
    asked: int
    is_monotone: bool = True


def isolate(changes: Sequence[T], fails: Fails[T], needed: AbstractSet[T] = frozenset()) -> Isolated[T] | None:
    """A minimal set of changes whose merge fails, given that the merge of all of them does; None where it does not.

    Minimal, as far as answers are monotone: what comes before a member passed without it, and the other members are
    among that. A single change is a set too: it fails alone. ``needed`` are changes without which it cannot fail,
    whoever knows that beforehand: they need not be searched for.
    """
    asker = _Asker(changes, fails)
    if not changes or not asker.fails(frozenset(changes)):
        return None
    background = frozenset(needed)
    pool = [change for change in changes if change not in needed]
    while not asker.fails(background):
        size = _smallest_failing(pool, background, asker)
        background |= {pool[size - 1]}
        pool = pool[: size - 1]
    return Isolated(tuple(change for change in changes if change in background), asker.asked, asker.is_monotone)


def isolate_all(changes: Sequence[T], fails: Fails[T], *, most: int = 20) -> tuple[Isolated[T], ...]:
    """Disjoint minimal sets, until what is left does not fail: one after the other, each without the ones before.

    A change that is in several sets is named with the first; when it changes, looking again finds the next.
    """
    found: list[Isolated[T]] = []
    left = list(changes)
    while len(found) < most:
        isolated = isolate(left, fails)
        if isolated is None:
            break
        found.append(isolated)
        left = [change for change in left if change not in isolated.members]
    return tuple(found)


class _Asker(Generic[T]):
    """Asks about each set once, in the order of the changes, and notices answers that contradict each other."""

    def __init__(self, changes: Sequence[T], fails: Fails[T]) -> None:
        self._order = {change: at for at, change in enumerate(changes)}
        self._fails = fails
        self._known: dict[frozenset[T], bool] = {frozenset(): False}
        self.asked = 0

    @property
    def is_monotone(self) -> bool:
        failing = [members for members, fails in self._known.items() if fails]
        passing = [members for members, fails in self._known.items() if not fails]
        return not any(small < large for small in failing for large in passing)

    def fails(self, members: frozenset[T]) -> bool:
        if members not in self._known:
            self.asked += 1
            self._known[members] = self._fails(tuple(sorted(members, key=self._order.__getitem__)))
        return self._known[members]


def _smallest_failing(pool: Sequence[T], background: frozenset[T], asker: _Asker[T]) -> int:
    """The length of the smallest prefix of ``pool`` that fails with ``background``; the whole pool is known to."""
    low, high = 0, len(pool)  # the first ``low`` pass, the first ``high`` fail
    while high - low > 1:
        middle = (low + high) // 2
        if asker.fails(background | frozenset(pool[:middle])):
            high = middle
        else:
            low = middle
    return high
