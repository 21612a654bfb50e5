"""What the static checks of a virtual merge cost, on half a million lines: ``python benchmarks/static_speed.py``

Five random files of Django are changed together; every check runs on that tree. First with nothing read but the base's
index, then again after one of the five was edited: what a save costs. Processor time of this process, milliseconds.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from figures import record_figures, render_table
from fleet import base_repository
from scratch import CACHE
from sources import python_project
from watchkeeper.app import Analysis, find_place, open_analysis
from watchkeeper.code.checks import run_static, static_checks
from watchkeeper.model.ids import Sha
from watchkeeper.repos.trees import FILE, TreeEntry
from watchkeeper.watch.hubtrees import HubTrees

SEED = 20260103
HOME = CACHE / "static-speed-home"
FILES = 5
SMALLEST = 2_000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    place = find_place(base_repository(python_project()), {**os.environ, "WATCHKEEPER_HOME": str(HOME)})
    try:
        with open_analysis(place) as parts:
            figures = measure(parts, place.repository.resolve("main"), options.rounds)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    print(render_table(("", "ms"), list(figures.items())))
    record_figures("static_speed", figures)
    return 0


def measure(parts: Analysis, base: Sha, rounds: int) -> dict[str, object]:
    blobs = parts.analyst.base_tree(base).blobs
    trees = HubTrees(parts.objects, parts.readings, parts.analyst)
    contents = {
        path: parts.objects.read(Sha(blob)) or b""
        for path, blob in blobs.items()
        if path.startswith("django/") and path.endswith(".py")
    }
    large = sorted(path for path, content in contents.items() if len(content) >= SMALLEST)
    dice = random.Random(SEED)
    first, again, sizes = [], [], []
    by_check: dict[str, list[float]] = {name: [] for name in static_checks()}
    for number in range(rounds):
        paths = dice.sample(large, FILES)
        texts = {path: contents[path] + b"\n\nNOTED = %d\n" % number for path in paths}
        sizes.append(sum(map(len, texts.values())))
        first.append(sum(look(parts, trees, base, texts, _ignore)))
        texts[paths[0]] += b"\n\nAGAIN = True\n"
        again.append(sum(look(parts, trees, base, texts, lambda name, ms: by_check[name].append(ms))))
    return {
        "bytes of the five files, p50": round(statistics.median(sizes)),
        "first look, p50": round(statistics.median(first), 1),
        "first look, most": round(max(first), 1),
        "after one more save, p50": round(statistics.median(again), 1),
        "after one more save, most": round(max(again), 1),
        **{f"after one more save, {name}": round(statistics.median(some), 1) for name, some in by_check.items()},
    }


def look(
    parts: Analysis, trees: HubTrees, base: Sha, texts: dict[str, bytes], note: Callable[[str, float], None]
) -> Sequence[float]:
    """Milliseconds of each check on the base with ``texts`` in it."""
    entries = {path: TreeEntry(FILE, parts.hub.store(text)) for path, text in texts.items()}
    tree = trees.source_tree(parts.hub.write_tree(base, entries), base)
    taken = []
    for name in static_checks():
        started = time.process_time()
        run_static(tree, sorted(texts), [name])
        taken.append((time.process_time() - started) * 1000)
        note(name, taken[-1])
    return taken


def _ignore(_name: str, _milliseconds: float) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
