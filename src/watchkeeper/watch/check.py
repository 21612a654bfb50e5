"""The same analysis as the live watch, once, of named changes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import msgspec

from watchkeeper.conflicts.pair import Party
from watchkeeper.model.changes import Change, Source, WorkNotCounted
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.resources import ResourceKind
from watchkeeper.repos.checkout import Checkout
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Repository, Worktree
from watchkeeper.repos.target import Target
from watchkeeper.repos.working import WorkingFile, read_branch_files
from watchkeeper.watch.analyst import Analyst

_COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class UnreadFile(msgspec.Struct, frozen=True):
    """A changed file whose symbols are unknown, and why: never to be taken for "no conflict"."""

    change: ChangeId
    path: str
    reason: str


class NotAnalysedPlace(msgspec.Struct, frozen=True):
    """A place of a change that touches a resource which nobody could name: no statement is made about it."""

    change: ChangeId
    path: str
    line: int
    kind: ResourceKind
    reason: str


class CheckReport(msgspec.Struct, frozen=True):
    """What was compared and what was found, the worst first; and what lies beside it that nobody asked for."""

    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    unread: tuple[UnreadFile, ...] = ()
    not_analysed: tuple[NotAnalysedPlace, ...] = ()
    not_counted: tuple[WorkNotCounted, ...] = ()


class Named(msgspec.Struct, frozen=True):
    """A change as the user named it: a worktree (by path), or a commit."""

    name: str
    head: Sha | None
    worktree: Worktree | None = None


class Gathered(msgspec.Struct, frozen=True):
    """A named change: its footprint, and the files that it touches."""

    party: Party
    files: tuple[WorkingFile, ...]
    not_counted: tuple[WorkNotCounted, ...] = ()

    @property
    def paths(self) -> frozenset[str]:
        """All that it touches, where it was and where it is."""
        return frozenset(path for file in self.files for path in (file.base_path, file.now_path) if path)


def gather_changes(
    repository: Repository,
    objects: Objects,
    analyst: Analyst,
    names: Sequence[str],
    *,
    target: Target | None,
    base: str | None = None,
    folder: Path | None = None,
) -> tuple[Gathered, ...]:
    """The named changes as of now, each named once.

    Each is taken against its merge base with ``base``, else with the target branch; where a change is in the target
    already, against the merge base of the named changes. Raises: UsageError for a name that means nothing, GitError.
    """
    named = [find_named(repository, name, folder or Path.cwd()) for name in dict.fromkeys(names)]
    onto = repository.resolve(base) if base is not None else target.commit if target is not None else None
    gathered = []
    for each in named:
        change = _change(repository, each, onto, [other.head for other in named if other is not each])
        files = _files(repository, objects, each, change)
        gathered.append(Gathered(analyst.party(change, files), files, find_work_not_counted(repository, objects, each)))
    return tuple(gathered)


def check_changes(analyst: Analyst, gathered: Sequence[Gathered]) -> CheckReport:
    """Compares all pairs of changes. Records nothing. Raises: GitError."""
    parties = [each.party for each in gathered]
    found = [conflict for one, two in combinations(parties, 2) for conflict in analyst.compare(one, two)]
    found.sort(key=lambda c: (-c.severity.rank, -c.confidence.rank, c.changes, c.subjects))
    return CheckReport(
        changes=tuple(party.change for party in parties),
        conflicts=tuple(found),
        unread=tuple(unread for party in parties for unread in unread_files(party)),
        not_analysed=tuple(place for party in parties for place in places_not_analysed(party)),
        not_counted=tuple(work for each in gathered for work in each.not_counted),
    )


def unread_files(party: Party) -> tuple[UnreadFile, ...]:
    """The changed files of a party whose symbols could not be read."""
    return tuple(
        UnreadFile(change=party.id, path=touch.now_path, reason=touch.unknown)
        for touch in party.footprint.files
        if touch.unknown
    )


def places_not_analysed(party: Party) -> tuple[NotAnalysedPlace, ...]:
    """The places of a party that touch resources which nobody could name."""
    return tuple(
        NotAnalysedPlace(change=party.id, path=path, line=place.line, kind=place.kind, reason=place.reason)
        for path, place in party.footprint.not_analysed
    )


def find_named(repository: Repository, name: str, folder: Path) -> Named:
    """What the user means: a path of a worktree first, then a branch or commit. Raises: UsageError."""
    place = Path(os.path.realpath(folder / name))
    if place.is_dir():
        for worktree in repository.worktrees():
            if worktree.is_present and Path(os.path.realpath(worktree.path)) == place:
                return Named(name=worktree.branch or place.name, head=worktree.head, worktree=worktree)
        if repository.find_commit(name) is None:
            raise UsageError(
                f"{name} is a folder, but no worktree of this repository",
                slug="not-a-worktree",
                hint="list the worktrees: git worktree list",
            )
    return Named(name=name, head=repository.resolve(name))


def find_work_not_counted(repository: Repository, objects: Objects, named: Named) -> tuple[WorkNotCounted, ...]:
    """The uncommitted work of a branch that was named by its name: a name means commits. Never raises for a worktree
    that cannot be read, which says so instead.
    """
    branch = named.name.removeprefix("refs/").removeprefix("heads/")
    found = []
    for worktree in repository.worktrees() if named.worktree is None else ():
        if worktree.branch != branch or not worktree.is_present:
            continue
        checkout = Checkout(repository, worktree, objects)
        try:
            has_work, reason = bool(checkout.scan(worktree.head).files), ""
        except WatchkeeperError as error:
            has_work, reason = True, error.message
        finally:
            checkout.close()
        if has_work:
            found.append(WorkNotCounted(ChangeId(named.name), str(worktree.path), reason))
    return tuple(found)


def label_of(name: str) -> str:
    """The name for people: commit ids shortened, ``refs/`` and its kind left out."""
    if _COMMIT_ID.fullmatch(name):
        return name[:10]
    for prefix in ("refs/heads/", "refs/remotes/", "refs/"):
        if name.startswith(prefix):
            return name.removeprefix(prefix).removesuffix("/head")
    return name


def _change(repository: Repository, named: Named, onto: Sha | None, others: Sequence[Sha | None]) -> Change:
    return Change(
        id=ChangeId(named.name),
        source=Source.WORKTREE if named.worktree is not None else Source.BRANCH,
        label=label_of(named.name),
        head=named.head,
        base=_base(repository, named, onto, others),
        path=str(named.worktree.path) if named.worktree is not None else "",
        branch=named.worktree.branch if named.worktree is not None else "",
    )


def _base(repository: Repository, named: Named, onto: Sha | None, others: Sequence[Sha | None]) -> Sha | None:
    if named.head is None:
        return None
    found = repository.merge_base(named.head, onto) if onto is not None else None
    if found is not None and (found != named.head or named.worktree is not None):
        return found
    for other in others:  # in the target already: what it was when it met the others
        shared = repository.merge_base(named.head, other) if other is not None else None
        if shared is not None and shared != named.head:
            return shared
    return found


def _files(repository: Repository, objects: Objects, named: Named, change: Change) -> tuple[WorkingFile, ...]:
    if named.worktree is not None:
        return Checkout(repository, named.worktree, objects).scan(change.base).files
    return read_branch_files(repository, change.base, named.head) if named.head is not None else ()
