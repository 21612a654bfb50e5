"""What a worktree's or branch's files differ in from the merge base, as values. Reads files, writes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import local_path
from watchkeeper.repos.loose import object_id
from watchkeeper.repos.objects import MAX_CONTENT, Objects
from watchkeeper.repos.renames import find_renames
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.trees import EXECUTABLE, FILE, SUBMODULE, SYMLINK, PathChange, TreeEntry

Bytes = Callable[[Sha], bytes | None]
"""Reads a blob; None where it is too large."""


class NowFile(msgspec.Struct, frozen=True):
    """A file as it is now. ``entry.sha`` is the id that git would give it, ``""`` where the content is unknown.

    ``content`` is kept where no object store has it yet; None otherwise: read ``entry.sha`` from the objects.
    ``stamp`` tells two unknown contents apart.
    """

    entry: TreeEntry
    content: bytes | None = None
    is_binary: bool = False
    is_unmerged: bool = False
    unknown: str = ""
    stamp: str = ""


class WorkingFile(msgspec.Struct, frozen=True):
    """One file of a change against its merge base.

    The side that does not exist has no path and no entry. ``now.content`` holds uncommitted content. ``unknown`` says
    why the content could not be had, in words for people.
    """

    kind: TouchKind
    base_path: str | None
    now_path: str | None
    base: TreeEntry | None
    now: NowFile | None

    @property
    def path(self) -> str:
        """Where it is in base coordinates; its new place for an added file."""
        return self.base_path or self.now_path or ""

    @property
    def unknown(self) -> str:
        return self.now.unknown if self.now is not None else ""

    @property
    def is_binary(self) -> bool:
        return self.now is not None and self.now.is_binary

    @property
    def mode_changed(self) -> bool:
        return self.base is not None and self.now is not None and self.base.mode != self.now.entry.mode

    @property
    def digest(self) -> str:
        """Equal digests are equal contents; ``""`` for a deleted file."""
        return "" if self.now is None else str(self.now.entry.sha) or self.now.stamp


def read_working_path(root: Path, path: str, *, object_format: str = "sha1") -> NowFile | None:
    """The file at ``path`` of a worktree as it is on disk; None where there is none (or a folder, or it vanished).

    A symbolic link is its own target's name and never followed, neither is one on the way: what lies behind is None.
    What is no plain file, is larger than 5 MB or may not be read is ``unknown`` with its reason. Never raises.
    """
    place = local_path(root, path)
    try:
        info = place.lstat()
        if place.parent != root and os.path.realpath(place.parent) != str(
            root.resolve() / place.parent.relative_to(root)
        ):
            return None
        return _read(place, info, object_format)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _unknown(FILE, f"cannot be read: {(error.strerror or 'no reason given').lower()}", path)


def read_branch_files(repository: Repository, base: Sha | None, head: Sha) -> tuple[WorkingFile, ...]:
    """What a branch's newest commit differs in from its merge base; objects only. ``base`` None: everything is new.

    Raises: GitError.
    """
    if base is None:
        changes = [
            PathChange(TouchKind.ADDED, None, path, None, entry) for path, entry in repository.tree_files(head).items()
        ]
        return combine(changes, {}, lambda _: None)
    return combine(repository.diff(base, head), {}, lambda _: None)


def read_content(file: WorkingFile, objects: Objects) -> bytes | None:
    """The present content of a file, wherever it is kept; None where it is unknown, deleted or a submodule.

    Raises: GitError for an object that is missing.
    """
    if file.now is None or file.now.unknown or file.now.entry.mode == SUBMODULE:
        return None
    return file.now.content if file.now.content is not None else objects.read(file.now.entry.sha)


def read_base(file: WorkingFile, objects: Objects) -> bytes | None:
    """The content in the merge base; None for an added file, a submodule or one larger than 5 MB. Raises: GitError."""
    if file.base is None or file.base.mode == SUBMODULE:
        return None
    return objects.read(file.base.sha)


def snapshot_entries(files: Sequence[WorkingFile], store: Callable[[bytes], Sha]) -> dict[str, TreeEntry | None]:
    """What to lay over the merge base's tree to get the change's own (``Hub.write_tree``); stores new contents.

    A file of unknown content stands there as a note of its own, so that it never merges as if it were unchanged.
    """
    entries: dict[str, TreeEntry | None] = {
        file.base_path: None for file in files if file.base_path is not None and file.base_path != file.now_path
    }
    for file in files:
        if file.now_path is None or file.now is None:
            continue
        entry = file.now.entry
        if not entry.sha:
            note = f"content unknown: {file.now.unknown}\n{file.now.stamp}\n"
            entry = TreeEntry(entry.mode, store(note.encode("utf-8", "surrogateescape")))
        elif file.now.content is not None:
            entry = TreeEntry(entry.mode, store(file.now.content))
        entries[file.now_path] = entry
    return entries


def combine(
    committed: Sequence[PathChange],
    overrides: Mapping[str, NowFile | None],
    base_entry: Callable[[str], TreeEntry | None],
    read: Bytes | None = None,
) -> tuple[WorkingFile, ...]:
    """The files of a change: the committed differences with the working tree's laid over them. Sorted by path.

    ``overrides`` are the files on disk that are not as committed (None: gone), ``base_entry`` gives the merge base's
    file at a path. With ``read``, files that went and files that came are joined as renames where they are alike.
    """
    joined = _Joined(committed)
    for path, now in overrides.items():
        joined.lay_over(path, now, base_entry)
    if read is not None and overrides:
        joined.join_renames(read)
    return joined.files()


def is_binary(content: bytes) -> bool:
    """A zero byte among the first 8,000: git's own test."""
    return b"\0" in content[:8000]


class _Joined:
    """The two sides by path, and which new path comes from which old one."""

    def __init__(self, committed: Sequence[PathChange]) -> None:
        self.base = {change.old_path: change.old for change in committed if change.old_path and change.old}
        self.now = {change.new_path: NowFile(change.new) for change in committed if change.new_path and change.new}
        self.origin = {change.new_path: change.old_path for change in committed if change.new_path and change.old_path}

    def lay_over(self, path: str, now: NowFile | None, base_entry: Callable[[str], TreeEntry | None]) -> None:
        if path not in self.base and path not in self.now:
            entry = base_entry(path)
            if entry is not None:
                self.base[path] = entry
        if now is None:
            self.now.pop(path, None)
            self.origin.pop(path, None)
            return
        self.now[path] = now
        if path in self.base:
            # It is back at its old place: what the commits renamed it to is a new file then.
            for new_path in [new for new, old in self.origin.items() if old == path]:
                del self.origin[new_path]
            self.origin[path] = path

    def join_renames(self, read: Bytes) -> None:
        taken = set(self.origin.values())
        gone = {path: entry for path, entry in self.base.items() if path not in taken}
        new = {path: file for path, file in self.now.items() if path not in self.origin and not file.unknown}

        def old_content(path: str) -> bytes | None:
            return _read_known(gone[path].sha, read)

        def new_content(path: str) -> bytes | None:
            kept = new[path].content
            return kept if kept is not None else _read_known(new[path].entry.sha, read)

        self.origin |= find_renames(gone, {path: file.entry for path, file in new.items()}, old_content, new_content)

    def files(self) -> tuple[WorkingFile, ...]:
        found = [self._file(path, now) for path, now in self.now.items()]
        taken = set(self.origin.values())
        found += [
            WorkingFile(TouchKind.DELETED, path, None, entry, None)
            for path, entry in self.base.items()
            if path not in taken
        ]
        return tuple(sorted((file for file in found if file is not None), key=lambda file: (file.path, file.kind)))

    def _file(self, path: str, now: NowFile) -> WorkingFile | None:
        old_path = self.origin.get(path)
        if old_path is None:
            return WorkingFile(TouchKind.ADDED, None, path, None, now)
        base = self.base[old_path]
        if old_path != path:
            return WorkingFile(TouchKind.RENAMED, old_path, path, base, now)
        return None if base == now.entry else WorkingFile(TouchKind.MODIFIED, path, path, base, now)


def _read(place: Path, info: os.stat_result, object_format: str) -> NowFile | None:
    if stat.S_ISDIR(info.st_mode):
        return None
    if stat.S_ISLNK(info.st_mode):
        content = os.fsencode(place.readlink())
        return NowFile(TreeEntry(SYMLINK, object_id("blob", content, object_format)), content)
    mode = EXECUTABLE if info.st_mode & stat.S_IXUSR else FILE
    if not stat.S_ISREG(info.st_mode):
        return _unknown(FILE, "is no plain file", str(info.st_ino))
    if info.st_size > MAX_CONTENT:
        return _unknown(mode, "is larger than 5 MB", f"{info.st_size}:{info.st_mtime_ns}")
    # Not following and not blocking: between lstat and here it may have become a link or a pipe.
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        content = file.read(MAX_CONTENT + 1)
    if len(content) > MAX_CONTENT:
        return _unknown(mode, "is larger than 5 MB", f"{info.st_size}:{info.st_mtime_ns}")
    return NowFile(TreeEntry(mode, object_id("blob", content, object_format)), content, is_binary=is_binary(content))


def _unknown(mode: str, reason: str, stamp: str) -> NowFile:
    return NowFile(TreeEntry(mode, Sha("")), unknown=reason, stamp=stamp)


def _read_known(sha: Sha, read: Bytes) -> bytes | None:
    try:
        return read(sha)
    except WatchkeeperError:  # not fetched: it cannot be compared, so it is no rename
        return None
