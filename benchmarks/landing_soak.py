"""Kill -9 of whoever drives the queue, at random moments: what landed was tested, nothing is lost, all sets are named.

    python benchmarks/landing_soak.py [--kills 200] [--changes 64] [--rounds merge:1,...] [--seed 1]

A round is a project of its own (``landing_project.py``) with planted conflicts, whose changes go through the real
queue: two real ``watchkeeper land --serve`` at a time, one of them driving. Killed are they and the ``watchkeeper
land`` that queues changes: while the branch moves, while a run goes on, while the log is written, or at any time.
Meanwhile somebody commits to main past the queue, once what breaks it, and branches that were queued are deleted and
pruned; what came back because of others is repaired and comes again. Afterwards every tree on main's first-parent line
is tested again, and the log, the refs, the checkout and the processes are held against what was planted.

Ends with 1 where anything was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from figures import record_figures, render_table
from landing_project import Counts, Project, write
from landing_verdict import Facts, Faults, Scene, change_of, judge, read_facts
from scratch import GitFailedError, commit_all, git

PATIENCE_S = 60.0
END_S = 600.0
MOMENTS = {
    "while the branch moves": 3,
    "while a run goes on": 3,
    "while the log is written": 3,
    "at any time": 3,
    "while it is queued": 1,
}
SERVERS = 2
SMALL = Counts(all=8, pairs=1, renames=0, triples=0, alone=1, clashes=1, stacks=0)


class Round(NamedTuple):
    """How the project of one round lands."""

    method: str
    slots: int
    batch: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="over all rounds (200)")
    parser.add_argument("--changes", type=int, default=64, help="in each round (64); under 40: a few of each kind")
    parser.add_argument("--rounds", default="merge:1,merge:3,squash:3,rebase:2", help="method:slots, one after another")
    parser.add_argument("--flake", type=float, default=0.03, help="how often each of two tests fails for nothing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave everything in this folder")
    parser.add_argument("--no-record", action="store_true", help="do not write benchmarks/results")
    options = parser.parse_args()
    rounds = [Round(text.split(":")[0], int(text.split(":")[1]), 0) for text in options.rounds.split(",")]
    counts = Counts(all=options.changes) if options.changes >= 40 else SMALL._replace(all=options.changes)
    figures, rows = {}, []
    for number, each in enumerate(rounds):
        kills = options.kills * (number + 1) // len(rounds) - options.kills * number // len(rounds)
        name = f"{each.method}, {each.slots} slots"
        with tempfile.TemporaryDirectory(prefix="landing-soak-") as temporary:
            root = options.keep / f"{number}" if options.keep else Path(temporary)
            root.mkdir(parents=True, exist_ok=True)
            storm = Storm(root, each, counts, options.seed + number, options.flake)
            figures[name] = found = storm.run(kills)
        rows.append(
            [
                name,
                found["kills"],
                found["landed"],
                found["bounced"],
                f"{len(found['sets'])}",
                found["trees tested again"],
                found["seconds"],
                found["wrong"] or "nothing",
            ]
        )
        print(json.dumps({name: found}), flush=True)
    print(render_table(["round", "kills", "landed", "bounced", "sets", "trees", "s", "wrong"], rows))
    if not options.no_record:
        told = {name: getattr(options, name) for name in ("kills", "changes", "rounds", "flake", "seed")}
        command = " ".join(["python benchmarks/landing_soak.py", *(f"--{name} {each}" for name, each in told.items())])
        print(record_figures("landing_soak", {"flake": options.flake, "rounds": figures}, command=command))
    sys.exit(1 if any(found["wrong"] for found in figures.values()) else 0)


class Storm:
    """One round: its repository, state, processes and counts."""

    def __init__(self, root: Path, how: Round, counts: Counts, seed: int, flake: float) -> None:
        self._root, self._how, self._seed, self._flake = root, how, seed, flake
        self._chance = random.Random(seed)
        self._repo, self._state = root / "repo", root / "state"
        self._project = Project(self._repo, seed, counts)
        self._faults = Faults()
        self._servers: list[subprocess.Popen[bytes]] = []
        self._killed: Counter[str] = Counter()
        self._pushed: list[str] = []
        self._submitted: set[str] = set()
        self._repaired: set[str] = set()
        self._reverted: set[str] = set()
        self._environment = {
            **os.environ, "WATCHKEEPER_HOME": str(self._state), "XDG_CONFIG_HOME": str(root / "config"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_{what}": "storm@invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }  # fmt: skip

    def run(self, kills: int) -> dict[str, object]:
        """All kills, until everything is decided; then what was found wrong."""
        self._planted = self._project.make(self._how.method, self._how.slots, self._how.batch, self._flake)
        self._start = git(self._repo, "rev-parse", "main").strip()
        self._waiting = list(self._planted.names)
        began = time.monotonic()
        try:
            self._storm(kills)
            self._calm()
        finally:
            self._end_servers()
        seconds = round(time.monotonic() - began)
        return {"kills": sum(self._killed.values()), "killed": dict(self._killed), "seconds": seconds, **self._judge()}

    def _storm(self, kills: int) -> None:
        """Changes arrive, people push, and somebody is killed, until all have arrived and all kills are done."""
        every = max(1, round(kills / 8))
        while sum(self._killed.values()) < kills:
            done = sum(self._killed.values())
            self._keep_serving()
            facts = read_facts(self._state)
            is_due = len(self._submitted) <= len(self._planted.names) * (done + 2) / kills
            if self._waiting and (is_due or not facts.is_busy):
                self._arrive(self._take(self._chance.randint(1, 4)))
            if done % every == every - 1:
                self._push()
            self._answer(facts)
            self._kill(self._chance.choices(list(MOMENTS), list(MOMENTS.values()))[0])
            if done % 20 == 0:
                print(f"{done} killed, {len(self._submitted)} queued, {len(facts.landed)} landed", flush=True)

    def _calm(self) -> None:
        """Nobody is killed any more: what is left arrives, and everything is decided."""
        self._keep_serving()
        ends = time.monotonic() + END_S
        while time.monotonic() < ends:
            self._keep_serving()
            if self._waiting:
                self._arrive(self._take(8), is_killed=False)
            facts = read_facts(self._state)
            if not self._answer(facts) and not facts.is_busy and not self._waiting:
                return
            pause(0.2)
        self._faults.note("not decided in time", sorted(read_facts(self._state).in_work))

    def _take(self, count: int) -> list[str]:
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _arrive(self, names: Sequence[str], *, is_killed: bool | None = None) -> None:
        """Queue changes; where their process is killed meanwhile, they come again. Some branches are deleted then."""
        is_killed = self._chance.random() < 0.2 if is_killed is None else is_killed
        if is_killed:
            process = self._launch("land", *names, "--no-wait")
            pause(self._chance.uniform(0.2, 2.0))
            process.kill()
            process.wait()
            self._killed["while it is queued"] += 1
        known = {change_of(each) for each in read_facts(self._state).heads} if is_killed else set()
        for name in (each for each in names if each not in known):
            said = self._run("land", name, "--no-wait", "--json")
            is_inside = name in self._planted.stacked and b"nothing-to-land" in said.stdout + said.stderr
            if said.returncode not in (0, 1) and not is_inside:
                self._faults.note("cannot be queued", f"{name}: {(said.stdout + said.stderr).decode()[-500:]}")
        self._submitted |= set(names)
        for name in names:
            if self._chance.random() < 0.3 and name not in self._planted.repairs:
                git(self._repo, "branch", "-q", "-D", name, ok=(0, 1))
        if self._chance.random() < 0.2:
            git(self._repo, "reflog", "expire", "--expire=now", "--all", ok=range(256))
            git(self._repo, "gc", "--prune=now", "-q", ok=range(256))

    def _answer(self, facts: Facts) -> bool:
        """What came back is repaired and comes again, and what broke main past the queue is reverted, each once."""
        did = False
        for name in sorted((facts.bounced_for_partners & self._planted.repairs.keys()) - self._repaired):
            self._repaired.add(name)
            self._commit_on(name, self._planted.repairs[name])
            self._arrive([name], is_killed=False)
            did = True
        for entry in sorted(facts.revertible - self._reverted):
            self._reverted.add(entry)
            said = self._run("land", "--revert", entry, "--no-wait", "--json")
            if said.returncode not in (0, 1):
                self._faults.note("cannot be reverted", (said.stdout + said.stderr).decode()[-700:])
            did = True
        return did

    def _commit_on(self, branch: str, files: Mapping[str, str]) -> None:
        """One more commit on a branch, made in a worktree of its own."""
        folder = self._root / "agent"
        git(self._repo, "worktree", "add", "-q", str(folder), branch)
        write(folder, files)
        commit_all(folder, f"repair of {branch}")
        git(self._repo, "worktree", "remove", "--force", str(folder))

    def _push(self) -> None:
        """Somebody commits to main where it is checked out; once in a while what fails."""
        number = len(self._pushed)
        use = 160 if number == 1 else 1
        path = f"parts/pushed_{number}.txt"
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            try:
                write(self._repo, {path: f"{'pushed' if use > 1 else 'plain'} {use}\n"})
                git(self._repo, "add", path)
                git(self._repo, "commit", "-q", "-m", f"past the queue {number}", "--", path)
            except GitFailedError:  # the checkout moves just now
                pause(0.05)
                continue
            self._pushed.append(git(self._repo, "rev-parse", "HEAD").strip())
            return
        self._faults.note("nobody can commit to main", path)

    def _kill(self, moment: str) -> None:
        """The one that drives, mostly, at that moment; where it does not come soon, now."""
        if moment == "while it is queued":
            self._arrive(self._take(1), is_killed=True) if self._waiting else self._kill("at any time")
            return
        is_reached = self._wait_for(moment)
        pause(
            self._chance.uniform(
                0.0, {"while the branch moves": 0.08, "while the log is written": 0.01}.get(moment, 0.5)
            )
        )
        driver = self._holder()
        alive = [each for each in self._servers if each.poll() is None]
        chosen = next((each for each in alive if each.pid == driver), None)
        if chosen is None or self._chance.random() < 0.1:
            chosen = self._chance.choice(alive) if alive else None
        if chosen is not None:
            chosen.kill()
            chosen.wait()
            self._killed[moment if is_reached else "at any time"] += 1

    def _wait_for(self, moment: str) -> bool:
        """Until it comes, for a few seconds."""
        folder = next((self._state / "projects").iterdir(), None) if (self._state / "projects").exists() else None
        if folder is None or moment == "at any time":
            pause(self._chance.uniform(0.0, 1.5))
            return True
        written = self._state / "watchkeeper.db-wal"
        before = changed(written)
        is_there: Callable[[], bool] = {
            "while the branch moves": lambda: any(folder.glob("moving-*.json")),
            "while a run goes on": lambda: any((folder / "jobs").glob("job-*")),
            "while the log is written": lambda: changed(written) != before,
        }[moment]
        ends = time.monotonic() + (8.0 if moment == "while the branch moves" else 3.0)
        looks = 0
        while time.monotonic() < ends:
            if is_there():
                return True
            looks += 1
            if looks % 500 == 0 and not read_facts(self._state).is_busy:
                return False
            pause(0.001)
        return False

    def _holder(self) -> int:
        for place in (self._state / "projects").glob("*/landing.lock"):
            text = place.read_text().strip()
            return int(text) if text.isdecimal() else -1
        return -1

    def _keep_serving(self) -> None:
        for each in self._servers:
            if each.poll() not in (None, -signal.SIGKILL):
                self._faults.note("serve ended by itself", f"{each.returncode}: {self._last_words()}")
        self._servers = [each for each in self._servers if each.poll() is None]
        while len(self._servers) < SERVERS:
            self._servers.append(self._launch("land", "--serve"))

    def _end_servers(self) -> None:
        """As the daemon ends them: their input ends."""
        for each in self._servers:
            assert each.stdin is not None
            each.stdin.close()
        for each in self._servers:
            try:
                if each.wait(PATIENCE_S) != 0:
                    self._faults.note("serve ended badly", self._last_words())
            except subprocess.TimeoutExpired:
                self._faults.note("serve does not end", each.pid)
                each.kill()
                each.wait()

    def _launch(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._root / "words.log").open("ab") as words:
            return subprocess.Popen(
                [sys.executable, "-m", "watchkeeper", *arguments, "--repo", str(self._repo)],
                env=self._environment, cwd=self._repo, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words,
            )  # fmt: skip

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "watchkeeper", *arguments, "--repo", str(self._repo)],
            env=self._environment, cwd=self._repo, capture_output=True, check=False, timeout=PATIENCE_S * 2,
        )  # fmt: skip

    def _last_words(self) -> str:
        return (self._root / "words.log").read_text(errors="replace")[-600:]

    def _judge(self) -> dict[str, object]:
        scene = Scene(self._repo, self._state, self._root, self._start)
        is_merge = self._how.method == "merge"
        return judge(scene, self._planted, self._submitted, self._pushed, self._faults, is_merge=is_merge)


def changed(place: Path) -> tuple[int, int]:
    """When and how large; zeros where it is not there."""
    try:
        found = place.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def pause(seconds: float) -> None:
    """Nothing happens here for so long."""
    time.sleep(seconds)


if __name__ == "__main__":
    main()
