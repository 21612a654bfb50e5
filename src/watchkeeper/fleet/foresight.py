"""What open issues will probably touch: the port ``Foresight`` over surveys of projects. Blocks, within a budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.fleet.likely import Forecast, foresee, rare_names
from watchkeeper.fleet.survey import Coverage, Survey
from watchkeeper.model.fleet import Issue, IssueId
from watchkeeper.model.ids import ProjectId, Sha

_BUDGET_S = 10.0


class Ground(NamedTuple):
    """A project's survey, and who knows the newest commit of its target branch (None: there is none yet)."""

    survey: Survey
    find_head: Callable[[], Sha | None]


class ForesightStatistics(msgspec.Struct, frozen=True):
    """What was done until now. ``late`` issues have no forecast yet, or one of an older commit: the time was over."""

    forecasts: int = 0
    remembered: int = 0
    late: int = 0


class _Known(NamedTuple):
    text: tuple[str, str]
    at: tuple[Sha, int]  # the commit, and how much of the past was read
    forecast: Forecast


class IssueForesight:
    """Forecasts by issue, kept until its text or the target branch is another. Safe for threads.

    Where there are more issues than the time allows, those without a forecast come first, and the others keep their
    old one until the next call.
    """

    def __init__(
        self,
        find_ground: Callable[[ProjectId], Ground | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        budget_s: float = _BUDGET_S,
    ) -> None:
        self._find_ground, self._clock, self._budget_s = find_ground, clock, budget_s
        self._lock = threading.Lock()
        self._grounds: dict[ProjectId, Ground] = {}
        self._known: dict[ProjectId, dict[IssueId, _Known]] = {}
        self._statistics = ForesightStatistics()

    def likely(self, project: ProjectId, issues: Sequence[Issue]) -> Mapping[IssueId, tuple[str, ...]]:
        """What each issue will probably write, rare names alone; an issue without any is left out. Raises GitError."""
        found = {issue: rare_names(forecast) for issue, forecast in self.forecasts(project, issues).items()}
        return {issue: names for issue, names in found.items() if names}

    def forecasts(self, project: ProjectId, issues: Sequence[Issue]) -> dict[IssueId, Forecast]:
        """The same with likelihoods and reasons; issues for which there was no time yet are left out.

        Raises: GitError where the project's repository cannot be read.
        """
        with self._lock:
            ground = self._ground(project)
            head = ground.find_head() if ground is not None else None
            if ground is None or head is None:
                return {}
            ground.survey.move_to(head)
            before = self._known.get(project, {})
            known = {issue.id: before[issue.id] for issue in issues if issue.id in before}
            self._known[project] = known
            self._renew(ground.survey, (head, ground.survey.coverage().changes), issues, known)
            return {issue.id: known[issue.id].forecast for issue in issues if issue.id in known}

    def coverage(self, project: ProjectId) -> Coverage:
        """What of a project was read until now."""
        with self._lock:
            ground = self._grounds.get(project)
            return ground.survey.coverage() if ground is not None else Coverage()

    def statistics(self) -> ForesightStatistics:
        """What was done until now."""
        return self._statistics

    def _ground(self, project: ProjectId) -> Ground | None:
        if project not in self._grounds:
            found = self._find_ground(project)
            if found is None:
                return None
            self._grounds[project] = found
        return self._grounds[project]

    def _renew(
        self, survey: Survey, at: tuple[Sha, int], issues: Sequence[Issue], known: dict[IssueId, _Known]
    ) -> None:
        until = self._clock() + self._budget_s
        wanted = [each for each in issues if not _is_fresh(known.get(each.id), each, at)]
        wanted.sort(key=lambda each: each.id in known)
        done = 0
        for issue in wanted:
            if done and self._clock() >= until:
                break
            known[issue.id] = _Known((issue.title, issue.body), at, foresee(issue, survey.atlas, survey.past))
            done += 1
        told = self._statistics
        self._statistics = ForesightStatistics(
            told.forecasts + done, told.remembered + len(issues) - len(wanted), len(wanted) - done
        )


def _is_fresh(known: _Known | None, issue: Issue, at: tuple[Sha, int]) -> bool:
    return known is not None and known.text == (issue.title, issue.body) and known.at == at
