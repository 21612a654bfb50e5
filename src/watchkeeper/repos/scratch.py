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
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.confined import Mark, is_forbidden, make_equal
from watchkeeper.repos.git import decode_path, run_git
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.loose import explain_write, write_file
from watchkeeper.repos.trees import FOLDER, TreeEntry

KEEP = (
    ".venv", "venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox", ".eggs",
    "*.egg-info", ".next/cache", "target",
)  # fmt: skip
"""Untracked names that a switch leaves alone: what a setup made and what tools remember by content."""


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
        slot, lock = self._take(tree)
        try:
            scratch = self._switch(slot, tree)
            yield scratch
            scratch.save_notes()
        finally:
            os.close(lock)
            with self._freed:
                self._freed.notify()

    def held(self) -> dict[Path, Sha | None]:
        """The checkouts there are, and the tree that each holds; None: half of one."""
        return {slot / "tree": _read_held_tree(slot) for slot in self._slots()}

    def _take(self, tree: Sha) -> tuple[Path, int]:
        """A checkout and the lock on it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._shrink()
            while True:
                for slot in [*self._by_nearness(tree), *self._unused()]:
                    lock = _lock(slot)
                    if lock is not None:
                        return slot, lock
                with self._freed:
                    self._freed.wait(0.05)  # another process does not tell
        except OSError as error:
            raise explain_write(self._folder / "x", error) from error

    def _switch(self, slot: Path, tree: Sha) -> ScratchTree:
        held = _read_held(slot)
        wanted, left_out, changed = self._wanted(held, tree)
        try:
            marks = self._make(slot, wanted, held)
        except (OSError, RecursionError):
            # Whatever a run did to it (nests too deep to walk, a link in its place): a new one is always right.
            _throw_away(slot)
            try:
                marks = self._make(slot, wanted, _Held())
            except OSError as error:
                raise explain_write(slot / "tree", error) from error
        _write_held(slot, _Held(tree, time.time_ns(), marks))
        notes_file = slot / "notes.json"
        return ScratchTree(slot / "tree", tree, changed, left_out, _read_notes(notes_file), notes_file)

    def _make(self, slot: Path, wanted: Mapping[bytes, TreeEntry], held: _Held) -> dict[bytes, Mark]:
        root = slot / "tree"
        root.mkdir(parents=True, exist_ok=True)
        return make_equal(
            str(root), wanted, held.marks, stamp_ns=held.stamp_ns, is_kept=self._is_kept, read=self._read_blob
        )

    def _wanted(self, held: _Held, tree: Sha) -> tuple[dict[bytes, TreeEntry], tuple[str, ...], tuple[str, ...]]:
        """All files of a tree, the ones left out, and the ones that differ from the tree held before."""
        files = self._list(tree)
        before = self._list_held(held.tree) if held.tree is not None and held.tree != tree else {}
        if held.tree == tree:
            changed: list[bytes] = []
        else:
            changed = [path for path in {**before, **files} if before.get(path) != files.get(path)]
        bad = {path for path in files if any(is_forbidden(step) for step in path.split(b"/"))}
        wanted = {path: entry for path, entry in files.items() if path not in bad}
        return wanted, _texts(bad), _texts(path for path in changed if path not in bad)

    def _list(self, tree: Sha) -> dict[bytes, TreeEntry]:
        """All files of a tree by path; hostile names as they are."""
        output = run_git(self._hub.folder, "--git-dir=.", "ls-tree", "-r", "-z", tree, isolated=True).output
        files = {}
        for line in output.split(b"\0")[:-1]:
            meta, path = line.split(b"\t", 1)
            mode, _, sha = meta.decode("ascii").split(" ")
            files[path] = TreeEntry(_plain_mode(mode), Sha(sha))
        return files

    def _list_held(self, tree: Sha) -> dict[bytes, TreeEntry]:
        """All files of a tree that a checkout holds; none where the hub has let go of it, or was made anew."""
        try:
            return self._list(tree)
        except GitError:
            return {}

    def _distance(self, old: Sha, new: Sha) -> int:
        """How many files differ; folders that are equal are not looked into."""
        if old == new:
            return 0
        try:
            one, other = self._hub.objects.tree_entries(old), self._hub.objects.tree_entries(new)
        except GitError:
            return _FAR
        total = 0
        for name in one.keys() | other.keys():
            left, right = one.get(name), other.get(name)
            if left == right:
                continue
            if left and right and left.mode == right.mode == FOLDER:
                total += self._distance(left.sha, right.sha)
            else:
                total += 1 if FOLDER not in {entry.mode for entry in (left, right) if entry} else _FOLDER_COST
        return total

    def _by_nearness(self, tree: Sha) -> list[Path]:
        held = {slot: _read_held_tree(slot) for slot in self._slots()}
        cost = {slot: self._distance(sha, tree) if sha is not None else _FAR for slot, sha in held.items()}
        return sorted(cost, key=lambda slot: cost[slot])

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


class _Held(msgspec.Struct):
    """What a checkout was made to hold, written only once it did."""

    tree: Sha | None = None
    stamp_ns: int = 0
    marks: dict[bytes, Mark] = msgspec.field(default_factory=dict)


_FAR = 1_000_000
_FOLDER_COST = 10


def _plain_mode(mode: str) -> str:
    """Old repositories hold ``100664``, which git checks out as ``100644``."""
    return "100644" if mode.startswith("100") and mode != "100755" else mode


def _texts(paths: Iterator[bytes] | set[bytes]) -> tuple[str, ...]:
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
