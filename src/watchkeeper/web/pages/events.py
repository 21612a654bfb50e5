"""The record: everything that was recorded, the newest first, page by page."""

from __future__ import annotations

from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ProjectId, Seq
from watchkeeper.web.pages.asking import Answer, Asking
from watchkeeper.web.pages.telling import Line, lines_of

SIZE = 200


def show(asking: Asking) -> Answer:
    """From the newest, or up to the event that is asked for; no more is read than is shown."""
    given = asking.query.get("around", "")
    before = int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 17 else 0
    log = asking.room.reader.log
    names = {FLEET: "fleet"}
    for name, project in asking.picture.projects.items():
        names[project.source.project] = names[project.source.shared] = name
    wanted = [each for each, name in names.items() if asking.query.get("project", "") in ("", name)]
    source: ProjectId | None = wanted[0] if len(wanted) == 1 else None
    if before:
        recorded = list(log.read(source, after=Seq(max(0, before - SIZE)), limit=SIZE))
    else:
        recorded = list(asking.latest(source, SIZE))
    shown = [each for each in recorded if each.project in names and (not before or each.seq <= before)]
    lines: list[Line] = [
        line for each in reversed(shown) for line in lines_of([each], name=names.get(each.project, ""))
    ]
    first = min((each.seq for each in recorded), default=Seq(0))
    last = max((each.seq for each in recorded), default=Seq(0))
    context = {
        "lines": lines,
        "size": SIZE,
        "older": first - 1 if first > 1 else 0,
        "newer": last + SIZE if before and last < asking.picture.seq else 0,
        "last": asking.picture.seq,
    }
    return Answer("Record", "events.html", context, "events")
