"""What people do to an entry of the queue, from whichever surface: with it always goes what has its commits in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from watchkeeper.app import Place
from watchkeeper.landing.entering import bounce, find_entry, hold, hold_above, jump, release, release_above, withdraw
from watchkeeper.landing.queue import Queue
from watchkeeper.model.landing import EntryId, LandingEvent
from watchkeeper.queueing import find_above, open_book

_Decide = Callable[[Queue, EntryId], Sequence[LandingEvent]]


class Acted(NamedTuple):
    """The entry that was meant, and what was recorded of it and of those that have its commits in them."""

    entry: EntryId
    events: tuple[LandingEvent, ...]


def hold_entry(place: Place, name: str, reason: str, by: str) -> Acted:
    """It waits for a person, and with it what has its commits in it. Raises UsageError for one that is not there."""
    why = f"which waits for a person: {reason}"
    return _keep_back(place, name, lambda queue, entry: hold(queue, entry, reason, by), why, by)


def bounce_entry(place: Place, name: str, reason: str, by: str) -> Acted:
    """It goes back to who made it; what has its commits in it waits for a person. Raises as ``hold_entry``."""
    why = f"which a person sent back: {reason}"
    return _keep_back(place, name, lambda queue, entry: bounce(queue, entry, reason), why, by)


def release_entry(place: Place, name: str, by: str) -> Acted:
    """It goes on, and with it what waited only because of it. Raises as ``hold_entry``."""
    with open_book(place) as book:
        entry = find_entry(book.queue, name)

        def decide(queue: Queue) -> tuple[LandingEvent, ...]:
            released = release(queue, entry, by)
            return (*released, *release_above(queue, entry, by)) if released else ()

        return Acted(entry, book.tell_if(decide))


def withdraw_entry(place: Place, name: str, reason: str) -> Acted:
    """It leaves the queue for good; its commit stays on its branch. Raises as ``hold_entry``."""
    with open_book(place) as book:
        entry = find_entry(book.queue, name)
        return Acted(entry, book.tell_if(lambda queue: withdraw(queue, entry, reason)))


def jump_entry(place: Place, name: str, by: str) -> Acted:
    """It goes before all others; what is run for others without it begins anew. Raises as ``hold_entry``."""
    with open_book(place) as book:
        entry = find_entry(book.queue, name)
        return Acted(entry, book.tell_if(lambda queue: jump(queue, entry, by)))


def _keep_back(place: Place, name: str, decide: _Decide, why: str, by: str) -> Acted:
    """At once: between two records the one could land what the other keeps back."""
    with open_book(place) as book:
        entry = find_entry(book.queue, name)
        below = book.queue.entries[entry].entry
        above = find_above(place, below)
        return Acted(
            entry,
            book.tell_if(lambda queue: (*decide(queue, entry), *hold_above(queue, below, above, why, by))),
        )
