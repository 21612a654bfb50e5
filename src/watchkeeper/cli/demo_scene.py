"""What happens in ``watchkeeper demo``: a repository, two editors who type for real, and the engine that watches."""

from __future__ import annotations

import asyncio
import shutil
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from watchkeeper.app import find_place
from watchkeeper.conflicts.standing import open_conflicts
from watchkeeper.daemon import open_watch
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.events import ConflictChanged, ConflictOpened
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.repos.git import run_git
from watchkeeper.watch.engine import LiveWatch
from watchkeeper.watch.picture import Update

DATA = Path(__file__).parent / "demo_data"
_PACE_S = 0.16
_PATIENCE_S = 15.0
_WHO = {"user.name": "Watchkeeper demo", "user.email": "demo@watchkeeper.invalid", "commit.gpgSign": "false"}


class Insertion(msgspec.Struct, frozen=True):
    """Text that goes right after the line ``after`` of ``path``; into a new file where ``after`` is empty."""

    path: str
    text: str
    after: str = ""


class Editor(msgspec.Struct, frozen=True):
    """Who types what, and why."""

    name: str
    issue: str
    insertions: tuple[Insertion, ...]


class Typed(msgspec.Struct, frozen=True, tag="typed"):
    """A line was typed and the file saved, ``is_first`` of an insertion; a new file is told as a whole."""

    editor: str
    path: str
    line: str
    lines: int = 1
    is_first: bool = False


class Seen(msgspec.Struct, frozen=True, tag="seen"):
    """The conflict came up, so long after the save that made it."""

    conflict: Conflict
    latency_ms: float


class Committed(msgspec.Struct, frozen=True, tag="committed"):
    """Both committed; what ``git merge-tree`` says of merging them, and the conflict as it stands."""

    merge_is_clean: bool
    conflict: Conflict


class Proved(msgspec.Struct, frozen=True, tag="proved"):
    """What running the merge of both said; None where nothing came in time."""

    conflict: Conflict
    proof: Proof | None


Happening = Typed | Seen | Committed | Proved
Tell = Callable[[Happening], None]


def read_editors() -> tuple[Editor, ...]:
    """Both editors with what they type."""
    return msgspec.convert(
        tomllib.loads((DATA / "edits.toml").read_text(encoding="utf-8"))["editors"], tuple[Editor, ...]
    )


async def play(folder: Path, tell: Tell) -> bool:
    """The whole demonstration in the empty folder ``folder``; whether the conflict was seen before either committed."""
    editors = read_editors()
    repository = folder / "newsroom"
    await asyncio.to_thread(_make_repository, repository, editors)
    async with _watching(folder, repository) as watch:
        sight = _Sight(watch, tell)
        await watch.wait_ready()
        async with asyncio.TaskGroup() as tasks:
            first = asyncio.Event()
            tasks.create_task(_type(folder / editors[0].name, editors[0], tell, begun=first))
            await first.wait()
            tasks.create_task(_type(folder / editors[1].name, editors[1], tell))
        if not await sight.wait():
            return False
        is_clean = await asyncio.to_thread(_commit_and_merge, folder, repository, editors)
        tell(Committed(is_clean, sight.conflict()))
        tell(Proved(sight.conflict(), await sight.wait_proof()))
    return is_clean


class _Sight:
    """Waits for the conflict that the demonstration is about."""

    def __init__(self, watch: LiveWatch, tell: Tell) -> None:
        self._watch = watch
        self._tell = tell
        self._seen = asyncio.Event()
        self._changed = asyncio.Event()
        watch.listen(self._take)

    async def wait(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._seen.wait()
        except TimeoutError:
            return False
        return True

    async def wait_proof(self) -> Proof | None:
        """What running the merge says of the conflict, once it says something final."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while (proof := self._proof()) is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return proof

    def _proof(self) -> Proof | None:
        found = [each.proof for each in open_conflicts(self._watch.picture().state) if each.proof is not None]
        return next((proof for proof in found if proof.outcome is Outcome.PROVED), None)

    def conflict(self) -> Conflict:
        """As it stands now."""
        return open_conflicts(self._watch.picture().state)[0].conflict

    def _take(self, update: Update) -> None:
        self._changed.set()
        for recorded in update.recorded:
            event = recorded.event
            if not isinstance(event, ConflictOpened | ConflictChanged) or self._seen.is_set():
                continue
            if event.conflict.severity.rank >= Severity.MAJOR.rank:
                self._seen.set()
                self._tell(Seen(event.conflict, update.latency_ms or 0.0))


@asynccontextmanager
async def _watching(folder: Path, repository: Path) -> AsyncIterator[LiveWatch]:
    """The real engine, with a state folder of its own."""
    environ = {
        "WATCHKEEPER_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "WATCHKEEPER_PROJECT_TEST": "python3 -m unittest discover --quiet",
    }
    place = find_place(repository, environ)
    with open_watch(place) as parts:
        watch = LiveWatch(parts)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch.run())
            try:
                yield watch
            finally:
                watch.stop()


def _make_repository(repository: Path, editors: tuple[Editor, ...]) -> None:
    shutil.copytree(DATA / "app", repository, ignore=shutil.ignore_patterns("__pycache__"))
    _git(repository, "init", "-q", "--initial-branch=main")
    _git(repository, "add", "--all")
    _git(repository, "commit", "-q", "-m", "A small newsroom")
    for editor in editors:
        _git(repository, "worktree", "add", "-q", "-b", editor.name, f"../{editor.name}")


async def _type(worktree: Path, editor: Editor, tell: Tell, begun: asyncio.Event | None = None) -> None:
    for insertion in editor.insertions:
        count = 0
        for line, text in _keystrokes(worktree / insertion.path, insertion):
            await asyncio.to_thread(_save, worktree / insertion.path, text)
            if line.strip():
                count += 1
                if insertion.after:
                    tell(Typed(editor.name, insertion.path, line.strip(), is_first=count == 1))
                await asyncio.sleep(_PACE_S)
        if not insertion.after:
            tell(Typed(editor.name, insertion.path, "", count))
        if begun is not None:
            begun.set()


def _keystrokes(path: Path, insertion: Insertion) -> Iterator[tuple[str, str]]:
    """Each line as it is typed, with the text of the whole file then."""
    before, after = "", ""
    if insertion.after:
        text = path.read_text(encoding="utf-8")
        head, _, after = text.partition(f"\n{insertion.after}\n")
        before = f"{head}\n{insertion.after}\n"
    typed = ""
    for line in insertion.text.splitlines(keepends=True):
        typed += line
        yield line, before + typed + after


def _save(path: Path, text: str) -> None:
    """As editors do: a new file beside it, moved into its place."""
    draft = path.with_name(f".{path.name}.{time.monotonic_ns()}.swp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _commit_and_merge(folder: Path, repository: Path, editors: tuple[Editor, ...]) -> bool:
    for editor in editors:
        _git(folder / editor.name, "add", "--all")
        _git(folder / editor.name, "commit", "-q", "-m", editor.issue)
    names = [editor.name for editor in editors]
    return run_git(repository, "merge-tree", "--write-tree", *names, isolated=True, allowed=(0, 1)).code == 0


def _git(folder: Path, *args: str) -> None:
    run_git(folder, *args, config=_WHO, isolated=True)
