"""What was worth telling: acted on within a week, by kind."""

from __future__ import annotations

from itertools import count

from telling import DAY, HOUR, NOON, matter
from watchkeeper.desk.worth import LEAST_TOLD, WEEK_MS, Worth
from watchkeeper.model.attention import (
    Delivery,
    MatterAcknowledged,
    MatterKind,
    MessageFailed,
    MessageIntended,
    MessageSent,
    PersonActed,
    Urgency,
)
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.notify.messages import show_entry

NUMBERS = count(1)
ALL = [matter(f"i-{number}") for number in range(LEAST_TOLD)]


def take(worth: Worth, *events: Event, at: int = NOON) -> None:
    worth.take(Recorded(Seq(next(NUMBERS)), Millis(at), FLEET, each) for each in events)


def tell(worth: Worth, *abouts: object, at: int = NOON) -> None:
    for one in abouts:
        entry = show_entry(one, Urgency.URGENT)  # type: ignore[arg-type]
        token = f"{entry.fingerprint}{at}"
        take(worth, MessageIntended(token, "c", Delivery.POST, (entry.fingerprint,), "d", entries=(entry,)), at=at)
        take(worth, MessageSent(token), at=at)


def test_a_kind_that_nobody_acts_on_is_demoted_and_comes_back_by_itself() -> None:
    worth = Worth()
    tell(worth, *ALL)

    assert worth.demoted(Millis(NOON)) == {MatterKind.INCIDENT}
    assert worth.by_kind(Millis(NOON))[MatterKind.INCIDENT] == (10, 0)
    assert worth.demoted(Millis(NOON + WEEK_MS + 1)) == frozenset()


def test_three_of_ten_are_enough_and_two_are_not() -> None:
    worth = Worth()
    tell(worth, *ALL)
    take(worth, *(MatterAcknowledged(each.fingerprint, 0, "ada") for each in ALL[:2]), at=NOON + HOUR)
    assert worth.demoted(Millis(NOON + DAY))
    take(worth, PersonActed("hold", "api i-5", "ada", "web"), at=NOON + HOUR)

    assert worth.by_kind(Millis(NOON + DAY))[MatterKind.INCIDENT].acted == 3
    assert not worth.demoted(Millis(NOON + DAY))


def test_nothing_follows_from_few() -> None:
    worth = Worth()
    tell(worth, *ALL[1:])

    assert not worth.demoted(Millis(NOON))


def test_what_does_not_count() -> None:
    worth = Worth()
    take(worth, MatterAcknowledged(ALL[0].fingerprint, 0, "ada"))  # before it was told
    entry = show_entry(ALL[1], Urgency.URGENT)
    failed = MessageIntended("t", "c", Delivery.POST, (entry.fingerprint,), "d", entries=(entry,))
    take(worth, failed, MessageFailed("t", "400"))
    tell(worth, ALL[0])
    tell(worth, ALL[0], at=NOON + HOUR)
    take(
        worth,
        PersonActed("dismiss", "api i-0", "ada", "web"),
        PersonActed("hold", "api i-0", "eve", "web", allowed=False),
        PersonActed("hold", "api i-01", "ada", "web"),
        at=NOON + HOUR,
    )

    assert worth.by_kind(Millis(NOON + HOUR)) == {MatterKind.INCIDENT: (1, 0)}
