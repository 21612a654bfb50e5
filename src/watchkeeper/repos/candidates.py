"""The trees that a queue asks for: entries on top of the target branch, in order, each merged as git merges."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.merging import Clash, ClashKind, MergeOutcome

MOST_REMEMBERED = 4096
LONGEST_REMEMBERED_S = 86_400.0
"""Less than tidying spares: what is built of a remembered tree must still be in the hub."""


class Step(msgspec.Struct, frozen=True):
    """The tree after one more entry; ``commit`` holds it with the history that git merges the next one by."""

    tree: Sha
    commit: Sha


class Built(msgspec.Struct, frozen=True):
    """All entries fit. ``steps``: one for each, in order; ``tree`` is the last one's, or that of the branch."""

    tree: Sha
    steps: tuple[Step, ...] = ()


class Clashed(msgspec.Struct, frozen=True):
    """git cannot merge ``entry`` onto the ones before it, which it could merge.

    ``partner`` is the first of these without which it could; None: it does not fit the target branch itself.
    ``reason`` is git's own words, a line for each clash.
    """

    entry: EntryId
    partner: EntryId | None
    paths: tuple[str, ...]
    kinds: tuple[ClashKind, ...]
    reason: str


class Builder:
    """Builds candidates in a hub. What was built once is remembered; a new one costs about 10 ms for each entry."""

    def __init__(self, hub: Hub, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._clock = clock
        self._known: OrderedDict[tuple[Sha, Sha, Sha | None, bool], tuple[float, MergeOutcome]] = OrderedDict()

    def build(self, onto: Sha, entries: Sequence[Entry]) -> Built | Clashed:
        """The tree of a candidate, or the first entry that git cannot merge; deterministic.

        A normal entry is merged by its history and that of all before it, so stacked entries and criss-cross histories
        come out as ``git merge`` after ``git merge`` would make them. A picked one is the difference from its ``base``.
        Raises: GitError (an object is missing: nothing is said about the candidate).
        """
        start = self._start(onto)
        steps = [start]
        for entry in entries:
            outcome = self._merge(steps[-1], entry)
            if not outcome.clean:
                return self._explain(steps, entries, entry, outcome)
            steps.append(self._next(steps[-1], entry, outcome.tree))
        return Built(steps[-1].tree, tuple(steps[1:]))

    def _start(self, onto: Sha) -> Step:
        return Step(self._hub.objects.tree_of(onto), onto)

    def _merge(self, onto: Step, entry: Entry) -> MergeOutcome:
        key = (onto.commit, entry.head, entry.base, entry.is_picked)
        now = self._clock()
        at, outcome = self._known.get(key, (0.0, None))
        if outcome is None or now - at > LONGEST_REMEMBERED_S:
            outcome = self._ask([onto], entry)[0]
            self._known[key] = (now, outcome)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return outcome

    def _ask(self, places: Sequence[Step], entry: Entry) -> tuple[MergeOutcome, ...]:
        """The entry on each of these places."""
        if not entry.is_picked:
            return self._hub.merge_histories([place.commit for place in places], entry.head)
        outcomes = self._hub.merge_many([(entry.base, place.tree, entry.head) for place in places])
        for outcome in outcomes:
            if outcome.failed:
                raise GitError(
                    f"git cannot pick {entry.head}: {outcome.failed}",
                    slug="object-missing",
                    hint="fetch what is missing: git fetch --refetch --no-filter",
                )
        return outcomes

    def _next(self, place: Step, entry: Entry, tree: Sha) -> Step:
        parents = [place.commit] if entry.is_picked else [place.commit, entry.head]
        # The date is what git walks histories by: with none of ours, each merge base would cost a walk to the roots.
        at_s = max(commit_date(self._hub, parent) for parent in (place.commit, entry.head))
        return Step(tree, self._hub.commit(tree, parents, "candidate", at_s))

    def _explain(self, steps: Sequence[Step], entries: Sequence[Entry], entry: Entry, outcome: MergeOutcome) -> Clashed:
        """With which of the ones before it, or already with the branch: the first place where it does not fit."""
        tried = self._ask(steps[:-1], entry) if len(steps) > 1 else ()
        first = next((index for index, each in enumerate((*tried, outcome)) if not each.clean), len(tried))
        return Clashed(
            entry=entry.id,
            partner=entries[first - 1].id if first else None,
            paths=tuple(sorted({path for clash in outcome.clashes for path in _paths(clash)})),
            kinds=tuple(dict.fromkeys(clash.kind for clash in outcome.clashes)),
            reason=outcome.failed or "\n".join(clash.message for clash in outcome.clashes),
        )


def commit_date(hub: Hub, commit: Sha) -> int:
    """When it was committed, in seconds since the epoch; 0 where nobody can tell. Raises: GitError."""
    header = (hub.objects.read(commit) or b"").partition(b"\n\n")[0]
    line = next((line for line in header.split(b"\n") if line.startswith(b"committer ")), b"")
    seconds = line.rpartition(b"> ")[2].partition(b" ")[0]
    return int(seconds) if seconds.isdigit() else 0


def _paths(clash: Clash) -> Sequence[str]:
    """Where a clash is; ``paths`` also names what is only beside it."""
    return clash.paths or (clash.path,)
