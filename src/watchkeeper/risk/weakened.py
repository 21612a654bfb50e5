"""Two versions of the tests of a change -> where they say less than they did."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.risk.claims import Claim, Strength, TestCase, TestFile
from watchkeeper.risk.facts import Place, Weakened
from watchkeeper.risk.matching import match_tests, stands_in
from watchkeeper.risk.points import PointKind


class TestVersions(msgspec.Struct, frozen=True):
    """One test file of the change: what it said, and what it says; None on the side where it does not exist."""

    __test__ = False

    base_path: str
    now_path: str
    base: TestFile | None
    now: TestFile | None


class Surroundings(msgspec.Struct, frozen=True):
    """What the change does to the rest: ``renamed`` old to new name, ``deleted`` and ``altered`` names."""

    renamed: dict[str, str] = {}
    deleted: frozenset[str] = frozenset()
    altered: frozenset[str] = frozenset()


def find_weakened(files: Sequence[TestVersions], around: Surroundings) -> tuple[Weakened, ...]:
    """Everything that the tests of a change no longer say. Stronger assertions, new and renamed tests are nothing."""
    base = [case for file in files if file.base is not None for case in file.base.cases]
    now = [case for file in files if file.now is not None for case in file.now.cases]
    matched = match_tests(base, now, {file.base_path: file.now_path for file in files})
    found = list(_deleted([case for case in matched.gone if case.is_test], around))
    elsewhere = Counter(_said(claim, around) for case in now for claim in case.claims)
    elsewhere.subtract(_said(claim, around) for case in base for claim in case.claims)
    for before, after in matched.pairs:
        found += _compared(before, after, around, +elsewhere)
    for file in files:
        if file.base is not None and file.now is not None:
            found += _new_skips(file.base.skips, file.now.skips, f"all tests of {file.now_path}", file.now_path)
    return tuple(_once(found))


def _once(found: Iterable[Weakened]) -> Iterator[Weakened]:
    """A mark on a class holds for each of its tests, and is told once."""
    seen: set[tuple[PointKind, Place]] = set()
    for each in found:
        place = (each.kind, each.place)
        if each.kind is not PointKind.TEST_SKIPPED or place not in seen:
            seen.add(place)
            yield each


def _deleted(gone: Sequence[TestCase], around: Surroundings) -> Iterator[Weakened]:
    by_file: dict[tuple[str, bool], list[TestCase]] = {}
    for case in gone:
        is_mild = bool(case.names & around.deleted) or not case.claims
        by_file.setdefault((case.path, is_mild), []).append(case)
    for (path, is_mild), cases in by_file.items():
        names = ", ".join(case.name for case in cases[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
        why = ""
        if is_mild:
            gone_too = sorted(set().union(*(case.names for case in cases)) & around.deleted)
            why = f"; what it uses is gone too: {', '.join(gone_too[:2])}" if gone_too else "; it asserted nothing"
        verb = "is" if len(cases) == 1 else "are"
        what = f"{names} of {path} {verb} deleted{why}"
        yield Weakened(PointKind.TEST_DELETED, Place(path, cases[0].line), what, len(cases), is_mild)


def _compared(
    before: TestCase, after: TestCase, around: Surroundings, elsewhere: Counter[tuple[str, str, str]]
) -> Iterator[Weakened]:
    where = after.name
    yield from _claims_compared(before, after, around, elsewhere)
    yield from _new_skips(before.skips, after.skips, where, after.path)
    if len(after.swallows) > len(before.swallows):
        place = Place(after.path, after.swallows[-1])
        yield Weakened(PointKind.EXCEPTION_SWALLOWED, place, f"{where} lets every error pass, failed assertions too")
    yield from _new_mocks(before, after, around)
    yield from _wider(before, after)
    lost = len(before.cases) - len(after.cases)
    if lost > 0:
        what = f"{where} is run with {lost} cases fewer than it was"
        yield Weakened(PointKind.ASSERTION_REMOVED, Place(after.path, after.line), what, lost)
    elif before.cases and Counter(before.cases) - Counter(after.cases):
        yield from _changed_rows(before, after)


def _changed_rows(before: TestCase, after: TestCase) -> Iterator[Weakened]:
    old = list((Counter(before.cases) - Counter(after.cases)).elements())
    if len(after.cases) - len(before.cases) >= len(old):
        return
    what = f"{after.name} expects something else in {len(old)} of its cases, first in {_short(old[0])}"
    yield Weakened(PointKind.EXPECTATION_CHANGED, Place(after.path, after.line), what, len(old))


def _new_skips(
    before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]], where: str, path: str
) -> Iterator[Weakened]:
    known = Counter(name for name, _ in before)
    if sum(known.values()) >= len(after):
        return
    for name, line in after:
        known[name] -= 1
        if known[name] < 0:
            is_mild = name.lower() in ("skipif", "skipunless", "importorskip")
            what = f"{where} is now marked {name}: it is green and may say nothing"
            yield Weakened(PointKind.TEST_SKIPPED, Place(path, line), what, is_mild=is_mild)


def _new_mocks(before: TestCase, after: TestCase, around: Surroundings) -> Iterator[Weakened]:
    known = {name for name, _ in before.mocks}
    for name, line in after.mocks:
        if name not in known and name in around.altered and (name in before.names or name in _words(before.name)):
            what = f"{after.name} now replaces {name}, which this change alters and it was there to test"
            yield Weakened(PointKind.SUBJECT_MOCKED, Place(after.path, line), what)


def _words(name: str) -> set[str]:
    parts = name.split("_")
    return {"_".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)}


def _wider(before: TestCase, after: TestCase) -> Iterator[Weakened]:
    old: dict[str, list[float]] = {}
    for name, value, _ in before.tolerances:
        old.setdefault(name, []).append(value)
    for name, value, line in after.tolerances:
        known = old.get(name)
        if known and (first := known.pop(0)) < value:
            what = f"{after.name} allows more than it did: {name} was {abs(first):g} and is {abs(value):g}"
            yield Weakened(PointKind.TOLERANCE_WIDENED, Place(after.path, line), what)


# -- assertions ----------------------------------------------------------------------------------------------------


def _claims_compared(
    before: TestCase, after: TestCase, around: Surroundings, elsewhere: Counter[tuple[str, str, str]]
) -> Iterator[Weakened]:
    old, new = _without_equal(before.claims, after.claims, around)
    if len(after.cases) > len(before.cases):  # what was said several times is a table of cases now
        said = {_said(claim, around) for claim in after.claims}
        old = [claim for claim in old if _said(claim, around) not in said and not _is_in_a_row(claim, after.cases)]
    for pairing in (_same_subject, _same_masked, _same_head):
        old, new, pairs = _pair(old, new, around, pairing)
        for was, now in pairs:
            yield from _judge(was, now, after)
    yield from _rest(old, new, after, around, elsewhere)


def _is_in_a_row(claim: Claim, rows: Sequence[str]) -> bool:
    return bool(claim.expected) and stands_in(claim.expected, rows)


def _without_equal(
    before: Sequence[Claim], after: Sequence[Claim], around: Surroundings
) -> tuple[list[Claim], list[Claim]]:
    left = Counter(_said(claim, around) for claim in after)
    old = []
    for claim in before:
        said = _said(claim, around)
        if left[said] > 0:
            left[said] -= 1
        else:
            old.append(claim)
    new = []
    for claim in reversed(after):
        said = _said(claim, around)
        if left[said] > 0:
            left[said] -= 1
            new.append(claim)
    return old, new[::-1]


def _said(claim: Claim, around: Surroundings) -> tuple[str, str, str]:
    return _follow(claim.masked, around), claim.sense, _follow(claim.expected, around)


def _follow(text: str, around: Surroundings) -> str:
    for old, new in around.renamed.items():
        if old in text:
            text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    return text


def _same_subject(was: Claim, now: Claim, around: Surroundings) -> bool:
    return _follow(was.subject, around) == now.subject


def _same_masked(was: Claim, now: Claim, around: Surroundings) -> bool:
    return _follow(was.masked, around) == now.masked


def _same_head(was: Claim, now: Claim, around: Surroundings) -> bool:
    """The same function, called otherwise, gives what it gave: the test follows a new signature."""
    same_rest = (was.sense, was.expected) == (now.sense, now.expected)
    return same_rest and (_follow(was.head, around) == now.head or was.expected != "")


def _pair(
    old: list[Claim], new: list[Claim], around: Surroundings, is_pair: object
) -> tuple[list[Claim], list[Claim], list[tuple[Claim, Claim]]]:
    assert callable(is_pair)
    left, pairs, alone = list(new), [], []
    for was in old:
        fitting = [now for now in left if is_pair(was, now, around)]
        if not fitting:
            alone.append(was)
            continue
        now = max(fitting, key=lambda each: (each.sense == was.sense, each.strength))
        left.remove(now)
        pairs.append((was, now))
    return alone, left, pairs


def _judge(was: Claim, now: Claim, after: TestCase) -> Iterator[Weakened]:
    place = Place(after.path, now.line)
    is_opposite = _OPPOSITE.get(was.sense) == now.sense or _is_of_errors(was) != _is_of_errors(now)
    if now.strength < was.strength and not is_opposite:
        what = f"{after.name} asserts less: {_short(was.text)} is now {_short(now.text)}"
        yield Weakened(PointKind.ASSERTION_WEAKER, place, what)
    elif is_opposite or (now.strength == was.strength and _meant(was) != _meant(now)):
        what = f"{after.name} expects something else: {_short(was.text)} is now {_short(now.text)}"
        yield Weakened(PointKind.EXPECTATION_CHANGED, place, what)


def _is_of_errors(claim: Claim) -> bool:
    """Whether it expects an error; how much that excludes is not to be compared with what a value does."""
    return bool(re.match(r"raises|warns|deprecated_call|assertRaises|assertWarns|toThrow|not toThrow", claim.sense))


def _meant(claim: Claim) -> tuple[str, str]:
    """What it expects, without how nearly: that is looked at by itself."""
    return claim.sense, _TOLERANCE.sub("", claim.expected)


_TOLERANCE = re.compile(r",\s*(rel|abs|delta|places|rtol|atol|rel_tol|abs_tol)\s*=\s*[-+\w.]+")
_OPPOSITE = {
    "==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in", "not in": "in", "true": "false",
    "false": "true",
}  # fmt: skip


def _rest(
    old: Sequence[Claim],
    new: Sequence[Claim],
    after: TestCase,
    around: Surroundings,
    elsewhere: Mapping[tuple[str, str, str], int],
) -> Iterator[Weakened]:
    """Assertions that have no counterpart: as many new ones stand for them, the others are removed."""
    old = [claim for claim in old if elsewhere.get(_said(claim, around), 0) <= 0]
    strong = [claim for claim in new if claim.strength > Strength.NOTHING]
    lost = len(old) - len(strong)
    if lost > 0:
        gone = old[len(strong) :] if strong else old
        first = gone[0]
        more = f" and {lost - 1} more" if lost > 1 else ""
        what = f"{after.name} no longer asserts {_short(first.text)}{more}"
        is_mild = _uses(first, around.deleted)
        yield Weakened(PointKind.ASSERTION_REMOVED, Place(after.path, after.line), what, lost, is_mild)
    if old and strong:
        what = f"{after.name} asserts other things: {_short(old[0].text)} made place for {_short(strong[0].text)}"
        yield Weakened(
            PointKind.EXPECTATION_CHANGED, Place(after.path, strong[0].line), what, min(len(old), len(strong)), True
        )


def _uses(claim: Claim, names: AbstractSet[str]) -> bool:
    return bool(names & set(re.findall(r"\w+", f"{claim.subject} {claim.expected}")))


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:87] + "..."
