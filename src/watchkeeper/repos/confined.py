"""Make a folder hold exactly the files of a tree, without ever writing outside of it.

Every step goes through the handle of a folder that was opened without following links, so that neither a hostile tree
nor what an untrusted program left behind leads anywhere else. A file that is there is never opened to be written: it is
removed and made anew, so that a hard link to it keeps its content. No filter, hook or line-end conversion is applied.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
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


def is_forbidden(name: bytes) -> bool:
    """No name that a checkout may have: it would lead elsewhere, or be git's own folder on some file system."""
    plain = name.lower().rstrip(b". ")
    return name in {b"", b".", b".."} or b"/" in name or b"\0" in name or plain in {b".git", b"git~1"} or (
        plain.startswith(b".git:") or _without_ignored(plain) == b".git"
    )  # fmt: skip


def make_equal(
    root: str,
    wanted: Mapping[bytes, TreeEntry],
    marks: Mapping[bytes, Mark],
    *,
    stamp_ns: int,
    is_kept: Callable[[bytes], bool],
    read: Callable[[TreeEntry], bytes],
) -> dict[bytes, Mark]:
    """Write, replace and remove until ``root`` holds ``wanted``; gives the marks of all files.

    ``marks`` of ``stamp_ns`` tell which files are as they should be already. Untracked files that ``is_kept`` says yes
    to are left. A kill at any point leaves files without a mark, which the next call writes anew. Raises: OSError.
    """
    hand = _Hand(wanted, marks, stamp_ns, is_kept, read)
    handle = os.open(root, _FOLDER)
    try:
        hand.clean(handle, b"", kept=False)
        hand.fill(handle)
    finally:
        os.close(handle)
    return hand.good


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = 0o755  # as git makes folders
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Hand:
    """One pass over a folder."""

    def __init__(
        self,
        wanted: Mapping[bytes, TreeEntry],
        marks: Mapping[bytes, Mark],
        stamp_ns: int,
        is_kept: Callable[[bytes], bool],
        read: Callable[[TreeEntry], bytes],
    ) -> None:
        self._wanted = wanted
        self._marks = marks
        self._stamp_ns = stamp_ns
        self._is_kept = is_kept
        self._read = read
        self._folders = _folders_of(wanted)
        self.good: dict[bytes, Mark] = {}

    def clean(self, handle: int, prefix: bytes, *, kept: bool) -> None:
        """Remove what does not belong, note what is good already."""
        for name in _names(handle):
            path = prefix + name
            found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)
            if path in self._folders:
                if is_folder:
                    with _opened(handle, name) as inner:
                        self.clean(inner, path + b"/", kept=kept or self._is_kept(path))
                else:
                    os.unlink(name, dir_fd=handle)
            elif path in self._wanted:
                mark = self._check(handle, name, path, found)
                if mark is None:
                    _remove(handle, name, is_folder=is_folder)
                else:
                    self.good[path] = mark
            elif not kept and not self._is_kept(path):
                _remove(handle, name, is_folder=is_folder)

    def fill(self, root: int) -> None:
        """Write what is missing."""
        for folder in sorted(path for path, entry in self._wanted.items() if entry.mode == SUBMODULE):
            with _made(root, folder):
                pass
        missing: dict[bytes, list[bytes]] = {}
        for path, entry in self._wanted.items():
            if path not in self.good and entry.mode != SUBMODULE:
                folder, _, name = path.rpartition(b"/")
                missing.setdefault(folder, []).append(name)
        for folder in sorted(missing):
            with _made(root, folder) as handle:
                for name in missing[folder]:
                    path = folder + b"/" + name if folder else name
                    self.good[path] = self._write(handle, name, self._wanted[path])

    def _check(self, handle: int, name: bytes, path: bytes, found: os.stat_result) -> Mark | None:
        """The mark of a file that is as it was written and as it is wanted."""
        entry, mark = self._wanted[path], self._marks.get(path)
        if mark is None or (mark.mode, mark.sha) != (entry.mode, entry.sha) or mark != _mark(entry, found):
            return None
        if found.st_ctime_ns < self._stamp_ns - RACY_NS:
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
