"""Move the target branch, from the commit that was seen to one above it, or not at all.

One lock for each project, held by git's own processes too, so that after a ``kill -9`` nobody begins while one of them
still writes. What decides is git's compare-and-swap of the ref. The user's hooks are not run; his filters are, because
his checkout would not be his without them.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import Special, run_git, show_path
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.loose import explain_write, write_file
from watchkeeper.repos.messages import one_line
from watchkeeper.repos.repository import Repository, Worktree
from watchkeeper.repos.worktreemove import InTheWayError, WorktreeMove, drop_stale_lock


class Moved(msgspec.Struct, frozen=True):
    """The branch was seen to hold the new commit. ``now`` is its tip: the new commit, or one above it."""

    now: Sha


class LostRace(msgspec.Struct, frozen=True):
    """Somebody else moved the branch; it was left as it is. ``now`` None: it is gone."""

    now: Sha | None


class Refused(msgspec.Struct, frozen=True):
    """It was not moved. ``slug`` is a section of ``docs/errors.md``, ``words`` what git or the remote said."""

    reason: str
    slug: str
    paths: tuple[str, ...] = ()
    words: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """Nobody can tell at the moment whether it was moved: ask for the tip again, and believe that."""

    reason: str


Outcome = Moved | LostRace | Refused | Unknown


class TargetBranch(Protocol):
    """A branch to land on."""

    def read_tip(self) -> Sha | None:
        """Its commit now; None where it does not exist. Raises: GitError where nobody can tell."""
        ...

    def move(self, old: Sha, new: Sha, message: str) -> Outcome:
        """Move it from ``old`` to ``new``, a commit of the hub above it; again is harmless. ``message``: its reflog.

        Raises: WatchkeeperError (a missing object, a full disk); the branch is then as it was.
        """
        ...


class LocalBranch:
    """A branch of the user's repository, bare or not; worktrees that have it checked out move along.

    They do so as with ``git merge --ff-only``, but what is ignored and in the way is not overwritten either.
    """

    def __init__(self, hub: Hub, repository: Repository, branch: str) -> None:
        """``branch`` is short: ``main``."""
        self._hub = hub
        self._repository = repository
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        self._journal = hub.folder.parent / f"moving-{repository.project}.json"

    def read_tip(self) -> Sha | None:
        """Its commit now. Repairs what a kill left: until then locks of ours keep the user's git from his index."""
        if self._journal.exists():
            with exclusive(self._hub, 0.0) as lock:
                if lock is not None:  # else a move is on its way
                    self._repair(Special(held=(lock,)))
        return self._repository.find_commit(self._ref)

    def move(self, old: Sha, new: Sha, message: str) -> Outcome:
        with exclusive(self._hub) as lock:
            if lock is None:
                return Refused(f"another move of {self._branch} takes too long", slug="branch-locked")
            held = Special(held=(lock,))
            if (blocked := self._repair(held)) is not None:
                return blocked
            now = self.read_tip()
            if now != old:
                return lost_or_moved(self._hub, now, new)
            if not self._hub.repository.is_ancestor(old, new):
                return refuse_rewriting(self._branch)
            deliver(self._hub, self._repository, new, old)
            return self._move(_Move(self._ref, old, new, one_line(message, 200)), held)

    def repair(self) -> Refused | None:
        """Finish or take back what a kill interrupted; every move begins with it. None: all is well.

        Raises: WatchkeeperError (a full disk); the next call goes on.
        """
        with exclusive(self._hub) as lock:
            if lock is None:
                return Refused(f"another move of {self._branch} takes too long", slug="branch-locked")
            return self._repair(Special(held=(lock,)))

    def _move(self, move: _Move, held: Special) -> Outcome:
        checked_out = [each for each in self._repository.worktrees() if each.branch == self._branch]
        away = next((each for each in checked_out if not each.is_present and each.locked), None)
        if away is not None:
            return _in_the_way(InTheWayError(f"the worktree {show_path(str(away.path))} is not here now"))
        present = [each for each in checked_out if each.is_present]
        token = os.urandom(12).hex()
        places = tuple(_Place(str(each.path), str(each.git_dir)) for each in present)
        journal = _Journal(move.ref, move.old, move.new, token, time.time(), places)
        self._remember(journal)
        if not present:
            outcome = self._update_ref(self._repository.common_dir, move, held)
            self._journal.unlink(missing_ok=True)
            return outcome
        return self._move_along([self._worktree_move(each, journal, held) for each in present], move, journal, held)

    def _worktree_move(self, worktree: Worktree, journal: _Journal, held: Special) -> WorktreeMove:
        return WorktreeMove(
            worktree, self._repository, old=journal.old, new=journal.new, token=journal.token, held=held
        )

    def _move_along(self, worktrees: list[WorktreeMove], move: _Move, journal: _Journal, held: Special) -> Outcome:
        """The worktrees first, then the branch: whoever commits in between commits what was tested, and undoes nothing.

        Their index is locked all the while, so that no git of the user's sees them between the two.
        """
        outcome: Outcome | None = None
        is_switching = False
        try:
            for worktree in worktrees:
                worktree.lock()
                worktree.check()
            self._remember(msgspec.structs.replace(journal, is_switching=True))
            is_switching = True
            for worktree in worktrees:
                worktree.switch()
            outcome = self._update_ref(worktrees[0].path, move, held)
        except InTheWayError as problem:
            outcome = _in_the_way(problem)
        finally:
            # Not by the outcome: whatever ended this, the branch says whether it was moved.
            self._end(worktrees, is_undone=is_switching and self.read_tip() != move.new)
        return outcome

    def _end(self, worktrees: list[WorktreeMove], *, is_undone: bool) -> None:
        """The journal goes last, and not at all where something could not be taken back."""
        try:
            for worktree in worktrees if is_undone else []:
                worktree.restore()
        finally:
            for worktree in worktrees:
                worktree.unlock()
        self._journal.unlink(missing_ok=True)

    def _update_ref(self, folder: Path, move: _Move, held: Special) -> Outcome:
        """Where the branch is checked out in ``folder``, HEAD's own log is written too."""
        result = run_git(
            folder, "update-ref", "-m", move.message, move.ref, move.new, move.old,
            config={"core.filesRefLockTimeout": "2000"}, allowed=range(-64, 256), special=held,
        )  # fmt: skip
        now = self.read_tip()
        if now == move.old and result.code:
            return Refused(f"{self._branch} cannot be moved", slug="branch-locked", words=one_line(result.errors, 500))
        return Moved(move.new) if result.code == 0 else lost_or_moved(self._hub, now, move.new)

    def _remember(self, journal: _Journal) -> None:
        write_file(self._journal, msgspec.json.encode(journal))

    def _repair(self, held: Special) -> Refused | None:
        """What a kill left: locks that are ours, a worktree on its way. It goes back to where the branch is."""
        try:
            journal = msgspec.json.decode(self._journal.read_bytes(), type=_Journal)
        except (OSError, msgspec.DecodeError):
            return None
        drop_stale_lock(self._repository.common_dir / f"{journal.ref}.lock", journal.new, journal.begun)
        for place in journal.worktrees:
            if not Path(place.path).is_dir():
                continue
            drop_stale_lock(Path(place.git_dir) / "HEAD.lock", journal.new, journal.begun)
            worktree = Worktree(Path(place.path), Path(place.git_dir), None, self._branch)
            move = self._worktree_move(worktree, journal, held)
            try:
                move.lock()
                if journal.is_switching and self._repository.find_commit(journal.ref) != journal.new:
                    move.restore()
                move.unlock()
            except InTheWayError as problem:
                return _in_the_way(problem)
        self._journal.unlink(missing_ok=True)
        return None


@contextmanager
def exclusive(hub: Hub, timeout_s: float = 60.0) -> Iterator[int | None]:
    """The project's lock on moving, as a descriptor to hand on to git; None where others keep it for too long.

    Raises: WatchkeeperError where the state folder is not writable.
    """
    place = hub.folder.parent / "moving.lock"
    try:
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise explain_write(place, error) from error
    try:
        yield handle if wait_until(lambda: _try_lock(handle), timeout_s) else None
    finally:
        os.close(handle)


def wait_until(is_done: Callable[[], bool], timeout_s: float) -> bool:
    """Ask until it is so, or the time is over."""
    deadline = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def deliver(hub: Hub, repository: Repository, new: Sha, old: Sha) -> None:
    """Put the objects of ``new`` into the user's own store; what ``old``, a commit of his branch, reaches is there.

    Raises: GitError (a missing object, a full disk).
    """
    pack = run_git(
        hub.folder, "--git-dir=.", "pack-objects", "-q", "--revs", "--stdout", "--delta-base-offset",
        isolated=True, stdin=f"{new}\n^{old}\n".encode(), timeout_s=600.0, max_output=4 * 1024**3,
    ).output  # fmt: skip
    count = int.from_bytes(pack[8:12], "big")
    if count:
        # As a fetch does it: few objects as files, many as one pack.
        command = ("unpack-objects", "-q") if count < _UNPACK_LIMIT else ("index-pack", "--stdin")
        repository.git(*command, stdin=pack, timeout_s=600.0)


def lost_or_moved(hub: Hub, now: Sha | None, new: Sha) -> Moved | LostRace:
    """What it means that the branch is at ``now``: it may hold the new commit already, below later ones."""
    if now is not None and (now == new or _is_above(hub, now, new)):
        return Moved(now)
    return LostRace(now)


def refuse_rewriting(branch: str) -> Refused:
    """Nothing here ever takes a commit out of a branch."""
    return Refused(f"the new commit is not above the tip of {branch}", slug="not-above-tip")


class _Move(msgspec.Struct, frozen=True):
    ref: str
    old: Sha
    new: Sha
    message: str


class _Place(msgspec.Struct, frozen=True):
    path: str
    git_dir: str


class _Journal(msgspec.Struct, frozen=True):
    """A move on its way. ``token`` stands in the locks that are ours; up to ``is_switching`` no file was touched."""

    ref: str
    old: Sha
    new: Sha
    token: str
    begun: float
    worktrees: tuple[_Place, ...]
    is_switching: bool = False


_UNPACK_LIMIT = 100


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_above(hub: Hub, now: Sha, new: Sha) -> bool:
    try:
        return hub.repository.is_ancestor(new, now)
    except WatchkeeperError:  # a commit that nobody fetched yet
        return False


def _in_the_way(problem: InTheWayError) -> Refused:
    return Refused(str(problem), slug="worktree-in-the-way", paths=problem.paths, words=problem.words)
