"""A repository with a target branch, finished branches and a hub: what tests of landing begin with."""

from __future__ import annotations

from pathlib import Path

from gitrepo import GitRepo
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.authors import Committer
from watchkeeper.repos.candidates import Builder, Built
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.landingcommits import LandingMaker, Method, NotMade
from watchkeeper.repos.repository import Repository, find_repository

NOW_S = 1_700_500_000
LINES = "".join(f"line {number}\n" for number in range(1, 31))


class LandingRepo:
    """``main`` holds ``a.py`` and ``b.py`` of thirty lines each; branches start from there unless told otherwise."""

    def __init__(self, repo: GitRepo, state: Path) -> None:
        self.repo = repo
        self.state = state
        self.base = Sha(repo.commit("base", {"a.py": LINES, "b.py": LINES, "pkg/c.py": LINES}))
        self.repository: Repository = find_repository(repo.path)
        self.hub: Hub = open_hub(self.repository, state)
        self.builder = Builder(self.hub)

    @property
    def main(self) -> Sha:
        return Sha(self.repo.git("rev-parse", "main"))

    def branch(self, name: str, files: dict[str, str], start: str = "main", message: str = "") -> Entry:
        """A finished change: one commit on a branch of its own. The checkout stands on ``main`` again afterwards."""
        if not self.repo.git("branch", "--list", name):
            self.repo.branch(name, start)
        self.repo.switch(name)
        head = self.repo.commit(message or f"work of {name}", files)
        self.repo.switch("main")
        return self.entry(name, head)

    def entry(self, name: str, head: str) -> Entry:
        return Entry(
            EntryId(f"{name}/1"), ChangeId(name), Sha(head), title=f"Title of {name}", author="Bob", issue="#7"
        )

    def build(self, *entries: Entry, onto: Sha | None = None) -> Built:
        built = self.builder.build(onto or self.main, entries)
        assert isinstance(built, Built)
        return built

    def make(self, method: Method, *entries: Entry, onto: Sha | None = None) -> Sha:
        """The landing commit of these entries."""
        made = self.try_make(method, *entries, onto=onto)
        assert not isinstance(made, NotMade), made.reason
        return made

    def try_make(self, method: Method, *entries: Entry, onto: Sha | None = None) -> Sha | NotMade:
        maker = LandingMaker(self.hub, self.builder, self.committer(), "gate-hash")
        return maker.make(method, onto or self.main, entries, self.build(*entries, onto=onto).tree)

    def committer(self) -> Committer:
        return Committer(self.hub, self.repository, NOW_S)

    def show(self, revision: str, form: str) -> str:
        """What git says of a commit of the hub."""
        return GitRepo(self.hub.folder).git("--git-dir=.", "log", "-1", f"--format={form}", revision, "--")

    def text(self, revision: str, path: str) -> str:
        return GitRepo(self.hub.folder).git_bytes("--git-dir=.", "show", f"{revision}:{path}").decode()


def changed(number: int, text: str = "changed") -> str:
    """The thirty lines with one changed."""
    return LINES.replace(f"line {number}\n", f"{text}\n")
