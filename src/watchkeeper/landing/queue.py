"""The queue of one project as its events tell it (``folding``). What is derived from it is in the neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.landing.broken import Broken
from watchkeeper.landing.evidence import Evidence, Flakes, Standing
from watchkeeper.landing.waiters import Diagnosis, Landed, Place, Run, Waiter
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.landing import (
    Candidate,
    CandidateClashed,
    ConflictSet,
    DiagnosisId,
    EntryId,
    LandingIntended,
    QueueHalted,
    RunId,
)

FIRST_RATE = 0.05


class Queue:
    """For reading: only ``folding`` changes it, by events in their order."""

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
        self.broken: list[Broken] = []
        """Lanes whose sum fails. Others go on."""
        self.named: dict[EntryId, ConflictSet] = {}
        """What breaks the branch, by its culprit, which landed and is not taken out again yet."""
        self.looked: set[EntryId] = set()
        """What landed, and was searched for what breaks the branch."""
        self.prepared: dict[Sha, EntryId] = {}
        """Commits that take a culprit out of the branch."""
        self.returned: dict[EntryId, tuple[str, ...]] = {}
        """Which tests the newest of those that came back had failed."""
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

    def rest_of(self, candidate: Candidate, *, with_held: bool = False) -> tuple[EntryId, ...] | None:
        """What of a candidate is not in the target branch yet; None where it is not one of the branch any more.

        A candidate of an older tip stays one as long as all that landed since is its own beginning: its tree is then
        the tree of the rest on the tip of now. ``with_held``: also where some of the rest wait for a person.
        """
        done = self._landed_on().get(candidate.onto)
        if done is None or candidate.entries[: len(done)] != done:
            return None
        rest = candidate.entries[len(done) :]
        able = (Place.WAITING, Place.HELD) if with_held else (Place.WAITING,)
        places = (self.entries[each].place if each in self.entries else None for each in rest)
        return rest if all(place in able for place in places) else None

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
        others = self.reach_of([entry for entry in landed if entry not in inside])
        own = self.reach_of(candidate.entries)
        if others is None or own is None or (others & own):
            return None
        rest = candidate.entries[len(done) :]
        places = (self.entries[each].place if each in self.entries else None for each in rest)
        return rest if all(place is Place.WAITING for place in places) else None

    def known_red(self, entries: Sequence[EntryId] = ()) -> frozenset[str]:
        """Tests that fail on the branch because of others: lanes with which these entries have nothing in common.

        Where all of these only take out what breaks the branch, also what others are known to break in it: one repair
        does not wait for another.
        """
        taken = [self.reverted_by(each) for each in entries] if self.named else []
        if taken and all(each in self.named for each in taken):
            left = [found for culprit, found in self.named.items() if culprit not in taken]
            return frozenset(test for each in left for test in each.tests)
        if not self.broken:
            return frozenset()
        reach = self.reach_of(entries)
        return frozenset(test for each in self.broken if each.is_apart(reach) for test in each.tests)

    def reverted_by(self, entry: EntryId) -> EntryId | None:
        """The culprit that an entry takes out of the branch, being the commit that was prepared for that."""
        waiter = self.entries.get(entry)
        return self.prepared.get(waiter.entry.head) if waiter is not None else None

    def free_of(self, entries: Sequence[EntryId], culprits: Iterable[EntryId]) -> tuple[EntryId, ...]:
        """Those that git can merge without the culprits: not these, and not what began from the branch with one in it.

        What is a commit of the branch by itself counts as its difference alone.
        """
        gone = set(culprits)
        first = next((at for at, each in enumerate(self.landings) if gone.intersection(each.entries)), None)
        with_them = {each.new for each in self.landings[first:]} if first is not None else set()
        return tuple(
            each
            for each in entries
            if each not in gone
            and each in self.entries
            and (self.entries[each].entry.is_picked or self.entries[each].entry.base not in with_them)
        )

    def waits_for_repair(self, waiter: Waiter) -> Broken | None:
        """The broken lanes with which an entry has something in common; None where there are none, or it repairs them.

        Who goes before all others is taken for a repair, until it was run on the branch as it is now and was none.
        """
        touched = next((each for each in self.broken if not each.is_apart(waiter.entry.reach)), None)
        if touched is None or (waiter.priority > 0 and not self._repairs_nothing(waiter.entry.id)):
            return None
        return touched

    def _repairs_nothing(self, entry: EntryId) -> bool:
        red = {test for each in self.broken for test in each.tests}
        asked = [
            self.evidence_of(tree)
            for key, tree in self.trees.items()
            if key.onto == self.tip and entry in key.entries and tree in self.evidence
        ]
        others = self.known_red((entry,)) if self.reverted_by(entry) else ()
        return any(each.standing(others) is Standing.FAILS and red.issuperset(each.failing()) for each in asked)

    def reach_of(self, entries: Sequence[EntryId]) -> set[str] | None:
        """The files that they touch and what depends on these; None: anything."""
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

    def add_tree(self, candidate: Candidate, tree: Sha) -> None:
        """git made this tree of it."""
        self.trees[candidate] = tree
        self._candidates.setdefault(tree, []).append(candidate)

    def keep_trees(self, candidates: Iterable[Candidate]) -> None:
        """Forget those of all others."""
        trees, self.trees, self._candidates = self.trees, {}, {}
        for each in candidates:
            self.add_tree(each, trees[each])

    def forget_derived(self) -> None:
        """The line and what landed on what are found anew when they are asked for next."""
        self._line = self._done = None
