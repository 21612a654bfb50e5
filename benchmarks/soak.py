"""Random edits, truncations and byte noise over real sources, through the whole detector, until the time is up.

    python benchmarks/soak.py [--minutes 10]
    python benchmarks/soak.py --seed N          one case again, with its traceback

Each case takes one to three files that lie together (this Python's library and packages, TypeScript sources where some
are unpacked), lets two sides edit them, and looks for conflicts. It fails where that raises, kills the process, takes
longer than 5 seconds, or where exchanging the two sides finds other conflicts; and the run fails where memory grows.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import json
import os
import random
import signal
import subprocess
import sys
import sysconfig
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from figures import record_figures
from garble import edit_randomly
from scratch import CACHE
from watchkeeper.conflicts.of_trees import conflicts_of_trees
from watchkeeper.model.conflicts import Conflict

CASE_LIMIT_S = 5
STUCK_S = 20
LARGEST = 120_000
MOST_FILES = 4_000
GROWTH_MB = 64
FAILURES = CACHE / "soak"
SUFFIXES = frozenset({".py", ".ts", ".tsx", ".js", ".mjs", ".cts", ".mts", ".jsx"})
EMBEDDED = {
    "src/store.ts": b"""import { Clock, type Tick } from './clock';
export interface Item<T = unknown> { readonly id: string; value: T; at?: Tick }
export class Store<T> extends Map<string, Item<T>> {
  #clock = new Clock();
  constructor(private readonly limit = 10) { super(); }
  put(id: string, value: T): Item<T> {
    const item = { id, value, at: this.#clock.now() } satisfies Item<T>;
    if (this.size >= this.limit) { this.delete([...this.keys()][0]!); }
    this.set(id, item);
    return item;
  }
  async *drain(): AsyncGenerator<Item<T>> { for (const item of this.values()) { yield item; this.delete(item.id); } }
}
export default Store;
""",
    "src/clock.ts": b"""export type Tick = number & { __tick: true };
export class Clock {
  static readonly START = Date.now();
  now(): Tick { return (Date.now() - Clock.START) as Tick; }
}
export const format = (tick: Tick, unit: 'ms' | 's' = 'ms'): string => unit === 's' ? `${tick / 1000} s` : `${tick} ms`;
""",
    "src/view.tsx": b"""import * as React from 'react';
import Store, { type Item } from './store';
import { format } from './clock';
export function Row({ item, onPick }: { item: Item<string>; onPick?(id: string): void }) {
  return <li key={item.id} onClick={() => onPick?.(item.id)}>{item.value} <i>{item.at && format(item.at, 's')}</i></li>;
}
export const List = ({ store }: { store: Store<string> }) => (
  <ul>{[...store.values()].map((item) => <Row item={item} />)}</ul>
);
""",
}


class TooSlowError(Exception):
    """A case took longer than it may."""


class Failure(NamedTuple):
    """A case that went wrong: how, and where."""

    seed: int
    kind: str
    detail: str


class Case(NamedTuple):
    """One base and what two sides make of it."""

    base: dict[str, bytes]
    one: dict[str, bytes | None]
    two: dict[str, bytes | None]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="run this case alone")
    parser.add_argument("--start", type=int, default=None, help="the first seed of the run (default: from the clock)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return run_one(options.seed)
    start = options.start if options.start is not None else int(time.time()) * 1_000
    if options.work:
        return work(start, options.minutes * 60)
    return supervise(start, options.minutes * 60)


def run_one(seed: int) -> int:
    case = make_case(seed, gather_files())
    for name, edits in (("base", case.base), ("one", case.one), ("two", case.two)):
        print(f"{name}: " + ", ".join(f"{path} ({len(text or b'')} bytes)" for path, text in edits.items()))
    failure, _, found = judge(seed, case, show=True)
    print(failure.detail if failure else f"well: {found} conflicts")
    return 1 if failure else 0


# -- the parent: a worker that dies or hangs is a finding, not the end --------------------------------------------


def supervise(start: int, seconds: float) -> int:
    FAILURES.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + seconds
    failures: list[Failure] = []
    reports: list[dict] = []
    while (left := ends - time.monotonic()) > 1:
        report, last, failure = run_worker(start, left)
        reports += [report] if report else []
        failures += [Failure(*each) for each in report.get("failures", [])]
        failures += [failure] if failure else []
        start = last + 1
    return tell(reports, failures, seconds)


def run_worker(start: int, seconds: float) -> tuple[dict, int, Failure | None]:
    """One worker's report, the last seed it tried, and how it died if it did."""
    progress = FAILURES / "progress"
    progress.write_text(str(start))
    command = [sys.executable, __file__, "--work", "--start", str(start), "--minutes", str(seconds / 60)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output, kind = "", ""
    while True:
        try:
            output, _ = process.communicate(timeout=2)
            break
        except subprocess.TimeoutExpired:
            if time.time() - progress.stat().st_mtime > STUCK_S:
                kind = "hang"
                process.kill()
    last = int(progress.read_text() or start)
    report = json.loads(output.splitlines()[-1]) if process.returncode == 0 and output.strip() else {}
    if process.returncode == 0:
        return report, last, None
    return report, last, Failure(last, kind or "crash", f"the process ended with {process.returncode}")


def tell(reports: list[dict], failures: list[Failure], seconds: float) -> int:
    times = sorted(each for report in reports for each in report["times_ms"])
    growth = max((report["rss_end_mb"] - report["rss_warm_mb"] for report in reports), default=0.0)
    figures = {
        "minutes": round(seconds / 60, 2),
        "cases": sum(report["cases"] for report in reports),
        "files": max((report["files"] for report in reports), default=0),
        "conflicts": sum(report["conflicts"] for report in reports),
        "failures": dict(Counter(failure.kind for failure in failures)),
        "case_ms": {f"p{p}": times[min(len(times) - 1, len(times) * p // 100)] for p in (50, 95, 99)} if times else {},
        "slowest_ms": times[-1] if times else 0,
        "rss_growth_mb": round(growth, 1),
        "rss_end_mb": max((report["rss_end_mb"] for report in reports), default=0.0),
    }
    print(json.dumps(figures, indent=1))
    for failure in failures:
        path = FAILURES / f"{failure.seed}.json"
        path.write_text(json.dumps(failure._asdict(), indent=1))
        print(f"{failure.kind}: {failure.detail.strip().splitlines()[-1][:200]}")
        print(f"    again: python benchmarks/soak.py --seed {failure.seed}")
    grown = growth > GROWTH_MB
    if grown:
        print(f"memory grew by {growth:.0f} MB")
    record_figures("soak", figures)
    return 1 if failures or grown or not figures["cases"] else 0


# -- the worker ---------------------------------------------------------------------------------------------------


def work(start: int, seconds: float) -> int:
    faulthandler.enable()
    files = gather_files()
    ends = time.monotonic() + seconds
    warm_at = time.monotonic() + min(60.0, seconds / 4)
    warm = 0.0
    times: list[float] = []
    conflicts = 0
    failures: list[Failure] = []
    seed = start
    progress = FAILURES / "progress"
    while time.monotonic() < ends:
        progress.write_text(str(seed))
        failure, taken, found = judge(seed, make_case(seed, files))
        failures += [failure] if failure else []
        times.append(round(taken * 1000, 1))
        conflicts += found
        seed += 1
        if not warm and time.monotonic() > warm_at:
            warm = resident_mb()
    report = {
        "cases": len(times),
        "files": len(files),
        "conflicts": conflicts,
        "failures": failures,
        "times_ms": times,
        "rss_warm_mb": warm or resident_mb(),
        "rss_end_mb": resident_mb(),
    }
    print(json.dumps(report))
    return 0


def judge(seed: int, case: Case, *, show: bool = False) -> tuple[Failure | None, float, int]:
    """Whether the case went well; how long one look took; how many conflicts it found."""
    started = time.perf_counter()
    try:
        with limited(CASE_LIMIT_S):
            found = conflicts_of_trees(case.base, {"a": case.one, "b": case.two})
        taken = time.perf_counter() - started
        with limited(CASE_LIMIT_S):
            swapped = conflicts_of_trees(case.base, {"a": case.two, "b": case.one})
    except TooSlowError:
        return Failure(seed, "slow", f"longer than {CASE_LIMIT_S} s\n{traceback.format_exc()}"), CASE_LIMIT_S, 0
    except Exception:  # noqa: BLE001 - whatever it is, it is the finding
        return Failure(seed, "exception", traceback.format_exc()), time.perf_counter() - started, 0
    ours, theirs = Counter(seen(c, {}) for c in found), Counter(seen(c, {"a": "b", "b": "a"}) for c in swapped)
    if ours == theirs:
        return None, taken, len(found)
    only = [f"only one way: {each}" for each in (ours - theirs)] + [f"only the other: {each}" for each in theirs - ours]
    if show:
        print("\n".join(only))
    return Failure(seed, "asymmetric", "\n".join(only)), taken, len(found)


def seen(conflict: Conflict, names: dict[str, str]) -> tuple[object, ...]:
    """What is told, with the sides' names exchanged; not the wording, which names one side first."""
    shown = frozenset((names.get(e.change, e.change), e.path, e.line, e.text) for e in conflict.evidence)
    return conflict.rule, conflict.severity.value, conflict.confidence.value, frozenset(conflict.subjects), shown


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raises TooSlowError in the middle of whatever runs when the time is up."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def make_case(seed: int, files: list[Path]) -> Case:
    """The same seed and files give the same case."""
    dice = random.Random(seed)
    base = dict(EMBEDDED) if dice.random() < 0.05 else real_base(dice, files)
    other = dice.choice(files).read_bytes() if files else b""
    one, two = edits_of(dice, base, other), edits_of(dice, base, other)
    if dice.random() < 0.15:  # both do the same somewhere
        two.update(dict([dice.choice(list(one.items()))]))
    return Case(base, one, two)


def real_base(dice: random.Random, files: list[Path]) -> dict[str, bytes]:
    """A file and up to two that lie beside it."""
    first = dice.choice(files)
    beside = [path for path in files if path.parent == first.parent and path != first]
    chosen = [first, *dice.sample(beside, min(len(beside), dice.choice((0, 1, 2))))]
    return {f"pkg/{path.name}": path.read_bytes() for path in chosen}


def edits_of(dice: random.Random, base: dict[str, bytes], other: bytes) -> dict[str, bytes | None]:
    edits: dict[str, bytes | None] = {}
    for path in dice.sample(list(base), dice.randint(1, len(base))):
        fate = dice.random()
        if fate < 0.03:
            edits[path] = None
        elif fate < 0.06:
            edits[path] = None
            edits[f"pkg/moved_{path.rpartition('/')[2]}"] = edit_randomly(dice, base[path], other)
        else:
            edits[path] = edit_randomly(dice, base[path], other)
    return edits


def gather_files() -> list[Path]:
    """Sources of this machine, in a stable order, thinned evenly to at most MOST_FILES."""
    paths = sysconfig.get_paths()
    roots = [Path(paths["stdlib"]), Path(paths["purelib"]), CACHE / "sources"]
    found = sorted({path for root in roots if root.is_dir() for path in walk(root)})
    step = max(1, len(found) // MOST_FILES)
    scripts = [path for path in found if path.suffix != ".py"]
    return sorted({*found[::step], *scripts[:: max(1, len(scripts) // 1_000)]})


def walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in {"__pycache__", ".git"}]
        for name in names:
            path = Path(folder, name)
            if path.suffix in SUFFIXES and 0 < path.stat().st_size <= LARGEST:
                yield path


def resident_mb() -> float:
    """Memory in use now; where the system does not tell, the most there was."""
    gc.collect()
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    import resource

    scale = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
