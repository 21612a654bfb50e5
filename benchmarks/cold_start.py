"""How long the first look at a large repository takes: nothing remembered (cold), and everything remembered (warm).

    python benchmarks/cold_start.py [--runs 3]

Django's sources as a git repository with one worktree at work. Each run is a process of its own: first the index of the
base tree alone (``Analyst.base_tree``), then ``watchkeeper watch --once``, from the start of the process to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import record_figures, render_table
from fleet import base_repository, watchkeeper_command
from scratch import CACHE, git
from sources import count_lines, python_project
from watchkeeper.app import find_place, open_analysis

HOME = CACHE / "cold-start-home"
TREE = CACHE / "cold-start-tree"
TIMEOUT_S = 600
MB = 1e6 if sys.platform == "darwin" else 1e3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.index:
        return read_index(options.index)
    repo = base_repository(python_project())
    git(repo, "worktree", "prune")
    shutil.rmtree(TREE, ignore_errors=True)
    git(repo, "worktree", "add", "-q", "-f", "-B", "cold-start", str(TREE), "main")
    try:
        edited = TREE / "django" / "db" / "models" / "query.py"
        edited.write_text(edited.read_text().replace("def count(self):", "def count(self, exactly=True):"))
        figures = measure(repo, options.runs)
    finally:
        git(repo, "worktree", "remove", "--force", str(TREE))
        shutil.rmtree(HOME, ignore_errors=True)
    show(figures)
    record_figures("cold_start", figures)
    return 0


def measure(repo: Path, runs: int) -> dict:
    lines = count_lines(python_project(), (".py", ".js"))
    index = [sys.executable, __file__, "--index", str(repo)]
    once = [*watchkeeper_command(), "watch", "--once", "--repo", str(repo)]
    cold_index, warm_index = cold_and_warm(index, runs)
    cold_screen, warm_screen = cold_and_warm(once, runs)
    inside = {
        name: [json.loads(run["output"]) for run in some] for name, some in (("cold", cold_index), ("warm", warm_index))
    }
    cold_s = statistics.median(run["index_s"] for run in inside["cold"])
    warm_s = statistics.median(run["index_s"] for run in inside["warm"])
    return {
        "files": inside["cold"][0]["files"],
        "lines": lines,
        "index_cold_s": round(cold_s, 2),
        "index_cold_lines_a_second": round(lines / cold_s),
        "index_warm_s": round(warm_s, 3),
        "index_warm_times_faster": round(cold_s / warm_s, 1),
        "index_cold_peak_mb": peak(inside["cold"], "own_mb"),
        "index_cold_peak_worker_mb": peak(inside["cold"], "largest_child_mb"),
        "index_warm_peak_mb": peak(inside["warm"], "own_mb"),
        "first_screen_cold_s": round(statistics.median(run["seconds"] for run in cold_screen), 2),
        "first_screen_warm_s": round(statistics.median(run["seconds"] for run in warm_screen), 2),
        "first_screen_exit_codes": sorted({run["code"] for run in cold_screen + warm_screen}),
    }


def cold_and_warm(command: list[str], runs: int) -> tuple[list[dict], list[dict]]:
    """The command without any state, and then again with what it left; as often each."""
    cold, warm = [], []
    for _ in range(runs):
        shutil.rmtree(HOME, ignore_errors=True)
        cold.append(run_once(command))
        warm.append(run_once(command))
    return cold, warm


def run_once(command: list[str]) -> dict:
    started = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, "WATCHKEEPER_HOME": str(HOME)},
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return {"seconds": seconds, "code": done.returncode, "output": done.stdout}


def read_index(repo: Path) -> int:
    """Runs in a process of its own: reads the base tree's index and tells what that took."""
    place = find_place(repo, os.environ)
    head = place.repository.resolve("main")
    with open_analysis(place) as analysis:
        started = time.perf_counter()
        tree = analysis.analyst.base_tree(head)
        seconds = time.perf_counter() - started
        parsed = analysis.readings.parsed_files
    own, child = (resource.getrusage(who).ru_maxrss / MB for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    figures = {"index_s": seconds, "files": len(tree.blobs), "parsed": parsed, "own_mb": own, "largest_child_mb": child}
    print(json.dumps(figures))
    return 0


def peak(runs: list[dict], name: str) -> int:
    return round(max(run[name] for run in runs))


def show(figures: dict) -> None:
    print(render_table(("", ""), list(figures.items())))
    verdict = "at least" if figures["index_warm_times_faster"] >= 10 else "LESS THAN"
    print(f"\nwarm start is {verdict} 10 times faster: {figures['index_warm_times_faster']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
