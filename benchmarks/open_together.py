"""Which pull requests of a repository started from the same commit and were open at the same time. Reads only.

The pairs stand for what parallel work is really like, so what only looks parallel is left out:

* stacked pull requests (one holds commits of the other), found by their merge base being neither fork point;
* pull requests with the same tree, and those already on the target branch's own line (rebased, fast-forwarded);
* backports and work on release branches: titles that say so, or more commits of their own than a person writes;
* giants of more than 100 files, which are counted;
* everything from ``before`` on.

A pull request is taken to be open from its first own commit to its landing, or to its last commit where none is known.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import msgspec

from scratch import git

MOST_FILES = 100
MOST_COMMITS = 60
MOST_PAIRS_EACH = 3
_BACKPORT = re.compile(
    r"backport|cherry.?pick|^\[?v?\d+\.[\dx]+[\].]|^release\b|^version \d|^merge (branch|pull)", re.IGNORECASE
)
_LANDED = re.compile(r"\(#(\d+)\)\s*$|^Merge pull request #(\d+)\b")


class PullRequest(msgspec.Struct, frozen=True):
    """A pull request's head, its fork point on the target branch, the commits in between, and when it was open."""

    number: int
    head: str
    tree: str
    fork: str
    own: frozenset[str]
    opened: int
    closed: int
    title: str


class OpenPair(msgspec.Struct, frozen=True):
    """Two pull requests of one fork point that were open together. ``sharing``: they touch a file in common."""

    numbers: tuple[int, int]
    heads: tuple[str, str]
    base: str
    sharing: bool


class Sample(msgspec.Struct, frozen=True):
    """A sample, how many pairs it was drawn from, and how many pull requests were left out as giants on the way."""

    pairs: tuple[OpenPair, ...]
    candidates: int
    giants: int


class _Commit(msgspec.Struct, frozen=True):
    parents: tuple[str, ...]
    tree: str
    authored: int
    committed: int
    subject: str


def draw_sample(clone: Path, *, most: int, before: int, seed: int) -> Sample:
    """At most ``most`` pairs in an order that ``seed`` fixes, each pull request in at most three of them."""
    found = read_pull_requests(clone, before=before)
    candidates = list(pairs_open_together(found))
    random.Random(seed).shuffle(candidates)
    files = _Files(clone)
    used: dict[int, int] = defaultdict(int)
    giants: set[int] = set()
    pairs: list[OpenPair] = []
    for one, two in candidates:
        if len(pairs) >= most:
            break
        if used[one.number] >= MOST_PAIRS_EACH or used[two.number] >= MOST_PAIRS_EACH:
            continue
        touched = [files.of(pull) for pull in (one, two)]
        giants.update(pull.number for pull, paths in zip((one, two), touched, strict=True) if len(paths) > MOST_FILES)
        if {one.number, two.number} & giants or not all(touched):
            continue
        used[one.number] += 1
        used[two.number] += 1
        sharing = not touched[0].isdisjoint(touched[1])
        pairs.append(OpenPair((one.number, two.number), (one.head, two.head), one.fork, sharing))
    return Sample(tuple(pairs), len(candidates), len(giants))


def pairs_open_together(pulls: Iterable[PullRequest]) -> Iterator[tuple[PullRequest, PullRequest]]:
    """All pairs of one fork point whose open spans overlap and that do not hold each other's commits."""
    by_fork: dict[str, list[PullRequest]] = defaultdict(list)
    for pull in pulls:
        by_fork[pull.fork].append(pull)
    for group in by_fork.values():
        for one, two in combinations(sorted(group, key=lambda pull: pull.number), 2):
            together = one.opened <= two.closed and two.opened <= one.closed
            if together and one.tree != two.tree and one.own.isdisjoint(two.own):
                yield one, two


def read_pull_requests(clone: Path, *, before: int) -> list[PullRequest]:
    """Every pull request of the clone whose head and fork point can be told, by number."""
    heads = _heads(clone)
    commits = _read_commits(clone)
    line = git(clone, "rev-list", "--first-parent", "HEAD").split()
    positions = {sha: len(line) - i for i, sha in enumerate(line)}
    landings = {
        int(match[1] or match[2]): commits[sha].committed
        for sha in line
        if sha in commits and (match := _LANDED.search(commits[sha].subject))
    }
    found = (_pull_request(number, head, commits, positions, landings) for number, head in heads.items())
    return [pull for pull in found if pull is not None and max(pull.closed, commits[pull.head].committed) < before]


def _pull_request(
    number: int, head: str, commits: Mapping[str, _Commit], positions: Mapping[str, int], landings: Mapping[int, int]
) -> PullRequest | None:
    own: set[str] = set()
    forks: set[str] = set()
    waiting = [head]
    while waiting:
        sha = waiting.pop()
        if sha in own or sha in forks:
            continue
        if sha in positions:
            forks.add(sha)
        elif sha not in commits or len(own) >= MOST_COMMITS:
            return None
        else:
            own.add(sha)
            waiting.extend(commits[sha].parents)
    if not own or not forks or any(_BACKPORT.search(commits[sha].subject) for sha in own):
        return None
    return PullRequest(
        number=number,
        head=head,
        tree=commits[head].tree,
        fork=max(forks, key=positions.__getitem__),
        own=frozenset(own),
        opened=min(commits[sha].authored for sha in own),
        closed=max(landings.get(number, 0), commits[head].committed),
        title=commits[head].subject,
    )


def _heads(clone: Path) -> dict[int, str]:
    output = git(clone, "for-each-ref", "--format=%(objecttype) %(objectname) %(refname)", "refs/pull/*/head")
    rows = (row.split() for row in output.splitlines())
    return {int(name.split("/")[2]): sha for kind, sha, name in rows if kind == "commit"}


def _read_commits(clone: Path) -> dict[str, _Commit]:
    output = git(clone, "log", "--all", "--format=%H%x00%P%x00%T%x00%at%x00%ct%x00%s")
    commits = {}
    for row in output.split("\n"):
        parts = row.split("\0")
        if len(parts) == 6:
            sha, parents, tree, authored, committed, subject = parts
            commits[sha] = _Commit(tuple(parents.split()), tree, int(authored), int(committed), subject)
    return commits


class _Files:
    """The files that a pull request touches, asked of git once each."""

    def __init__(self, clone: Path) -> None:
        self._clone = clone
        self._known: dict[int, frozenset[str]] = {}

    def of(self, pull: PullRequest) -> frozenset[str]:
        if pull.number not in self._known:
            output = git(self._clone, "diff-tree", "-r", "-z", "--name-only", pull.fork, pull.head)
            self._known[pull.number] = frozenset(_paths(output.split("\0")))
        return self._known[pull.number]


def _paths(parts: Sequence[str]) -> Iterator[str]:
    yield from (part for part in parts if part)
