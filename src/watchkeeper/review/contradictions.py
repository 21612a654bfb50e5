"""Decisions that contradict each other: one subject, and another choice; within a project, and across projects. Pure.

What was read off a diff has a subject by which it is known for sure. What was said in words has not: there two are
held against each other by their words, and told as what may contradict, the likeliest first and few of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.review import DecisionKind
from watchkeeper.model.review_state import DecisionStanding


class Contradiction(NamedTuple):
    """Decisions about one subject that chose differently; the oldest first. ``projects`` are where each was made.

    ``is_sure``: by a subject that is the same for certain. ``is_mild``: another version of the same thing.
    """

    subject: str
    decisions: tuple[DecisionStanding, ...]
    projects: tuple[str, ...]
    is_sure: bool = True
    is_mild: bool = False


Made = tuple[str, DecisionStanding]
"""A project, and a decision that was made in it."""

_OPINIONS = frozenset({DecisionKind.DEPENDENCY, DecisionKind.ENVIRONMENT, DecisionKind.DEFAULT})
"""Kinds of which two with one subject and another choice contradict each other: two routes of one name do not."""
_OWN = ("default:", "auth:", "public:")
"""Subjects that are places in one project's code."""
_MOST_UNSURE = 5
_LEAST_SHARED, _ALIKE, _SAME_CHOICE = 2, 0.5, 0.7
_WORD = re.compile(r"[a-z][a-z0-9_.-]*|\d+(?:\.\d+)?")
_STOP = frozenset(
    "a an and are as at be by chose choose chosen choice decide decided decision for from go had has have here how i in"
    " into is it its keep kept not now of on only or our per shall should so take takes than that the their them then"
    " there they this to up use used uses using via was we went were what when which will with would you new add added"
    " instead rather favour favor no never always without".split()
)
_NEGATIONS = frozenset({"not", "no", "never", "without", "nothing", "none", "cannot"})


def find_contradictions(projects: Mapping[str, ProjectPicture]) -> tuple[Contradiction, ...]:
    """Those that nobody has settled: where a person has judged all of them, there is none."""
    made = [(name, each) for name, project in projects.items() for each in project.review.decisions.values()]
    return (*_sure(made), *_unsure([each for each in made if each[1].decision.kind is DecisionKind.STATED]))


def _sure(made: Iterable[Made]) -> Iterable[Contradiction]:
    told: dict[tuple[str, str], list[Made]] = {}
    for name, each in made:
        subject = each.decision.subject
        if subject and each.decision.kind in _OPINIONS:
            told.setdefault((name if subject.startswith(_OWN) else "", subject), []).append((name, each))
    for (_, subject), those in told.items():
        newest = _newest_of_each(those)
        choices = {_plain(each.decision.choice) for _, each in newest}
        if len(choices) > 1 and _is_open(newest):
            kinds = {re.sub(r"[\d.,<>=~^!*\s]+", "", each) for each in choices}
            is_version = newest[0][1].decision.kind is DecisionKind.DEPENDENCY and len(kinds) == 1
            yield _contradiction(subject, newest, is_mild=is_version)


def _unsure(made: Iterable[Made]) -> Iterable[Contradiction]:
    """Pairs of what was said; each decision is in one of them at most."""
    found: list[tuple[float, Made, Made]] = []
    for one, other in combinations(_newest_of_each(made), 2):
        likeness = _likeness(one[1], other[1]) if _maker(one[1]) != _maker(other[1]) else 0.0
        if likeness and _is_open((one, other)):
            found.append((likeness, one, other))
    used: set[str] = set()
    told: set[frozenset[str]] = set()  # a change may say the same in its message and in a record
    for _, one, other in sorted(found, key=lambda each: (-each[0], each[1][1].seq, each[2][1].seq)):
        changes = frozenset((_maker(one[1]), _maker(other[1])))
        if (
            len(told) < _MOST_UNSURE
            and changes not in told
            and used.isdisjoint((one[1].decision.id, other[1].decision.id))
        ):
            used |= {one[1].decision.id, other[1].decision.id}
            told.add(changes)
            shared = sorted(_about(one[1]) & _about(other[1]))
            yield _contradiction(" ".join(shared[:4]), (one, other), is_sure=False)


def _likeness(one: DecisionStanding, other: DecisionStanding) -> float:
    """How much two are about the same, 0 where they are not, or do not differ."""
    mine, theirs = _about(one), _about(other)
    shared = mine & theirs
    likeness = len(shared) / max(1, min(len(mine), len(theirs)))
    if len(shared) < min(_LEAST_SHARED, len(mine), len(theirs)) or likeness < _ALIKE:
        return 0.0
    return likeness if _differ(one, other) else 0.0


def _differ(one: DecisionStanding, other: DecisionStanding) -> bool:
    """Another choice: other words on both sides, another number, the opposite, or the same two the other way round."""
    first, second = one.decision.choice.lower(), other.decision.choice.lower()
    if _plain(first) == _plain(second):
        return False
    if _swapped(first, second):
        return True
    if bool(_NEGATIONS.intersection(_WORD.findall(first))) != bool(_NEGATIONS.intersection(_WORD.findall(second))):
        return True
    numbers = [set(re.findall(r"\d+(?:\.\d+)?", each)) for each in (first, second)]
    if all(numbers) and numbers[0].isdisjoint(numbers[1]):
        return True
    mine, theirs = _words(first), _words(second)
    return bool(mine - theirs and theirs - mine) and len(mine & theirs) / max(1, len(mine | theirs)) < _SAME_CHOICE


def _swapped(first: str, second: str) -> bool:
    """``a instead of b`` against ``b instead of a``."""
    sides = [
        re.split(r"\b(?:instead of|rather than|in favou?r of|over)\b", each, maxsplit=1) for each in (first, second)
    ]
    if any(len(each) < 2 for each in sides):
        return False
    (one, not_one), (two, not_two) = ([_words(part) for part in each] for each in sides)
    return bool(one & not_two) and bool(two & not_one)


def _about(standing: DecisionStanding) -> frozenset[str]:
    """The words of what it is about: its title, where that is not the choice itself."""
    decision = standing.decision
    return _words(decision.title)


def _words(text: str) -> frozenset[str]:
    """Words that say something, without their endings."""
    found = (each.strip(".-") for each in _WORD.findall(text.lower()))
    return frozenset(_stem(each) for each in found if each and each not in _STOP)


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            return word[: -len(ending)]
    return word


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def _is_open(those: Iterable[Made]) -> bool:
    return any(each.judged is None for _, each in those)


def _newest_of_each(those: Iterable[Made]) -> list[Made]:
    """One change may decide the same again and otherwise in its next revision: that replaces the first."""
    newest: dict[tuple[str, str, str], Made] = {}
    for name, each in those:
        newest[name, _maker(each), each.decision.subject or each.decision.id] = (name, each)
    return list(newest.values())


def _maker(standing: DecisionStanding) -> str:
    """The change in which it was decided, else what is known of where it comes from."""
    decision = standing.decision
    return decision.commit or decision.change or decision.engagement or decision.issue or decision.id


def _contradiction(
    subject: str, those: Iterable[Made], *, is_sure: bool = True, is_mild: bool = False
) -> Contradiction:
    ordered = sorted(those, key=lambda made: made[1].seq)
    decisions, projects = tuple(each for _, each in ordered), tuple(name for name, _ in ordered)
    return Contradiction(subject, decisions, projects, is_sure, is_mild)
