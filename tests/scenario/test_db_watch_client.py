"""What an application with the tag inside notices itself is told by the watch of its database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import postgres
from dbwatching import LIMITS, Watched, wait_until, watching
from lock_variants import VARIANTS
from tagged import PACKAGE
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import IncidentEnded, IncidentKind, IncidentOpened, Role

pytestmark = pytest.mark.postgresql
CALL = """
import inspect, os, sys
from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.sqlalchemy import install
from engine.database import engine
install(engine, Tagging(os.getcwd(), "0123456789abcdef", mode=sys.argv[1]))
from engine.models import Base, Content
from engine.stages import SessionLocal, update_stage_field
Base.metadata.create_all(engine)
with SessionLocal() as session:
    session.add_all([Content(id=1), Content(id=2)])
    session.commit()
print("ready", flush=True)
sys.stdin.readline()
given = {"content_id": 1, "other_id": 2, "value": "new"}
try:
    update_stage_field(**{name: given[name] for name in inspect.signature(update_stage_field).parameters})
except NestedWriteError:
    pass
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def name(postgresql: str) -> str:
    return postgres.create_database(postgresql)


@contextmanager
def calling(postgresql: str, name: str, variant: str, folder: Path, mode: str) -> Iterator[Watched]:
    """A watch that has looked several times since the application was called, which is still there."""
    with psycopg.connect(f"host={postgresql} user=test dbname={name}", autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    (chosen,) = (each for each in VARIANTS if each.name == variant)
    for path, content in {**chosen.files, "run.py": CALL.encode()}.items():
        place = folder / path
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_bytes(content)
    sockets = folder / "sockets"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql+psycopg://test@/{name}?host={postgresql}",
        "PYTHONPATH": str(PACKAGE),
        "WATCHKEEPER_TAG_DIR": str(sockets),
    }
    with subprocess.Popen(
        [sys.executable, "run.py", mode], cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as application:  # fmt: skip
        assert application.stdin is not None
        assert application.stdout is not None
        assert application.stdout.readline() == "ready\n"
        wait_until(lambda: list(sockets.glob("*.sock")), "the journal's socket")
        journals = SocketJournals(sockets, answer_s=2.0)
        dsn = f"host={postgresql} user=test dbname={name}"
        with watching(dsn, settings=Settings("shop", 50, LIMITS), journals=journals) as watched:
            watched.looks(3)
            application.stdin.write("go\n")
            application.stdin.flush()
            assert application.stdout.readline() == "done\n"
            yield watched
            application.stdin.close()


def test_an_update_that_met_no_row_is_told_with_both_lines(postgresql: str, name: str, tmp_path: Path) -> None:
    with calling(postgresql, name, "V7", tmp_path, "warn") as watched:
        found = watched.until_opened(IncidentKind.LOST_UPDATE)

    assert (found.by, found.relation) == ("client", "content_stage")
    assert [each.role for each in found.parties] == [Role.HOLDER, Role.WAITER]
    assert all(each.tag and each.tag.site.startswith("engine/stages.py:") for each in found.parties)
    assert {each.tag.revision for each in found.parties if each.tag} == {"0123456789ab"}
    assert [type(each) for each in watched.events[-2:]] == [IncidentOpened, IncidentEnded]


def test_a_write_that_the_guard_refused_is_told_although_nothing_ever_hung(
    postgresql: str, name: str, tmp_path: Path
) -> None:
    with calling(postgresql, name, "V1", tmp_path, "raise") as watched:
        found = watched.until_opened(IncidentKind.SELF_DEADLOCK)

    assert found.by == "client"
    assert len({each.tag.site for each in found.parties if each.tag}) == 2


def test_an_update_of_a_committed_row_is_silent(postgresql: str, name: str, tmp_path: Path) -> None:
    with calling(postgresql, name, "V5", tmp_path, "warn") as watched:
        watched.looks(50)

    assert watched.opened == []
