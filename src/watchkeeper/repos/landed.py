"""What a branch says of its own past: which entries are in it, and what came past the queue."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import EntryId
from watchkeeper.repos.authors import read_commit
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.history import Commit, read_log
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.messages import parse_entries
from watchkeeper.repos.treediff import tree_difference


class Landings(msgspec.Struct, frozen=True):
    """Entries that are in a branch, with the commit that landed each. ``unbelieved``: trailers that are not ours."""

    entries: dict[EntryId, Sha]
    unbelieved: tuple[tuple[Sha, EntryId], ...] = ()


class ForeignCommit(msgspec.Struct, frozen=True):
    """A commit on the branch itself that no landing of ours made. ``paths`` differ from its first parent."""

    sha: Sha
    parents: tuple[Sha, ...]
    title: str
    author: str
    paths: tuple[str, ...]


class Forward(msgspec.Struct, frozen=True):
    """The branch moved on: these commits came on its first-parent line, the oldest first."""

    commits: tuple[ForeignCommit, ...]


class Rewritten(msgspec.Struct, frozen=True):
    """The old tip is not in the new one's history. ``base`` is what both have; None: nothing."""

    base: Sha | None


class Span(msgspec.Struct, frozen=True):
    """What an entry did to the branch: the commits before and after it."""

    before: Sha
    after: Sha


def find_landed(hub: Hub, tip: Sha, since: Sha | None, intended: Mapping[Sha, Sha]) -> Landings:
    """The entries that landed on the first-parent line of ``tip`` after ``since`` (None: since ever).

    Anybody can write ``Watchkeeper-Change: other/1`` into a message and push it. So a trailer is believed only within a
    landing whose intent was recorded before the branch was moved: ``intended`` maps the commit of each intent (its
    ``new``) to the one below (its ``old``). That id covers all commits down to ``old``: nobody can put others in their
    place, and what is kept of others' messages in them cannot be read as a trailer. What lies within a
    merge is not asked: the merge itself names all its entries. One git call. Raises: GitError (a commit is missing).
    """
    found: dict[EntryId, Sha] = {}
    unbelieved: list[tuple[Sha, EntryId]] = []
    below: Sha | None = None
    for commit, message in _first_parent_messages(hub, tip, since):
        if commit == below:
            below = None
        below = intended.get(commit, below)
        for entry in parse_entries(message):
            if below is None:
                unbelieved.append((commit, entry))
            else:
                found[entry] = commit
    return Landings(found, tuple(unbelieved))


def foreign_commits(hub: Hub, old: Sha, new: Sha) -> Forward | Rewritten:
    """What somebody did to the branch past the queue: the commits that came, or that it was rewritten.

    Each commit counts as its difference from its first parent. A merge that has the old tip as its second parent (a
    pull into another branch, pushed here) makes that other branch the line: its commits are told.
    Raises: GitError (a commit is missing).
    """
    repository = hub.repository
    if not repository.is_ancestor(old, new):
        return Rewritten(repository.merge_base(old, new))
    came = read_log(repository, [new, f"^{old}"], first_parent=True)
    return Forward(tuple(_foreign(hub, commit) for commit in reversed(came)))


def entry_span(hub: Hub, entry: EntryId, old: Sha, new: Sha) -> Span | None:
    """Where an entry lies in the landing that moved the branch from ``old`` to ``new``; None where it does not.

    Raises: GitError (a commit is missing).
    """
    last = read_commit(hub, new)
    named = parse_entries(last.message)
    if len(last.parents) == 2 and len(named) > 1:  # a batch: its single merges are the second parent's line
        new = last.parents[1]
    before = old
    for commit, message in reversed(_first_parent_messages(hub, new, old)):
        entries = parse_entries(message)
        if entry in entries:
            return Span(before, commit)
        if entries:
            before = commit
    return None


def _first_parent_messages(hub: Hub, tip: Sha, since: Sha | None) -> list[tuple[Sha, str]]:
    """Ids and messages, the newest first."""
    output = hub.repository.git(
        "log", "-z", "--first-parent", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%B",
        "--end-of-options", tip, *([f"^{since}"] if since else []), "--", timeout_s=300.0,
    ).output  # fmt: skip
    found = []
    for record in output.split(b"\0"):
        sha, _, message = record.partition(b"\n")
        if sha:
            found.append((Sha(sha.decode("ascii")), decode_path(message)))
    return found


def _foreign(hub: Hub, commit: Commit) -> ForeignCommit:
    before = hub.objects.tree_of(commit.parents[0]) if commit.parents else None
    paths = sorted(path for path, _ in tree_difference(hub.objects, before, commit.tree))
    return ForeignCommit(commit.sha, commit.parents, commit.subject, commit.author, tuple(paths))
