"""The facts of a change -> its risk. Pure: equal facts give equal risks.

Within a kind the heaviest point counts whole, the next a half, the third a quarter; kinds then add up as chances that a
person has to look: ``1 - (1 - a)(1 - b)...``. So a further point never lowers the score, no single kind decides it,
and many small things come to something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.risk.facts import AlteredSymbol, Grade, RiskFacts, SurfaceChange, Touched, Untested, Weakened
from watchkeeper.risk.points import PointKind, Risk, RiskPoint
from watchkeeper.risk.sizes import size_points
from watchkeeper.risk.weights import MOST_OF_A_KIND, WEIGHTS
from watchkeeper.risk.words import count_of, is_asked_for, list_names, render_lines

__all__ = ["PointKind", "Risk", "RiskFacts", "RiskPoint", "assess", "score_of"]

_HUB = 3
"""Callers from which on a symbol's dependents are worth a word."""
_STEPS = ((100, 20), (40, 15), (15, 10), (6, 6), (_HUB, 3))
_SLIGHT = 2
_MOST_POINTS = 60


def assess(facts: RiskFacts) -> Risk:
    """The risk of a change, with every reason. Never raises."""
    points = points_of(facts)
    return Risk(score_of(points), tuple(points[:_MOST_POINTS]), facts.could_not)


def points_of(facts: RiskFacts) -> list[RiskPoint]:
    """All points of a change, the heaviest first."""
    points = [
        *size_points(facts),
        *_dependents(facts),
        *_contracts(facts),
        *(untested_points(facts.untested) if facts.untested is not None else _untried(facts)),
        *(_sensitive(each) for each in facts.touched),
        *(_weakened(each) for each in _joined(facts.weakened)),
        *_surface(facts),
    ]
    return in_order(points)


def in_order(points: Iterable[RiskPoint]) -> list[RiskPoint]:
    """The points that weigh something, each on one line, the heaviest first."""
    told = [_on_one_line(point) for point in points if point.weight > 0]
    return sorted(told, key=lambda point: (-point.weight, point.kind.value, point.path, point.line, point.reason))


def _on_one_line(point: RiskPoint) -> RiskPoint:
    return msgspec.structs.replace(point, reason=" ".join(point.reason.split()))


def score_of(points: Iterable[RiskPoint]) -> int:
    """0 to 100; a further point never lowers it."""
    by_kind: dict[PointKind, list[int]] = {}
    for point in points:
        by_kind.setdefault(point.kind, []).append(max(point.weight, 0))
    return score_of_weights(by_kind)


def score_of_weights(by_kind: Mapping[PointKind, Sequence[int]]) -> int:
    """The same of the weights alone."""
    clear = 1.0
    for _, weights in sorted(by_kind.items()):
        total = sum(weight / 2**place for place, weight in enumerate(sorted(weights, reverse=True)))
        clear *= 1 - min(total, MOST_OF_A_KIND) / 100
    return round(100 * (1 - clear))


# -- what relies on it ---------------------------------------------------------------------------------------------


def _dependents(facts: RiskFacts) -> Iterator[RiskPoint]:
    for each in facts.altered:
        weight = next((weight for least, weight in _STEPS if each.callers >= least), 0)
        if weight:
            tests = f" and {count_of(each.tests, 'test')}" if each.tests else ""
            places = f"{each.callers} places in {count_of(each.files, 'file')}"
            reason = f"{each.name} is {'gone' if each.is_gone else 'altered'}, and {places}{tests} rely on it"
            yield _point(PointKind.DEPENDENTS, weight, reason, each)


def _contracts(facts: RiskFacts) -> Iterator[RiskPoint]:
    removed = {each.name for each in facts.surface if each.kind is PointKind.REMOVED_PUBLIC}
    slight: dict[str, list[str]] = {}
    first: dict[str, AlteredSymbol] = {}
    for each in facts.altered:
        if each.grade is None or (each.is_gone and (each.name in removed or not each.unchanged)):
            continue
        weight = _contract_weight(each)
        if is_asked_for(each.name, facts.intent):
            weight = (weight + 1) // 2
        left = ""
        if each.unchanged and each.grade is not Grade.WIDER:
            are = "place that relies on it is" if len(each.unchanged) == 1 else "places that rely on it are"
            fit = ", and still fit it" if each.fits else ""
            left = f"; {len(each.unchanged)} {are} as before{fit}, first {each.unchanged[0]}"
            left += f", which {each.misfit}" if each.misfit else ""
        detail = each.detail or "its contract changed"
        if weight > _SLIGHT:
            yield _point(PointKind.CONTRACT, weight, f"{each.name}: {detail}{left}", each)
        elif weight:
            slight.setdefault(each.place.path, []).append(f"{each.name}: {detail}{left}")
            first.setdefault(each.place.path, each)
    for path, told in slight.items():
        more = f", and slight changes of {count_of(len(told) - 1, 'more contract')} there" if len(told) > 1 else ""
        yield _point(PointKind.CONTRACT, min(5, 1 + len(told) // 2), told[0] + more, first[path])


def _contract_weight(each: AlteredSymbol) -> int:
    least, most, _ = WEIGHTS[PointKind.CONTRACT]
    is_used = bool(each.unchanged)
    grade = Grade.BEHAVIOUR if each.grade is Grade.BREAKING and each.fits else each.grade
    match grade:
        case Grade.BREAKING:
            return most if is_used and each.is_public else 14 if is_used else 8 if each.is_public else 2
        case Grade.BEHAVIOUR:
            return 8 if is_used else 5 if each.is_public else 0
        case Grade.STRICTER:
            return 3 if is_used else 2 if each.is_public else 0
        case Grade.SHAPE:
            return 4 if is_used else 2 if each.is_public else 0
        case _:
            return least if each.is_public else 0


def _point(kind: PointKind, weight: int, reason: str, each: AlteredSymbol) -> RiskPoint:
    return RiskPoint(kind, weight, reason, each.place.path, each.place.line)


# -- lines, areas, tests, surface ----------------------------------------------------------------------------------


def untested_points(files: Sequence[Untested]) -> Iterator[RiskPoint]:
    """One point for each file of which tests left changed lines out."""
    least, most, _ = WEIGHTS[PointKind.UNCOVERED]
    for each in files:
        share = len(each.lines) / max(each.of, 1)
        weight = round(least + (most - least) * min(1.0, len(each.lines) / 40) * (0.5 + share / 2))
        lines = render_lines(each.lines)
        reason = f"no test executes {len(each.lines)} of {each.of} changed lines of {each.path}: {lines}"
        yield RiskPoint(PointKind.UNCOVERED, weight, reason, each.path, each.lines[0])


def _untried(facts: RiskFacts) -> Iterator[RiskPoint]:
    """Where nobody saw which lines tests execute: what no test could, as far as names tell. Half of what is seen."""
    least, most, _ = WEIGHTS[PointKind.UNCOVERED]
    changed = {each.path: each.changed for each in facts.files}
    by_path: dict[str, list[AlteredSymbol]] = {}
    for each in facts.altered:
        if each.is_untried:
            by_path.setdefault(each.place.path, []).append(each)
    for path, group in by_path.items():
        lines = changed.get(path, 0)
        weight = round(least + (most - least) / 2 * min(1.0, lines / 20))
        reason = f"no test names {list_names([each.name for each in group])} of {path}, nor what calls it"
        yield RiskPoint(PointKind.UNCOVERED, weight, reason, path, group[0].place.line)


def _sensitive(each: Touched) -> RiskPoint:
    least, most, _ = WEIGHTS[each.kind]
    weight = {1: least, 2: (5 * least + most) // 6, 3: (2 * least + most) // 3}.get(each.grade, most)
    reason = f"{each.place.path} {each.what}"
    return RiskPoint(each.kind, weight, reason, each.place.path, each.place.line)


def _joined(found: Sequence[Weakened]) -> Iterator[Weakened]:
    """Tests of one file that expect something else are told together: a new message changes a dozen of them."""
    groups: dict[tuple[str, bool], list[Weakened]] = {}
    for each in found:
        if each.kind is PointKind.EXPECTATION_CHANGED:
            groups.setdefault((each.place.path, each.is_mild), []).append(each)
        else:
            yield each
    for group in groups.values():
        first, more = group[0], sum(each.count for each in group[1:])
        what = (
            first.what if not more else f"{first.what}; and so in {count_of(more, 'more place')} of {first.place.path}"
        )
        yield Weakened(first.kind, first.place, what, first.count + more, first.is_mild)


def _weakened(each: Weakened) -> RiskPoint:
    least, most, _ = WEIGHTS[each.kind]
    weight = least if each.is_mild else min(most, (least + most) // 2 + 2 * (each.count - 1))
    return RiskPoint(each.kind, weight, each.what, each.place.path, each.place.line)


_SAID = {
    PointKind.NEW_DEPENDENCY: "a new dependency: {}",
    PointKind.NEW_TABLE: "a new table: {}",
    PointKind.NEW_ROUTE: "a new route: {}",
    PointKind.NEW_ENVIRONMENT: "a new environment variable: {}",
    PointKind.NEW_PUBLIC: "new and public: {}",
    PointKind.REMOVED_ROUTE: "a route is gone: {}",
    PointKind.REMOVED_OPTION: "an option of the command line is gone: {}",
    PointKind.REMOVED_COMMAND: "a command is gone: {}",
    PointKind.REMOVED_PUBLIC: "public, and gone: {}",
    PointKind.REMOVED_ENVIRONMENT: "an environment variable is read no more: {}",
    PointKind.REMOVED_SETTING: "a setting is gone: {}",
    PointKind.REMOVED_TABLE: "a table is gone: {}",
}


def _surface(facts: RiskFacts) -> Iterator[RiskPoint]:
    """One point for each thing; what is new and public, and settings that go, are told together for a file."""
    together: dict[tuple[PointKind, str], list[SurfaceChange]] = {}
    callers = {each.name: len(each.unchanged) for each in facts.altered if each.is_gone}
    for each in facts.surface:
        if each.kind in (PointKind.NEW_PUBLIC, PointKind.REMOVED_SETTING):
            together.setdefault((each.kind, each.place.path), []).append(each)
            continue
        least, most, _ = WEIGHTS[each.kind]
        weight = most if callers.get(each.name) else (least + most) // 2 if each.is_sure else least
        reason = _SAID[each.kind].format(each.name)
        if not each.is_sure:
            reason += ", unless a base class that cannot be read here offers it"
        if callers.get(each.name):
            reason += f", and {count_of(callers[each.name], 'place')} that the change left as before still rely on it"
        weight = (weight + 1) // 2 if is_asked_for(each.name, facts.intent) else weight
        yield RiskPoint(each.kind, weight, reason, each.place.path, each.place.line)
    for (kind, path), group in together.items():
        least, most, _ = WEIGHTS[kind]
        reason = _SAID[kind].format(list_names([each.name for each in group]))
        weight = min(most, least + len(group) // 2)
        yield RiskPoint(kind, weight, reason, path, group[0].place.line)
