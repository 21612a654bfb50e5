"""The product's own planner, driven through its events as its driver does; nothing of it is written anew here."""

from __future__ import annotations

from collections import Counter

from landing.arm import Arm
from landing.machine import Run
from landing.world import Tree, Truth
from watchkeeper.landing.folding import apply_event
from watchkeeper.landing.plan import Ask, Build, Land, Plan
from watchkeeper.landing.planner import plan
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.queue import Queue
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.model.landing import (
    At,
    Candidate,
    CandidateBuilt,
    DiagnosisId,
    Entry,
    EntryBounced,
    EntryId,
    EntryQueued,
    LandingDone,
    LandingEvent,
    LandingIntended,
    Purpose,
    RunBegan,
    RunEnded,
    RunId,
    SetConfirmed,
    TargetMoved,
    Verdict,
)

_GATE = "gate"
_MOST_STEPS = 10_000


class Ours(Arm):
    """Watchkeeper with a policy."""

    def __init__(self, truth: Truth, policy: Policy) -> None:
        super().__init__(truth)
        self.policy = policy
        self.queue = Queue()
        self.commits: dict[Sha, Tree] = {}
        self.runs: dict[RunId, tuple[Run, Ask]] = {}
        self.costs: Counter[DiagnosisId] = Counter()
        self.named: dict[EntryId, float] = {}
        self.purposes: Counter[Purpose] = Counter()
        self.record(TargetMoved(None, self.commit(self.tip), tree_id(self.tip)))

    def record(self, *events: LandingEvent) -> None:
        """As the log does: one after another, each seen at once."""
        for event in events:
            apply_event(self.queue, At(self.queue.seq + 1, Millis(int(self.now * 60_000)), event))
            match event:
                case SetConfirmed():
                    self.named[event.set.entries[-1]] = self.costs[event.diagnosis]
                case EntryBounced():
                    partners = [change_of(each) for each in event.partners]
                    self.reject(change_of(event.id), partners, event.evidence, self.named[event.id])
                case _:
                    pass

    def commit(self, tree: Tree) -> Sha:
        commit = Sha(f"c{tree.key}")
        self.commits[commit] = tree
        return commit

    def tree(self, candidate: Candidate) -> Tree:
        """What git makes of it."""
        return self.history.over(self.commits[candidate.onto], [change_of(each) for each in candidate.entries])

    def arrived(self, change: int) -> None:
        entry = Entry(
            EntryId(f"c{change}/1"),
            ChangeId(f"c{change}"),
            Sha(f"h{change}"),
            base=self.commit(self.history.bases[change]),
        )
        self.record(EntryQueued(entry))

    def ended(self, run: Run) -> None:
        key: RunId = run.tag
        del self.runs[key]
        verdict = Verdict.FAILED if run.failing else Verdict.PASSED
        self.record(RunEnded(key, verdict, tuple(sorted(run.failing))))

    def fill(self) -> None:
        for _ in range(_MOST_STEPS):
            if not self.perform(plan(self.queue, self.policy)):
                return
        raise AssertionError("the planner goes in circles")

    def perform(self, todo: Plan) -> bool:
        """Whether the planner has to be asked again."""
        if todo.decisions:
            self.record(*todo.decisions)
        elif todo.land is not None:
            self.move(todo.land)
        elif todo.stops:
            for stop in todo.stops:
                run, _ = self.runs.pop(stop.run)
                self.machine.stop(run)
                self.record(RunEnded(stop.run, Verdict.STOPPED))
        elif todo.builds:
            self.build(todo.builds)
        else:
            for ask in todo.asks:
                self.begin(ask)
            return False
        return True

    def build(self, builds: tuple[Build, ...]) -> None:
        for each in builds:
            self.record(CandidateBuilt(each.candidate, tree_id(self.tree(each.candidate))))

    def begin(self, ask: Ask) -> None:
        tree = self.tree(ask.candidate)
        assert tree_id(tree) == ask.tree, "the planner knows which tree it asks"
        key = RunId(f"r{self.queue.seq}")
        own = self._own(ask, tree)
        self.record(RunBegan(key, ask.candidate, ask.tree, ask.purpose, _GATE, ask.tests, ask.diagnosis))
        before = self.machine.spent.runs
        run = self.machine.start(tree, own, key, frozenset(ask.tests) if ask.tests else None)
        self.runs[key] = (run, ask)
        self.purposes[ask.purpose] += 1
        if ask.diagnosis:
            self.costs[ask.diagnosis] += self.machine.spent.runs - before

    def _own(self, ask: Ask, tree: Tree) -> list[int]:
        """What a run has beyond those that go on, as for everybody else; a search shares nothing."""
        if ask.purpose is not Purpose.LAND:
            return [change_of(each) for each in ask.candidate.entries]
        shared = {run.tree.key for run, other in self.runs.values() if other.purpose is Purpose.LAND}
        found = []
        while tree.key not in shared and tree.mask & ~self.tip.mask and tree.parent is not None:
            found.append(tree.entry)
            tree = tree.parent
        return found

    def move(self, land: Land) -> None:
        entries = [change_of(each) for each in land.entries]
        old = self.commit(self.tip)
        assert land.onto == old, "main moves from where it is"
        assert tree_id(self.history.over(self.tip, entries)) == land.tree, "what lands is what was tested"
        new = self.commit(self.history.over(self.tip, entries))
        self.record(*land.notes, LandingIntended(land.entries, old, new, land.tree, _GATE, land.is_lane, land.red))
        self.land(entries)
        self.record(LandingDone(new))


def tree_id(tree: Tree) -> Sha:
    return Sha(f"t{tree.key}")


def change_of(entry: EntryId) -> int:
    return int(entry[1 : entry.index("/")])
