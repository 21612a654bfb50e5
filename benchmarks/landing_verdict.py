"""What a storm left behind, held against what was planted: main, the log, the refs, the checkout, the processes."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from landing_project import Planted, failing_tests
from scratch import git
from watchkeeper.landing.audit import Audit, audit_landings
from watchkeeper.model.landing import (
    Bounce,
    DiagnosisEnded,
    EntryBounced,
    EntryHeld,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    LandingDone,
    LandingEvent,
    LandingIntended,
    QueueHalted,
    QueueResumed,
    RevertPrepared,
    RunBegan,
    RunEnded,
    SegmentQuarantined,
    SetConfirmed,
    TargetMoved,
    Verdict,
)
from watchkeeper.record.codec import LANDING_KINDS
from watchkeeper.record.log import Log
from watchkeeper.record.store import find_file_store
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.keeping import kept_changes
from watchkeeper.repos.repository import find_repository

PATIENCE_S = 30.0
MOST_LANDINGS = 64
"""So long the commits of what landed are kept: partners of a culprit are looked for that far back."""
PAST = "past-the-queue-"
TRAILER = re.compile(r"^Watchkeeper-Change: (\S+)$", re.MULTILINE)


class Faults:
    """What was wrong, by kind; each is said when it is seen."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, detail: object) -> None:
        self.counts[kind] += 1
        print(f"  WRONG: {kind}: {detail}", flush=True)


class Facts:
    """The log, read without the product's own fold: who was queued, landed, sent back; what was named; what goes on."""

    def __init__(self) -> None:
        self.heads: dict[str, str] = {}
        self.landed: Counter[str] = Counter()
        self.landings: list[LandingIntended] = []
        self.bounces: dict[str, EntryBounced] = {}
        self.withdrawn: set[str] = set()
        self.held: dict[str, str] = {}
        self.sets: list[tuple[str, ...]] = []
        self.reverts: list[RevertPrepared] = []
        self.tip = ""
        self.tips: dict[str, str] = {}
        """Where main was when an entry was sent back."""
        self.runs = Counter[str]()
        self.flaky = Counter[str]()
        """Tests that failed on a tree and passed on the same one."""
        self.count = 0
        self.halted = ""
        self.full_s: list[float] = []
        self.waits_s: list[float] = []
        self._queued_at: dict[str, int] = {}
        self._failed: dict[str, set[str]] = {}
        self._open_runs: dict[str, RunBegan] = {}
        self._searches: set[str] = set()
        self._intents: dict[str, LandingIntended] = {}

    def hold(self, event: object, at: int) -> None:
        """One more event."""
        self.count += 1
        match event:
            case EntryQueued():
                self.heads[event.entry.id] = event.entry.head
                self._queued_at[event.entry.id] = at
            case EntryBounced():
                self.bounces[event.id] = event
                self.tips[event.id] = self.tip
            case EntryWithdrawn():
                self.withdrawn.add(event.id)
            case EntryHeld():
                self.held[event.id] = event.reason
            case EntryReleased():
                self.held.pop(event.id, None)
            case LandingIntended():
                self._intents[event.new] = event
            case LandingDone():
                intent = self._intents[event.new]
                self.landings.append(intent)
                self.landed.update(intent.entries)
                self.waits_s += [(at - self._queued_at[each]) / 1000 for each in intent.entries]
                self.tip = event.new
            case TargetMoved():
                self.tip = event.new
            case SetConfirmed():
                self.sets.append(event.set.entries)
            case RevertPrepared():
                self.reverts.append(event)
            case _:
                self._hold_run(event)

    def _hold_run(self, event: object) -> None:
        match event:
            case RunBegan():
                self._open_runs[event.id] = event
                self.runs[event.purpose.value] += 1
            case RunEnded():
                began = self._open_runs.pop(event.id, None)
                if event.verdict in (Verdict.STOPPED, Verdict.COULD_NOT_RUN):
                    self.runs[event.verdict.value] += 1
                elif began is not None:
                    self._learn(began, event)
            case SegmentQuarantined():
                self._searches.add(event.id)
            case DiagnosisEnded():
                self._searches.discard(event.id)
            case QueueHalted():
                self.halted = event.reason
            case QueueResumed():
                self.halted = ""
            case _:
                pass

    def _learn(self, began: RunBegan, ended: RunEnded) -> None:
        """How long a whole run takes, and which tests failed before and pass now."""
        if not began.tests:
            self.full_s.append(ended.wall_ms / 1000)
        failed = self._failed.setdefault(began.tree, set())
        asked = set(began.tests) or failed
        self.flaky.update((failed & asked) - set(ended.failing))
        failed |= set(ended.failing)

    @property
    def in_work(self) -> set[str]:
        """Entries of which it is not decided yet what becomes of them."""
        return self.heads.keys() - self.landed.keys() - self.bounces.keys() - self.withdrawn

    @property
    def is_busy(self) -> bool:
        """Something waits, runs or is searched."""
        return bool(self.in_work or self._open_runs or self._searches)

    @property
    def bounced_for_partners(self) -> set[str]:
        """Changes whose first revision came back because of others."""
        return {change_of(key) for key, each in self.bounces.items() if key.endswith("/1") and each.why is Bounce.SET}

    @property
    def revertible(self) -> set[str]:
        """Entries of which a revert was prepared."""
        return {each.entry for each in self.reverts}


def audit_log(state: Path) -> Audit:
    """The log held against what is promised, by its events alone."""
    store = find_file_store(state)
    if store is None:
        return Audit()
    with Log(store) as log:
        found = (each.event for each in log.read(None, kinds=LANDING_KINDS))
        return audit_landings(event for event in found if isinstance(event, LandingEvent))


def read_facts(state: Path) -> Facts:
    """What the log says so far."""
    facts = Facts()
    store = find_file_store(state)
    if store is not None:
        with Log(store) as log:
            for each in log.read(None, kinds=LANDING_KINDS):
                facts.hold(each.event, each.at)
    return facts


class Scene(NamedTuple):
    """Where everything is: the repository, the state folder, the folder of both, and where main began."""

    repo: Path
    state: Path
    root: Path
    start: str


def judge(
    scene: Scene, planted: Planted, submitted: set[str], pushed: Sequence[str], faults: Faults, *, is_merge: bool
) -> dict[str, object]:
    """Everything that must hold, each violation noted. ``pushed`` are commits past the queue, the second one bad."""
    facts = read_facts(scene.state)
    bad = f"{PAST}{pushed[1][:10]}" if len(pushed) > 1 else ""
    trees = _test_main_again(scene, facts, pushed, faults, is_merge=is_merge)
    _judge_landings(scene, facts, faults)
    _judge_entries(scene, facts, planted, submitted, faults)
    _judge_sets(facts, planted, submitted, bad, faults)
    _judge_bounces(facts, planted, faults)
    _judge_log(scene, faults)
    _judge_rest(scene, facts, faults)
    return {
        "queued": len(facts.heads), "landed": len(facts.landed), "landings": len(facts.landings),
        "bounced": len(facts.bounces), "bounced for": dict(Counter(each.why.value for each in facts.bounces.values())),
        "sets": sorted(" x ".join(each) for each in {tuple(sorted(map(change_of, each))) for each in facts.sets}),
        "pushed past the queue": len(pushed), "trees tested again": trees, "runs": dict(facts.runs),
        "wrong": dict(faults.counts),
    }  # fmt: skip


def _test_main_again(scene: Scene, facts: Facts, pushed: Sequence[str], faults: Faults, *, is_merge: bool) -> int:
    """I1. Red may be what was pushed past the queue, and what was pushed onto that, until the revert landed."""
    line = git(scene.repo, "rev-list", "--first-parent", "--reverse", f"{scene.start}..main").split()
    ours = {each.new for each in facts.landings}
    if ours - set(line):
        faults.note("recorded as landed, but not on main", sorted(ours - set(line)))
    asked = [each for each in line if is_merge or each in ours or each in pushed]
    is_red = False
    for number, commit in enumerate(asked):
        is_red = (is_red or commit in pushed[1:2]) and commit not in ours
        failed = failing_tests(scene.repo, commit, scene.root / f"again-{number}")
        if failed and not is_red:
            faults.note("main is red", f"{commit}: {failed}")
        if commit not in ours and commit not in pushed and is_merge:
            faults.note("a commit of nobody on main", commit)
    for landing in facts.landings:
        if git(scene.repo, "rev-parse", f"{landing.new}^{{tree}}").strip() != landing.tree:
            faults.note("landed another tree than was tested", landing.new)
    return len(asked)


def _judge_landings(scene: Scene, facts: Facts, faults: Faults) -> None:
    """I2: main's trailers and the log say the same, each entry once."""
    messages = git(scene.repo, "log", "--first-parent", "--format=%B", f"{scene.start}..main")
    named = Counter(TRAILER.findall(messages))
    for entry, times in (named + facts.landed).items():
        if named[entry] != 1 or facts.landed[entry] != 1:
            faults.note(
                "not landed exactly once", f"{entry}: main {named[entry]}, log {facts.landed[entry]} of {times}"
            )
    for entry in facts.landed.keys() & facts.bounces.keys():
        faults.note("landed and sent back", entry)


def _judge_entries(scene: Scene, facts: Facts, planted: Planted, submitted: set[str], faults: Faults) -> None:
    """I3: whatever was handed in is landed, sent back with a reason, or waits; and is kept unless it landed."""
    for name in submitted - {change_of(each) for each in facts.heads}:
        if name not in planted.stacked:  # the one that holds all of it had landed before it came
            faults.note("lost: no entry", name)
    for entry in facts.in_work:
        faults.note("not decided", entry)
    for entry, bounce in facts.bounces.items():
        if not bounce.reason:
            faults.note("sent back without a reason", entry)
    repository = find_repository(scene.repo)
    with open_hub(repository, scene.state / "projects" / repository.project) as hub:
        kept: Mapping[str, str] = dict(kept_changes(hub))
        folder = hub.folder
    old = {entry for each in facts.landings[:-MOST_LANDINGS] for entry in each.entries}
    for entry, head in facts.heads.items():
        is_over = entry in facts.landed or entry in facts.withdrawn
        if entry in old and entry in kept:
            faults.note("still kept", entry)
        elif not is_over and kept.get(entry) != head:
            faults.note("lost: not kept", entry)
        elif not is_over:
            git(folder, "rev-list", "--objects", "--quiet", head)


def _judge_sets(facts: Facts, planted: Planted, submitted: set[str], bad: str, faults: Faults) -> None:
    """All planted sets, no others."""
    expected = {each for each in planted.sets if each <= submitted} | ({frozenset({bad})} if bad else set())
    found = {frozenset(map(change_of, each)) for each in facts.sets}
    for each in expected - found:
        faults.note("not named", sorted(each))
    for each in found - expected:
        faults.note("named, but not planted", sorted(each))


def _judge_bounces(facts: Facts, planted: Planted, faults: Faults) -> None:
    """I4: nobody goes back but the last one of a planted set, and who git cannot merge, or has nothing left."""
    clashing = {name: frozenset(pair) for pair in planted.clashing for name in pair}
    clashed: Counter[frozenset[str]] = Counter()
    for entry, bounce in facts.bounces.items():
        name = change_of(entry)
        members = frozenset({name, *map(change_of, bounce.partners)})
        is_right = False
        match bounce.why:
            case Bounce.SET | Bounce.ALONE:
                is_right = members in planted.sets
            case Bounce.CLASH if name in clashing:
                clashed[clashing[name]] += 1
                is_right = clashed[clashing[name]] == 1
            case Bounce.EMPTY:
                is_right = name in planted.stacked
            case _:
                pass
        if not is_right:
            faults.note("sent back an innocent", f"{entry}: {bounce}")
    lasting = {frozenset(map(change_of, each)) for each in facts.sets if len(each) == 1}
    for each in lasting:
        (name,) = each
        if not name.startswith(PAST) and f"{name}/1" not in facts.bounces:
            faults.note("wrong alone, but not sent back", name)


def _judge_log(scene: Scene, faults: Faults) -> None:
    """I1, I2 and I4 by the recorded events alone."""
    audit = audit_log(scene.state)
    for each in audit.broken:
        faults.note("a promise is broken", f"{each.commit[:10]} {' '.join(each.entries)}: {each.what}")
    if audit.untested:
        faults.note("lanes were not run together", audit.untested)


def _judge_rest(scene: Scene, facts: Facts, faults: Faults) -> None:
    """The checkout is main's tip and clean; no process, lock, worktree or folder is left."""
    for what in _left(scene):
        faults.note("left", what)
    if status := git(scene.repo, "status", "--porcelain").strip():
        faults.note("the checkout is not clean", status[:500])
    if git(scene.repo, "symbolic-ref", "HEAD").strip() != "refs/heads/main":
        faults.note("the checkout is not on main", git(scene.repo, "rev-parse", "HEAD"))
    if facts.tip != git(scene.repo, "rev-parse", "main").strip():
        faults.note("the log does not know main's tip", facts.tip)
    git(scene.repo, "fsck", "--no-dangling")
    ends = time.monotonic() + PATIENCE_S
    while left := list(_processes(scene.root)):
        if time.monotonic() > ends:
            faults.note("a process is left", left)
            return
        time.sleep(0.05)


def _left(scene: Scene) -> Iterator[str]:
    yield from (str(path) for path in (scene.repo / ".git").rglob("*.lock"))
    yield from (str(path) for path in (scene.repo / ".git").glob("watchkeeper-*"))
    for pattern in ("jobs/*", "reports/*", "scratch/*.gone-*", "moving-*.json"):
        yield from (str(path) for path in scene.state.glob(f"projects/*/{pattern}"))
    worktrees = git(scene.repo, "worktree", "list", "--porcelain").count("worktree ")
    if worktrees != 1:
        yield f"{worktrees} worktrees"


def _processes(root: Path) -> Iterator[str]:
    mark = os.fsencode(root)
    for place in Path("/proc").glob("[0-9]*"):
        try:
            texts = [(place / name).read_bytes() for name in ("cmdline", "environ")]
        except OSError:
            continue
        if any(mark in text for text in texts) and int(place.name) != os.getpid():
            yield f"{place.name} {texts[0][:200]!r}"


def change_of(entry: str) -> str:
    """``fix-login`` of ``fix-login/2``."""
    return entry.rpartition("/")[0]
