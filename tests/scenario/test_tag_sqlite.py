"""SQLite watched from inside the process that uses it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.sqlite import connect_with


@pytest.fixture
def place(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "a.db") as made:
        made.execute("CREATE TABLE content (id INTEGER PRIMARY KEY, a TEXT)")
        made.execute("INSERT INTO content VALUES (1, 'x'), (2, 'y')")
    made.close()
    return tmp_path / "a.db"


def test_a_second_connection_that_writes_another_row_is_refused_with_both_places(place: Path) -> None:
    tagging = Tagging(Path(__file__).parent, mode="raise", publish=False)
    connect = connect_with(tagging)
    one, two = connect(place), connect(str(place), timeout=0.1)
    one.execute("UPDATE content SET a = 'b' WHERE id = ?", (1,))

    with pytest.raises(NestedWriteError, match=r"test_tag_sqlite.py:\d+ .* since test_tag_sqlite.py:\d+"):
        two.execute("UPDATE content SET a = 'c' WHERE id = ?", (2,))

    one.commit()
    two.execute("UPDATE content SET a = 'c' WHERE id = ?", (2,))
    two.commit()
    for each in (one, two):
        each.close()


def test_another_file_and_reading_are_no_matter(place: Path, tmp_path: Path) -> None:
    connect = connect_with(Tagging(Path(__file__).parent, mode="raise", publish=False))
    one, two, other = connect(place), connect(place), connect(tmp_path / "b.db")
    other.execute("CREATE TABLE content (id)")
    one.execute("UPDATE content SET a = 'b' WHERE id = 1")

    assert two.execute("SELECT count(*) FROM content").fetchone() == (2,)
    other.execute("INSERT INTO content VALUES (1)")
    for each in (one, two, other):
        each.close()


def test_who_waits_for_another_thread_is_told_by_its_error_with_both_places(place: Path) -> None:
    tagging = Tagging(Path(__file__).parent, publish=False)
    connect = connect_with(tagging)
    holder = connect(place, check_same_thread=False)
    hold = threading.Thread(target=holder.execute, args=("UPDATE content SET a = 'b'",))
    hold.start()
    hold.join()
    waiter = connect(place, timeout=0.05)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        waiter.execute("UPDATE content SET a = 'c'")

    (busy,) = (each for each in tagging.journal.events if each["kind"] == "busy")
    assert busy["table"] == "content"
    assert str(busy["sites"][0]).startswith("test_tag_sqlite.py:")  # type: ignore[index]
    for each in (holder, waiter):
        each.close()


def test_databases_in_memory_are_one_each() -> None:
    connect = connect_with(Tagging(Path(__file__).parent, mode="raise", publish=False))
    one, two = connect(":memory:"), connect(":memory:")
    for each in (one, two):
        each.execute("CREATE TABLE content (id)")
        each.execute("INSERT INTO content VALUES (1)")

    assert one.in_transaction
    assert two.in_transaction
    for each in (one, two):
        each.close()


def test_who_read_before_another_wrote_is_told_who_that_was(place: Path) -> None:
    """In WAL mode: the reader may not write any more, at once, whatever its timeout."""
    tagging = Tagging(Path(__file__).parent, publish=False)
    connect = connect_with(tagging)
    reader, writer = connect(place, isolation_level=None), connect(place, isolation_level=None)
    reader.execute("PRAGMA journal_mode=WAL")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM content").fetchall()
    writer.execute("UPDATE content SET a = 'b' WHERE id = 1")

    with pytest.raises(sqlite3.OperationalError):
        reader.execute("UPDATE content SET a = 'c' WHERE id = 2")

    (busy,) = (each for each in tagging.journal.events if each["kind"] == "busy")
    assert "SQLITE_BUSY_SNAPSHOT" in str(busy["text"])
    assert len(busy["sites"]) == 2  # type: ignore[arg-type]
    for each in (reader, writer):
        each.close()
