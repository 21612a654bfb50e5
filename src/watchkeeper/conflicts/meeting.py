"""The resources of two changes laid over each other: who newly does what to which resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from watchkeeper.conflicts.pair import Pair, Party, make_conflict
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceTouch

Touches = Mapping[str, Sequence[ResourceTouch]]
"""Touches by the resource's name."""


class Doing:
    """What one party does to the resources of one kind. Kept accesses are not its doing."""

    def __init__(self, party: Party, kind: ResourceKind) -> None:
        self.party = party
        touches = [each for each in party.footprint.resources if each.access.resource.kind is kind and not each.is_kept]
        self.defined = _by_name(each for each in touches if each.is_new and each.access.mode is AccessMode.DEFINE)
        self.undefined = _by_name(each for each in touches if not each.is_new and each.access.mode is AccessMode.DEFINE)
        self.read = _by_name(each for each in touches if each.is_new and each.access.mode is AccessMode.READ)
        self.unread = _by_name(each for each in touches if not each.is_new and each.access.mode is AccessMode.READ)
        self.written = _by_name(each for each in touches if each.is_new and each.access.mode is AccessMode.WRITE)

    def removed(self) -> Iterator[tuple[str, Sequence[ResourceTouch]]]:
        """What it defined in the base and no longer does anywhere that it touches."""
        for name in sorted(self.undefined.keys() - self.defined.keys()):
            yield name, self.undefined[name]

    def removed_under(self, other: Doing) -> Iterator[tuple[str, ResourceTouch, ResourceTouch]]:
        """What it removes and the other newly uses, without having a hand in its definition: name and both touches.

        What the remover itself newly uses is missing without the other as well.
        """
        for name, touches in self.removed():
            used = other.newly_used(name)
            if used and not self.newly_used(name) and name not in other.defined and name not in other.undefined:
                yield name, touches[0], used[0]

    def newly_used(self, name: str) -> Sequence[ResourceTouch]:
        """Where it newly reads or writes the resource."""
        return (*self.read.get(name, ()), *self.written.get(name, ()))


def both_define(pair: Pair, kind: ResourceKind) -> Iterator[tuple[str, ResourceTouch, ResourceTouch]]:
    """Resources that both newly define, each by its first definition that the other side has not got as well."""
    one, two = Doing(pair.first, kind), Doing(pair.second, kind)
    for name in sorted(one.defined.keys() & two.defined.keys()):
        left = [each for each in one.defined[name] if not _has_same(each, two.defined[name])]
        right = [each for each in two.defined[name] if not _has_same(each, one.defined[name])]
        if left and right:
            yield name, left[0], right[0]


def is_told_as_text(pair: Pair, one: ResourceTouch, two: ResourceTouch) -> bool:
    """Whether both stand in one file that git cannot merge: whoever merges it by hand sees them side by side."""
    return one.path == two.path and any(clash.path == one.path for clash in pair.clashes)


def meeting(
    pair: Pair,
    rule: str,
    severity: Severity,
    key: str,
    sides: Sequence[tuple[Party, ResourceTouch, str]],
    *,
    summary: str,
    why: str,
    next_step: str,
    confidence: Confidence = Confidence.SURE,
) -> Conflict:
    """A conflict over a resource. ``sides`` are parties with a touch of theirs and what it does, in a few words."""
    lowest = min((confidence, *(touch.access.confidence for _, touch, _ in sides)), key=lambda each: each.rank)
    return make_conflict(
        kind=Kind.RESOURCE,
        rule=rule,
        severity=severity,
        confidence=lowest,
        parties=(pair.first, pair.second),
        keys=(key,),
        subjects=(key,),
        summary=summary,
        why=why,
        evidence=[shown_touch(*side) for side in sides],
        next_step=next_step,
    )


def shown_touch(party: Party, touch: ResourceTouch, note: str) -> Evidence:
    """The touch as a line of evidence."""
    return Evidence(change=party.id, path=touch.path, line=max(1, touch.access.line), text=touch.access.text, note=note)


def _by_name(touches: Iterable[ResourceTouch]) -> Touches:
    table: dict[str, list[ResourceTouch]] = {}
    for touch in touches:
        table.setdefault(touch.access.resource.name, []).append(touch)
    return table


def _has_same(touch: ResourceTouch, others: Sequence[ResourceTouch]) -> bool:
    """Whether the other side makes the same edit: the same thing in the same place."""
    own = _place(touch)
    return any(_place(each) == own for each in others)


def _place(touch: ResourceTouch) -> tuple[str, ...]:
    return touch.path, touch.access.value, touch.access.symbol, touch.access.text
