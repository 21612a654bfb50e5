"""What the queue holds: who waits where, what runs, what is searched, how the branch moved. Values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from watchkeeper.model.exposure import Measured
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.landing import (
    ConflictSet,
    CulpritFound,
    DiagnosisEnded,
    DiagnosisId,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    LandingDone,
    LandingIntended,
    LandingVoid,
    LanesHalted,
    LanesResumed,
    MonotonicityBroken,
    QueueHalted,
    QueueResumed,
    RevertFailed,
    RevertPrepared,
    RunBegan,
    SegmentQuarantined,
    SetConfirmed,
    TargetMoved,
    Vanished,
)


class Place(StrEnum):
    WAITING = "waiting"
    HELD = "held"
    QUARANTINED = "quarantined"
    LANDED = "landed"
    BOUNCED = "bounced"
    WITHDRAWN = "withdrawn"


class Waiter(msgspec.Struct):
    """An entry and where it stands. ``order`` grows with arrival; ``passed_over`` counts landings of later ones."""

    entry: Entry
    place: Place
    order: int
    since: Millis
    priority: int = 0
    reason: str = ""
    passed_over: int = 0
    diagnosis: DiagnosisId | None = None
    bounce: EntryBounced | None = None
    landed_in: Sha | None = None
    vanished: tuple[Vanished, ...] = ()
    measured: Measured | None = None
    """What the newest run of all tests said of its changed lines."""
    told: int = 0
    """The highest risk that a person was told of when it was held."""
    cleared: int = -1
    """The risk that a person knew of and let it go on with."""


class Run(msgspec.Struct, frozen=True):
    """A run that goes on."""

    began: RunBegan
    since: Millis


class Diagnosis(msgspec.Struct):
    """A search that goes on: these entries on ``onto`` fail ``tests``."""

    id: DiagnosisId
    onto: Sha
    entries: tuple[EntryId, ...]
    tests: tuple[str, ...]
    since: Millis
    answered: int = 0
    """How many runs ``onto`` had had by then: what they said may be of another day."""
    culprit: EntryId | None = None
    root: Sha | None = None
    """The commit from which partners of the culprit are looked for among what landed: its base, if remembered."""
    found: ConflictSet | None = None


class Landed(msgspec.Struct, frozen=True):
    """One move of the target branch, by us or past us."""

    old: Sha | None
    new: Sha
    tree: Sha
    entries: tuple[EntryId, ...]
    is_ours: bool
    is_lane: bool = False


EntryEvent = EntryQueued | EntryWithdrawn | EntryHeld | EntryReleased | EntryMoved | EntryBounced
SearchEvent = SegmentQuarantined | CulpritFound | SetConfirmed | DiagnosisEnded | MonotonicityBroken
TargetEvent = (
    LandingIntended
    | LandingVoid
    | LandingDone
    | TargetMoved
    | QueueHalted
    | QueueResumed
    | LanesHalted
    | LanesResumed
    | RevertPrepared
    | RevertFailed
)
"""What is folded by one part of the queue each."""


def names(entries: Sequence[EntryId]) -> str:
    """Entries for people: ``a/1, b/2 and c/1``."""
    if len(entries) < 2:
        return "".join(entries)
    return f"{', '.join(entries[:-1])} and {entries[-1]}"
