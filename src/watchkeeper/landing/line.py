"""The line: which cumulative prefixes of it are tested, which land, which fail. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from watchkeeper.landing.evidence import Evidence, Standing
from watchkeeper.landing.plan import Ask, Build, Land
from watchkeeper.landing.policy import SETTINGS, Policy, batch_size, is_starving, is_worth_it
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Waiter
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import CAN_RUN, Candidate, EntryId, MonotonicityBroken, Purpose, RunId


class Cut(NamedTuple):
    """A candidate that is still a beginning of the line: ``rest`` is what of it is not in the target branch yet."""

    candidate: Candidate
    rest: tuple[EntryId, ...]
    tree: Sha
    standing: Standing
    run: RunId | None = None
    """The run of everything that goes on."""
    is_beside: bool = False
    """Others landed since, in other lanes: its tree is not the one that would land."""
    red: frozenset[str] = frozenset()
    """Tests that fail because of lanes with which it has nothing in common: no fault of it."""

    @property
    def is_open(self) -> bool:
        """Its answer is still to come."""
        return self.run is not None or self.standing is Standing.SUSPECT


def find_cuts(queue: Queue, *, lanes: bool = False) -> list[Cut]:
    """All that was asked or is being asked, the shortest first; with ``lanes`` also what others landed beside."""
    running = {run.began.tree: key for key, run in queue.runs.items() if run.began.purpose is Purpose.LAND}
    asked = [tree for tree, each in queue.evidence.items() if each.standing() is not Standing.UNKNOWN]
    found = []
    for tree in dict.fromkeys((*asked, *running)):
        for candidate in queue.candidates_of(tree):
            rest = queue.rest_of(candidate)
            beside = _mergeable(queue, queue.rest_beside(candidate)) if rest is None and lanes else None
            if rest or beside:
                entries, red = rest or beside or (), queue.known_red(rest or beside or ())
                standing = queue.evidence_of(tree).standing(red)
                found.append(Cut(candidate, entries, tree, standing, running.get(tree), is_beside=not rest, red=red))
                break
    return sorted(found, key=lambda cut: len(cut.rest))


def _mergeable(queue: Queue, rest: tuple[EntryId, ...] | None) -> tuple[EntryId, ...] | None:
    """The entries, unless git cannot put them on the branch as it is now."""
    tip = queue.tip
    if (
        rest is None
        or tip is None
        or any(Candidate(tip, rest[:end]) in queue.clashes for end in range(1, len(rest) + 1))
    ):
        return None
    return rest


def in_order(cuts: Sequence[Cut], line: Sequence[Waiter]) -> list[Cut]:
    """Those that still begin the line: prefixes of each other, with nobody left out who has to go before.

    What is run longest stays; what contradicts it goes.
    """
    priority = {each.entry.id: each.priority for each in line}
    highest = max(priority.values(), default=0)
    kept: list[Cut] = []
    for cut in cuts:
        before = kept[-1].rest if kept else ()
        if cut.rest[: len(before)] != before or any(each not in priority for each in cut.rest[len(before) :]):
            continue
        lowest = min(priority[each] for each in cut.rest)
        if lowest == highest or lowest >= _highest_outside(cut, priority):
            kept.append(cut)
    return kept


def _highest_outside(cut: Cut, priority: Mapping[EntryId, int]) -> int:
    inside = set(cut.rest)
    return max((rank for each, rank in priority.items() if each not in inside), default=min(priority.values()))


def find_landing(queue: Queue, cuts: Sequence[Cut]) -> Land | Build | None:
    """The longest that passes. It may land although a shorter one fails: its tree was tested. That is recorded.

    What passed beside others is put on top of them first, by git.
    """
    best = next((cut for cut in reversed(cuts) if cut.standing is Standing.PASSES), None)
    if best is None or queue.tip is None:
        return None
    if best.is_beside:
        candidate = Candidate(queue.tip, best.rest)
        tree = queue.tree_of(candidate)
        if tree is None:
            return Build(candidate) if candidate not in queue.clashes else None
        was_run = queue.evidence_of(tree).standing(best.red) is Standing.PASSES
        return Land(queue.tip, best.rest, tree, is_lane=not was_run, red=tuple(sorted(best.red)))
    notes = tuple(
        MonotonicityBroken(cut.candidate, best.candidate, queue.evidence_of(cut.tree).failing(cut.red))
        for cut in cuts
        if cut.standing is Standing.FAILS and best.rest[: len(cut.rest)] == cut.rest
    )
    red = queue.evidence_of(best.tree).failing() if best.red else ()
    return Land(queue.tip, best.rest, best.tree, notes=notes, red=red)


class Judged(NamedTuple):
    """A failing tree held against the commit below: what is its own, what failed before, what has to be asked."""

    own: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def judge(failing: Sequence[str], below: Evidence) -> Judged:
    """Tests that pass below are the tree's own; what failed twice below is no fault of it."""
    own = tuple(test for test in failing if below.passes((test,)))
    older = below.fails(failing, 2)
    unknown = tuple(test for test in failing if test not in own and test not in older)
    return Judged(own, older, unknown)


def again(cut: Cut, evidence: Evidence) -> Ask:
    """What failed on a suspect, asked once more; everything, where nothing could be run."""
    told = [answer for answer in evidence.answers if not answer.tests and CAN_RUN not in answer.failing]
    if not told:
        return Ask(cut.candidate, cut.tree, (), Purpose.LAND)
    return Ask(cut.candidate, cut.tree, evidence.failing(cut.red), Purpose.AGAIN)


class Next(NamedTuple):
    """The cuts to test next: what git has to merge for them, and what is to be asked."""

    builds: tuple[Build, ...] = ()
    asks: tuple[Ask, ...] = ()


def next_cuts(queue: Queue, line: Sequence[Waiter], spine: tuple[EntryId, ...], policy: Policy, free: int) -> Next:
    """Prefixes behind ``spine``, the longest that is being tested, for ``free`` slots."""
    tip = queue.tip
    assert tip is not None
    taken = set(spine)
    left = [each for each in line if each.entry.id not in taken]
    left.sort(key=lambda each: not is_starving(each.passed_over))
    asks: list[Ask] = []
    if any(_changes_settings(queue, entry) for entry in spine):
        return Next()
    while free > 0 and left and is_worth_it(len(spine), queue.rate):
        size = min(batch_size(queue.rate, policy), math.ceil(len(left) / free))
        if _changes_settings(queue, left[0].entry.id):
            size = 1
        else:
            left = list(takewhile(lambda each: not _changes_settings(queue, each.entry.id), left))
        picked, builds = _pick(queue, Candidate(tip, spine), left, size)
        if builds:
            return Next(tuple(builds), tuple(asks))
        if not picked:
            break
        spine = (*spine, *picked)
        taken = set(picked)
        left = [each for each in left if each.entry.id not in taken]
        candidate = Candidate(tip, spine)
        tree = queue.tree_of(candidate)
        assert tree is not None
        if queue.evidence_of(tree).standing() is not Standing.UNKNOWN:
            break  # it was asked before, under another name: it is judged as a cut first
        asks.append(Ask(candidate, tree, (), Purpose.LAND))
        free -= 1
        if any(_changes_settings(queue, entry) for entry in picked):
            break
    return Next((), tuple(asks))


def _changes_settings(queue: Queue, entry: EntryId) -> bool:
    """What comes behind it has to pass what it asks for: it lands by itself, before anything behind it is run."""
    return entry in queue.entries and SETTINGS in queue.entries[entry].entry.paths


def _pick(
    queue: Queue, onto: Candidate, left: Sequence[Waiter], size: int
) -> tuple[tuple[EntryId, ...], tuple[Build, ...]]:
    """The next ``size`` entries that git can merge behind ``onto``, or what it has to merge first.

    Who clashes with one ahead, or was proved to be wrong with it, waits for it; whether it clashes with the target
    branch too is found out at once.
    """
    picked: list[EntryId] = []
    for waiter in left:
        if len(picked) == size:
            break
        entry = waiter.entry.id
        if not {*onto.entries, *picked}.isdisjoint(waiter.entry.apart):
            continue
        if Candidate(onto.onto, (*onto.entries, *picked, entry)) not in queue.clashes:
            picked.append(entry)
            continue
        alone = Candidate(onto.onto, (entry,))
        if queue.tree_of(alone) is None and alone not in queue.clashes:
            return (), (Build(alone),)
    candidate = Candidate(onto.onto, (*onto.entries, *picked))
    if picked and queue.tree_of(candidate) is None:
        return (), (Build(candidate),)
    return tuple(picked), ()
