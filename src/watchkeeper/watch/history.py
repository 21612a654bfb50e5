"""Which of a repository's past changes were really open at the same time. Pure.

On a branch that grows by merge commits, each first-parent merge is a change: it forked where the merged branch last met
the target, and landed with the merge. Two changes were open together when the later one forked before the earlier one
landed, and had been begun by then. On a branch that grows by single commits (squash or rebase), the fork is not
recorded; there the heads of pull requests are taken where the clone has them, else a change is taken to be open from
its author date to its commit date.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.history import Commit


class PastChange(msgspec.Struct, frozen=True):
    """A change that landed. ``position`` counts along the target branch, ``forked_at`` is the position of its fork.

    ``base`` is its merge base with the target before it landed, ``head`` its last commit of its own.
    """

    landing: Sha
    head: Sha
    base: Sha
    position: int
    forked_at: int
    opened: Millis
    landed: Millis
    title: str
    author: str


class OpenPair(msgspec.Struct, frozen=True):
    """Two past changes that were open together; ``earlier`` landed first."""

    earlier: PastChange
    later: PastChange


class Sort(StrEnum):
    """Where past changes were found."""

    MERGES = "merges"  # of the target branch: forks and landings are recorded
    PULL_REQUESTS = "pull-requests"  # heads that this clone has: forks are recorded, landings are not
    COMMITS = "commits"  # of a linear target branch: forks are guessed from dates


class History(msgspec.Struct, frozen=True):
    """The past changes of a branch, newest first, and where they were found."""

    changes: tuple[PastChange, ...]
    sort: Sort

    @property
    def is_exact(self) -> bool:
        """Whether forks are known, not guessed."""
        return self.sort is not Sort.COMMITS


def read_history(commits: Sequence[Commit], head: Sha, *, since: Millis | None = None, limit: int = 500) -> History:
    """The newest ``limit`` changes that landed on the branch ``head`` after ``since``.

    ``commits`` are all commits reachable from ``head`` (or as many as there are: what forked before them is left out).
    """
    graph = {commit.sha: commit for commit in commits}
    chain = _first_parents(graph, head)
    merges = sum(len(commit.parents) == 2 for commit in chain[-2 * limit :])
    is_exact = merges * 4 >= min(len(chain), 2 * limit)
    reach = _reach(graph, chain)
    found: list[PastChange] = []
    dates = [commit.committed_at for commit in chain]
    for position in range(len(chain) - 1, 0, -1):
        commit = chain[position]
        if len(found) >= limit or (since is not None and commit.committed_at < since):
            break
        if is_exact:
            change = _merged(graph, chain, reach, position) if len(commit.parents) == 2 else None
        else:
            change = _committed(chain, dates, position) if len(commit.parents) == 1 else None
        if change is not None:
            found.append(change)
    return History(changes=tuple(found), sort=Sort.MERGES if is_exact else Sort.COMMITS)


def read_pull_requests(
    commits: Sequence[Commit], head: Sha, pulls: Mapping[str, Sha], *, since: Millis | None = None
) -> History:
    """The pull requests of a repository whose target branch does not record them, newest first.

    ``commits`` are all that can be reached from ``head`` and the pull requests' own heads (by name). Each counts as
    open from its first own commit to its last; those that hold another one's commits (stacked) are left out.
    """
    graph = {commit.sha: commit for commit in commits}
    chain = _first_parents(graph, head)
    reach = _reach(graph, chain)
    dates = [commit.committed_at for commit in chain]
    found: list[PastChange] = []
    owned: set[Sha] = set()
    for name, sha in sorted(pulls.items(), key=lambda item: graph[item[1]].committed_at if item[1] in graph else 0):
        forked_at = reach.get(sha, -1)
        own = set(_own_commits(graph, reach, sha)) if sha in graph and forked_at >= 0 else set()
        if not own or own & owned or (since is not None and graph[sha].committed_at < since):
            continue
        owned |= own
        last = graph[sha]
        found.append(
            PastChange(
                landing=sha,
                head=sha,
                base=chain[forked_at].sha,
                position=max(bisect_right(dates, last.committed_at), forked_at + 1),
                forked_at=forked_at,
                opened=min(graph[each].authored_at for each in own),
                landed=last.committed_at,
                title=f"{name}: {last.subject}",
                author=last.author,
            )
        )
    return History(changes=tuple(reversed(found)), sort=Sort.PULL_REQUESTS)


def _own_commits(graph: Mapping[Sha, Commit], reach: Mapping[Sha, int], head: Sha) -> Iterator[Sha]:
    """The commits of a branch along its first parents, down to the target branch."""
    sha = head
    for _ in range(500):
        commit = graph.get(sha)
        if commit is None or _is_on_branch(reach, graph, sha):
            return
        yield sha
        if not commit.parents:
            return
        sha = commit.parents[0]


def pairs_open_together(changes: Sequence[PastChange], *, most_per_change: int = 10) -> Iterator[OpenPair]:
    """All such pairs, newest first; each change is the later one in at most ``most_per_change``, its nearest ones."""
    ordered = sorted(changes, key=lambda change: change.position, reverse=True)
    for index, later in enumerate(ordered):
        found = 0
        for earlier in ordered[index + 1 :]:
            if earlier.position <= later.forked_at or found >= most_per_change:
                break
            if earlier.landed < later.opened or earlier.head == later.head:
                continue
            found += 1
            yield OpenPair(earlier=earlier, later=later)


def _first_parents(graph: Mapping[Sha, Commit], head: Sha) -> list[Commit]:
    """The branch itself, oldest first."""
    chain: list[Commit] = []
    sha: Sha | None = head
    while sha is not None and sha in graph:
        commit = graph[sha]
        chain.append(commit)
        sha = commit.parents[0] if commit.parents else None
    return chain[::-1]


def _reach(graph: Mapping[Sha, Commit], chain: Sequence[Commit]) -> dict[Sha, int]:
    """For every commit: the newest position of the branch that is in its history, -1 for none."""
    reach = {commit.sha: position for position, commit in enumerate(chain)}
    for start in graph:
        stack = [start]
        while stack:
            sha = stack[-1]
            commit = graph.get(sha)
            unknown = [p for p in commit.parents if p not in reach] if commit is not None and sha not in reach else []
            if unknown:
                stack.extend(unknown)
                continue
            stack.pop()
            if sha not in reach:
                reach[sha] = max((reach[p] for p in commit.parents), default=-1) if commit is not None else -1
    return reach


def _merged(
    graph: Mapping[Sha, Commit], chain: Sequence[Commit], reach: Mapping[Sha, int], position: int
) -> PastChange | None:
    commit = chain[position]
    head = commit.parents[1]
    forked_at = reach.get(head, -1)
    if head not in graph or not 0 <= forked_at < position:
        return None
    return PastChange(
        landing=commit.sha,
        head=head,
        base=chain[forked_at].sha,
        position=position,
        forked_at=forked_at,
        opened=_begun(graph, reach, head, commit.parents[0]),
        landed=commit.committed_at,
        title=commit.subject,
        author=graph[head].author,
    )


def _begun(graph: Mapping[Sha, Commit], reach: Mapping[Sha, int], head: Sha, target: Sha) -> Millis:
    """When the first commit of the branch was written: along its own first parents, down to the target's history."""
    oldest = graph[head].authored_at
    sha: Sha | None = head
    for _ in range(500):
        commit = graph.get(sha) if sha is not None else None
        if commit is None or reach.get(commit.sha, -1) < 0 or commit.sha == target:
            break
        oldest = min(oldest, commit.authored_at)
        sha = commit.parents[0] if len(commit.parents) == 1 else None
        if sha is not None and sha in reach and graph.get(sha) is not None and _is_on_branch(reach, graph, sha):
            break
    return oldest


def _is_on_branch(reach: Mapping[Sha, int], graph: Mapping[Sha, Commit], sha: Sha) -> bool:
    """Whether the commit is on the branch itself: it reaches further than all its parents."""
    return sha in reach and all(reach.get(parent, -1) < reach[sha] for parent in graph[sha].parents)


def _committed(chain: Sequence[Commit], dates: Sequence[Millis], position: int) -> PastChange:
    commit, parent = chain[position], chain[position - 1]
    return PastChange(
        landing=commit.sha,
        head=commit.sha,
        base=parent.sha,
        position=position,
        forked_at=min(bisect_right(dates, commit.authored_at, 0, position) - 1, position - 1),
        opened=commit.authored_at,
        landed=commit.committed_at,
        title=commit.subject,
        author=commit.author,
    )
