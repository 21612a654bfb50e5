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


def run_tagged(variant: Variant, folder: Path, url: str, mode: str) -> dict[str, Any]:
    """How it ended (``ends``, ``hangs``, ``refused``), and what the journal told."""
    for path, content in {**variant.files, "run.py": RUNNER.encode()}.items():
        place = folder / path
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "run.py", mode], cwd=folder,
        env={**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(PACKAGE)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
