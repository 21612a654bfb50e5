"""What there is to follow: worktrees, branches, clones, and what landed lately. Reads git, decides little."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from watchkeeper.model.changes import Change, Source
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.repos.history import Branch, list_branches, read_log
from watchkeeper.repos.repository import Repository, Worktree, find_repository
from watchkeeper.repos.target import Target, find_target
from watchkeeper.watch.history import pairs_open_together, read_history
from watchkeeper.watch.naming import Nameable, name_all

MOST_LANDED = 60
_MOST_COMMITS = 3_000
_HOUR = 3_600_000
_STALE_LOCK_S = 60.0
_TITLE = 56


class Wanted(msgspec.Struct, frozen=True):
    """What the user wants to have followed, beside the worktrees of his repository and its clones."""

    target: str = ""
    branches: tuple[str, ...] = ()
    landed_hours: int = 48


class Found(msgspec.Struct, frozen=True):
    """A worktree or branch, and the change that it would be. ``place`` stays the same for as long as it exists."""

    place: str
    change: Change
    repository: Repository
    worktree: Worktree | None = None


class Survey(msgspec.Struct, frozen=True):
    """Everything there is at one moment. ``left_out`` says in sentences what is not followed, and why."""

    target: Target | None
    found: tuple[Found, ...]
    left_out: tuple[str, ...] = ()


class Landed(msgspec.Struct, frozen=True):
    """What landed lately, the newest first, and which pairs of these were open together."""

    changes: tuple[Change, ...] = ()
    open_together: frozenset[frozenset[ChangeId]] = frozenset()


class Surveyor:
    """Looks at what there is, again and again. ``history`` is where commits of all clones can be compared."""

    def __init__(
        self,
        repository: Repository,
        history: Repository,
        clones: Sequence[Repository],
        wanted: Wanted,
        *,
        own: Path | None = None,
    ) -> None:
        """Of ``history``, where it is among ``clones``, only the worktrees in the folder ``own`` count."""
        self._own = own
        self._repository = repository
        self._history = history
        self._clones = clones
        self._wanted = wanted
        self._merge_bases: dict[tuple[Sha, Sha], Sha | None] = {}
        self._missing: dict[tuple[Sha | None, Sha], frozenset[Sha]] = {}
        self._landed: tuple[tuple[Sha, int], Landed] | None = None

    @property
    def history(self) -> Repository:
        """Where commits of all clones are found."""
        return self._history

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """The user's repository and the other clones."""
        return (self._repository, *self._clones)

    def survey(self, taken: Mapping[str, str]) -> Survey:
        """All that is there now; ``taken`` are the names given before, by place. Raises: WatchkeeperError."""
        target = find_target(self._repository, self._wanted.target or None)
        left_out: list[str] = []
        checkouts = [
            (repository, worktree)
            for repository in self.repositories
            for worktree in self._worktrees(repository, left_out)
            if worktree.is_present
        ]
        branches = self._branches(target, [worktree.branch for _, worktree in checkouts])
        items = [Nameable(place_of(w), w.branch, str(w.path)) for _, w in checkouts]
        names = name_all([*items, *(Nameable(b.ref, b.name) for b in branches)], taken)
        found = []
        for repository, worktree in checkouts:
            change = _change_of_worktree(ChangeId(names[place_of(worktree)]), worktree)
            found.append(Found(place_of(worktree), change, repository, worktree))
        for branch in branches:
            change = _change_of_branch(ChangeId(names[branch.ref]), branch)
            found.append(Found(branch.ref, change, self._repository))
        return Survey(target, tuple(self._based(found, target, left_out)), tuple(left_out))

    def find_worktree(self, found: Found) -> Worktree | None:
        """The worktree of ``found`` as it is now; None where it is gone."""
        return next(
            (each for each in found.repository.worktrees() if place_of(each) == found.place and each.is_present), None
        )

    def merge_base(self, one: Sha, other: Sha) -> Sha | None:
        """The best common ancestor, remembered."""
        key = (one, other)
        if key not in self._merge_bases:
            if len(self._merge_bases) > _MOST_COMMITS:
                self._merge_bases.clear()
            self._merge_bases[key] = one if one == other else self._history.merge_base(one, other)
        return self._merge_bases[key]

    def landed(self, target: Target | None, now: Millis) -> Landed:
        """The changes that the target branch took in the last hours. Raises: GitError."""
        if target is None or not self._wanted.landed_hours:
            return Landed()
        key = (target.commit, now // _HOUR)
        if self._landed is None or self._landed[0] != key:
            since = Millis(now - self._wanted.landed_hours * _HOUR)
            self._landed = (key, read_landed(self._history, target, since))
        return self._landed[1]

    def landed_since(self, base: Sha | None, target: Target) -> frozenset[Sha]:
        """The commits of the target branch that a change with this merge base does not have."""
        key = (base, target.commit)
        if key not in self._missing:
            if len(self._missing) > 500:
                self._missing.clear()
            revisions = [target.commit, *([f"^{base}"] if base is not None else [])]
            commits = read_log(self._history, revisions, first_parent=True, limit=_MOST_COMMITS)
            self._missing[key] = frozenset(commit.sha for commit in commits)
        return self._missing[key]

    def _worktrees(self, repository: Repository, left_out: list[str]) -> tuple[Worktree, ...]:
        try:
            found = repository.worktrees()
        except WatchkeeperError as error:
            if repository is self._repository:
                raise
            left_out.append(error.message)
            return ()
        if repository is self._history and self._own is not None:
            return tuple(each for each in found if each.path.parent == self._own)
        return found

    def _branches(self, target: Target | None, checked_out: Iterable[str]) -> list[Branch]:
        """Without those that are checked out somewhere, and without a remote's copy of one that is followed here."""
        if not self._wanted.branches or target is None:
            return []
        followed = set(checked_out)
        branches = list_branches(self._repository, self._wanted.branches)
        followed |= {branch.name for branch in branches if branch.ref.startswith("refs/heads/")}
        own = {branch.ref for branch in branches if branch.ref.startswith("refs/heads/")}
        checked = set(checked_out)
        return [
            branch
            for branch in branches
            if branch.ref != target.ref
            and (branch.name not in checked if branch.ref in own else _local_name(branch) not in followed)
        ]

    def _based(self, found: Iterable[Found], target: Target | None, left_out: list[str]) -> Iterable[Found]:
        for each in found:
            head = each.change.head
            try:
                base = self.merge_base(head, target.commit) if head is not None and target is not None else None
            except WatchkeeperError as error:
                left_out.append(f"{each.change.label}: {error.message}")
                continue
            if base is None and head is not None and target is not None:
                left_out.append(f"{each.change.label} shares no history with {target.name}")
                continue
            yield msgspec.structs.replace(each, change=msgspec.structs.replace(each.change, base=base))


def find_clones(repository: Repository, folders: Iterable[Path]) -> tuple[Repository, ...]:
    """The repositories of other clones; one that is the repository itself is left out. Raises: WatchkeeperError."""
    clones: dict[str, Repository] = {}
    for folder in folders:
        clone = find_repository(folder)
        if clone.project != repository.project:
            clones[clone.project] = clone
    return tuple(clones.values())


def read_landed(repository: Repository, target: Target, since: Millis) -> Landed:
    """The first-parent commits of the target branch after ``since``, at most sixty, as changes."""
    commits = read_log(repository, [target.commit], first_parent=True, since=since, limit=MOST_LANDED)
    changes = tuple(
        Change(
            id=landed_id(commit.sha),
            source=Source.LANDED,
            label=f"{_shortened(commit.subject)} ({commit.sha[:7]})",
            head=commit.sha,
            base=commit.parents[0],
            branch=target.name,
            author=commit.author,
            since=commit.authored_at,
            landed_at=commit.committed_at,
        )
        for commit in commits
        if commit.parents
    )
    if len(changes) < 2:
        return Landed(changes)
    history = read_history(read_log(repository, [target.commit], limit=_MOST_COMMITS), target.commit, since=since)
    pairs = pairs_open_together(history.changes)
    known = {change.id for change in changes}
    together = (frozenset({landed_id(pair.earlier.landing), landed_id(pair.later.landing)}) for pair in pairs)
    return Landed(changes, frozenset(pair for pair in together if pair <= known))


def landed_id(commit: Sha) -> ChangeId:
    """How a landed change is called."""
    return ChangeId(f"landed:{commit[:9]}")


def place_of(worktree: Worktree) -> str:
    """What a worktree is known by while it exists."""
    return str(worktree.path)


def is_git_at_work(worktree: Worktree) -> bool:
    """Whether git is changing the worktree right now: it holds the index. A lock left behind does not count."""
    try:
        age = time.time() - (worktree.git_dir / "index.lock").stat().st_mtime
    except OSError:
        return False
    return age < _STALE_LOCK_S


def is_in_rebase(worktree: Worktree) -> bool:
    """Whether a rebase has begun and not ended: it may be running, or waiting for a person."""
    return any((worktree.git_dir / name).exists() for name in ("rebase-merge", "rebase-apply"))


def _change_of_worktree(identity: ChangeId, worktree: Worktree) -> Change:
    return Change(
        id=identity,
        source=Source.WORKTREE,
        label=identity,
        head=worktree.head,
        path=str(worktree.path),
        branch=worktree.branch,
        since=_made_at(worktree),
    )


def _change_of_branch(identity: ChangeId, branch: Branch) -> Change:
    return Change(
        id=identity,
        source=Source.PULL_REQUEST if branch.is_pull_request else Source.BRANCH,
        label=identity,
        head=branch.head,
        branch=branch.name,
        author=branch.author,
        since=branch.committed_at,
    )


def _made_at(worktree: Worktree) -> Millis:
    """When a linked worktree was added; 0 for the main one, whose work began at some unknown time."""
    if worktree.is_main:
        return Millis(0)
    try:
        return Millis((worktree.git_dir / "commondir").stat().st_mtime_ns // 1_000_000)
    except OSError:
        return Millis(0)


def _local_name(branch: Branch) -> str:
    return branch.name.partition("/")[2] if branch.ref.startswith("refs/remotes/") else branch.name


def _shortened(text: str) -> str:
    return text if len(text) <= _TITLE else f"{text[: _TITLE - 1].rstrip()}…"
