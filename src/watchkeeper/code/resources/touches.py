"""What a change does to resources: the accesses of its files before and after, compared.

The comparison is one of multisets over the whole change. An access has no line, symbol or file in it, so one that
merely moves, within its file or to another, is no touch; nor is reformatting. An access that stays where the change
altered the symbol around it is a touch of its own (``is_kept``): the same UPDATE may run on other rows now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.model.footprint import Hunk
from watchkeeper.model.resources import Access, NotAnalysed, ResourceReading, ResourceTouch

_NOTHING = ResourceReading()


class FileResources(msgspec.Struct, frozen=True):
    """What one changed file touches, in the base and now; ``altered`` are the qualnames that the change altered."""

    path: str
    base: ResourceReading = _NOTHING
    now: ResourceReading = _NOTHING
    altered: AbstractSet[str] = frozenset()
    hunks: Sequence[Hunk] = ()


def touches_of(files: Sequence[FileResources]) -> tuple[ResourceTouch, ...]:
    """The touches of a change: dropped accesses, new ones, and those kept in altered symbols. In a stable order."""
    before = Counter(identity_of(access) for file in files for access in file.base.accesses)
    after = Counter(identity_of(access) for file in files for access in file.now.accesses)
    dropped, added = before - after, after - before
    found: list[ResourceTouch] = []
    for file in files:
        own = Counter(identity_of(access) for access in file.now.accesses)
        found += [ResourceTouch(file.path, each, is_new=False) for each in _taken(file.base.accesses, dropped, own)]
        own = Counter(identity_of(access) for access in file.base.accesses)
        new = list(_taken(file.now.accesses, added, own))
        found += [ResourceTouch(file.path, access) for access in new]
        fresh = set(map(id, new))
        found += [
            ResourceTouch(file.path, access, is_kept=True)
            for access in file.now.accesses
            if access.symbol and access.symbol in file.altered and id(access) not in fresh
        ]
    return tuple(found)


def identity_of(access: Access) -> tuple[object, ...]:
    """What makes two accesses the same one: not where they stand, nor how they are written."""
    return (
        access.resource,
        access.mode,
        access.columns,
        access.value,
        access.confidence,
        access.connection,
        access.held,
    )


def places_not_analysed(files: Iterable[FileResources]) -> tuple[tuple[str, NotAnalysed], ...]:
    """What could not be told of the places that the change adds or stands in, by path."""
    return tuple((file.path, place) for file in files for place in _unseen(file))


def _taken(
    accesses: Sequence[Access], wanted: Counter[tuple[object, ...]], other: Counter[tuple[object, ...]]
) -> list[Access]:
    """Those accesses that account for ``wanted``, the ones that the file's other version lacks; takes them off it."""
    left = Counter(other)
    found = []
    for access in accesses:
        identity = identity_of(access)
        if left[identity] > 0:
            left[identity] -= 1
        elif wanted[identity] > 0:
            wanted[identity] -= 1
            found.append(access)
    return found


def _unseen(file: FileResources) -> Iterator[NotAnalysed]:
    known = Counter((place.kind, place.reason) for place in file.base.not_analysed)
    for place in file.now.not_analysed:
        mark = (place.kind, place.reason)
        known[mark] -= 1
        if known[mark] < 0 or any(h.now_start <= place.line < h.now_start + h.now_count for h in file.hunks):
            yield place
