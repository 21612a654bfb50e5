"""Rules: how often each was right, and what follows for how it is shown; and what of the risk's points was."""

from __future__ import annotations

from watchkeeper.conflicts.scoring import Ending, count_rules
from watchkeeper.review.outcomes import count_points
from watchkeeper.web.pages.asking import Answer, Asking

COLUMNS = (
    (Ending.PROVED, "proved"),
    (Ending.CLEARED, "cleared"),
    (Ending.DISMISSED, "dismissed"),
    (Ending.NOT_DISPROVED, "not disproved"),
    (Ending.CHANGED_COURSE, "changed course"),
    (Ending.NONE, "open or gone"),
)


def show(asking: Asking) -> Answer:
    """Of each project that the filter leaves."""
    log = asking.room.reader.log
    found = [
        (name, sorted(count_rules(log.read(each.source.project)).values(), key=lambda rule: -rule.raised))
        for name, each in asking.projects()
    ]
    points = [(name, count_points(project.review.changes)) for name, project in asking.projects()]
    context = {"found": found, "columns": COLUMNS, "points": [each for each in points if each[1].surveyed]}
    return Answer("Rules", "rules.html", context, "rules")
