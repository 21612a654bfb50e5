"""What proving costs beside a suite that takes five seconds of a processor: runs, time from save to proof, processor.

    python benchmarks/proof_cost.py [--saves 10] [--minutes 2]

A made-up project whose eleven test files take five seconds; agent-a has changed what a price is, agent-b calls it anew.
The real ``watchkeeper watch --json`` runs with its configured budget. First: how often the tests are run for a clean
suspected pair, and when nothing of it changes (the same files saved again, a third worktree at work, a second start).
Then agent-b saves a test that fails only together with agent-a, again and again, each time differently; measured is
from the save to the line that says *proved*. Last, minutes of a save a second: what the watch and its children take,
which is to be within the budget and what of it may be saved up.
Runs are counted twice: as recorded, and as processes that were seen running.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from figures import record_figures, render_table
from fleet import watchkeeper_command
from processes import find_running, own_cpu_s
from scratch import commit_all, create_repository, git
from watchkeeper.probes.work import MOST_SAVED_S
from watchkeeper.record.config import ProjectConfig

WORK = Path(tempfile.gettempdir()) / f"proof-cost-{os.getpid()}"
"""Not in this repository: pytest would take its configuration for that of the trees."""
MARKER = f"cache_dir={WORK / 'unused'}"
SUITE_S, PARTS = 5.0, 10
QUIET_S = 12
PROOF_S = 120
PRICES = "def price(number):\n    return number * 3\n"
ORDERS = "from shop.prices import price\n\n\ndef lines(numbers):\n    return [price(number) for number in numbers]\n"
PART = """import time

from shop.orders import lines


def test_part_{number}():
    until = time.process_time() + {seconds}
    while time.process_time() < until:
        assert len(lines(range(100))) == 100
"""
DEARER = PRICES.replace("number * 3", "number * 3 + 1")
TOTAL = ORDERS + "\n\ndef total(numbers):\n    return sum(price(number) for number in numbers)\n"
TEST = "from shop.orders import total\n\n\ndef test_total():\n    assert total([1, 2]) {expected}  # save {number}\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saves", type=int, default=10)
    parser.add_argument("--minutes", type=int, default=2)
    options = parser.parse_args(arguments)
    shutil.rmtree(WORK, ignore_errors=True)
    try:
        agents = prepare()
        suite_s = measure_suite()
        with Runs() as runs:
            figures = {"suite_s": suite_s, "budget": ProjectConfig().budget}
            figures["clean"] = measure_clean(agents, runs)
            with watching() as watch:
                figures["save_to_proved"] = measure_saves(watch, agents["agent-b"], options.saves)
            with watching() as watch:
                figures["continuous"] = measure_continuous(watch, agents["agent-b"], runs, options.minutes)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    show(figures)
    record_figures("proof_cost", figures)
    return 0 if holds(figures) else 1


def prepare() -> dict[str, Path]:
    """The project, two agents whose work goes together, and a third that does nothing yet."""
    repo = WORK / "project"
    create_repository(repo)
    (repo / "shop").mkdir()
    (repo / "tests").mkdir()
    for path, text in {"shop/__init__.py": "", "shop/prices.py": PRICES, "shop/orders.py": ORDERS}.items():
        (repo / path).write_text(text)
    (repo / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    for number in range(PARTS):
        (repo / f"tests/test_part_{number}.py").write_text(PART.format(number=number, seconds=SUITE_S / PARTS))
    commit_all(repo, "the project")
    agents = {name: WORK / name for name in ("agent-a", "agent-b", "agent-c")}
    for name, tree in agents.items():
        git(repo, "worktree", "add", "-q", "-b", name, str(tree), "main")
    (agents["agent-a"] / "shop/prices.py").write_text(DEARER)
    (agents["agent-b"] / "shop/orders.py").write_text(TOTAL)
    save(agents["agent-b"], 0, conflicts=False)
    return agents


def save(tree: Path, number: int, *, conflicts: bool) -> float:
    """agent-b's test, as never saved before; when."""
    text = TEST.format(expected="== 9" if conflicts else "in (9, 11)", number=number)
    started = time.perf_counter()
    (tree / "tests/test_total.py").write_text(text)
    return started


def test_command() -> str:
    return f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider -o {MARKER}"


def measure_suite() -> float:
    started = time.perf_counter()
    subprocess.run(["/bin/sh", "-c", test_command()], cwd=WORK / "project", check=True, capture_output=True)
    return round(time.perf_counter() - started, 2)


class Runs:
    """Counts the processes that run the project's tests, by looking for them all the time."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    @property
    def count(self) -> int:
        return len(self._seen)

    def _look(self) -> None:
        while not self._ends.wait(0.1):
            self._seen.update(find_running(MARKER, "python"))


class Taken:
    """Processor seconds of the watch and all that it starts, looked at ten times a second.

    What the kernel adds up at the end of children does not do: of tests that are killed it knows nothing.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: dict[int, float] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._before = sum(own_cpu_s(self._pid).values())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        return sum(self._seen.values()) - self._before

    def _look(self) -> None:
        while not self._ends.wait(0.1):
            for pid, seconds in own_cpu_s(self._pid).items():
                self._seen[pid] = max(seconds, self._seen.get(pid, 0.0))


class Watch:
    """The running ``watchkeeper watch --json``, and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.recorded_runs = 0
        self._lines: queue.SimpleQueue[tuple[float, dict]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put((time.perf_counter(), json.loads(line)))

    def wait_snapshot(self) -> None:
        while self._lines.get(timeout=60)[1]["type"] != "snapshot":
            pass

    def wait_probed(self, outcomes: set[str], since: float = 0.0, timeout_s: float = PROOF_S) -> float | None:
        """When the pair was said to be one of ``outcomes``; None where it was not."""
        ends = time.monotonic() + timeout_s
        while (left := ends - time.monotonic()) > 0:
            try:
                arrived, line = self._lines.get(timeout=left)
            except queue.Empty:
                return None
            if line.get("kind") == "conflict-probed":
                proof = line["event"]["proof"]
                self.recorded_runs += proof["runs"]
                if proof["outcome"] in outcomes and arrived >= since:
                    return arrived
        return None


@contextmanager
def watching() -> Iterator[Watch]:
    """A watch of the project; what it has learnt is kept for the next."""
    environment = {
        **os.environ,
        "WATCHKEEPER_HOME": str(WORK / "home"),
        "WATCHKEEPER_PROJECT_TEST": test_command(),
    }
    process = subprocess.Popen(
        [*watchkeeper_command(), "watch", "--json", "--repo", str(WORK / "project")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    try:
        watch = Watch(process)
        watch.wait_snapshot()
        yield watch
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


SETTLED = {"cleared", "not-disproved"}


def measure_clean(agents: dict[str, Path], runs: Runs) -> dict:
    """Test runs for a clean pair, and when nothing about it changes."""
    with watching() as watch:
        watch.wait_probed(SETTLED)
        time.sleep(QUIET_S)
        first = runs.count
        recorded = watch.recorded_runs
        save(agents["agent-b"], 0, conflicts=False)  # the same again
        time.sleep(QUIET_S)
        again = runs.count - first
        (agents["agent-c"] / "NOTES.md").write_text("a third worktree is at work\n")
        time.sleep(QUIET_S)
        union = runs.count - first - again
        (agents["agent-c"] / "NOTES.md").unlink()
        time.sleep(QUIET_S)
    before = runs.count
    with watching():
        time.sleep(QUIET_S)
    return {
        "runs_of_a_clean_pair": first,
        "recorded": recorded,
        "runs_when_unchanged": again,
        "runs_of_the_union_of_three": union,
        "runs_of_a_second_start": runs.count - before,
    }


def measure_saves(watch: Watch, tree: Path, saves: int) -> dict:
    """Seconds from the save of what conflicts to the line that says it is proved."""
    seconds, missed = [], 0
    for number in range(1, saves + 1):
        saved = save(tree, number, conflicts=True)
        arrived = watch.wait_probed({"proved"}, saved)
        if arrived is None:
            missed += 1
        else:
            seconds.append(arrived - saved)
        saved = save(tree, number, conflicts=False)
        watch.wait_probed(SETTLED, saved)
        time.sleep(SUITE_S * 2)  # within its budget: what it may run is not what is measured here
    ordered = sorted(seconds)
    return {
        "saves": saves,
        "missed": missed,
        "p50_s": round(statistics.median(ordered), 2) if ordered else None,
        "most_s": round(ordered[-1], 2) if ordered else None,
        "seconds": [round(each, 2) for each in seconds],
    }


def measure_continuous(watch: Watch, tree: Path, runs: Runs, minutes: int) -> dict:
    """Processor seconds a second, minute by minute, while something new is saved every second."""
    time.sleep(QUIET_S)
    rows, number, budget = [], 10_000, ProjectConfig().budget
    for _ in range(minutes):
        ran, started = runs.count, time.monotonic()
        with Taken(watch.process.pid) as taken:
            while time.monotonic() - started < 60:
                number += 1
                save(tree, number, conflicts=False)
                time.sleep(1)
        share = taken.seconds / (time.monotonic() - started)
        rows.append({"share": round(share, 3), "of_budget": round(share / budget, 2), "runs": runs.count - ran})
    saved = save(tree, number, conflicts=True)
    arrived = watch.wait_probed({"proved"}, saved)
    return {"minutes": rows, "save_to_proved_after_it_s": round(arrived - saved, 1) if arrived else None}


def holds(figures: dict) -> bool:
    clean, saves = figures["clean"], figures["save_to_proved"]
    is_cheap = clean["runs_of_a_clean_pair"] <= 1 and not clean["runs_when_unchanged"]
    minutes = figures["continuous"]["minutes"]
    taken = sum(row["share"] for row in minutes) * 60
    is_within = taken <= figures["budget"] * (len(minutes) * 60 + MOST_SAVED_S)
    return is_cheap and not clean["runs_of_a_second_start"] and saves["missed"] == 0 and is_within


def show(figures: dict) -> None:
    clean, saves = figures["clean"], figures["save_to_proved"]
    print(f"the suite alone: {figures['suite_s']} s; budget: {figures['budget']} processors")
    rows = [
        ("a clean suspected pair", clean["runs_of_a_clean_pair"]),
        ("saved again as it was", clean["runs_when_unchanged"]),
        ("a third worktree begins to work: the three together", clean["runs_of_the_union_of_three"]),
        ("the watch started again", clean["runs_of_a_second_start"]),
    ]
    print(render_table(("test runs", ""), rows))
    print(f"save -> proved, {saves['saves']} saves: p50 {saves['p50_s']} s, most {saves['most_s']} s")
    minutes = [
        (number, row["share"], row["of_budget"], row["runs"])
        for number, row in enumerate(figures["continuous"]["minutes"], 1)
    ]
    print(render_table(("minute of a save a second", "processors", "of budget", "runs begun"), minutes))
    print(f"save -> proved right after these minutes: {figures['continuous']['save_to_proved_after_it_s']} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
