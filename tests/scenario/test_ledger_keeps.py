"""State beside the log: kept by the one that records, as soon as it can be written, and long enough."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from watchkeeper.conflicts.standing import SessionState
from watchkeeper.model.agents import How, Seen, Session, SessionId
from watchkeeper.model.ids import Millis, ProjectId, SymbolKey
from watchkeeper.record.lock import ProcessLock
from watchkeeper.record.log import Log
from watchkeeper.record.store import RECORD_FILE, open_file_store
from watchkeeper.watch.ledger import RECORDER_LOCK, Ledger
from watchkeeper.watch.pages import KEPT_MS, Pages

PROJECT = ProjectId("p")
ONE, OLD = SessionId("codex-1"), SessionId("codex-0")
PRICE = Seen(SymbolKey("a b/no \udcff.py", "price"), "d1", How.DECLARED, Millis(5), "price(n)")
TOTAL = Seen(SymbolKey("a b/no \udcff.py", "total"), "d2", How.INFERRED, Millis(6), "")
PATH = PRICE.symbol.path


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log(open_file_store(tmp_path)) as log:
        yield log


def ledger_of(log: Log, folder: Path) -> tuple[Ledger, ProcessLock]:
    lock = ProcessLock(folder / RECORDER_LOCK)
    lock.acquire()
    return Ledger(log, PROJECT, lock), lock


def test_what_another_process_records_is_not_written_over(log: Log, tmp_path: Path) -> None:
    first, lock = ledger_of(log, tmp_path)
    second, _ = ledger_of(log, tmp_path)
    first.keep("parts", {"a": b"1"})
    second.keep("parts", {"a": b"of the past"})
    assert second.kept("parts") == {"a": b"1"}

    lock.release()
    second.renew()
    assert second.kept("parts") == {"a": b"1"}, "nothing of before waits"
    second.keep("parts", {"a": b"2"})
    assert second.kept("parts") == {"a": b"2"}
    second.close()


def test_what_cannot_be_written_waits_and_the_newest_of_it_counts(log: Log, tmp_path: Path) -> None:
    ledger, _ = ledger_of(log, tmp_path)
    ledger.keep("parts", {"a": b"1", "b": b"1"})
    with closing(sqlite3.connect(tmp_path / RECORD_FILE)) as connection:
        connection.execute("ALTER TABLE kept RENAME TO away")
    ledger.keep("parts", {"a": b"2"})
    ledger.keep("parts", {"a": b"3", "b": None})
    assert ledger.problem != ""
    assert ledger.kept("parts") == {}

    with closing(sqlite3.connect(tmp_path / RECORD_FILE)) as connection:
        connection.execute("ALTER TABLE away RENAME TO kept")
    ledger.renew()
    assert ledger.kept("parts") == {"a": b"3"}
    ledger.close()


def session(identity: SessionId, ended_at: int | None = None) -> SessionState:
    ended = Millis(ended_at) if ended_at is not None else None
    return SessionState(Session(identity, "codex", f"id of {identity}", "/w"), ended)


def test_what_was_seen_is_read_back_with_its_versions_and_nothing_is_kept_of_what_was_forgotten(
    log: Log, tmp_path: Path
) -> None:
    ledger, _ = ledger_of(log, tmp_path)
    Pages(ledger).keep({(ONE, PATH): (PRICE, TOTAL), (ONE, "gone.py"): (PRICE,)})
    Pages(ledger).keep({(ONE, "gone.py"): ()})

    assert dict(Pages(ledger).read({ONE: session(ONE)}, Millis(10))) == {ONE: [PRICE, TOTAL]}
    ledger.close()


def test_a_session_that_ended_is_remembered_for_a_week_and_then_no_more(log: Log, tmp_path: Path) -> None:
    ledger, _ = ledger_of(log, tmp_path)
    pages = Pages(ledger)
    pages.keep({(ONE, PATH): (PRICE,), (OLD, PATH): (PRICE,)})
    sessions = {ONE: session(ONE, ended_at=KEPT_MS), OLD: session(OLD, ended_at=0)}

    assert [each for each, _ in pages.read(sessions, Millis(KEPT_MS + 1))] == [ONE]
    assert len(ledger.kept("seen")) == 1
    assert list(pages.read({}, Millis(0))) == [], "nor one that nobody knows"
    assert ledger.kept("seen") == {}
    ledger.close()


def test_pages_of_another_version_are_dropped_and_no_crash(log: Log, tmp_path: Path) -> None:
    ledger, _ = ledger_of(log, tmp_path)
    ledger.keep("seen", {"a": b"\xff\0", "b": b'{"session":"codex-1","path":"a","lines":[],"format":9}', "c": b"[]"})

    assert list(Pages(ledger).read({ONE: session(ONE)}, Millis(0))) == []
    assert ledger.kept("seen") == {}
    ledger.close()
