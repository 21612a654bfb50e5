"""How long after a save the conflict is told, with 10, 30 and 100 worktrees of half a million lines each.

    python benchmarks/save_to_event.py [--worktrees 10,30,100] [--saves 200] [--without-rival]

Django's sources, each worktree on its own branch with a few uncommitted edits. The real ``watchkeeper watch --json``
runs; files are saved in random worktrees such that every save makes or mends a conflict with another worktree; measured
is from just before the save to the arrival of the line that says so. No content is saved twice, so that nothing is
remembered. Half of the saves are a write in place, half a new file put over the old one. A third of the conflicts are
textual, the others are calls that another worktree has broken, which git merges cleanly.

The rival does what git alone can do, in the same run: after each save it snapshots that worktree into a bare clone and
merges all pairs of worktrees with ``git merge-tree --stdin``. Only a few of its rounds are run; with 100 worktrees its
cost is computed from the cost of one merge, and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from figures import record_figures, render_table
from fleet import Worktree, base_repository, drop_fleet, edit_files, fleet, watchkeeper_command
from processes import family_cpu_s, family_memory_mb
from rival import Rival
from scratch import CACHE, git
from sources import count_lines, python_project

SEED = 20260102
HOME = CACHE / "save-to-event-home"
FIRST_SCREEN_S = 300
EVENT_S = 10
IDLE_S = 10
QUIET = 0.15
RIVAL_ROUNDS = {10: 5, 30: 2}
_PLAIN_DEF = re.compile(r"^def ([a-z]\w{6,})\(([a-z_]\w*(?:, [a-z_]\w*)*)\):$", re.MULTILINE)


class Plan(NamedTuple):
    """What a worktree is to do again and again: ``path`` with ``made`` conflicts, with ``mended`` it does not."""

    tree: Worktree
    partner: Worktree
    path: Path
    mended: str
    made: str
    textual: bool


class Saved(NamedTuple):
    """One save and what came of it. ``milliseconds`` None: no line came."""

    milliseconds: float | None
    textual: bool
    made: bool


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worktrees", default="10,30,100")
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--without-rival", action="store_true")
    options = parser.parse_args(arguments)
    counts = [int(count) for count in options.worktrees.split(",")]
    sources = python_project()
    repo = base_repository(sources)
    lines = count_lines(sources, (".py", ".js", ".html", ".css", ".txt"))
    print(f"{sources.name}: {lines:,} lines in {len(git(repo, 'ls-files').splitlines()):,} files")
    rows = {}
    for count in counts:
        rows[count] = measure(repo, count, options.saves, with_rival=not options.without_rival)
        print(json.dumps({count: rows[count]}))
    figures = {"lines": lines, "by_worktrees": rows, **compare(rows)}
    show(figures)
    record_figures("save_to_event", figures)
    return 0 if all(row["missed"] == 0 for row in rows.values()) else 1


def measure(repo: Path, count: int, saves: int, *, with_rival: bool) -> dict:
    """One fleet: its first screen, its saves, and the rival beside it."""
    dice = random.Random(SEED + count)
    with fleet(repo, count) as trees:
        plans = prepare(trees, dice)
        with watching(repo) as watch:
            first = watch.wait_first_screen()
            watch.wait_settled(count)
            idle = watch.idle_share()
            before, started = watch.cpu_s(), time.perf_counter()
            saved = [save(watch, *turn, number, dice) for number, turn in enumerate(turns(plans, saves, dice))]
            taken = time.perf_counter() - started
            cpu = watch.cpu_s() - before
            memory = watch.memory_mb()
        row = summarise(saved)
        row |= {
            "first_screen_s": round(first, 2),
            "watcher_idle_share": round(idle, 3),
            "watcher_cpu_ms_a_save": round(max(0.0, cpu - idle * taken) / len(saved) * 1000, 1),
            "watcher_mb": round(memory),
        }
        if with_rival:
            row["rival"] = measure_rival(repo, trees, plans, row["p50_ms"])
    return row


def prepare(trees: Sequence[Worktree], dice: random.Random) -> list[Plan]:
    """Every worktree gets edits of its own; then each even one gets something to conflict with in the odd one next."""
    root = trees[0].path
    files = sorted(path.relative_to(root) for path in (root / "django").rglob("*.py"))
    plain = [path for path in files if 40 < (root / path).read_text().count("\n") < 1500]
    breakable = list(breakable_functions(root, plain))
    dice.shuffle(breakable)
    dice.shuffle(plain)
    targets = {path for path, _ in breakable[: len(trees)]}
    others = [path for path in plain if path not in targets and has_early_return((root / path).read_text())]
    plans = []
    for number, tree in enumerate(trees):
        edit_files(tree, others[len(trees) + number : len(trees) + number + 3], dice)
    for number in range(0, len(trees) - 1, 2):
        tree, partner = trees[number], trees[number + 1]
        (path, function), own = breakable[number], others[number]
        textual = number % 6 == 4
        plans.append(plan_textual(tree, partner, own) if textual else plan_call(tree, partner, path, function, own))
    return plans


def has_early_return(text: str) -> bool:
    """A line to edit that is far from the end, where every worktree adds a line of its own."""
    _, found, rest = text.partition("\n    return ")
    return bool(found) and rest.count("\n") > 10


def breakable_functions(root: Path, files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Functions of a module whose name is said in that module only once: their callers are few."""
    for path in files:
        text = (root / path).read_text()
        for found in _PLAIN_DEF.finditer(text):
            if text.count(found[1]) == 1:
                yield path, found[1]


def plan_call(tree: Worktree, partner: Worktree, path: Path, function: str, own: Path) -> Plan:
    """The partner has added a parameter; the worktree calls the function as it was."""
    theirs = partner.path / path
    theirs.write_text(
        _PLAIN_DEF.sub(
            lambda m: m[0].replace("):", ", *, notified):") if m[1] == function else m[0], theirs.read_text()
        )
    )
    count = len(next(m for m in _PLAIN_DEF.finditer((tree.path / path).read_text()) if m[1] == function)[2].split(","))
    module = ".".join(path.with_suffix("").parts)
    mended = (tree.path / own).read_text() + f"\n\nNOTICED_BY = {tree.name!r}\n"
    made = f"{mended}\n\ndef notice_all():\n    from {module} import {function}\n\n"
    made += f"    return {function}({', '.join(['None'] * count)})\n"
    (tree.path / own).write_text(mended)
    return Plan(tree, partner, tree.path / own, mended, made, textual=False)


def plan_textual(tree: Worktree, partner: Worktree, own: Path) -> Plan:
    """Both change the same line, each in its own way."""
    text = (tree.path / own).read_text()
    at = text.index("\n    return ") + len("\n    return ")
    theirs = partner.path / own
    theirs.write_text(text[:at] + "None or " + text[at:])
    mended = text + f"\n\nNOTICED_BY = {tree.name!r}\n"
    (tree.path / own).write_text(mended)
    return Plan(tree, partner, tree.path / own, mended, mended[:at] + "not " + mended[at:], textual=True)


def turns(plans: Sequence[Plan], saves: int, dice: random.Random) -> Iterator[tuple[Plan, bool]]:
    """Random worktrees; each alternately makes and mends its conflict."""
    is_made = dict.fromkeys(range(len(plans)), False)
    for _ in range(saves):
        number = dice.randrange(len(plans))
        is_made[number] = not is_made[number]
        yield plans[number], is_made[number]


def save(watch: Watch, plan: Plan, made: bool, number: int, dice: random.Random) -> Saved:
    """Save once and wait for the line."""
    text = f"{plan.made if made else plan.mended}\n# save {number}\n"
    time.sleep(dice.uniform(0.05, 0.2))
    watch.drop_lines()
    if dice.random() < 0.5:
        beside = plan.path.with_name(f".{plan.path.name}.swp")
        beside.write_text(text)
        started = time.perf_counter()
        beside.replace(plan.path)
    else:
        started = time.perf_counter()
        plan.path.write_text(text)
    arrived = watch.wait_event("conflict-opened" if made else "conflict-closed", plan)
    if arrived is None:
        print(f"MISSED: {plan.path} {'makes' if made else 'mends'} its conflict with {plan.partner.name}")
    return Saved((arrived - started) * 1000 if arrived else None, plan.textual, made)


class Watch:
    """The running ``watchkeeper watch --json``."""

    def __init__(self, process: subprocess.Popen[str], started: float) -> None:
        self._process = process
        self._started = started
        self._lines: queue.SimpleQueue[tuple[float, dict]] = queue.SimpleQueue()
        self._conflicts: dict[str, frozenset[str]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            arrived = time.perf_counter()
            self._lines.put((arrived, json.loads(line)))
        self._lines.put((time.perf_counter(), {"type": "end"}))

    def wait_first_screen(self) -> float:
        """Seconds from the start of the process to its snapshot line."""
        while True:
            arrived, line = self._lines.get(timeout=FIRST_SCREEN_S)
            if line["type"] == "snapshot":
                return arrived - self._started
            if line["type"] == "end":
                raise SystemExit(f"the watch ended: {self._process.stderr.read() if self._process.stderr else ''}")

    def wait_event(self, kind: str, plan: Plan) -> float | None:
        """When the line of that kind about that pair arrived; None where none came in time."""
        pair = {plan.tree.name, plan.partner.name}
        found = self.wait_line(lambda line: self._learn(line) == (kind, pair))
        return found[0] if found is not None else None

    def wait_line(self, is_it: Callable[[dict], bool], seconds: float = EVENT_S) -> tuple[float, dict] | None:
        """The first line of which ``is_it`` is true, and when it arrived; None where none came in time."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            try:
                arrived, line = self._lines.get(timeout=left)
            except queue.Empty:
                return None
            if is_it(line):
                return arrived, line
        return None

    def drop_lines(self) -> None:
        """What came since, a second conflict of the same save for instance, is not for the next."""
        while True:
            try:
                self._learn(self._lines.get_nowait()[1])
            except queue.Empty:
                return

    def _learn(self, line: dict) -> tuple[str, set[str]]:
        event = line.get("event", {})
        conflict = event.get("conflict")
        if conflict:
            self._conflicts[conflict["id"]] = frozenset(conflict["changes"])
        return line.get("kind", ""), set(self._conflicts.get(conflict["id"] if conflict else event.get("id", ""), ()))

    def wait_settled(self, worktrees: int) -> None:
        """Wait until every worktree was swept once since it is watched: only then nothing is left to catch up with."""
        ends = time.monotonic() + FIRST_SCREEN_S
        while time.monotonic() < ends:
            self._process.send_signal(signal.SIGUSR1)
            line = self._lines.get(timeout=EVENT_S)[1]
            if line["type"] == "statistics" and line["sweeps"] >= worktrees:
                return
            self._learn(line)
            time.sleep(0.2)
        raise SystemExit("the watch never came to rest")

    def idle_share(self) -> float:
        """Processor seconds a second while nobody saves: the sweep. What the first look left to prove is waited for."""
        ends = time.monotonic() + FIRST_SCREEN_S
        shares: list[float] = []
        while time.monotonic() < ends:
            before, started = self.cpu_s(), time.perf_counter()
            time.sleep(IDLE_S)
            shares.append((self.cpu_s() - before) / (time.perf_counter() - started))
            if shares[-1] < QUIET:
                break
        return shares[-1]

    def cpu_s(self) -> float:
        """Processor seconds of the process, its children and those that it has waited for (Linux; else 0)."""
        return family_cpu_s(self._process.pid)

    def memory_mb(self) -> float:
        """Resident memory of the process and its children, megabytes (Linux; else 0)."""
        return family_memory_mb(self._process.pid)


@contextmanager
def watching(repo: Path) -> Iterator[Watch]:
    """A watch with a state folder of its own, ended and removed afterwards."""
    shutil.rmtree(HOME, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*watchkeeper_command(), "watch", "--json", "--repo", str(repo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "WATCHKEEPER_HOME": str(HOME)},
    )
    try:
        yield Watch(process, started)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(HOME, ignore_errors=True)


def summarise(saved: Sequence[Saved]) -> dict:
    times = sorted(each.milliseconds for each in saved if each.milliseconds is not None)
    if not times:
        raise SystemExit("no save was told: nothing to measure")
    by_kind = {
        name: [each.milliseconds for each in saved if each.milliseconds is not None and each.textual is textual]
        for name, textual in (("calls", False), ("textual", True))
    }
    return {
        "saves": len(saved),
        "missed": sum(each.milliseconds is None for each in saved),
        **{f"p{share}_ms": round(percentile(times, share), 1) for share in (50, 95, 99)},
        "most_ms": round(times[-1], 1),
        **{f"p50_{name}_ms": round(statistics.median(some), 1) for name, some in by_kind.items() if some},
    }


def percentile(ordered: Sequence[float], share: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def measure_rival(repo: Path, trees: Sequence[Worktree], plans: Sequence[Plan], ours_ms: float) -> dict:
    """All pairs of ``git merge-tree`` after a save: measured for small fleets, computed for large ones."""
    count = len(trees)
    pairs = count * (count - 1) // 2
    rounds = RIVAL_ROUNDS.get(count, 1)
    with Rival(repo, [tree.path for tree in trees]) as rival:
        merges = None if count in RIVAL_ROUNDS else 200
        took, seen = [], 0
        for plan in plans[:rounds]:
            plan.path.write_text(plan.made)
            round_ms, clashing = rival.look(trees.index(plan.tree), at_most=merges)
            took.append(round_ms if merges is None else round_ms * pairs / merges)
            seen += trees.index(plan.partner) in clashing
        against_all = rival.look_at_one(trees.index(plans[0].tree))
    all_pairs_ms = statistics.median(took)
    return {
        "pairs": pairs,
        "all_pairs_ms": round(all_pairs_ms),
        "is_computed": merges is not None,
        "one_against_all_ms": round(against_all),
        "times_slower": round(all_pairs_ms / ours_ms, 1),
        "conflicts_seen": f"{seen} of {rounds}",
    }


def compare(rows: dict[int, dict]) -> dict:
    """The cost of a save in the largest fleet over that in the smallest."""
    few, many = min(rows), max(rows)
    if few == many:
        return {}
    return {
        "compared": f"{many} worktrees over {few}",
        "p50_ratio": round(rows[many]["p50_ms"] / rows[few]["p50_ms"], 2),
        "cpu_ratio": round(rows[many]["watcher_cpu_ms_a_save"] / max(0.1, rows[few]["watcher_cpu_ms_a_save"]), 2),
    }


def show(figures: dict) -> None:
    header = ("worktrees", "p50 ms", "p95", "p99", "most", "missed", "cpu ms/save", "first screen s", "MB",
              "git, all pairs ms", "times")  # fmt: skip
    table = []
    for count, row in figures["by_worktrees"].items():
        rival = row.get("rival", {})
        computed = " (computed)" if rival.get("is_computed") else ""
        theirs = f"{rival['all_pairs_ms']}{computed}" if rival else "-"
        table.append((count, row["p50_ms"], row["p95_ms"], row["p99_ms"], row["most_ms"], row["missed"],
                      row["watcher_cpu_ms_a_save"], row["first_screen_s"], row["watcher_mb"], theirs,
                      rival.get("times_slower", "-")))  # fmt: skip
    print(render_table(header, table))
    if "p50_ratio" in figures:
        print(f"\ncost of a save, {figures['compared']}: p50 x {figures['p50_ratio']}, cpu x {figures['cpu_ratio']}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        drop_fleet(base_repository(python_project()))
