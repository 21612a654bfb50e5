"""What may need a person now: every way in which the record shows it, ordered by what it costs to leave it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from watchkeeper.controlroom.picture import Picture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, Urgency
from watchkeeper.model.ids import Millis
from watchkeeper.review.matters import view_of
from watchkeeper.review.matters_code import find_code_matters
from watchkeeper.review.matters_fleet import find_fleet_matters
from watchkeeper.review.matters_queue import find_queue_matters
from watchkeeper.review.matters_said import find_said_matters
from watchkeeper.review.matters_scout import find_scout_matters, find_standard_matters
from watchkeeper.review.matters_work import find_work_matters


def find_matters(picture: Picture, scope: Scope) -> tuple[Matter, ...]:
    """Everything, also what was acknowledged or is ``fyi``; the gravest first. Equal pictures give equal matters.

    No two have one fingerprint, a ``parent`` is always one of them, and none is its own ancestor. What a person said
    of a matter is not looked at: ``AttentionState.is_hushed`` tells.
    """
    found: dict[str, Matter] = {}
    views = [view_of(name, project, scope, picture.at) for name, project in picture.projects.items()]
    for each in (
        *find_code_matters(picture, scope),
        *(matter for view in views for matter in find_queue_matters(view)),
        *(matter for view in views for matter in find_work_matters(view)),
        *(matter for view in views for matter in find_scout_matters(view)),
        *find_standard_matters(picture, scope),
        *find_fleet_matters(picture, scope),
        *find_said_matters(picture, scope),
    ):
        known = found.get(each.fingerprint)
        if known is None or _order(each, picture.at) < _order(known, picture.at):
            found[each.fingerprint] = each
    return tuple(sorted(_rooted(found), key=lambda each: _order(each, picture.at)))


def find_open(picture: Picture, matters: Iterable[Matter]) -> tuple[Matter, ...]:
    """Of these what a person should be asked about: at least for today, not hushed, and under no other matter."""
    return tuple(
        each
        for each in matters
        if urgency_now(each, picture.at).rank >= Urgency.TODAY.rank
        and not each.parent
        and not picture.attention.is_hushed(each, picture.at)
    )


def urgency_now(matter: Matter, now: Millis) -> Urgency:
    """As it counts at this moment: what is scheduled is no more than good to know until it is due."""
    if matter.urgency is not Urgency.SCHEDULED:
        return matter.urgency
    return Urgency.TODAY if matter.due is None or matter.due <= now else Urgency.FYI


def _order(matter: Matter, now: Millis) -> tuple[int, int, int, str]:
    return -urgency_now(matter, now).rank, -matter.weight, matter.since, matter.fingerprint


def _rooted(found: dict[str, Matter]) -> list[Matter]:
    """Without parents that are not there, and without circles."""
    rooted = []
    for each in found.values():
        seen, above = {each.fingerprint}, each.parent
        while above in found and above not in seen:
            seen.add(above)
            above = found[above].parent
        keeps = each.parent in found and above not in seen
        rooted.append(each if keeps or not each.parent else msgspec.structs.replace(each, parent=""))
    return rooted
