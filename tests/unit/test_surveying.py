"""What a landed change comes to: tests that came and went, digests of added code, and who is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risking import change_of_texts
from watchkeeper.app import Place
from watchkeeper.code.likeness import digest_of
from watchkeeper.conflicts.standing import State
from watchkeeper.controlroom.landings import LandingReader
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.scope import ProjectSource
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import Budget, Engagement, EngagementId, EngagementSealed, Issue, IssueFiled, IssueId, Seal
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.incident_state import IncidentState
from watchkeeper.model.landing import Entry, EntryId, TargetMoved
from watchkeeper.model.review import ChangeSurveyed
from watchkeeper.model.review_state import ChangeStanding, ReviewState
from watchkeeper.record.config import load_settings
from watchkeeper.repos.repository import Repository
from watchkeeper.review.convergence import find_digests
from watchkeeper.review.looking import find_asked
from watchkeeper.review.surveying import MOST_OLD, count_tests, find_unsurveyed

RETRY = '''\
def retry(call, times=3):
    """Again."""
    for attempt in range(times):
        try:
            return call()
        except OSError as error:
            last = error  # kept
            time.sleep(2 ** attempt)
    raise last
'''
AGAIN = """\
def again_and_again(what, count=3):
    for n in range(count):
        try:
            return what()
        except OSError as fault:
            newest = fault
            time.sleep(2 ** n)
    raise newest
"""


def digests(text: str) -> tuple[str, ...]:
    files, footprint, _ = change_of_texts({}, {"a.py": text})
    return find_digests(tuple(files), footprint)


def test_a_helper_that_was_written_twice_under_two_names_has_one_digest() -> None:
    one, two = digests(RETRY.replace('    """Again."""\n', "")), digests(AGAIN)

    assert one == two
    assert len(one) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [("OSError", "ValueError"), ("time.sleep", "time.wait"), ("2 **", "3 **"), ("return call()", "call()")],
)
def test_what_does_something_else_has_another(old: str, new: str) -> None:
    assert old in RETRY
    assert digests(RETRY.replace(old, new)) != digests(RETRY)


def test_short_code_and_tests_have_none() -> None:
    assert digests("def name(self):\n    return self._name\n") == ()
    files, footprint, _ = change_of_texts({}, {"tests/test_a.py": RETRY})
    assert find_digests(tuple(files), footprint) == ()


@given(st.text(max_size=400))
def test_whatever_the_text_a_digest_is_one_word_or_none(text: str) -> None:
    found = digest_of(text)

    assert found is None or (len(found) == 16 and found == digest_of(text))


TEST = "def test_one():\n    assert one() == 1\n\n\ndef test_two():\n    assert two() == 2\n"


@pytest.mark.parametrize(
    ("base", "now", "wanted"),
    [
        ({}, {"tests/test_a.py": TEST}, (2, 0)),
        ({"tests/test_a.py": TEST}, {"tests/test_a.py": None}, (0, 2)),
        ({"tests/test_a.py": TEST}, {"tests/test_a.py": TEST.replace("two():\n    a", "three():\n    a", 1)}, (1, 1)),
        ({"tests/test_a.py": TEST}, {"tests/test_a.py": None, "tests/test_b.py": TEST}, (0, 0)),
        ({}, {"a.py": TEST}, (0, 0)),
    ],
)
def test_tests_are_counted_by_name_and_one_that_moved_is_neither(
    base: dict[str, str], now: dict[str, str | None], wanted: tuple[int, int]
) -> None:
    files, _, _ = change_of_texts(base, now)

    assert count_tests(files)[:2] == wanted


def test_of_a_test_file_that_cannot_be_read_nothing_is_counted_and_that_is_said() -> None:
    files, _, _ = change_of_texts({"tests/test_a.py": TEST}, {"tests/test_a.py": "def test_one(:\n"})

    assert count_tests(files) == (0, 0, ("how many tests tests/test_a.py has: it could not be read",))


def picture(landed: int, surveyed: set[int]) -> ProjectPicture:
    place = Place(Repository(ProjectId("p"), Path("/nowhere")), load_settings([], {}), Path("/nowhere"))
    reader, shas = LandingReader(), [Sha(f"{n:040x}") for n in range(landed)]
    for number, sha in enumerate(shas):
        entry = Entry(EntryId(f"past-{number}/1"), ChangeId(f"past-{number}"), sha, is_picked=True)
        moved = TargetMoved(sha, sha, sha, (entry,))
        reader.take([Recorded(Seq(number + 1), Millis(number), ProjectId("p"), moved)])
    changes = {shas[n]: ChangeStanding(ChangeSurveyed("shop", shas[n], None, "t"), Seq(n), Millis(n)) for n in surveyed}
    return ProjectPicture(
        ProjectSource("shop", place), State(), FleetState(), reader.picture(), IncidentState(), ReviewState(changes)
    )


def test_at_first_the_newest_are_looked_at_the_oldest_of_them_first() -> None:
    found = find_unsurveyed(picture(MOST_OLD + 50, set()))

    assert len(found) == MOST_OLD
    assert [each.entry.id for each in found[:2]] == ["past-50/1", "past-51/1"]


def test_what_landed_before_the_first_that_was_surveyed_is_left_out_for_good() -> None:
    found = find_unsurveyed(picture(MOST_OLD + 50, {50, 51, 60}))

    assert len(found) == MOST_OLD - 3
    assert found[0].entry.id == "past-52/1"


@given(st.sets(st.integers(0, 29)))
def test_whatever_was_surveyed_in_between_each_other_is_looked_at_once(surveyed: set[int]) -> None:
    found = [int(each.entry.head, 16) for each in find_unsurveyed(picture(30, surveyed))]

    first = min(surveyed, default=0)
    assert found == [n for n in range(first, 30) if n not in surveyed]


def asked_of(entry: Entry) -> tuple[str, str, str]:
    seal = Seal(Sha("a" * 40), (), Budget(), "d")
    engagement = Engagement(
        EngagementId("e-1"), "engineer-resolves-issue", IssueId("shop#7"), "codex", seal, branch="e-1-x"
    )
    events = [IssueFiled(Issue(IssueId("shop#7"), "Round prices", "Half up")), EngagementSealed(engagement)]
    state = fold_fleet(Recorded(Seq(number), Millis(1), ProjectId("p"), each) for number, each in enumerate(events, 1))
    found = find_asked(state, entry, {})
    return found.issue, found.text, found.agent


def test_who_asked_is_known_by_the_engagements_branch_the_issues_id_or_its_number() -> None:
    text = "Round prices\nHalf up"

    assert asked_of(Entry(EntryId("e-1-x/1"), ChangeId("e-1-x"), Sha("b" * 40))) == ("shop#7", text, "codex")
    assert asked_of(Entry(EntryId("a/1"), ChangeId("a"), Sha("b" * 40), issue="#7")) == ("shop#7", text, "")
    assert asked_of(Entry(EntryId("a/1"), ChangeId("a"), Sha("b" * 40), issue="shop#7")) == ("shop#7", text, "")
    assert asked_of(Entry(EntryId("a/1"), ChangeId("a"), Sha("b" * 40), issue="by mail")) == ("by mail", "", "")
