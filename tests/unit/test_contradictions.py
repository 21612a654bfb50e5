"""Decisions that contradict each other, by subject and by words; and those that only sound like it."""

from __future__ import annotations

import pytest

from reviewworld import World
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.review import DecisionJudged, DecisionKind, DecisionVerdict
from watchkeeper.review.contradictions import Contradiction, find_contradictions

STATED = DecisionKind.STATED


def said(*words: str | tuple[str, str], changes: tuple[str, ...] = ()) -> tuple[Contradiction, ...]:
    """What is found of decisions in words; a pair is a title and a choice."""
    world = World("shop", "blog")
    for at, each in enumerate(words):
        title, choice = each if isinstance(each, tuple) else (each, each)
        change = ChangeId(changes[at] if changes else f"change-{at}")
        world.decide("shop" if at % 2 else "blog", "", choice, STATED, title=title, change=change)
    return find_contradictions(world.look().projects)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amounts are cents, everywhere.", "amounts are decimals, everywhere."),
        ("use httpx instead of requests for the client", "use requests instead of httpx for the client"),
        ("retry failed uploads three times with 3 seconds between", "retry failed uploads with 30 seconds between"),
        ("deleted users keep their orders", "deleted users do not keep their orders"),
        (("how dates are stored", "as UTC text"), ("how dates are stored", "as local time")),
        (("storing of dates", "UTC"), ("how dates are stored", "the zone of the user")),
    ],
)
def test_the_same_topic_with_another_choice_may_contradict(one: object, other: object) -> None:
    (found,) = said(one, other)  # type: ignore[arg-type]
    assert not found.is_sure
    assert set(found.projects) == {"shop", "blog"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amounts are cents, everywhere.", "Amounts are cents everywhere"),
        ("amounts are cents, everywhere.", "logs are JSON, one object a line"),
        ("we went with a class for reports", "we went with a queue for mails"),
        (("how dates are stored", "as UTC text"), ("how dates are stored", "As UTC text.")),
        (("retries", "three"), ("colours of buttons", "blue")),
    ],
)
def test_another_topic_or_the_same_choice_does_not(one: object, other: object) -> None:
    assert said(one, other) == ()  # type: ignore[arg-type]


def test_what_one_change_says_twice_is_no_contradiction_and_two_changes_are_told_once() -> None:
    words = ("amounts are cents, everywhere.", "amounts are decimals, everywhere.")
    assert said(*words, changes=("a", "a")) == ()
    twice = (*words, "amounts of fees are cents", "amounts of fees are decimals")
    assert len(said(*twice, changes=("a", "b", "a", "b"))) == 1


def test_only_few_are_told() -> None:
    words = [f"amounts of kind {'abcdefghij'[at]} are kept in store number {at}" for at in range(10)]
    assert len(said(*words)) <= 5


def test_another_version_is_mild_and_another_thing_is_not() -> None:
    world = World("shop", "blog")
    world.decide("shop", "httpx", "httpx ==0.27", DecisionKind.DEPENDENCY)
    world.decide("blog", "httpx", "httpx ==0.28", DecisionKind.DEPENDENCY)
    (found,) = find_contradictions(world.look().projects)
    assert found.is_mild
    world.decide("blog", "httpx", "httpx @ git", DecisionKind.DEPENDENCY)
    assert not find_contradictions(world.look().projects)[0].is_mild


def test_what_a_person_has_settled_is_over() -> None:
    world = World("shop", "blog")
    both = [
        world.decide(p, "env:TTL", choice, DecisionKind.ENVIRONMENT) for p, choice in (("shop", "1"), ("blog", "2"))
    ]
    assert len(find_contradictions(world.look().projects)) == 1
    for project, each in zip(("shop", "blog"), both, strict=True):
        world.record(project, DecisionJudged(each, DecisionVerdict.ACCEPTED))
    assert find_contradictions(world.look().projects) == ()
