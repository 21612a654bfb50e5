"""Groups what fits no kind of the catalogue. A group that is there keeps its id and its members for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from watchkeeper.model.ids import Millis
from watchkeeper.model.scouting import FindingId, KindAssigned, KindId
from watchkeeper.scouts.convergence.words import Measure, Rows

LEAST_ALIKE = 0.24
"""Mean likeness at which texts are one group; chosen and measured as ``matching.Bar`` is."""

MOST = 2_000
"""Ungrouped findings that are compared at a time, the newest: the comparison is quadratic."""


class Item(msgspec.Struct, frozen=True):
    """A finding that fits nothing, as it is compared."""

    id: FindingId
    at: Millis
    text: str


def cluster(
    items: Sequence[Item],
    known: Mapping[FindingId, KindId],
    measure: Measure,
    least: float = LEAST_ALIKE,
) -> list[KindAssigned]:
    """What is to be recorded: ``known`` is what was said earlier, and is never said otherwise.

    First a finding goes to the group whose members it is most like on average; what is left makes new groups of two or
    more, named by their earliest finding (average linkage over 1 - likeness). A finding that is like nothing waits for
    others. The order of ``items`` does not matter.
    """
    ordered = sorted(items, key=lambda each: (each.at, each.id))
    members: dict[KindId, list[Item]] = {}
    for each in ordered:
        if each.id in known:
            members.setdefault(known[each.id], []).append(each)
    free = [each for each in ordered if each.id not in known][-MOST:]
    joined = _join(free, members, measure, least)
    taken = {each.id for each in joined}
    rest = [each for each in free if each.id not in taken]
    return [*joined, *_found(rest, measure, least)]


def cluster_id(earliest: FindingId) -> KindId:
    """The id of a group that began with a finding."""
    return KindId(f"cluster-{hashlib.sha256(earliest.encode()).hexdigest()[:8]}")


def _join(free: list[Item], members: Mapping[KindId, list[Item]], measure: Measure, least: float) -> list[KindAssigned]:
    if not members:
        return []
    groups = sorted(members.items())
    columns = [(kind, item.text) for kind, group in groups for item in group]
    joined = []
    for item, row in zip(
        free, measure.likeness([each.text for each in free], [each[1] for each in columns]), strict=True
    ):
        sums = dict.fromkeys((kind for kind, _ in groups), 0.0)
        for (kind, _), score in zip(columns, row, strict=True):
            sums[kind] += score
        means = sorted(
            ((sums[kind] / len(group), kind) for kind, group in groups), key=lambda each: (-each[0], each[1])
        )
        if means[0][0] >= least:
            near = tuple(kind for _, kind in means[1:3])
            joined.append(KindAssigned(item.id, means[0][1], "cluster", round(means[0][0], 4), near))
    return joined


def _found(rest: list[Item], measure: Measure, least: float) -> list[KindAssigned]:
    """New groups among those that belong to none."""
    if len(rest) < 2:
        return []
    rows = measure.likeness([each.text for each in rest], [each.text for each in rest])
    groups: dict[int, list[int]] = {}
    for number, label in enumerate(group_rows(rows, least)):
        groups.setdefault(label, []).append(number)
    made = []
    for group in groups.values():
        if len(group) > 1:
            kind = cluster_id(rest[group[0]].id)
            for number in group:
                others = [rows[number][other] for other in group if other != number]
                made.append(KindAssigned(rest[number].id, kind, "cluster", round(sum(others) / len(others), 4)))
    return made


def group_rows(rows: Rows, least: float) -> list[int]:
    """A label for each of at least two texts whose likeness is known: equal labels are one group."""
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering

    apart = np.clip(1 - np.asarray(rows), 0, 1)
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0)
    grouping = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=1 - least)
    return [int(each) for each in grouping.fit_predict(apart)]
