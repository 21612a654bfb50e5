"""Needs you: what waits for a person, then conflicts, then the queue, then the fleet."""

from __future__ import annotations

from watchkeeper.web.pages.asking import Answer, Asking
from watchkeeper.web.pages.rows import conflict_rows, engagement_rows, matter_rows, queue_rows

_SHOWN, _CONFLICTS, _QUEUE, _FLEET = 20, 6, 6, 8


def show(asking: Asking) -> Answer:
    """The first screen. Problems alone; each list leads to the whole of it."""
    needs = matter_rows(asking, asking.room.needs(asking.picture))
    conflicts = conflict_rows(asking)
    queue = queue_rows(asking)
    fleet = engagement_rows(asking)
    hushed = [
        each for each in asking.room.matters(asking.picture) if asking.picture.attention.is_hushed(each, asking.now)
    ]
    context = {
        "needs": needs[:_SHOWN],
        "needs_of": len(needs),
        "conflicts": conflicts[:_CONFLICTS],
        "conflicts_of": len(conflicts),
        "queue": queue[:_QUEUE],
        "queue_of": len(queue),
        "fleet": fleet[:_FLEET],
        "fleet_of": len(fleet),
        "halts": [(name, each.landing.view) for name, each in asking.projects() if each.landing.halt is not None],
        "hushed": len(hushed),
        "is_quiet": not (needs or conflicts or queue or fleet),
    }
    return Answer("Needs you", "home.html", context, "needs")


def show_all(asking: Asking) -> Answer:
    """Everything that is derived, also what is hushed or good to know; filtered by words."""
    words = asking.query.get("q", "").strip().lower()
    every = matter_rows(asking, asking.room.matters(asking.picture))
    found = [
        each for each in every if words in f"{each.matter.title} {each.matter.project} {each.matter.about}".lower()
    ]
    return Answer("All matters", "matters.html", {"matters": found[:200], "of": len(found)}, "needs")


def show_more(_: Asking) -> Answer:
    """All pages, for a screen that has no room for them beside the page."""
    return Answer("All pages", "more.html", {}, "more")
