"""Kill -9 at random moments: nothing that ran is left, the state does not grow, the user's repository stays as it is.

    python benchmarks/kill_storm.py [--kills 50] [--walls bubblewrap,namespaces,plain] [--seed 1]

Behind every wall that this machine allows, real ``watchkeeper watch`` and ``watchkeeper prove`` run over a repository
with three worktrees whose changes they prove with ``ty`` and with tests; the tests leave daemons, in sessions of their
own, and closed folders. Killed is one process alone: the watch, the process that proves beside it, the guardian of a
job, the guardian's warden, or a ``prove``. After each kill all that ran below that process has to end; where the watch
lives, it has to tell of the pair again, and is then killed too.

Ends with 1 where something was left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from figures import RESULTS, record_figures, render_table
from scratch import commit_all, create_repository, git
from watchkeeper.sandbox.run import Sandbox, find_fault
from watchkeeper.sandbox.walls import Plain, Wall, list_walls

MODULES = 150
PATIENCE_S = 30.0
PROOF_S = 120.0
"""A proof takes up to ten runs of the tests, on a machine that may have other work."""
GUARDIAN = b"watchkeeper.sandbox.guardian.main"
COMPANION = b"prove_aside"
VICTIMS = {"watch": 14, "prover beside it": 12, "guardian": 12, "warden": 4, "prove": 8}
"""Who is killed, and how often of fifty times."""
PRICES = "RATE = 2\n\n\ndef price(n):\n    return n * RATE\n"
TOTALS = "from prices import price\n\n\ndef total(numbers):\n    return sum(price(n) for n in numbers)\n"
TEST = """import unittest
from {module} import {name}

class Case(unittest.TestCase):
    def test_{number}(self):
        assert {name}({given}) {expected}
"""
TEST_PRICES = TEST.format(module="prices", name="price", given="1", expected="> 0", number=0)
DAEMONS = "(setsid sh -c 'trap \"\" TERM HUP; sleep 600' &); mkdir -p shut/in; chmod 0 shut; echo x > left; sleep 0.2"
ONLY_WALL = """import os
import watchkeeper.sandbox.run as run
walls = {wall.name: wall for wall in run.list_walls()}
run.list_walls = lambda: tuple(wall for name, wall in walls.items() if name == os.environ["KILL_STORM_WALL"])
"""
"""Imported by Python itself at its start: the machine seems to have one wall, or none."""


class Seen(NamedTuple):
    """A live process that has to do with this storm."""

    pid: int
    parent: int
    start: str
    command: bytes


class Faults(NamedTuple):
    """What was wrong, by kind."""

    counts: Counter[str]
    worst_ms: list[int]

    def note(self, kind: str, detail: object) -> None:
        self.counts[kind] += 1
        print(f"  {kind}: {detail}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="behind each wall (50)")
    parser.add_argument("--walls", default="bubblewrap,namespaces,plain")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures, rows = {}, []
    for wall in options.walls.split(","):
        with tempfile.TemporaryDirectory(prefix="kill-storm-") as temporary:
            fault = why_not(wall, Path(temporary))
            if fault:
                print(f"SKIPPED {wall}: {fault}")
                figures[wall] = {"skipped": fault}
                record(figures)
                continue
            found = Storm(Path(temporary), wall, random.Random(options.seed)).run(options.kills)
        figures[wall] = found
        record(figures)
        rows.append([wall, *(found[name] for name in ("kills", "wrong", "all gone ms, worst", "state files"))])
    print(render_table(["wall", "kills", "wrong", "gone ms, worst", "state files, after 10, at the end"], rows))
    sys.exit(1 if any(each.get("wrong") for each in figures.values()) else 0)


def record(figures: Mapping[str, object]) -> None:
    """Write the results; those of other walls stay where they are of the same tree."""
    place = RESULTS / "kill_storm.json"
    before = json.loads(place.read_text()) if place.exists() else {"tree": ""}
    written = record_figures("kill_storm", figures)
    if json.loads(written.read_text())["tree"] == before["tree"]:
        record_figures("kill_storm", {**before["figures"], **figures})


def why_not(name: str, folder: Path) -> str | None:
    """Why this machine has no such wall; None where it has."""
    walls: Mapping[str, Wall] = {wall.name: wall for wall in (*list_walls(), Plain())}
    if name not in walls:
        return "it is not installed"
    return find_fault(Sandbox(folder / "probe", walls[name]))


class Storm:
    """One wall's repository, state and counts."""

    def __init__(self, root: Path, wall: str, chance: random.Random) -> None:
        self._root = root
        self._chance = chance
        self._repo, self._state = root / "repo", root / "state"
        self._trees = [root / name for name in ("a", "b", "c")]
        self._faults = Faults(Counter(), [])
        self._killed: Counter[str] = Counter()
        self._number = 0
        self._edits = 0
        (root / "site").mkdir()
        (root / "site" / "sitecustomize.py").write_text(ONLY_WALL)
        self._environment = {
            **os.environ, "WATCHKEEPER_HOME": str(self._state), "XDG_CONFIG_HOME": str(root / "config"),
            "PYTHONPATH": str(root / "site"), "KILL_STORM_WALL": wall,
        }  # fmt: skip

    def run(self, kills: int) -> dict[str, object]:
        """All kills, and what was found wrong."""
        self._make_repository()
        self._edit()
        before, early = self._digest(), 0
        names = [name for name, times in VICTIMS.items() for _ in range(times)]
        self._chance.shuffle(names)
        for number in range(kills):
            self._kill_one(names[number % len(names)])
            self._look_after(before)
            if number == min(9, kills - 1):
                early = self._count_state()
        self._prove(ended=lambda process: process.wait(PATIENCE_S) >= 0)
        left = sorted({*self._left_in_state()})
        for name in left:
            self._faults.note("left in state", name)
        late = self._count_state()
        if late > early:
            self._faults.note("state grew", f"{early} files, then {late}")
        return {
            "kills": sum(self._killed.values()), "killed": dict(self._killed), "wrong": dict(self._faults.counts),
            "all gone ms, worst": max(self._faults.worst_ms), "state files": [early, late],
            "state kB": sum(path.stat().st_size for path in self._state.rglob("*") if path.is_file()) // 1024,
        }  # fmt: skip

    def _kill_one(self, victim: str) -> None:
        self._number += 1
        self._configure()
        if victim == "prove":
            self._prove(ended=self._kill_soon)
            self._killed[victim] += 1
            return
        with self._watching() as (watch, lines):
            if lines.wait(lambda line: line["type"] == "snapshot") is None:
                self._faults.note("watch did not start", lines.said)
                return
            if victim == "watch":
                pause(self._chance.uniform(0.0, 2.5))
                self._kill(watch.pid)
            elif self._kill_beside(victim):
                self._edit()
                if lines.wait(self._is_news, PROOF_S) is None:
                    self._faults.note("watch told nothing after the kill", f"{victim}; last: {lines.said!r}")
            else:
                self._faults.note("never seen", victim)
            self._killed[victim] += 1

    def _is_news(self, line: dict) -> bool:
        """The proof of what was saved last."""
        findings = line["event"]["proof"]["findings"] if line.get("kind") == "conflict-probed" else ()
        return any(f"test_{self._edits} " in finding["message"] for finding in findings)

    def _kill_beside(self, victim: str) -> bool:
        """Find the process and kill it a moment later; what was below it has to end."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            found = find_victims(victim, self._find())
            if found:
                pause(self._chance.uniform(0.0, 2.0 if victim == "prover beside it" else 0.2))
                found = find_victims(victim, self._find())
            if found:
                pid = self._chance.choice(found)
                below = find_below(pid, self._find())
                if self._kill(pid):
                    self._wait_gone(below, f"below a killed {victim}")
                    return True
            pause(0.002)
            if not self._chance.randrange(500):
                self._edit()  # nothing runs any more
        return False

    def _prove(self, ended: Callable[[subprocess.Popen[bytes]], object]) -> None:
        """``prove`` on two of the worktrees, by their paths."""
        process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "prove", str(self._trees[0]), str(self._trees[1]), "--json"],
            cwd=self._repo, env=self._environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        ended(process)

    def _kill_soon(self, process: subprocess.Popen[bytes]) -> None:
        pause(self._chance.uniform(0.1, 2.5))
        process.kill()
        process.wait()

    def _kill(self, pid: int) -> bool:
        """False where it has just ended by itself."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _look_after(self, before: str) -> None:
        """Whatever was started has ended; nothing of the user's was written to."""
        self._wait_gone(None, "of all")
        if self._digest() != before:
            self._faults.note("repository differs", self._number)

    def _wait_gone(self, which: Sequence[Seen] | None, what: str) -> None:
        """These, or all, end by themselves; else they are told and ended."""
        began = time.monotonic()
        while left := [each for each in self._find() if which is None or each in which]:
            if time.monotonic() - began > PATIENCE_S:
                self._faults.note("orphans", f"{what}: {[each.command[:200] for each in left]}")
                for each in left:
                    self._kill(each.pid)
                break
            pause(0.01)
        self._faults.worst_ms.append(round(1000 * (time.monotonic() - began)))

    def _find(self) -> list[Seen]:
        """Every process that has this storm's folder in its arguments, its environment or as its folder."""
        mark, found = os.fsencode(self._root), []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                command = (place / "cmdline").read_bytes()
                texts = (command, (place / "environ").read_bytes(), os.fsencode((place / "cwd").readlink()))
                fields = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if any(mark in text for text in texts) and int(place.name) != os.getpid():
                found.append(Seen(int(place.name), int(fields[1]), fields[19], command))
        return found

    @contextmanager
    def _watching(self) -> Iterator[tuple[subprocess.Popen[bytes], Lines]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "watch", "--json", "--repo", str(self._repo)],
            env=self._environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            yield process, Lines(process.stdout.fileno())
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def _make_repository(self) -> None:
        create_repository(self._repo)
        for number in range(MODULES):
            (self._repo / f"m{number}.py").write_text(f"import prices\n\n\ndef f{number}(n):\n    return prices.RATE\n")
        (self._repo / "prices.py").write_text(PRICES)
        (self._repo / "test_prices.py").write_text(TEST_PRICES)
        commit_all(self._repo, "base")
        for tree in self._trees:
            git(self._repo, "worktree", "add", "-q", "-b", tree.name, str(tree))

    def _edit(self) -> None:
        """What breaks together, found by a test of another name each time: what comes out of it is always news."""
        self._edits += 1
        test = TEST.format(module="totals", name="total", given="[1, 2]", expected="== 6", number=self._edits)
        (self._trees[0] / "prices.py").write_text(PRICES.replace("n * RATE", "RATE * n * 100"))
        (self._trees[1] / "totals.py").write_text(TOTALS)
        (self._trees[1] / "test_totals.py").write_text(test)
        (self._trees[2] / "m0.py").write_text(f"import prices\n\n\ndef f0(n):\n    return {self._edits}\n")

    def _configure(self) -> None:
        """Another command each time, so that it is run although it was run on the same trees before."""
        place = self._root / "config" / "watchkeeper" / "watchkeeper.toml"
        place.parent.mkdir(parents=True, exist_ok=True)
        command = f"{DAEMONS}; python -m unittest  # {self._number}"
        place.write_text(f"[project]\nbudget = 2.0\ntest_timeout = 20\ntest = {json.dumps(command)}\n")

    def _left_in_state(self) -> Iterator[str]:
        """What is there for a while only, and is still there."""
        for pattern in ("jobs/*", "reports/*", "scratch/*.gone-*", "scratch/*/tmp_obj_*", "hub-*"):
            yield from (str(path.relative_to(self._state)) for path in self._state.glob(f"projects/*/{pattern}"))
        yield from (str(path.relative_to(self._state)) for path in self._state.rglob("tmp_obj_*"))

    def _count_state(self) -> int:
        """Files of the state, but for the checkouts, which hold what the tree holds, and git's objects."""
        return sum(
            1
            for path in self._state.rglob("*")
            if path.is_file() and "objects" not in path.parts and "tree" not in path.parts
        )

    def _digest(self) -> str:
        """Every byte of the repository, ``.git`` included, and of the worktrees but for what the storm edits."""
        found = hashlib.sha256()
        for folder in (self._repo, *self._trees):
            for path in sorted(folder.rglob("*")):
                found.update(os.fsencode(path))
                is_ours = path.name in {"prices.py", "totals.py", "test_totals.py", "m0.py"} and folder != self._repo
                if path.is_file() and not is_ours:
                    found.update(path.read_bytes())
        return found.hexdigest()


class Lines:
    """What the watch says, a document a line."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._buffer = b""
        self.said = b""

    def wait(self, is_it: Callable[[dict], bool], seconds: float = PATIENCE_S) -> dict | None:
        """The next line of which that is true; None where none comes."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            line, end, rest = self._buffer.partition(b"\n")
            if end:
                self._buffer, self.said = rest, line[:300]
                document = json.loads(line)
                if is_it(document):
                    return document
            elif select.select([self._handle], [], [], left)[0]:
                chunk = os.read(self._handle, 1 << 16)
                if not chunk:
                    return None
                self._buffer += chunk
        return None


def find_victims(victim: str, seen: Sequence[Seen]) -> list[int]:
    """The processes of that kind."""
    if victim == "prover beside it":
        return [each.pid for each in seen if COMPANION in each.command]
    guards = {each.pid: each for each in seen if GUARDIAN in each.command}
    inner = {each.pid for each in guards.values() if each.parent in guards}
    return sorted(inner if victim == "guardian" else guards.keys() - inner)


def find_below(root: int, seen: Sequence[Seen]) -> list[Seen]:
    """The processes below one, as far as they were seen."""
    found, waiting = [], [root]
    while waiting:
        above = waiting.pop()
        below = [each for each in seen if each.parent == above]
        found += below
        waiting += [each.pid for each in below]
    return found


def pause(seconds: float) -> None:
    """Nothing happens here for so long."""
    select.select([], [], [], seconds)


if __name__ == "__main__":
    main()
