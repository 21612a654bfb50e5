"""Changes: who is at work, where, and from which base."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.ids import ChangeId, Millis, Sha


class Source(StrEnum):
    WORKTREE = "worktree"  # a checkout with its uncommitted work
    BRANCH = "branch"  # a local or remote branch, or any commit
    PULL_REQUEST = "pull-request"
    SESSION = "session"  # what one session did in a checkout that several work in; or what nobody is known to have done
    LANDED = "landed"  # a change on the target branch, kept for 48 h


class WorkNotCounted(msgspec.Struct, frozen=True):
    """Uncommitted work in the worktree at ``path``, left out because a branch was named and not its worktree.

    ``reason`` says why nobody can tell whether there is any.
    """

    change: ChangeId
    path: str
    reason: str = ""


class Change(msgspec.Struct, frozen=True):
    """A worktree's or branch's difference from its merge base with the target branch.

    ``head`` is its newest commit (``None`` in a repository without commits), ``base`` the merge base (``None`` then
    too). ``path`` is the worktree's absolute path, ``""`` for branches. ``label`` is for people.
    """

    id: ChangeId
    source: Source
    label: str
    head: Sha | None = None
    base: Sha | None = None
    path: str = ""
    branch: str = ""
    author: str = ""
    since: Millis = Millis(0)
    landed_at: Millis | None = None
