"""What one process does with its statements: tags them, keeps what is written, and stops what would wait for itself."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
import weakref
from enum import StrEnum
from pathlib import Path

from watchkeeper_tag.awaiting import Waits, Worker, may_wait
from watchkeeper_tag.guard import (
    NOTHING,
    Claim,
    NestedWriteError,
    Table,
    Write,
    find_parents,
    is_same_rows,
    nested_words,
    resolve,
    would_wait,
)  # fmt: skip
from watchkeeper_tag.journal import Journal, Link, Pool, now_ms
from watchkeeper_tag.revision import find_revision, find_root
from watchkeeper_tag.slots import Slots
from watchkeeper_tag.statements import Lock, read_control, read_statement
from watchkeeper_tag.tag import render_tag
from watchkeeper_tag.where import Finder, Site

_LOG = logging.getLogger("watchkeeper_tag")
_MOST_TAGS = 20_000
_MOST_STATEMENT = 500
_LOCK_ERRORS = {"55P03": "lock-timeout", "57014": "lock-timeout", "40P01": "deadlock"}
_WITH = re.compile(r"\s*with\b", re.IGNORECASE)  # the rows that it gives are not those that it wrote
_STARTING_S = 0.05
"""So long a thread may need from handing work to another to waiting for it; only in tests is it waited for."""


class Mode(StrEnum):
    """What happens to a statement that would wait for its own task."""

    WARN = "warn"  # it is sent, after a warning
    RAISE = "raise"  # NestedWriteError: for tests
    OFF = "off"


class Tagging:
    """Of one process; one for all its engines and connections. Never raises into the application, but for the guard.

    ``root`` is the top of the application's checkout (default: of the folder it was started in), ``revision`` the
    commit that runs (default: ``WATCHKEEPER_REVISION``, else the checkout's HEAD). ``publish``: other processes of the
    same user may ask for the journal over a socket.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        revision: str = "",
        *,
        mode: Mode | str = Mode.WARN,
        publish: bool = True,
    ) -> None:
        self.root = Path(root).resolve() if root is not None else find_root(Path.cwd())
        self.revision = find_revision(self.root, revision)
        self.mode = Mode(mode)
        self.journal = Journal()
        self.finder = Finder(self.root)
        self.slots = Slots(self.journal.is_busy)
        self._tables: dict[str, Table] = {}
        self._tags: dict[tuple[Site, str, int, int], str] = {}
        self._process = os.getpid()
        self._is_to_publish = self._publish = publish
        if hasattr(os, "register_at_fork"):
            anew = weakref.WeakMethod(self._start_anew)
            os.register_at_fork(after_in_child=lambda: found() if (found := anew()) is not None else None)

    def learn(self, table: Table) -> None:
        """What a framework knows of a table of the application."""
        self._tables[table.name] = table

    def knows(self, table: str) -> bool:
        """Whether something was learnt of it."""
        return table in self._tables

    def before(self, link: Link, statement: str, parameters: object = None) -> str:
        """Called with each statement before it is sent; gives it with its tag.

        Raises: NestedWriteError, in mode ``raise`` alone.
        """
        try:
            site = self.finder.find(2)
            self._enter(link, site)
            return self._tagged(link, statement, site, self._look(link, statement, parameters, site))
        except NestedWriteError:
            raise
        except Exception:  # noqa: BLE001 - a statement of the application is worth more than its tag
            _LOG.debug("a statement could not be tagged", exc_info=True)
            return statement

    def after(self, link: Link, statement: str, rows: int = -1) -> None:
        """Called when it was executed; ``rows``: how many it wrote, -1 where that is not known."""
        try:
            self._keep(link, statement, rows)
        except Exception:  # noqa: BLE001 - as above
            _LOG.debug("a statement could not be kept", exc_info=True)

    def failed(self, link: Link, code: str) -> None:
        """Called when it failed, with the SQLSTATE: a wait that a timeout ended is told, with both sides if known."""
        sent, link.sent = link.sent, []
        kind = _LOCK_ERRORS.get(code)
        if kind is None:
            return
        site, _ = link.last
        blocking = [found[1] for other in self.journal.others(link) if (found := _find_blocking(sent, other))]
        if code == "57014" and not blocking:
            return  # a statement may be cancelled, or be too slow, for other reasons
        own = next((link.assigned[each.table] for each in sent if each.table in link.assigned), site.shown)
        there = [each.set or each.site.shown for each in blocking]
        words = f"{code} in {site.symbol}" + (f": {own} waited for {there[0]}" if there else "")
        table = next((claim.table for claim in sent), "")
        self.journal.tell(kind, words, backend=link.backend, sites=[own, *there], symbol=site.symbol, table=table)

    def busy(self, link: Link, error: BaseException | None) -> None:
        """Called when it failed in SQLite: if that gave up waiting, whoever has the database here is named."""
        name = str(getattr(error, "sqlite_errorname", ""))
        if not name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return
        site, _ = link.last
        held = next((write for each in self.journal.others(link) for write in each.held), None)
        if held is None and name == "SQLITE_BUSY_SNAPSHOT":  # who wrote since it began to read has committed already
            held = self.journal.newest.get(link.database)
        there = [held.set or held.site.shown] if held is not None else []
        words = f"{error} ({name}): {site.shown} waited for {there[0] if there else 'somebody outside this process'}"
        table = held.claim.table if held is not None else ""
        self.journal.tell("busy", words, backend=0, sites=[site.shown, *there], symbol=site.symbol, table=table)

    def waiting(self, pool: Pool) -> int:
        """Called when a task asks a pool for a connection; gives its slot. One that has one of them already is told of.

        As many of them as the pool has connections wait for each other, on different rows, without any lock.
        """
        slot = self.slots.current()
        site = self.finder.find(2)
        pool.waiting[slot] = (site, now_ms())
        holds = [each for each in self.journal.held_by(slot) if each.pool is pool]
        if holds and site not in pool.told:
            if len(pool.told) < _MOST_TAGS:
                pool.told.add(site)
            there = holds[0].held[0].site if holds[0].held else holds[0].last[0]
            since = f", since {there.shown}" if there.shown else ""
            words = f"{site.shown} asks for a second connection of {pool.name} while its task has one{since}"
            self.journal.tell(
                "nested-checkout", words, backend=holds[0].backend, sites=[site.shown, there.shown],
                symbol=site.symbol, table="",
            )  # fmt: skip
        return slot

    def worker(self, link: Link) -> Worker:
        """Who used a connection last."""
        return Worker(link.ident, self.slots.find_task(link.slot))

    def _start_anew(self) -> None:
        """In a child after a fork: its parent's connections, tasks and socket are not its own."""
        self.journal.start_anew()
        self.slots.start_anew()
        self._tags = {}
        self._process = os.getpid()
        self._is_to_publish = self._publish

    def _enter(self, link: Link, site: Site) -> None:
        if not link.is_told:
            link.refresh()
        link.slot = self.slots.current()
        link.thread = self.slots.thread()
        link.ident = threading.get_ident()
        link.last = (site, now_ms())
        if self._is_to_publish:
            from watchkeeper_tag.answering import publish

            self._is_to_publish = False
            publish(self)

    def _look(self, link: Link, statement: str, parameters: object, site: Site) -> str:
        """Note what it takes, and judge it; where its value was assigned, if that is known."""
        accesses = read_statement(statement)
        if not accesses or (accesses[0].lock is Lock.READ and not self.journal.is_any_table_held):
            link.sent = [Claim(each.table, each.lock) for each in accesses]
            return ""
        link.sent = [resolve(each, parameters, self._tables.get(each.table, NOTHING)) for each in accesses]
        for each in list(link.sent):
            if each.lock is Lock.INSERT and each.table in self._tables:
                link.sent += find_parents(each, self._tables[each.table])
        assigned = link.assigned.get(accesses[0].table, "") if link.assigned else ""
        if self.mode is not Mode.OFF:
            self._guard(link, site, assigned)
        return assigned

    def _guard(self, link: Link, site: Site, assigned: str) -> None:
        strangers: list[tuple[Link, Claim, Write]] = []
        for other in self.journal.others(link):
            found = _find_blocking(link.sent, other)
            if found is None:
                continue
            if other.slot != link.slot:
                strangers.append((other, *found))
            else:
                self._object(link, site, *found, assigned, awaited=False)
        for other, claim, held in strangers:
            if self._is_awaited_by(other):
                self._object(link, site, claim, held, assigned, awaited=True)

    def _is_awaited_by(self, other: Link) -> bool:
        """Whether the task that has ``other`` waits for the running one: what stands still then is one program."""
        me = Worker(threading.get_ident(), self.slots.find_task(self.slots.current()))
        holder = self.worker(other)
        ends = time.monotonic() + (_STARTING_S if self.mode is Mode.RAISE and me.task is None else 0)
        while True:
            frames = sys._current_frames()  # noqa: SLF001 - nothing else shows what another thread does
            if may_wait(holder, frames) and Waits(frames).waits_for(holder, me):
                return True
            if time.monotonic() >= ends:
                return False
            time.sleep(0.002)  # the statement would wait here as well, for the same transaction

    def _object(self, link: Link, site: Site, claim: Claim, held: Write, assigned: str, *, awaited: bool) -> None:
        words = nested_words(claim, site, held, whole=link.whole, awaited=awaited)
        sites = [assigned or site.shown, held.set or held.site.shown]
        is_new = self.journal.tell(
            "nested-write", words, backend=link.backend, sites=sites, symbol=site.symbol, table=held.claim.table
        )
        if self.mode is Mode.RAISE:
            raise NestedWriteError(words)
        if is_new:
            _LOG.warning("%s", words)

    def _tagged(self, link: Link, statement: str, site: Site, assigned: str) -> str:
        key = (site, assigned, link.thread, link.slot)
        tag = self._tags.get(key)
        if tag is None:
            if len(self._tags) >= _MOST_TAGS:
                self._tags.clear()
            tag = render_tag(
                self.revision, site, assigned=assigned, process=self._process, thread=link.thread, slot=link.slot
            )
            self._tags[key] = tag
        return tag + statement

    def _keep(self, link: Link, statement: str, rows: int) -> None:
        sent, link.sent = link.sent, []
        if not sent:
            if (control := read_control(statement)) is not None:
                link.move(*control)
            return
        reads = [claim.table for claim in sent if claim.lock is Lock.READ]
        if len(reads) == len(sent):
            link.keep((), reads)
            return
        site, at = link.last
        writes = [
            Write(claim, site, link.assigned.get(claim.table, ""), at, statement[:_MOST_STATEMENT])
            for claim in sent
            if claim.lock is not Lock.READ
        ]
        if rows == 0 and not _WITH.match(statement):
            self._find_lost(link, writes[0])
            reads += [each.claim.table for each in writes if each.claim.table]  # no row, no lock but the table's
            writes = []
        elif link.whole:
            self.journal.note_newest(link.database, writes[0])
        elif any(each.claim.lock is Lock.TABLE for each in writes):
            self.journal.is_any_table_held = True
        link.keep(writes, reads)

    def _find_lost(self, link: Link, write: Write) -> None:
        """It met no row, and its own task has that row uncommitted on another connection: its value is lost."""
        if not write.claim.writes or write.claim.lock is Lock.INSERT or not write.claim.row:
            return
        found = (held for other in self.journal.others(link) if other.slot == link.slot for held in other.held)
        lost = next((h for h in found if h.claim.lock is Lock.INSERT and is_same_rows(write.claim, h.claim)), None)
        if lost is not None:
            words = (
                f"{write.site.shown} wrote no row of {lost.claim.table}, which the same task has inserted at "
                f"{lost.site.shown} over another connection and not committed"
            )
            self.journal.tell(
                "lost-update", words, backend=link.backend, sites=[write.site.shown, lost.set or lost.site.shown],
                symbol=write.site.symbol, table=lost.claim.table,
            )  # fmt: skip


def _find_blocking(sent: list[Claim], other: Link) -> tuple[Claim, Write] | None:
    """Which claim waits for what another connection's transaction holds."""
    for claim in sent:
        if other.whole:
            held = next((each for each in other.held if claim.lock is not Lock.READ), None)
        else:
            held = next((each for each in other.held if would_wait(claim, each.claim)), None)
            if held is None and claim.lock is Lock.TABLE and claim.waits and claim.table in other.reads:
                held = Write(Claim(claim.table, Lock.READ), other.last[0], "", other.since, "")
        if held is not None:
            return claim, held
    return None
