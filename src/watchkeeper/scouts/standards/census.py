"""Counts one project's places, as a value that can be recorded: what could not be looked at is never clean."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.scouting import CensusTaken, Standard
from watchkeeper.scouts.standards.checking import Clock, Rules, find_violations

_MOST_NAMED = 3


def take_census(
    standard: Standard,
    project: ProjectId,
    commit: Sha,
    files: Mapping[str, str],
    *,
    rules: Rules,
    clock: Clock,
    is_exempt: Callable[[str], bool] = lambda _: False,
) -> CensusTaken:
    """The census of a project at a commit. Where any file could not be looked at, ``reason`` says which and why;
    but for those that a person exempted (``is_exempt``, by path), without whom no standard could ever be enforced.

    Then its places are not recorded: half of a count would look like a campaign that goes well. Never raises for what
    a standard or a file says.
    """
    try:
        violations, run = find_violations(standard, project, files, rules, clock)
    except WatchkeeperError as error:
        return CensusTaken(standard.id, project, commit, 0, reason=error.message)
    named = [f"{path}: {why}" for path, why in sorted(run.unlooked.items()) if not is_exempt(path)]
    if named:
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return CensusTaken(standard.id, project, commit, run.files, reason="; ".join(named[:_MOST_NAMED]) + more)
    return CensusTaken(standard.id, project, commit, run.files, violations)
