"""What to do next, from one snapshot of the queue: a pure function, asked again after every event.

The algorithm is cut-point speculation with a diagnostic quarantine; docs/decisions/008-landing.md tells the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from watchkeeper.landing.diagnosing import Step, next_step
from watchkeeper.landing.evidence import Standing
from watchkeeper.landing.exposed import find_holds, find_unwatched
from watchkeeper.landing.head import cannot_run, find_heads, is_overdue, judge_head, stop_for_red
from watchkeeper.landing.lanes import Lane, find_lanes
from watchkeeper.landing.line import Cut, again, find_cuts, find_landing, in_order, judge, next_cuts
from watchkeeper.landing.plan import Ask, Build, Plan, Stop
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Waiter
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import (
    CAN_RUN,
    Bounce,
    Candidate,
    DiagnosisId,
    EntryBounced,
    Halt,
    LandingEvent,
    Purpose,
    SegmentQuarantined,
)

_MOST_TRIES = 3
"""So often tests may turn out not to be runnable before nothing is tried any more."""


def plan(queue: Queue, policy: Policy) -> Plan:
    """Decisions to record, or else a landing, runs to stop, trees to build and runs to start: never more than slots."""
    if queue.tip is None or queue.intended is not None:
        return Plan()
    line = _line(queue)
    lanes = _lanes(queue, policy, line)
    steps = _search(queue, policy)
    decisions = _decide(queue, line, lanes) or tuple(each for step in steps for each in step.decisions)
    if decisions:
        return Plan(decisions)
    for lane in lanes if not _is_stopped(queue) else ():
        if holds := find_holds(queue, lane.cuts, policy):
            return Plan(holds)
        if _unwatched(queue, lane, policy):
            continue
        landing = find_landing(queue, lane.cuts)
        if isinstance(landing, Build):
            return Plan(builds=(landing,))
        if landing is not None:
            return Plan(land=landing)
    return _ask(queue, policy, lanes, steps)


def _lanes(queue: Queue, policy: Policy, line: Sequence[Waiter]) -> list[Lane]:
    """The whole line is one, unless lanes are wanted."""
    cuts = find_cuts(queue, lanes=policy.lanes)
    if policy.lanes and line:
        return find_lanes(line, cuts, policy.slots)
    return [Lane(list(line), in_order(cuts, line))]


def _line(queue: Queue) -> list[Waiter]:
    """Who may be tested now: where the branch is red only what goes before all others, the repair."""
    if queue.halted is None:
        return _apart(queue) if queue.broken else queue.waiting()
    return [each for each in queue.waiting() if each.priority > 0] if queue.halted.why is Halt.RED else []


def _apart(queue: Queue) -> list[Waiter]:
    """Who has nothing in common with lanes whose sum fails; a repair of these goes before all others."""
    able = [each for each in queue.waiting() if queue.waits_for_repair(each) is None]
    repairs = [each for each in able if any(not one.is_apart(each.entry.reach) for one in queue.broken)]
    return repairs or able


def _is_stopped(queue: Queue) -> bool:
    return queue.halted is not None and queue.halted.why is not Halt.RED


def _decide(queue: Queue, line: Sequence[Waiter], lanes: Sequence[Lane]) -> tuple[LandingEvent, ...]:
    """What follows from what is known already."""
    judged = _bounce_unmergeable(queue, line) or judge_head(queue)
    return judged or next(filter(None, (_judge_cuts(queue, lane.cuts) for lane in lanes)), ())


def _bounce_unmergeable(queue: Queue, line: Sequence[Waiter]) -> tuple[LandingEvent, ...]:
    tip = queue.tip
    assert tip is not None
    below = queue.tree_of(Candidate(tip))
    same = queue.candidates_of(below) if below is not None else ()
    if not queue.clashes and not same:
        return ()
    found: list[LandingEvent] = []
    for waiter in line:
        alone = Candidate(tip, (waiter.entry.id,))
        clash = queue.clashes.get(alone)
        if clash is not None:
            reason = clash.reason or f"git cannot merge {', '.join(clash.paths[:3])}"
            found.append(EntryBounced(waiter.entry.id, Bounce.CLASH, reason, evidence=clash.paths))
        elif below is not None and queue.trees.get(alone) == below:
            found.append(
                EntryBounced(waiter.entry.id, Bounce.EMPTY, "merged into the target branch, it changes nothing there")
            )
    return tuple(found)


def _judge_cuts(queue: Queue, cuts: Sequence[Cut]) -> tuple[LandingEvent, ...]:
    """The first failing cut is quarantined once nothing before it can change that."""
    first = next((cut for cut in cuts if cut.is_open or cut.standing is Standing.FAILS), None)
    if any(cut.standing is Standing.PASSES for cut in cuts) or first is None or queue.tip is None:
        return ()
    evidence = queue.evidence_of(first.tree)
    if evidence.count(CAN_RUN)[1] >= _MOST_TRIES and not evidence.count(CAN_RUN)[0]:
        below = queue.evidence_of(_tree_below(queue))
        if not below.passes((CAN_RUN,)) and below.fails((CAN_RUN,), 1):
            return (cannot_run(below),)
    if first.is_open:
        return ()
    below = queue.evidence_of(_tree_below(queue))
    judged = judge(evidence.failing(first.red), below)
    if judged.unknown:
        return ()
    if judged.own:
        identity = DiagnosisId(f"d{queue.seq}")
        return (SegmentQuarantined(identity, queue.tip, first.rest, judged.own),)
    if queue.halted is not None:
        return ()
    if judged.older == (CAN_RUN,):
        return (cannot_run(below),)
    known = {test for each in queue.broken for test in each.tests}
    older = tuple(test for test in judged.older if test not in known)
    return stop_for_red(queue, older, queue.landings[-1]) if older else ()


def _ask(queue: Queue, policy: Policy, lanes: Sequence[Lane], steps: Sequence[Step]) -> Plan:
    """Fill the slots: what is suspected, searches for which others wait, the line, then who their partners are."""
    urgent = [ask for step in steps if step.is_urgent for ask in step.asks]
    later = [ask for step in steps if not step.is_urgent for ask in step.asks]
    builds = tuple(build for step in steps for build in step.builds)
    suspects = [ask for lane in lanes for ask in _suspects(queue, lane.cuts)]
    suspects += [ask for lane in lanes for ask in _unwatched(queue, lane, policy)]
    heads = find_heads(queue)
    wanted = [*suspects, *heads, *urgent] if is_overdue(queue) else [*suspects, *urgent]
    stops = _stops(queue, [cut for lane in lanes for cut in lane.cuts], [*wanted, *heads])
    running = {(run.began.tree, run.began.tests) for run in queue.runs.values()}
    free = policy.slots - (len(queue.runs) - len(stops))
    asks: list[Ask] = []
    if queue.searched_since_full == 0:  # each run of the line is followed by one for a partner
        wanted += later[:1]
        later = later[1:]
    _fill(asks, wanted, running, free)
    for number, lane in enumerate(lanes if policy.quarantines or not queue.diagnoses else ()):
        share = math.ceil((free - len(asks)) / (len(lanes) - number))  # what one lane does not need is the next one's
        if share > 0 and not any(cut.standing is Standing.SUSPECT for cut in lane.cuts):
            more = next_cuts(queue, lane.line, lane.cuts[-1].rest if lane.cuts else (), policy, share)
            builds = (*builds, *more.builds)
            _fill(asks, more.asks, running, free)
    _fill(asks, [*heads, *later], running, free)
    return Plan(stops=stops, builds=tuple(dict.fromkeys(builds)), asks=tuple(asks))


def _fill(asks: list[Ask], wanted: Sequence[Ask], running: set[tuple[Sha, tuple[str, ...]]], free: int) -> None:
    for ask in wanted:
        if len(asks) >= free:
            return
        if (ask.tree, ask.tests) not in running and all((ask.tree, ask.tests) != (one.tree, one.tests) for one in asks):
            asks.append(ask)


def _suspects(queue: Queue, cuts: Sequence[Cut]) -> list[Ask]:
    """What failed once is asked again, what failed twice is asked of the commit below."""
    wanted: list[Ask] = []
    tip = queue.tip
    assert tip is not None
    for cut in cuts:
        if cut.standing is Standing.SUSPECT:
            wanted.append(again(cut, queue.evidence_of(cut.tree)))
        elif cut.standing is Standing.FAILS:
            below = _tree_below(queue)
            unknown = judge(queue.evidence_of(cut.tree).failing(cut.red), queue.evidence_of(below)).unknown
            if unknown:
                tests = () if CAN_RUN in unknown else unknown
                wanted.append(Ask(Candidate(tip), below, tests, Purpose.CONTROL if tests else Purpose.HEAD))
            break
    return wanted


def _unwatched(queue: Queue, lane: Lane, policy: Policy) -> list[Ask]:
    """What passed while nobody looked which lines tests execute, and may have to wait for a person by that."""
    cut = next((each for each in reversed(lane.cuts) if each.standing is Standing.PASSES), None)
    if cut is None or not find_unwatched(queue, cut, policy):
        return []
    return [Ask(cut.candidate, cut.tree, (), Purpose.LAND)]


def _search(queue: Queue, policy: Policy) -> list[Step]:
    """All searches, one step further each; one that waits for answers asks no more before it has them.

    Wide searches are quick and cost more questions: for partners, which nobody waits for, only in idle slots.
    """
    urgent = max(1, math.ceil(policy.slots / 2))
    later = max(1, (policy.slots - len(queue.runs)) // max(1, len(queue.diagnoses)))
    busy = {run.began.diagnosis for run in queue.runs.values()}
    return [
        next_step(queue, each, policy, urgent if each.culprit is None else later)
        for each in queue.diagnoses.values()
        if each.id not in busy
    ]


def _stops(queue: Queue, cuts: Sequence[Cut], wanted: Sequence[Ask]) -> tuple[Stop, ...]:
    """Runs of what is no beginning of the line any more, and of searches that are over."""
    kept = {cut.run for cut in cuts if cut.run is not None}
    needed = {(ask.tree, ask.tests) for ask in wanted}
    found = []
    for key, run in queue.runs.items():
        is_searched = run.began.diagnosis in queue.diagnoses
        if key not in kept and not is_searched and (run.began.tree, run.began.tests) not in needed:
            found.append(Stop(key, "nobody needs it any more"))
    return tuple(found)


def _tree_below(queue: Queue) -> Sha:
    return queue.landings[-1].tree
