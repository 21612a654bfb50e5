"""What a tag costs: one statement plain, with watchkeeper-tag, and with a rival's comments, interleaved in one run.

    python benchmarks/tag_cost.py [--rounds 60] [--rival PYTHON]

On a real PostgreSQL over a unix socket, SQLAlchemy and psycopg, one row by its key. ``alone`` is the time of the tag's
own calls without a database, also of an UPDATE that is journalled. The rival is the comment of
opentelemetry-instrumentation-sqlalchemy (appended, names framework and driver), where it can be imported: ``--rival``
names a Python that can. Prints ratios; writes ``benchmarks/results/tag_cost.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "packages" / "watchkeeper-tag" / "src"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from watchkeeper_tag import Tagging
from watchkeeper_tag.journal import Link
from watchkeeper_tag.sqlalchemy import install

ROOT = Path(__file__).parents[1]
_STATEMENTS = 200
_SELECT = sa.text("SELECT a FROM content WHERE id = :id")
_UPDATE = "UPDATE content SET a = %(a)s WHERE id = %(id)s"


def measure(url: str, rounds: int) -> dict[str, float]:
    """Median microseconds a statement, of each kind of engine; each round takes all of them in turn."""
    engines = {"plain": sa.create_engine(url)}
    engines["tagged"] = sa.create_engine(url)
    install(engines["tagged"], Tagging(ROOT, "feed" * 10, publish=False))
    try:
        from opentelemetry import trace
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())  # it comments only what it traces
        engines["rival"] = sa.create_engine(url)
        SQLAlchemyInstrumentor().instrument(engine=engines["rival"], enable_commenter=True, commenter_options={})
    except ImportError:
        pass
    connections = {name: engine.connect() for name, engine in engines.items()}
    took: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, connection in connections.items():
            began = time.perf_counter()
            for row in range(_STATEMENTS):
                connection.execute(_SELECT, {"id": row % 10}).scalar()
            took[name].append((time.perf_counter() - began) / _STATEMENTS * 1e6)
    for connection in connections.values():
        connection.close()
    return {name: round(statistics.median(each), 1) for name, each in took.items()}


def alone(statement: str, parameters: object) -> float:
    """Microseconds of the two calls that a statement costs, without a database; the least of twenty rounds."""
    tagging = Tagging(ROOT, "feed" * 10, publish=False)
    link = Link(1, "x", lambda: True)

    def call() -> None:
        tagging.after(link, tagging.before(link, statement, parameters), 1)
        link.held.clear()

    return _least(call)


def _least(call: Callable[[], None]) -> float:
    best = 1e9
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1000):
            call()
        best = min(best, (time.perf_counter() - began) * 1e3)
    return round(best, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--rival", metavar="PYTHON", help="a Python that has the rival, SQLAlchemy and psycopg")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.url:
        print(json.dumps(measure(options.url, options.rounds)))
        return 0
    import psycopg

    import postgres
    from figures import record_figures

    programs = postgres.find_programs()
    if programs is None:
        sys.exit("PostgreSQL is not installed: nothing was measured")
    with postgres.running_server(programs) as folder:
        name = postgres.create_database(folder)
        with psycopg.connect(f"host={folder} user=test dbname={name}", autocommit=True) as made:
            made.execute("CREATE TABLE content (id int PRIMARY KEY, a int)")
            made.execute("INSERT INTO content SELECT n, n FROM generate_series(0, 9) n")
        url = f"postgresql+psycopg://test@/{name}?host={folder}"
        python = options.rival or sys.executable
        told = subprocess.run(
            [python, __file__, "--url", url, "--rounds", str(options.rounds)],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    found: dict[str, float] = json.loads(told.stdout)
    figures: dict[str, object] = {f"{name}_us": each for name, each in found.items()}
    figures |= {f"{name}_to_plain": round(each / found["plain"], 3) for name, each in found.items() if name != "plain"}
    figures["alone_select_us"] = alone("SELECT a FROM content WHERE id = %(id)s", {"id": 1})
    figures["alone_update_us"] = alone(_UPDATE, {"a": 1, "id": 1})
    for what, each in figures.items():
        print(f"{what:20} {each}")
    if "rival" not in found:
        print("the rival is not installed: --rival names a Python that has it")
    print(record_figures("tag_cost", figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
