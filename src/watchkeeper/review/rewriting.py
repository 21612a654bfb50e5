"""Which landed change took away lines that another one of the same day had added: git says so, by blame."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from watchkeeper.app import Place
from watchkeeper.controlroom.picture import Picture
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.blame import blame_lines
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.review.landedchanges import LandedChange, find_landed

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? ", re.MULTILINE)
_MOST_FILES, _MOST_LINES = 200, 200


def find_rewritings(hub: Hub, landed: Sequence[LandedChange]) -> dict[tuple[Sha, Sha], int]:
    """(earlier, later) -> how many lines of the earlier one the later one removed or altered, of one project's changes
    in their order. Only files that both wrote are looked at, at most 200; what git cannot tell is left out.
    """
    owners: dict[Sha, Sha] = {}
    found: Counter[tuple[Sha, Sha]] = Counter()
    files: dict[Sha, frozenset[str]] = {}
    looked = 0
    for change in landed:
        own = _files(change)
        earlier = {path for paths in files.values() for path in paths}
        for path in sorted(own & earlier):
            looked += 1
            if looked <= _MOST_FILES:
                found.update((owner, change.commit) for owner in _removed_from(hub, change, path, owners))
        files[change.commit] = own
        owners |= dict.fromkeys(_own_commits(hub, change), change.commit)
    return dict(found)


def _files(change: LandedChange) -> frozenset[str]:
    return frozenset(each.rpartition(":")[0] for each in change.survey.writes)


def _own_commits(hub: Hub, change: LandedChange) -> tuple[Sha, ...]:
    """The commits that it brought: all between the branch below and its own."""
    base = change.survey.base
    try:
        listed = hub.repository.git(
            "rev-list", "--max-count=200", "--end-of-options", change.commit, *([f"^{base}"] if base else []), "--"
        )
    except WatchkeeperError:
        return (change.commit,)
    return tuple(Sha(line) for line in listed.output.decode("ascii").split())


def _removed_from(hub: Hub, change: LandedChange, path: str, owners: dict[Sha, Sha]) -> list[Sha]:
    """For each line of ``path`` that it took away: whose of the day it was."""
    base = change.survey.base
    if base is None or not owners:
        return []
    try:
        told = hub.repository.git(
            "diff", "-U0", "--no-ext-diff", "--no-textconv", "--end-of-options", base, change.commit, "--", path
        )
        lines = [line for first, count in _HUNK.findall(told.output) for line in _span(int(first), count)]
        blamed = blame_lines(hub, base, path, lines[:_MOST_LINES]) if lines else {}
    except WatchkeeperError:
        return []
    return [owners[each.commit] for each in blamed.values() if each.commit in owners]


def _span(first: int, count: bytes) -> range:
    return range(first, first + (int(count) if count else 1))


def look_for_rewritings(picture: Picture, since: Millis) -> dict[tuple[Sha, Sha], int]:
    """The same of all projects, for what landed from ``since`` on; a project whose hub cannot be opened has none."""
    found: dict[tuple[Sha, Sha], int] = {}
    for project in picture.projects.values():
        landed = [each for each in find_landed(project) if each.at >= since]
        if len(landed) > 1:
            with suppress(WatchkeeperError), _open(project.source.place) as hub:
                found |= find_rewritings(hub, landed)
    return found


def _open(place: Place) -> Hub:
    return open_hub(place.repository, place.home / "projects" / place.project)
