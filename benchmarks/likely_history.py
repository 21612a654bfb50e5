"""A project's past as a series of questions: what a change was called, and what it touched. Reads only.

A change is one commit of the target branch's own line that landed a pull request: a merge, or a squashed commit whose
title ends in ``(#123)``. It is asked about at its fork point, in the state of the target branch from which its work
began: nothing that landed afterwards is known. What is left out, and counted:

* bots, releases and backports, by their titles;
* changes that touch no source file which was there before (documentation, new files alone);
* giants of more than 40 files: no issue's text says what a mass edit touches.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from scratch import git

MOST_FILES = 40
_BOT = re.compile(
    r"pre-commit|dependabot|\bbump\b|automated|plugin list|backport|cherry.?pick|^release|^prepar\w+ (release|version)"
    r"|^version \d|^v?\d+\.\d+|^merge (master|main|branch|pull)|^start version|^update (dependencies|requirements)"
    r"|\[\d",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^Merge pull request #(\d+)\b|\(#(\d+)\)\s*$", re.MULTILINE)
_NOTES = re.compile(r"^(changelog/\d[^/]*\.(rst|txt|md)|(docs/)?(CHANGES|CHANGELOG|changes|changelog)\.(rst|md|txt))$")


class Landed(msgspec.Struct, frozen=True):
    """A pull request that landed: the commit, the places on the line of its fork point and landing, and its texts."""

    number: int
    commit: str
    before: str
    fork: int
    place: int
    opened: int
    title: str
    body: str
    note: str
    files: tuple[str, ...]


class History(msgspec.Struct, frozen=True):
    """The line of the target branch, oldest first, what landed on it, and what was left out, by why."""

    line: tuple[str, ...]
    landed: tuple[Landed, ...]
    left_out: dict[str, int]


def read_history(clone: Path, since: str, until: str) -> History:
    """All that landed from ``since`` on (``2018-01-01``), and before ``until``."""
    line = git(clone, "rev-list", "--first-parent", "--reverse", f"--before={until}", "HEAD").split()
    places = {sha: i for i, sha in enumerate(line)}
    parents, dates = _graph(clone)
    recent = git(clone, "rev-list", "--first-parent", "--reverse", f"--since={since}", f"--before={until}", "HEAD")
    left_out: Counter[str] = Counter()
    landed = []
    for sha in recent.split():
        found = _read(clone, sha, places, parents, dates)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            landed.append(found)
    return History(tuple(line), tuple(landed), dict(left_out))


def _graph(clone: Path) -> tuple[dict[str, list[str]], dict[str, int]]:
    parents, dates = {}, {}
    for row in git(clone, "log", "--format=%H|%at|%P", "HEAD").splitlines():
        sha, at, above = row.split("|")
        parents[sha], dates[sha] = above.split(), int(at)
    return parents, dates


def _read(
    clone: Path, sha: str, places: dict[str, int], parents: dict[str, list[str]], dates: dict[str, int]
) -> Landed | str:
    message = git(clone, "log", "-1", "--format=%B", sha).strip()
    number = _NUMBER.search(message)
    if number is None:
        return "no pull request"
    title, body = _texts(message)
    if _BOT.search(title):
        return "bot, release or backport"
    before = parents[sha][0]
    paths = [
        p for p in git(clone, "diff-tree", "-r", "-z", "--no-renames", "--name-only", before, sha).split("\0") if p
    ]
    if len(paths) > MOST_FILES:
        return "giant"
    fork, own = _fork(sha, places, parents)
    return Landed(
        number=int(number[1] or number[2]),
        commit=sha,
        before=before,
        fork=fork,
        place=places[sha],
        opened=min((dates[each] for each in own), default=dates[sha]),
        title=title,
        body=body,
        note="\n".join(_note_lines(clone, before, sha, [p for p in paths if _NOTES.match(p)])),
        files=tuple(paths),
    )


def _texts(message: str) -> tuple[str, str]:
    """Title and body of the pull request; of a merge the second paragraph is its title."""
    first, _, rest = message.partition("\n")
    if first.startswith("Merge pull request") and rest.strip():
        first, _, rest = rest.strip().partition("\n")
    kept = [
        line for line in rest.split("\n") if not re.match(r"[\w-]+-by:|\(cherry picked|Merge ", line, re.IGNORECASE)
    ]
    return re.sub(r"\s*\(#\d+\)\s*$", "", first).strip(), "\n".join(kept).strip()


def _fork(sha: str, places: dict[str, int], parents: dict[str, list[str]]) -> tuple[int, list[str]]:
    """The place from which a merge's own commits began, and they; of a squashed commit the place before it."""
    own: list[str] = []
    forks = []
    waiting, seen = list(parents[sha][1:]), set()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if each in places:
            forks.append(places[each])
        elif each in parents and len(own) < 200:
            own.append(each)
            waiting.extend(parents[each])
    return min(max(forks, default=places[sha] - 1), places[sha] - 1), own


def _note_lines(clone: Path, before: str, sha: str, paths: list[str]) -> Iterator[str]:
    """The lines that a change added to the list of changes, without markup that names other pull requests."""
    for path in paths:
        for line in git(clone, "diff", "-U0", "--no-color", before, sha, "--", path).splitlines():
            if line.startswith("+") and not line.startswith("+++"):
                yield re.sub(r":(issue|pr|pull):`[^`]*`|#\d+", "", line[1:])
