"""What shows that a landed change was wrong, each with what looks like it and is not; and how points are scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from watchkeeper.app import Place
from watchkeeper.conflicts.standing import State
from watchkeeper.controlroom.landings import LandedEntry, LandingReader
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.scope import ProjectSource
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.incident_state import IncidentStanding, IncidentState
from watchkeeper.model.incidents import Attribution, Incident, IncidentId, IncidentKind, Origin, Party, Role, Tier
from watchkeeper.model.landing import Entry, EntryId, EntryQueued
from watchkeeper.model.review import ChangeFoundWrong, ChangeReviewed, ChangeSurveyed, SurveyPoint, WrongHow
from watchkeeper.model.review_state import ChangeStanding, ReviewState
from watchkeeper.record.config import load_settings
from watchkeeper.repos.authors import OldCommit
from watchkeeper.repos.messages import render_revert
from watchkeeper.repos.repository import Repository
from watchkeeper.review.looking import Asked, Looked
from watchkeeper.review.outcomes import count_points, find_from_incidents, find_wrong

LANDED, OWN, NEW = Sha("1a2b3c4d" * 5), Sha("9f8e7d6c" * 5), Sha("deadbee1" * 5)
ENTRY = EntryId("cart/1")


def survey(commit: Sha = LANDED, *points: str, entry: EntryId = ENTRY) -> ChangeSurveyed:
    told = tuple(SurveyPoint(kind, 5, kind) for kind in points)
    return ChangeSurveyed("shop", commit, None, "Cart", ChangeId("cart"), entry, points=told)


def project(*surveys: ChangeSurveyed) -> ProjectPicture:
    place = Place(Repository(ProjectId("p"), Path("/nowhere")), load_settings([], {}), Path("/nowhere"))
    reader = LandingReader()
    reader.take([Recorded(Seq(1), Millis(1), ProjectId("p"), EntryQueued(Entry(ENTRY, ChangeId("cart"), OWN)))])
    changes = {each.commit: ChangeStanding(each, Seq(2), Millis(2)) for each in surveys or (survey(),)}
    return ProjectPicture(
        ProjectSource("shop", place), State(), FleetState(), reader.picture(), IncidentState(), ReviewState(changes)
    )


def found(message: str, *, issue: str = "") -> list[tuple[Sha, WrongHow]]:
    """Which changes a new one with this message, for that issue, shows to have been wrong."""
    commit = OldCommit(NEW, NEW, (LANDED,), "Ada <a@b> 1 +0000", message)
    landed = LandedEntry(Entry(EntryId("fix/1"), ChangeId("fix"), NEW, title="Fix"), NEW, LANDED, Millis(3), Seq(3))
    unopened: Any = None  # nothing of the code is asked
    looked = Looked(landed, NEW, LANDED, (commit,), unopened, Asked(issue="shop#2", text=issue))
    return [(each.commit, each.how) for each in find_wrong(looked, NEW, project())]


REVERTS = (
    f'Revert "Cart"\n\nThis reverts commit {LANDED}.\n',
    f'Revert "Cart"\n\nThis reverts commit {OWN}.\n',
    render_revert("Cart", ENTRY, LANDED),
)


@pytest.mark.parametrize("message", REVERTS)
def test_who_is_taken_out_again_was_wrong(message: str) -> None:
    assert found(message) == [(LANDED, WrongHow.REVERT)]


FIXES = (
    f'Round prices\n\nFixes: {LANDED[:12]} ("Cart")\n',
    f"Round prices\n\nfixes {LANDED[:8]}\n",
    f"Fix {OWN[:10]}: prices were cut off\n",
    f"Round prices\n\nThis repairs commit {LANDED[:10]}, which cut them off.\n",
)


@pytest.mark.parametrize("message", FIXES)
def test_who_is_mended_was_wrong(message: str) -> None:
    assert found(message) == [(LANDED, WrongHow.FIX)]


NOTHING = (
    f"As in {LANDED[:10]}, prices are rounded\n",
    f"Round prices\n\nSee {LANDED[:10]} for the style.\n",
    f"Round prices\n\nFollows {LANDED}.\n",
    "Fixes #12\n",
    f"Fixes: {'0' * 12}\n",
    "Fix defaced pages\n",
    f"Fixes: {LANDED[:5]}\n",
    f"Round prices\n\n> This reverts commit {LANDED}.\n",
    f"Fixes: {Sha('5' * 39 + 'a')}\n",
)


@pytest.mark.parametrize("message", NOTHING)
def test_who_is_merely_named_was_not(message: str) -> None:
    assert found(message) == []


def test_an_issue_that_says_that_a_commit_broke_it_scores_that_commit() -> None:
    assert found("Round prices\n", issue=f"Totals are wrong\nbroken by {LANDED[:10]}") == [(LANDED, WrongHow.FIX)]
    assert found("Round prices\n", issue=f"Totals\n{LANDED[:10]} broke the totals") == [(LANDED, WrongHow.FIX)]
    assert found("Round prices\n", issue=f"Do it as {LANDED[:10]} does") == []


def test_a_revert_that_also_says_that_it_mends_counts_once() -> None:
    message = f'Revert "Cart"\n\nThis reverts commit {LANDED}.\n\nFixes: {LANDED[:12]}\n'

    assert found(message) == [(LANDED, WrongHow.REVERT)]


def test_a_short_name_that_fits_two_changes_names_none() -> None:
    other = survey(Sha("1a2b3c4d" + "0" * 32), entry=EntryId("other/1"))
    picture = project(survey(), other)
    commit = OldCommit(NEW, NEW, (LANDED,), "Ada <a@b> 1 +0000", f"Fixes: {LANDED[:8]}\n")
    landed = LandedEntry(Entry(EntryId("fix/1"), ChangeId("fix"), NEW), NEW, LANDED, Millis(3), Seq(3))
    unopened: Any = None
    looked = Looked(landed, NEW, LANDED, (commit,), unopened, Asked())

    assert find_wrong(looked, NEW, picture) == ()


def incidents(commit: Sha, confidence: float) -> IncidentState:
    origin = Origin("cart.py", 1, commit=commit, confidence=confidence)
    party = Party(1, Role.BOTH, attribution=Attribution(Tier.TAG, (origin,)))
    incident = Incident(
        IncidentId("i-1"), "f", IncidentKind.CYCLE, "shop", "Two wait for each other", Millis(1), Millis(2), (party,)
    )
    return IncidentState(incidents={incident.id: IncidentStanding(incident, Millis(1), Millis(1), Millis(1))})


@pytest.mark.parametrize("commit", [LANDED, OWN])
def test_who_is_most_likely_a_party_to_an_incident_was_wrong_and_a_guess_is_not(commit: Sha) -> None:
    picture = project()

    told = find_from_incidents(incidents(commit, 0.9), picture.review, picture.landing.entries)
    guess = find_from_incidents(incidents(commit, 0.3), picture.review, picture.landing.entries)

    assert [(each.commit, each.how, each.by) for each in told] == [(LANDED, WrongHow.INCIDENT, "i-1")]
    assert guess == ()


def test_an_incident_that_is_known_is_not_told_again() -> None:
    picture = project()
    (told,) = find_from_incidents(incidents(LANDED, 1.0), picture.review, picture.landing.entries)
    known = msgspec.structs.replace(picture.review.changes[LANDED], wrong=(told,))

    assert find_from_incidents(incidents(LANDED, 1.0), ReviewState({LANDED: known}), picture.landing.entries) == ()


def test_a_point_is_right_where_its_change_was_wrong_and_a_false_alarm_where_it_was_read() -> None:
    wrong = (ChangeFoundWrong(LANDED, WrongHow.REVERT),)
    read = ChangeReviewed(LANDED, "ada")
    standings = [
        ChangeStanding(survey(Sha("1" * 40), "auth", "size"), Seq(1), Millis(1), None, wrong),
        ChangeStanding(survey(Sha("2" * 40), "auth", "auth"), Seq(2), Millis(1), read, wrong),
        ChangeStanding(survey(Sha("3" * 40), "auth", "money"), Seq(3), Millis(1), read),
        ChangeStanding(survey(Sha("4" * 40), "auth"), Seq(4), Millis(1)),
        ChangeStanding(survey(Sha("5" * 40)), Seq(5), Millis(1), None, wrong),
    ]

    record = count_points({each.survey.commit: each for each in standings})

    told = {each.kind: (each.raised, each.wrong, each.fine, each.precision) for each in record.kinds}
    assert told == {"auth": (4, 2, 1, 2 / 3), "money": (1, 0, 1, 0.0), "size": (1, 1, 0, 1.0)}
    assert (record.surveyed, record.wrong, record.missed) == (5, 3, 1)


def test_what_nobody_has_looked_at_has_no_precision() -> None:
    record = count_points({LANDED: ChangeStanding(survey(LANDED, "auth"), Seq(1), Millis(1))})

    assert record.kinds[0].precision is None
