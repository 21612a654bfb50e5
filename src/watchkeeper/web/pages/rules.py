"""Rules: how often each was right, and what follows for how it is shown; and what of the risk's points was."""

from __future__ import annotations

from watchkeeper.conflicts.scoring import Ending, count_rules
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
    points: dict[str, list[int]] = {}
    for _, project in asking.projects():
        for each in project.review.changes.values():
            for kind in {point.kind for point in each.survey.points}:
                count = points.setdefault(kind, [0, 0, 0])
                count[0] += 1
                count[1] += bool(each.wrong)
                count[2] += each.reviewed is not None and not each.wrong
    context = {
        "found": found,
        "columns": COLUMNS,
        "points": sorted(points.items(), key=lambda pair: (-pair[1][1], -pair[1][0])),
    }
    return Answer("Rules", "rules.html", context, "rules")
