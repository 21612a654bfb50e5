"""Dependencies: two versions of one package, or a package that goes or leaps while it is newly imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from watchkeeper.conflicts.meeting import Doing, both_define, meeting
from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind, ResourceTouch

RULE = "dependency"
_KIND = ResourceKind.DEPENDENCY
_MAJOR = re.compile(r"\d+")


def find_dependency_conflicts(pair: Pair) -> Iterator[Conflict]:
    """What both do to one package. A file that git cannot merge anyway is not told again."""
    clashing = {clash.path for clash in pair.clashes}
    for name, one, two in both_define(pair, _KIND):
        if one.access.value == two.access.value or clashing & {one.path, two.path}:
            continue
        if _is_lock(one.path) == _is_lock(two.path):
            yield _versions(pair, name, one, two)
    for actor, user in pair.directions():
        acts, uses = Doing(actor, _KIND), Doing(user, _KIND)
        yield from _gone(pair, acts, uses)
        for name in sorted(acts.defined.keys() & acts.undefined.keys() & uses.read.keys() - uses.defined.keys()):
            yield from _raised(pair, acts, uses, name)


def _is_lock(path: str) -> bool:
    return path.endswith((".lock", "package-lock.json"))


def _bare(name: str) -> str:
    return name.partition(":")[2]


def _versions(pair: Pair, name: str, one: ResourceTouch, two: ResourceTouch) -> Conflict:
    is_lock = _is_lock(one.path)
    first, second = one.access.value or "any", two.access.value or "any"
    return meeting(
        pair,
        f"{RULE}-versions",
        Severity.MINOR if is_lock else Severity.MAJOR,
        name,
        [(pair.first, one, first), (pair.second, two, second)],
        summary=f"{pair.first.label} and {pair.second.label} want different versions of {_bare(name)}",
        why=f"{first} in {one.path}, {second} in {two.path}",
        next_step=f"write {one.path} anew after the merge" if is_lock else f"agree on one version of {_bare(name)}",
    )


def _gone(pair: Pair, acts: Doing, uses: Doing) -> Iterator[Conflict]:
    for name, gone, needed in acts.removed_under(uses):
        if all(_is_lock(each.path) for each in acts.undefined[name]):
            continue
        yield _told(
            pair,
            (f"{RULE}-gone", Severity.MAJOR, Confidence.LIKELY),
            name,
            [(acts.party, gone, "removes it"), (uses.party, needed, "newly imports it")],
            summary=f"{acts.party.label} removes the dependency {_bare(name)}, which {uses.party.label} newly imports",
            next_step=f"keep {_bare(name)} among the dependencies",
        )


def _raised(pair: Pair, acts: Doing, uses: Doing, name: str) -> Iterator[Conflict]:
    before, after = acts.undefined[name][0], acts.defined[name][0]
    old, new = _MAJOR.search(before.access.value), _MAJOR.search(after.access.value)
    if old is None or new is None or old[0] == new[0] or before.path != after.path:
        return
    yield _told(
        pair,
        (f"{RULE}-major", Severity.MINOR, Confidence.POSSIBLE),
        name,
        [(acts.party, after, f"{before.access.value} before"), (uses.party, uses.read[name][0], "newly imports it")],
        summary=f"{acts.party.label} takes {_bare(name)} from major version {old[0]} to {new[0]}, "
        f"which {uses.party.label} newly imports",
        next_step=f"run {uses.party.label}'s tests with {_bare(name)} {after.access.value}",
    )


def _told(
    pair: Pair,
    how: tuple[str, Severity, Confidence],
    name: str,
    sides: Sequence[tuple[Party, ResourceTouch, str]],
    *,
    summary: str,
    next_step: str,
) -> Conflict:
    rule, severity, confidence = how
    why = f"{sides[1][0].label} was written against what the base depends on"
    return meeting(
        pair, rule, severity, name, sides, summary=summary, why=why, next_step=next_step, confidence=confidence
    )
