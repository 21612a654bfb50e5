"""How often a rule was right, by what became of what it said; and who is not listened to for a while. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from watchkeeper.model.scouting import Verdict
from watchkeeper.model.scouting_state import FindingStanding

WINDOW = 20
"""Judged findings that count, the newest."""

FLOOR = 0.7
LEAST = 5
TRUSTED, TRUSTED_LEAST = 0.9, 20

_Z = 1.96


class Precision(msgspec.Struct, frozen=True):
    """Of the last judged findings of a rule, or of a dimension: how many were true. None of them: nobody knows."""

    right: int
    judged: int

    @property
    def rate(self) -> float | None:
        return self.right / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, of 95 %. Source: E. B. Wilson, Probable Inference, JASA 22 (1927)."""
        if not self.judged:
            return 0.0, 1.0
        n, p = self.judged, self.right / self.judged
        middle = p + _Z * _Z / (2 * n)
        reach = _Z * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
        whole = 1 + _Z * _Z / n
        return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)

    @property
    def is_muted(self) -> bool:
        """What it says is recorded and shown, and nobody is given work by it."""
        return self.judged >= LEAST and self.right / self.judged < FLOOR

    @property
    def is_trusted(self) -> bool:
        """What it says needs no second look before it is filed."""
        return self.judged >= TRUSTED_LEAST and self.right / self.judged >= TRUSTED

    @property
    def weight(self) -> float:
        """What an unjudged finding of it is probably worth: its rate, drawn towards 0.8 while little is known."""
        return (self.right + 4) / (self.judged + 5)


def precision_of(found: Iterable[FindingStanding]) -> Precision:
    """Over the newest judged of ``found``, of all projects. What is left and what is double counts for nothing."""
    judged = [each for each in found if each.judged is not None and each.judged.verdict in _COUNTS]
    judged.sort(key=lambda each: each.judged_at or 0)
    last = judged[-WINDOW:]
    return Precision(sum(each.judged is not None and each.judged.verdict is Verdict.TRUE for each in last), len(last))


def precisions(found: Iterable[FindingStanding]) -> dict[str, Precision]:
    """Of each rule (``check:rule``) and each dimension (its id) of which something was found."""
    groups: dict[str, list[FindingStanding]] = {}
    for each in found:
        groups.setdefault(rule_of(each), []).append(each)
        groups.setdefault(each.finding.dimension, []).append(each)
    return {name: precision_of(group) for name, group in groups.items()}


def rule_of(standing: FindingStanding) -> str:
    """``check:rule``."""
    return f"{standing.finding.check}:{standing.finding.rule}"


_COUNTS = (Verdict.TRUE, Verdict.FALSE)
