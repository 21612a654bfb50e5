"""A world for the planner: entries that break tests together, runs that end when the test says so. No git, no clock.

It stands where git and the gate do, and keeps the contract of both: a tree is what is in it, in order, and a run says
truly what fails in it, but for what was told to fail now and then.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.landing.exposed import needs_watching
from watchkeeper.landing.folding import apply_event
from watchkeeper.landing.plan import Ask, Land
from watchkeeper.landing.planner import plan
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.queue import Queue
from watchkeeper.model.exposure import Exposure, Measured
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.model.landing import (
    At,
    Candidate,
    CandidateBuilt,
    CandidateClashed,
    Entry,
    EntryBounced,
    EntryId,
    EntryQueued,
    LandingDone,
    LandingEvent,
    LandingIntended,
    RevertPrepared,
    RunBegan,
    RunEnded,
    RunId,
    TargetMoved,
    Verdict,
)

GATE = "gate"
_MOST_STEPS = 500


class World:
    """``queue`` is the product's; ``running`` are the runs that go on, with what each was asked."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.queue = Queue()
        self.events: list[LandingEvent] = []
        self.running: dict[RunId, Ask] = {}
        self.asked: list[Ask] = []
        self._broken: list[tuple[str, frozenset[EntryId]]] = []
        self._healed: list[tuple[str, EntryId]] = []
        self._reverts: dict[EntryId, EntryId] = {}
        self._clashes: list[frozenset[EntryId]] = []
        self._watched: set[RunId] = set()
        self._flaky: dict[str, int] = {}
        self.measured: dict[EntryId, Measured] = {}
        """What runs of all tests say of the lines of entries."""
        self._content: dict[Sha, tuple[EntryId, ...]] = {Sha("c0"): ()}
        self._trees: dict[tuple[EntryId, ...], Sha] = {(): Sha("t0")}
        self.record(TargetMoved(None, Sha("c0"), Sha("t0")))

    def breaks(self, test: str, *entries: EntryId) -> None:
        """``test`` fails wherever all of these are."""
        self._broken.append((test, frozenset(entries)))

    def heals(self, test: str, entry: EntryId) -> None:
        """``test`` fails nowhere where this one is."""
        self._healed.append((test, entry))

    def revert(self, name: EntryId, culprit: EntryId) -> None:
        """The prepared revert of a culprit is queued before all others: with it, what the culprit does is gone."""
        self._reverts[name] = culprit
        self.record(RevertPrepared(culprit, self.queue.tip or Sha(""), Sha(name)))
        self.arrive(name, priority=1)

    def clashes(self, *entries: EntryId) -> None:
        """git cannot merge these with each other."""
        self._clashes.append(frozenset(entries))

    def fails_once(self, test: str, times: int = 1) -> None:
        """``test`` fails in the next runs in which it is asked, whatever is in the tree."""
        self._flaky[test] = times

    def arrive(
        self,
        *names: EntryId,
        reach: tuple[str, ...] | None = None,
        priority: int = 0,
        base: Sha | None = None,
        risk: int = 0,
        exposure: Exposure | None = None,
        within: tuple[EntryId, ...] = (),
    ) -> None:
        """These are queued, begun from the branch as it is now, or as it was at ``base``."""
        for name in names:
            change, began = ChangeId(name.rpartition("/")[0]), base or self.queue.tip
            entry = Entry(
                name,
                change,
                Sha(name),
                began,
                reach=reach,
                priority=priority,
                risk=risk,
                exposure=exposure,
                within=within,
            )
            self.record(EntryQueued(entry))

    def record(self, *events: LandingEvent) -> None:
        for event in events:
            self.events.append(event)
            apply_event(self.queue, At(len(self.events), Millis(len(self.events) * 1_000), event))

    def move_past(self, adopted: tuple[Entry, ...], content: tuple[EntryId, ...]) -> None:
        """Somebody moved the branch past the queue."""
        new = Sha(f"c{len(self._content)}")
        self._content[new] = content
        self.record(TargetMoved(self.queue.tip, new, self._tree(content), adopted))

    def content(self, commit: Sha) -> tuple[EntryId, ...]:
        """What is in a commit of the branch."""
        return self._content[commit]

    @property
    def main(self) -> tuple[EntryId, ...]:
        """What is in the branch."""
        return self._content[self.queue.tip or Sha("c0")]

    @property
    def watched(self) -> list[RunId]:
        """The runs that looked which lines tests execute."""
        return [event.id for event in self.events if isinstance(event, RunBegan) and event.id in self._watched]

    @property
    def bounced(self) -> dict[EntryId, EntryBounced]:
        return {event.id: event for event in self.events if isinstance(event, EntryBounced)}

    @property
    def landings(self) -> list[tuple[EntryId, ...]]:
        return [event.entries for event in self.events if isinstance(event, LandingIntended)]

    def failing(self, content: tuple[EntryId, ...]) -> set[str]:
        """What truly fails in a tree."""
        healed = {test for test, entry in self._healed if entry in content}
        there = set(content) - {culprit for revert, culprit in self._reverts.items() if revert in content}
        return {test for test, entries in self._broken if entries <= there} - healed

    def step(self) -> None:
        """Perform plans until nothing is left but to wait for runs."""
        for _ in range(_MOST_STEPS):
            todo = plan(self.queue, self.policy)
            assert todo == plan(self.queue, self.policy)
            if todo.decisions:
                self.record(*todo.decisions)
            elif todo.land is not None:
                self._land(todo.land)
            elif todo.stops or todo.builds:
                for stop in todo.stops:
                    del self.running[stop.run]
                    self.record(RunEnded(stop.run, Verdict.STOPPED))
                for build in todo.builds:
                    self._build(build.candidate)
            else:
                for ask in todo.asks:
                    self._begin(ask)
                return
        raise AssertionError("the plan does not come to an end")

    def end(self, run: RunId | None = None) -> None:
        """One run ends: the one that began first, or this one."""
        run = run or next(iter(self.running))
        ask = self.running.pop(run)
        self.record(self._answer(run, ask))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Go on, one run after the other, until it is so."""
        for _ in range(_MOST_STEPS):
            self.step()
            if is_so():
                return
            assert self.running, "nothing goes on, and it is not so"
            self.end()
        raise AssertionError("it never is so")

    def settle(self) -> None:
        """Go on until nothing is left to do."""
        self.until(lambda: not self.running)

    def _begin(self, ask: Ask) -> None:
        run = RunId(f"r{len(self.events)}")
        self.running[run] = ask
        self.asked.append(ask)
        if needs_watching(self.queue, ask.candidate.entries, self.policy):
            self._watched.add(run)
        assert len(self.running) <= self.policy.slots
        self.record(RunBegan(run, ask.candidate, ask.tree, ask.purpose, GATE, ask.tests, ask.diagnosis))

    def _answer(self, run: RunId, ask: Ask) -> RunEnded:
        content = next(key for key, tree in self._trees.items() if tree == ask.tree)
        failed = self.failing(content)
        for test in [test for test in self._flaky if not ask.tests or test in ask.tests]:
            failed.add(test)
            self._flaky[test] -= 1
            if not self._flaky[test]:
                del self._flaky[test]
        if ask.tests:
            failed &= set(ask.tests)
        measured = {} if ask.tests else self._measure(run, content)
        verdict = Verdict.FAILED if failed else Verdict.PASSED
        return RunEnded(run, verdict, tuple(sorted(failed)), measured=measured)

    def _measure(self, run: RunId, content: tuple[EntryId, ...]) -> dict[EntryId, Measured]:
        """Of who is not in the branch yet: what was told of its lines, unless nobody looked, or could tell."""
        waiting = [self.queue.entries[each].entry for each in content if each in self.queue.entries]
        exposed = [each.id for each in waiting if each.exposure is not None]
        if run not in self._watched:
            return {each: Measured(unseen=("nobody looked",), is_plain=True) for each in exposed}
        return {each: self.measured.get(each, Measured(unseen=("not known",))) for each in exposed}

    def _build(self, candidate: Candidate) -> None:
        below = self._content[candidate.onto]
        for end in range(1, len(candidate.entries) + 1):
            content = (*below, *candidate.entries[:end])
            if any(each <= set(content) and candidate.entries[end - 1] in each for each in self._clashes):
                self.record(CandidateClashed(Candidate(candidate.onto, candidate.entries[:end]), ("file",)))
                return
        self.record(CandidateBuilt(candidate, self._tree((*below, *candidate.entries))))

    def _land(self, land: Land) -> None:
        old = self.queue.tip
        assert old == land.onto
        content = (*self._content[old], *land.entries)
        assert self._tree(content) == land.tree, "what lands is not what was tested"
        new = Sha(f"c{len(self._content)}")
        self._content[new] = content
        intent = LandingIntended(land.entries, old, new, land.tree, GATE, land.is_lane, land.red)
        self.record(*land.notes, intent, LandingDone(new))

    def _tree(self, content: tuple[EntryId, ...]) -> Sha:
        return self._trees.setdefault(content, Sha(f"t{len(self._trees)}"))
