"""Who is told what, when, by which channel, and why not."""

from __future__ import annotations

import msgspec
import pytest

from telling import DAY, HOUR, MINUTE, NOON, Fixed, World, matter, policy
from watchkeeper.model.attention import (
    ChannelBack,
    ChannelDied,
    Delivery,
    EntryState,
    MatterAcknowledged,
    MatterKind,
    MatterSnoozed,
    MessageFailed,
    Urgency,
    matter_id,
)
from watchkeeper.model.ids import Millis
from watchkeeper.notify.messages import Message
from watchkeeper.notify.policy import ChannelKind, ChannelRule

U = Urgency


def whats(messages: list[Message]) -> list[Delivery]:
    return [each.what for each in messages]


def test_what_is_urgent_is_told_once_it_has_stood_for_a_minute() -> None:
    world = World()
    one = matter("i-1")
    world.matters = [one]

    assert world.after(59_000) == []
    assert world.reasons(one) == ["it may be over in a moment"]
    assert world.plan().next_at == NOON + MINUTE
    assert whats(world.after(1_000)) == [Delivery.POST]
    assert world.after(10 * HOUR) == []


def test_what_heals_within_a_minute_is_not_told() -> None:
    world = World()
    world.matters = [matter("i-1")]
    world.after(50_000)
    world.matters = []

    assert world.after(HOUR) == []


def test_what_is_for_information_is_never_told_and_says_so() -> None:
    world = World(hours=Fixed())
    one = matter("i-1", U.FYI)
    world.matters = [one]

    told = world.after(3 * DAY)

    assert all(one.fingerprint not in {entry.fingerprint for entry in each.entries} for each in told)
    assert world.reasons(one) == ["it is for the pages and the brief alone"]


def test_today_comes_with_the_brief_of_the_morning_in_one_message() -> None:
    world = World(hours=Fixed())
    world.matters = [matter("d-1", U.TODAY, kind=MatterKind.DECISION), matter("d-2", U.TODAY, project="web")]

    assert world.after(19 * HOUR) == []
    (brief,) = world.after(HOUR)

    assert brief.brief_at == NOON + 20 * HOUR
    assert {each.about for each in brief.entries[1:]} == {"d-1", "d-2"}
    assert world.after(DAY - 1) == []


def test_today_comes_at_once_where_that_is_wanted() -> None:
    world = World(policy(today_at_once=True), Fixed())
    world.matters = [matter("d-1", U.TODAY)]

    assert whats(world.after(MINUTE)) == [Delivery.POST]


def test_a_channel_that_takes_no_brief_is_told_of_today_in_a_message_of_its_own() -> None:
    world = World(policy(ChannelRule("api", projects=("api",))), Fixed())
    world.matters = [matter("d-1", U.TODAY), matter("d-2", U.TODAY)]

    (message,) = world.after(20 * HOUR)

    assert message.brief_at is None
    assert len(message.entries) == 2


def test_a_brief_that_was_missed_by_hours_is_not_made_up_for() -> None:
    world = World(hours=Fixed())
    world.now = Millis(NOON + 3 * HOUR)

    assert world.tell() == []


def test_what_is_scheduled_comes_when_it_is_due() -> None:
    world = World()
    one = matter("s-1", U.SCHEDULED, due=Millis(NOON + 3 * HOUR))
    world.matters = [one]

    assert world.after(3 * HOUR - 1) == []
    assert world.reasons(one) == ["it is not due yet"]
    assert whats(world.after(1)) == [Delivery.POST]


def test_a_nag_comes_again_after_four_hours_until_it_is_known() -> None:
    world = World()
    one = matter("e-1", U.NAG, kind=MatterKind.ENGAGEMENT)
    world.matters = [one]

    assert whats(world.after(MINUTE)) == [Delivery.POST]
    assert world.after(4 * HOUR - 1) == []
    (again,) = world.after(1)
    assert (again.what, again.entries[0].why) == (Delivery.REPLY, "still open")
    world.record(MatterAcknowledged(one.fingerprint, one.weight, "ada"))
    assert whats(world.after(MINUTE)) == [Delivery.EDIT]
    assert world.after(3 * DAY) == []
    assert world.reasons(one) == ["ada knows of it"]


def test_quiet_hours_hold_until_the_brief_but_for_what_may_wake() -> None:
    rules = policy(wakes=(MatterKind.QUEUE,))
    world = World(rules, Fixed())
    world.now = Millis(NOON + 12 * HOUR)
    held = matter("i-1", since=world.now)
    waking = matter("q-1", kind=MatterKind.QUEUE, project="web", since=world.now)
    nag = matter("q-2", U.NAG, kind=MatterKind.QUEUE, project="cli", since=world.now)
    world.matters = [held, waking, nag]

    (woken,) = world.after(MINUTE)
    assert [each.about for each in woken.entries] == ["q-1"]
    assert world.reasons(held) == world.reasons(nag) == ["quiet hours"]
    assert world.after(8 * HOUR - 2 * MINUTE) == []
    (brief,) = world.after(MINUTE)
    assert {each.about for each in brief.entries[1:]} == {"i-1", "q-2"}


def test_without_a_brief_what_was_held_comes_when_the_quiet_hours_end() -> None:
    world = World(hours=Fixed(brief=None))
    world.now = Millis(NOON + 12 * HOUR)
    world.matters = [matter("i-1", since=world.now), matter("i-2", since=world.now)]

    assert world.after(7 * HOUR - 1) == []
    (message,) = world.after(1)
    assert len(message.entries) == 2


def test_those_that_come_together_are_one_message() -> None:
    world = World()
    world.matters = [matter(f"i-{number}", since=NOON + number * 1_000) for number in range(20)]

    assert world.after(MINUTE + 10_000) == []
    (first,) = world.after(10_000)
    (second,) = world.after(30_000)

    assert (len(first.entries), len(second.entries)) == (12, 8)


def test_a_project_is_told_of_in_five_minutes_again_but_what_is_urgent_sooner() -> None:
    world = World()
    world.matters = [matter("e-1", U.NAG)]
    assert whats(world.after(MINUTE)) == [Delivery.POST]
    world.matters += [matter("e-2", U.NAG)]
    assert world.after(4 * MINUTE) == []
    assert world.reasons(world.matters[1]) == ["it waits for others of its project"]
    assert whats(world.after(MINUTE)) == [Delivery.POST]
    world.matters += [matter("i-1")]
    assert whats(world.after(30_000)) == [Delivery.POST]


def test_what_gets_worse_is_a_reply_and_then_its_message_is_right() -> None:
    world = World()
    world.matters = [matter("i-1", weight=1)]
    (post,) = world.after(MINUTE)
    world.matters = [matter("i-1", weight=2)]
    told = world.after(MINUTE)

    assert whats(told) == [Delivery.REPLY, Delivery.EDIT]
    assert told[0].entries[0].why == "got worse"
    assert told[0].reference == told[1].reference == post.token
    world.matters = [matter("i-1", weight=1)]
    assert whats(world.after(MINUTE)) == [Delivery.EDIT]
    world.matters = [matter("i-1", weight=2)]
    assert whats(world.after(MINUTE)) == [Delivery.EDIT], "it was that bad before"


def test_what_is_over_is_said_in_its_message() -> None:
    world = World()
    world.matters = [matter("i-1")]
    world.after(MINUTE)
    world.matters = []

    (edit,) = world.after(13 * MINUTE)

    assert edit.what is Delivery.EDIT
    assert edit.entries[0].state is EntryState.OVER
    assert world.after(HOUR) == []


def test_what_comes_and_goes_is_told_once_an_hour_and_else_shown_in_its_message() -> None:
    world = World()
    for minute in range(60):
        world.matters = [matter("i-1", since=world.now - MINUTE)] if minute % 2 == 0 else []
        world.after(MINUTE)

    assert whats(world.sent).count(Delivery.POST) == 1
    assert whats(world.sent).count(Delivery.REPLY) == 0
    world.matters = [matter("i-1", since=world.now - MINUTE)]
    told = world.after(HOUR)
    assert whats(told).count(Delivery.REPLY) == 1


def test_what_is_acknowledged_is_not_told_until_it_is_worse() -> None:
    world = World()
    one = matter("i-1", weight=3)
    world.matters = [one]
    world.record(MatterAcknowledged(one.fingerprint, 3, "ada"))

    assert world.after(HOUR) == []
    world.matters = [matter("i-1", weight=4)]
    assert whats(world.after(MINUTE)) == [Delivery.POST]


def test_what_is_put_off_is_told_again_at_its_time() -> None:
    world = World()
    one = matter("i-1")
    world.matters = [one]
    world.after(MINUTE)
    world.record(MatterSnoozed(one.fingerprint, Millis(NOON + 2 * HOUR), 0, "ada"))

    assert whats(world.after(MINUTE)) == [Delivery.EDIT]
    told = world.after(2 * HOUR)
    assert told[0].entries[0].why == "was put off until now"
    assert world.after(10 * HOUR) == []


def test_a_parent_stands_for_its_children_and_a_circle_silences_nobody() -> None:
    world = World()
    red = matter("red", kind=MatterKind.QUEUE)
    child = matter("e-1", kind=MatterKind.ENTRY, parent=red.fingerprint)
    grandchild = matter("e-2", kind=MatterKind.ENTRY, parent=child.fingerprint)
    world.matters = [red, child, grandchild]

    (post,) = world.after(MINUTE)
    assert [each.about for each in post.entries] == ["red"]
    assert world.reasons(grandchild) == [f"{matter_id(red.fingerprint)} stands for it"]
    world.matters = [child, grandchild]
    told = world.after(5 * MINUTE)
    assert {each.about for message in told if message.what is Delivery.POST for each in message.entries} == {"e-1"}, (
        "its own parent is told"
    )
    world.matters = [
        msgspec.structs.replace(matter("x"), parent=matter("y").fingerprint),
        msgspec.structs.replace(matter("y"), parent=matter("x").fingerprint),
    ]
    told = world.after(HOUR)
    assert {each.about for message in told if message.what is Delivery.POST for each in message.entries} == {"x", "y"}


def test_a_parent_that_is_never_told_silences_nobody() -> None:
    world = World()
    quiet = matter("red", U.FYI, kind=MatterKind.QUEUE)
    world.matters = [quiet, matter("e-1", parent=quiet.fingerprint)]

    (post,) = world.after(MINUTE)

    assert [each.about for each in post.entries] == ["e-1"]


def test_over_the_budget_one_message_stands_for_the_rest_and_grows_in_place() -> None:
    world = World(policy(budget=4))
    for number in range(10):
        world.matters.append(matter(f"i-{number}", project=f"p{number}", since=world.now - MINUTE))
        world.after(MINUTE)
    posts = [each for each in world.sent if each.what is not Delivery.EDIT]

    assert len(posts) == 4
    assert [each.is_more for each in posts] == [False, False, False, True]
    last = world.sent[-1]
    assert last.what is Delivery.EDIT
    assert len(last.entries) == 7
    assert {entry.about for each in world.sent for entry in each.entries} == {f"i-{number}" for number in range(10)}


def test_over_the_budget_of_a_channel_that_cannot_edit_the_rest_comes_in_the_next_hour() -> None:
    world = World(policy(ChannelRule("mail", ChannelKind.APPRISE), budget=2))
    for number in range(5):
        world.matters.append(matter(f"i-{number}", project=f"p{number}", since=world.now - MINUTE))
        world.after(MINUTE)
    assert len(world.sent) == 2
    assert world.reasons(world.matters[-1]) == ["mail had its messages of this hour"]

    world.after(HOUR)

    assert {entry.about for each in world.sent for entry in each.entries} == {f"i-{number}" for number in range(5)}


def test_what_agents_ask_for_takes_half_of_the_budget_at_most() -> None:
    world = World(policy(budget=6))
    for number in range(10):
        asked = matter(f"a-{number}", kind=MatterKind.ASKED, project=f"p{number}", since=world.now)
        world.matters.append(asked)
        world.after(MINUTE)
    assert len(world.sent) == 3

    world.matters.append(matter("i-1", since=world.now))
    (told,) = world.after(MINUTE)
    assert told.entries[0].about == "i-1"


def test_a_dead_channel_is_told_of_by_another_and_what_is_urgent_goes_there() -> None:
    world = World(policy(ChannelRule("discord"), ChannelRule("mail", ChannelKind.APPRISE, urgencies=(U.TODAY,))))
    world.matters = [matter("i-1"), matter("t-1", U.SCHEDULED, due=Millis(NOON))]
    world.record(ChannelDied("discord", "404"))

    (told,) = world.after(MINUTE)

    assert told.channel == "mail"
    assert [each.about for each in told.entries] == ["i-1"]
    world.record(ChannelBack("discord"))
    told = world.after(MINUTE)
    assert [each.channel for each in told] == ["discord"]


def test_what_was_not_sent_is_tried_again_when_the_channel_says() -> None:
    world = World()
    world.matters = [matter("i-1")]
    world.now = Millis(NOON + MINUTE)
    (message,) = world.plan().messages
    world.intend(message)
    assert world.plan().messages == ()
    assert world.reasons(world.matters[0]) == ["a message is under way"]
    world.record(MessageFailed(message.token, "429", Millis(world.now + 5_000)))

    assert world.after(4_999) == []
    (again,) = world.after(1)
    assert again.token != message.token


@pytest.mark.parametrize(("kind", "repeats"), [(ChannelKind.DISCORD, True), (ChannelKind.BOT, False)])
def test_what_nobody_knows_of_is_the_same_delivery_again(kind: ChannelKind, *, repeats: bool) -> None:
    world = World(policy(ChannelRule("discord", kind)))
    world.matters = [matter("i-1")]
    world.now = Millis(NOON + MINUTE)
    (message,) = world.plan().messages
    world.intend(message)
    world.record(MessageFailed(message.token, "its answer was lost", world.now, is_unknown=True))

    (again,) = world.tell()

    assert again.token == message.token
    assert again.may_repeat is repeats
    assert world.after(HOUR) == []


def test_what_is_over_when_it_would_be_sent_again_is_not_sent() -> None:
    world = World()
    world.matters = [matter("i-1")]
    world.now = Millis(NOON + MINUTE)
    (message,) = world.plan().messages
    world.intend(message)
    world.record(MessageFailed(message.token, "its answer was lost", world.now, is_unknown=True))
    world.matters = []

    assert world.after(MINUTE) == []


def test_what_a_channel_refuses_is_sent_as_plain_words_then_by_another() -> None:
    world = World(policy(ChannelRule("discord"), ChannelRule("mail", ChannelKind.APPRISE, urgencies=(U.TODAY,))))
    world.matters = [matter("i-1")]
    world.now = Millis(NOON + MINUTE)
    for is_plain in (False, True):
        (message,) = world.plan().messages
        assert message.is_plain is is_plain
        world.intend(message)
        world.record(MessageFailed(message.token, "400"))

    (told,) = world.tell()

    assert told.channel == "mail"
    assert "discord refused it" in world.reasons(world.matters[0])


def test_a_message_that_somebody_took_away_is_left_alone() -> None:
    world = World()
    world.matters = [matter("i-1", weight=1)]
    world.after(MINUTE)
    world.matters = []
    world.now = Millis(world.now + MINUTE)
    (edit,) = world.plan().messages
    world.intend(edit)
    world.record(MessageFailed(edit.token, "404"))

    assert world.after(HOUR) == []
    world.matters = [matter("i-1", weight=2, since=world.now)]
    assert whats(world.after(MINUTE)) == [Delivery.POST]


def test_kinds_that_were_not_worth_it_are_told_as_less() -> None:
    world = World(policy(demoted=frozenset({MatterKind.INCIDENT})), Fixed())
    world.now = Millis(NOON + 12 * HOUR)
    world.matters = [matter("i-1", since=world.now)]

    assert world.after(HOUR) == []


def test_where_no_channel_takes_it_that_is_said() -> None:
    world = World(policy(ChannelRule("discord", projects=("web",))))
    one = matter("i-1")
    world.matters = [one]

    assert world.after(HOUR) == []
    assert world.reasons(one) == ["no channel takes what is urgent of api"]
