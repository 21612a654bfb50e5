"""Which branch the changes will land in."""

from __future__ import annotations

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.repository import Repository

USUAL_NAMES = ("main", "master", "trunk", "develop")


class Target(msgspec.Struct, frozen=True):
    """The branch that changes are compared with. ``ref`` is full where it is a branch; ``reason`` is a sentence."""

    name: str
    ref: str
    commit: Sha
    reason: str


def find_target(repository: Repository, configured: str | None = None) -> Target | None:
    """The target branch: as configured, else the remote's default branch, else the usual names, else the main
    worktree's branch. None in a repository without commits.

    Of a branch and its upstream the local one is taken, unless it lies strictly behind. Raises: UsageError where the
    configured one does not exist.
    """
    if configured is not None:
        commit = repository.resolve(configured)
        return _newest(repository, configured, "it is configured") or Target(
            configured, "", commit, f"{configured} is the target: it is configured"
        )
    default = _remote_default(repository)
    if default:
        found = _newest(repository, default, "it is the default branch of origin")
        if found is not None:
            return found
    return _usual(repository) or _checked_out(repository)


def _remote_default(repository: Repository) -> str:
    """``main`` where ``origin/HEAD`` points to ``origin/main``; ``""`` where there is no such remote."""
    result = repository.git("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD", allowed=(0, 1, 128))
    return decode_path(result.output).strip().removeprefix("refs/remotes/origin/")


def _usual(repository: Repository) -> Target | None:
    """A branch with a usual name; among several the one checked out in the main worktree."""
    main_branch = repository.worktrees()[0].branch
    checked_out = "HEAD is on it" if repository.is_bare else "it is checked out in the main worktree"
    names = sorted(USUAL_NAMES, key=lambda name: name != main_branch)
    for name in names:
        why = checked_out if name == main_branch else "it has the usual name"
        found = _newest(repository, name, why)
        if found is not None:
            return found
    return None


def _checked_out(repository: Repository) -> Target | None:
    """What the main worktree has checked out, as the last resort."""
    main = repository.worktrees()[0]
    if main.branch:
        return _newest(repository, main.branch, "the main worktree is on it")
    commit = repository.find_commit("HEAD")
    return Target(commit[:10], "", commit, "the main worktree's commit is the target") if commit else None


def _newest(repository: Repository, name: str, why: str) -> Target | None:
    """The local branch ``name`` or its upstream, whichever is ahead; None where neither exists."""
    local = repository.find_commit(f"refs/heads/{name}")
    upstream_ref = _upstream(repository, name) if local else f"refs/remotes/origin/{name}"
    upstream = repository.find_commit(upstream_ref) if upstream_ref else None
    remote_name = upstream_ref.removeprefix("refs/remotes/")
    if local and upstream and local != upstream and repository.is_ancestor(local, upstream):
        return Target(
            remote_name, upstream_ref, upstream, f"{remote_name} is the target: {why}, and {name} lies behind it"
        )
    if local:
        return Target(name, f"refs/heads/{name}", local, f"{name} is the target: {why}")
    if upstream:
        return Target(remote_name, upstream_ref, upstream, f"{remote_name} is the target: {why}")
    direct = repository.find_commit(f"refs/remotes/{name}")
    return Target(name, f"refs/remotes/{name}", direct, f"{name} is the target: {why}") if direct else None


def _upstream(repository: Repository, name: str) -> str:
    """The full name of a local branch's upstream; that of the same name at origin where none is set."""
    output = repository.git("for-each-ref", "--format=%(upstream)", f"refs/heads/{name}").output
    return decode_path(output).strip() or f"refs/remotes/origin/{name}"
