"""The target branch itself: whether it holds where nobody ran it before it moved, and what broke it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from watchkeeper.landing.broken import can_be_isolated
from watchkeeper.landing.evidence import Evidence, Standing
from watchkeeper.landing.plan import Ask
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Landed
from watchkeeper.model.landing import (
    CAN_RUN,
    Candidate,
    DiagnosisId,
    EntryId,
    Halt,
    LandingEvent,
    LanesHalted,
    LanesResumed,
    Purpose,
    QueueHalted,
    SegmentQuarantined,
)

MOST_UNTESTED = 8
"""So many landings in lanes may follow each other before their sum is run, whoever waits for a slot."""


def judge_head(queue: Queue) -> tuple[LandingEvent, ...]:
    """Who pushed past the queue, or what lanes did together, may have broken the branch."""
    tip, red = queue.evidence_of(queue.landings[-1].tree), queue.known_red()
    over = tuple(LanesResumed(each.tests) for each in queue.broken if tip.passes(each.tests))
    head = _newest_asked(queue)
    evidence = queue.evidence_of(head.tree)
    if over or evidence.standing(red) is not Standing.FAILS:
        return over or _search_hidden(queue, evidence, head)
    failing = evidence.failing(red)
    good = _last_good(queue, failing, head)
    if queue.halted is None:  # where it runs nowhere, the machine is at fault
        is_fault = failing == (CAN_RUN,) and good is None and not find_controls(queue, failing)
        return (cannot_run(evidence),) if is_fault else stop_for_red(queue, failing, head)
    if good is None or queue.searched_tip == queue.tip:
        return ()
    entries = _unreverted(queue, _between(queue, good, head))
    return (SegmentQuarantined(DiagnosisId(f"d{queue.seq}"), good.new, entries, failing),) if entries else ()


def _search_hidden(queue: Queue, evidence: Evidence, head: Landed) -> tuple[LandingEvent, ...]:
    """What landed since a set was named may break the same tests, unseen behind it: it is searched without the set."""
    tests = evidence.fails({test: None for each in queue.named.values() for test in each.tests})
    good = _last_good(queue, tests, head)
    if not tests or good is None or queue.halted is not None or queue.diagnoses:
        return ()
    others = queue.free_of(_unreverted(queue, _between(queue, good, head)), queue.named)
    if queue.looked.issuperset(others):
        return ()
    return (SegmentQuarantined(DiagnosisId(f"d{queue.seq}"), good.new, others, tests),)


def stop_for_red(queue: Queue, failing: tuple[str, ...], head: Landed) -> tuple[LandingEvent, ...]:
    """Where lanes broke the branch together, only who has something in common with them stops; else everybody."""
    good = _last_good(queue, failing, head)
    after = _between(queue, good, head) if good is not None else ()
    is_by_lanes = any(each.is_lane for each in after) and all(each.is_ours for each in after)
    entries = _unreverted(queue, after)
    if good is None or not is_by_lanes or not can_be_isolated(failing):
        return (_red(queue.evidence_of(head.tree), failing),)
    search = SegmentQuarantined(DiagnosisId(f"d{queue.seq}"), good.new, entries, failing)
    return LanesHalted(failing, entries), search


def cannot_run(below: Evidence) -> QueueHalted:
    """Nothing lands, since the tests run nowhere; with the reason, where one is known."""
    why = below.details.get(CAN_RUN, "")
    return QueueHalted(Halt.CANNOT_RUN, f"the tests cannot be run, on the target branch neither{_because(why)}")


def find_heads(queue: Queue) -> list[Ask]:
    """A branch that was moved without a run is run; where it fails, what it was before is asked the same."""
    last, head, red = queue.landings[-1], _newest_asked(queue), queue.known_red()
    evidence = queue.evidence_of(head.tree)
    standing, failing = evidence.standing(red), evidence.failing(red)
    if queue.halted is not None:
        return find_controls(queue, failing) if standing is Standing.FAILS else []
    if not (last.is_lane or (last.old is not None and not last.is_ours)):
        return []
    if standing is Standing.SUSPECT:
        tests = () if CAN_RUN in failing else failing
        return [Ask(Candidate(head.new), head.tree, tests, Purpose.AGAIN if tests else Purpose.HEAD)]
    if standing is Standing.FAILS or queue.evidence_of(last.tree).standing(red) is not Standing.UNKNOWN:
        return []
    going_on = {run.began.tree for run in queue.runs.values() if run.began.purpose is Purpose.HEAD}
    started = next((each for each in _untested(queue) if each.tree in going_on), last)  # it is run to its end
    return [Ask(Candidate(started.new), started.tree, (), Purpose.HEAD)]


def is_overdue(queue: Queue) -> bool:
    """The branch has to be run before anything else: it was moved past us, or by lanes very often."""
    return not queue.landings[-1].is_lane or len(_untested(queue)) >= MOST_UNTESTED


def find_controls(queue: Queue, failing: Sequence[str]) -> list[Ask]:
    """Of a red branch: the newest commit below the tip of which nobody knows whether it fails the same."""
    if queue.searched_tip == queue.tip or _last_good(queue, failing, queue.landings[-1]) is not None:
        return []
    for landed in reversed(queue.landings[:-1]):
        if not queue.evidence_of(landed.tree).fails(failing, 2):
            tests = () if CAN_RUN in failing else tuple(failing)
            return [Ask(Candidate(landed.new), landed.tree, tests, Purpose.CONTROL if tests else Purpose.HEAD)]
    return []


def _red(below: Evidence, failing: Sequence[str]) -> QueueHalted:
    more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
    why = below.details.get(failing[0], "")
    return QueueHalted(Halt.RED, f"the target branch itself fails {failing[0]}{more}{_because(why)}")


def _because(why: str) -> str:
    return f": {why.splitlines()[0]}" if why.strip() else ""


def _untested(queue: Queue) -> list[Landed]:
    """The newest landings of lanes whose sums nobody ran, the newest first."""
    return list(
        takewhile(
            lambda each: each.is_lane and queue.evidence_of(each.tree).standing() is Standing.UNKNOWN,
            reversed(queue.landings),
        )
    )


def _newest_asked(queue: Queue) -> Landed:
    """The tip, or where lanes moved it on without a run, what it was when it was run last.

    Lanes may land faster than their sum can be run: of each sum that is run something follows all the same.
    """
    behind = len(_untested(queue))
    return queue.landings[-1 - behind] if 0 < behind < len(queue.landings) else queue.landings[-1]


def _last_good(queue: Queue, failing: Sequence[str], head: Landed) -> Landed | None:
    """The newest commit of the branch below ``head`` on which all that fails now passed."""
    below = queue.landings[: queue.landings.index(head)]
    return next((each for each in reversed(below) if queue.evidence_of(each.tree).passes(failing)), None)


def _unreverted(queue: Queue, landings: Sequence[Landed]) -> tuple[EntryId, ...]:
    """What these landings brought and did not take out again: of a culprit and its revert nothing is left to search."""
    entries = [entry for each in landings for entry in each.entries if entry in queue.entries]
    pairs = {entry: culprit for entry in entries if (culprit := queue.reverted_by(entry)) in entries}
    return tuple(entry for entry in entries if entry not in pairs and entry not in pairs.values())


def _between(queue: Queue, good: Landed, head: Landed) -> Sequence[Landed]:
    return queue.landings[queue.landings.index(good) + 1 : queue.landings.index(head) + 1]
