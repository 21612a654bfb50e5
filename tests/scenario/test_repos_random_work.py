"""Whatever is done in a worktree, following its paths and scanning it tell the same."""

from __future__ import annotations

import random
import shutil

import pytest

from gitrepo import GitRepo
from watchkeeper.repos.checkout import Checkout, CheckoutState
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository

NAMES = ["a.py", "b.py", "d/a.py", "d/b.py", "d/e/c.py", "f", "f/x.py", "skip.log", "d/skip.log", "build/o.py"]
TEXTS = ["", "one\n", "one\ntwo\nthree\n", "four\nfive\nsix\n", "one\r\ntwo\r\n", "\0binary"]


class Worker:
    """Does something at random and says which paths it touched; None where only a scan can tell."""

    def __init__(self, repo: GitRepo, seed: int) -> None:
        self.repo = repo
        self.random = random.Random(seed)

    def act(self) -> list[str] | None:
        act = self.random.choice([self.write, self.write, self.write, self.remove, self.move, self.stage, self.commit])
        return act()

    def write(self) -> list[str]:
        name = self.random.choice(NAMES)
        place = self.repo.path / name
        touched = [name]
        for parent in [*reversed(place.relative_to(self.repo.path).parents)][1:]:
            if (self.repo.path / parent).is_file():
                (self.repo.path / parent).unlink()
            touched.append(str(parent))
        if place.is_dir():
            shutil.rmtree(place)
        self.repo.write(name, self.random.choice(TEXTS), executable=self.random.random() < 0.2)
        return touched

    def remove(self) -> list[str]:
        name = self.random.choice(NAMES)
        if (self.repo.path / name).is_file():
            self.repo.remove(name)
        return [name]

    def move(self) -> list[str]:
        one, other = self.random.sample(NAMES[:5], 2)
        if (self.repo.path / one).is_file() and (self.repo.path / other).parent.is_dir():
            (self.repo.path / one).rename(self.repo.path / other)
        return [one, other]

    def stage(self) -> None:
        self.repo.git(
            "add", "-A", *([] if self.random.random() < 0.5 else ["d"] if (self.repo.path / "d").exists() else [])
        )

    def commit(self) -> None:
        self.repo.commit("work")


def told(state: CheckoutState) -> set[tuple[object, ...]]:
    return {
        (file.kind, file.base_path, file.now_path, file.digest, file.now and file.now.entry.mode)
        for file in state.files
    }


@pytest.mark.parametrize("seed", range(4))
def test_following_and_scanning_agree_after_random_work(git_repo: GitRepo, seed: int) -> None:
    git_repo.commit(
        "base", dict.fromkeys(("a.py", "d/a.py", "d/e/c.py", "f"), TEXTS[2]) | {".gitignore": "*.log\nbuild\n"}
    )
    repo = git_repo.worktree("topic", "topic")
    repository = find_repository(repo.path)
    base = repository.resolve("main")
    worker = Worker(repo, seed)
    with Objects(repository.common_dir) as objects:
        live, fresh = (Checkout(repository, repository.worktrees()[1], objects) for _ in range(2))
        live.scan(base)
        for _ in range(20):
            touched = worker.act()
            state = live.update(touched) if touched is not None else None
            assert told(state or live.scan(base)) == told(fresh.scan(base)), touched
        live.close()
        fresh.close()
