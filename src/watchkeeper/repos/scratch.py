"""Scratch trees: a few checkouts of the hub's trees, reused. One is switched to a tree, not made anew.

A checkout has no ``.git``: nothing that runs in it can reach the user's repository. Tools that ask git for a version
are answered by ``ScratchTree.environment``. A tree's ``.gitattributes`` mean nothing here: files are byte for byte what
the tree holds (a file in Git LFS is its pointer), submodules are empty folders.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.confined import Marks, is_forbidden, make_equal
from watchkeeper.repos.git import decode_path, encode_path, run_git
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.loose import explain_write, write_file
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.treediff import tree_difference
from watchkeeper.repos.trees import SUBMODULE, TreeEntry

KEEP = (
    ".venv", "venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox", ".eggs",
    "*.egg-info", ".next/cache", "target",
)  # fmt: skip
"""Untracked names that a switch leaves alone: what a setup made and what tools remember by content."""


_SET_UP = (b".venv", b"venv", b"node_modules", b"*.egg-info")
"""Those that a setup makes: what only ran afterwards leaves them whole, and they are dear."""


class ScratchTree(msgspec.Struct):
    """A checkout, for as long as the block lasts.

    ``changed`` are the paths where ``tree`` differs from the tree that was here before (all of them in a new one, and
    where nobody knows that tree any more);
    ``left_out`` those that no checkout may hold (``.git`` and what leads outside). ``notes`` is text that survives
    switches; it is saved by ``save_notes`` and at the end of the block.
    """

    path: Path
    tree: Sha
    changed: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: dict[str, str]
    notes_file: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for what runs here: git finds no repository above it, version tools do not ask git."""
        version = dict.fromkeys(("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "PDM_BUILD_SCM_VERSION"), "9999.0.0")
        return {"GIT_CEILING_DIRECTORIES": str(self.path.parent), **version}

    @contextmanager
    def one_run(self) -> Iterator[Callable[[], None]]:
        """Something runs here. Unless the block says (by the call) that it ended by itself, or where this process is
        killed, the next use of the checkout drops what tools remember: half of it may be written.
        """
        mark = self.notes_file.with_name("running")
        write_file(mark, b"")
        ended: list[bool] = []
        yield lambda: ended.append(True)
        if ended:
            mark.unlink(missing_ok=True)

    def save_notes(self) -> None:
        """Keep the notes from now on. Atomic. Raises: WatchkeeperError."""
        write_file(self.notes_file, msgspec.json.encode(self.notes))


class ScratchPool:
    """At most ``size`` checkouts in ``folder``, each with one user at a time, in this process or another."""

    def __init__(self, hub: Hub, folder: Path, size: int, keep: Sequence[str] = KEEP) -> None:
        self._hub = hub
        self._folder = Path(os.path.realpath(folder))
        self._size = max(1, size)
        self._keep = [pattern.encode() for pattern in keep]
        self._freed = threading.Condition()

    @contextmanager
    def checkout(self, revision: Sha) -> Iterator[ScratchTree]:
        """The free checkout that is nearest to a tree (or a commit's), switched to it; blocks while none is free.

        A kill at any moment leaves a checkout that the next use repairs. Raises: WatchkeeperError (a missing object,
        a full disk).
        """
        tree = self._hub.objects.tree_of(revision)
        distances = _Distances(self._hub.objects, tree)
        slot, lock = self._take(distances)
        try:
            scratch = self._switch(slot, distances)
            yield scratch
            scratch.save_notes()
        finally:
            os.close(lock)
            with self._freed:
                self._freed.notify()

    def held(self) -> dict[Path, Sha | None]:
        """The checkouts there are, and the tree that each holds; None: half of one."""
        return {slot / "tree": _read_held_tree(slot) for slot in self._slots()}

    def _take(self, distances: _Distances) -> tuple[Path, int]:
        """A checkout and the lock on it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._shrink()
            while True:
                for slot in [*self._by_nearness(distances), *self._unused()]:
                    lock = _lock(slot)
                    if lock is not None:
                        return slot, lock
                with self._freed:
                    self._freed.wait(0.05)  # another process does not tell
        except OSError as error:
            raise explain_write(self._folder / "x", error) from error

    def _switch(self, slot: Path, distances: _Distances) -> ScratchTree:
        held, tree = _read_held(slot), distances.tree
        files, changed = self._compare(held, distances)
        left_out = {path: entry for path, entry in files.items() if path not in held.marks.files and _leads_out(path)}
        wanted = {path: entry for path, entry in files.items() if path not in left_out} if left_out else files
        try:
            marks = self._make(slot, wanted, held.marks)
        except (OSError, RecursionError):
            # Whatever a run did to it (nests too deep to walk, a link in its place): a new one is always right.
            _throw_away(slot)
            try:
                marks = self._make(slot, wanted, Marks())
            except OSError as error:
                raise explain_write(slot / "tree", error) from error
        submodules = {path: entry for path, entry in wanted.items() if entry.mode == SUBMODULE}
        _write_held(slot, _Held(tree, marks, {**submodules, **left_out}))
        notes_file = slot / "notes.json"
        told = _texts(path for path in changed if path not in left_out)
        return ScratchTree(slot / "tree", tree, told, _texts(left_out), _read_notes(notes_file), notes_file)

    def _make(self, slot: Path, wanted: Mapping[bytes, TreeEntry], marks: Marks) -> Marks:
        root = slot / "tree"
        root.mkdir(parents=True, exist_ok=True)
        mark = slot / "running"
        is_whole = not mark.exists()
        for draft in slot.glob("tmp_obj_*"):  # a kill while something was written beside it
            draft.unlink(missing_ok=True)
        was_set_up = "setup" in _read_notes(slot / "notes.json")
        is_kept = self._is_kept if is_whole else _is_set_up if was_set_up else _is_never
        made = make_equal(str(root), wanted, marks, is_kept=is_kept, read=self._read_blob)
        mark.unlink(missing_ok=True)
        return made

    def _compare(self, held: _Held, distances: _Distances) -> tuple[dict[bytes, TreeEntry], Collection[bytes]]:
        """All files of a tree, and the paths of those that differ from the tree held before.

        git is not asked for all of them where few differ: what the checkout holds is known.
        """
        files = held.files()
        if held.tree is None or files is None:
            listed = self._list(distances.tree)
            return listed, listed.keys()
        difference = distances.find(held.tree)
        if difference is None:
            listed = self._list(distances.tree)
            if not distances.knows(held.tree):
                return listed, listed.keys()
            return listed, [path for path in {**files, **listed} if files.get(path) != listed.get(path)]
        for path, entry in difference.items():
            if entry is None:
                del files[path]
            else:
                files[path] = entry
        return files, difference.keys()

    def _list(self, tree: Sha) -> dict[bytes, TreeEntry]:
        """All files of a tree by path; hostile names as they are."""
        output = run_git(self._hub.folder, "--git-dir=.", "ls-tree", "-r", "-z", tree, isolated=True).output
        files = {}
        for line in output.split(b"\0")[:-1]:
            meta, path = line.split(b"\t", 1)
            mode, _, sha = meta.decode("ascii").split(" ")
            files[path] = TreeEntry(_plain_mode(mode), Sha(sha))
        return files

    def _by_nearness(self, distances: _Distances) -> list[Path]:
        return sorted(self._slots(), key=lambda slot: distances.cost(_read_held_tree(slot)))

    def _unused(self) -> list[Path]:
        """Places for new checkouts: none is made while another is free, because each costs a setup."""
        return [slot for slot in (self._folder / str(number) for number in range(self._size)) if not slot.is_dir()]

    def _slots(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [place for place in self._folder.iterdir() if place.name.isdigit() and place.is_dir()]

    def _shrink(self) -> None:
        """More than ``size``, after a change of configuration: the one not used for longest goes, if it is free."""
        for remains in self._folder.glob("*.gone-*"):
            _delete(remains)
        slots = sorted(self._slots(), key=_last_used)
        for slot in slots[: max(0, len(slots) - self._size)]:
            lock = _lock(slot)
            if lock is not None:
                try:
                    _throw_away(slot)
                finally:
                    os.close(lock)

    def _is_kept(self, path: bytes) -> bool:
        name = path.rpartition(b"/")[2]
        return any(fnmatchcase(path if b"/" in pattern else name, pattern) for pattern in self._keep)

    def _read_blob(self, entry: TreeEntry) -> bytes:
        content = self._hub.objects.read(entry.sha)
        if content is None:  # larger than what is read of sources
            content = run_git(self._hub.folder, "--git-dir=.", "cat-file", "blob", entry.sha, isolated=True).output
        return content


def _is_set_up(path: bytes) -> bool:
    """Kept in a checkout where a run did not end by itself: what the setup made, and nothing that ran since."""
    return any(fnmatchcase(path.rpartition(b"/")[2], pattern) for pattern in _SET_UP)


def _is_never(_path: bytes) -> bool:
    return False


class _Distances:
    """How far other trees are from one."""

    def __init__(self, objects: Objects, tree: Sha) -> None:
        self.tree = tree
        self._objects = objects
        self._found: dict[Sha, dict[bytes, TreeEntry | None] | None] = {}
        self._gone: set[Sha] = set()

    def find(self, other: Sha) -> dict[bytes, TreeEntry | None] | None:
        """The files that differ, as they are here; None where they are many, or the other tree is not known."""
        if other not in self._found:
            self._found[other] = self._compare(other)
        return self._found[other]

    def knows(self, other: Sha) -> bool:
        """Whether the hub has the other tree still."""
        self.find(other)
        return other not in self._gone

    def cost(self, other: Sha | None) -> int:
        """The number of files that differ, as far as they are counted."""
        difference = self.find(other) if other is not None else None
        return _MANY if difference is None else len(difference)

    def _compare(self, other: Sha) -> dict[bytes, TreeEntry | None] | None:
        found: dict[bytes, TreeEntry | None] = {}
        try:
            for path, entry in tree_difference(self._objects, other, self.tree):
                found[encode_path(path)] = entry and TreeEntry(_plain_mode(entry.mode), entry.sha)
                if len(found) >= _MANY:
                    return None
        except GitError:  # the hub has let go of it, or was made anew
            self._gone.add(other)
            return None
        return found


class _Held(msgspec.Struct):
    """What a checkout was made to hold, written only once it did. ``others`` are the tree's files without a mark."""

    tree: Sha | None = None
    marks: Marks = msgspec.field(default_factory=Marks)
    others: dict[bytes, TreeEntry] | None = None

    def files(self) -> dict[bytes, TreeEntry] | None:
        """All files of the tree; None where they are not known."""
        if self.others is None:
            return None
        return {**{path: TreeEntry(mark.mode, Sha(mark.sha)) for path, mark in self.marks.files.items()}, **self.others}


_MANY = 500


def _plain_mode(mode: str) -> str:
    """Old repositories hold ``100664``, which git checks out as ``100644``."""
    return "100644" if mode.startswith("100") and mode != "100755" else mode


def _leads_out(path: bytes) -> bool:
    return any(is_forbidden(step) for step in path.split(b"/"))


def _texts(paths: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(sorted(decode_path(path) for path in paths))


def _lock(slot: Path) -> int | None:
    """The lock of a checkout, None where another holds it. The kernel lets go of it when its holder dies."""
    handle = os.open(slot.with_name(f"{slot.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _read_held(slot: Path) -> _Held:
    try:
        content = (slot / "held").read_bytes()
        return msgspec.msgpack.decode(content.partition(b"\n")[2], type=_Held)
    except (OSError, msgspec.DecodeError):
        return _Held()


def _read_held_tree(slot: Path) -> Sha | None:
    try:
        with (slot / "held").open("rb") as file:
            line = file.readline(100).strip()
    except OSError:
        return None
    return Sha(line.decode("ascii", "replace")) if line.isalnum() else None


def _write_held(slot: Path, held: _Held) -> None:
    write_file(slot / "held", f"{held.tree}\n".encode() + msgspec.msgpack.encode(held))


def _read_notes(place: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(place.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _last_used(slot: Path) -> float:
    try:
        return (slot / "held").stat().st_mtime
    except OSError:
        return 0.0


def _throw_away(slot: Path) -> None:
    """Out of the way at once, deleted after: a kill between the two leaves what the next use deletes."""
    gone = slot.with_name(f"{slot.name}.gone-{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        slot.rename(gone)
        _delete(gone)


def _delete(folder: Path) -> None:
    """``rm`` walks nests of any depth and follows no link; Python's own way has an end."""
    subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], check=False, capture_output=True)
    subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True)
