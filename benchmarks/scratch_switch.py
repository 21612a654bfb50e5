"""What it costs to have a tree on disk: a switched scratch tree beside ``git worktree add`` and ``remove``.

python benchmarks/scratch_switch.py CLONE     the repository is read only; five of its files differ between two trees
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import record_figures
from scratch import borrowed, git
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.repos.trees import TreeEntry

ROUNDS = 10


def main() -> None:
    """Print milliseconds and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clone", type=Path)
    clone = parser.parse_args().clone.resolve()
    with borrowed(clone, "scratch_switch") as repo, tempfile.TemporaryDirectory() as temporary:
        head = Sha(git(clone, "rev-parse", "HEAD").strip())
        git(repo, "update-ref", "refs/heads/main", head)
        with open_hub(find_repository(repo), Path(temporary) / "state") as hub:
            files = git(repo, "ls-tree", "-r", "--name-only", head).splitlines()
            chosen = [name for name in files if name.endswith(".py")][:: max(1, len(files) // 10)][:5]
            blob = hub.store(b"changed = True\n")
            other = hub.commit(hub.write_tree(head, {name: TreeEntry("100644", blob) for name in chosen}), [head])
            pool = ScratchPool(hub, Path(temporary) / "pool", 1)
            first = measure(lambda: use(pool, head))
            switches = [measure(lambda tree=tree: use(pool, tree)) for _ in range(ROUNDS) for tree in (other, head)]
        rival = [measure(lambda: worktree(repo, head, Path(temporary) / "rival")) for _ in range(ROUNDS // 2)]
    figures = {
        "repository": clone.parent.name if clone.name == "repo" else clone.name,
        "files": len(files),
        "files that differ": len(chosen),
        "first checkout ms": round(first),
        "switch ms, median": round(statistics.median(switches), 1),
        "switch ms, worst": round(max(switches), 1),
        "git worktree add + remove ms, median": round(statistics.median(rival), 1),
        "ratio": round(statistics.median(rival) / statistics.median(switches), 1),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    print(f"written: {record_figures('scratch_switch', figures)}")


def use(pool: ScratchPool, tree: Sha) -> None:
    """Have a tree on disk for a moment."""
    with pool.checkout(tree):
        pass


def worktree(repo: Path, commit: str, place: Path) -> None:
    """The same with git's own way."""
    git(repo, "worktree", "add", "-q", "--detach", str(place), commit)
    git(repo, "worktree", "remove", "--force", str(place))


def measure(what: Callable[[], None]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
