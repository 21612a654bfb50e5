"""How soon the database watch tells of a hang, and what it costs the server.

    python benchmarks/database_watch.py [--trials 30] [--seconds 10]

Latency: from the beginning of a wait by the server's clock to the incident in the watch's hands, on one machine, with
and without tags; the polls are at random moments of the waits. Named rival, in the same run and of the same waits: the
line that the server writes with ``log_lock_waits``. Cost: the server's own time for a poll with 100 connections
(pg_stat_statements), the watch's processor time, and pgbench with and without the watch in turns.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from figures import record_figures, render_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dbwatching import OwnServer, Watched, clients, own_server, prepare, tag, wait_until, watching
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.watcher import Settings

_STILL = re.compile(r"still waiting for \w+ on .+? after (\d+\.\d+) ms")
_HOLD = "UPDATE content SET current_stage = 'a' WHERE id = 1"
_WAIT = "UPDATE content SET pipeline_status = 'b' WHERE id = 1"
_BACKENDS = 100
_CLIENTS, _SCALE, _ROUNDS = 16, 20, 5


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args(arguments)
    settings = {"log_lock_waits": "on", "logging_collector": "on", "shared_preload_libraries": "pg_stat_statements"}
    with own_server(max_connections="200", **settings) as server:
        prepare(server.dsn)
        figures: dict[str, object] = {"latency_ms": measure_latency(server, options.trials)}
        figures["cost"] = measure_cost(server, options.seconds)
        figures["pgbench"] = measure_throughput(server, options.seconds)
    show(figures)
    record_figures("database_watch", figures, command="python benchmarks/database_watch.py")
    return 0


def measure_latency(server: OwnServer, trials: int) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    with watching(server.dsn, settings=Settings("shop"), processes=LocalProcesses()) as watched:
        for name in ("tagged", "untagged"):
            before, kinds = len(read_rival(server)), list[str]()
            latencies = [one_hang(server, watched, name == "tagged", kinds) for _ in range(trials)]
            found[name] = {**spread(latencies), "kinds": {each: kinds.count(each) for each in sorted(set(kinds))}}
            found[f"log_lock_waits, {name}"] = spread(read_rival(server)[before:])
    return found


def one_hang(server: OwnServer, watched: Watched, is_tagged: bool, kinds: list[str]) -> float:
    """One hang of a task on itself, long enough for the server's own line."""
    told = len(watched.opened)
    text = tag(sym="f", at="a.py:1", pid=7, task=1) if is_tagged else ""
    moments: list[float] = []
    with clients(server.dsn if not is_tagged else socket_dsn(server), lock_timeout="1300ms") as app:
        one, other = app.open(), app.open()
        one.execute((text + _HOLD).encode())
        time.sleep(random.uniform(0, 0.2))  # the phase of the polls is chance
        app.send(other, text + _WAIT)
        wait_until(lambda: len(watched.opened) > told and (moments.append(time.time() * 1000) or True))
        app.join()
        one.rollback()
    kinds.append(watched.opened[-1].kind.value)
    wait_until(lambda: not watched.watcher.open, "the end")
    return moments[0] - watched.opened[-1].since


def socket_dsn(server: OwnServer) -> str:
    """Over the socket, where tags alone tell who is who."""
    return server.dsn.replace("127.0.0.1", str(server.folder))


def read_rival(server: OwnServer) -> list[float]:
    texts = [each.read_text(errors="replace") for each in (server.folder / "data" / "log").glob("*.log")]
    return [float(each) for text in texts for each in _STILL.findall(text)]


def spread(values: list[float]) -> dict[str, object]:
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "min": round(ordered[0], 1),
        "median": round(statistics.median(ordered), 1),
        "max": round(ordered[-1], 1),
    }


def measure_cost(server: OwnServer, seconds: int) -> dict[str, float]:
    with psycopg.connect(server.dsn, autocommit=True) as ours, ExitStack() as opened:
        ours.execute("CREATE EXTENSION pg_stat_statements")
        for _ in range(_BACKENDS):
            opened.enter_context(psycopg.connect(server.dsn, autocommit=True)).execute("SELECT 1")
        ours.execute("SELECT pg_stat_statements_reset()")
        with watching(server.dsn, settings=Settings("shop")) as watched:
            began = time.process_time()
            polls = watched.watcher.statistics().polls
            time.sleep(seconds)
            spent = time.process_time() - began
            polls = watched.watcher.statistics().polls - polls
        hold, wait = (opened.enter_context(psycopg.connect(server.dsn)) for _ in range(2))
        glance, calls = mean_of(ours, "%FILTER%")
        with clients(server.dsn, lock_timeout="2s") as app:
            hold.execute(_HOLD.encode())
            app.send(app.open(), _WAIT)
            with watching(server.dsn, settings=Settings("shop", poll_ms=50)) as watched:
                watched.looks(20)
            hold.rollback()
        wait.rollback()
        graph, graphs = mean_of(ours, "WITH here AS MATERIALIZED%")
    return {
        "backends": _BACKENDS,
        "glance_server_ms": round(glance, 3),
        "glances": calls,
        "graph_server_ms": round(graph, 3),
        "graphs": graphs,
        "server_share_of_a_core_percent": round(glance * 5 / 10, 3),
        "watch_cpu_percent": round(100 * spent / seconds, 2),
        "polls": polls,
    }


def mean_of(connection: psycopg.Connection, pattern: str) -> tuple[float, int]:
    row = connection.execute(
        "SELECT sum(total_exec_time + total_plan_time) / sum(calls), sum(calls) FROM pg_stat_statements "
        "WHERE query LIKE %s AND query LIKE '%%pg_stat_activity%%' AND query NOT LIKE '%%pg_stat_statements%%'",
        (pattern,),
    ).fetchone()
    assert row is not None
    return float(row[0] or 0), int(row[1] or 0)


def measure_throughput(server: OwnServer, seconds: int) -> dict[str, object]:
    pgbench(server, "-i", "-q", "-s", str(_SCALE))
    runs: dict[str, list[float]] = {"without": [], "with": []}
    incidents = 0
    for round_ in range(_ROUNDS):
        for arm in ("without", "with") if round_ % 2 == 0 else ("with", "without"):
            with ExitStack() as stack:
                watched = (
                    stack.enter_context(watching(server.dsn, settings=Settings("shop"))) if arm == "with" else None
                )
                text = pgbench(server, "-c", str(_CLIENTS), "-j", "2", "-T", str(seconds))
                incidents += len(watched.opened) if watched else 0
            runs[arm].append(float(re.findall(r"tps = (\d+\.\d+)", text)[0]))
    medians = {arm: statistics.median(found) for arm, found in runs.items()}
    return {
        **{arm: spread(found) for arm, found in runs.items()},
        "ratio_of_medians": round(medians["with"] / medians["without"], 3),
        "incidents": incidents,
    }


def pgbench(server: OwnServer, *arguments: str) -> str:
    command = ["pgbench", "-h", "127.0.0.1", "-p", str(server.port), "-U", "test", *arguments, "postgres"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout


def show(figures: dict[str, object]) -> None:
    latencies = figures["latency_ms"]
    assert isinstance(latencies, dict)
    rows = [(name, each["n"], each["min"], each["median"], each["max"]) for name, each in latencies.items()]
    print(render_table(("from the wait's beginning, ms", "n", "min", "median", "max"), rows))
    for name in ("cost", "pgbench"):
        print(f"\n{name}: {figures[name]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
