"""Scratch trees: a few checkouts of Watchkeeper's own that are switched from tree to tree, for running commands in.

Files are written from the hub's objects as they are, byte for byte: no filter, no hook, no line-end conversion, no
``.git`` (tools find no repository; nothing leads from here to the user's). A switch costs the files that differ and one
walk that finds what the last command left behind. What a command did to a file shows in its status change time, which
no command can set back. Submodules are empty folders.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import decode_path, encode_path, run_git
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.loose import explain_write, write_file
from watchkeeper.repos.treediff import tree_difference
from watchkeeper.repos.trees import EXECUTABLE, SUBMODULE, SYMLINK, TreeEntry

KEPT = (".venv", "venv", "node_modules", ".mypy_cache", ".tox", ".nox")
"""Folders at the top, or in any folder for ``node_modules``, that outlive a switch: what a setup installed."""

_POLL_S = 0.05
_ODD_NAMES = frozenset({".git", ".", "..", ""})

Stamp = tuple[int, int, int, int]
"""Size, inode, modification and status change time: another one means that somebody touched the file."""


class _Held(msgspec.Struct, frozen=True, array_like=True):
    """One file as it was written."""

    mode: str
    sha: str
    stamp: Stamp


class _Ledger(msgspec.Struct):
    """What a checkout holds. ``tree`` is ``""`` while it is switched: a kill in between leaves it so."""

    tree: str = ""
    files: dict[bytes, _Held] = {}  # by the path's bytes: names need not be text
    notes: dict[str, str] = {}


class ScratchTree:
    """A checkout that holds a tree, for as long as it is borrowed."""

    def __init__(self, path: Path, changed: frozenset[str], ledger: _Ledger, save: _Save) -> None:
        self.path = path
        self.changed = changed
        """The paths that differ from the tree that it held before, or that a command had touched."""
        self._ledger = ledger
        self._save = save

    @property
    def notes(self) -> Mapping[str, str]:
        """What was noted of this checkout; notes outlive a switch, not the checkout."""
        return self._ledger.notes

    def note(self, key: str, text: str) -> None:
        """Keep a note, also over a kill."""
        self._ledger.notes[key] = text
        self._save(self._ledger)


class ScratchPool:
    """At most ``size`` checkouts in ``folder``, made when they are needed. For several threads and processes."""

    def __init__(self, hub: Hub, folder: Path, size: int = 2, kept: tuple[str, ...] = KEPT) -> None:
        self._hub = hub
        self._folder = folder
        self._size = size
        self._kept = kept
        self._guard = threading.Lock()
        self._borrowed: set[int] = set()

    @contextmanager
    def checkout(self, tree: Sha) -> Iterator[ScratchTree]:
        """Borrow a checkout that holds ``tree`` (or a commit's tree), the nearest one that is free. Waits for one.

        Raises: GitError (a tree that is not there, a disk that is full).
        """
        wanted = self._hub.objects.tree_of(tree)
        slot, handle = self._take(wanted)
        try:
            yield _Checkout(self._hub, self._folder / f"{slot}", self._kept).switch(wanted)
        finally:
            os.close(handle)
            with self._guard:
                self._borrowed.discard(slot)

    def close(self) -> None:
        """Nothing is held between borrowings: the checkouts stay for the next time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, tree: Sha) -> tuple[int, int]:
        """The number of a free checkout, and the handle that locks it."""
        while True:
            free = self._lock_free()
            if free:
                break
            time.sleep(_POLL_S)  # another process has them: nothing tells when it is done
        best = min(free, key=lambda slot: (self._distance(slot, tree), slot))
        with self._guard:
            for slot, handle in free.items():
                if slot != best:
                    os.close(handle)
                    self._borrowed.discard(slot)
        return best, free[best]

    def _lock_free(self) -> dict[int, int]:
        """All checkouts that are free, locked; one that is still to be made only where there is no other."""
        found: dict[int, int] = {}
        with self._guard:
            made = [slot for slot in range(self._size) if (self._folder / f"{slot}" / "tree").is_dir()]
            for slot in [*made, *(slot for slot in range(self._size) if slot not in made)]:
                if slot in self._borrowed or (found and slot not in made):
                    continue
                handle = self._lock(slot)
                if handle >= 0:
                    found[slot] = handle
                    self._borrowed.add(slot)
        return found

    def _lock(self, slot: int) -> int:
        """The handle that locks it; -1 where another process has it."""
        place = self._folder / f"{slot}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise explain_write(place, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return -1
        return handle

    def _distance(self, slot: int, tree: Sha) -> int:
        """How many files a switch would write; very many where it holds nothing."""
        held = read_ledger(self._folder / f"{slot}").tree
        if not held:
            return 1_000_000
        return sum(1 for _ in tree_difference(self._hub.objects, Sha(held), tree))


class _Save:
    def __init__(self, place: Path) -> None:
        self._place = place

    def __call__(self, ledger: _Ledger) -> None:
        write_file(self._place, msgspec.msgpack.encode(ledger))


def read_ledger(folder: Path) -> _Ledger:
    """What the checkout in ``folder`` holds; nothing where that cannot be told."""
    try:
        return msgspec.msgpack.decode((folder / "ledger").read_bytes(), type=_Ledger)
    except (OSError, msgspec.DecodeError):
        return _Ledger()


class _Checkout:
    """One checkout, locked by its owner."""

    def __init__(self, hub: Hub, folder: Path, kept: tuple[str, ...]) -> None:
        self._hub = hub
        self._folder = folder
        self._root = folder / "tree"
        self._kept = kept
        self._save = _Save(folder / "ledger")
        self._safe: set[str] = set()

    def switch(self, tree: Sha) -> ScratchTree:
        """Make the checkout hold exactly ``tree``, but for kept folders."""
        ledger = read_ledger(self._folder)
        self._make_root()
        files = {decode_path(path): held for path, held in ledger.files.items()} if ledger.tree else {}
        wanted = dict(tree_difference(self._hub.objects, Sha(ledger.tree) if ledger.tree else None, tree))
        ledger.tree = ""
        self._save(ledger)
        touched = self._tidy(files)
        for path in touched:
            if path not in wanted and path in files:
                wanted[path] = TreeEntry(files[path].mode, Sha(files[path].sha))
        for path in sorted(path for path, entry in wanted.items() if entry is None):
            self._remove(path)
            files.pop(path, None)
        for path, entry in sorted(wanted.items()):
            if entry is not None and not _ODD_NAMES & set(path.lower().split("/")):
                files[path] = self._write(path, entry)
        ledger.tree, ledger.files = tree, {encode_path(path): held for path, held in files.items()}
        self._save(ledger)
        return ScratchTree(self._root, frozenset(wanted), ledger, self._save)

    def _make_root(self) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_write(self._root, error) from error

    def _tidy(self, files: Mapping[str, _Held]) -> set[str]:
        """Remove what is not the tree's, and say which of its files are not as they were written."""
        folders = {path[: at + 1] for path in files for at, letter in enumerate(path) if letter == "/"}
        seen: set[str] = set()
        touched: set[str] = set()
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for entry in self._entries(folder):
                path = f"{folder}{_text(entry.name)}"
                info = entry.stat(follow_symlinks=False)
                is_folder = stat.S_ISDIR(info.st_mode)
                if is_folder and f"{path}/" in folders:
                    waiting.append(f"{path}/")
                elif path in files and (not is_folder or files[path].mode == SUBMODULE):
                    seen.add(path)
                    if _stamp(info) != files[path].stamp or (is_folder and os.listdir(entry.path)):  # noqa: PTH208
                        touched.add(path)
                elif not (is_folder and self._is_kept(path)):
                    _delete(Path(entry.path), is_folder=is_folder)
        return touched | (files.keys() - seen)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        place = self._place(folder.rstrip("/")) if folder else self._root
        for attempt in (1, 2):
            try:
                with os.scandir(place) as found:
                    return list(found)
            except PermissionError:
                if attempt == 2:
                    raise
                place.chmod(0o755)
        return []

    def _is_kept(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(fnmatchcase(path, glob) for glob in self._kept) or (name == "node_modules" and name in self._kept)

    def _remove(self, path: str) -> None:
        place = self._place(path)
        if self._has_real_parents(path):
            _delete(place, is_folder=place.is_dir() and not place.is_symlink())
            self._prune(path)

    def _prune(self, path: str) -> None:
        """Folders that hold nothing any more go with their last file, as git does."""
        folder = path.rpartition("/")[0]
        while folder:
            try:
                self._place(folder).rmdir()
            except OSError:
                return
            self._safe.discard(folder)
            folder = folder.rpartition("/")[0]

    def _write(self, path: str, entry: TreeEntry) -> _Held:
        place = self._place(path)
        try:
            self._make_parents(path)
            _delete(place, is_folder=place.is_dir() and not place.is_symlink())
            if entry.mode == SUBMODULE:
                place.mkdir()
            elif entry.mode == SYMLINK:
                place.symlink_to(os.fsdecode(self._hub.objects.read(entry.sha) or b""))
            else:
                self._write_file(place, entry)
        except OSError as error:
            raise explain_write(place, error) from error
        return _Held(entry.mode, entry.sha, _stamp(place.lstat()))

    def _write_file(self, place: Path, entry: TreeEntry) -> None:
        content = self._hub.objects.read(entry.sha)
        if content is None:  # larger than the reader gives
            content = run_git(
                self._hub.folder, "--git-dir=.", "cat-file", "blob", entry.sha, isolated=True, timeout_s=120.0
            ).output
        mode = 0o755 if entry.mode == EXECUTABLE else 0o644
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)

    def _make_parents(self, path: str) -> None:
        """Every folder on the way is a real one of ours: never a link that leads elsewhere."""
        folder = path.rpartition("/")[0]
        if not folder or folder in self._safe:
            return
        self._make_parents(folder)
        place = self._place(folder)
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(place.lstat().st_mode):
                place.unlink()
        with suppress(FileExistsError):
            place.mkdir()
        self._safe.add(folder)

    def _has_real_parents(self, path: str) -> bool:
        folder = path.rpartition("/")[0]
        while folder:
            place = self._place(folder)
            if place.is_symlink() or not place.is_dir():
                return False
            folder = folder.rpartition("/")[0]
        return True

    def _place(self, path: str) -> Path:
        return self._root / os.fsdecode(encode_path(path))


def _text(name: str) -> str:
    return decode_path(os.fsencode(name))


def _stamp(info: os.stat_result) -> Stamp:
    """Of a folder (an empty submodule) only that it is there: what is in it is looked at."""
    if stat.S_ISDIR(info.st_mode):
        return (0, 0, 0, 0)
    return (info.st_size, info.st_ino, info.st_mtime_ns, info.st_ctime_ns)


def _delete(place: Path, *, is_folder: bool) -> None:
    """Whatever is there, whatever its permissions; nothing where nothing is."""
    if not is_folder:
        place.unlink(missing_ok=True)
        return

    def open_up(_function: object, path: str, _error: object) -> None:
        closed = Path(path)
        closed.parent.chmod(0o700)
        if closed.is_dir() and not closed.is_symlink():
            closed.chmod(0o700)
            shutil.rmtree(closed, ignore_errors=True)
        else:
            closed.unlink(missing_ok=True)

    shutil.rmtree(place, onerror=open_up)
