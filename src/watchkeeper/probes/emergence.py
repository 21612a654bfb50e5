"""What is in the merge and comes from neither side: right alone, wrong together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from watchkeeper.model.findings import Finding, FindingKey

Counts = Mapping[FindingKey, int]


def count_findings(findings: Iterable[Finding]) -> Counter[FindingKey]:
    """How often each finding stands in a tree: the same key may come several times."""
    return Counter(finding.key for finding in findings)


def find_emergent(
    merged: Iterable[Finding], sides: Sequence[Iterable[Finding]], base: Iterable[Finding]
) -> tuple[Finding, ...]:
    """The findings of the merge of several changes that the changes do not explain one by one.

    Findings are compared as multisets. Each side adds to the base's what it adds alone; what the merge has beyond all
    of that together, and beyond the most that any one tree has, is emergent. The order of the sides does not matter.
    """
    alone = [count_findings(side) for side in sides]
    before = count_findings(base)
    left: Counter[FindingKey] = Counter()
    found = list(merged)
    for key, count in count_findings(found).items():
        left[key] = count - _explained(before[key], [side[key] for side in alone])
    emergent = []
    for finding in reversed(found):  # the last ones of a key are as good as the first: take them from the end
        if left[finding.key] > 0:
            left[finding.key] -= 1
            emergent.append(finding)
    return tuple(reversed(emergent))


def _explained(base: int, sides: Sequence[int]) -> int:
    """How many of one finding to expect of the merge, were the changes independent."""
    added = sum(max(0, count - base) for count in sides)
    kept = min((count for count in sides if count < base), default=base)
    return max(kept + added, max(sides, default=base))
