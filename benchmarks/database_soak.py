"""Healthy contention for a long time: pgbench's TPC-B with more clients than rows of its hottest table. No incident.

    python benchmarks/database_soak.py [--minutes 10]

Exits with 1 where the watch told of anything, or did not look. Skipped, loudly, where pgbench is not installed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from figures import record_figures

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dbwatching import own_server, watching
from postgres import find_programs
from watchkeeper.controlroom.wording.incident import describe_incidents
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.watcher import Settings

_CLIENTS, _SCALE = 16, 20


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args(arguments)
    if find_programs() is None or shutil.which("pgbench") is None:
        print("SKIPPED: PostgreSQL and pgbench are not installed; healthy contention was NOT checked")
        return 0
    with own_server() as server:
        base = ["pgbench", "-h", "127.0.0.1", "-p", str(server.port), "-U", "test"]
        subprocess.run([*base, "-i", "-q", "-s", str(_SCALE), "postgres"], check=True, capture_output=True)
        with watching(server.dsn, settings=Settings("shop"), processes=LocalProcesses()) as watched:
            load = ["-c", str(_CLIENTS), "-j", "2", "-T", str(int(options.minutes * 60))]
            done = subprocess.run([*base, *load, "postgres"], check=True, capture_output=True, text=True)
            done_at = watched.watcher.statistics()
    tps = next((line for line in done.stdout.splitlines() if line.startswith("tps")), "")
    print(f"{done_at.polls} polls, {done_at.graphs} closer looks, {len(watched.opened)} incidents, {tps}")
    for event in watched.events:
        print(f"  {describe_incidents(event)}")
    figures = {
        "minutes": options.minutes,
        "clients": _CLIENTS,
        "scale": _SCALE,
        "polls": done_at.polls,
        "closer_looks": done_at.graphs,
        "errors": done_at.errors,
        "worst_lateness_ms": round(done_at.worst_lateness_ms, 1),
        "incidents": len(watched.opened),
        "pgbench": tps,
    }
    record_figures("database_soak", figures, command="python benchmarks/database_soak.py")
    return 0 if not watched.opened and done_at.polls > options.minutes * 60 and not done_at.errors else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
