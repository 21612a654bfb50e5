"""What to read first: how dangerous a landed change is, by what is known of it and not by how it is worded. Pure.

Each danger has a weight of 1 to 100: the share of certainty that a person has to look. Those of one change add up as
chances do, ``1 - (1 - a)(1 - b)...``, so that a further one never lowers the rank, and ten mild ones do not outrank a
grave one by much. The weights of single points of risk are those of ``risk``; what stands here is what a survey cannot
see by itself: how the change came into the branch, and what else is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from watchkeeper.model.resources import ResourceKind
from watchkeeper.model.review import SurveyPoint, WrongHow
from watchkeeper.review.landedchanges import LandedChange
from watchkeeper.review.words import counted, short
from watchkeeper.risk.points import PointKind


class Danger(NamedTuple):
    """One reason to read a change. ``reason`` is a clause that names what it is about."""

    weight: int
    kind: str
    reason: str
    path: str = ""
    line: int = 0


WEAKENED = frozenset(
    {
        PointKind.TEST_DELETED,
        PointKind.ASSERTION_REMOVED,
        PointKind.ASSERTION_WEAKER,
        PointKind.TEST_SKIPPED,
        PointKind.TOLERANCE_WIDENED,
        PointKind.SUBJECT_MOCKED,
        PointKind.EXCEPTION_SWALLOWED,
    }
)
"""Tests that say less than they did."""

_BY_DEED = 25
"""From this weight on a point of access says what a change does to a check, not where it lies or how it is called."""
_SURE_SECRET = 30
_GRAVE_WEAKENING = 12
_FACTOR: Mapping[str, float] = {
    PointKind.SECRETS: 1.0,
    PointKind.AUTH: 0.9,
    PointKind.MONEY: 1.0,
    PointKind.DELETION: 1.2,
    PointKind.SENSITIVE: 1.5,
    PointKind.REMOVED_TABLE: 1.8,
    PointKind.REMOVED_ROUTE: 1.3,
    PointKind.EXPECTATION_CHANGED: 1.2,
    PointKind.CONTRACT: 1.3,
    PointKind.SIZE: 0.8,
    PointKind.NEW_PUBLIC: 0.6,
}
_MOST = 97
_READ_FIRST = 45
"""From this score on somebody should read a change, whatever else there is."""


def dangers_of(change: LandedChange) -> tuple[Danger, ...]:
    """Every reason to read it, the heaviest first. What two landed changes do together is not among them."""
    survey = change.survey
    found = [*_of_points(survey.points), *_of_tests(change), *_of_arrival(change), *_of_outcome(change)]
    if survey.could_not and not (survey.writes or survey.files):
        found.append(Danger(50, "unread", f"nobody could look at it: {survey.could_not[0]}"))
    return tuple(sorted(found, key=lambda each: (-each.weight, each.kind, each.path, each.line, each.reason)))


def score_of(dangers: Iterable[Danger]) -> int:
    """0 to 100. Within one kind the heaviest counts whole, the next a half, then a quarter."""
    by_kind: dict[str, list[int]] = {}
    for each in dangers:
        by_kind.setdefault(each.kind, []).append(each.weight)
    clear = 1.0
    for weights in by_kind.values():
        total = sum(weight / 2**place for place, weight in enumerate(sorted(weights, reverse=True)))
        clear *= 1 - min(total, _MOST) / 100
    return round(100 * (1 - clear))


def has_to_be_read(change: LandedChange, dangers: Iterable[Danger]) -> bool:
    """Nobody has read it, it is still there, and it is dangerous enough to ask a person."""
    them = tuple(dangers)
    is_grave = any(each.weight >= _READ_FIRST for each in them) or score_of(them) >= 60
    return change.standing.reviewed is None and not change.is_reverted and is_grave


def _of_points(points: Iterable[SurveyPoint]) -> Iterator[Danger]:
    for point in points:
        weight = point.weight * _FACTOR.get(point.kind, 1.0)
        if point.kind == PointKind.SECRETS and point.weight >= _SURE_SECRET:
            weight = 95
        elif point.kind == PointKind.AUTH and point.weight >= _BY_DEED:
            weight = 82
        elif point.kind in WEAKENED:
            weight = max(48, point.weight * 3.6) if point.weight >= _GRAVE_WEAKENING else point.weight * 2
        if weight >= 1:
            yield Danger(min(_MOST, round(weight)), point.kind, point.reason, point.path, point.line)


def _of_tests(change: LandedChange) -> Iterator[Danger]:
    """A rewrite, or much new code, and no test that says anything of it."""
    survey = change.survey
    kinds = {point.kind: point for point in reversed(survey.points)}
    bare = survey.tests_added == 0 and survey.lines_added >= 10
    rewrite, uncovered = kinds.get(PointKind.REWRITE), kinds.get(PointKind.UNCOVERED)
    if rewrite is not None and (bare or uncovered is not None):
        why = "no test was added for it" if bare else uncovered.reason if uncovered is not None else ""
        yield Danger(68, "untested-rewrite", f"{rewrite.reason}, and {why}", rewrite.path, rewrite.line)
    elif bare and not _touches_only(survey.writes, "test") and survey.lines_added + survey.lines_removed >= 60:
        size = f"{survey.lines_added} lines added and {survey.lines_removed} removed"
        yield Danger(min(60, 22 + survey.lines_added // 8), "untested", f"{size} without a test for them")
    if survey.tests_removed > survey.tests_added and not any(kind in WEAKENED for kind in kinds):
        gone = survey.tests_removed - survey.tests_added
        yield Danger(min(50, 20 + 6 * gone), "tests-gone", f"{counted(gone, 'test')} fewer than before")


def _of_arrival(change: LandedChange) -> Iterator[Danger]:
    """How it came into the branch."""
    if change.past_queue:
        weight = 40 if not change.is_tested else 22
        told = "and no run of the tests on it is known" if not change.is_tested else "and passed the tests there"
        yield Danger(weight, "past-queue", f"it came past the queue, {told}")
    elif change.landing is not None and not change.is_tested:
        yield Danger(34, "untested-tree", "no whole run of the tests is known of the tree that landed")


def _of_outcome(change: LandedChange) -> Iterator[Danger]:
    for each in change.standing.wrong:
        if each.how is not WrongHow.REVERT:
            yield Danger(70, "found-wrong", f"it is known to be wrong: {short(each.what, 100)}")


def _touches_only(writes: Iterable[str], word: str) -> bool:
    them = tuple(writes)
    return bool(them) and all(word in each.partition(":")[0].lower() for each in them)


def describe_resource(name: str) -> str:
    """``table content``, from ``table:content``."""
    kind, _, rest = name.partition(":")
    return f"{ResourceKind(kind).value} {rest}" if kind in set(ResourceKind) else name
