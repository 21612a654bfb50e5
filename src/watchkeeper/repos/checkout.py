"""One worktree, kept current: a full scan is the truth, single paths are followed between scans."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Sha
from watchkeeper.repos.disk import DiskFiles
from watchkeeper.repos.git import decode_path, local_path, run_git, show_path
from watchkeeper.repos.judges import (
    ATTRIBUTE_FILES,
    IGNORE_FILES,
    Conversion,
    IgnoreJudge,
    config_stamp,
    file_stamp,
    read_conversion,
)
from watchkeeper.repos.loose import object_id
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Repository, Worktree
from watchkeeper.repos.status import STATUS_ARGS, Status, StatusEntry, parse_status
from watchkeeper.repos.trees import FOLDER, SUBMODULE, PathChange, TreeEntry, folders_of, parse_tree_listing
from watchkeeper.repos.working import NowFile, WorkingFile, combine

MOST_PATHS = 2_000
"""More paths than this at once are read faster by a scan."""


class CheckoutState(msgspec.Struct, frozen=True):
    """What a checkout differs in from its merge base, at one moment. ``head`` is None before the first commit."""

    head: Sha | None
    base: Sha | None
    branch: str
    files: tuple[WorkingFile, ...]


class Checkout:
    """Follows one worktree. Not thread-safe: one task owns it. ``objects`` read the repository (or its hub)."""

    def __init__(self, repository: Repository, worktree: Worktree, objects: Objects) -> None:
        """``repository`` is where commits are compared: the user's, or ``Hub.repository`` for several clones."""
        self.worktree = worktree
        self.ignore = IgnoreJudge(worktree.path)
        self._disk = DiskFiles(worktree.path, objects, repository.object_format)
        self._repository = repository
        self._objects = objects
        self._conversion = Conversion()
        self._config_stamp: object = None
        self._index_stamp: object = None
        self._index = _IndexFacts()
        self._state = CheckoutState(None, None, "", ())
        self._diff_key: tuple[Sha | None, Sha | None] = (None, None)
        self._committed: tuple[PathChange, ...] = ()
        self._overrides: dict[str, NowFile | None] = {}
        self._staged: dict[str, bool] = {}
        self._empty = object_id("blob", b"", repository.object_format)

    @property
    def state(self) -> CheckoutState:
        """As of the last scan or update."""
        return self._state

    @property
    def uncommitted(self) -> frozenset[str]:
        """The paths that differ from HEAD, as of the last scan or update."""
        return frozenset(self._overrides)

    @property
    def folders(self) -> frozenset[str]:
        """All folders that hold tracked files or untracked ones that are not ignored, as of the last scan."""
        return self._index.folders | folders_of(file.now_path for file in self._state.files if file.now_path)

    def read_head(self) -> Sha | None:
        """The commit that is checked out now; None before the first one. Raises: NotARepositoryError, GitError."""
        self._require()
        result = run_git(self.worktree.path, "rev-parse", "--verify", "--quiet", "HEAD", allowed=(0, 1, 128))
        return Sha(result.output.decode("ascii").strip()) if result.code == 0 else None

    def scan(self, base: Sha | None) -> CheckoutState:
        """Look at the whole worktree: staged, unstaged and untracked work, ignored files not. Blocks.

        Raises: NotARepositoryError where the worktree is gone, GitError.
        """
        self._require()
        self._renew_facts()
        status = parse_status(
            run_git(self.worktree.path, *STATUS_ARGS, config=self._conversion.overrides, timeout_s=300.0).output
        )
        has_attributes = any(path.rpartition("/")[2] in ATTRIBUTE_FILES for path in status.untracked)
        self._disk.configure(self._conversion, has_attributes=has_attributes or self._index.has_attributes)
        self._staged = {
            entry.path: entry.index is not None or entry.is_unmerged
            for entry in status.tracked
            if (entry.index is None) != (entry.head is None)
        }
        self._committed = self._committed_changes(base, status.head)
        self._overrides = dict(self._read_status(status))
        self._disk.keep_only(self._overrides)
        return self._combined(status.head, base, status.branch)

    def update(self, paths: Iterable[str]) -> CheckoutState | None:
        """Look at these paths again; None where only a scan, a moment later, can tell.

        That is: a folder went, there are too many paths, or a file has just become empty: half of a save in place.

        Between scans HEAD, index and merge base are taken to be as they were: on a move of those, scan.
        """
        files: dict[str, None] = {}
        for path in paths:
            found = self._expand(path)
            if found is None or len(files) > MOST_PATHS:
                return None
            files.update(dict.fromkeys(found))
        if any(self._is_just_emptied(path) for path in files):
            return None
        for path in files:
            self._look(path)
        return self._combined(self._state.head, self._state.base, self._state.branch)

    def is_index_moved(self) -> bool:
        """The index is another one than at the last scan (something was staged, committed, switched)."""
        return file_stamp(self.worktree.git_dir / "index") != self._index_stamp

    def close(self) -> None:
        """End its processes; they start again when needed."""
        self.ignore.close()
        self._disk.forget()

    def _require(self) -> None:
        if not self.worktree.is_present:
            raise NotARepositoryError(
                f"the worktree {show_path(str(self.worktree.path))} is gone",
                slug="worktree-gone",
                hint="clean up with `git worktree prune`",
            )

    def _renew_facts(self) -> None:
        stamp = config_stamp(self.worktree)
        if stamp != self._config_stamp:
            self._conversion = read_conversion(self.worktree)
            self._config_stamp = stamp
        index_stamp = file_stamp(self.worktree.git_dir / "index")
        if index_stamp != self._index_stamp or index_stamp is None:
            self.close()  # other ignore and attribute files may be checked out
            listing = run_git(self.worktree.path, "ls-files", "-v", "-z").output
            self._index = _read_index_facts(listing, _common_dir(self.worktree))
            self._index_stamp = index_stamp

    def _committed_changes(self, base: Sha | None, head: Sha | None) -> tuple[PathChange, ...]:
        if (base, head) == self._diff_key:
            return self._committed
        # An orphan branch or a new repository: everything committed is an addition.
        if head is None or base == head:
            changes: tuple[PathChange, ...] = ()
        elif base is None:
            listed = self._repository.tree_files(head).items()
            changes = tuple(PathChange(TouchKind.ADDED, None, path, None, entry) for path, entry in listed)
        else:
            changes = self._repository.diff(base, head)
        self._diff_key = (base, head)
        return changes

    def _combined(self, head: Sha | None, base: Sha | None, branch: str) -> CheckoutState:
        files = combine(self._committed, self._overrides, self._base_entry, self._objects.read)
        self._state = CheckoutState(head, base, branch, files)
        return self._state

    def _base_entry(self, path: str) -> TreeEntry | None:
        return self._find(self._diff_key[0], path)

    def _find(self, revision: Sha | None, path: str) -> TreeEntry | None:
        if revision is None:
            return None
        entry = self._objects.find_entry(revision, path)
        return entry if entry is not None and entry.mode != FOLDER else None

    def _read_status(self, status: Status) -> Iterator[tuple[str, NowFile | None]]:
        for entry in status.tracked:
            yield entry.path, self._read_tracked(entry)
        for path in status.untracked:
            now = self._disk.read(path, None)
            if now is not None:
                yield path, now

    def _read_tracked(self, entry: StatusEntry) -> NowFile | None:
        if entry.is_submodule:
            return _read_submodule(self.worktree.path, entry)
        if entry.same_on_disk:
            return NowFile(entry.index) if entry.index is not None else None
        if not entry.on_disk:
            return None
        now = self._disk.read(entry.path, entry.index or entry.head)
        return msgspec.structs.replace(now, is_unmerged=True) if now is not None and entry.is_unmerged else now

    def _expand(self, path: str) -> list[str] | None:
        """The files that a touched path stands for; None where that cannot be told without a scan."""
        name = path.rpartition("/")[2]
        if name in IGNORE_FILES:
            self.ignore.close()
            return None
        if name in ATTRIBUTE_FILES:
            self._disk.forget()
            return None
        place = local_path(self.worktree.path, path)
        if _is_folder(place):
            return self._list_folder(path) if path else None
        return None if self._was_folder(path) else [path]

    def _was_folder(self, path: str) -> bool:
        return any(known.startswith(f"{path}/") for known in self._overrides) or self._head_folder(path) is not None

    def _head_folder(self, path: str) -> Sha | None:
        head = self._state.head
        entry = self._objects.find_entry(head, path) if head is not None else None
        return entry.sha if entry is not None and entry.mode == FOLDER else None

    def _list_folder(self, path: str) -> list[str] | None:
        """The files below a folder, those that are there and are not ignored and those that were.

        None for more than a scan should read.
        """
        found = {path, *(name for name in self._overrides if name.startswith(f"{path}/"))}
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            if self._is_repository(folder):
                continue
            names = [f"{folder}/{name}" for name in _names(local_path(self.worktree.path, folder)) if name != ".git"]
            ignored = self.ignore.ignored(names)
            folders = {name for name in names if _is_folder(local_path(self.worktree.path, name))}
            waiting += folders - ignored
            found |= set(names) - folders
            if len(found) > MOST_PATHS:
                return None
        tracked = self._head_folder(path)
        if tracked is not None:
            listing = self._repository.git("ls-tree", "-r", "-z", tracked).output
            found |= {f"{path}/{name}" for name in parse_tree_listing(listing)}
        return sorted(found)

    def _look(self, path: str) -> None:
        if path in self._index.hidden or self._is_foreign(path):
            return
        committed = self._find(self._state.head, path)
        is_tracked = self._staged.get(path, committed is not None)
        now = self._disk.read(path, committed)
        if committed is not None and committed.mode == SUBMODULE:
            return  # its commit is a matter for scans
        if now is not None and not is_tracked and self.ignore.ignored([path]):
            now = None
        unchanged = now is not None and committed is not None and now.entry == committed
        if unchanged or (now is None and committed is None):
            self._overrides.pop(path, None)
        else:
            self._overrides[path] = now

    def _is_just_emptied(self, path: str) -> bool:
        try:
            info = local_path(self.worktree.path, path).lstat()
        except (OSError, ValueError):
            return False
        if info.st_size or not stat.S_ISREG(info.st_mode):
            return False
        known = self._overrides[path] if path in self._overrides else self._find(self._state.head, path)
        entry = known.entry if isinstance(known, NowFile) else known
        return entry is not None and entry.sha != self._empty

    def _is_foreign(self, path: str) -> bool:
        """It is in a repository inside the worktree (a submodule, another worktree), or in ``.git`` itself."""
        steps = path.split("/")
        if ".git" in steps:
            return True
        return any(self._is_repository("/".join(steps[:count])) for count in range(1, len(steps)))

    def _is_repository(self, folder: str) -> bool:
        return os.path.lexists(local_path(self.worktree.path, folder) / ".git")


class _IndexFacts(msgspec.Struct, frozen=True):
    """``hidden`` are paths that git was told not to look at on disk (skip-worktree, assume-unchanged)."""

    hidden: frozenset[str] = frozenset()
    has_attributes: bool = False
    folders: frozenset[str] = frozenset()


def _read_index_facts(listing: bytes, common_dir: Path) -> _IndexFacts:
    records = listing.split(b"\0")[:-1]
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return _IndexFacts(
        hidden=frozenset(decode_path(record[2:]) for record in records if not record.startswith(_ORDINARY)),
        has_attributes=any(record.endswith(b".gitattributes") for record in records)
        or (common_dir / "info" / "attributes").exists()
        or (home / "git" / "attributes").exists(),
        # Interned: the worktrees of one repository have the same folders.
        folders=frozenset(sys.intern(folder) for folder in folders_of(decode_path(record[2:]) for record in records)),
    )


_ORDINARY = (b"H ", b"M ", b"R ", b"C ", b"K ", b"? ")


def _common_dir(worktree: Worktree) -> Path:
    return worktree.git_dir if worktree.is_main else worktree.git_dir.parent.parent


def _read_submodule(root: Path, entry: StatusEntry) -> NowFile | None:
    """A submodule as the commit that is checked out in it; its own files belong to its own repository."""
    if not entry.on_disk:
        return None
    sha = entry.index.sha if entry.index is not None else Sha("")
    try:
        result = run_git(root / entry.path, "rev-parse", "--verify", "--quiet", "HEAD", allowed=(0, 1, 128))
        sha = Sha(result.output.decode("ascii").strip()) or sha
    except WatchkeeperError:
        pass  # not checked out: what is staged counts
    return NowFile(TreeEntry(SUBMODULE, sha)) if sha else None


def _names(folder: Path) -> list[str]:
    try:
        return [decode_path(os.fsencode(place.name)) for place in folder.iterdir()]
    except OSError:  # it went, or may not be read: the next scan tells
        return []


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()
