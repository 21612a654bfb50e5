"""git for a project's queue: trees of candidates, landing commits, and the target branch itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import assert_never

from watchkeeper.landing.waiters import names
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Candidate, Entry, EntryId
from watchkeeper.model.landing_ports import Built, Clashed, NotMoved, Tip
from watchkeeper.model.landing_ports import Moved as Landed
from watchkeeper.repos.authors import Committer, read_commit
from watchkeeper.repos.candidates import Builder
from watchkeeper.repos.candidates import Built as Steps
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.keeping import release_change
from watchkeeper.repos.landed import Rewritten, Span, entry_span, find_landed, foreign_commits
from watchkeeper.repos.landingcommits import LandingMaker, Method, NotMade
from watchkeeper.repos.moving import LocalBranch, LostRace, Moved, Refused, TargetBranch, Unknown
from watchkeeper.repos.remotebranch import RemoteBranch
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.reverting import Unrevertible, make_revert

ADOPTED = "past-the-queue"
"""How the changes are called that came to the branch without being asked for: ``past-the-queue-<commit>/1``."""


_LOOK_AGAIN_S = 10.0
_MOST_WORDS = 4


class GitWorkshop:
    """The workshop of one project. ``committer`` gives one for each landing: the date is that of now."""

    def __init__(
        self,
        hub: Hub,
        branch: TargetBranch,
        method: Method,
        committer: Callable[[], Committer],
        look_again_s: float = 0.0,
    ) -> None:
        """``look_again_s`` is how long what a remote said of its branch is taken for true."""
        self._hub = hub
        self._branch = branch
        self._look_again_s = look_again_s
        self._seen: tuple[float, Sha | None] | None = None
        self._method = method
        self._committer = committer
        self._builder = Builder(hub)

    def tip(self) -> Tip | None:
        """Where the branch is now."""
        commit = self._read_tip()
        return Tip(commit, self._hub.objects.tree_of(commit)) if commit is not None else None

    def build(self, candidate: Candidate, entries: Sequence[Entry]) -> Built | Clashed:
        """Merge the entries in order. Raises GitError."""
        made = self._builder.build(candidate.onto, entries)
        if isinstance(made, Steps):
            return Built(made.tree)
        end = candidate.entries.index(made.entry) + 1
        with_whom = f"with {made.partner}, which is ahead of it" if made.partner else "with the target branch"
        said = made.reason.splitlines()
        reason = f"git cannot merge it {with_whom}: {said[0] if said else names_of(made.paths)}"
        return Clashed(Candidate(candidate.onto, candidate.entries[:end]), made.paths, reason)

    def commit(self, onto: Sha, entries: Sequence[Entry], tree: Sha, gate: str) -> Sha | NotMoved:
        """The commit that lands them. Raises GitError."""
        made = LandingMaker(self._hub, self._builder, self._committer(), gate).make(self._method, onto, entries, tree)
        return NotMoved(made.reason) if isinstance(made, NotMade) else made

    def move(self, old: Sha, new: Sha) -> Landed | NotMoved:
        """Compare and swap, then look. Raises GitError, also where nobody can tell at the moment."""
        self._seen = None
        outcome = self._branch.move(old, new, "watchkeeper: land")
        match outcome:
            case Moved():
                return Landed(new)
            case LostRace():
                return NotMoved("somebody else moved the branch", is_lost=True)
            case Refused():
                words = f" ({'; '.join(outcome.words.splitlines()[:_MOST_WORDS])})" if outcome.words else ""
                return NotMoved(f"{outcome.reason}{words}")
            case Unknown():
                raise GitError(outcome.reason, slug="remote-unreachable", hint="watchkeeper queue")
            case _:
                assert_never(outcome)

    def holds(self, commit: Sha) -> bool:
        """Whether the branch has the commit. A landing commit that nobody could forge is in it only by landing."""
        self._seen = None
        tip = self._read_tip()
        return tip is not None and self._hub.repository.is_ancestor(commit, tip)

    def landed(self, since: Sha | None, tip: Sha, intended: Mapping[Sha, Sha]) -> Collection[EntryId]:
        """The entries whose trailers the branch holds in a landing that was intended. Raises GitError."""
        return find_landed(self._hub, tip, since, intended).entries.keys()

    def adopted(self, old: Sha, new: Sha) -> tuple[Entry, ...] | None:
        """The commits by which somebody moved the branch on, as entries; None: it was rewritten. Raises GitError."""
        moved = foreign_commits(self._hub, old, new)
        if isinstance(moved, Rewritten):
            return None
        return tuple(
            Entry(
                EntryId(f"{ADOPTED}-{each.sha[:10]}/1"),
                ChangeId(f"{ADOPTED}-{each.sha[:10]}"),
                each.sha,
                each.parents[0] if each.parents else None,
                title=each.title,
                author=each.author,
                paths=each.paths,
                is_picked=True,
            )
            for each in moved.commits
        )

    def revert(self, tip: Sha, entry: Entry, old: Sha, new: Sha) -> Sha | NotMoved:
        """A commit on ``tip`` without what ``entry`` did when it landed from ``old`` to ``new``. Raises GitError."""
        span = Span(entry.base, entry.head) if entry.is_picked and entry.base else None
        span = span or entry_span(self._hub, entry.id, old, new)
        if span is None:
            return NotMoved(f"{entry.id} cannot be found in {new[:10]}")
        made = make_revert(self._hub, self._committer(), tip, span, entry=entry.id, title=entry.title)
        return NotMoved(made.reason) if isinstance(made, Unrevertible) else made

    def below(self, commit: Sha) -> Sha | None:
        """The commit's first parent. Raises GitError."""
        parents = read_commit(self._hub, commit).parents
        return parents[0] if parents else None

    def tree_of(self, commit: Sha) -> Sha:
        """Its tree. Raises GitError."""
        return self._hub.objects.tree_of(commit)

    def release(self, entry: EntryId) -> None:
        """Its commit need not be kept any more."""
        release_change(self._hub, entry)

    def _read_tip(self) -> Sha | None:
        now = time.monotonic()
        if self._seen is None or now - self._seen[0] > self._look_again_s:
            self._seen = (now, self._branch.read_tip())
        return self._seen[1]


def find_branch(hub: Hub, repository: Repository, name: str, remote: str) -> tuple[TargetBranch, float]:
    """The branch to land in, and how long to believe what it said. Raises UsageError for an unknown remote."""
    if remote:
        return RemoteBranch(hub, repository, remote, name.removeprefix(f"{remote}/")), _LOOK_AGAIN_S
    return LocalBranch(hub, repository, name), 0.0


def names_of(paths: Sequence[str]) -> str:
    """Paths for people."""
    return names([EntryId(path) for path in paths[:3]])
