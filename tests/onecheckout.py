"""A checkout of several sessions, looked at step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gitrepo import GitRepo
from watchkeeper.model.agents import Act, AgentEvent, Phase, Session, SessionId, TextEdit
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.record.lock import ProcessLock
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_file_store
from watchkeeper.repos.checkout import Checkout
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.working import WorkingFile, read_content
from watchkeeper.watch.attribution import OPEN_MS
from watchkeeper.watch.discovery import Surveyor, Wanted
from watchkeeper.watch.keeper import Keeper
from watchkeeper.watch.ledger import RECORDER_LOCK, Ledger
from watchkeeper.watch.sharing import Sharing

CODEX, CLAUDE = SessionId("codex-1"), SessionId("claude-1")
LINES = [f"line {number}\n" for number in range(12)]
BASE = "".join(LINES)


def with_line(text: str, after: int, line: str) -> str:
    return text.replace(LINES[after], LINES[after] + line)


class Room:
    """Two sessions in a real checkout, and whoever knows what is whose there."""

    def __init__(self, repo: GitRepo, objects: Objects, keeper: Keeper | None = None, *, begins: bool = True) -> None:
        """``begins``: two sessions enter at once; else it is as it was kept."""
        self.repo = repo
        repository = find_repository(repo.path)
        self._objects = objects
        self._worktree = lambda: next(tree for tree in repository.worktrees() if tree.is_main)
        self._checkout = Checkout(repository, self._worktree(), objects)
        self.sharing = Sharing(Surveyor(repository, repository, (), Wanted()), objects, keeper)
        self.root = self._worktree().path
        if begins:
            self.enter(CODEX, CLAUDE)
        self.look()

    def enter(self, *sessions: SessionId) -> None:
        known = [Session(each, each.partition("-")[0], each, str(self.root)) for each in sessions]
        self.sharing.set_sessions(self.root, known, self.clock)

    @property
    def clock(self) -> Millis:
        return Millis(time.time_ns() // 1_000_000)

    def look(self) -> str:
        """Look at everything, and at what is lost meanwhile."""
        worktree = self._worktree()
        self._checkout.worktree = worktree
        lost = self.sharing.begin(worktree, self.clock)
        state = self._checkout.scan(self.sharing.base_of(self.root))
        self.sharing.look(self.root, state, self.clock)
        assert self.sharing.keep(self.root) == ""
        return lost

    def later(self, millis: int = OPEN_MS) -> None:
        """Have decided what is decided after this time."""
        self.sharing.due(Millis(self.clock + millis))
        self.sharing.keep(self.root)

    def tell(self, session: SessionId, path: str, old: str | None, new: str, phase: Phase = Phase.DONE) -> None:
        event = AgentEvent(
            "agent", session, Act.WRITE, phase, path=path, edits=(TextEdit(old, new),), cwd=str(self.root)
        )
        self.sharing.tell(self.root, session, event, self.clock)
        self.sharing.keep(self.root)

    def run(self, session: SessionId, phase: Phase) -> None:
        event = AgentEvent("agent", session, Act.RUN, phase, command="make", call="1")
        self.sharing.tell(self.root, session, event, self.clock)

    def save(self, session: SessionId, path: str, text: str) -> None:
        """The session writes a whole file and tells of it; it is looked at between the two."""
        self.repo.write(path, text)
        self.look()
        self.tell(session, path, None, text)

    def files(self, author: str) -> dict[str, WorkingFile]:
        parts = self.sharing.parts(self.root, self.whole)
        assert parts is not None
        return {file.path: file for part, files in parts if part.id == f"main@{author}" for file in files}

    def texts(self, author: str) -> dict[str, str | None]:
        """The author's files by where they are now in his change, with their text (None: he deleted them)."""
        found: dict[str, str | None] = {}
        for file in self.files(author).values():
            content = read_content(file, self._objects)
            found[file.now_path or file.path] = content.decode() if content is not None else None
        return found

    @property
    def authors(self) -> set[str]:
        return {part.id.partition("@")[2] for part, _ in self.sharing.parts(self.root, self.whole) or ()}

    @property
    def whole(self) -> Change:
        return Change(ChangeId("main"), Source.WORKTREE, "main", head=self._worktree().head)

    def close(self) -> None:
        self._checkout.close()


class Restarts:
    """A checkout whose daemon is killed and begun anew, as often as ``room`` is called."""

    def __init__(self, repo: GitRepo, home: Path) -> None:
        self.repo = repo
        self._home = home
        self._open = ExitStack()
        self._rooms: list[Room] = []

    def room(self) -> Room:
        """The next process: nothing of the one before it is left but what it kept."""
        self.kill()
        repository = find_repository(self.repo.path)
        hub = self._open.enter_context(open_hub(repository, self._home / "project"))
        log = self._open.enter_context(Log(open_file_store(self._home)))
        lock = ProcessLock(self._home / "project" / RECORDER_LOCK)
        lock.acquire()
        self.ledger = Ledger(log, repository.project, lock)
        self._open.callback(lock.release)
        self.hub = hub
        room = Room(self.repo, hub.objects, Keeper(hub, self.ledger), begins=not self._rooms)
        self._rooms.append(room)
        return room

    def onlooker(self) -> Ledger:
        """That of a second process, which does not record."""
        log = self._open.enter_context(Log(open_file_store(self._home)))
        lock = ProcessLock(self._home / "project" / RECORDER_LOCK)
        lock.acquire()
        assert not lock.is_mine
        self._open.callback(lock.release)
        return Ledger(log, find_repository(self.repo.path).project, lock)

    def kill(self) -> None:
        if self._rooms:
            self._rooms[-1].close()
        self._open.close()


@contextmanager
def opened(repo: GitRepo) -> Iterator[Room]:
    with Objects(repo.path / ".git") as objects:
        room = Room(repo, objects)
        yield room
        room.close()
