"""Entries that stand on others that did not land: what fails in one may fail in the branch below it already. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.landing.queue import Queue
from watchkeeper.landing.waiters import Place
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Candidate, EntryId

_MOST = 2
_IN_WORK = (Place.WAITING, Place.HELD, Place.QUARANTINED)


def find_lower(queue: Queue, entry: EntryId) -> tuple[EntryId, ...]:
    """The entries in the queue that an entry has in it: they can be asked whether they fail the same."""
    return tuple(each for each in _within(queue, entry) if _is_in_work(queue, each))


def describe_lower(queue: Queue, entry: EntryId, tests: Sequence[str], onto: Sha) -> str:
    """Clauses that say on what it stands, and whether what it fails is to be found there already; ``""`` for nothing.

    ``onto`` is the commit on which those that are in the queue were asked.
    """
    told = [f"; {each} is in it, {_standing(queue, each, tests, onto)}" for each in _within(queue, entry)]
    return "".join(told)


def _within(queue: Queue, entry: EntryId) -> tuple[EntryId, ...]:
    """The newest that are not in the target branch."""
    waiter = queue.entries.get(entry)
    lower = waiter.entry.within if waiter is not None else ()
    known = [each for each in lower if each in queue.returned or _is_in_work(queue, each)]
    return tuple(known[-_MOST:])


def _is_in_work(queue: Queue, entry: EntryId) -> bool:
    return entry in queue.entries and queue.entries[entry].place in _IN_WORK


def _standing(queue: Queue, lower: EntryId, tests: Sequence[str], onto: Sha) -> str:
    if not _is_in_work(queue, lower):
        is_same = not set(queue.returned[lower]).isdisjoint(tests)
        return "which came back for the same" if is_same else "which came back for something else"
    tree = queue.tree_of(Candidate(onto, (lower,)))
    if tree is not None and queue.evidence_of(tree).fails(tests):
        return "and fails the same by itself"
    if tree is not None and queue.evidence_of(tree).passes(tests):
        return "and passes that by itself"
    return "of which it is not known whether it fails the same"
