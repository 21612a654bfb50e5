"""The composition root of landing: its parts, wired, and what the command line does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.app import (
    SCRATCH_TREES,
    Analysis,
    Place,
    assess_in,
    choose_commands,
    find_target_of,
    make_runner,
    now,
    open_analysis,
    open_cache,
    open_log,
    project_files,
    read_state,
)
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.probing import Outcome as Proved
from watchkeeper.model.scouting_state import StandardsState, fold_standards
from watchkeeper.record.config import PROJECT_FILE, find_user_file, load_settings, parse_project_file
from watchkeeper.record.lock import ProcessLock
from watchkeeper.repos.target import Target

if TYPE_CHECKING:
    from watchkeeper.landing.book import Book
    from watchkeeper.landing.page import EntryPage
    from watchkeeper.landing.policy import Policy
    from watchkeeper.landing.submitting import Desk
    from watchkeeper.landing.view import Outcome
    from watchkeeper.landing.workshop import GitWorkshop
    from watchkeeper.model.ids import ChangeId, Sha
    from watchkeeper.model.landing import Entry, EntryId
    from watchkeeper.probes.gate import TreeGate
    from watchkeeper.record.log import Log


@dataclass(frozen=True)
class Landing:
    """The parts that land changes, wired. ``lock`` is held by the one process that drives the queue."""

    analysis: Analysis
    book: Book
    desk: Desk
    workshop: GitWorkshop
    gate: TreeGate
    policy: Policy
    lock: ProcessLock
    target: Target


@contextmanager
def open_book(place: Place) -> Iterator[Book]:
    """The queue of the project, and the way to say something to it. Raises WatchkeeperError."""
    from watchkeeper.landing.book import Book

    with open_log(place.home) as log:
        book = Book(log, place.project, now)
        book.refresh()
        yield book


def is_driven(place: Place) -> bool:
    """Whether some process drives the queue now. Where none does, nothing is run, whatever the log says."""
    lock = ProcessLock(place.home / "projects" / place.project / "landing.lock")
    try:
        return not lock.acquire()
    finally:
        lock.release()


@contextmanager
def open_landing(place: Place) -> Iterator[Landing]:
    """Everything that landing needs, closed at the end.

    Raises UsageError where there is no target branch, or nothing that tests it; WatchkeeperError.
    """
    from watchkeeper.landing.book import Book
    from watchkeeper.landing.policy import Policy
    from watchkeeper.landing.submitting import Desk
    from watchkeeper.landing.workshop import GitWorkshop, find_branch
    from watchkeeper.probes.commands import RunStore
    from watchkeeper.probes.gate import TreeGate
    from watchkeeper.probes.virtual import VirtualMerges
    from watchkeeper.record.codec import LANDING_KINDS
    from watchkeeper.repos.authors import Committer
    from watchkeeper.repos.landingcommits import Method
    from watchkeeper.scouts.standards.landing import StandardsGate
    from watchkeeper.watch.hubtrees import HubTrees

    config, folder = place.config.landing, place.home / "projects" / place.project
    target, checks = find_target_of(place), choose_commands(place)
    if target is None:
        raise UsageError(
            f"{place.repository.common_dir} has no commits yet, so there is no branch to land in",
            slug="no-target",
            hint="make a first commit, or set the target: watchkeeper init",
        )
    if checks.tests is None:
        raise UsageError(
            "There is no test command, so nothing can be landed: the target branch is always a tree that was tested",
            slug="no-tests",
            hint='set it in watchkeeper.toml: [project] test = "python -m pytest -q"',
        )
    with open_log(place.home) as log, open_analysis(place) as analysis, open_cache(place.home) as cache:
        runner, commands = make_runner(place, analysis, RunStore(cache), max(SCRATCH_TREES, config.slots))
        reader = HubTrees(analysis.hub.objects, analysis.readings, analysis.analyst)
        gate = TreeGate(
            VirtualMerges(analysis.hub),
            reader,
            runner,
            checks,
            commands,
            judge_settings=_settings_judge(place, analysis),
            standards=StandardsGate(analysis.hub, place.shared, standards_of(log), now),
        )
        branch, look_again_s = find_branch(analysis.hub, place.repository, target.name, config.remote)
        workshop = GitWorkshop(
            analysis.hub,
            branch,
            Method(config.method),
            lambda: Committer(analysis.hub, place.repository, now() // 1000),
            look_again_s,
        )
        book = Book(log, place.project, now)
        desk = Desk(
            book,
            analysis.hub,
            place.repository,
            lambda: log.read(place.project, kinds=LANDING_KINDS),
        )
        policy = Policy(slots=config.slots, batch=config.batch, lanes=config.lanes, wait_risk=config.wait_risk)
        lock = ProcessLock(folder / "landing.lock")
        try:
            yield Landing(analysis, book, desk, workshop, gate, policy, lock, target)
        finally:
            lock.release()


def standards_of(log: Log) -> Callable[[], StandardsState]:
    """All standards of the record, as new as they get; what was read before is not read again."""
    from watchkeeper.record.codec import SCOUT_KINDS

    known = [StandardsState()]

    def read() -> StandardsState:
        known[0] = fold_standards(log.read(FLEET, after=known[0].seq, kinds=SCOUT_KINDS), known[0])
        return known[0]

    return read


def _settings_judge(place: Place, analysis: Analysis) -> Callable[[Sha], str]:
    """Says why nothing could land any more with the settings of a tree: they cannot be read, or test nothing."""
    origin = place.settings.origins["project.test"]
    tests_by_file = origin in map(str, project_files(place.repository))

    def judge(tree: Sha) -> str:
        entry = analysis.objects.find_entry(tree, PROJECT_FILE)
        content = analysis.objects.read(entry.sha) if entry is not None else b""
        try:
            test = parse_project_file(content or b"").config.project.test
        except UsageError as error:
            return error.message
        return "it has no test command any more: [project] test" if tests_by_file and not test.strip() else ""

    return judge


def settings_are(place: Place, environ: Mapping[str, str]) -> Callable[[], bool]:
    """Whether the configuration still is what it was when ``place`` was found; no, where it cannot be read any more."""
    files = [find_user_file(environ), *project_files(place.repository)]

    def is_current() -> bool:
        try:
            return load_settings(files, environ).config == place.config
        except WatchkeeperError:
            return False

    return is_current


def submit(place: Place, landing: Landing, name: str, *, issue: str, folder: Path) -> EntryId:
    """Queue a change: a branch by its name, or a worktree by its path. Raises WatchkeeperError."""
    from watchkeeper.model.ids import ChangeId
    from watchkeeper.repos.keeping import finished_commit
    from watchkeeper.watch.check import find_named

    named = find_named(place.repository, name, folder)
    head = finished_commit(named.worktree) if named.worktree is not None else named.head
    if head is None:
        raise UsageError(
            f"{name} cannot be landed: it has no commit",
            slug="nothing-to-land",
            hint="commit the work first: git add -A && git commit",
        )
    if named.name == landing.target.name:
        raise UsageError(
            f"{name} is the target branch itself",
            slug="nothing-to-land",
            hint="test what went past the queue: watchkeeper land --from-main",
        )
    return queue_change(place, landing, ChangeId(named.name), head, issue=issue)


def queue_change(
    place: Place, landing: Landing, change: ChangeId, head: Sha, *, issue: str = "", title: str = ""
) -> EntryId:
    """Queue a commit, of the user's repository or the hub, under a change's name; the same again is the same entry.

    Raises WatchkeeperError.
    """
    from watchkeeper.landing.submitting import Finished

    tip = landing.workshop.tip()
    if tip is None:
        remote = place.config.landing.remote
        branch = landing.target.name.removeprefix(f"{remote}/")
        raise UsageError(
            f"{change} cannot be landed: {f'{remote} has no branch {branch}' if remote else f'{branch} is gone'}",
            slug="no-target",
            hint=f"git push {remote} {branch}" if remote else "git branch --all",
        )
    finished = Finished(change, head, issue=issue, title=title)
    identity, _ = landing.desk.submit(finished, tip.commit, partial(_judge, place, landing))
    return identity


def _judge(place: Place, landing: Landing, entry: Entry) -> tuple[Entry, tuple[str, ...]]:
    """How risky an entry is, and why it waits for a person, if it does. What cannot be judged waits."""
    from watchkeeper.risk.assess import assess
    from watchkeeper.risk.exposure import expose
    from watchkeeper.risk.waiting import reasons_to_wait

    config = place.config.landing
    try:
        assessed = assess_in(
            place, landing.analysis, entry.head, base=None, folder=place.repository.common_dir, intent=entry.issue
        )
    except WatchkeeperError as error:
        return entry, (f"its risk cannot be told: {error.message}",)
    # Which changed lines tests execute is measured by the run that lands it, and counted then.
    facts = msgspec.structs.replace(assessed.facts, untested=())
    risk, paths = assess(facts), assessed.gathered.paths
    reasons = reasons_to_wait(risk, paths, threshold=config.wait_risk, waiting=config.wait_paths)
    within = _find_within(landing, entry)
    reasons = (*reasons, *_reasons_within(landing, entry, within))
    reach = _find_reach(landing.analysis, entry) if config.lanes else None
    apart = _find_apart(place, landing, entry)
    exposure = expose(assessed.files, facts)
    entry = msgspec.structs.replace(entry, risk=risk.score, reach=reach, apart=apart, exposure=exposure, within=within)
    return entry, reasons


def _find_within(landing: Landing, entry: Entry) -> tuple[EntryId, ...]:
    """The entries whose commits it has in it, and that are not in the target branch; of its own change none."""
    from watchkeeper.repos.keeping import kept_within

    if entry.base is None:
        return ()
    within = kept_within(landing.analysis.hub, entry.head, entry.base)
    return tuple(sorted(each for each in within if each.rpartition("/")[0] != entry.change))


def _reasons_within(landing: Landing, entry: Entry, within: Sequence[EntryId]) -> tuple[str, ...]:
    """What may not land without a person, and would land with this entry, because it stands on it."""
    from watchkeeper.landing.entering import find_refused, reasons_within

    refused = find_refused(landing.book.queue, landing.book.history()) if within else {}
    return reasons_within(entry, within, refused)


def find_above(place: Place, below: Entry) -> tuple[EntryId, ...]:
    """The entries that have ``below`` in them. Raises GitError."""
    from watchkeeper.repos.hub import open_hub
    from watchkeeper.repos.keeping import kept_above

    with open_hub(place.repository, place.home / "projects" / place.project) as hub:
        return tuple(sorted(kept_above(hub, below.head)))


def _find_apart(place: Place, landing: Landing, entry: Entry) -> tuple[EntryId, ...]:
    """The entries that wait with which a probe proved this one to be wrong, both being as they were run then."""
    from watchkeeper.conflicts.standing import open_conflicts

    with open_log(place.home) as log:
        state = read_state(log, place.project)
    waiting = {each.entry.change: each.entry for each in landing.book.queue.waiting()} | {entry.change: entry}
    found = []
    for conflict in open_conflicts(state):
        proof = conflict.proof
        if (
            proof is None
            or proof.outcome is not Proved.PROVED
            or entry.change not in proof.changes
            or len(proof.changes) != 2
        ):
            continue
        entries = [waiting.get(change) for change in proof.changes]
        if all(
            each is not None and landing.workshop.tree_of(each.head) == tree
            for each, tree in zip(entries, proof.trees, strict=True)
        ):
            found += [each.id for each in entries if each is not None and each.id != entry.id]
    return tuple(dict.fromkeys(found))


def _find_reach(analysis: Analysis, entry: Entry) -> tuple[str, ...] | None:
    """The files that an entry touches, and those that depend on them; None where that may be anything."""
    from watchkeeper.code.documentation import is_documentation
    from watchkeeper.code.languages import find_language
    from watchkeeper.probes.choice import distances
    from watchkeeper.watch.hubtrees import HubTrees

    code = [path for path in entry.paths if not is_documentation(path)]
    if any(find_language(path) is None for path in code):
        return None  # what depends on a configuration, or on data, nobody can tell
    reader = HubTrees(analysis.objects, analysis.readings, analysis.analyst)
    found = set(entry.paths)
    for tree in filter(None, (entry.base, entry.head)):
        found |= distances(reader.source_tree(tree, entry.base).index, code).keys()
    return tuple(sorted(found))


def read_entry_page(place: Place, name: str) -> EntryPage:
    """What became of an entry, whether it is still in the queue or not. Raises UsageError for one there never was."""
    from watchkeeper.landing.page import read_page
    from watchkeeper.repos.hub import open_hub

    with open_log(place.home) as log, open_hub(place.repository, place.home / "projects" / place.project) as hub:
        return read_page(log, hub, place.project, name)


def submit_revert(landing: Landing, name: str) -> EntryId:
    """Queue the revert that was prepared of an entry, before all others. Raises UsageError where there is none."""
    from watchkeeper.landing.submitting import Finished
    from watchkeeper.model.ids import ChangeId
    from watchkeeper.model.landing import RevertPrepared

    prepared = [each.event for each in landing.desk.history() if isinstance(each.event, RevertPrepared)]
    found = next((each for each in reversed(prepared) if each.entry == name), None)
    tip = landing.workshop.tip()
    if found is None or tip is None:
        known = ", ".join(dict.fromkeys(each.entry for each in prepared))
        raise UsageError(
            f"no revert of {name} was prepared",
            slug="no-revert",
            hint=f"there is one of: {known}" if known else "find out what broke it: watchkeeper land --from-main",
        )
    change = ChangeId(f"revert-{found.entry.rpartition('/')[0]}")
    identity, _ = landing.desk.submit(Finished(change, found.commit, priority=1), tip.commit)
    return identity


def find_outcomes(landing: Landing, entries: Sequence[EntryId]) -> tuple[Outcome, ...]:
    """Where these entries stand."""
    from watchkeeper.landing.view import view_outcome
    from watchkeeper.model.landing import EntryQueued

    events = list(landing.desk.history())
    known = {each.event.entry.id: each.event.entry for each in events if isinstance(each.event, EntryQueued)}
    return tuple(view_outcome(landing.book.queue, known[each], events) for each in entries)
