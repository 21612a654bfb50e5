"""A tagged application that hangs, and the watch beside it: what the process says of itself closes the ring."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dbwatching import LIMITS, OwnServer, own_server, watching
from lock_variants import VARIANTS
from tagged import PACKAGE
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import IncidentKind

pytestmark = pytest.mark.postgresql
CALL = """
import os, threading
from engine.database import engine
from watchkeeper_tag import Tagging
from watchkeeper_tag.sqlalchemy import install
install(engine, Tagging(os.getcwd(), "0123456789abcdef"))
from engine.models import Base, Content
from engine.stages import update_stage_field
with engine.begin() as connection:
    Base.metadata.create_all(connection)
    connection.exec_driver_sql("INSERT INTO content (id) VALUES (1), (2)")
try:
    update_stage_field(1, "done")
except Exception as error:
    print(error)
"""
STRANGERS = """
import threading
from engine.stages import SessionLocal, set_status
from engine.models import Content as Row
is_held = threading.Event()


def hold():
    with SessionLocal() as session:
        session.get(Row, 1).current_stage = "x"
        session.flush()
        is_held.set()
        threading.Event().wait(1.2)


threads = [threading.Thread(target=hold), threading.Thread(target=lambda: is_held.wait() and set_status(1, "y"))]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as made:
        yield made


def kinds(server: OwnServer, folder: Path, name: str, more: str = "") -> list[IncidentKind]:
    variant = next(each for each in VARIANTS if each.name == name)
    database = f"tagged_{name.lower()}{len(more)}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    for path, content in variant.files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    address = f"postgresql+psycopg://test@127.0.0.1:{server.port}/{database}?options=-clock_timeout%3D1500ms"
    dsn = server.dsn.replace("dbname=postgres", f"dbname={database}")
    with tempfile.TemporaryDirectory(prefix="wk-tag-") as tags:
        journals = SocketJournals(Path(tags), answer_s=1)
        with watching(dsn, settings=Settings("shop", 50, LIMITS), journals=journals) as watched:
            told = {"DATABASE_URL": address, "PYTHONPATH": str(PACKAGE), "WATCHKEEPER_TAG_DIR": tags}
            program = CALL if not more else CALL.partition("try:")[0] + more
            done = subprocess.run(
                [sys.executable, "-c", program], cwd=folder, env={**os.environ, **told}, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            watched.looks(2)
    return [each.kind for each in watched.opened]


@pytest.mark.parametrize("name", ["V1", "V12"])
def test_a_task_that_waits_for_itself_is_told_as_that_also_over_another_thread(
    server: OwnServer, tmp_path: Path, name: str
) -> None:
    assert kinds(server, tmp_path, name) == [IncidentKind.SELF_DEADLOCK]


def test_two_threads_of_one_process_that_do_not_wait_for_each_other_are_no_self_deadlock(
    server: OwnServer, tmp_path: Path
) -> None:
    assert kinds(server, tmp_path, "V12", STRANGERS) == [IncidentKind.IDLE_HOLDER]
