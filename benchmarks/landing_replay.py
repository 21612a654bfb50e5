"""The last merges of a real project, replayed through the queue with the project's own tests.

    python benchmarks/landing_replay.py CLONE [--merges 100] [--slots 1] [--python /path/to/python] [--test "..."]

Every merge's second parent becomes a change of its own, with the base that it had; a commit that went to the branch
directly becomes a change on top of what the branch is then. They arrive in the order and with the gaps of their merges:
one minute of theirs takes ``--minute`` seconds here (so that a run of the tests lasts about as long as the project's
CI; 0: all at once), and where nothing is left to do, the next one arrives at once. What git cannot merge comes again
as its maintainers merged it. What came back is judged with plain git and plain runs of the tests: whether it is true.
At the end the trees on the first-parent line are tested again, outside the queue.

The clone is only read. The interpreter needs what the tests import.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from figures import record_figures
from landing_verdict import Facts, audit_log, read_facts
from scratch import GitFailedError, borrowed, git, merge_tree
from watchkeeper.model.landing import Bounce, EntryBounced

PYTEST = "PYTHONPATH={sources} {python} -m pytest -q -p no:cacheprovider --no-header"
SETTINGS = """[project]
test = {test}
checks = []
budget = 2.0
test_timeout = 600
[landing]
method = "merge"
slots = {slots}
wait_risk = 101
"""
STUCK_S = 900.0


class Arrival(NamedTuple):
    """A change as it came: ``head`` is what is to be merged (or picked, where it went to the branch directly)."""

    name: str
    head: str
    merge: str
    at_s: int
    title: str
    is_direct: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--merges", type=int, default=100)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--minute", type=float, default=4.0, help="seconds that one minute of the project's takes (4)")
    parser.add_argument("--python", default=sys.executable, help="what runs the tests")
    parser.add_argument("--test", default=PYTEST, help="the test command; {python} and {sources} are filled in")
    parser.add_argument("--again", type=int, default=1, help="test every so many'th tree of main again (1)")
    parser.add_argument("--keep", type=Path, help="leave the repository and the state in this folder")
    parser.add_argument("--name", default="", help="what the figures are called")
    options = parser.parse_args()
    name = options.name or project_name(options.clone)
    with (
        tempfile.TemporaryDirectory(prefix="landing-replay-") as temporary,
        borrowed(options.clone, f"landing-{name}") as repo,
    ):
        root = options.keep or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        sources = "src" if git(options.clone, "ls-tree", "-d", "--name-only", "HEAD", "src") else "."
        test = options.test.format(python=options.python, sources=sources)
        replay = Replay(repo, root, test, options.slots, options.minute)
        figures = replay.run(*find_arrivals(options.clone, options.merges), options.again)
    suffix = "" if options.minute else "-at-once"
    told = " ".join(f"--{each} {getattr(options, each)}" for each in ("merges", "slots", "minute"))
    command = f"python benchmarks/landing_replay.py CLONE {told}"
    print(record_figures(f"landing_replay-{name}{suffix}", figures, command=command))


def find_arrivals(clone: Path, count: int) -> tuple[str, list[Arrival]]:
    """Where the branch was before its last ``count`` merges, and what came since, the oldest first.

    Where a project squashes there are no merges: its last ``count`` commits then.
    """
    lines = git(clone, "log", "--first-parent", "--format=%H %ct %P|%s", f"-{count * 5}", "HEAD").splitlines()
    found: list[Arrival] = []
    has_merges = sum(len(line.partition("|")[0].split()) == 4 for line in lines) >= count
    merges, below = 0, ""
    for line in lines:
        facts, _, title = line.partition("|")
        commit, at_s, *parents = facts.split()
        is_merge = len(parents) == 2
        merges += is_merge or not has_merges
        head = parents[1] if is_merge else commit
        found.append(
            Arrival(f"{'merge' if is_merge else 'commit'}-{commit[:8]}", head, commit, int(at_s), title, not is_merge)
        )
        below = parents[0]
        if merges == count:
            break
    return below, found[::-1]


class Replay:
    """One run through the queue: a repository that borrows the clone's objects, and a process that drives."""

    def __init__(self, repo: Path, root: Path, test: str, slots: int, minute_s: float) -> None:
        self._repo, self._root, self._test, self._slots, self._minute_s = repo, root, test, slots, minute_s
        self._state = root / "state"
        self._checkouts = 0
        self._arrivals: dict[str, Arrival] = {}
        self._resolved: dict[str, str] = {}
        self._released: dict[str, str] = {}
        self._environment = {
            **os.environ, "WATCHKEEPER_HOME": str(self._state), "XDG_CONFIG_HOME": str(root / "config"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_{what}": "replay@invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }  # fmt: skip

    def run(self, below: str, arrivals: Sequence[Arrival], every: int) -> Mapping[str, object]:
        """Everything arrives, is decided and judged; ``every``: how many of main's trees are tested again."""
        self._arrivals = {each.name: each for each in arrivals}
        self._prepare(below)
        refused: dict[str, str] = {}
        if not self._minute_s:
            names = [self._branch(each) for each in arrivals]
            said = self._run("land", *names, "--no-wait")
            if said.returncode not in (0, 1):
                sys.exit(f"cannot be queued: {said.stdout}{said.stderr}")
        began = time.monotonic()
        with self._serving():
            if self._minute_s:
                self._arrive_all(arrivals, refused)
            self._wait_until_quiet()
        seconds = time.monotonic() - began
        facts = read_facts(self._state)
        found = {
            "wall s": round(seconds), "refused": refused, "came again as it was merged": self._resolved,
            "held for a person": self._released,
            "bounced": [self._judge(facts, each) for each in facts.bounces.values()],
            "main tested again": self._test_again(below, facts, every),
            "promises broken": [f"{each.commit[:10]}: {each.what}" for each in audit_log(self._state).broken],
        }  # fmt: skip
        return self._tell(arrivals, facts, found)

    def _prepare(self, below: str) -> None:
        settings = self._root / "config" / "watchkeeper" / "watchkeeper.toml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        quoted = '"' + self._test.replace("\\", "\\\\").replace('"', '\\"') + '"'
        settings.write_text(SETTINGS.format(test=quoted, slots=self._slots))
        git(self._repo, "update-ref", "refs/heads/main", below)
        git(self._repo, "checkout", "-q", "-f", "main")
        failed, seconds = self._fails(below)
        if failed:
            sys.exit(f"the tests fail before anything was landed: {failed}")
        self._run_s = seconds
        print(f"one run of the tests takes {seconds:.1f} s here", flush=True)

    def _arrive_all(self, arrivals: Sequence[Arrival], refused: dict[str, str]) -> None:
        """In their order, with their gaps; where the queue is empty the next one need not be waited for."""
        last_s = arrivals[0].at_s
        for arrival in arrivals:
            gap = max(0, arrival.at_s - last_s) / 60 * self._minute_s
            last_s = arrival.at_s
            ends = time.monotonic() + gap
            while (left := ends - time.monotonic()) > 0 and self._is_working():
                self._answer()
                time.sleep(min(left, 0.5))
            self._answer()
            why = self._arrive(arrival)
            if why:
                refused[arrival.name] = why
            print(
                f"{time.strftime('%H:%M:%S')} {arrival.name} {arrival.title[:60]}{f': {why}' if why else ''}",
                flush=True,
            )

    def _is_working(self) -> bool:
        facts = read_facts(self._state)
        return facts.is_busy and not facts.halted

    def _answer(self) -> bool:
        """What git could not merge comes again once, as its maintainers merged it; a person releases what is held."""
        facts, did = read_facts(self._state), False
        for entry, bounce in facts.bounces.items():
            arrival = self._arrivals[entry.rpartition("/")[0]]
            if bounce.why is Bounce.CLASH and arrival.name not in self._resolved and not arrival.is_direct:
                why = self._arrive(arrival._replace(head=arrival.merge, is_direct=True))
                self._resolved[arrival.name] = why or "comes again"
                did = True
        for entry in facts.held.keys() - self._released.keys():
            self._released[entry] = facts.held[entry]
            self._run("release", entry)
            did = True
        return did

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "watchkeeper", *arguments, "--repo", str(self._repo)],
            env=self._environment, cwd=self._repo, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def _arrive(self, arrival: Arrival) -> str:
        """Queue it; why it cannot be."""
        said = self._run("land", self._branch(arrival), "--no-wait")
        return "" if said.returncode in (0, 1) else " ".join((said.stdout + said.stderr).split())[:300]

    def _branch(self, arrival: Arrival) -> str:
        """A branch for it, by its name."""
        head = self._picked(arrival) if arrival.is_direct else arrival.head
        git(self._repo, "branch", "-f", arrival.name, head)
        return arrival.name

    def _picked(self, arrival: Arrival) -> str:
        """What went to the branch directly, on top of what the branch is now; as it was, where git cannot do that."""
        tip = git(self._repo, "rev-parse", "main").strip()
        below = git(self._repo, "rev-parse", f"{arrival.head}^1").strip()
        try:
            tree = git(self._repo, "merge-tree", "--write-tree", f"--merge-base={below}", tip, arrival.head).split()[0]
        except GitFailedError:
            return arrival.head
        return git(self._repo, "commit-tree", tree, "-p", tip, "-m", arrival.title).strip()

    @contextmanager
    def _serving(self) -> Iterator[None]:
        with (self._root / "words.log").open("ab") as words:
            process = subprocess.Popen(
                [sys.executable, "-m", "watchkeeper", "land", "--serve", "--repo", str(self._repo)],
                env=self._environment, cwd=self._repo, stdin=subprocess.PIPE, stderr=words, stdout=words,
            )  # fmt: skip
        assert process.stdin is not None
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(120)

    def _wait_until_quiet(self) -> None:
        """Until everything is decided, or nothing happened for too long."""
        before, since = -1, time.monotonic()
        while True:
            did, facts = self._answer(), read_facts(self._state)
            if not did and not facts.is_busy:
                return
            if facts.count != before:
                before, since = facts.count, time.monotonic()
            if time.monotonic() - since > (STUCK_S if not facts.halted else 30.0):
                print(f"STUCK: {facts.halted or sorted(facts.in_work)}", flush=True)
                return
            time.sleep(0.5)

    def _judge(self, facts: Facts, bounce: EntryBounced) -> Mapping[str, object]:
        """Whether what was said of a change is so, by plain merges and plain runs on the commit where it was said."""
        told = {
            "change": bounce.id, "why": bounce.why.value, "reason": bounce.reason[:300],
            "partners": list(bounce.partners), "evidence": list(bounce.evidence[:5]),
        }  # fmt: skip
        onto = facts.tips[bounce.id]
        head = facts.heads[bounce.id]
        if bounce.why is Bounce.CLASH:
            return {**told, "is true": not merge_tree(self._repo, onto, head)[1]}
        if bounce.why is Bounce.EMPTY:
            tree, is_clean = merge_tree(self._repo, onto, head)
            return {**told, "is true": is_clean and tree == git(self._repo, "rev-parse", f"{onto}^{{tree}}").strip()}
        tree, is_clean = merge_tree(self._repo, onto, head)
        if not is_clean:
            return {**told, "is true": None, "seen": "git cannot merge it there"}
        together, _ = self._fails(tree)
        alone, _ = self._fails(head)
        below, _ = self._fails(onto)
        shown = {"on the branch": together[:5], "alone": alone[:5], "the branch itself": below[:5]}
        return {**told, "is true": bool(together) and not below, "seen": shown}

    def _fails(self, treeish: str) -> tuple[list[str], float]:
        """What fails on a tree, twice of two, in a fresh checkout; and how long the first run took."""
        failed: list[str] | None = None
        took = 0.0
        for _ in range(2):
            self._checkouts += 1
            folder = self._root / f"again-{self._checkouts}"
            folder.mkdir()
            archive = subprocess.run(
                ["git", "-C", str(self._repo), "archive", treeish], capture_output=True, check=True
            )
            subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
            began = time.monotonic()
            done = subprocess.run(self._test, shell=True, cwd=folder, capture_output=True, text=True, check=False)
            took = took or time.monotonic() - began
            shutil.rmtree(folder)
            words = [
                line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))
            ]
            if done.returncode == 0:
                return [], took
            now = [line.split()[1] for line in words] or [f"exit code {done.returncode}: {done.stdout[-200:]}"]
            failed = [each for each in now if failed is None or each in failed]
        return failed or [], took

    def _test_again(self, below: str, facts: Facts, every: int) -> Mapping[str, object]:
        """Trees on the first-parent line of main, the tip and every so many below it."""
        line = git(self._repo, "rev-list", "--first-parent", f"{below}..main").split()
        asked = line[::every]
        red = {commit: failed for commit in asked if (failed := self._fails(commit)[0])}
        return {"commits": len(line), "ours": len(facts.landings), "tested": len(asked), "red": red}

    def _tell(self, arrivals: Sequence[Arrival], facts: Facts, found: Mapping[str, object]) -> Mapping[str, object]:
        sizes = Counter(len(each.entries) for each in facts.landings)
        landed = len(facts.landed)
        full = facts.runs["land"] + facts.runs["head"]
        parts = sum(count for name, count in facts.runs.items() if name in ("again", "control", "search", "confirm"))
        real = arrivals[-1].merge
        differs = git(self._repo, "diff", "--name-only", real, "main").split()
        figures = {
            "changes": len(arrivals), "merges": sum(not each.is_direct for each in arrivals),
            "from": arrivals[0].merge, "to": real, "slots": self._slots, "one run alone s": round(self._run_s, 1),
            "a minute takes s": self._minute_s, "landed": landed,
            "landings": len(facts.landings), "batch sizes": dict(sorted(sizes.items())),
            "undecided": sorted(facts.in_work), **found,
            "runs": dict(facts.runs), "full runs per landed": round(full / max(1, landed), 2),
            "partial runs per landed": round(parts / max(1, landed), 2),
            "sets named": sorted(" x ".join(each) for each in set(facts.sets)),
            "flaky": dict(facts.flaky), "run s": middle(facts.full_s), "turnaround s": middle(facts.waits_s),
            "files that differ from the real branch": len(differs), "such": differs[:20],
        }  # fmt: skip
        print("\n".join(f"{key}: {json.dumps(value)[:400]}" for key, value in figures.items()))
        return figures


def middle(values: Sequence[float]) -> Mapping[str, float]:
    """The median, and what 19 of 20 do not exceed."""
    ordered = sorted(values) or [0.0]
    return {"p50": round(ordered[len(ordered) // 2], 1), "p95": round(ordered[int(len(ordered) * 0.95)], 1)}


def project_name(clone: Path) -> str:
    """``click`` of ``.../pallets+click/repo``."""
    place = clone.resolve()
    return (place.parent.name if place.name in ("repo", ".git") else place.name).rpartition("+")[2]


if __name__ == "__main__":
    main()
