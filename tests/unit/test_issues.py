"""Issues without a disk: numbers, names, dependencies, sources, merges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from watchkeeper.forge.acts import own_acts
from watchkeeper.forge.filing import Filed, Outcome, next_number, plan_filing
from watchkeeper.forge.merging import merged
from watchkeeper.forge.names import find_issue, project_name, require_no_cycle
from watchkeeper.forge.port import Draft
from watchkeeper.model.errors import UsageError
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.fleet import (
    Closing,
    Issue,
    IssueClosed,
    IssueCommented,
    IssueEdited,
    IssueFiled,
    IssueId,
    IssueReopened,
    IssueState,
)
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId, Seq

NOON = Millis(1_772_366_400_000)
IDS = [IssueId(each) for each in ("shop#1", "shop#2", "shop#12", "github:octo-org/shop#2", "github:octo-org/shop#7")]


def state_of(*events: Event) -> FleetState:
    return fold_fleet(recorded(events))


def recorded(events: Sequence[Event]) -> list[Recorded]:
    return [Recorded(Seq(number), NOON, ProjectId("p"), event) for number, event in enumerate(events, 1)]


def filing(state: FleetState, *drafts: Draft, before: dict[str, Draft] | None = None) -> tuple[FleetState, list[Filed]]:
    """The state after filing, and what became of the drafts."""
    plan = plan_filing(state, drafts, name="shop", at=NOON, by="ada", before=before)
    events = [
        Recorded(Seq(state.seq + number), NOON, ProjectId("p"), event) for number, event in enumerate(plan.events, 1)
    ]
    return fold_fleet(events, state), list(plan.filed)


# Names


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("shop.git", "shop"),
        ("My Shop!", "My-Shop"),
        ("...", "project"),
        ("ünï", "ünï"),
        ("a" * 99, "a" * 40),
    ],
)
def test_a_project_is_called_as_its_folder(folder: str, name: str) -> None:
    assert project_name(folder) == name


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("shop#1", "shop#1"),
        ("#1", "shop#1"),
        (" 12 ", "shop#12"),
        ("7", "github:octo-org/shop#7"),
        ("SHOP#2", "shop#2"),
        ("octo-org/shop#2", "github:octo-org/shop#2"),
    ],
)
def test_an_issue_is_found_by_what_people_type(text: str, meant: str) -> None:
    assert find_issue(IDS, text) == meant


@pytest.mark.parametrize(
    ("text", "slug", "said"),
    [
        ("2", "ambiguous-issue", "may mean 2 issues: shop#2, github:octo-org/shop#2"),
        ("13", "unknown-issue", "did you mean shop#12, shop#1?"),
        ("shpo#1", "unknown-issue", "did you mean shop#1"),
        ("", "unknown-issue", "There is no issue ''"),
        ("#", "unknown-issue", "There is no issue '#'"),
        ("\x1b[2J", "unknown-issue", "There is no issue"),
    ],
)
def test_what_means_no_issue_or_several_is_answered_with_those_that_are_near(text: str, slug: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        find_issue(IDS, text)

    assert raised.value.slug == slug
    assert said in raised.value.message


def test_numbers_go_on_from_the_highest_ever_and_only_of_that_name() -> None:
    assert next_number([], "shop") == 1
    assert next_number(IDS, "shop") == 13
    assert next_number([*IDS, IssueId("shop#x"), IssueId("shop#")], "shop") == 13


def test_a_cycle_is_told_with_its_way_and_a_diamond_is_none() -> None:
    one, two, three, four = (IssueId(f"shop#{number}") for number in range(1, 5))

    require_no_cycle({one: [two, three], two: [four], three: [four]}, [one, two, three, four])
    with pytest.raises(UsageError, match="shop#1 would wait for itself: shop#1 -> shop#2 -> shop#3 -> shop#1"):
        require_no_cycle({one: [two], two: [three], three: [one]}, [one])
    with pytest.raises(UsageError, match="shop#4 -> shop#4"):
        require_no_cycle({four: [four]}, [four])


# Filing


def test_drafts_that_are_filed_together_may_depend_on_each_other_in_any_order() -> None:
    state, filed = filing(
        FleetState(), Draft("b", key="b", depends_on=("a",)), Draft("a", key="a"), Draft("c", depends_on=("#b", "1"))
    )

    assert [each.id for each in filed] == ["shop#1", "shop#2", "shop#3"]
    assert state.issues[IssueId("shop#1")].issue.depends_on == ("shop#2",)
    assert state.issues[IssueId("shop#3")].issue.depends_on == ("shop#1",)


@pytest.mark.parametrize(
    ("drafts", "slug"),
    [
        ([Draft("a"), Draft("b", depends_on=("nowhere",))], "unknown-issue"),
        ([Draft("a", key="a", depends_on=("b",)), Draft("b", key="b", depends_on=("a",))], "issue-cycle"),
        ([Draft("a", key="a", depends_on=("a",))], "issue-cycle"),
        ([Draft("a"), Draft("b", parent="nowhere")], "unknown-issue"),
        ([Draft("a"), Draft("")], "issue-title"),
    ],
)
def test_of_drafts_with_a_mistake_none_is_filed(drafts: list[Draft], slug: str) -> None:
    with pytest.raises(UsageError) as raised:
        plan_filing(FleetState(), drafts, name="shop", at=NOON, by="")

    assert raised.value.slug == slug


def test_the_same_source_with_another_title_is_an_edit_and_never_a_new_issue() -> None:
    state, _ = filing(FleetState(), Draft("Database hiccup 17:03", "1 event", source="sentry:81"))

    state, filed = filing(state, Draft("Database hiccup 18:40", "7 events", source="sentry:81"))

    assert filed == [Filed(IssueId("shop#1"), Outcome.EDITED)]
    assert [(each.issue.title, each.issue.body) for each in state.issues.values()] == [
        ("Database hiccup 18:40", "7 events")
    ]
    assert filing(state, Draft("Database hiccup 18:40", "7 events", source="sentry:81"))[1] == [
        Filed(IssueId("shop#1"), Outcome.UNCHANGED)
    ]


def test_two_of_one_source_in_one_go_are_one() -> None:
    state, filed = filing(FleetState(), Draft("a", source="s"), Draft("b", source="s"))

    assert [each.id for each in filed] == ["shop#1", "shop#1"]
    assert [each.issue.title for each in state.issues.values()] == ["b"]


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        (Closing.LANDED, Outcome.REOPENED),
        (Closing.SOURCE, Outcome.REOPENED),
        (Closing.PERSON, Outcome.STAYS_CLOSED),
        (Closing.DUPLICATE, Outcome.STAYS_CLOSED),
        (Closing.NOTHING_TO_DO, Outcome.STAYS_CLOSED),
        (Closing.SPLIT, Outcome.STAYS_CLOSED),
    ],
)
def test_what_landed_and_is_found_again_is_open_again_and_a_persons_word_stands(why: Closing, outcome: Outcome) -> None:
    state, _ = filing(FleetState(), Draft("a", source="s"))
    closed = Recorded(Seq(state.seq + 1), NOON, ProjectId("p"), IssueClosed(IssueId("shop#1"), why))

    state, filed = filing(fold_fleet([closed], state), Draft("a", source="s"))

    assert filed[0].outcome is outcome
    assert (state.issues[IssueId("shop#1")].state is IssueState.OPEN) is (outcome is Outcome.REOPENED)


def test_what_a_file_says_again_unchanged_does_nothing_whatever_was_done_since() -> None:
    draft = Draft("a", "text", ("bug",), 3, source="f#1", state=IssueState.OPEN)
    state, _ = filing(FleetState(), draft)
    issue = state.issues[IssueId("shop#1")].issue
    done: list[Event] = [
        IssueEdited(msgspec.structs.replace(issue, title="mine", labels=(), priority=0)),
        IssueClosed(IssueId("shop#1"), Closing.LANDED),
    ]
    state = fold_fleet(
        [Recorded(Seq(state.seq + n), NOON, ProjectId("p"), each) for n, each in enumerate(done, 1)], state
    )

    assert filing(state, draft, before={"f#1": draft}) == (state, [Filed(IssueId("shop#1"), Outcome.UNCHANGED)])


@pytest.mark.parametrize(
    ("before", "now", "own", "after"),
    [
        ("open", "closed", "open", "closed"),
        ("closed", "open", "closed", "open"),
        ("open", "open", "closed", "closed"),
        ("closed", "closed", "open", "open"),
    ],
)
def test_a_file_closes_and_opens_only_what_it_says_differently(before: str, now: str, own: str, after: str) -> None:
    first = Draft("a", source="f#1", state=IssueState(before))
    state, _ = filing(FleetState(), Draft("a", source="f#1"))
    if own == "closed":
        closed = IssueClosed(IssueId("shop#1"), Closing.PERSON)
        state = fold_fleet([Recorded(Seq(9), NOON, ProjectId("p"), closed)], state)

    changed = Draft("b", source="f#1", state=IssueState(now))
    state, _ = filing(state, changed, before={"f#1": first})

    assert state.issues[IssueId("shop#1")].state.value == after


def test_a_changed_line_changes_what_it_says_differently_and_keeps_what_was_done_here() -> None:
    first = Draft("a", "text", ("bug", "old"), 3, ("b",), source="f#1", key="a")
    other = Draft("b", source="f#2", key="b")
    state, _ = filing(FleetState(), first, other)
    issue = state.issues[IssueId("shop#1")].issue
    mine = msgspec.structs.replace(issue, title="mine", labels=("bug", "old", "ready"), priority=0)
    state = fold_fleet([Recorded(Seq(9), NOON, ProjectId("p"), IssueEdited(mine))], state)

    changed = Draft("a", "more text", ("bug", "new"), 3, (), source="f#1", key="a")
    state, _ = filing(state, changed, other, before={"f#1": first, "f#2": other})

    after = state.issues[IssueId("shop#1")].issue
    assert (after.title, after.body, after.labels) == ("mine", "more text", ("bug", "ready", "new"))
    assert (after.priority, after.depends_on) == (0, ())


# Merging


def test_what_the_source_does_not_say_stays_and_without_a_memory_nothing_is_taken_away() -> None:
    own = Issue(IssueId("shop#1"), "a", "text", ("bug",), 1, (IssueId("shop#2"),), author="ada")

    assert merged(own, None, Draft("a")) == own
    assert merged(own, None, Draft("b", labels=("new",))).labels == ("bug", "new")
    assert merged(own, Draft("a", labels=("bug",)), Draft("a", labels=())).labels == ()
    assert merged(own, None, Draft("a", author="eve")).author == "ada"


# What has to be done elsewhere


def test_only_what_was_done_here_is_done_there_and_of_moves_the_last() -> None:
    there, here = IssueId("github:octo-org/shop#1"), IssueId("shop#1")
    events: list[Event] = [
        IssueFiled(Issue(there, "a")),
        IssueCommented(there, "from there", "github:octocat"),
        IssueCommented(there, "from here", "ada"),
        IssueClosed(there, Closing.PERSON, by="ada"),
        IssueReopened(there, by="ada"),
        IssueClosed(here, Closing.PERSON, by="ada"),
        IssueClosed(IssueId("github:octo-org/shop-2#1"), Closing.PERSON, by="ada"),
    ]
    acts = own_acts(recorded(events), "github:octo-org/shop", "github:")

    assert [(act.seq, act.is_move) for act in acts] == [(3, False), (5, True)]
    assert len({act.mark for act in acts}) == 2
    assert own_acts(recorded(events), "github:octo-org/shop", "github:") == acts


def test_what_was_moved_there_last_is_not_moved_back() -> None:
    there = IssueId("github:octo-org/shop#1")
    events: list[Event] = [IssueClosed(there, Closing.LANDED), IssueReopened(there, by="github:")]

    assert own_acts(recorded(events), "github:octo-org/shop", "github:") == ()


def test_the_same_act_in_another_record_has_another_mark() -> None:
    event: Any = IssueClosed(IssueId("github:o/s#1"), Closing.LANDED)
    marks = {
        own_acts([Recorded(Seq(1), at, ProjectId(project), event)], "github:o/s", "github:")[0].mark
        for at, project in ((NOON, "p"), (NOON, "q"), (Millis(NOON + 1), "p"))
    }

    assert len(marks) == 3
