"""Events held by a queue, one after another: what each changes. Total: an event that fits nothing known is passed over.

Entries that were decided, and trees that nothing can ask for again, leave it, so that its size follows what is in work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import assert_never

from watchkeeper.landing.broken import break_together, narrow
from watchkeeper.landing.evidence import Evidence, Standing
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Diagnosis, EntryEvent, Landed, Place, Run, SearchEvent, TargetEvent, Waiter
from watchkeeper.model.exposure import tells_more
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import (
    At,
    Bounce,
    Candidate,
    CandidateBuilt,
    CandidateClashed,
    ConflictSet,
    CulpritFound,
    DiagnosisEnded,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    GateSet,
    Halt,
    LandingDone,
    LandingIntended,
    LandingVoid,
    LanesHalted,
    LanesResumed,
    MonotonicityBroken,
    Purpose,
    QueueHalted,
    QueueResumed,
    RevertFailed,
    RevertPrepared,
    RunBegan,
    RunEnded,
    SegmentQuarantined,
    SetConfirmed,
    TargetMoved,
    Verdict,
)

_RATE_STEP = 0.02
_MOST_RETURNED = 256
_MOST_LANDINGS = 64
"""How far back partners of a culprit are looked for."""


def fold_queue(events: Iterable[At], queue: Queue | None = None) -> Queue:
    """The queue after ``events``. Total."""
    queue = queue or Queue()
    for each in events:
        apply_event(queue, each)
    return queue


def apply_event(queue: Queue, at: At) -> None:
    """Hold one more event. Total: what refers to nothing known is passed over."""
    if at.seq <= queue.seq:
        return
    queue.seq = at.seq
    event = at.event
    if not isinstance(event, CandidateBuilt | CandidateClashed | RunBegan | RunEnded):
        queue.forget_derived()
    match event:
        case EntryQueued() | EntryWithdrawn() | EntryHeld() | EntryReleased() | EntryMoved() | EntryBounced():
            _apply_to_entry(queue, event, at)
        case GateSet():
            _set_gate(queue, event.gate)
        case CandidateBuilt():
            queue.add_tree(event.candidate, event.tree)
        case CandidateClashed():
            queue.clashes[event.candidate] = event
        case RunBegan():
            _begin(queue, event, at)
        case RunEnded():
            _end(queue, event)
        case SegmentQuarantined() | CulpritFound() | SetConfirmed() | DiagnosisEnded() | MonotonicityBroken():
            _apply_to_search(queue, event, at)
        case _:
            _apply_to_target(queue, event, at)


def _apply_to_entry(queue: Queue, event: EntryEvent, at: At) -> None:
    match event:
        case EntryQueued():
            _queue(queue, event, at)
        case EntryWithdrawn():
            _leave(queue, event.id, Place.WITHDRAWN, event.reason)
        case EntryHeld():
            _hold(queue, event)
        case EntryReleased():
            _release(queue, event.id)
        case EntryMoved():
            if event.id in queue.entries:
                queue.entries[event.id].priority = event.priority
        case EntryBounced():
            _bounce(queue, event)
        case _:
            assert_never(event)


def _apply_to_search(queue: Queue, event: SearchEvent, at: At) -> None:
    match event:
        case SegmentQuarantined():
            _quarantine(queue, event, at)
        case CulpritFound():
            _find_culprit(queue, event)
        case SetConfirmed():
            if event.diagnosis in queue.diagnoses:
                queue.diagnoses[event.diagnosis].found = event.set
            _name_broken(queue, event.set)
        case DiagnosisEnded():
            _end_diagnosis(queue, event)
        case MonotonicityBroken():
            pass
        case _:
            assert_never(event)


def _apply_to_target(queue: Queue, event: TargetEvent, at: At) -> None:
    match event:
        case LandingIntended():
            queue.intended = event
        case LandingVoid():
            queue.intended = None
        case LandingDone():
            _land(queue, event)
        case TargetMoved():
            _move(queue, event, at)
        case QueueHalted():
            queue.halted, queue.halted_at, queue.halts = event, at.at, queue.halts + 1
        case QueueResumed():
            _resume(queue)
        case LanesHalted():
            queue.broken.append(break_together(event.tests, event.entries, queue.reach_of(event.entries)))
        case LanesResumed():
            over = set(event.tests)
            queue.broken = [each for each in queue.broken if not over.issuperset(each.tests)]
            queue.named = {key: each for key, each in queue.named.items() if not over.issuperset(each.tests)}
        case RevertPrepared() | RevertFailed():
            queue.prepared |= {event.commit: event.entry} if isinstance(event, RevertPrepared) else {}
        case _:
            assert_never(event)


def _name_broken(queue: Queue, found: ConflictSet) -> None:
    """Fewer are known to be the cause: all others go on."""
    if found.entries[-1] not in found.landed:
        return
    queue.named[found.entries[-1]] = found
    if queue.broken:
        reach = queue.reach_of(found.entries)
        queue.broken = narrow(queue.broken, break_together(found.tests, found.entries, reach, is_named=True))


def _queue(queue: Queue, event: EntryQueued, at: At) -> None:
    entry = event.entry
    if entry.id in queue.entries:
        return
    queue.entries[entry.id] = Waiter(
        entry, Place.WAITING, at.seq, at.at, priority=entry.priority, vanished=event.vanished
    )


def _leave(queue: Queue, entry: EntryId, place: Place, reason: str) -> None:
    waiter = queue.entries.get(entry)
    if waiter is not None and waiter.place is not Place.LANDED:
        waiter.place, waiter.reason, waiter.diagnosis = place, reason, None


def _hold(queue: Queue, event: EntryHeld) -> None:
    waiter = queue.entries.get(event.id)
    if waiter is not None and waiter.place in (Place.WAITING, Place.QUARANTINED, Place.HELD):
        waiter.place, waiter.reason, waiter.diagnosis = Place.HELD, event.reason, None
        waiter.told = max(waiter.told, waiter.entry.risk, event.risk)


def _release(queue: Queue, entry: EntryId) -> None:
    waiter = queue.entries.get(entry)
    if waiter is not None and waiter.place is Place.HELD:
        waiter.place, waiter.reason, waiter.cleared = Place.WAITING, "", waiter.told


def _bounce(queue: Queue, event: EntryBounced) -> None:
    waiter = queue.entries.get(event.id)
    if waiter is None or waiter.place is Place.LANDED:
        return
    _leave(queue, event.id, Place.BOUNCED, event.reason)
    waiter.bounce = event
    queue.returned = dict([*queue.returned.items(), (event.id, event.evidence)][-_MOST_RETURNED:])
    if event.why in (Bounce.SET, Bounce.ALONE):
        _learn(queue, 1.0)


def _begin(queue: Queue, event: RunBegan, at: At) -> None:
    _set_gate(queue, event.gate)
    queue.runs[event.id] = Run(event, at.at)
    queue.begun.add(event.tree)
    diagnosis = queue.diagnoses.get(event.diagnosis)
    if event.purpose in (Purpose.LAND, Purpose.HEAD):
        queue.searched_since_full = 0
    elif diagnosis is not None and diagnosis.culprit is not None:
        queue.searched_since_full += 1


def _set_gate(queue: Queue, gate: str) -> None:
    if gate != queue.gate:
        queue.gate, queue.evidence = gate, {}


def _end(queue: Queue, event: RunEnded) -> None:
    run = queue.runs.pop(event.id, None)
    if run is None or event.verdict is Verdict.STOPPED or run.began.gate != queue.gate:
        return
    evidence = queue.evidence.setdefault(run.began.tree, Evidence())
    known = evidence.flaky()
    evidence.add(run.began.tests, event.verdict, event.failing, event.details, is_cut=event.is_cut)
    evidence.measure(event.measured)
    for entry, measured in event.measured.items():
        waiter = queue.entries.get(entry)
        if waiter is not None and tells_more(measured, waiter.measured):
            waiter.measured = measured
    found = [test for test in evidence.flaky() if test not in known]
    queue.flakes.add(is_whole=not run.began.tests and event.verdict is not Verdict.COULD_NOT_RUN, found=found)


def _quarantine(queue: Queue, event: SegmentQuarantined, at: At) -> None:
    below = queue.tree_of(Candidate(event.onto))
    answered = len(queue.evidence_of(below).answers) if below is not None else 0
    queue.diagnoses[event.id] = Diagnosis(event.id, event.onto, event.entries, event.tests, at.at, answered)
    if event.onto != queue.tip:
        queue.searched_tip = queue.tip
        queue.looked.update(event.entries)
    for each in event.entries:
        waiter = queue.entries.get(each)
        if waiter is not None and waiter.place is Place.WAITING:
            waiter.place, waiter.diagnosis = Place.QUARANTINED, event.id


def _find_culprit(queue: Queue, event: CulpritFound) -> None:
    diagnosis = queue.diagnoses.get(event.diagnosis)
    if diagnosis is None:
        return
    diagnosis.culprit, diagnosis.root = event.entry, _root_of(queue, event.entry)
    _give_back(queue, diagnosis, but=event.entry)


def _root_of(queue: Queue, entry: EntryId) -> Sha | None:
    base = queue.entries[entry].entry.base if entry in queue.entries else None
    known = [landed.new for landed in queue.landings]
    return base if base in known else known[0] if known else None


def _end_diagnosis(queue: Queue, event: DiagnosisEnded) -> None:
    diagnosis = queue.diagnoses.pop(event.id, None)
    if diagnosis is not None:
        _give_back(queue, diagnosis)
        if diagnosis.found is None:
            _ask_anew(queue, diagnosis)
    _prune(queue)


def _ask_anew(queue: Queue, diagnosis: Diagnosis) -> None:
    """Trees that would have the same entries searched again are asked anew: with the same answers it would end so too.

    Also those on older commits, beside which others landed: the search asks on the newest.
    """
    for candidate, tree in queue.trees.items():
        if tree not in queue.evidence or queue.evidence_of(tree).standing() is not Standing.FAILS:
            continue
        here = Candidate(diagnosis.onto, diagnosis.entries)
        if candidate == here or diagnosis.entries in (queue.rest_of(candidate), queue.rest_beside(candidate)):
            queue.evidence.pop(tree)


def _give_back(queue: Queue, diagnosis: Diagnosis, but: EntryId | None = None) -> None:
    for each in diagnosis.entries:
        waiter = queue.entries.get(each)
        if waiter is not None and waiter.diagnosis == diagnosis.id and each != but:
            waiter.diagnosis = None
            if waiter.place is Place.QUARANTINED:
                waiter.place = Place.WAITING


def _land(queue: Queue, event: LandingDone) -> None:
    intended = queue.intended
    if intended is None or intended.new != event.new:
        return
    queue.intended = None
    landed = Landed(intended.old, intended.new, intended.tree, intended.entries, True, intended.is_lane)
    queue.landings.append(landed)
    queue.halts = 0
    _repair(queue, intended)
    last = max((queue.entries[each].order for each in intended.entries if each in queue.entries), default=0)
    for each in intended.entries:
        if each in queue.entries:
            waiter = queue.entries[each]
            waiter.place, waiter.landed_in, waiter.diagnosis = Place.LANDED, intended.new, None
            _learn(queue, 0.0)
    for waiter in queue.entries.values():
        if waiter.place is Place.WAITING and waiter.order < last:
            waiter.passed_over += 1
    _prune(queue)


def _repair(queue: Queue, intended: LandingIntended) -> None:
    """What passes everything ends a red branch; what takes out one of several culprits leaves the others known."""
    taken = {culprit for each in intended.entries if (culprit := queue.reverted_by(each)) is not None}
    is_left = {key for key, each in queue.named.items() if intended.is_lane or set(intended.red) & set(each.tests)}
    queue.named = {key: each for key, each in queue.named.items() if key in is_left and key not in taken}
    queue.broken = [each for each in queue.broken if not (each.is_named and each.entries[-1] in taken)]
    if queue.halted is not None and intended.red:
        queue.searched_tip = intended.new  # what makes it red is known
    else:
        _end_red(queue)


def _move(queue: Queue, event: TargetMoved, at: At) -> None:
    for each in event.adopted:
        queue.entries[each.id] = Waiter(each, Place.LANDED, at.seq, at.at, landed_in=event.new)
    if queue.landings and event.old == queue.tip and (event.adopted or event.old == event.new):
        queue.landings.append(Landed(event.old, event.new, event.tree, tuple(e.id for e in event.adopted), False))
    else:  # begun, or rewritten: nothing is known of how it came to be
        queue.landings = [Landed(event.old, event.new, event.tree, (), False)]
        queue.broken = []
    queue.intended, queue.named = None, {}
    _end_red(queue)
    _prune(queue)


def _resume(queue: Queue) -> None:
    """What could not be run is tried again, and a branch that was red is run again."""
    if queue.halted is not None and queue.halted.why is Halt.RED and queue.landings:
        queue.evidence.pop(queue.landings[-1].tree, None)
    for each in queue.evidence.values():
        each.forget_what_could_not_run()
    if queue.broken:
        queue.broken = []
        for landed in takewhile(lambda each: each.is_lane, reversed(queue.landings)):
            queue.evidence.pop(landed.tree, None)
    queue.halted, queue.named = None, {}


def _end_red(queue: Queue) -> None:
    if queue.halted is not None and queue.halted.why is Halt.RED:
        queue.halted = None


def _learn(queue: Queue, outcome: float) -> None:
    queue.rate += _RATE_STEP * (outcome - queue.rate)


def _prune(queue: Queue) -> None:
    """Let go of what nothing can ask for again."""
    begun = {each.root for each in queue.diagnoses.values()} | {each.onto for each in queue.diagnoses.values()}
    needed = next((at for at, landed in enumerate(queue.landings) if landed.new in begun), len(queue.landings))
    del queue.landings[: max(0, min(needed, len(queue.landings) - _MOST_LANDINGS))]
    roots = {each.new for each in queue.landings}
    kept = {entry for each in queue.landings for entry in each.entries} | set(_in_work(queue))
    kept |= {entry for each in queue.broken for entry in each.entries}
    queue.entries = {key: each for key, each in queue.entries.items() if key in kept}
    queue.prepared = {commit: entry for commit, entry in queue.prepared.items() if entry in queue.entries}
    searched = {each.onto for each in queue.diagnoses.values()} if queue.diagnoses else set()
    queue.keep_trees([key for key in queue.trees if _is_wanted(queue, key, searched, roots)])
    queue.clashes = {key: each for key, each in queue.clashes.items() if key.onto == queue.tip or key.onto in searched}
    trees = {each.tree for each in queue.landings} | set(queue.trees.values())
    trees |= {run.began.tree for run in queue.runs.values()}
    queue.evidence = {tree: each for tree, each in queue.evidence.items() if tree in trees}
    queue.begun &= trees
    queue.looked &= queue.entries.keys()


def _in_work(queue: Queue) -> Iterator[EntryId]:
    for key, waiter in queue.entries.items():
        if waiter.place in (Place.WAITING, Place.HELD, Place.QUARANTINED):
            yield key
    for diagnosis in queue.diagnoses.values():
        yield from diagnosis.entries


def _is_wanted(queue: Queue, candidate: Candidate, searched: set[Sha], roots: set[Sha]) -> bool:
    if searched and (candidate.onto in searched or candidate.onto in roots):
        return True
    return queue.rest_of(candidate, with_held=True) is not None or queue.rest_beside(candidate) is not None
