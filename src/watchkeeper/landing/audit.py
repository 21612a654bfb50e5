"""What a queue promises of the target branch, held against the events that were recorded. Pure.

It follows the events by itself: of the product's own fold it shares only what a run says of a tree (``evidence``), so
that a queue that decided wrongly, or was folded wrongly, is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.landing.evidence import Evidence, Standing
from watchkeeper.landing.head import MOST_UNTESTED
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import (
    Bounce,
    Candidate,
    CandidateBuilt,
    ConflictSet,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    GateSet,
    LandingDone,
    LandingEvent,
    LandingIntended,
    LandingVoid,
    LanesHalted,
    LanesResumed,
    Purpose,
    QueueHalted,
    QueueResumed,
    RunBegan,
    RunEnded,
    RunId,
    SetConfirmed,
    TargetMoved,
    Verdict,
)

_AHEAD_OF_HEADS = (Purpose.AGAIN, Purpose.CONTROL, Purpose.HEAD)
"""Runs that may begin although the branch itself is overdue: what is suspected is asked first."""


class Broken(msgspec.Struct, frozen=True):
    """A promise that the log shows to be broken: of a landing (``commit``), or of an entry; ``what`` is a clause."""

    what: str
    commit: Sha = Sha("")
    entries: tuple[EntryId, ...] = ()


class Audit(msgspec.Struct, frozen=True):
    """``landings`` of the queue, ``tested`` of them as the very tree that landed, ``in_lanes`` beside each other.

    ``past_queue`` counts moves of the branch by others. ``untested`` are commits in lanes whose sum no run has passed
    yet, which is no fault as long as it is within the bound. ``broken`` is empty where every promise was kept.
    """

    landings: int = 0
    tested: int = 0
    in_lanes: int = 0
    past_queue: int = 0
    untested: tuple[Sha, ...] = ()
    broken: tuple[Broken, ...] = ()


def audit_landings(events: Iterable[LandingEvent]) -> Audit:
    """Whether everything that landed had passed before. Total: events of a log that begins late are judged as it is.

    Outside lanes the very tree that landed had passed, under the gate in force, but for tests that were known to fail
    because of others; in lanes each lane had, and the sum is run at the latest after eight such landings. Each entry
    lands once, from where the branch was, and not while it waits for a person; who is sent back for what it breaks
    was confirmed to break it.
    """
    auditor = _Auditor()
    for event in events:
        auditor.hold(event)
    return auditor.told()


class _Auditor:
    """What was seen so far."""

    def __init__(self) -> None:
        self._gate = ""
        self._tip: Sha | None = None
        self._evidence: dict[tuple[str, Sha], Evidence] = {}
        self._runs: dict[RunId, RunBegan] = {}
        self._built: dict[EntryId, dict[Candidate, Sha]] = {}  # by the last entry
        self._intents: dict[Sha, LandingIntended] = {}
        self._intended: LandingIntended | None = None
        self._landed: set[EntryId] = set()
        self._away: dict[EntryId, str] = {}
        self._red: list[tuple[str, ...]] = []
        self._named: dict[EntryId, ConflictSet] = {}
        self._lanes: list[tuple[Sha, Sha]] = []  # commits and trees whose sums no run has answered yet
        self._is_halted = False
        self._counts = {"landings": 0, "tested": 0, "in_lanes": 0, "past_queue": 0}
        self._broken: list[Broken] = []

    def told(self) -> Audit:
        return Audit(**self._counts, untested=tuple(new for new, _ in self._lanes), broken=tuple(self._broken))

    def hold(self, event: LandingEvent) -> None:
        match event:
            case GateSet():
                self._gate = event.gate
            case RunBegan():
                self._begin(event)
            case RunEnded():
                self._end(event)
            case CandidateBuilt():
                self._build(event.candidate, event.tree)
            case LandingIntended():
                self._intend(event)
            case LandingDone():
                self._land(event.new)
            case LandingVoid():
                self._intended = None
            case TargetMoved():
                self._move(event)
            case LanesHalted():
                self._red.append(event.tests)
            case LanesResumed():
                self._red = [each for each in self._red if not set(event.tests).issuperset(each)]
            case SetConfirmed():
                self._named[event.set.entries[-1]] = event.set
                self._red += [event.set.tests] if event.set.entries[-1] in event.set.landed else []
            case QueueHalted() | QueueResumed():
                self._halt(event)
            case _:
                self._hold_entry(event)

    def _hold_entry(self, event: LandingEvent) -> None:
        match event:
            case EntryQueued():
                self._away.pop(event.entry.id, None)
            case EntryHeld():
                self._away[event.id] = "waits for a person"
            case EntryReleased():
                self._away.pop(event.id, None)
            case EntryWithdrawn():
                self._away[event.id] = "was withdrawn"
            case EntryBounced():
                self._away[event.id] = "was sent back"
                self._send_back(event)
            case _:
                pass

    def _halt(self, event: QueueHalted | QueueResumed) -> None:
        self._is_halted = isinstance(event, QueueHalted)
        if not self._is_halted:  # whatever was known to be red is tried again
            self._red = []

    def _build(self, candidate: Candidate, tree: Sha) -> None:
        if candidate.entries:
            self._built.setdefault(candidate.entries[-1], {})[candidate] = tree

    def _begin(self, event: RunBegan) -> None:
        self._gate = event.gate
        self._runs[event.id] = event
        self._build(event.candidate, event.tree)
        is_asked = any(run.purpose is Purpose.HEAD for run in self._runs.values())
        is_due = len(self._lanes) >= MOST_UNTESTED and not is_asked and not self._is_halted
        if is_due and event.purpose not in _AHEAD_OF_HEADS:
            what = f"another run began although {len(self._lanes)} landings in lanes were not run together"
            self._broken.append(Broken(what, self._lanes[-1][0]))

    def _end(self, event: RunEnded) -> None:
        run = self._runs.pop(event.id, None)
        if run is None or event.verdict is Verdict.STOPPED:
            return
        evidence = self._evidence.setdefault((run.gate, run.tree), Evidence())
        evidence.add(run.tests, event.verdict, event.failing, is_cut=event.is_cut)
        if evidence.standing() is not Standing.UNKNOWN:
            answered = next((at for at, (_, tree) in enumerate(self._lanes) if tree == run.tree), -1)
            self._lanes = self._lanes[answered + 1 :]

    def _intend(self, event: LandingIntended) -> None:
        self._intended = event
        if event.new in self._intents:
            return  # it was given up, and came true all the same: it was judged when it was begun
        self._intents[event.new] = event
        if event.old != self._tip:
            self._break(event, f"it was begun from {event.old[:10]}, where the branch was not")
        if event.gate != self._gate:
            self._break(event, "it was begun under a gate that was in force no more")
        for entry in event.entries:
            if entry in self._away:
                self._break(event, f"{entry} {self._away[entry]}")

    def _land(self, new: Sha) -> None:
        event = self._intended
        if event is None or event.new != new:
            return
        self._intended, self._tip = None, new
        self._counts["landings"] += 1
        if again := self._landed.intersection(event.entries):
            self._break(event, f"{', '.join(sorted(again))} had landed before")
        self._landed.update(event.entries)
        known = {test for tests in self._red for test in tests}
        if unknown := sorted(set(event.red) - known):
            self._break(event, f"it fails {unknown[0]}, of which nothing says that others are the cause")
        if not event.is_lane:
            self._lanes = []
            self._red = [tests for tests in self._red if set(tests) & set(event.red)]
            if self._passes(event.gate, event.tree, event.red):
                self._counts["tested"] += 1
            else:
                self._break(event, "no run had passed its tree")
            return
        self._counts["in_lanes"] += 1
        self._lanes.append((new, event.tree))
        if not any(self._passes(event.gate, tree, event.red) for tree in self._beside(event.entries)):
            self._break(event, "no run had passed its lane")

    def _beside(self, entries: tuple[EntryId, ...]) -> list[Sha]:
        """The trees of candidates that end with these entries."""
        built = self._built.get(entries[-1], {}) if entries else {}
        return [tree for candidate, tree in built.items() if candidate.entries[-len(entries) :] == entries]

    def _passes(self, gate: str, tree: Sha, red: Sequence[str]) -> bool:
        """By all that was said of it, or by a run of everything and what came after it.

        An earlier one that did not come to its end says nothing against those.
        """
        evidence = self._evidence.get((gate, tree))
        if evidence is None:
            return False
        whole = [at for at, answer in enumerate(evidence.answers) if not answer.tests]
        return any(evidence.since(at).standing(red) is Standing.PASSES for at in (0, *whole))

    def _move(self, event: TargetMoved) -> None:
        self._counts["past_queue"] += event.old is not None and event.old != event.new
        self._landed.update(entry.id for entry in event.adopted)
        self._tip, self._intended, self._lanes = event.new, None, []

    def _send_back(self, event: EntryBounced) -> None:
        if event.why not in (Bounce.SET, Bounce.ALONE):
            return
        named = self._named.get(event.id)
        if named is None or named.entries[:-1] != event.partners:
            what = f"{event.id} was sent back for what no run confirmed"
            self._broken.append(Broken(what, entries=(event.id,)))

    def _break(self, event: LandingIntended, what: str) -> None:
        self._broken.append(Broken(what, event.new, event.entries))
