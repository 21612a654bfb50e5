"""What shows that a landed change was wrong, and how often each kind of risk point was right about it. Pure.

A point is right where its change turned out to be wrong: it was taken out again, another change says that it mends it,
a person said so, or an incident was traced to it. It was a false alarm where a person has read the change and found
nothing. What nobody has looked at says nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.ids import Sha
from watchkeeper.model.incident_state import IncidentState
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.model.review import ChangeFoundWrong, ChangeSurveyed, WrongHow
from watchkeeper.model.review_state import ChangeStanding, ReviewState
from watchkeeper.repos.messages import REVERT, one_line
from watchkeeper.review.looking import Looked

_LEAST_SHA = 7
_SHA = r"[0-9a-f]{7,40}"
_REVERTS = (
    re.compile(rf"^This reverts commit ({_SHA})\b", re.MULTILINE),
    re.compile(rf"out again, which landed as ({_SHA})\b"),
)
_FIXES = re.compile(
    rf"^(?:Fixes:\s*|(?:.*?\b)?(?:fix(?:es|ed)?|repairs?|mends?|corrects?)\s+(?:up\s+)?(?:(?:commit|change)\s+)?)"
    rf"({_SHA})\b",
    re.IGNORECASE | re.MULTILINE,
)
_BROKE = re.compile(
    rf"\b(?:broken|caused|introduced|regressed|regression)\b[^.\n]{{0,60}}?\b({_SHA})\b"
    rf"|\b({_SHA})\b[^.\n]{{0,30}}?\b(?:broke|breaks|caused|causes|introduced|introduces|regressed)\b",
    re.IGNORECASE,
)
_LIKELY = 0.5
"""An origin of an incident that has less than half of the weight is one of several guesses."""


def find_wrong(looked: Looked, commit: Sha, project: ProjectPicture, more: Sequence[ChangeSurveyed] = ()) -> tuple[
    ChangeFoundWrong, ...
]:  # fmt: skip
    """Which changes that landed before were wrong, as ``commit`` shows by what it says of them. Each once.

    ``more`` are surveys that are about to be recorded with it.
    """
    known = [*(each.survey for each in project.review.changes.values()), *more]
    found: dict[tuple[Sha, WrongHow], ChangeFoundWrong] = {}
    for how, sha in _named(looked):
        wrong = _find_change(known, project, sha)
        if wrong is not None and wrong.commit != commit:
            what = one_line(looked.landed.entry.title or looked.landed.entry.change, 200)
            found.setdefault((wrong.commit, how), ChangeFoundWrong(wrong.commit, how, what, commit))
    taken_out = {wrong for wrong, how in found if how is WrongHow.REVERT}
    return tuple(each for (wrong, how), each in found.items() if how is WrongHow.REVERT or wrong not in taken_out)


def find_from_incidents(incidents: IncidentState, review: ReviewState, entries: Mapping[EntryId, Entry]) -> tuple[
    ChangeFoundWrong, ...
]:  # fmt: skip
    """Landed changes that are surely, or most likely, parties to an incident, and of which this is not known yet."""
    found: dict[tuple[Sha, str], ChangeFoundWrong] = {}
    by_head = {each.head: identity for identity, each in entries.items()}
    for standing in incidents.incidents.values():
        incident = standing.incident
        for party in incident.parties:
            for origin in party.attribution.origins:
                if origin.confidence < _LIKELY or origin.commit is None:
                    continue
                change = _change_of(origin.commit, origin.change, review, by_head)
                if change is not None and not _is_known(change, WrongHow.INCIDENT, incident.id):
                    wrong = ChangeFoundWrong(
                        change.survey.commit, WrongHow.INCIDENT, one_line(incident.summary, 200), incident.id
                    )
                    found.setdefault((wrong.commit, wrong.by), wrong)
    return tuple(found.values())


class PointRecord(msgspec.Struct, frozen=True):
    """What became of the changes that had a point of this kind; each change counts once."""

    kind: str
    raised: int = 0
    wrong: int = 0
    fine: int = 0  # a person has read it, and it was not found wrong since

    @property
    def precision(self) -> float | None:
        """The share of wrong ones among those of which it is known; None where there is none."""
        return self.wrong / (self.wrong + self.fine) if self.wrong + self.fine else None


class RiskRecord(msgspec.Struct, frozen=True):
    """All kinds of points, the most often raised first; and how many wrong changes no point spoke of (``missed``)."""

    kinds: tuple[PointRecord, ...] = ()
    surveyed: int = 0
    wrong: int = 0
    missed: int = 0


def count_points(changes: Mapping[Sha, ChangeStanding]) -> RiskRecord:
    """The record of risk's points, from all landed changes that were surveyed."""
    raised: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    fine: Counter[str] = Counter()
    for each in changes.values():
        kinds = {point.kind for point in each.survey.points}
        raised.update(kinds)
        if each.wrong:
            wrong.update(kinds)
        elif each.reviewed is not None:
            fine.update(kinds)
    records = tuple(
        PointRecord(kind, count, wrong[kind], fine[kind])
        for kind, count in sorted(raised.items(), key=lambda each: (-each[1], each[0]))
    )
    bad = [each for each in changes.values() if each.wrong]
    missed = sum(1 for each in bad if not each.survey.points)
    return RiskRecord(records, len(changes), len(bad), missed)


def _named(looked: Looked) -> Iterator[tuple[WrongHow, str]]:
    """What the commits, and the issue, name by its commit; of our own reverts the entry."""
    for commit in looked.commits:
        message = commit.message
        for pattern in _REVERTS:
            yield from ((WrongHow.REVERT, sha) for sha in pattern.findall(message))
        for entry in re.findall(rf"^{REVERT}: (\S+)[ \t]*$", message, re.MULTILINE):
            yield WrongHow.REVERT, f"entry {entry}"
        yield from ((WrongHow.FIX, sha.lower()) for sha in _FIXES.findall(message) if _is_sha(sha))
    for one, other in _BROKE.findall(looked.asked.text):
        if _is_sha(one or other):
            yield WrongHow.FIX, (one or other).lower()


def _is_sha(text: str) -> bool:
    """A word of letters alone (``defaced``), or a number, is no commit."""
    return any(each.isdigit() for each in text) and any(each.isalpha() for each in text)


def _find_change(known: Sequence[ChangeSurveyed], project: ProjectPicture, name: str) -> ChangeSurveyed | None:
    """The surveyed change whose landing commit, or own commit, begins so; None where none or several do."""
    if name.startswith("entry "):
        return next((each for each in known if each.entry and each.entry == name[6:]), None)
    if len(name) < _LEAST_SHA:
        return None
    entries = project.landing.entries
    found = {}
    for each in known:
        own = entries[each.entry].head if each.entry in entries else each.commit
        if each.commit.startswith(name) or own.startswith(name):
            found[each.commit] = each
    return next(iter(found.values())) if len(found) == 1 else None


def _change_of(commit: Sha, change: str, review: ReviewState, by_head: Mapping[Sha, EntryId]) -> ChangeStanding | None:
    if commit in review.changes:
        return review.changes[commit]
    entry = by_head.get(commit)
    for each in review.changes.values():
        if (entry is not None and each.survey.entry == entry) or (change and each.survey.change == change):
            return each
    return None


def _is_known(change: ChangeStanding, how: WrongHow, by: str) -> bool:
    return any((each.how, each.by) == (how, by) for each in change.wrong)
