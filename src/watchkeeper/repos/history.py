"""Commits and branches: who did what when."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.repository import Repository


class Commit(msgspec.Struct, frozen=True):
    """One commit. ``parents`` are in order: the first is the branch it was made on."""

    sha: Sha
    parents: tuple[Sha, ...]
    tree: Sha
    author: str
    authored_at: Millis
    committed_at: Millis
    subject: str


class Branch(msgspec.Struct, frozen=True):
    """A local or remote branch or a pull request's head. ``name``: ``topic``, ``origin/topic``, ``pull/12``."""

    name: str
    ref: str
    head: Sha
    author: str
    committed_at: Millis
    subject: str

    @property
    def is_pull_request(self) -> bool:
        return self.ref.startswith("refs/pull/")


def read_log(
    repository: Repository,
    revisions: Sequence[str],
    *,
    limit: int | None = None,
    since: Millis | None = None,
    first_parent: bool = False,
    merges_only: bool = False,
) -> tuple[Commit, ...]:
    """Commits reachable from ``revisions`` (``^main`` leaves out), newest first, in one git call.

    ``since`` compares the commit date. Raises: GitError for an unknown revision.
    """
    options = [
        *([f"--max-count={limit}"] if limit is not None else []),
        *([f"--since-as-filter=@{since // 1000}"] if since is not None else []),
        *(["--first-parent"] if first_parent else []),
        *(["--merges"] if merges_only else []),
    ]
    output = repository.git(
        "rev-list", "--no-commit-header", "--encoding=UTF-8", f"--format={_COMMIT_FORMAT}", "--date-order", *options,
        "--end-of-options", *revisions, "--", timeout_s=300.0,
    ).output  # fmt: skip
    return tuple(_commit(line) for line in output.split(b"\n") if line)


def first_parent_merges(
    repository: Repository, revision: str, *, limit: int | None = None, since: Millis | None = None
) -> tuple[Commit, ...]:
    """The merge commits on the branch itself, newest first: each landed its second parent."""
    return read_log(repository, [revision], limit=limit, since=since, first_parent=True, merges_only=True)


def list_branches(repository: Repository, patterns: Sequence[str] = ("*",)) -> tuple[Branch, ...]:
    """Branches whose name or full ref fits one of the patterns (``*`` also fits ``/``), most recent first.

    Looks at local branches, remote branches and ``refs/pull/*/head``; symbolic ones such as ``origin/HEAD`` are left
    out. Pull requests appear only where a pattern names them (``pull/*``).
    """
    output = repository.git(
        "for-each-ref", "--sort=-committerdate", f"--format={_BRANCH_FORMAT}", "refs/heads", "refs/remotes", "refs/pull"
    ).output
    fields = [decode_path(line).split("\0") for line in output.split(b"\n") if line]
    branches = [_branch(values) for values in fields if not values[0]]
    return tuple(branch for branch in branches if branch and any(_fits(branch, pattern) for pattern in patterns))


_COMMIT_FORMAT = "%H%x00%P%x00%T%x00%an%x00%at%x00%ct%x00%s"
_BRANCH_FORMAT = "%(symref)%00%(refname)%00%(objectname)%00%(authorname)%00%(committerdate:unix)%00%(contents:subject)"


def _commit(line: bytes) -> Commit:
    sha, parents, tree, author, authored, committed, subject = decode_path(line).split("\0", 6)
    return Commit(
        sha=Sha(sha),
        parents=tuple(Sha(parent) for parent in parents.split()),
        tree=Sha(tree),
        author=author,
        authored_at=Millis(int(authored or 0) * 1000),
        committed_at=Millis(int(committed or 0) * 1000),
        subject=subject,
    )


def _branch(values: Sequence[str]) -> Branch | None:
    _, ref, head, author, committed, subject = values
    if ref.startswith("refs/pull/") and not ref.endswith("/head"):
        return None
    if ref.startswith("refs/pull/"):
        name = ref.removeprefix("refs/").removesuffix("/head")
    else:
        name = ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    return Branch(name, ref, Sha(head), author, Millis(int(committed or 0) * 1000), subject)


def _fits(branch: Branch, pattern: str) -> bool:
    if branch.is_pull_request and "pull/" not in pattern:
        return False
    return fnmatchcase(branch.name, pattern) or fnmatchcase(branch.ref, pattern)
