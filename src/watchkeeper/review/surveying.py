"""A landed change is looked at once: what it comes to, as one event. Pure; ``looking`` opens it.

What cannot be looked at is said in ``could_not``. A change with nothing in its lists and nothing there changed nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.controlroom.landings import LandedEntry
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.review import ChangeSurveyed, SurveyPoint
from watchkeeper.model.review_state import ReviewState
from watchkeeper.repos.messages import one_line
from watchkeeper.review.convergence import find_digests
from watchkeeper.review.looking import Asked, Looked
from watchkeeper.risk.claims import TestFile
from watchkeeper.risk.exposure import complete, expose
from watchkeeper.risk.facts import Role
from watchkeeper.risk.files import role_of
from watchkeeper.risk.points import Risk
from watchkeeper.risk.python_tests import read_python_tests
from watchkeeper.risk.script_tests import read_script_tests

MOST_OLD = 200
"""So many changes that landed before anybody surveyed are looked at when it begins; older ones never are."""
MOST_NAMES = 300
_MOST_POINTS = 40
_MOST_MISSED = 40
_NO_RUN = "which changed lines tests execute: no tests were run for this"
_PLAIN = "which changed lines tests execute: its tests were run, and nobody watched which lines they execute"
_SCRIPTS = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")


def find_unsurveyed(project: ProjectPicture, begin: str = "") -> tuple[LandedEntry, ...]:
    """What landed and was not looked at yet, the oldest first.

    Where nothing was surveyed yet, the newest 200. What landed before ``begin`` (the mark of the first that has to be
    looked at; unknown: the first that was) is left out for good.
    """
    landed, done = project.landing.landed, _surveyed(project.review)
    known = next((index for index, each in enumerate(landed) if mark_of(each) in ({begin} if begin else done)), None)
    first = known if known is not None else max(0, len(landed) - MOST_OLD)
    return tuple(each for each in landed[first:] if mark_of(each) not in done)


def _surveyed(review: ReviewState) -> frozenset[str]:
    """The marks of all landings of which an event says what they came to."""
    return frozenset(each.survey.entry or each.survey.commit for each in review.changes.values())


def mark_of(landed: LandedEntry) -> str:
    """By what a landing is known again: its entry; past the queue its commit."""
    return landed.entry.head if landed.past_queue else landed.entry.id


def make_survey(project: str, looked: Looked) -> ChangeSurveyed:
    """What a change that was opened comes to."""
    gathered, files, facts = looked.assessed.gathered, looked.assessed.files, looked.assessed.facts
    footprint, risk = gathered.party.footprint, measured_risk(looked)
    added, removed, unread = count_tests(files)
    return msgspec.structs.replace(
        _frame(project, looked.landed, looked.asked),
        commit=looked.commit,
        base=looked.base,
        title=one_line(looked.landed.entry.title or _subject(looked), 200),
        risk=risk.score,
        points=tuple(
            SurveyPoint(each.kind.value, each.weight, each.reason, each.path, each.line)
            for each in risk.points[:_MOST_POINTS]
        ),
        could_not=tuple(dict.fromkeys((*risk.could_not, *unread)))[:_MOST_MISSED],
        writes=_names(each.key for each in footprint.writes if not each.imports),
        reads=_names(each.target for each in footprint.reads),
        resources=_resources(footprint),
        files=len(facts.files),
        lines_added=sum(hunk.now_count for touch in footprint.files for hunk in touch.hunks),
        lines_removed=sum(hunk.base_count for touch in footprint.files for hunk in touch.hunks),
        tests_added=added,
        tests_removed=removed,
        digests=find_digests(files, footprint),
    )


def make_unreadable(project: str, landed: LandedEntry, asked: Asked, reason: str) -> ChangeSurveyed:
    """What is said of a change that could not be opened: that, and why. Its risk is unknown, not nothing."""
    frame = _frame(project, landed, asked)
    return msgspec.structs.replace(frame, could_not=(f"what it changes: {one_line(reason, 400)}",))


def measured_risk(looked: Looked) -> Risk:
    """The risk with what the queue's run measured, where it did: as if its lines had been known from the beginning."""
    risk, measured = looked.assessed.risk, looked.measured
    if measured is None:
        if looked.landed.tested is None:
            return risk
        return msgspec.structs.replace(
            risk, could_not=tuple(_PLAIN if each == _NO_RUN else each for each in risk.could_not)
        )
    more = complete(expose(looked.assessed.files, looked.assessed.facts), measured)
    points = sorted((*risk.points, *more.points), key=lambda each: -each.weight)
    missed = (*(each for each in risk.could_not if each != _NO_RUN), *more.could_not)
    return Risk(max(risk.score, more.score), tuple(points), missed)


def count_tests(files: Sequence[ChangedFile]) -> tuple[int, int, tuple[str, ...]]:
    """How many tests a change adds and removes, and of which files nobody can tell. A test that moved is neither."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    unread = []
    for file in files:
        if file.is_binary or _reader(file.place) is None or role_of(file.place, file.now) is not Role.TEST:
            continue
        sides = [_tests(file.base_path, file.base), _tests(file.now_path, file.now)]
        if None in sides:
            unread.append(f"how many tests {file.place} has: it could not be read")
            continue
        before.update(sides[0] or ())
        after.update(sides[1] or ())
    return (after - before).total(), (before - after).total(), tuple(unread)


def _tests(path: str | None, source: bytes | None) -> tuple[str, ...] | None:
    """The names of the tests of one side, none where it is not there; None where nobody can tell."""
    if path is None or source is None:
        return ()
    reader = _reader(path)
    found = reader(path, source) if reader is not None else None
    return tuple(each.name for each in found.cases if each.is_test) if found is not None else None


def _reader(path: str) -> Callable[[str, bytes], TestFile | None] | None:
    if path.endswith(".py"):
        return read_python_tests
    return read_script_tests if path.endswith(_SCRIPTS) else None


def _frame(project: str, landed: LandedEntry, asked: Asked) -> ChangeSurveyed:
    """What is known without opening it."""
    entry = landed.entry
    return ChangeSurveyed(
        project_name=project,
        commit=entry.head,
        base=entry.base,
        title=one_line(entry.title or entry.change, 200),
        change=entry.change,
        entry=entry.id if not landed.past_queue else type(entry.id)(""),
        author=one_line(entry.author, 200),
        issue=asked.issue,
        engagement=asked.engagement,
        agent=asked.agent,
        landed_at=landed.at,
        risk=entry.risk,
    )


def _subject(looked: Looked) -> str:
    last = looked.commits[-1].message if looked.commits else ""
    return last.lstrip().partition("\n")[0] or looked.landed.entry.change


def _names(keys: Iterable[SymbolKey]) -> tuple[str, ...]:
    return tuple(sorted({f"{key.path}:{key.qualname}" for key in keys}))[:MOST_NAMES]


def _resources(footprint: Footprint) -> tuple[str, ...]:
    touched = (each.access.resource for each in footprint.resources if not each.is_kept)
    return tuple(sorted({f"{each.kind.value}:{each.name}" for each in touched}))[:MOST_NAMES]
