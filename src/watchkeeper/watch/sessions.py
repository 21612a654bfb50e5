"""The agents at work: who they are, where, and whether it is really they who speak."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from watchkeeper.agents.lineage import Process
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Session, SessionId
from watchkeeper.model.events import Event, SessionBegan, SessionEnded, SessionForged
from watchkeeper.model.ids import Millis

Name = tuple[str, str]
"""The agent, and what it calls the session."""

_MOST_FORGERIES = 100


class Sessions:
    """Those at work, by what their agents call them. Belongs to one thread; processes are asked of ``is_alive``."""

    def __init__(
        self,
        known: State,
        is_alive: Callable[[Process], bool],
        clock: Callable[[], Millis],
        find: Callable[[int], Process | None] = lambda _: None,
    ) -> None:
        """``find`` gives the process that has an id now: of sessions that began before this process did."""
        self._is_alive = is_alive
        self._clock = clock
        self._named: dict[Name, Session] = {}
        self._processes: dict[SessionId, Process] = {}
        self._ended: dict[Name, Session] = {}
        self._last: dict[str, int] = {}
        self._forged: set[tuple[SessionId, int]] = set()
        for each in known.sessions.values():
            name = (each.session.agent, each.session.vendor_id)
            (self._named if each.ended_at is None else self._ended)[name] = each.session
            self._count(each.session.id)
            if each.ended_at is None and each.session.pid:
                self._processes[each.session.id] = _owner_of(each.session, find(each.session.pid))

    @property
    def live(self) -> tuple[Session, ...]:
        """All that are at work, the oldest first."""
        return tuple(self._named.values())

    def at(self, path: str) -> tuple[Session, ...]:
        """Those that work in the worktree at ``path``."""
        return tuple(each for each in self._named.values() if each.path == path)

    def of(self, process: Process, path: str) -> tuple[Session, ...]:
        """Those of one process in the worktree at ``path``; after a new start of the watch by its id alone."""
        return tuple(each for each in self.at(path) if self._belongs(each, process))

    def hear(
        self,
        agent: str,
        vendor_id: str,
        path: str,
        process: Process | None,
        *,
        guest: bool = True,
        is_kin: Callable[[Process], bool] = lambda _: False,
        issue: str = "",
    ) -> tuple[Session | None, tuple[Event, ...]]:
        """A process speaks for a session: the session, and what is to be recorded. None: it is not its to speak for.

        A session belongs to the process that spoke for it first, for as long as that lives; afterwards another may
        take it up (it was resumed). ``is_kin`` says of the owner whether the speaker is its child, or has started it:
        they speak for one session. A process that cannot be seen (None) is believed where no other is known.
        """
        name = (agent, vendor_id)
        known = self._named.get(name) or self._ended.get(name)
        if known is None:
            return self._begin(name, path, process, guest=guest, issue=issue)
        owner = self._processes.get(known.id)
        if owner is not None and not _is_same(owner, process) and self._is_alive(owner):
            if not is_kin(owner):
                return None, self._refuse(known, process)
        elif process is not None:
            self._processes[known.id] = process
        pid = process.pid if process is not None else known.pid
        if name in self._named and known.path == path:
            return known, ()
        back = msgspec.structs.replace(known, path=path, pid=pid)
        self._ended.pop(name, None)
        self._named[name] = back
        return back, (SessionBegan(back),)

    def find(self, agent: str, vendor_id: str) -> Session | None:
        """The session at work that its agent calls so."""
        return self._named.get((agent, vendor_id))

    def end(self, session: SessionId, reason: str) -> tuple[Event, ...]:
        """A session is done. Nothing happens where it is not at work."""
        for name, each in self._named.items():
            if each.id == session:
                self._ended[name] = self._named.pop(name)
                self._processes.pop(session, None)
                return (SessionEnded(session, reason),)
        return ()

    def sweep(self) -> tuple[Event, ...]:
        """End those whose process is gone."""
        gone = [each.id for each in self.live if not self._lives(each)]
        return tuple(event for each in gone for event in self.end(each, "its process is gone"))

    def _belongs(self, session: Session, process: Process) -> bool:
        owner = self._processes.get(session.id)
        return _is_same(owner, process) if owner is not None else session.pid == process.pid

    def _lives(self, session: Session) -> bool:
        process = self._processes.get(session.id)
        return process is None or self._is_alive(process)

    def _begin(
        self, name: Name, path: str, process: Process | None, *, guest: bool, issue: str
    ) -> tuple[Session, tuple[Event, ...]]:
        agent, vendor_id = name
        identity = SessionId(f"{agent}-{self._last.get(agent, 0) + 1}")
        self._count(identity)
        session = Session(
            id=identity,
            agent=agent,
            vendor_id=vendor_id,
            path=path,
            guest=guest,
            pid=process.pid if process is not None else 0,
            since=self._clock(),
            issue=issue,
        )
        self._named[name] = session
        if process is not None:
            self._processes[identity] = process
        return session, (SessionBegan(session),)

    def _refuse(self, session: Session, process: Process | None) -> tuple[Event, ...]:
        pid = process.pid if process is not None else 0
        if (session.id, pid) in self._forged or len(self._forged) >= _MOST_FORGERIES:
            return ()  # said once: who keeps on is not given the log to fill
        self._forged.add((session.id, pid))
        return (SessionForged(session.id, pid, f"the session belongs to process {session.pid}, which is alive"),)

    def _count(self, identity: SessionId) -> None:
        agent, _, number = identity.rpartition("-")
        if number.isdecimal():
            self._last[agent] = max(self._last.get(agent, 0), int(number))


def _owner_of(session: Session, found: Process | None) -> Process:
    """The session's process; where another has its id by now, or none, one that is not alive."""
    is_it = found is not None and found.started * 1000 <= session.since
    return found if found is not None and is_it else Process(session.pid, started=-1.0)


def _is_same(one: Process, other: Process | None) -> bool:
    return other is not None and (one.pid, one.started) == (other.pid, other.started)


def by_path(sessions: Iterable[Session]) -> dict[str, tuple[Session, ...]]:
    """The sessions of each worktree."""
    found: dict[str, tuple[Session, ...]] = {}
    for each in sessions:
        found[each.path] = (*found.get(each.path, ()), each)
    return found
