"""The queue's events as one line each, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from watchkeeper.landing.waiters import TargetEvent
from watchkeeper.model.landing import (
    Candidate,
    CandidateBuilt,
    CandidateClashed,
    CulpritFound,
    DiagnosisEnded,
    EntryBounced,
    EntryHeld,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    GateSet,
    Halt,
    LandingDone,
    LandingEvent,
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
    RunEnded,
    SegmentQuarantined,
    SetConfirmed,
    TargetMoved,
)
from watchkeeper.model.printing import printable

_MOST_NAMED = 4


def name_all(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """Names for people: ``a, b and 3 more``."""
    shown = [printable(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def describe_landing(event: LandingEvent) -> str:
    """What happened, in one line."""
    match event:
        case EntryQueued() | EntryWithdrawn() | EntryHeld() | EntryReleased() | EntryMoved() | EntryBounced():
            return _describe_entry(event)
        case GateSet() | CandidateBuilt() | CandidateClashed() | RunBegan() | RunEnded():
            return _describe_run(event)
        case SegmentQuarantined() | CulpritFound() | SetConfirmed() | DiagnosisEnded() | MonotonicityBroken():
            return _describe_search(event)
        case _:
            return _describe_target(event)


def describe_candidate(candidate: Candidate) -> str:
    """``fix/1 and other/2 on 1234567``."""
    onto = candidate.onto[:7]
    return f"{name_all(candidate.entries)} on {onto}" if candidate.entries else f"{onto} as it is"


def _describe_entry(
    event: EntryQueued | EntryWithdrawn | EntryHeld | EntryReleased | EntryMoved | EntryBounced,
) -> str:
    match event:
        case EntryQueued():
            lost = f"; {len(event.vanished)} lines of others are gone" if event.vanished else ""
            return f"{printable(event.entry.id)} wants to land: {printable(event.entry.title)}{lost}"
        case EntryWithdrawn():
            return f"{printable(event.id)} no longer wants to land: {printable(event.reason)}"
        case EntryHeld():
            return f"{printable(event.id)} waits for a person: {printable(event.reason)}"
        case EntryReleased():
            return f"{printable(event.id)} may go on{_by(event.by)}"
        case EntryMoved():
            return f"{printable(event.id)} goes before others{_by(event.by)}"
        case EntryBounced():
            return f"{printable(event.id)} goes back: {printable(event.reason)}"
        case _:
            assert_never(event)


def _describe_run(event: GateSet | CandidateBuilt | CandidateClashed | RunBegan | RunEnded) -> str:
    match event:
        case GateSet():
            return f"what has to hold of a tree is another now ({event.gate[:7]})"
        case CandidateBuilt():
            return f"merged {describe_candidate(event.candidate)}"
        case CandidateClashed():
            last = printable(event.candidate.entries[-1]) if event.candidate.entries else "it"
            why = name_all(event.paths) or printable(event.reason)
            return f"git cannot merge {last} with what is ahead of it: {why}"
        case RunBegan():
            count = len(event.tests)
            what = f"{count} test{'' if count == 1 else 's'}" if count else "everything"
            return f"{event.purpose.value}: {what} on {describe_candidate(event.candidate)}"
        case RunEnded():
            told = f": {name_all(event.failing)}" if event.failing else f": {event.reason}" if event.reason else ""
            return f"{event.verdict.value.replace('-', ' ')} after {event.wall_ms / 1000:.1f} s{printable(told)}"
        case _:
            assert_never(event)


def _describe_search(
    event: SegmentQuarantined | CulpritFound | SetConfirmed | DiagnosisEnded | MonotonicityBroken,
) -> str:
    match event:
        case SegmentQuarantined():
            return f"{name_all(event.entries)} fail {name_all(event.tests)}: who of them does is looked for"
        case CulpritFound():
            return f"it begins to fail with {printable(event.entry)}; the others go on"
        case SetConfirmed():
            landed = f" ({name_all(event.set.landed)} landed before)" if event.set.landed else ""
            fail = "fail together" if len(event.set.entries) > 1 else "fails by itself"
            return f"{name_all(event.set.entries)} {fail}{landed}: {name_all(event.set.tests)}"
        case DiagnosisEnded():
            return f"the search is over: {printable(event.reason)}"
        case MonotonicityBroken():
            return (
                f"{describe_candidate(event.fails)} fails {name_all(event.tests)}, "
                f"{describe_candidate(event.passes)} does not"
            )
        case _:
            assert_never(event)


def _describe_target(
    event: TargetEvent,
) -> str:
    match event:
        case LandingIntended():
            return f"about to land {name_all(event.entries)} as {event.new[:7]}"
        case LandingDone():
            return f"landed {event.new[:7]}"
        case LandingVoid():
            return f"{event.new[:7]} did not land: {printable(event.reason)}"
        case TargetMoved():
            if event.old is None:
                return f"the target branch is at {event.new[:7]}"
            if not event.adopted:
                return (
                    f"the target branch was rewritten past the queue, {event.old[:7]} to {event.new[:7]}: "
                    "what landed before may be in it no more"
                )
            return f"the target branch was moved past the queue, {event.old[:7]} to {event.new[:7]}"
        case QueueHalted():
            again = "; it is tried again by itself, at once with: watchkeeper queue --resume"
            return f"nothing lands: {printable(event.reason)}{again if event.why is Halt.BLOCKED else ''}"
        case QueueResumed():
            return f"landing goes on{_by(event.by)}"
        case LanesHalted():
            return f"lanes fail {name_all(event.tests)} together: what touches {name_all(event.entries)} waits"
        case LanesResumed():
            return f"the target branch passes {name_all(event.tests)} again"
        case RevertPrepared():
            return f"a revert of {printable(event.entry)} is ready: watchkeeper land --revert {printable(event.entry)}"
        case RevertFailed():
            return f"{printable(event.entry)} cannot be taken out again by git alone: {printable(event.reason)}"
        case _:
            assert_never(event)


def _by(name: str) -> str:
    return f" ({printable(name)})" if name else ""
