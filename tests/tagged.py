"""The twenty arrangements of ``lock_variants`` as applications whose engine is tagged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lock_variants import Variant

PACKAGE = Path(__file__).parents[1] / "packages" / "watchkeeper-tag" / "src"
RUNNER = """
import inspect, json, os, sys
from sqlalchemy import event
from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.sqlalchemy import install
from engine.database import engine
tagging = install(engine, Tagging(os.getcwd(), "0123456789abcdef", mode=sys.argv[1], publish=False))
from engine.models import Base, Content, ContentStage, Slot
from engine.stages import SessionLocal, update_stage_field
Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)
with SessionLocal() as session:
    session.add_all([Content(id=1), Content(id=2), Slot(name="one")])
    session.commit()
before = len(tagging.journal.events)


@event.listens_for(engine, "begin")
def patience(connection):
    connection.exec_driver_sql("SET LOCAL lock_timeout = 1000")


given = {"content_id": 1, "other_id": 2, "value": "new"}
try:
    update_stage_field(**{name: given[name] for name in inspect.signature(update_stage_field).parameters})
    end = "ends"
except NestedWriteError as error:
    end = "refused"
except Exception as error:
    assert "lock timeout" in str(error), error
    end = "hangs"
print(json.dumps({"end": end, "events": list(tagging.journal.events)[before:]}))
sys.stdout.flush()
os._exit(0)
"""


POOL = """
import json, os, sys, threading, time
import psycopg
from sqlalchemy import create_engine
import engine.database as database
database.engine = create_engine(os.environ["DATABASE_URL"], pool_size=2, max_overflow=1, pool_timeout=10)
database.SessionLocal.configure(bind=database.engine)
from watchkeeper_tag import Tagging
from watchkeeper_tag.answering import answer
from watchkeeper_tag.sqlalchemy import install
tagging = install(database.engine, Tagging(os.getcwd(), "feed", publish=False))
from engine.models import Base, Content
from engine.stages import SessionLocal, update_stage_field
Base.metadata.drop_all(database.engine)
Base.metadata.create_all(database.engine)
with SessionLocal() as session:
    session.add_all([Content(id=number) for number in range(1, 7)])
    session.commit()
gate = threading.Barrier(3)
real = database.SessionLocal.class_.flush


def together(session, *args):
    real(session, *args)
    gate.wait(10)


database.SessionLocal.class_.flush = together
for number in (1, 2, 3):
    threading.Thread(target=update_stage_field, args=(number, number + 3, "new"), daemon=True).start()
ends = time.monotonic() + 8
while time.monotonic() < ends:
    state = json.loads(answer(tagging, b'{"v":1,"ask":"state"}'))
    if len(state["pools"][0]["waiters"]) == 3:
        break
    time.sleep(0.02)
server = psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", ""))
state["locks"] = server.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]
print(json.dumps(state))
sys.stdout.flush()
os._exit(0)
"""


def run_pool(variant: Variant, folder: Path, url: str) -> dict[str, Any]:
    """Three callers of a pool of three, each of which has one connection and asks for another: the process's state."""
    return _run(variant, folder, url, POOL)


def run_tagged(variant: Variant, folder: Path, url: str, mode: str) -> dict[str, Any]:
    """How it ended (``ends``, ``hangs``, ``refused``), and what the journal told."""
    return _run(variant, folder, url, RUNNER, mode)


def _run(variant: Variant, folder: Path, url: str, program: str, *words: str) -> dict[str, Any]:
    for path, content in {**variant.files, "run.py": program.encode()}.items():
        place = folder / path
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "run.py", *words], cwd=folder,
        env={**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(PACKAGE)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
