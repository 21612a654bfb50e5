"""The seed application, untagged, on a real server: which of its arrangements the watch tells of, and which not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dbwatching import LIMITS, OwnServer, own_server, wait_until, watching
from lock_variants import VARIANTS, Variant
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import IncidentKind

pytestmark = pytest.mark.postgresql
CALL = """
import inspect
from engine.database import engine
from engine.models import Base, Content, ContentStage, Slot
from engine.stages import update_stage_field
with engine.begin() as connection:
    Base.metadata.create_all(connection)
    connection.exec_driver_sql("INSERT INTO content (id) VALUES (1), (2)")
arguments = {"content_id": 1, "other_id": 2, "value": "done"}
try:
    update_stage_field(*(arguments[each] for each in inspect.signature(update_stage_field).parameters))
except Exception as error:
    print(error)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: the database watch was NOT checked")
    with own_server() as made:
        yield made


@pytest.mark.parametrize(
    "variant",
    [each for each in VARIANTS if each.name in ("V1", "V2", "V3", "V4", "V8", "V12")],
    ids=lambda each: each.about,
)
def test_what_hangs_is_told_and_what_does_not_is_not(server: OwnServer, variant: Variant, tmp_path: Path) -> None:
    name = f"app_{variant.name.lower()}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    for path, content in variant.files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    address = f"postgresql+psycopg://test@127.0.0.1:{server.port}/{name}?options=-clock_timeout%3D1500ms"
    dsn = server.dsn.replace("dbname=postgres", f"dbname={name}")

    with watching(dsn, settings=Settings("shop", 50, LIMITS), processes=LocalProcesses()) as watched:
        done = subprocess.run(
            [sys.executable, "-c", CALL], cwd=tmp_path, env={**os.environ, "DATABASE_URL": address},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        watched.looks(2)

    assert ("lock timeout" in done.stdout) is variant.hangs, done.stdout
    assert [each.kind for each in watched.opened] == ([IncidentKind.IDLE_HOLDER] if variant.hangs else [])
    assert all("one process" in each.summary for each in watched.opened)


def test_healthy_contention_is_silent(server: OwnServer) -> None:
    if shutil.which("pgbench") is None:
        pytest.skip("pgbench is not installed: healthy contention was NOT checked")
    base = ["pgbench", "-h", "127.0.0.1", "-p", str(server.port), "-U", "test"]
    subprocess.run([*base, "-i", "-q", "-s", "10", "postgres"], check=True, capture_output=True, timeout=60)
    with watching(server.dsn, settings=Settings("shop", 50), processes=LocalProcesses()) as watched:
        subprocess.run([*base, "-c", "8", "-T", "3", "postgres"], check=True, capture_output=True, timeout=60)
        wait_until(lambda: watched.watcher.statistics().graphs > 5, "looks at waits")

    assert watched.opened == []
