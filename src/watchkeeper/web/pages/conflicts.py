"""Conflicts: who meets whom, and a page for each with both sides, the proof, the history and what can be done."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

from watchkeeper.conflicts.standing import Status, find_living
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.conflicts import Evidence
from watchkeeper.model.ids import ChangeId, ConflictId
from watchkeeper.web.drawings import Cell, draw_matrix
from watchkeeper.web.pages.asking import Answer, Asking, cut, require
from watchkeeper.web.pages.rows import ConflictRow, conflict_rows, names_of
from watchkeeper.web.pages.telling import Line, lines_of
from watchkeeper.web.words import look_of, status_word

_HISTORY = 200
_MOST_MATRIX = 24


class Side(NamedTuple):
    """One change of a conflict, as it is shown beside the other: who, where, and its lines."""

    change: ChangeId
    name: str
    agent: str
    path: str
    branch: str
    evidence: tuple[Evidence, ...]
    entry: str  # in the queue, where it is there
    is_held: bool
    session: str


def show_list(asking: Asking) -> Answer:
    """Problems alone; ``show=all``: what is dismissed, closed or mere information too."""
    rows = conflict_rows(asking)
    words = asking.query.get("q", "").strip().lower()
    found = [
        each for each in rows if words in f"{each.state.conflict.summary} {' '.join(each.who)} {each.project}".lower()
    ]
    matrix = draw_matrix(*_matrix([each for each in found if each.state.status is Status.OPEN]))
    return Answer("Conflicts", "conflicts.html", {"part": cut(asking, found), "matrix": matrix}, "conflicts")


def _matrix(rows: list[ConflictRow]) -> tuple[list[str], list[Cell]]:
    """The changes that meet, those with the most first, and the gravest conflict of each two."""
    count: dict[str, int] = {}
    worst: dict[tuple[str, str], ConflictRow] = {}
    for row in rows:
        named = [f"{row.project}: {each}" if row.project else each for each in row.who]
        for each in named:
            count[each] = count.get(each, 0) + 1
        for one, other in combinations(sorted(set(named)), 2):
            known = worst.get((one, other))
            if known is None or row.state.severity.rank > known.state.severity.rank:
                worst[one, other] = row
    names = sorted(count, key=lambda each: (-count[each], each))[:_MOST_MATRIX]
    cells = [
        Cell(one, other, f"/conflicts/{row.state.conflict.id}", look_of(row.state.severity), row.state.conflict.summary)
        for (one, other), row in worst.items()
        if one in names and other in names
    ]
    return sorted(names), cells


def show_one(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``) where no project knows it."""
    identity = ConflictId(asking.params["conflict"])
    name, project = require(
        next(((n, p) for n, p in asking.picture.projects.items() if identity in p.standing.conflicts), None),
        "conflict",
        identity,
    )
    state = project.standing.conflicts[identity]
    living = find_living(project.standing.conflicts, identity)
    conflict = state.conflict
    sides = tuple(_side(project, each, conflict.evidence) for each in conflict.changes)
    context = {
        "project": name,
        "state": state,
        "conflict": conflict,
        "sides": sides,
        "merged": [each for each in conflict.evidence if not each.change],
        "status": status_word(state),
        "heir": living.conflict.id if living is not None and living.conflict.id != identity else "",
        "notices": [each for each in project.standing.notices.values() if each.notice.conflict == identity],
        "matter": next((each for each in asking.room.matters(asking.picture) if each.about == identity), None),
        "history": _history(asking, project, identity),
        "is_open": state.status is Status.OPEN,
    }
    return Answer(f"Conflict {identity}", "conflict.html", context, "conflicts")


def _side(project: ProjectPicture, change: ChangeId, evidence: tuple[Evidence, ...]) -> Side:
    known = project.standing.changes.get(change)
    session = next((each.session for each in project.standing.sessions.values() if each.session.change == change), None)
    row = next(
        (each for each in project.landing.view.rows if each.id.rpartition("/")[0] in _keys(project, change)), None
    )
    return Side(
        change,
        names_of(project, (change,))[0],
        session.agent if session is not None else (known.author if known is not None else ""),
        known.path if known is not None else "",
        known.branch if known is not None else "",
        tuple(each for each in evidence if each.change == change),
        row.id if row is not None else "",
        row is not None and row.place.value == "held",
        session.id if session is not None else "",
    )


def _keys(project: ProjectPicture, change: ChangeId) -> set[str]:
    """By what the queue may know it: its own name, or its branch."""
    known = project.standing.changes.get(change)
    return {str(change), *([known.branch] if known is not None and known.branch else [])}


def _history(asking: Asking, project: ProjectPicture, identity: ConflictId) -> list[Line]:
    """What was recorded of it, the newest first."""
    recorded = asking.latest(project.source.project, _HISTORY, identity)
    return lines_of(reversed(recorded), project)
