"""Twenty arrangements of two connections: which hang, and which the locks check says would hang.

    python benchmarks/lock_variants.py [--run HOST]

The rules were made to fit the ten with odd numbers; the other ten measure them. The truth column is what a PostgreSQL
server did; ``--run "host=/socket/folder user=test dbname=postgres"`` runs every arrangement again, with a lock timeout
of 1.5 s standing for "for ever", and says where the recorded truth does not hold.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import record_figures, render_share, render_table
from scratch import ROOT
from watchkeeper.code.checks.locks import CHECK
from watchkeeper.code.tree import MemoryTree

sys.path.insert(0, str(ROOT / "tests"))
from lock_variants import VARIANTS, Variant

STAGES = "engine/stages.py"
RUNNER = """
import inspect
from sqlalchemy import event
from engine.database import engine
from engine.models import Base, Content, ContentStage, Slot
from engine.stages import SessionLocal, update_stage_field
Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)
with SessionLocal() as session:
    session.add_all([Content(id=1), Content(id=2), Slot(name="one")])
    session.commit()


@event.listens_for(engine, "begin")
def patience(connection):
    connection.exec_driver_sql("SET LOCAL lock_timeout = 1500")


given = {"content_id": 1, "other_id": 2, "value": "new"}
try:
    update_stage_field(**{name: given[name] for name in inspect.signature(update_stage_field).parameters})
except Exception as error:
    assert "lock timeout" in str(error), error
    print("hangs")
else:
    print("ends")
import os
os._exit(0)
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", metavar="HOST", default="", help="a server's connection string: run them for real")
    options = parser.parse_args(arguments)
    rows, wrong = [], []
    for variant in VARIANTS:
        predicted = is_predicted(variant)
        truth = run(variant, options.run) if options.run else variant.hangs
        if truth is not variant.hangs:
            wrong.append(variant.name)
        half = "fixed on" if variant.is_fixed_on else "measured"
        rows.append((variant.name, variant.about, word(truth), word(predicted), half))
    print(render_table(("variant", "what it does", "truth", "predicted", "half"), rows))
    figures = {"truth": "run in this measurement" if options.run else "recorded", "recorded_truth_wrong": wrong}
    for half in ("fixed on", "measured"):
        right = [row[2] == row[3] for row in rows if row[4] == half]
        print(f"{half}: {render_share(sum(right), len(right))}")
        figures[half] = {"right": sum(right), "of": len(right)}
    figures["variants"] = [dict(zip(("name", "about", "truth", "predicted", "half"), row, strict=True)) for row in rows]
    print(record_figures("lock_variants", figures))
    return 1 if wrong else 0


def is_predicted(variant: Variant) -> bool:
    return any(found.rule == "nested-lock" for found in CHECK.find(MemoryTree(variant.files), [STAGES]))


def word(hangs: bool) -> str:
    return "hangs" if hangs else "ends"


def run(variant: Variant, host: str) -> bool:
    """Whether the variant stands still on a real server."""
    import psycopg

    settings = psycopg.conninfo.conninfo_to_dict(host)
    url = f"postgresql+psycopg://{settings['user']}@/{settings['dbname']}?host={settings['host']}"
    with tempfile.TemporaryDirectory() as folder:
        for path, content in {**variant.files, "run.py": RUNNER.encode()}.items():
            place = Path(folder, path)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "run.py"], cwd=folder, env={**os.environ, "DATABASE_URL": url},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{variant.name}: {done.stderr[-2000:]}")
    return done.stdout.split()[-1] == "hangs"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
