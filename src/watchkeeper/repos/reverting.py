"""Take what landed out of the branch again."""

from __future__ import annotations

import msgspec

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import EntryId
from watchkeeper.repos.authors import Committer
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.landed import Span
from watchkeeper.repos.messages import render_revert


class Unrevertible(msgspec.Struct, frozen=True):
    """Why git cannot take it out: later work stands on it at ``paths``, or nothing of it is left (no paths)."""

    reason: str
    paths: tuple[str, ...] = ()


def make_revert(
    hub: Hub, committer: Committer, tip: Sha, span: Span, *, entry: EntryId, title: str = ""
) -> Sha | Unrevertible:
    """A commit on ``tip`` without what ``span`` did (see ``entry_span``; of a picked commit: its parent and itself).

    The branch is not moved. Raises: GitError (a missing object, a signature that cannot be made).
    """
    outcome = hub.merge(span.after, tip, span.before)
    if outcome.failed:
        raise GitError(
            f"git cannot revert {span.after}: {outcome.failed}",
            slug="object-missing",
            hint="fetch what is missing: git fetch --refetch --no-filter",
        )
    if not outcome.clean:
        paths = tuple(sorted({path for clash in outcome.clashes for path in clash.paths}))
        return Unrevertible("\n".join(clash.message for clash in outcome.clashes), paths)
    if outcome.tree == hub.objects.tree_of(tip):
        return Unrevertible("nothing of it is left in the branch")
    return committer.commit(outcome.tree, [tip], render_revert(title, entry, span.after))
