"""Make a folder hold exactly the files of a tree, without ever writing outside of it.

Every step goes through the handle of a folder that was opened without following links, so that neither a hostile tree
nor what an untrusted program left behind leads anywhere else. A file that is there is never opened to be written: it is
removed and made anew, so that a hard link to it keeps its content. No filter, hook or line-end conversion is applied.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from watchkeeper.repos.loose import object_id
from watchkeeper.repos.trees import EXECUTABLE, SUBMODULE, SYMLINK, TreeEntry

RACY_NS = 50_000_000
"""Two changes within one tick of the kernel's clock look alike; a file this young is compared by content."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was written: the entry, and what the file system said of it then.

    The time of the last change of state (``ctime``) cannot be set by programs, so an equal mark is an equal file.
    """

    mode: str
    sha: str
    size: int
    changed_ns: int
    inode: int


class FolderMark(msgspec.Struct, frozen=True, array_like=True):
    """A folder once it held what it should: an equal mark says that nothing was added, removed or renamed in it."""

    changed_ns: int
    inode: int


class Marks(msgspec.Struct):
    """What a checkout was made to hold, as the file system saw it. ``stamp_ns`` is a moment after that."""

    stamp_ns: int = 0
    files: dict[bytes, Mark] = msgspec.field(default_factory=dict)
    folders: dict[bytes, FolderMark] = msgspec.field(default_factory=dict)


def is_forbidden(name: bytes) -> bool:
    """No name that a checkout may have: it would lead elsewhere, or be git's own folder on some file system."""
    plain = name.lower().rstrip(b". ")
    return name in {b"", b".", b".."} or b"/" in name or b"\0" in name or plain in {b".git", b"git~1"} or (
        plain.startswith(b".git:") or (not plain.isascii() and _without_ignored(plain) == b".git")
    )  # fmt: skip


def make_equal(
    root: str,
    wanted: Mapping[bytes, TreeEntry],
    marks: Marks,
    *,
    is_kept: Callable[[bytes], bool],
    read: Callable[[TreeEntry], bytes],
) -> Marks:
    """Write, replace and remove until ``root`` holds ``wanted``; gives the marks of what it holds then.

    ``marks`` tell what is as it should be already. Untracked files that ``is_kept`` says yes to are left. Costs a look
    at each file and folder, and a listing of the folders in which something differs. A kill at any point leaves files
    without a mark, which the next call writes anew. Raises: OSError.
    """
    handle = os.open(root, _FOLDER)
    try:
        hand = _Hand(handle, wanted, marks, is_kept, read)
        hand.clean(b"")
        hand.fill()
        return hand.marks()
    finally:
        os.close(handle)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTHING: Sequence[bytes] = ()
_OPEN = 0o755  # as git makes folders
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Hand:
    """One pass over a folder."""

    def __init__(
        self,
        root: int,
        wanted: Mapping[bytes, TreeEntry],
        marks: Marks,
        is_kept: Callable[[bytes], bool],
        read: Callable[[TreeEntry], bytes],
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._marks = marks
        self._settled_ns = marks.stamp_ns - RACY_NS
        self._is_kept = is_kept
        self._read = read
        self._folders = _folders_of(wanted)
        self._known = _Contents(marks)
        self._good: dict[bytes, Mark] = {}
        self._settled: dict[bytes, FolderMark] = {}

    def clean(self, folder: bytes, above: int | None = None) -> None:
        """Remove what does not belong, note what is good already. ``above`` is the handle of the folder around."""
        inner = self._look(folder)
        if inner is not None:
            for path in inner:
                self.clean(path)
            return
        with self._open(folder, above) as handle:
            for path in self._sort_out(handle, folder):
                self.clean(path, handle)

    def fill(self) -> None:
        """Write what is missing."""
        for folder in sorted(path for path, entry in self._wanted.items() if entry.mode == SUBMODULE):
            with _made(self._root, folder):
                pass
            self._unsettle(folder)
        missing: dict[bytes, list[bytes]] = {}
        for path, entry in self._wanted.items():
            if path not in self._good and entry.mode != SUBMODULE:
                folder, _, name = path.rpartition(b"/")
                missing.setdefault(folder, []).append(name)
        for folder in sorted(missing):
            self._unsettle(folder)
            with _made(self._root, folder) as handle:
                for name in missing[folder]:
                    path = folder + b"/" + name if folder else name
                    self._good[path] = self._write(handle, name, self._wanted[path])

    def marks(self) -> Marks:
        """What there is now."""
        for folder in (b"", *self._folders):
            if folder not in self._settled:
                found = self._stat(folder)
                self._settled[folder] = FolderMark(found.st_ctime_ns, found.st_ino)
        return Marks(time.time_ns(), self._good, self._settled)

    def _look(self, folder: bytes) -> Sequence[bytes] | None:
        """The folders in one that is as it was left and as it is wanted, its files too; None where it is not."""
        found, mark = self._stat(folder), self._marks.folders.get(folder)
        if mark is None or (mark.changed_ns, mark.inode) != (found.st_ctime_ns, found.st_ino):
            return None
        inner = self._known.folders.get(folder, _NOTHING)
        if mark.changed_ns >= self._settled_ns or not self._folders.issuperset(inner):
            return None
        for path in self._known.files.get(folder, _NOTHING):
            file = self._marks.files[path]
            entry = self._wanted.get(path)
            if entry is None or (entry.mode, entry.sha) != (file.mode, file.sha):
                return None
            found = self._stat(path)
            is_same = (found.st_ctime_ns, found.st_ino, found.st_size) == (file.changed_ns, file.inode, file.size)
            if not is_same or file.changed_ns >= self._settled_ns:
                return None
            self._good[path] = file
        self._settled[folder] = mark
        return inner

    def _sort_out(self, handle: int, folder: bytes) -> list[bytes]:
        """Remove what does not belong in one folder; gives the folders that stay, to be looked into."""
        prefix, inner = folder + b"/" if folder else b"", []
        kept = self._is_in_kept(folder)
        for name in _names(handle):
            path = prefix + name
            found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)
            if path in self._folders:
                if is_folder:
                    inner.append(path)
                else:
                    os.unlink(name, dir_fd=handle)
            elif path in self._wanted:
                mark = self._check(handle, name, path, found)
                if mark is None:
                    _remove(handle, name, is_folder=is_folder)
                else:
                    self._good[path] = mark
            elif not kept and not self._is_kept(path):
                _remove(handle, name, is_folder=is_folder)
        return inner

    def _is_in_kept(self, folder: bytes) -> bool:
        steps = folder.split(b"/") if folder else []
        return any(self._is_kept(b"/".join(steps[:count])) for count in range(1, len(steps) + 1))

    @contextmanager
    def _open(self, folder: bytes, above: int | None) -> Iterator[int]:
        """A folder's handle, from that of the one around it, or from the root step by step: no link is followed."""
        outer, _, name = folder.rpartition(b"/")
        if not folder:
            yield self._root
        elif above is not None:
            with _opened(above, name) as handle:
                yield handle
        else:
            with self._open(outer, None) as around, _opened(around, name) as handle:
                yield handle

    def _stat(self, path: bytes) -> os.stat_result:
        """Only to compare: where a link leads elsewhere, what is there has another mark."""
        return os.stat(path or b".", dir_fd=self._root, follow_symlinks=False)

    def _unsettle(self, folder: bytes) -> None:
        """Something is made in it, perhaps the folder itself in the one around it."""
        while self._settled.pop(folder, None) is not None or folder:
            folder = folder.rpartition(b"/")[0]

    def _check(self, handle: int, name: bytes, path: bytes, found: os.stat_result) -> Mark | None:
        """The mark of a file that is as it was written and as it is wanted."""
        entry, mark = self._wanted[path], self._marks.files.get(path)
        if mark is None or (mark.mode, mark.sha) != (entry.mode, entry.sha) or mark != _mark(entry, found):
            return None
        if found.st_ctime_ns < self._settled_ns:
            return mark
        return mark if _holds(handle, name, entry, found) else None

    def _write(self, handle: int, name: bytes, entry: TreeEntry) -> Mark:
        content = self._read(entry)
        if entry.mode == SYMLINK:
            os.symlink(content, name, dir_fd=handle)
            return _mark(entry, os.stat(name, dir_fd=handle, follow_symlinks=False))
        mode = 0o755 if entry.mode == EXECUTABLE else 0o644
        file = os.open(name, _FRESH, mode, dir_fd=handle)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fchmod(file, mode)  # whatever the umask
            return _mark(entry, os.fstat(file))
        finally:
            os.close(file)


class _Contents:
    """What was in each folder, by path."""

    def __init__(self, marks: Marks) -> None:
        self.files: dict[bytes, list[bytes]] = {}
        self.folders: dict[bytes, list[bytes]] = {}
        for found, paths in ((self.files, marks.files), (self.folders, marks.folders)):
            for path in paths:
                if path:
                    found.setdefault(path.rpartition(b"/")[0], []).append(path)


def _mark(entry: TreeEntry, found: os.stat_result) -> Mark:
    return Mark(entry.mode, entry.sha, found.st_size, found.st_ctime_ns, found.st_ino)


def _holds(handle: int, name: bytes, entry: TreeEntry, found: os.stat_result) -> bool:
    if stat.S_ISLNK(found.st_mode):
        content = os.readlink(name, dir_fd=handle)
    elif stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == (0o755 if entry.mode == EXECUTABLE else 0o644):
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        with os.fdopen(file, "rb") as stream:
            content = stream.read()
    else:
        return False
    return object_id("blob", content, "sha1" if len(entry.sha) == 40 else "sha256") == entry.sha


def _names(handle: int) -> list[bytes]:
    """Listed before anything in the folder is changed."""
    return [os.fsencode(name) for name in os.listdir(handle)]


@contextmanager
def _opened(handle: int, name: bytes) -> Iterator[int]:
    """A folder in a folder, also where a program closed it to us."""
    try:
        inner = os.open(name, _FOLDER, dir_fd=handle)
    except PermissionError:
        os.chmod(name, _OPEN, dir_fd=handle)
        inner = os.open(name, _FOLDER, dir_fd=handle)
    try:
        if stat.S_IMODE(os.fstat(inner).st_mode) != 0o755:
            os.fchmod(inner, 0o755)
        yield inner
    finally:
        os.close(inner)


@contextmanager
def _made(root: int, folder: bytes) -> Iterator[int]:
    """A folder below the root, step by step, made where it is missing."""
    handle = os.dup(root)
    try:
        for step in folder.split(b"/") if folder else []:
            try:
                os.mkdir(step, 0o755, dir_fd=handle)
            except FileExistsError:
                pass
            else:
                os.chmod(step, _OPEN, dir_fd=handle)
            inner = os.open(step, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _remove(handle: int, name: bytes, *, is_folder: bool) -> None:
    """A file, or a folder with all in it. RecursionError and OSError for nests that are too deep."""
    if not is_folder:
        os.unlink(name, dir_fd=handle)
        return
    with _opened(handle, name) as inner:
        for below in _names(inner):
            found = os.stat(below, dir_fd=inner, follow_symlinks=False)
            _remove(inner, below, is_folder=stat.S_ISDIR(found.st_mode))
    os.rmdir(name, dir_fd=handle)


def _folders_of(wanted: Mapping[bytes, TreeEntry]) -> set[bytes]:
    """All folders there will be, submodules' empty ones too."""
    found: set[bytes] = {path for path, entry in wanted.items() if entry.mode == SUBMODULE}
    for path in wanted:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition(b"/")[0]
    return found


def _without_ignored(name: bytes) -> bytes:
    """HFS+ does not see some characters: ``.g<200c>it`` is ``.git`` to it."""
    text = name.decode("utf-8", "surrogateescape")
    ignored = {*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF}
    return "".join(char for char in text if ord(char) not in ignored).encode("utf-8", "surrogateescape")
