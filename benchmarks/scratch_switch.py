"""What it costs to have a tree on disk: a switched scratch tree beside git's own ways.

    python benchmarks/scratch_switch.py [CLONE]     a repository, only read; without one, Django's published sources

Five of its files differ between two trees. The rivals: ``git worktree add`` and ``remove``; ``git checkout`` in a
worktree that stays, which trusts its index (a file that was changed and whose times were put back is not seen), and
``git checkout`` with ``git clean -fdx``, which also removes what a run left.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import record_figures
from scratch import borrowed, create_repository, git
from sources import python_project
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.repos.trees import TreeEntry

ROUNDS = 10


def main() -> None:
    """Print milliseconds and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, nargs="?")
    clone = parser.parse_args().clone
    with tempfile.TemporaryDirectory() as temporary, repository(clone, Path(temporary)) as (name, repo, head):
        figures = {"repository": name, **measure_all(repo, head, Path(temporary))}
    for title, value in figures.items():
        print(f"{title}: {value}")
    print(f"written: {record_figures('scratch_switch' if clone is None else f'scratch_switch-{name}', figures)}")


@contextmanager
def repository(clone: Path | None, temporary: Path) -> Iterator[tuple[str, Path, Sha]]:
    """What it is called, and one that may be written to, with a commit."""
    if clone is None:
        sources = python_project()
        repo = temporary / "repo"
        create_repository(repo)
        git(repo, f"--work-tree={sources}", "add", "-A", "-f", ".")
        git(repo, "commit", "-q", "-m", "base")
        yield sources.name, repo, Sha(git(repo, "rev-parse", "HEAD").strip())
        return
    clone = clone.resolve()
    name = (clone.parent.name if clone.name == "repo" else clone.name).rpartition("+")[2]
    with borrowed(clone, "scratch_switch") as repo:
        head = Sha(git(clone, "rev-parse", "HEAD").strip())
        git(repo, "update-ref", "refs/heads/main", head)
        yield name, repo, head


def measure_all(repo: Path, head: Sha, temporary: Path) -> dict[str, object]:
    """Figures of ours and of the rivals, in turn."""
    with open_hub(find_repository(repo), temporary / "state") as hub:
        files = git(repo, "ls-tree", "-r", "--name-only", head).splitlines()
        chosen = [name for name in files if name.endswith(".py")][:: max(1, len(files) // 10)][:5]
        blob = hub.store(b"changed = True\n")
        other = hub.commit(hub.write_tree(head, {name: TreeEntry("100644", blob) for name in chosen}), [head])
        git(repo, "fetch", "-q", str(hub.folder), other)
        pool, kept = ScratchPool(hub, temporary / "pool", 1), temporary / "kept"
        first = measure(lambda: use(pool, head))
        git(repo, "worktree", "add", "-q", "--detach", str(kept), head)
        ours, checkouts, cleaned = [], [], []
        for tree in [other, head] * ROUNDS:
            ours.append(measure(lambda tree=tree: use(pool, tree)))
            checkouts.append(measure(lambda tree=tree: git(kept, "checkout", "-q", "--detach", "-f", tree)))
            cleaned.append(checkouts[-1] + measure(lambda: git(kept, "clean", "-q", "-fdx")))
    added = [measure(lambda: worktree(repo, head, temporary / "rival")) for _ in range(ROUNDS // 3)]
    switch = statistics.median(ours)
    return {
        "files": len(files), "files that differ": len(chosen), "first checkout ms": round(first),
        "switch ms, median": round(switch, 1), "switch ms, worst": round(max(ours), 1),
        **_rival("git worktree add + remove", added, switch),
        **_rival("git checkout", checkouts, switch),
        **_rival("git checkout + clean", cleaned, switch),
    }  # fmt: skip


def _rival(name: str, times: list[float], ours: float) -> dict[str, object]:
    median = statistics.median(times)
    return {f"{name} ms, median": round(median, 1), f"{name}, ratio to ours": round(median / ours, 2)}


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
