"""Move a checked-out branch, be killed with all of git at a random moment, repair; again and again.

A program of its own: it forks, and collects what its children leave behind. Usage: REPOSITORY STATE COUNT [SEED]
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.moving import LocalBranch
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.trees import FILE, TreeEntry

PR_SET_CHILD_SUBREAPER = 36
OWN = {"e.py": "the user's own\n", "untracked.py": "his too\n"}


def main(place: Path, state: Path, count: int, seed: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    chance = random.Random(seed)
    repository = find_repository(place)
    ends: Counter[str] = Counter()
    within_s = 0.0
    for number in range(count):
        with open_hub(repository, state) as hub:
            old = Sha(git(place, "rev-parse", "main"))
            new = next_commit(hub, old, number)
        # The first one is not killed: how long it takes says when the others may be. The span then follows the
        # machine's other work, so that about half of them are killed in time and most of these late.
        killed_after_s = chance.uniform(within_s * 0.3, within_s) if number else None
        began = time.monotonic()
        run_and_kill(place, state, (old, new), killed_after_s, whole_group=chance.random() < 0.8)
        within_s = within_s or time.monotonic() - began
        end = check(place, state, number, old, new)
        within_s *= 0.85 if end == "new" else 1.15
        ends[end] += 1
    git(place, "fsck", "--connectivity-only", "--no-dangling")
    print(f"seed {seed}, killed within {within_s * 1000:.0f} ms, after {count - 1} kills: {dict(ends)}")
    assert ends["new"] > 1
    assert ends["old"], "no kill came in time: the test says nothing"


def next_commit(hub: Hub, old: Sha, number: int) -> Sha:
    """Many files change, appear and go, so that a kill finds some of them done."""
    files = {f"many/{each}.py": f"{number} {each}\n" * (1 + each * 20) for each in range(40) if (each + number) % 3}
    before = hub.repository.tree_files(old)
    entries: dict[str, TreeEntry | None] = {path: None for path in before if path.startswith("many/")}
    entries |= {path: TreeEntry(FILE, hub.store(text.encode())) for path, text in files.items()}
    return hub.commit(hub.write_tree(hub.objects.tree_of(old), entries), [old], f"number {number}")


def run_and_kill(place: Path, state: Path, move: tuple[Sha, Sha], after_s: float | None, *, whole_group: bool) -> None:
    child = os.fork()
    if not child:
        with open_hub(find_repository(place), state) as hub:
            LocalBranch(hub, find_repository(place), "main").move(*move, "land")
        os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        while whole_group and (left := psutil.Process().children(recursive=True)):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            reap()
    os_wait(child)


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def os_wait(child: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(child, 0)


def check(place: Path, state: Path, number: int, old: Sha, new: Sha) -> str:
    """After the next call the branch is old or new, and the worktree what the branch is, beside his own work."""
    with open_hub(find_repository(place), state) as hub:
        branch = LocalBranch(hub, find_repository(place), "main")
        problem = branch.repair() if number % 2 else None
        assert branch.read_tip() in {old, new}
    reap()
    assert problem is None, problem
    tip = git(place, "rev-parse", "main")
    assert tip in {old, new}, tip
    assert git(place, "status", "--porcelain", "--untracked-files=all").split("\n") == ["M e.py", "?? untracked.py"]
    assert {path: (place / path).read_text() for path in OWN} == OWN
    left = [
        str(path) for path in (place / ".git").rglob("*") if path.name.endswith(".lock") or "watchkeeper" in path.name
    ]
    assert not left, left
    return "new" if tip == new else "old"


def git(place: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]) if len(sys.argv) > 4 else time.time_ns(),
    )
