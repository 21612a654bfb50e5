"""Run-time faults: what stands still in a database, and one of them with its wait graph and both sides' code."""

from __future__ import annotations

from watchkeeper.model.incidents import IncidentId
from watchkeeper.web.pages.asking import Answer, Asking, cut, require


def show_list(asking: Asking) -> Answer:
    """What is open; ``show=all``: what is over too, the newest first. And whether each database is seen at all."""
    found = [
        (name, each)
        for name, project in asking.projects()
        for each in project.incidents.incidents.values()
        if asking.is_all or each.is_open
    ]
    found.sort(key=lambda pair: (not pair[1].is_open, -pair[1].changed_at))
    databases = [(name, each) for name, project in asking.projects() for each in project.incidents.databases.values()]
    deployed = [(name, each) for name, project in asking.projects() for each in project.incidents.deployed.values()]
    context = {"part": cut(asking, found), "databases": databases, "deployed": deployed}
    return Answer("Incidents", "incidents.html", context, "incidents")


def show_one(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``)."""
    identity = IncidentId(asking.params["incident"])
    name, project = require(
        next(((n, p) for n, p in asking.picture.projects.items() if identity in p.incidents.incidents), None),
        "incident",
        identity,
    )
    standing = project.incidents.incidents[identity]
    context = {
        "project": name,
        "standing": standing,
        "incident": standing.incident,
        "names": {
            each.backend: each.application or each.user or str(each.backend) for each in standing.incident.parties
        },
        "matter": next((each for each in asking.room.matters(asking.picture) if each.about == identity), None),
    }
    return Answer(standing.incident.summary, "incident.html", context, "incidents")
