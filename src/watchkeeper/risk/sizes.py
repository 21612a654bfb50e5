"""Size, spread and rewriting as points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from watchkeeper.model.footprint import TouchKind
from watchkeeper.risk.facts import FileFacts, RiskFacts, Role
from watchkeeper.risk.points import PointKind, RiskPoint
from watchkeeper.risk.weights import WEIGHTS
from watchkeeper.risk.words import count_of

_SIZES = ((3000, 30), (1500, 24), (700, 18), (350, 13), (150, 8), (60, 4), (20, 2), (1, 1))
_SPREADS = ((60, 12), (25, 9), (12, 6), (6, 3), (4, 2))
_WORTH = {Role.CODE: 4, Role.DATA: 2, Role.TEST: 0, Role.PROSE: 0, Role.GENERATED: 0}
"""Quarters. Lines of tests are none: what makes a test risky is that it says less, which is looked at by itself."""
_LEAST_MODULE = 30
_REWRITTEN = 0.5
_FEW_FUNCTIONS = 4
_PER_FUNCTION = 4
"""Changed lines of each function on the average: a new parameter handed through all of them is no rewriting."""


def size_points(facts: RiskFacts) -> Iterator[RiskPoint]:
    """How much changed, in how many places, and which modules are no longer what they were."""
    telling = [each for each in facts.files if each.changed]
    yield from _size(telling)
    yield from _spread([each for each in telling if each.role in (Role.CODE, Role.DATA)])
    altered = Counter(each.place.path for each in facts.altered if not each.is_gone)
    for each in telling:
        yield from _rewrite(each, altered[each.path])


def _size(files: list[FileFacts]) -> Iterator[RiskPoint]:
    lines = sum(_WORTH[each.role] * each.changed for each in files) // 4
    weight = next((weight for least, weight in _SIZES if lines >= least), 0)
    if weight:
        counts = {role: sum(each.changed for each in files if each.role is role) for role in Role}
        told = count_of(counts[Role.CODE] + counts[Role.DATA], "changed line")
        tests = f" and {counts[Role.TEST]} of tests" if counts[Role.TEST] else ""
        yield RiskPoint(PointKind.SIZE, weight, f"{told}{tests} in {count_of(len(files), 'file')}")


def _spread(files: list[FileFacts]) -> Iterator[RiskPoint]:
    folders = {each.path.rpartition("/")[0] for each in files}
    weight = next((weight for least, weight in _SPREADS if len(files) >= least), 0)
    if weight and len(folders) > 1:
        reason = f"it touches {count_of(len(files), 'file')} in {len(folders)} folders"
        yield RiskPoint(PointKind.SPREAD, weight, reason)


def _rewrite(each: FileFacts, altered: int) -> Iterator[RiskPoint]:
    """By lines, or by functions: what is written anew beside the old lines leaves many of them where they were."""
    least, most, _ = WEIGHTS[PointKind.REWRITE]
    if each.role is not Role.CODE or each.kind is TouchKind.DELETED:
        return
    if each.base_lines >= _LEAST_MODULE and each.share >= _REWRITTEN:
        large = min(1.0, each.base_lines / 400)
        weight = round(least + (most - least) * each.share * large)
        reason = f"{each.share:.0%} of the {each.base_lines} lines of {each.path} are gone or written anew"
        yield RiskPoint(PointKind.REWRITE, weight, reason, each.path)
    elif (
        altered >= _FEW_FUNCTIONS and altered >= _REWRITTEN * each.functions and each.changed >= _PER_FUNCTION * altered
    ):
        reason = f"{altered} of the {each.functions} functions of {each.path} are written anew"
        yield RiskPoint(PointKind.REWRITE, least, reason, each.path)
