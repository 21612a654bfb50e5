"""Landing: what waits for the target branch, what was asked of which tree, and what came of it. Values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, NewType

import msgspec

from watchkeeper.model.exposure import Exposure, Measured
from watchkeeper.model.ids import ChangeId, Millis, Sha

EntryId = NewType("EntryId", str)
"""One revision of a change in the queue, ``<change>/<revision>``. Never used again, also after it landed."""

RunId = NewType("RunId", str)
"""One run of the gate on one tree."""

DiagnosisId = NewType("DiagnosisId", str)
"""One search for what makes a tree fail."""

CAN_RUN = "running the tests"
"""The name, among failing tests, for a tree on which they cannot, though on the commit below they can."""


class Entry(msgspec.Struct, frozen=True):
    """One revision of a change, as it was when it was queued.

    ``head`` is what will be landed, ``base`` where it parted from the target branch. ``is_picked``: only the one commit
    ``head`` counts, as a difference from its parent ``base`` (somebody put it on the branch past the queue). ``reach``
    are the files that it touches or that depend on these, for lanes; None: everything. ``apart`` are entries with which
    it was proved to be wrong: no run is wasted on them together. ``within`` are entries whose commits it has in it: the
    branch that it is stacked on.
    """

    id: EntryId
    change: ChangeId
    head: Sha
    base: Sha | None = None
    title: str = ""
    author: str = ""
    issue: str = ""
    session: str = ""
    paths: tuple[str, ...] = ()
    reach: tuple[str, ...] | None = None
    priority: int = 0
    risk: int = 0
    is_picked: bool = False
    apart: tuple[EntryId, ...] = ()
    within: tuple[EntryId, ...] = ()
    exposure: Exposure | None = None  # what a run of the tests has to add to its risk; None: nobody looked


class Candidate(NamedTuple):
    """A commit of the target branch and entries to put on top, in this order. Names a tree before anybody made it."""

    onto: Sha
    entries: tuple[EntryId, ...] = ()


class Purpose(StrEnum):
    """Why a tree is run."""

    LAND = "land"  # everything, to land it
    HEAD = "head"  # everything, on the target branch itself
    AGAIN = "again"  # what failed, once more on the same tree
    CONTROL = "control"  # what failed, on the commit below
    SEARCH = "search"  # what failed, on a part of the segment
    CONFIRM = "confirm"  # what failed, on a set that is about to be named, or on it without one member


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could-not-run"  # says nothing about the tree by itself
    STOPPED = "stopped"  # nobody needs it any more


COMMAND = "the test command"
"""The name, among failing tests, for a command that fails and does not say which test does."""


class Bounce(StrEnum):
    """Why an entry goes back to who made it."""

    SET = "set"  # it fails together with others that are in the queue or landed before
    ALONE = "alone"  # it fails on the target branch, with nothing of others that could be named
    CLASH = "clash"  # git cannot merge it with the target branch
    EMPTY = "empty"  # it changes nothing there any more
    PERSON = "person"  # somebody said so


class ConflictSet(msgspec.Struct, frozen=True):
    """The fewest entries that fail together: confirmed, each being needed. The last one in the queue's order is last.

    ``landed`` are those of them that were in the target branch already. ``tests`` fail on all of them on ``onto``.
    """

    entries: tuple[EntryId, ...]
    tests: tuple[str, ...]
    onto: Sha
    landed: tuple[EntryId, ...] = ()


class Vanished(msgspec.Struct, frozen=True):
    """A line that somebody added and a resolution does not have any more; ``entry`` is whose it was."""

    entry: EntryId
    path: str
    text: str


class Halt(StrEnum):
    """Why nothing lands."""

    RED = "red"  # the target branch itself fails
    CANNOT_RUN = "cannot-run"  # the tests can be run nowhere; tried again from time to time
    BLOCKED = "blocked"  # the branch cannot be moved; tried again from time to time
    PERSON = "person"


class EntryQueued(msgspec.Struct, frozen=True, tag="entry-queued"):
    """A finished change wants to land. Its commit is kept from now on."""

    entry: Entry
    vanished: tuple[Vanished, ...] = ()


class EntryWithdrawn(msgspec.Struct, frozen=True, tag="entry-withdrawn"):
    """It no longer wants to: a newer revision came, or somebody said so."""

    id: EntryId
    reason: str


class EntryHeld(msgspec.Struct, frozen=True, tag="entry-held"):
    """It waits for a person, with the reason; it keeps its place. ``risk`` is what the person is told of its risk."""

    id: EntryId
    reason: str
    by: str = ""
    risk: int = 0


class EntryReleased(msgspec.Struct, frozen=True, tag="entry-released"):
    """A person let it go on."""

    id: EntryId
    by: str = ""


class EntryMoved(msgspec.Struct, frozen=True, tag="entry-moved"):
    """It goes before all of lower priority; what is run for others without it starts anew."""

    id: EntryId
    priority: int
    by: str = ""


class EntryBounced(msgspec.Struct, frozen=True, tag="entry-bounced"):
    """It went back to who made it. ``partners`` are what it goes wrong with, ``evidence`` the tests or paths."""

    id: EntryId
    why: Bounce
    reason: str
    partners: tuple[EntryId, ...] = ()
    evidence: tuple[str, ...] = ()


class GateSet(msgspec.Struct, frozen=True, tag="gate-set"):
    """From now on this is what has to hold; what other commands said of a tree counts no more."""

    gate: str


class CandidateBuilt(msgspec.Struct, frozen=True, tag="candidate-built"):
    """git merged all entries, in order; this is the tree."""

    candidate: Candidate
    tree: Sha


class CandidateClashed(msgspec.Struct, frozen=True, tag="candidate-clashed"):
    """git cannot merge the last entry of ``candidate`` onto the ones before it, which it could merge."""

    candidate: Candidate
    paths: tuple[str, ...]
    reason: str = ""


class RunBegan(msgspec.Struct, frozen=True, tag="run-began"):
    """The gate is asked of a tree; ``tests`` empty: all of it."""

    id: RunId
    candidate: Candidate
    tree: Sha
    purpose: Purpose
    gate: str
    tests: tuple[str, ...] = ()
    diagnosis: DiagnosisId = DiagnosisId("")  # the search that asks


class RunEnded(msgspec.Struct, frozen=True, tag="run-ended"):
    """What it said. ``failing`` are tests, or findings that only this tree has; ``details`` what some of them said.

    ``is_cut``: these findings were enough, and no test was run: of the tests it says nothing.
    """

    id: RunId
    verdict: Verdict
    failing: tuple[str, ...] = ()
    reason: str = ""
    wall_ms: int = 0
    details: Mapping[str, str] = {}
    is_cut: bool = False
    measured: Mapping[EntryId, Measured] = {}  # which changed lines of each entry tests were seen to execute


class SegmentQuarantined(msgspec.Struct, frozen=True, tag="segment-quarantined"):
    """These entries on top of ``onto`` fail, twice, with tests that pass on ``onto``. They left the line."""

    id: DiagnosisId
    onto: Sha
    entries: tuple[EntryId, ...]
    tests: tuple[str, ...]


class CulpritFound(msgspec.Struct, frozen=True, tag="culprit-found"):
    """The entry with which the segment begins to fail; all others are back in the line."""

    diagnosis: DiagnosisId
    entry: EntryId


class SetConfirmed(msgspec.Struct, frozen=True, tag="set-confirmed"):
    """A minimal set was named: it fails again, and fails no more without any one member."""

    diagnosis: DiagnosisId
    set: ConflictSet


class DiagnosisEnded(msgspec.Struct, frozen=True, tag="diagnosis-ended"):
    """The search is over; who still was in quarantine is back in the line, except who was bounced."""

    id: DiagnosisId
    reason: str


class MonotonicityBroken(msgspec.Struct, frozen=True, tag="monotonicity-broken"):
    """Entries fail, and with more entries on top they pass. Nothing follows from it silently."""

    fails: Candidate
    passes: Candidate
    tests: tuple[str, ...]


class LandingIntended(msgspec.Struct, frozen=True, tag="landing-intended"):
    """The target branch is about to be moved from ``old`` to ``new``. Whether it was, the branch itself says.

    ``red`` are tests that fail there as they do below, because of what landed in lanes with which these entries have
    nothing in common.
    """

    entries: tuple[EntryId, ...]
    old: Sha
    new: Sha
    tree: Sha
    gate: str
    is_lane: bool = False
    red: tuple[str, ...] = ()


class LandingDone(msgspec.Struct, frozen=True, tag="landing-done"):
    """The target branch was seen to hold ``new``."""

    new: Sha


class LandingVoid(msgspec.Struct, frozen=True, tag="landing-void"):
    """It was not moved there: somebody else was first, or the branch was not writable."""

    new: Sha
    reason: str


class TargetMoved(msgspec.Struct, frozen=True, tag="target-moved"):
    """The queue begins at ``new`` (``old`` None), or somebody moved the branch past the queue.

    ``adopted`` are the commits that came that way, where the branch only moved forward.
    """

    old: Sha | None
    new: Sha
    tree: Sha
    adopted: tuple[Entry, ...] = ()


class QueueHalted(msgspec.Struct, frozen=True, tag="queue-halted"):
    """Nothing lands until this is over."""

    why: Halt
    reason: str


class QueueResumed(msgspec.Struct, frozen=True, tag="queue-resumed"):
    """Landing goes on."""

    by: str = ""


class LanesHalted(msgspec.Struct, frozen=True, tag="lanes-halted"):
    """What landed in lanes beside each other fails ``tests`` together; ``entries`` landed since these passed.

    Whatever has something in common with them waits until the tests pass again, or fewer are known to be the cause;
    all others go on.
    """

    tests: tuple[str, ...]
    entries: tuple[EntryId, ...]


class LanesResumed(msgspec.Struct, frozen=True, tag="lanes-resumed"):
    """The target branch passes these tests again; nobody waits for that any more."""

    tests: tuple[str, ...]


class RevertPrepared(msgspec.Struct, frozen=True, tag="revert-prepared"):
    """A commit that takes an entry out of the target branch again, for a person to land."""

    entry: EntryId
    onto: Sha
    commit: Sha


class RevertFailed(msgspec.Struct, frozen=True, tag="revert-failed"):
    """An entry cannot be taken out of the target branch by git alone, and why."""

    entry: EntryId
    reason: str


LandingEvent = (
    EntryQueued
    | EntryWithdrawn
    | EntryHeld
    | EntryReleased
    | EntryMoved
    | EntryBounced
    | GateSet
    | CandidateBuilt
    | CandidateClashed
    | RunBegan
    | RunEnded
    | SegmentQuarantined
    | CulpritFound
    | SetConfirmed
    | DiagnosisEnded
    | MonotonicityBroken
    | LandingIntended
    | LandingDone
    | LandingVoid
    | TargetMoved
    | QueueHalted
    | QueueResumed
    | LanesHalted
    | LanesResumed
    | RevertPrepared
    | RevertFailed
)
"""What the queue of a project is folded from."""


class At(NamedTuple):
    """An event of the queue with its place and time."""

    seq: int
    at: Millis
    event: LandingEvent
