"""Landed changes, the riskiest unread first; and one of them by symbol, with what makes it risky."""

from __future__ import annotations

from watchkeeper.model.ids import Sha
from watchkeeper.web.diffs import read_diff, read_symbols
from watchkeeper.web.pages.asking import Answer, Asking, cut, require

_MOST_RISK_FIRST = 500


def show_list(asking: Asking) -> Answer:
    """What nobody has read, the riskiest first; ``show=all``: all, the newest first."""
    words = asking.query.get("q", "").strip().lower()
    found = [
        (name, each)
        for name, project in asking.projects()
        for each in project.review.changes.values()
        if (asking.is_all or (each.reviewed is None and not each.wrong))
        and words in f"{each.survey.title} {each.survey.author} {each.survey.commit} {each.survey.issue}".lower()
    ]
    found.sort(key=lambda pair: -pair[1].seq if asking.is_all else (-pair[1].survey.risk, pair[1].seq))
    return Answer("Read first", "changes.html", {"part": cut(asking, found)}, "changes")


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
    symbols, problem = read_symbols(project, landed) if landed is not None else ((), "its landing is not in the record")
    decisions = [each for each in project.review.decisions.values() if each.decision.commit == commit]
    touched = {each.path for each in symbols}
    diff = read_diff(project.source.place, survey.base, commit) if survey.base is not None else None
    context = {
        "project": name,
        "standing": standing,
        "survey": survey,
        "points": sorted(survey.points, key=lambda each: -each.weight),
        "symbols": symbols,
        "symbols_problem": problem,
        "diff": diff,
        "others": [each.path for each in diff.files if each.path not in touched] if diff is not None else [],
        "decisions": decisions,
        "entry": landed.entry.id if landed is not None else "",
    }
    return Answer(survey.title or commit[:12], "change.html", context, "changes")
