"""The queue: each project's line as a lane, who waits for what; and one entry with its gate, its history, its acts."""

from __future__ import annotations

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.landing.waiters import Place
from watchkeeper.model.events import Recorded
from watchkeeper.model.landing import EntryBounced, EntryId, EntryWithdrawn, RunBegan, RunEnded
from watchkeeper.web.diffs import read_diff
from watchkeeper.web.drawings import draw_lane
from watchkeeper.web.pages.asking import Answer, Asking, require
from watchkeeper.web.pages.rows import queue_rows
from watchkeeper.web.pages.telling import lines_of

_LANDED, _RETURNED = 15, 30
_MOST_EVENTS = 200


def show(asking: Asking) -> Answer:
    """All lanes, what came back and why, and what landed last."""
    lanes = [(name, each, draw_lane(each.landing.view, name)) for name, each in asking.projects()]
    rows = queue_rows(asking)
    returned = [
        (name, bounced, at, project.landing.entries.get(bounced.id))
        for name, project in asking.projects()
        for bounced, at, _ in project.landing.returned
    ]
    landed = sorted(
        ((name, each) for name, project in asking.projects() for each in project.landing.landed[-_LANDED:]),
        key=lambda pair: -pair[1].at,
    )
    context = {
        "lanes": lanes,
        "rows_by": {name: [each for each in rows if each.project == name] for name, _, _ in lanes},
        "returned": sorted(returned, key=lambda each: -each[2])[:_RETURNED],
        "landed": landed[:_LANDED],
        "rows_count": len(rows),
    }
    return Answer("Queue", "queue.html", context, "queue")


def show_one(asking: Asking) -> Answer:
    """An entry, also one that is not in the queue any more. Raises UsageError (``not-there``)."""
    identity = EntryId(asking.params["entry"])
    wanted = asking.query.get("project", "")
    name, project = require(
        next(
            ((n, p) for n, p in asking.picture.projects.items() if identity in p.landing.entries and wanted in ("", n)),
            None,
        ),
        "entry of a queue",
        identity,
    )
    entry = project.landing.entries[identity]
    row = next((each for each in project.landing.view.rows if each.id == identity), None)
    landed = next((each for each in reversed(project.landing.landed) if each.entry.id == identity), None)
    events = _events(asking, project, identity)
    left = next(
        (each.event for each in reversed(events) if isinstance(each.event, EntryBounced | EntryWithdrawn)), None
    )
    place = (
        row.place
        if row
        else Place.LANDED
        if landed
        else Place.BOUNCED
        if isinstance(left, EntryBounced)
        else Place.WITHDRAWN
    )
    order = [each for each in project.landing.view.rows if row is not None and 0 < each.position < row.position]
    context = {
        "project": name,
        "entry": entry,
        "row": row,
        "ahead": order,
        "place": place,
        "landed": landed,
        "left": left,
        "runs": _runs(project, identity),
        "lane": draw_lane(project.landing.view, name) if row is not None else "",
        "diff": read_diff(project.source.place, entry.base, entry.head) if entry.base else None,
        "history": lines_of(reversed(events), project),
    }
    return Answer(entry.title or identity, "entry.html", context, "queue")


def _runs(project: ProjectPicture, identity: EntryId) -> list[tuple[RunBegan, RunEnded | None]]:
    """What the gate was asked with it in the tree, the newest first."""
    found = [(began, ended) for began, ended, _ in project.landing.runs.values() if identity in began.candidate.entries]
    return list(reversed(found))[:20]


def _events(asking: Asking, project: ProjectPicture, identity: EntryId) -> list[Recorded]:
    """What was recorded of it, in order."""
    return list(asking.latest(project.source.project, _MOST_EVENTS, identity))
