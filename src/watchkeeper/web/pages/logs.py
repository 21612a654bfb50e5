"""Work logs: the fleet's days and each project's, and one of them whole."""

from __future__ import annotations

from watchkeeper.model.review import Day
from watchkeeper.web.pages.asking import Answer, Asking, cut, require

PARTS = (
    ("Shipped", "shipped"),
    ("Completed", "completed"),
    ("Carry-over", "carry_over"),
    ("Risks", "risks"),
    ("Flags", "flags"),
    ("Next", "next"),
)


def show_list(asking: Asking) -> Answer:
    """The newest day first; the fleet's above its projects'. A day that could not be closed says why."""
    reviews = [("fleet", asking.picture.fleet_review)] if not asking.query.get("project") else []
    reviews += [(name, each.review) for name, each in asking.projects()]
    found = [(day, name, log) for name, review in reviews for day, log in review.days.items()]
    failed = [(day, name, why) for name, review in reviews for day, why in review.failed.items()]
    found.sort(key=lambda each: (each[0], each[1] == "fleet", each[1]), reverse=True)
    return Answer("Work logs", "logs.html", {"part": cut(asking, found), "failed": sorted(failed, reverse=True)}, "log")


def show_one(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``)."""
    name, day = asking.params["project"], Day(asking.params["day"])
    review = (
        asking.picture.fleet_review
        if name == "fleet" and name not in asking.picture.projects
        else asking.project(name).review
    )
    log = require(review.days.get(day), "log of a day", f"{name} {day}")
    days = sorted(review.days)
    at = days.index(day)
    context = {
        "log": log,
        "name": name,
        "parts": [(title, getattr(log, part)) for title, part in PARTS],
        "before": days[at - 1] if at else "",
        "after": days[at + 1] if at + 1 < len(days) else "",
    }
    return Answer(f"{name}, {day}", "log.html", context, "log")
