"""Many days side by side: spans over the days, and differences between arms of the same day. Pure.

The arms of a day share all draws, so that they are compared day by day; the spread between days is larger than most
effects and would hide them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec

from watchkeeper.experiment.arms import Arm, Figures

# Two-sided 95 % quantiles of Student's t for 1, 2, .. degrees of freedom.
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

MEASURES: Mapping[str, Callable[[Figures], float]] = {
    "throughput": lambda each: each.throughput,
    "rework": lambda each: each.rework,
    "reading": lambda each: each.reading,
    "waiting": lambda each: each.waiting,
    "lost": lambda each: each.lost,
    "textual": lambda each: each.textual,
    "sent_back": lambda each: each.sent_back,
    "escapes": lambda each: len(each.escapes),
    "seen": lambda each: sum(escape.seen for escape in each.escapes),
    "planted_escaped": lambda each: each.planted_escaped,
    "notices": lambda each: each.notices,
    "needless": lambda each: each.needless,
    "put_off": lambda each: each.put_off,
    "expired": lambda each: each.expired,
}
JUDGED = ("throughput", "lost", "escapes")


class Span(msgspec.Struct, frozen=True):
    """A figure over all days."""

    mean: float
    least: float
    most: float


class Difference(msgspec.Struct, frozen=True):
    """How an arm differs from another on the same days: the mean, and its 95 % interval by Student's t."""

    mean: float
    low: float
    high: float

    @property
    def is_apart(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def summarise(played: Sequence[Figures]) -> dict[Arm, dict[str, Span]]:
    """Mean and range of each figure of each arm that was played."""
    spans = {}
    for arm in dict.fromkeys(each.arm for each in played):
        mine = [each for each in played if each.arm is arm]
        spans[arm] = {name: _span([get(each) for each in mine]) for name, get in MEASURES.items()}
    return spans


def compare(played: Sequence[Figures], arm: Arm, against: Arm) -> dict[str, Difference]:
    """The judged figures of ``arm`` less those of ``against``, day by day. Both were played on two days or more."""
    mine = {each.seed: each for each in played if each.arm is arm}
    theirs = {each.seed: each for each in played if each.arm is against}
    days = sorted(mine.keys() & theirs.keys())
    return {name: difference([MEASURES[name](mine[d]) - MEASURES[name](theirs[d]) for d in days]) for name in JUDGED}


def difference(paired: Sequence[float]) -> Difference:
    """The mean of two differences or more, with its interval."""
    mean, freedom = statistics.fmean(paired), len(paired) - 1
    quantile = _T95[freedom - 1] if freedom <= len(_T95) else _T95[-1]
    half = quantile * statistics.stdev(paired) / math.sqrt(len(paired))
    return Difference(round(mean, 3), round(mean - half, 3), round(mean + half, 3))


def verdict(arm: Arm, against: Arm, found: Mapping[str, Difference]) -> str:
    """One sentence, from the intervals alone: whether it pays in escapes and in time of agents."""
    escapes, lost = found["escapes"], found["lost"]
    fewer, more = escapes.is_apart and escapes.mean < 0, escapes.is_apart and escapes.mean > 0
    if not lost.is_apart:
        cost = "no difference shown in agents' time"
    else:
        cost = f"{abs(lost.mean):.0f} min of agents {'saved' if lost.mean < 0 else 'more lost'} a day"
    saves, costs = lost.is_apart and lost.mean < 0, lost.is_apart and lost.mean > 0
    if more or (costs and not fewer):
        word = "does not pay"
    elif fewer and costs:
        word = "buys fewer escapes with time"
    else:
        word = "pays" if fewer or saves else "not shown to pay"
    told = f"{escapes.mean:+.1f} escapes a day" if escapes.is_apart else "no difference shown in escapes"
    return f"{arm} against {against}: {word}: {told}, {cost}."


def _span(values: Sequence[float]) -> Span:
    return Span(round(statistics.fmean(values), 3), round(min(values), 3), round(max(values), 3))
