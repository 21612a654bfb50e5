"""The queue of one project as its events tell it. What is derived from it is in the neighbours.

Entries that were decided, and trees that nothing can ask for again, leave it, so that its size follows what is in work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from watchkeeper.landing.evidence import Evidence, Flakes, Standing
from watchkeeper.landing.waiters import Diagnosis, EntryEvent, Landed, Place, Run, SearchEvent, TargetEvent, Waiter
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.landing import (
    At,
    Bounce,
    Candidate,
    CandidateBuilt,
    CandidateClashed,
    CulpritFound,
    DiagnosisEnded,
    DiagnosisId,
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
    MonotonicityBroken,
    Purpose,
    QueueHalted,
    QueueResumed,
    RevertFailed,
    RevertPrepared,
    RunBegan,
    RunEnded,
    RunId,
    SegmentQuarantined,
    SetConfirmed,
    TargetMoved,
    Verdict,
)

FIRST_RATE = 0.05
_RATE_STEP = 0.02
_MOST_LANDINGS = 64
"""How far back partners of a culprit are looked for."""


class Queue:
    """Apply events in their order; the rest is for reading. An event that it already holds changes nothing."""

    def __init__(self) -> None:
        self.seq = 0
        self.entries: dict[EntryId, Waiter] = {}
        self.trees: dict[Candidate, Sha] = {}
        self.clashes: dict[Candidate, CandidateClashed] = {}
        self.runs: dict[RunId, Run] = {}
        self.evidence: dict[Sha, Evidence] = {}
        self.diagnoses: dict[DiagnosisId, Diagnosis] = {}
        self.landings: list[Landed] = []
        self.intended: LandingIntended | None = None
        self.halted: QueueHalted | None = None
        self.halted_at = Millis(0)
        self.halts = 0
        """How often it was halted since something landed last."""
        self.begun: set[Sha] = set()
        """Trees that were run, be it that nobody remembers what they said."""
        self.searched_tip: Sha | None = None
        """The tip of a red branch of which it was looked for what broke it."""
        self.gate = ""
        self.rate = FIRST_RATE
        self.flakes = Flakes()
        self.searched_since_full = 0
        """Runs for partners of culprits since the line had a run."""
        self._candidates: dict[Sha, list[Candidate]] = {}
        self._line: list[Waiter] | None = None
        self._done: dict[Sha, tuple[EntryId, ...]] | None = None

    @property
    def tip(self) -> Sha | None:
        """The target branch, as far as the queue was told."""
        return self.landings[-1].new if self.landings else None

    def waiting(self) -> list[Waiter]:
        """Who waits and may go on, in the order of the line. Not to be changed."""
        if self._line is None:
            able = [each for each in self.entries.values() if each.place is Place.WAITING]
            self._line = sorted(able, key=lambda each: (-each.priority, each.order))
        return self._line

    def tree_of(self, candidate: Candidate) -> Sha | None:
        """Its tree, where somebody made it."""
        if not candidate.entries:
            return next((each.tree for each in self.landings if each.new == candidate.onto), None)
        return self.trees.get(candidate)

    def evidence_of(self, tree: Sha) -> Evidence:
        """What is known of a tree under the gate of now."""
        return self.evidence.get(tree) or Evidence()

    def landed_since(self, commit: Sha) -> tuple[Landed, ...] | None:
        """How the target branch moved since ``commit``; None where it is not one of those remembered."""
        for at in range(len(self.landings) - 1, -1, -1):
            if self.landings[at].new == commit:
                return tuple(self.landings[at + 1 :])
        return None

    def rest_of(self, candidate: Candidate) -> tuple[EntryId, ...] | None:
        """What of a candidate is not in the target branch yet; None where it is not one of the branch any more.

        A candidate of an older tip stays one as long as all that landed since is its own beginning: its tree is then
        the tree of the rest on the tip of now.
        """
        done = self._landed_on().get(candidate.onto)
        if done is None or candidate.entries[: len(done)] != done:
            return None
        rest = candidate.entries[len(done) :]
        places = (self.entries[each].place if each in self.entries else None for each in rest)
        return rest if all(place is Place.WAITING for place in places) else None

    def rest_beside(self, candidate: Candidate) -> tuple[EntryId, ...] | None:
        """The same where since then others landed beside it that have no file in common with it, nor dependents."""
        moves = self.landed_since(candidate.onto)
        if moves is None or not all(move.is_ours for move in moves):
            return None
        landed = [entry for move in moves for entry in move.entries]
        inside = set(candidate.entries)
        done = tuple(entry for entry in landed if entry in inside)
        if candidate.entries[: len(done)] != done:
            return None
        others = self._reach([entry for entry in landed if entry not in inside])
        own = self._reach(candidate.entries)
        if others is None or own is None or (others & own):
            return None
        rest = candidate.entries[len(done) :]
        places = (self.entries[each].place if each in self.entries else None for each in rest)
        return rest if all(place is Place.WAITING for place in places) else None

    def _reach(self, entries: Sequence[EntryId]) -> set[str] | None:
        found: set[str] = set()
        for each in entries:
            reach = self.entries[each].entry.reach if each in self.entries else None
            if reach is None:
                return None
            found.update(reach)
        return found

    def candidates_of(self, tree: Sha) -> Sequence[Candidate]:
        """All candidates of which git made this tree."""
        return self._candidates.get(tree, ())

    def _landed_on(self) -> dict[Sha, tuple[EntryId, ...]]:
        """What landed after each commit, as far back as nobody else moved the branch."""
        if self._done is None:
            self._done, done = {}, tuple[EntryId, ...]()
            for landed in reversed(self.landings):
                self._done[landed.new] = done
                if landed.is_lane or not landed.is_ours:
                    break
                done = (*landed.entries, *done)
        return self._done

    def apply(self, at: At) -> None:
        """Hold one more event. Total: what refers to nothing known is passed over."""
        if at.seq <= self.seq:
            return
        self.seq = at.seq
        event = at.event
        if not isinstance(event, CandidateBuilt | CandidateClashed | RunBegan | RunEnded):
            self._line = self._done = None
        match event:
            case EntryQueued() | EntryWithdrawn() | EntryHeld() | EntryReleased() | EntryMoved() | EntryBounced():
                self._apply_to_entry(event, at)
            case GateSet():
                self._set_gate(event.gate)
            case CandidateBuilt():
                self.trees[event.candidate] = event.tree
                self._candidates.setdefault(event.tree, []).append(event.candidate)
            case CandidateClashed():
                self.clashes[event.candidate] = event
            case RunBegan():
                self._begin(event, at)
            case RunEnded():
                self._end(event)
            case SegmentQuarantined() | CulpritFound() | SetConfirmed() | DiagnosisEnded() | MonotonicityBroken():
                self._apply_to_search(event, at)
            case _:
                self._apply_to_target(event, at)

    def _apply_to_entry(self, event: EntryEvent, at: At) -> None:
        match event:
            case EntryQueued():
                self._queue(event, at)
            case EntryWithdrawn():
                self._leave(event.id, Place.WITHDRAWN, event.reason)
            case EntryHeld():
                self._hold(event)
            case EntryReleased():
                self._release(event.id)
            case EntryMoved():
                if event.id in self.entries:
                    self.entries[event.id].priority = event.priority
            case EntryBounced():
                self._bounce(event)
            case _:
                assert_never(event)

    def _apply_to_search(self, event: SearchEvent, at: At) -> None:
        match event:
            case SegmentQuarantined():
                self._quarantine(event, at)
            case CulpritFound():
                self._find_culprit(event)
            case SetConfirmed():
                if event.diagnosis in self.diagnoses:
                    self.diagnoses[event.diagnosis].found = event.set
            case DiagnosisEnded():
                self._end_diagnosis(event)
            case MonotonicityBroken():
                pass
            case _:
                assert_never(event)

    def _apply_to_target(self, event: TargetEvent, at: At) -> None:
        match event:
            case LandingIntended():
                self.intended = event
            case LandingVoid():
                self.intended = None
            case LandingDone():
                self._land(event)
            case TargetMoved():
                self._move(event, at)
            case QueueHalted():
                self.halted, self.halted_at, self.halts = event, at.at, self.halts + 1
            case QueueResumed():
                self._resume()
            case RevertPrepared() | RevertFailed():
                pass
            case _:
                assert_never(event)

    def _queue(self, event: EntryQueued, at: At) -> None:
        entry = event.entry
        if entry.id in self.entries:
            return
        self.entries[entry.id] = Waiter(
            entry, Place.WAITING, at.seq, at.at, priority=entry.priority, vanished=event.vanished
        )

    def _leave(self, entry: EntryId, place: Place, reason: str) -> None:
        waiter = self.entries.get(entry)
        if waiter is not None and waiter.place is not Place.LANDED:
            waiter.place, waiter.reason, waiter.diagnosis = place, reason, None

    def _hold(self, event: EntryHeld) -> None:
        waiter = self.entries.get(event.id)
        if waiter is not None and waiter.place in (Place.WAITING, Place.QUARANTINED, Place.HELD):
            waiter.place, waiter.reason, waiter.diagnosis = Place.HELD, event.reason, None

    def _release(self, entry: EntryId) -> None:
        waiter = self.entries.get(entry)
        if waiter is not None and waiter.place is Place.HELD:
            waiter.place, waiter.reason = Place.WAITING, ""

    def _bounce(self, event: EntryBounced) -> None:
        waiter = self.entries.get(event.id)
        if waiter is None or waiter.place is Place.LANDED:
            return
        self._leave(event.id, Place.BOUNCED, event.reason)
        waiter.bounce = event
        if event.why in (Bounce.SET, Bounce.ALONE):
            self._learn(1.0)

    def _begin(self, event: RunBegan, at: At) -> None:
        self._set_gate(event.gate)
        self.runs[event.id] = Run(event, at.at)
        self.begun.add(event.tree)
        diagnosis = self.diagnoses.get(event.diagnosis)
        if event.purpose in (Purpose.LAND, Purpose.HEAD):
            self.searched_since_full = 0
        elif diagnosis is not None and diagnosis.culprit is not None:
            self.searched_since_full += 1

    def _set_gate(self, gate: str) -> None:
        if gate != self.gate:
            self.gate, self.evidence = gate, {}

    def _end(self, event: RunEnded) -> None:
        run = self.runs.pop(event.id, None)
        if run is None or event.verdict is Verdict.STOPPED or run.began.gate != self.gate:
            return
        evidence = self.evidence.setdefault(run.began.tree, Evidence())
        known = evidence.flaky()
        evidence.add(run.began.tests, event.verdict, event.failing, event.details, is_cut=event.is_cut)
        found = [test for test in evidence.flaky() if test not in known]
        self.flakes.add(is_whole=not run.began.tests and event.verdict is not Verdict.COULD_NOT_RUN, found=found)

    def _quarantine(self, event: SegmentQuarantined, at: At) -> None:
        below = self.tree_of(Candidate(event.onto))
        answered = len(self.evidence_of(below).answers) if below is not None else 0
        self.diagnoses[event.id] = Diagnosis(event.id, event.onto, event.entries, event.tests, at.at, answered)
        if event.onto != self.tip:
            self.searched_tip = self.tip
        for each in event.entries:
            waiter = self.entries.get(each)
            if waiter is not None and waiter.place is Place.WAITING:
                waiter.place, waiter.diagnosis = Place.QUARANTINED, event.id

    def _find_culprit(self, event: CulpritFound) -> None:
        diagnosis = self.diagnoses.get(event.diagnosis)
        if diagnosis is None:
            return
        diagnosis.culprit, diagnosis.root = event.entry, self._root_of(event.entry)
        self._give_back(diagnosis, but=event.entry)

    def _root_of(self, entry: EntryId) -> Sha | None:
        base = self.entries[entry].entry.base if entry in self.entries else None
        known = [landed.new for landed in self.landings]
        return base if base in known else known[0] if known else None

    def _end_diagnosis(self, event: DiagnosisEnded) -> None:
        diagnosis = self.diagnoses.pop(event.id, None)
        if diagnosis is not None:
            self._give_back(diagnosis)
            tree = self.trees.get(Candidate(diagnosis.onto, diagnosis.entries))
            if diagnosis.found is None and tree is not None and self.evidence_of(tree).standing() is Standing.FAILS:
                self.evidence.pop(tree)  # it is asked anew: with the same answers the search would end the same
        self._prune()

    def _give_back(self, diagnosis: Diagnosis, but: EntryId | None = None) -> None:
        for each in diagnosis.entries:
            waiter = self.entries.get(each)
            if waiter is not None and waiter.diagnosis == diagnosis.id and each != but:
                waiter.diagnosis = None
                if waiter.place is Place.QUARANTINED:
                    waiter.place = Place.WAITING

    def _land(self, event: LandingDone) -> None:
        intended = self.intended
        if intended is None or intended.new != event.new:
            return
        self.intended = None
        landed = Landed(intended.old, intended.new, intended.tree, intended.entries, True, intended.is_lane)
        self.landings.append(landed)
        self.halts = 0
        self._end_red()
        last = max((self.entries[each].order for each in intended.entries if each in self.entries), default=0)
        for each in intended.entries:
            if each in self.entries:
                waiter = self.entries[each]
                waiter.place, waiter.landed_in, waiter.diagnosis = Place.LANDED, intended.new, None
                self._learn(0.0)
        for waiter in self.entries.values():
            if waiter.place is Place.WAITING and waiter.order < last:
                waiter.passed_over += 1
        self._prune()

    def _move(self, event: TargetMoved, at: At) -> None:
        for each in event.adopted:
            self.entries[each.id] = Waiter(each, Place.LANDED, at.seq, at.at, landed_in=event.new)
        if self.landings and event.old == self.tip and (event.adopted or event.old == event.new):
            self.landings.append(Landed(event.old, event.new, event.tree, tuple(e.id for e in event.adopted), False))
        else:  # begun, or rewritten: nothing is known of how it came to be
            self.landings = [Landed(event.old, event.new, event.tree, (), False)]
        self.intended = None
        self._end_red()
        self._prune()

    def _resume(self) -> None:
        """What could not be run is tried again, and a branch that was red is run again."""
        if self.halted is not None and self.halted.why is Halt.RED and self.landings:
            self.evidence.pop(self.landings[-1].tree, None)
        for each in self.evidence.values():
            each.forget_what_could_not_run()
        self.halted = None

    def _end_red(self) -> None:
        if self.halted is not None and self.halted.why is Halt.RED:
            self.halted = None

    def _learn(self, outcome: float) -> None:
        self.rate += _RATE_STEP * (outcome - self.rate)

    def _prune(self) -> None:
        """Let go of what nothing can ask for again."""
        begun = {each.root for each in self.diagnoses.values()} | {each.onto for each in self.diagnoses.values()}
        needed = next((at for at, landed in enumerate(self.landings) if landed.new in begun), len(self.landings))
        del self.landings[: max(0, min(needed, len(self.landings) - _MOST_LANDINGS))]
        roots = {each.new for each in self.landings}
        kept = {entry for each in self.landings for entry in each.entries} | set(self._in_work())
        self.entries = {key: each for key, each in self.entries.items() if key in kept}
        searched = {each.onto for each in self.diagnoses.values()} if self.diagnoses else set()
        self.trees = {key: tree for key, tree in self.trees.items() if self._is_wanted(key, searched, roots)}
        self.clashes = {key: each for key, each in self.clashes.items() if key.onto == self.tip or key.onto in searched}
        self._candidates = {}
        for candidate, tree in self.trees.items():
            self._candidates.setdefault(tree, []).append(candidate)
        trees = {each.tree for each in self.landings} | self._candidates.keys()
        trees |= {run.began.tree for run in self.runs.values()}
        self.evidence = {tree: each for tree, each in self.evidence.items() if tree in trees}
        self.begun &= trees

    def _in_work(self) -> Iterator[EntryId]:
        for key, waiter in self.entries.items():
            if waiter.place in (Place.WAITING, Place.HELD, Place.QUARANTINED):
                yield key
        for diagnosis in self.diagnoses.values():
            yield from diagnosis.entries

    def _is_wanted(self, candidate: Candidate, searched: set[Sha], roots: set[Sha]) -> bool:
        if searched and (candidate.onto in searched or candidate.onto in roots):
            return True
        return self.rest_of(candidate) is not None or self.rest_beside(candidate) is not None


def fold_queue(events: Iterable[At], queue: Queue | None = None) -> Queue:
    """The queue after ``events``. Total."""
    queue = queue or Queue()
    for each in events:
        queue.apply(each)
    return queue
