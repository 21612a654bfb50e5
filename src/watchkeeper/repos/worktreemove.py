"""Take a worktree from one commit to another while its user works in it, and back.

The index is locked as git locks it, switched as a copy, and put in place by one rename. Up to then nothing but files
that were clean has changed, and ``restore`` knows from their content which of them are ours.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from watchkeeper.model.ids import Sha
from watchkeeper.repos.confined import is_forbidden
from watchkeeper.repos.git import GitResult, Special, decode_path, encode_path, local_path, run_git, show_path
from watchkeeper.repos.repository import Repository, Worktree
from watchkeeper.repos.trees import SUBMODULE, SYMLINK, PathChange, TreeEntry, parse_raw_diff


class InTheWayError(Exception):
    """The worktree cannot be moved: ``paths`` are what the user has there, ``words`` what git said."""

    def __init__(self, reason: str, paths: Iterable[str] = (), words: str = "") -> None:
        super().__init__(reason)
        self.paths = tuple(sorted(paths))
        self.words = words


class WorktreeMove:
    """One worktree on its way from ``old`` to ``new``: lock, check, switch, unlock; restore takes a switch back."""

    def __init__(
        self, worktree: Worktree, repository: Repository, *, old: Sha, new: Sha, token: str, held: Special
    ) -> None:
        self.path = worktree.path
        self._worktree = worktree
        self._old = old
        self._new = new
        self._token = token
        self._lock = worktree.git_dir / "index.lock"
        self._index = worktree.git_dir / "index"
        self._copy = worktree.git_dir / f"watchkeeper-{token}"
        self._special = Special(variables={"GIT_INDEX_FILE": os.fspath(self._copy)}, held=held.held)
        self._changes = {_path(change): change for change in repository.diff(old, new, renames=False)}

    def lock(self, timeout_s: float = 2.0) -> None:
        """Keep the user's git from the index. The lock says whose it is from its first moment on; again is harmless.

        Raises: InTheWayError where another git works there, or nothing can be written.
        """
        draft = self._copy.with_name(f"{self._copy.name}.own")
        deadline = time.monotonic() + timeout_s
        try:
            draft.write_text(self._token)
            while not self._try_lock(draft):
                if time.monotonic() > deadline:
                    raise InTheWayError(f"another git works in {self._shown()}: {show_path(str(self._lock))} is there")
                time.sleep(0.02)
        except OSError as error:
            raise InTheWayError(f"{self._shown()} cannot be written to: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)

    def unlock(self) -> None:
        """Nothing of ours is left; a lock of others is left alone."""
        for ending in ("", ".lock", ".own"):
            self._copy.with_name(self._copy.name + ending).unlink(missing_ok=True)
        if _holds(self._lock, self._token):
            self._lock.unlink(missing_ok=True)

    def check(self) -> None:
        """Raises: InTheWayError where what has to change there is not as the branch has it, or not tracked at all."""
        self._refuse_unfinished()
        outside = [path for path in self._changes if any(is_forbidden(step) for step in encode_path(path).split(b"/"))]
        if outside:  # git would refuse them too, but taking back what it did not do must not reach them either
            told = ", ".join(show_path(path) for path in outside[:3])
            raise InTheWayError(f"the landing has paths that no checkout may hold: {told}", outside)
        self._take_copy()
        in_way = {*self._dirty(), *self._staged(), *self._untracked()}
        if in_way:
            told = ", ".join(show_path(path) for path in sorted(in_way)[:3])
            more = f" and {len(in_way) - 3} more" if len(in_way) > 3 else ""
            raise InTheWayError(f"{self._shown()} has work of its own in the way: {told}{more}", in_way)

    def switch(self) -> None:
        """Write the new files and put the new index in place. Raises: InTheWayError where git does not do it."""
        result = self._git("read-tree", "-m", "-u", self._old, self._new, allowed=range(-64, 256), timeout_s=600.0)
        if result.code:
            raise InTheWayError(f"git cannot move {self._shown()}", words=result.errors)
        self._put_in_place()

    def restore(self) -> None:
        """Files and index as ``old`` has them, wherever they are not what the user made since.

        A file is ours where it is missing, holds the new content, or the beginning of it (a kill while it was written).
        Raises: WatchkeeperError (a full disk); what is left is done by the next call.
        """
        self._take_copy()
        indexed = self._indexed()
        free = [change for path, change in self._changes.items() if indexed.get(path) in {change.old, change.new}]
        # What goes, goes first: a file may have become a folder, or a folder a link that leads elsewhere.
        free.sort(key=lambda change: change.old is not None)
        lines = [self._index_line(change) for change in free if indexed[_path(change)] != change.old]
        self._git("update-index", "-z", "--index-info", stdin=b"".join(lines))
        back: list[bytes] = []
        for change in free:
            if not self._is_ours(change):
                continue
            if change.old is None:
                self._delete(_path(change))
            elif change.old.mode != SUBMODULE:
                back.append(encode_path(_path(change)) + b"\0")
        self._git("checkout-index", "-f", "-u", "-q", "-z", "--stdin", stdin=b"".join(back), allowed=range(256))
        self._git("update-index", "-q", "--refresh", allowed=(0, 1), timeout_s=300.0)
        self._put_in_place()

    def _try_lock(self, draft: Path) -> bool:
        try:
            self._lock.hardlink_to(draft)
        except FileExistsError:
            return _holds(self._lock, self._token)
        return True

    def _refuse_unfinished(self) -> None:
        if self._worktree.is_detached:
            raise InTheWayError(f"{self._worktree.branch} is being rebased in {self._shown()}")
        for name in _UNFINISHED:
            if (self._worktree.git_dir / name).exists():
                raise InTheWayError(f"something is not finished in {self._shown()}: {name} is there")

    def _take_copy(self) -> None:
        self._copy.with_name(f"{self._copy.name}.lock").unlink(missing_ok=True)  # a killed git's
        with suppress(FileNotFoundError):
            shutil.copy2(self._index, self._copy)
        self._git("update-index", "-q", "--refresh", allowed=(0, 1), timeout_s=300.0)

    def _put_in_place(self) -> None:
        # The lock is in our name and stays until the branch is moved: git itself would give it up with the rename.
        self._copy.replace(self._index)

    def _dirty(self) -> Iterator[str]:
        output = self._git("diff-files", "-z", "--name-only", "--ignore-submodules=dirty", timeout_s=300.0).output
        yield from (path for path in _names(output) if path in self._changes)

    def _staged(self) -> Iterator[str]:
        """What is staged of the files that change, and all that is unmerged, wherever.

        Also what is staged as ``new`` has it, which git would let pass: taking the move back could not tell it apart.
        """
        output = self._git("diff-index", "--cached", "-z", "--raw", "--no-abbrev", "--no-renames", self._old).output
        for change in parse_raw_diff(output):
            is_unmerged = change.new is not None and not change.new.sha.strip("0")
            if is_unmerged or _path(change) in self._changes:
                yield _path(change)

    def _untracked(self) -> Iterator[str]:
        """Files, also ignored ones, in places that the new commit needs."""
        going = {path for path, change in self._changes.items() if change.new is None}
        staged = self._indexed()
        for path, change in self._changes.items():
            if change.old is None and staged.get(path) is None:
                yield from self._in_place(path, going)

    def _in_place(self, path: str, going: set[str]) -> Iterator[str]:
        steps = path.split("/")
        for count in range(1, len(steps)):
            above = "/".join(steps[:count])
            place = local_path(self.path, above)
            if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
                yield from () if above in going else (above,)
                return
        place = local_path(self.path, path)
        if place.is_dir() and not place.is_symlink():
            for folder, _, files in os.walk(place):
                inside = [os.fsencode(os.path.join(folder, name)) for name in files]  # noqa: PTH118 names may be bytes
                found = (decode_path(os.path.relpath(each, os.fsencode(self.path))) for each in inside)
                yield from (each for each in found if each not in going)
        elif os.path.lexists(place):
            yield path

    def _indexed(self) -> dict[str, TreeEntry | None]:
        """What the index has of the paths that change."""
        output = self._git("ls-files", "-s", "-z").output
        found: dict[str, TreeEntry | None] = dict.fromkeys(self._changes)
        for record in output.split(b"\0")[:-1]:
            meta, _, name = record.partition(b"\t")
            mode, sha, _ = meta.decode("ascii").split(" ")
            path = decode_path(name)
            if path in found:
                found[path] = TreeEntry(mode, Sha(sha))
        return found

    def _is_ours(self, change: PathChange) -> bool:
        place = local_path(self.path, _path(change))
        if change.new is None or not os.path.lexists(place):
            return not os.path.lexists(place)
        if place.is_symlink() or change.new.mode == SYMLINK:
            is_link = place.is_symlink() and change.new.mode == SYMLINK
            return is_link and self._blob(change.new.sha) == os.fsencode(place.readlink())
        if change.new.mode == SUBMODULE or not place.is_file():
            return False
        shown = self._git("cat-file", "--filters", f"--path={_path(change)}", change.new.sha, allowed=range(256))
        return not shown.code and shown.output.startswith(place.read_bytes())

    def _blob(self, sha: Sha) -> bytes:
        return self._git("cat-file", "blob", sha).output

    def _delete(self, path: str) -> None:
        place = local_path(self.path, path)
        with suppress(OSError):  # it went already, or the folder holds something of the user's
            place.unlink(missing_ok=True)
            for folder in place.parents:
                if folder == self.path:
                    break
                folder.rmdir()

    def _index_line(self, change: PathChange) -> bytes:
        old = change.old or TreeEntry("0", Sha("0" * len(self._old)))
        return f"{old.mode} {old.sha}\t".encode() + encode_path(_path(change)) + b"\0"

    def _git(self, *args: str, **limits: object) -> GitResult:
        return run_git(self.path, *args, special=self._special, **limits)  # type: ignore[arg-type]

    def _shown(self) -> str:
        return f"the worktree {show_path(str(self.path))}"


def drop_stale_lock(place: Path, new: Sha, begun: float, wait_s: float = 1.0) -> None:
    """Remove a ref's lock that a killed git of ours left. No git of ours runs any more when this is called.

    It is ours where it holds the commit that we were writing. Where it is empty it may be another's who is about to
    write: he does so at once, so it is ours when it stays empty for a while.
    """
    deadline = time.monotonic() + wait_s
    with suppress(OSError):
        while place.stat().st_mtime >= begun - 2.0:
            content = place.read_bytes().strip()
            if content == new.encode() or (not content and time.monotonic() > deadline):
                place.unlink()
                return
            if content:
                return
            time.sleep(0.02)


_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer")


def _holds(lock: Path, token: str) -> bool:
    try:
        return lock.read_text(errors="replace") == token
    except OSError:
        return False


def _path(change: PathChange) -> str:
    path = change.new_path if change.new_path is not None else change.old_path
    assert path is not None
    return path


def _names(output: bytes) -> Iterator[str]:
    return (decode_path(name) for name in output.split(b"\0")[:-1])
