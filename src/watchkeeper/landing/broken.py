"""Lanes whose sum fails though each of them passed: which tests, because of whom, and who has nothing to do with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from watchkeeper.model.landing import CAN_RUN, COMMAND, EntryId


class Broken(msgspec.Struct, frozen=True):
    """These tests fail on the target branch since ``entries`` landed.

    ``reach`` are the files of those and of the tests, with what depends on them; None: anything. ``is_named``: the
    entries are a confirmed minimal set; else they are all that may have to do with it.
    """

    tests: tuple[str, ...]
    entries: tuple[EntryId, ...]
    reach: frozenset[str] | None
    is_named: bool = False

    def is_apart(self, reach: Collection[str] | None) -> bool:
        """What reaches only these files has nothing to do with it; None is anything."""
        return reach is not None and self.reach is not None and self.reach.isdisjoint(reach)


def can_be_isolated(tests: Iterable[str]) -> bool:
    """Whether a failure of these says nothing of all others: not where the command fails as a whole."""
    return {CAN_RUN, COMMAND}.isdisjoint(tests)


def break_together(
    tests: tuple[str, ...], entries: tuple[EntryId, ...], reach: Iterable[str] | None, *, is_named: bool = False
) -> Broken:
    """``reach`` is that of the entries; the files of the tests are added."""
    own = {test.partition("::")[0] for test in tests}
    return Broken(tests, entries, None if reach is None else frozenset(reach) | own, is_named)


def narrow(broken: Sequence[Broken], named: Broken) -> list[Broken]:
    """What is left of suspicions once a set is named; the set itself, where its tests were among them."""
    found: list[Broken] = []
    is_known = False
    for each in broken:
        theirs = set(each.tests) & set(named.tests)
        is_known = is_known or bool(theirs)
        left = tuple(test for test in each.tests if test not in theirs or each.is_named)
        if left:
            found.append(msgspec.structs.replace(each, tests=left))
    return [*found, named] if is_known else found
