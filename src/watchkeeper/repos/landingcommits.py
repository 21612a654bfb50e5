"""The commits that bring a tested tree onto the target branch: as a merge, squashed, or replayed one by one.

Whatever the method, the last commit's tree is the tested one, or nothing is made. Hooks of the user's are not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.authors import Committer, OldCommit, read_commit
from watchkeeper.repos.candidates import Builder, Built, Step
from watchkeeper.repos.hub import IDENTITY, Hub
from watchkeeper.repos.messages import parse_co_authors, render_kept, render_landing


class Method(StrEnum):
    """What a landing looks like on the branch."""

    MERGE = "merge"  # one merge commit; of a batch its second parent is the chain of the single merges
    SQUASH = "squash"  # one commit for each entry
    REBASE = "rebase"  # the entries' own commits, replayed; merges among them are left out


class NotMade(msgspec.Struct, frozen=True):
    """Why there is no such landing commit; another method may do. ``entry`` None: it is not for one entry."""

    reason: str
    entry: EntryId | None = None


class LandingMaker:
    """Makes landing commits in a hub. ``gate`` is the hash of what the tree passed."""

    def __init__(self, hub: Hub, builder: Builder, committer: Committer, gate: str) -> None:
        self._hub = hub
        self._builder = builder
        self._committer = committer
        self._gate = gate

    def make(self, method: Method, tip: Sha, entries: Sequence[Entry], tree: Sha) -> Sha | NotMade:
        """The commit to move the branch to from ``tip``. Its tree is ``tree``, else it is not made.

        Only the last commit carries the gate's trailer: only its tree was tested. Raises: GitError (a missing object,
        a signature that cannot be made).
        """
        built = self._builder.build(tip, entries)
        if not entries or not isinstance(built, Built) or built.tree != tree:
            return NotMade("git does not make the tested tree of these entries")
        if method is Method.MERGE:
            return self._merge(tip, entries, built.steps)
        if method is Method.SQUASH:
            return self._squash(tip, entries, built.steps)
        return self._rebase(tip, entries, tree)

    def _merge(self, tip: Sha, entries: Sequence[Entry], steps: Sequence[Step]) -> Sha:
        if len(entries) == 1:
            return self._merge_one(tip, entries[0], steps[0].tree, self._gate)
        last = tip
        for entry, step in zip(entries, steps, strict=True):
            last = self._merge_one(last, entry, step.tree, "")
        return self._committer.commit(steps[-1].tree, [tip, last], render_landing(entries, self._gate))

    def _merge_one(self, onto: Sha, entry: Entry, tree: Sha, gate: str) -> Sha:
        if entry.is_picked:
            return self._replay(onto, read_commit(self._hub, entry.head), tree, [entry], gate)
        return self._committer.commit(tree, [onto, entry.head], render_landing([entry], gate))

    def _squash(self, tip: Sha, entries: Sequence[Entry], steps: Sequence[Step]) -> Sha:
        last, below = tip, [tip]
        for entry, step in zip(entries, steps, strict=True):
            own = self._own_commits(entry, below)
            author, others = self._authors(own)
            message = render_landing([entry], self._gate if entry is entries[-1] else "", others)
            last = self._committer.commit(step.tree, [last], message, author)
            below.append(entry.head)
        return last

    def _rebase(self, tip: Sha, entries: Sequence[Entry], tree: Sha) -> Sha | NotMade:
        last, below = tip, [tip]
        for entry in entries:
            gate = self._gate if entry is entries[-1] else ""
            replayed = self._replay_all(last, entry, below, gate)
            if isinstance(replayed, NotMade):
                return replayed
            last = replayed
            below.append(entry.head)
        if self._hub.objects.tree_of(last) != tree:
            return NotMade(
                "replayed one by one, the commits do not make the tested tree: land it as a merge or squashed"
            )
        return last

    def _replay_all(self, onto: Sha, entry: Entry, below: Sequence[Sha], gate: str) -> Sha | NotMade:
        """The entry's commits on top of ``onto``, those that change nothing there left out."""
        tree = self._hub.objects.tree_of(onto)
        kept: list[tuple[OldCommit, Sha]] = []
        for commit in self._own_commits(entry, below):
            base = commit.parents[0] if commit.parents else None
            outcome = self._hub.merge(base, tree, commit.tree)
            if not outcome.clean:
                paths = ", ".join(clash.path for clash in outcome.clashes) or outcome.failed
                return NotMade(f"commit {commit.sha[:10]} alone does not fit there ({paths})", entry.id)
            if outcome.tree != tree:
                kept.append((commit, outcome.tree))
                tree = outcome.tree
        if not kept:
            return self._committer.commit(tree, [onto], render_landing([entry], gate))
        last = onto
        for number, (commit, made) in enumerate(kept, start=1):
            is_last = number == len(kept)
            last = self._replay(last, commit, made, [entry] if is_last else [], gate if is_last else "")
        return last

    def _replay(self, onto: Sha, commit: OldCommit, tree: Sha, entries: Sequence[Entry], gate: str) -> Sha:
        message = render_kept(commit.message, entries, gate)
        return self._committer.commit(tree, [onto], message, commit.author, commit.encoding)

    def _own_commits(self, entry: Entry, below: Sequence[Sha]) -> list[OldCommit]:
        """What an entry has beyond the commits ``below``, the oldest first, without merges."""
        if entry.is_picked:
            return [read_commit(self._hub, entry.head)]
        output = self._hub.repository.git(
            "rev-list", "--reverse", "--topo-order", "--no-merges", "--stdin",
            stdin="\n".join([entry.head, *(f"^{commit}" for commit in below), ""]).encode(), timeout_s=300.0,
        ).output  # fmt: skip
        return [read_commit(self._hub, Sha(line)) for line in output.decode("ascii").split()]

    def _authors(self, commits: Sequence[OldCommit]) -> tuple[str | None, list[str]]:
        """The author line of the newest commit that a person or agent made, and who else had a part in it."""
        made = [commit for commit in commits if commit.who != IDENTITY]
        if not made:
            return None, []
        author = made[-1]
        return author.author, [other for other in dict.fromkeys(_hands(made)) if other != author.who]


def _hands(commits: Sequence[OldCommit]) -> Iterator[str]:
    for commit in commits:
        yield commit.who
        yield from parse_co_authors(commit.message)
