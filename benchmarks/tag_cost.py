"""What a tag costs: one statement plain, with watchkeeper-tag, and with a rival's comments, interleaved in one run.

    python benchmarks/tag_cost.py [--rounds 60] [--rival PYTHON]

On a real PostgreSQL over a unix socket, SQLAlchemy and plain psycopg, one row by its key. ``hooks`` is SQLAlchemy with
two listeners that do nothing: what anybody pays who listens. ``alone`` is the time of the tag's own calls without a
database, also of an UPDATE that is journalled. The rival is the comment of opentelemetry-instrumentation-sqlalchemy
(appended, names framework and driver), where it can be imported: ``--rival`` names a Python that can. ``node`` is the
same with `pg`, where Node is. Prints ratios; writes
``benchmarks/results/tag_cost.json``.
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

import psycopg
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "packages" / "watchkeeper-tag" / "src"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from watchkeeper_tag import Tagging
from watchkeeper_tag.journal import Link
from watchkeeper_tag.psycopg import install as install_psycopg
from watchkeeper_tag.sqlalchemy import install

ROOT = Path(__file__).parents[1]
_STATEMENTS = 200
_SELECT = sa.text("SELECT a FROM content WHERE id = :id")
_UPDATE = "UPDATE content SET a = %(a)s WHERE id = %(id)s"


def measure(url: str, rounds: int) -> dict[str, list[float]]:
    """Microseconds a statement in each round, of each kind; each round takes all of them in turn."""
    engines = {name: sa.create_engine(url) for name in ("plain", "hooks", "tagged")}
    sa.event.listen(
        engines["hooks"], "before_cursor_execute", lambda *given: (given[2], given[3]), retval=True, named=False
    )
    sa.event.listen(engines["hooks"], "after_cursor_execute", lambda *_: None)
    install(engines["tagged"], Tagging(ROOT, "feed" * 10, publish=False))
    try:
        from opentelemetry import trace
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())  # it comments only what it traces
        engines["rival"] = sa.create_engine(url)
        SQLAlchemyInstrumentor().instrument(
            engine=engines["rival"], enable_commenter=True, commenter_options={}, skip_dep_check=True
        )
    except ImportError:
        pass
    connections = {name: engine.connect() for name, engine in engines.items()}
    for name, connection in connections.items():
        if _is_commented(connection) is not (name in ("tagged", "rival")):
            sys.exit(f"{name}: its statements do not look as they have to")
    calls: dict[str, Callable[[int], object]] = {name: _by_engine(each) for name, each in connections.items()}
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string()
    for name in ("psycopg", "psycopg_tagged"):
        raw = psycopg.connect(dsn)
        if name == "psycopg_tagged":
            install_psycopg(raw, Tagging(ROOT, "feed" * 10, publish=False))
        calls[name] = _by_psycopg(raw)
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for row in range(_STATEMENTS):
                call(row % 10)
            took[name].append((time.perf_counter() - began) / _STATEMENTS * 1e6)
    for connection in connections.values():
        connection.close()
    return took


def _is_commented(connection: sa.Connection) -> bool:
    shown = connection.execute(sa.text("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")).scalar_one()
    return "/*" in shown


def _by_engine(connection: sa.Connection) -> Callable[[int], object]:
    return lambda row: connection.execute(_SELECT, {"id": row}).scalar()


def _by_psycopg(connection: psycopg.Connection) -> Callable[[int], object]:
    return lambda row: connection.execute("SELECT a FROM content WHERE id = %s", (row,)).fetchone()


def by_node(url: str, rounds: int) -> dict[str, list[float]]:
    """The same with `pg`; nothing where Node or `pg` is missing."""
    from nodeprograms import NotThereError, find_node, install_packages

    try:
        node, modules = find_node(), install_packages()
    except NotThereError as error:
        print(f"Node was not measured: {error}")
        return {}
    words = [node, str(Path(__file__).with_suffix(".mjs")), str(rounds), str(modules)]
    done = subprocess.run(words, env={**os.environ, "PGURL": url}, capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


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
        nodes = by_node(f"postgresql://test@/{name}?host={folder}", options.rounds)
    found: dict[str, list[float]] = {**json.loads(told.stdout), **nodes}
    figures: dict[str, object] = {"rounds": options.rounds, "statements_a_round": _STATEMENTS}
    for kind, rounds in found.items():
        figures |= {f"{kind}_us": round(statistics.median(rounds), 1), f"{kind}_least_us": round(min(rounds), 1)}
    pairs = [(kind, "plain") for kind in ("hooks", "tagged", "rival")]
    pairs += [("psycopg_tagged", "psycopg"), ("node_tagged", "node")]
    for one, other in pairs:
        if one in found:
            ratios = [each / plain for each, plain in zip(found[one], found[other], strict=True)]
            figures[f"{one}_to_{other}"] = round(statistics.median(ratios), 3)
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
