"""Follow the files of many worktrees live, with as few watches as needed. A hint, never the truth: scans are that."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from watchfiles import Change
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from watchkeeper.repos.followplan import REFS_INSIDE, FollowKind, FollowPlace, FollowPlan, read_watch_budget
from watchkeeper.repos.git import decode_path, local_path

Ignored = Callable[[Path, Iterable[str]], frozenset[str]]
"""Those of the folders (relative to a worktree's root) that git ignores."""


class FollowBatch(msgspec.Struct, frozen=True):
    """What happened since the batch before.

    ``paths`` are touched files and folders by worktree root; ``new_folders`` those folders among them that appeared
    (hand them to ``extend``, then look at them). ``git_moved`` are worktrees whose HEAD or index moved, ``refs_moved``
    says that a branch did, ``worktrees_changed`` that a worktree came or went. Scan what is in ``overflow``: too much
    happened there. ``seen_at`` is the monotonic time of the first event.
    """

    paths: Mapping[Path, frozenset[str]] = {}
    new_folders: Mapping[Path, frozenset[str]] = {}
    git_moved: frozenset[Path] = frozenset()
    refs_moved: bool = False
    worktrees_changed: bool = False
    overflow: frozenset[Path] = frozenset()
    seen_at: float = 0.0


class FollowStatistics(msgspec.Struct, frozen=True):
    """``left_out`` folders are covered by the sweep only; ``problem`` says why watching does not work, if so."""

    folders: int
    left_out: int
    watchers: int
    events: int
    problem: str = ""


class Follower:
    """Owned by one asyncio loop. Start with ``set_folders``, read ``batches``, end with ``close``."""

    def __init__(self, *, debounce_ms: int = 5, step_ms: int = 2, most_folders: int | None = None) -> None:
        self._debounce_ms = debounce_ms
        self._step_ms = step_ms
        self._most_folders = read_watch_budget() if most_folders is None else most_folders
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: dict[str, FollowPlace] = {}
        self._watchers: list[_Watcher] = []
        self._pending = _Pending()
        self._arrived = asyncio.Event()
        self._changing = asyncio.Lock()
        self._left_out = 0
        self._events = 0
        self._problem = ""
        self._closed = False

    async def set_folders(self, plan: FollowPlan) -> Mapping[Path, frozenset[str]]:
        """Watch these folders and no others; can be called at any time, no event gets lost.

        Gives the folders, by worktree, that are watched only from now on: look at them again.
        """
        self._loop = asyncio.get_running_loop()
        async with self._changing:
            wanted = dict(list(plan.places.items())[: self._most_folders])
            self._left_out = plan.left_out + len(plan.places) - len(wanted)
            old = self._covered()
            added = [folder for folder in wanted if folder not in old]
            self._places = wanted
            stale = len(old - wanted.keys())
            if len(self._watchers) >= _MOST_WATCHERS or stale > len(old) // 4:
                # The new one starts before the old ones stop: in between events come twice, never not at all.
                await self._replace(list(wanted))
            elif added:
                await self._start(added)
            covered = self._covered()
            return self._by_tree(folder for folder in added if folder in covered)

    async def extend(self, root: Path, folders: Iterable[str], ignored: Ignored) -> frozenset[str]:
        """Watch new folders of a worktree with those inside them, but for ignored ones.

        Gives all that are watched now and were not: look at them again, for their first events are lost.
        """
        found = await asyncio.to_thread(_walk, root, folders, ignored)
        async with self._changing:
            room, covered = max(0, self._most_folders - len(self._places)), self._covered()
            fresh = {place: folder for folder in found if (place := str(local_path(root, folder))) not in covered}
            taken = dict(list(fresh.items())[:room])
            self._left_out += len(fresh) - len(taken)
            for place, folder in taken.items():
                self._places[place] = FollowPlace(FollowKind.FILES, root, folder)
            if len(self._watchers) >= _MOST_WATCHERS:
                await self._replace(list(self._places))
            elif taken:
                await self._start(list(taken))
        return frozenset(fresh.values())

    async def batches(self) -> AsyncIterator[FollowBatch]:
        """What happens, in batches, until ``close``. While the reader is busy, further events gather in one batch."""
        while not self._closed:
            await self._arrived.wait()
            self._arrived.clear()
            pending, self._pending = self._pending, _Pending()
            batch = pending.batch()
            if batch is not None:
                yield batch

    def statistics(self) -> FollowStatistics:
        """How much is watched, and whether it works."""
        folders = len(self._covered())
        return FollowStatistics(folders, self._left_out, len(self._watchers), self._events, self._problem)

    async def close(self) -> None:
        """Stop watching and end ``batches``."""
        self._closed = True
        self._arrived.set()
        async with self._changing:
            watchers, self._watchers = self._watchers, []
            await asyncio.to_thread(_stop, watchers)

    def _covered(self) -> set[str]:
        return set().union(*(watcher.folders for watcher in self._watchers))

    def _by_tree(self, folders: Iterable[str]) -> dict[Path, frozenset[str]]:
        found: dict[Path, set[str]] = {}
        for folder in folders:
            place = self._places[folder]
            if place.kind is FollowKind.FILES:
                found.setdefault(place.root, set()).add(place.folder)
        return {root: frozenset(names) for root, names in found.items()}

    async def _replace(self, folders: list[str]) -> None:
        old, self._watchers = self._watchers, []
        self._problem = ""
        await self._start(folders)
        await asyncio.to_thread(_stop, old)

    async def _start(self, folders: list[str]) -> None:
        """A watcher for these folders, or for as many as the system lets us."""
        loop = self._loop
        assert loop is not None

        def report(changes: set[tuple[int, str]], new: frozenset[str]) -> None:
            loop.call_soon_threadsafe(self._take, changes, new)

        watcher, problem = await asyncio.to_thread(_start_watcher, folders, report, self._debounce_ms, self._step_ms)
        self._problem = problem or self._problem
        if watcher is not None:
            self._watchers.append(watcher)

    def _take(self, changes: set[tuple[int, str]], new: frozenset[str]) -> None:
        self._events += len(changes)
        for change, path in changes:
            if change == Change.deleted and path in self._places:
                self._pending.lose(self._places[path])
                for watcher in self._watchers:
                    watcher.folders.discard(path)  # the system forgot it: it counts as new when it is back
            folder, _, name = path.rpartition("/")
            place = self._places.get(folder or "/")
            if place is not None:
                self._pending.add(place, decode_path(os.fsencode(name)), is_new=path in new)
        self._arrived.set()


_MOST_WATCHERS = 4
"""Each is one inotify instance, of which a user has 128. One in the steady state; more while folders are added."""

_OVERFLOW = 2_000
_QUIET_S = 20.0
_ATTEMPTS = 20
_QUIET_STEP_MS = 10
_HEAD_FILES = frozenset({"HEAD", "index", "MERGE_HEAD", "rebase-merge", "rebase-apply", "config.worktree"})
_REF_FILES = frozenset({"packed-refs", "HEAD"})


class _Watcher:
    """One operating-system watch with the thread that reads it."""

    def __init__(self, notify: RustNotify, folders: Iterable[str]) -> None:
        self.notify = notify
        self.folders = set(folders)
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None


class _Pending:
    """Events that nobody took yet."""

    def __init__(self) -> None:
        self._paths: dict[Path, set[str]] = {}
        self._new: dict[Path, set[str]] = {}
        self._git_moved: set[Path] = set()
        self._refs_moved = False
        self._worktrees_changed = False
        self._seen_at = 0.0

    def add(self, place: FollowPlace, name: str, *, is_new: bool) -> None:
        """Note an event on ``name`` in a watched folder, unless it says nothing (git's own lock files)."""
        if place.kind is FollowKind.FILES:
            if name == ".git":
                return
            path = f"{place.folder}/{name}" if place.folder else name
            self._paths.setdefault(place.root, set()).add(path)
            if is_new:
                self._new.setdefault(place.root, set()).add(path)
        elif not self._add_git(place, name):
            return
        self._seen_at = self._seen_at or time.monotonic()

    def lose(self, place: FollowPlace) -> None:
        """Note that a watched folder went; without its top folder a worktree is gone."""
        if place.kind is FollowKind.FILES and not place.folder:
            self._worktrees_changed = True
            self._seen_at = self._seen_at or time.monotonic()

    def _add_git(self, place: FollowPlace, name: str) -> bool:
        """Whether an event in a git directory says something; git's lock files, logs and objects do not."""
        if name.endswith(".lock"):
            return False
        moved_head = place.kind is FollowKind.GIT and name in _HEAD_FILES
        moved_refs = place.folder == REFS_INSIDE or name in _REF_FILES
        moved_trees = place.kind is FollowKind.WORKTREES or name == "worktrees"
        if moved_head:
            self._git_moved.add(place.root)
        self._refs_moved = self._refs_moved or moved_refs
        self._worktrees_changed = self._worktrees_changed or moved_trees
        return moved_head or moved_refs or moved_trees

    def batch(self) -> FollowBatch | None:
        if not self._seen_at:
            return None
        overflow = frozenset(root for root, paths in self._paths.items() if len(paths) > _OVERFLOW)
        return FollowBatch(
            paths={root: frozenset(paths) for root, paths in self._paths.items() if root not in overflow},
            new_folders={root: frozenset(paths) for root, paths in self._new.items()},
            git_moved=frozenset(self._git_moved),
            refs_moved=self._refs_moved,
            worktrees_changed=self._worktrees_changed,
            overflow=overflow,
            seen_at=self._seen_at,
        )


Report = Callable[[set[tuple[int, str]], frozenset[str]], None]


def _start_watcher(folders: list[str], report: Report, debounce_ms: int, step_ms: int) -> tuple[_Watcher | None, str]:
    """A running watcher and what is wrong with it. Folders that vanished are left out; at a limit, half of them."""
    problem, wanted = "", folders
    for _ in range(_ATTEMPTS):
        wanted = [folder for folder in wanted if os.path.isdir(folder) and os.access(folder, os.R_OK)]  # noqa: PTH112
        if not wanted:
            break
        try:
            # The last argument would let it pass over folders in silence: we want to know.
            notify = RustNotify(wanted, False, False, 300, False, False)
        except (FileNotFoundError, PermissionError):  # one went just now
            continue
        except (OSError, WatchfilesRustInternalError) as error:
            problem = f"the system lets us watch only some folders: {error}"
            wanted = wanted[: len(wanted) // 2]
            continue
        watcher = _Watcher(notify, wanted)
        watcher.thread = threading.Thread(
            target=_read, args=(watcher, report, debounce_ms, step_ms), name="follow", daemon=True
        )
        watcher.thread.start()
        return watcher, problem
    return None, problem


def _read(watcher: _Watcher, report: Report, debounce_ms: int, step_ms: int) -> None:
    """Hand events on until told to stop. Which of them are new folders is found out here, off the loop."""
    quiet_since = time.monotonic()
    while not watcher.stopping.is_set():
        # Each step wakes the processor: after a while without events, seldom is soon enough.
        is_quiet = time.monotonic() - quiet_since > _QUIET_S
        changes = watcher.notify.watch(debounce_ms, _QUIET_STEP_MS if is_quiet else step_ms, 1000, watcher.stopping)
        if changes == "signal":
            return
        if isinstance(changes, str):
            continue
        quiet_since = time.monotonic()
        new = frozenset(path for change, path in changes if change == Change.added and _is_folder(path))
        try:
            report(changes, new)
        except RuntimeError:  # the loop ended without close()
            return


def _stop(watchers: Iterable[_Watcher]) -> None:
    for watcher in watchers:
        watcher.stopping.set()
    for watcher in watchers:
        if watcher.thread is not None:
            watcher.thread.join(timeout=5)
        watcher.notify.close()


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114 - many, and they are text


def _walk(root: Path, folders: Iterable[str], ignored: Ignored) -> list[str]:
    """The folders and those below them, without ignored ones, links and repositories."""
    found: list[str] = []
    waiting = [folder for folder in folders if folder not in ignored(root, [folder])]
    while waiting and len(found) < _OVERFLOW:
        folder = waiting.pop()
        place = local_path(root, folder)
        try:
            inside = [entry for entry in place.iterdir() if entry.is_dir() and not entry.is_symlink()]
        except OSError:
            continue
        if any(entry.name == ".git" for entry in inside) or (place / ".git").exists():
            continue
        found.append(folder)
        names = [f"{folder}/{decode_path(os.fsencode(entry.name))}" for entry in inside]
        left_out = ignored(root, names)
        waiting += [name for name in names if name not in left_out]
    return found
