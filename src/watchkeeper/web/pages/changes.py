"""Landed changes, the riskiest unread first; and one of them by symbol, with what makes it risky."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.model.ids import Sha
from watchkeeper.model.review import ChangeSurveyed
from watchkeeper.model.review_state import ChangeStanding
from watchkeeper.review.landedchanges import LandedChange, find_landed
from watchkeeper.review.ranking import Danger, dangers_of, score_of
from watchkeeper.web.diffs import read_diff, read_symbols
from watchkeeper.web.pages.asking import Answer, Asking, cut, require


class ChangeRow(NamedTuple):
    """A landed change, and the reasons to read it; ``score`` is made of them, 0 to 100."""

    project: str
    standing: ChangeStanding
    survey: ChangeSurveyed
    dangers: tuple[Danger, ...]
    score: int
    is_unread: bool


def show_list(asking: Asking) -> Answer:
    """What nobody has read, the riskiest first; ``show=all``: all, the newest first."""
    words = asking.query.get("q", "").strip().lower()
    found = [
        row
        for name, project in asking.projects()
        for row in map(_row, find_landed(project))
        if (asking.is_all or row.is_unread)
        and words in f"{row.survey.title} {row.survey.author} {row.survey.commit} {row.survey.issue} {name}".lower()
    ]
    found.sort(key=lambda row: -row.standing.seq if asking.is_all else (-row.score, row.standing.seq))
    return Answer("Read first", "changes.html", {"part": cut(asking, found)}, "changes")


def _row(change: LandedChange) -> ChangeRow:
    dangers = dangers_of(change)
    standing = change.standing
    is_unread = standing.reviewed is None and not standing.wrong and not change.is_reverted
    return ChangeRow(change.project, standing, standing.survey, dangers, score_of(dangers), is_unread)


def show_one(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``) for a commit that no project's review knows."""
    commit = Sha(asking.params["commit"])
    name, project = require(
        next(((n, p) for n, p in asking.picture.projects.items() if commit in p.review.changes), None),
        "landed change",
        commit,
    )
    standing = project.review.changes[commit]
    survey = standing.survey
    landed = next(
        (
            each
            for each in reversed(project.landing.landed)
            if (survey.entry and survey.entry == each.entry.id) or survey.commit in (each.commit, each.entry.head)
        ),
        None,
    )
    change = next((each for each in find_landed(project) if each.survey.commit == commit), None)
    dangers = dangers_of(change) if change is not None else ()
    symbols, problem = read_symbols(project, landed) if landed is not None else ((), "its landing is not in the record")
    decisions = [each for each in project.review.decisions.values() if each.decision.commit == commit]
    touched = {each.path for each in symbols}
    diff = read_diff(project.source.place, survey.base, commit) if survey.base is not None else None
    context = {
        "project": name,
        "standing": standing,
        "survey": survey,
        "dangers": dangers,
        "score": score_of(dangers),
        "symbols": symbols,
        "symbols_problem": problem,
        "diff": diff,
        "others": [each.path for each in diff.files if each.path not in touched] if diff is not None else [],
        "decisions": decisions,
        "entry": landed.entry.id if landed is not None else "",
    }
    return Answer(survey.title or commit[:12], "change.html", context, "changes")
