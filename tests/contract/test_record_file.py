"""What a record in a file survives: being killed, damaged, locked, out of space, someone else's."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import FileUnreadable, WatchStopped
from watchkeeper.model.ids import ChangeId, Millis, ProjectId
from watchkeeper.record.faults import explain
from watchkeeper.record.home import make_home
from watchkeeper.record.log import Log
from watchkeeper.record.store import RECORD_FILE, find_damage, find_file_store, open_file_store, set_record_aside
from watchkeeper.record.tables import METADATA, REVISIONS

PROJECT, NOON = ProjectId("one"), Millis(1_700_000_000_000)

WRITER = """
import sys
from pathlib import Path
from watchkeeper.model.events import WatchStopped
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_file_store
with Log(open_file_store(Path(sys.argv[1]))) as log:
    while True:
        print(log.append("one", [WatchStopped()] * 3, 5)[-1].seq, flush=True)
"""


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_was_told_is_kept(tmp_path: Path) -> None:
    for lines in (1, 40):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().split()]

        with Log(open_file_store(tmp_path)) as log:
            seqs = [each.seq for each in log.read(None)]

        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) % 3 == 0, "a batch is kept whole or not at all"
        assert seqs[-1] >= told[-1]


def test_on_a_full_disk_appending_says_so_and_everything_before_is_kept(tmp_path: Path) -> None:
    kept = []

    def fill(log: Log) -> None:
        event = FileUnreadable(ChangeId("a"), "big.py", "x" * 3000)
        while True:
            kept.extend(each.seq for each in log.append(PROJECT, [event, event], NOON))

    with open_file_store(tmp_path) as store, Log(store) as log:
        with store.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 40")
        with pytest.raises(WatchkeeperError) as raised:
            fill(log)

        assert raised.value.slug == "record-full"
        assert kept
        assert [each.seq for each in log.read(PROJECT)] == kept


def test_a_damaged_record_is_refused_with_the_command_that_moves_it_aside(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_bytes(b"this is no database, whatever its name says " * 100)

    with pytest.raises(WatchkeeperError) as raised:
        open_file_store(tmp_path)

    assert raised.value.slug == "record-corrupt"
    assert "--set-aside-record" in raised.value.hint
    assert find_damage(tmp_path)
    assert (tmp_path / RECORD_FILE).exists(), "only an explicit command moves it"


def test_a_record_set_aside_is_kept_and_a_new_one_begins(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_bytes(b"damaged " * 1000)

    moved = set_record_aside(tmp_path, "damaged-1")

    assert [path.read_bytes() for path in moved] == [b"damaged " * 1000]
    with Log(open_file_store(tmp_path)) as log:
        assert log.append(PROJECT, [WatchStopped()], NOON)[0].seq == 1


def test_damage_in_the_middle_of_a_record_is_found(tmp_path: Path) -> None:
    with Log(open_file_store(tmp_path)) as log:
        log.append(PROJECT, [FileUnreadable(ChangeId("a"), "a.py", "x" * 200)] * 500, NOON)
    assert find_damage(tmp_path) == ""

    content = bytearray((tmp_path / RECORD_FILE).read_bytes())
    content[8192:40960] = b"\xff" * 32768
    (tmp_path / RECORD_FILE).write_bytes(content)

    assert find_damage(tmp_path)


def test_a_database_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / RECORD_FILE) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()

    with pytest.raises(WatchkeeperError) as raised:
        open_file_store(tmp_path)

    assert raised.value.slug == "record-foreign"
    connection = sqlite3.connect(tmp_path / RECORD_FILE)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    connection.close()


def test_a_state_folder_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WatchkeeperError) as raised:
            make_home(home)

        assert raised.value.slug == "home-not-writable"
        assert "WATCHKEEPER_HOME" in raised.value.hint


def test_faults_of_the_engine_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("CREATE TABLE t (a)")
    writer.execute("BEGIN IMMEDIATE")
    found = {}
    for name, address, statement in (
        ("locked", f"file:{path}", "INSERT INTO t VALUES (1)"),
        ("read-only", f"file:{path}?mode=ro", "INSERT INTO t VALUES (1)"),
        ("missing", f"file:{tmp_path}/none/x.db", "SELECT 1"),
        ("mistake", f"file:{path}", "SELECT nonsense"),
    ):
        with pytest.raises(sqlite3.Error) as raised:
            _execute(address, statement)
        found[name] = explain(raised.value, "here").slug
    writer.close()

    assert found == {
        "locked": "record-busy",
        "read-only": "record-read-only",
        "missing": "record-read-only",
        "mistake": "record-failed",
    }


def _execute(address: str, statement: str) -> None:
    connection = sqlite3.connect(address, uri=True, timeout=0)
    try:
        connection.execute(statement)
    finally:
        connection.close()


def test_looking_for_a_record_creates_none(tmp_path: Path) -> None:
    assert find_file_store(tmp_path / "home") is None
    assert not (tmp_path / "home").exists()


def test_the_tables_in_code_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    with open_file_store(tmp_path) as store, store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "watchkeeper_schema"})
        assert compare_metadata(context, METADATA) == []


def test_the_list_of_revisions_is_the_chain_of_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "watchkeeper.record:migrations")
    config.set_main_option("path_separator", "os")
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(chain)) == REVISIONS


def test_a_migration_that_is_broken_off_is_made_by_the_next_one_to_open(tmp_path: Path) -> None:
    """A process that dies while it migrates leaves a transaction that was never committed."""
    connection = sqlite3.connect(tmp_path / RECORD_FILE, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE events (half INTEGER)")
    connection.close()

    with open_file_store(tmp_path) as store, store.reading() as opened:
        columns = {column["name"] for column in sa.inspect(opened).get_columns("events")}

    assert "half" not in columns
