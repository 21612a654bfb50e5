"""What a change adds that does not keep to an enforced standard. What was there before is the campaign's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from watchkeeper.code.linediff import hunks
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import ExemptionGranted, Standard, StandardState, Violation
from watchkeeper.model.scouting_state import StandardStanding
from watchkeeper.scouts.standards.checking import Clock, Rules, Run, Spot, key_violations, run_check


class Change(msgspec.Struct, frozen=True):
    """The texts of the files that a change touches, before and after. ``renames`` has the old name of a new path."""

    base: Mapping[str, str]
    new: Mapping[str, str]
    renames: Mapping[str, str] = {}


class Added(msgspec.Struct, frozen=True):
    """A place that a change brings in, the standard that it does not keep to, and what lets it be (None: nothing)."""

    standard: Standard
    violation: Violation
    exemption: ExemptionGranted | None = None


class Unlooked(msgspec.Struct, frozen=True):
    """A file that could not be looked at, and why."""

    standard: Standard
    path: str
    why: str


class Judgement(msgspec.Struct, frozen=True):
    """``refused`` sends the change back, ``exempt`` is let be. ``unlooked`` are files of the change that nobody could
    hold to a standard, and that nobody exempted."""

    refused: tuple[Added, ...]
    exempt: tuple[Added, ...] = ()
    unlooked: tuple[Unlooked, ...] = ()


def judge_change(
    change: Change,
    project: ProjectId,
    standings: Iterable[StandardStanding],
    rules: Rules,
    clock: Clock,
    *,
    now: Millis,
) -> Judgement:
    """Hold a change to all standards that are enforced.

    A place whose code is altered is new. One that moved, within its file, with its file or into another file of the
    change, is not: for equal code counts how often it is there before and after. Where a file could not be looked at
    before, what stands on lines that the change added is new.
    """
    found: list[Added] = []
    unlooked: list[Unlooked] = []
    for standing in sorted(standings, key=lambda each: each.standard.id):
        standard = standing.standard
        if standing.state is not StandardState.ENFORCED or standard.check is None:
            continue
        before = run_check(standard.check, change.base, rules, clock)
        after = run_check(standard.check, change.new, rules, clock)
        unlooked += [
            Unlooked(standard, path, why)
            for path, why in sorted(after.unlooked.items())
            if standing.find_exemption(project, path, now) is None
        ]
        new = _find_new(change, before, after.spots)
        for spot, violation in _keyed(standard, project, after.spots):
            if new[spot]:
                new[spot] -= 1
                found.append(Added(standard, violation, standing.find_exemption(project, spot.path, now)))
    refused = tuple(each for each in found if each.exemption is None)
    return Judgement(refused, tuple(each for each in found if each.exemption is not None), tuple(unlooked))


def _keyed(standard: Standard, project: ProjectId, spots: Sequence[Spot]) -> Iterator[tuple[Spot, Violation]]:
    ordered = sorted(spots, key=lambda each: (each.path, each.line, each.code))
    return zip(ordered, key_violations(standard.id, project, ordered), strict=True)


def _find_new(change: Change, before: Run, after: Sequence[Spot]) -> Counter[Spot]:
    """Of equal code in a file what is more than before, on lines that were added first; without what moved there."""
    had = Counter((each.path, each.code) for each in before.spots)
    groups: dict[tuple[str, str], list[Spot]] = {}
    for each in after:
        groups.setdefault((change.renames.get(each.path, each.path), each.code), []).append(each)
    gone: Counter[str] = Counter()
    for (path, code), count in had.items():
        gone[code] += max(0, count - len(groups.get((path, code), ())))
    touched = {path: _touched(change, path) for path in {each.path for each in after}}
    new: Counter[Spot] = Counter()
    for key, spots in sorted(groups.items()):
        more = len(spots) - had[key]
        if key[0] in before.unlooked:
            more = min(more, sum(each.line in touched[each.path] for each in spots))
        likely = sorted(spots, key=lambda each: (each.line not in touched[each.path], -each.line))
        for each in likely[: max(0, more)]:
            if gone[each.code]:
                gone[each.code] -= 1
            else:
                new[each] += 1
    return new


def _touched(change: Change, path: str) -> frozenset[int]:
    """The numbers of the lines that a change added to a file."""
    base = change.base.get(change.renames.get(path, path), "")
    found = hunks(base.encode("utf-8", "surrogatepass"), change.new[path].encode("utf-8", "surrogatepass"))
    return frozenset(line for each in found for line in range(each.now_start, each.now_start + each.now_count))
