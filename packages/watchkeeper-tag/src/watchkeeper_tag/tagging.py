"""What one process does with its statements: tags them, keeps what is written, and stops what would wait for itself."""

from __future__ import annotations

import logging
import os
import threading
from enum import StrEnum
from pathlib import Path

from watchkeeper_tag.guard import Claim, NestedWriteError, Write, is_same_rows, nested_words, resolve, would_wait
from watchkeeper_tag.journal import Journal, Link, Pool, now_ms
from watchkeeper_tag.revision import find_revision, find_root
from watchkeeper_tag.slots import Slots
from watchkeeper_tag.statements import Lock, read_statement
from watchkeeper_tag.tag import render_tag
from watchkeeper_tag.where import Finder, Site

_LOG = logging.getLogger("watchkeeper_tag")
_MOST_TAGS = 20_000
_MOST_STATEMENT = 500
_LOCK_ERRORS = {"55P03": "lock-timeout", "57014": "lock-timeout", "40P01": "deadlock"}


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
        self._tags: dict[tuple[Site, str, int, int], str] = {}
        self._process = os.getpid()
        self._publish = publish
        self._published = 0

    def before(self, link: Link, statement: str, parameters: object = None, *, parents: tuple[Claim, ...] = ()) -> str:
        """Called with each statement before it is sent; gives it with its tag.

        ``parents`` are rows that it relies on by a foreign key. Raises: NestedWriteError, in mode ``raise`` alone.
        """
        try:
            site = self.finder.find(2)
            self._enter(link, site)
            return self._tagged(link, statement, site, self._look(link, statement, parameters, parents, site))
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
        kind = _LOCK_ERRORS.get(code)
        site, _ = link.last
        if kind is not None:
            held = [write for other in self.journal.others(link) for write in other.held]
            blocking = [w for w in held for claim in link.sent if would_wait(claim, w.claim)]
            sites = [site.shown, *(each.set or each.site.shown for each in blocking)]
            table = next((claim.table for claim in link.sent), "")
            self.journal.tell(
                kind, f"{code} in {site.symbol}", backend=link.backend, sites=sites, symbol=site.symbol, table=table
            )
        link.sent = []

    def nested(self, pool: Pool, slot: int) -> None:
        """Called when a task asks a pool for a connection: one that has one already is told of, once for each place.

        As many of them as the pool has connections wait for each other, on different rows, without any lock.
        """
        holds = self.journal.held_by(slot)
        site, _ = pool.waiting[slot]
        if not holds or site in pool.told:
            return
        pool.told.add(site)
        there = holds[0].held[0].site if holds[0].held else holds[0].last[0]
        words = f"{site.shown} asks for a second connection of {pool.name} while its task has one, since {there.shown}"
        self.journal.tell(
            "nested-checkout", words, backend=holds[0].backend, sites=[site.shown, there.shown],
            symbol=site.symbol, table="",
        )  # fmt: skip

    def _enter(self, link: Link, site: Site) -> None:
        link.refresh()
        link.slot = self.slots.current()
        link.thread = threading.get_native_id()
        link.last = (site, now_ms())
        if self._publish and self._published != os.getpid():
            from watchkeeper_tag.answering import publish

            self._process = self._published = os.getpid()
            self._tags.clear()
            publish(self)

    def _look(self, link: Link, statement: str, parameters: object, parents: tuple[Claim, ...], site: Site) -> str:
        """Note what it takes, and judge it; where its value was assigned, if that is known."""
        accesses = read_statement(statement)
        if not accesses:
            link.sent = []
            return ""
        link.sent = [*(resolve(each, parameters) for each in accesses), *parents]
        assigned = next((link.assigned[each.table] for each in link.sent if each.table in link.assigned), "")
        if self.mode is not Mode.OFF:
            self._guard(link, site, assigned)
        return assigned

    def _guard(self, link: Link, site: Site, assigned: str) -> None:
        for other in self.journal.others(link):
            for claim in link.sent:
                held = next((write for write in other.held if would_wait(claim, write.claim)), None)
                if held is None and claim.lock is Lock.TABLE and claim.table in other.reads:
                    held = Write(Claim(claim.table, Lock.READ), other.last[0], "", other.since, "")
                if held is not None:
                    self._object(link, claim, site, held, assigned)

    def _object(self, link: Link, claim: Claim, site: Site, held: Write, assigned: str) -> None:
        words = nested_words(claim, site, held)
        sites = [assigned or site.shown, held.set or held.site.shown]
        self.journal.tell(
            "nested-write", words, backend=link.backend, sites=sites, symbol=site.symbol, table=claim.table
        )
        if self.mode is Mode.RAISE:
            raise NestedWriteError(words)
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
            return
        site, at = link.last
        writes = [
            Write(claim, site, link.assigned.get(claim.table, ""), at, statement[:_MOST_STATEMENT])
            for claim in sent
            if claim.lock is not Lock.READ
        ]
        if rows == 0 and writes:
            self._find_lost(link, writes[0])
            writes = []  # no row, no lock
        link.keep(writes, [claim.table for claim in sent if claim.lock is Lock.READ])

    def _find_lost(self, link: Link, write: Write) -> None:
        """It met no row, and its own task has that row uncommitted on another connection: its value is lost."""
        if write.claim.lock not in (Lock.NO_KEY_UPDATE, Lock.UPDATE) or not write.claim.row:
            return
        found = (held for other in self.journal.others(link) for held in other.held)
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
