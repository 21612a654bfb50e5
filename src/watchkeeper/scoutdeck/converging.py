"""What follows from all projects together, after scouts have looked: groups, candidates, contradictions, solutions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from watchkeeper.app import find_target_of, open_analysis
from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.fleet import Closing, IssueId, IssueState
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.scouting import ContradictionFound, FindingId, KindId, StandardId
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.record.log import Log
from watchkeeper.repos.hub import Hub
from watchkeeper.scoutdeck.hands import read_all
from watchkeeper.scoutdeck.sorting import group_rest
from watchkeeper.scoutdeck.standards import Held, StandardsDesk
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.convergence.catalogue import Catalogue, builtin_catalogue
from watchkeeper.scouts.convergence.contradictions import AddedTo, LandedFix, find_contradictions
from watchkeeper.scouts.convergence.matching import propose
from watchkeeper.scouts.convergence.spreading import Suggestion, suggest
from watchkeeper.scouts.filing import fenced
from watchkeeper.scouts.rules.reading import read_one

SHELF = "contradictions"
_LANDED = re.compile(r"landed as ([0-9a-f]{7,64})")
_ISSUE = re.compile(r"(?m)^Issue: (\S+)")
_MOST_COMMITS = 50
_MOST_DIFF = 80
_MOST_FILES = 40
_MOST_BYTES = 400_000


class Converged(msgspec.Struct, frozen=True):
    """What is new: standards that became candidates, and pairs that contradict each other."""

    candidates: tuple[StandardId, ...] = ()
    contradictions: tuple[ContradictionFound, ...] = ()


def converge(log: Log, held: Sequence[Held], clock: Callable[[], Millis]) -> Converged:
    """Group what fits no kind, record new candidates, and contradictions of what landed since the last time.

    Each is recorded once, whatever is killed in between. Raises WatchkeeperError.
    """
    catalogue = builtin_catalogue()
    for project, events in group_rest(read_all(log), catalogue).items():
        log.append(project, events, clock())
    desk = StandardsDesk(log, held, clock)
    noted = desk.note_candidates()
    states = read_all(log)
    known = desk.state().contradictions
    found: list[ContradictionFound] = []
    for each in held:
        fixes = list(_landed_fixes(log, each))
        told = find_contradictions(fixes, states, _rules, partial(_near, catalogue))
        found += [one for one in told if one.key not in known]
    log.append(FLEET, list(found), clock())
    return Converged(noted, tuple(found))


def solutions(log: Log, held: Sequence[Held]) -> tuple[Suggestion, ...]:
    """For findings that hold, what solved the same kind elsewhere. Raises WatchkeeperError."""
    landed = {each.project: dict(_landed_for(log, each)) for each in held}
    return suggest(read_all(log), landed)


def describe_solutions(log: Log, held: Sequence[Held]) -> dict[FindingId, str]:
    """As markdown, for each finding that holds: which project solved its kind, and the diff that did."""
    places = {each.project: each for each in held}
    return {
        each.finding: _describe(each, places[each.solved_in])
        for each in solutions(log, held)
        if each.solved_in in places
    }


def _describe(suggestion: Suggestion, held: Held) -> str:
    """Bounded: whoever wants all of it is told the command."""
    git = held.place.repository.git
    words = ("show", "--no-ext-diff", "--no-textconv", "--format=%s", "--patch", "--unified=2", suggestion.commit, "--")
    try:
        lines = git(*words).output.decode("utf-8", "replace").splitlines()
    except GitError:
        lines = []
    more = [f"({len(lines) - _MOST_DIFF} more lines)"] if len(lines) > _MOST_DIFF else []
    said = f"{held.name} had {suggestion.solved}, of the same kind ({suggestion.kind}; {suggestion.why}), and solved it"
    return "\n".join([f"{said} in {suggestion.commit[:10]}:", "", *fenced("\n".join([*lines[:_MOST_DIFF], *more]))])


def _landed_for(log: Log, held: Held) -> Iterator[tuple[IssueId, Sha]]:
    """The commit that landed for an issue, as far as its closing says it."""
    state: FleetState = fold_fleet(log.read(held.project, kinds=FLEET_KINDS))
    for identity, standing in state.issues.items():
        told = _LANDED.search(standing.reason)
        if standing.state is IssueState.CLOSED and standing.why is Closing.LANDED and told is not None:
            try:
                commit = held.place.repository.find_commit(told[1])
            except GitError:
                continue
            if commit is not None:
                yield identity, commit


def _landed_fixes(log: Log, held: Held) -> Iterator[LandedFix]:
    """The commits on the target branch since the last time that say which issue they are for; remembered on a shelf."""
    target = find_target_of(held.place)
    if target is None:
        return
    shelf = log.shelf(held.project, SHELF)
    last = shelf.read().get("at", b"").decode()
    issues = fold_fleet(log.read(held.project, kinds=FLEET_KINDS)).issues
    with open_analysis(held.place) as analysis:
        for commit, message in _commits(analysis.hub, target.commit, last):
            told = _ISSUE.search(message)
            known = issues.get(IssueId(told[1])) if told is not None else None
            subject = message.strip().partition("\n")[0]
            says = tuple(each for each in (known.issue.title if known is not None else "", subject) if each)
            if told is not None or re.match(r"(?i)(fix|add|mend|use|replace|remove)", subject):
                yield LandedFix(held.project, commit, says, tuple(_added(analysis.hub, commit)))
    shelf.put({"at": target.commit.encode()})


def _commits(hub: Hub, tip: Sha, last: str) -> Iterator[tuple[Sha, str]]:
    """First-parent commits, the newest first, with their messages; the first time only the newest one."""
    span = [f"{last}..{tip}"] if last else ["-1", tip]
    try:
        told = hub.repository.git(
            "log", "--first-parent", f"--max-count={_MOST_COMMITS}", "-z", "--format=%H%n%B", *span
        )
    except GitError:  # the branch was rewritten
        return
    for record in told.output.decode("utf-8", "replace").split("\0"):
        commit, _, message = record.strip("\n").partition("\n")
        if commit:
            yield Sha(commit), message


def _added(hub: Hub, commit: Sha) -> Iterator[AddedTo]:
    from watchkeeper.code.linediff import hunks

    parents = hub.repository.git("rev-list", "--parents", "-1", commit).output.decode().split()[1:]
    if not parents:
        return
    for each in hub.repository.diff(Sha(parents[0]), commit)[:_MOST_FILES]:
        new = hub.objects.read(each.new.sha) if each.new is not None and each.new.is_text_file else None
        old = hub.objects.read(each.old.sha) if each.old is not None and each.old.is_text_file else None
        if new is None or each.new_path is None or len(new) > _MOST_BYTES or b"\0" in new[:8_000]:
            continue
        lines = [
            line for hunk in hunks(old or b"", new) for line in range(hunk.now_start, hunk.now_start + hunk.now_count)
        ]
        yield AddedTo(each.new_path, new.decode("utf-8", "replace"), frozenset(lines))


def _rules(path: str, text: str) -> Iterable[Raw]:
    return read_one(path, text.encode("utf-8", "surrogatepass")).found


def _near(catalogue: Catalogue, sentence: str) -> frozenset[KindId]:
    (proposal,) = propose([sentence], catalogue)
    return frozenset(each.kind for each in proposal.near)


def try_to_converge(
    log: Log, held: Sequence[Held], clock: Callable[[], Millis], tell: Callable[[str], None]
) -> Converged:
    """The same; what goes wrong is told, and keeps nobody from what was found."""
    try:
        return converge(log, held, clock)
    except (WatchkeeperError, ImportError) as error:
        tell(f"what projects have in common was not looked at: {error}")
        return Converged()
