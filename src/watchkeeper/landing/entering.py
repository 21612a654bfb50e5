"""What a person or an agent says to the queue, as the events that follow from it. Pure.

Each is a function of the newest queue, so that two who say something at once cannot contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Place, Waiter
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.landing import (
    Bounce,
    Entry,
    EntryBounced,
    EntryHeld,
    EntryId,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    Halt,
    LandingEvent,
    QueueHalted,
    QueueResumed,
    Vanished,
)

_MOST_NAMED = 8
_IN_WORK = (Place.WAITING, Place.HELD, Place.QUARANTINED)
US = "watchkeeper"
SOMEBODY = "somebody said so"
"""The reason where a person gives none."""


def next_revision(change: ChangeId, known: Iterable[EntryId]) -> EntryId:
    """The id of a change's next revision, where ``known`` are all ids there ever were."""
    numbers = [int(number) for name, _, number in (each.rpartition("/") for each in known) if name == change]
    return EntryId(f"{change}/{max(numbers, default=0) + 1}")


def find_waiting(queue: Queue, change: ChangeId) -> Waiter | None:
    """The revision of a change that is in the queue now."""
    return next((each for each in queue.entries.values() if each.entry.change == change and _is_in_work(each)), None)


def enter(
    queue: Queue, entry: Entry, *, waits: Sequence[str] = (), vanished: Sequence[Vanished] = ()
) -> tuple[LandingEvent, ...]:
    """A change wants to land; an older revision of it makes room. ``waits`` are reasons to wait for a person.

    Nothing where the same commit waits already.
    """
    before = find_waiting(queue, entry.change)
    if before is not None and before.entry.head == entry.head:
        return ()
    events: list[LandingEvent] = []
    if before is not None:
        events.append(EntryWithdrawn(before.entry.id, f"a newer revision came: {entry.id}"))
        entry = msgspec.structs.replace(entry, priority=before.priority)
    events.append(EntryQueued(entry, tuple(vanished)))
    if waits:
        events.append(EntryHeld(entry.id, "; ".join(waits), US))
    return tuple(events)


def hold(queue: Queue, entry: EntryId, reason: str, by: str) -> tuple[LandingEvent, ...]:
    """It waits for a person from now on. Raises UsageError where it is not in the queue."""
    waiter, reason = get_waiter(queue, entry), reason.strip() or SOMEBODY
    return () if waiter.place is Place.HELD and waiter.reason == reason else (EntryHeld(entry, reason, by),)


def release(queue: Queue, entry: EntryId, by: str) -> tuple[LandingEvent, ...]:
    """It goes on. Raises UsageError where it is not in the queue."""
    return (EntryReleased(entry, by),) if get_waiter(queue, entry).place is Place.HELD else ()


def withdraw(queue: Queue, entry: EntryId, reason: str) -> tuple[LandingEvent, ...]:
    """It wants to land no more. Raises UsageError where it is not in the queue."""
    get_waiter(queue, entry)
    return (EntryWithdrawn(entry, reason.strip() or SOMEBODY),)


def bounce(queue: Queue, entry: EntryId, reason: str) -> tuple[LandingEvent, ...]:
    """It goes back to who made it. Raises UsageError where it is not in the queue."""
    get_waiter(queue, entry)
    return (EntryBounced(entry, Bounce.PERSON, reason.strip() or SOMEBODY),)


def jump(queue: Queue, entry: EntryId, by: str) -> tuple[LandingEvent, ...]:
    """It goes before all others. Raises UsageError where it is not in the queue."""
    waiter = get_waiter(queue, entry)
    highest = max((each.priority for each in queue.waiting() if each is not waiter), default=-1)
    if waiter.priority > highest:
        return ()
    return (EntryMoved(entry, max(1, highest + 1), by),)


class JumpCost(msgspec.Struct, frozen=True):
    """What a jump would cost: runs that are ended and begun anew, and the entries that wait longer for it."""

    runs: int
    behind: tuple[EntryId, ...]


def jump_cost(queue: Queue, entry: EntryId) -> JumpCost:
    """Before anybody decides. Raises UsageError where it is not in the queue."""
    waiter = get_waiter(queue, entry)
    ahead = [each for each in queue.waiting() if each.order < waiter.order or each.priority > waiter.priority]
    wasted = [
        run
        for run in queue.runs.values()
        if not run.began.tests and run.began.candidate.entries and entry not in run.began.candidate.entries
    ]
    return JumpCost(len(wasted), tuple(each.entry.id for each in ahead if each is not waiter))


def halt(queue: Queue, reason: str) -> tuple[LandingEvent, ...]:
    """Nothing lands until a person says so."""
    is_halted = queue.halted is not None and queue.halted.why is Halt.PERSON
    return () if is_halted else (QueueHalted(Halt.PERSON, reason.strip() or SOMEBODY),)


def resume(queue: Queue, by: str) -> tuple[LandingEvent, ...]:
    """Landing goes on; what was red or could not be run is tried again."""
    return (QueueResumed(by),) if queue.halted is not None or queue.broken else ()


def find_refused(queue: Queue, history: Iterable[LandingEvent]) -> dict[EntryId, str]:
    """The entries that wait for a person, or that one sent back and nobody queued again; each with a clause about it.

    Nothing that has one of them in it may land by itself: it would take them along.
    """
    found: dict[EntryId, str] = {}
    for event in history:
        if isinstance(event, EntryBounced) and event.why is Bounce.PERSON:
            found[event.id] = f"which a person sent back: {event.reason}"
        elif isinstance(event, EntryQueued):
            found = {each: why for each, why in found.items() if each.rpartition("/")[0] != event.entry.change}
    held = [each for each in queue.entries.values() if each.place is Place.HELD]
    return found | {each.entry.id: f"which waits for a person: {each.reason}" for each in held}


def hold_above(queue: Queue, below: Entry, above: Iterable[EntryId], why: str, by: str) -> tuple[LandingEvent, ...]:
    """Who has ``below`` in it waits for a person too: it would take along what may not land. ``why`` is a clause."""
    going = [queue.entries[each] for each in above if each in queue.entries]
    return tuple(
        EntryHeld(each.entry.id, _in_it(below.id, why), by)
        for each in going
        if each.entry.change != below.change and each.place in (Place.WAITING, Place.QUARANTINED)
    )


def release_above(queue: Queue, below: EntryId, by: str) -> tuple[LandingEvent, ...]:
    """Who waited for a person only because ``below`` is in it goes on with it."""
    held = [each for each in queue.entries.values() if each.place is Place.HELD]
    return tuple(EntryReleased(each.entry.id, by) for each in held if each.reason.startswith(_in_it(below, "which")))


def reasons_within(entry: Entry, within: Iterable[EntryId], refused: Mapping[EntryId, str]) -> tuple[str, ...]:
    """Why an entry waits for a person that has these in it."""
    others = sorted(each for each in within if each in refused and each.rpartition("/")[0] != entry.change)
    return tuple(_in_it(each, refused[each]) for each in others)


def _in_it(below: EntryId, why: str) -> str:
    return f"{below} is in it, {why}"


def try_again(queue: Queue, by: str) -> tuple[LandingEvent, ...]:
    """What may have passed by itself is tried at once, not after its pause: what cannot be run, what is in the way."""
    may_pass = queue.halted is not None and queue.halted.why in (Halt.CANNOT_RUN, Halt.BLOCKED)
    return resume(queue, by) if may_pass else ()


def get_waiter(queue: Queue, entry: EntryId) -> Waiter:
    """The entry in the queue. Raises UsageError where there is none, with the names of those there are."""
    waiter = queue.entries.get(entry)
    if waiter is not None and _is_in_work(waiter):
        return waiter
    there = [each.entry.id for each in queue.entries.values() if _is_in_work(each)]
    raise UsageError(
        f"{entry} is not in the queue",
        slug="not-in-queue",
        hint=f"what became of it: watchkeeper queue {entry}{_named(there)}",
        facts={"entry": entry},
    )


def find_entry(queue: Queue, name: str) -> EntryId:
    """What a person means by ``fix-login`` or ``fix-login/2``. Raises UsageError where nothing is in the queue so."""
    waiter = find_waiting(queue, ChangeId(name))
    return waiter.entry.id if waiter is not None else get_waiter(queue, EntryId(name)).entry.id


def _named(there: Sequence[EntryId]) -> str:
    more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
    return f"; in the queue are {', '.join(there[:_MOST_NAMED])}{more}" if there else "; the queue is empty"


def _is_in_work(waiter: Waiter) -> bool:
    return waiter.place in _IN_WORK
