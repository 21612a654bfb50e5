"""Kill -9 at random moments: no process is left, the state does not grow, the user's repository stays as it is.

python benchmarks/kill_storm.py [--kills 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import record_figures
from scratch import commit_all, create_repository, git
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.sandbox.job import Job
from watchkeeper.sandbox.run import find_sandbox

MARK = "61728394"
"""How long the jobs' daemons would sleep: no other process has it on its command line."""


def main() -> None:
    """Print the counts and write the results; exit 1 where something was left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prey", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prey:
        be_prey(Path(options.prey[0]), Path(options.prey[1]))
    with tempfile.TemporaryDirectory() as temporary:
        figures = storm(Path(temporary), options.kills, random.Random(options.seed))
    for name, value in figures.items():
        print(f"{name}: {value}")
    print(f"written: {record_figures('kill_storm', figures)}")
    sys.exit(0 if not figures["orphans"] and not figures["left in state"] and figures["repository is identical"] else 1)


def storm(root: Path, kills: int, chance: random.Random) -> dict[str, object]:
    """Start, kill, look; as often as asked."""
    repo, state = root / "repo", root / "state"
    create_repository(repo)
    for number in range(3):
        for name in range(200):
            (repo / f"m{name}.py").write_text(f"x = {number if name < 9 else 0}\n")
        commit_all(repo, f"c{number}")
    before, wall, slowest, orphans = digest(repo), "", 0.0, 0
    for _ in range(kills):
        prey = subprocess.Popen(
            [sys.executable, __file__, "--prey", str(repo), str(state)], stdout=subprocess.PIPE, text=True
        )
        assert prey.stdout
        wall = prey.stdout.readline().strip()
        select.select([], [], [], chance.uniform(0.0, 0.6))
        prey.send_signal(signal.SIGKILL)
        prey.wait()
        prey.stdout.close()
        began = time.monotonic()
        while (orphans := count_marked()) and time.monotonic() - began < 10:
            select.select([], [], [], 0.005)
        slowest = max(slowest, time.monotonic() - began)
        if orphans:
            break
    jobs = [place.name for place in (state / "jobs").glob("*")]
    for name in jobs:  # the next start sweeps what is a minute old
        os.utime(state / "jobs" / name, (0, 0))
    find_sandbox(state / "jobs")
    remains = [*(state / "jobs").glob("*"), *(state / "pool").glob("*.gone-*")]
    with (
        open_hub(find_repository(repo), state) as hub,
        ScratchPool(hub, state / "pool", 2).checkout(head(repo)) as tree,
    ):
        exact = all((tree.path / path.name).read_bytes() == path.read_bytes() for path in repo.glob("*.py"))
    return {
        "wall": wall, "kills": kills, "orphans": orphans, "all gone within ms, worst": round(1000 * slowest),
        "left for the next start to sweep": len(jobs), "left in state": len(remains),
        "state files": sum(1 for path in state.rglob("*") if path.is_file()),
        "scratch tree is exact": exact, "repository is identical": digest(repo) == before,
    }  # fmt: skip


def be_prey(repo: Path, state: Path) -> None:
    """Switch and run for ever, as proving does."""
    sandbox = find_sandbox(state / "jobs")
    with open_hub(find_repository(repo), state) as hub:
        pool = ScratchPool(hub, state / "pool", 2)
        commits = [Sha(line) for line in git(repo, "rev-list", "HEAD").split()]
        print(sandbox.wall.name, flush=True)
        script = f"(setsid sleep {MARK} &); echo x > left; echo y > m1.py; sleep 0.05"
        while True:
            for commit in commits:
                with pool.checkout(commit) as scratch:
                    sandbox.run(Job(command=("sh", "-c", script), folder=scratch.path))


def head(repo: Path) -> Sha:
    """The commit that is checked out."""
    return Sha(git(repo, "rev-parse", "HEAD").strip())


def count_marked() -> int:
    """Live processes of jobs."""
    total = 0
    for place in Path("/proc").iterdir():
        try:
            total += place.name.isdigit() and MARK.encode() in (place / "cmdline").read_bytes()
        except OSError:
            continue
    return total


def digest(repo: Path) -> str:
    """Every byte below a folder, ``.git`` included."""
    found = hashlib.sha256()
    for path in sorted(repo.rglob("*")):
        found.update(os.fsencode(path))
        if path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    main()
