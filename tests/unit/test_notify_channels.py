"""What ``fleet.toml`` says of channels, hours and policy; and how messages read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telling import NOON, matter
from watchkeeper.desk.channels import WallHours, open_ports, read_hours, read_policy
from watchkeeper.fleet.hours import parse_quiet
from watchkeeper.fleet.reading import parse_fleet
from watchkeeper.model.attention import Delivery, EntryState, MatterKind, Urgency
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import Step
from watchkeeper.notify.apprise import Apprise
from watchkeeper.notify.discord import Discord, parse_webhook
from watchkeeper.notify.limits import Limits, read_wait
from watchkeeper.notify.messages import Message, show_entry
from watchkeeper.notify.policy import ChannelKind
from watchkeeper.notify.port import NoPort
from watchkeeper.notify.rendering import cut, inert_markdown, inert_text, page_address, render_length, render_message

BERLIN = ZoneInfo("Europe/Berlin")

FILE = """
[notify]
brief = "07:30"
quiet = "23:00-06:00"
wakes = ["incident", "queue"]
time_zone = "Europe/Berlin"
today = "at-once"
nag_hours = 2.0
page = "https://desk.example"

[[project]]
path = "api"

[channel.all]
address = "HOOK"

[channel.api]
kind = "discord-bot"
address = "TOKEN"
room = "42"
projects = ["api"]

[channel.phone]
kind = "apprise"
address = "NTFY"
urgencies = ["urgent"]
"""
CONFIG = parse_fleet(FILE.encode(), Path("/f/fleet.toml"))


def test_the_tables_become_policy_and_hours() -> None:
    rules, hours = read_policy(CONFIG), read_hours(CONFIG, dt.UTC, {})

    assert [each.kind for each in rules.channels] == [ChannelKind.DISCORD, ChannelKind.BOT, ChannelKind.APPRISE]
    assert rules.channels[1].takes("api", Urgency.NAG)
    assert not rules.channels[1].takes("", Urgency.NAG)
    assert not rules.channels[2].takes("api", Urgency.NAG)
    assert (rules.nag_ms, rules.today_at_once, rules.wakes) == (
        7_200_000, True, (MatterKind.INCIDENT, MatterKind.QUEUE),
    )  # fmt: skip
    assert hours == WallHours(BERLIN, parse_quiet("23:00-06:00") or (), 450)


def test_ways_are_opened_from_variables_and_what_is_missing_is_said_without_its_value() -> None:
    environ = {"HOOK": "https://discord.com/api/webhooks/1/abc-def", "NTFY": "nonsense://s3cret"}

    ports = open_ports(CONFIG, environ)

    assert isinstance(ports["all"], Discord)
    assert isinstance(ports["api"], NoPort)
    assert ports["api"].reason == "the variable TOKEN is not set"
    assert isinstance(ports["phone"], NoPort)
    assert "s3cret" not in ports["phone"].reason


def at(text: str) -> Millis:
    return Millis(int(dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000))


def test_the_brief_is_at_its_time_on_the_wall_also_when_clocks_are_changed() -> None:
    hours = WallHours(BERLIN, (), 150)

    assert hours.brief_after(at("2026-03-28T12:00")) == at("2026-03-29T03:00"), "half past two is left out"
    assert hours.brief_after(at("2026-03-29T12:00")) == at("2026-03-30T02:30")
    first = hours.brief_after(at("2026-10-24T12:00"))
    assert first is not None
    assert hours.brief_after(first) == at("2026-10-26T02:30"), "half past two comes twice, the brief once"


@given(st.integers(0, 1439), st.integers(1_700_000_000, 1_900_000_000))
def test_there_is_one_brief_before_and_one_after_every_moment(minute: int, second: int) -> None:
    hours, now = WallHours(BERLIN, (), minute), Millis(second * 1000)
    before, after = hours.brief_before(now), hours.brief_after(now)

    assert before is not None
    assert after is not None
    assert before <= now < after
    assert after - before <= 26 * 3_600_000
    assert hours.brief_before(after) == after
    assert hours.brief_after(Millis(before - 1)) == before


@pytest.mark.parametrize(
    "address",
    [
        "http://discord.com/api/webhooks/1/x", "https://discord.com/api/webhooks/x/y", "https://a@b/api/webhooks/1/x",
        "ftp://discord.com/api/webhooks/1/x", "http://localhost.evil.example/api/webhooks/1/x", "",
        "https://discord.com/api/webhooks/1/x/messages",
    ],
)  # fmt: skip
def test_an_address_that_is_no_webhook_is_refused_and_not_quoted(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_webhook(address)

    assert not address or address not in str(caught.value)


def test_a_webhook_is_read_with_and_without_a_version() -> None:
    wanted = ("https://discord.com/api/v10", "/webhooks/1/x-y_z")

    assert parse_webhook("https://discord.com/api/webhooks/1/x-y_z") == wanted
    assert parse_webhook(" https://discord.com/api/v9/webhooks/1/x-y_z/ ") == wanted


def test_apprise_takes_one_address() -> None:
    with pytest.raises(UsageError):
        Apprise("json://localhost json://127.0.0.1")
    assert Apprise("json://localhost:1/x").inert is inert_text


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_limit_holds_for_its_bucket_and_a_global_one_for_all() -> None:
    time = Time()
    limits = Limits(time)
    spent = {"x-ratelimit-bucket": "b", "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.5"}

    limits.take("POST /a", "/a", spent)
    limits.take("PATCH /a", "/a", {**spent, "x-ratelimit-remaining": "3"})
    limits.take("POST /b", "/b", {**spent, "x-ratelimit-remaining": "3"})
    assert limits.wait_s("POST /a") == limits.wait_s("PATCH /a") == 1.5
    assert limits.wait_s("POST /b") == 0, "a bucket is of one webhook or room"
    time.now += 1.5
    assert limits.wait_s("POST /a") == 0
    limits.refuse("POST /a", 3.0, is_global=True)
    assert limits.wait_s("GET /else") == 3.0


@given(st.dictionaries(st.sampled_from(["retry_after", "global"]), st.none() | st.floats() | st.text() | st.booleans()))
def test_a_refusal_is_read_whatever_it_says(body: dict[str, object]) -> None:
    wait, is_global = read_wait({}, body)

    assert 0 <= wait <= 3600
    assert is_global is (body.get("global") is True)


UNSEEN = st.characters(categories=["Cc", "Cf", "Co", "Cn"])


@given(st.text(st.characters() | UNSEEN | st.sampled_from("@<>[]()`*_~|#:/.-\\ \n"), max_size=200))
def test_what_is_quoted_on_discord_is_words_and_nothing_else(text: str) -> None:
    found = inert_markdown(text + " @everyone <@1> <#2> <:x:3> https://a.example discord.gg/x [a](b) `c` www.b.example")
    bare = found.replace("\\\\", "")

    assert "@everyone" not in found
    assert "://" not in found
    assert "discord.gg" not in found.lower()
    assert "www.b" not in found
    assert "\n" not in found
    for mark in "<>[]()`*_~|#:":
        assert mark not in bare.replace(f"\\{mark}", ""), mark


@given(st.text(max_size=300), st.integers(1, 50))
def test_a_text_is_cut_to_what_is_counted_where_it_is_shown(text: str, most: int) -> None:
    found = cut(text, most)

    assert len(found.encode("utf-16-le", "replace")) <= 2 * most
    assert found == text or found.endswith("…")


def test_lengths_read_well() -> None:
    told = [render_length(each) for each in (5_000, 14 * 60_000, 60 * 60_000, 125 * 60_000, 72 * 3_600_000, -1)]

    assert told == ["5 s", "14 m", "1 h", "2 h 5 m", "3 d", "0 s"]


def test_only_pages_of_our_own_are_linked() -> None:
    assert page_address("https://desk.example/", "/conflicts/c-1") == "https://desk.example/conflicts/c-1"
    assert page_address("https://desk.example", "//evil.example") == ""
    assert page_address("https://desk.example", "https://evil.example") == ""
    assert page_address("", "/x") == ""
    assert page_address("https://desk.example", "/a b)[c]") == "https://desk.example/a%20b%29%5Bc%5D"


def test_a_message_says_what_why_and_the_one_step() -> None:
    one = matter(
        "e-12", kind=MatterKind.ENTRY, reason="its tests fail with another change", page="/queue/e-12",
        step=Step("Look at it", "watchkeeper queue e-12"),
    )  # fmt: skip
    message = Message("t" * 24, "all", Delivery.POST, (show_entry(one, one.urgency),), {one.fingerprint: one})

    words = render_message(message, Millis(NOON), "https://desk.example", inert_text)

    assert words.headline == "▲ urgent · api: e-12 stands still"
    assert words.lines == (
        "its tests fail with another change", "→ Look at it: watchkeeper queue e-12", "https://desk.example/queue/e-12",
    )  # fmt: skip
    assert words.footer == f"{one.id} · tttttttttttt"


def test_a_message_of_several_has_a_line_for_each_and_says_how_many_are_open() -> None:
    one, two = matter("i-1"), matter("i-2", Urgency.NAG)
    entries = (show_entry(one, one.urgency), show_entry(two, two.urgency, EntryState.OVER))
    message = Message("t" * 24, "all", Delivery.EDIT, entries, {one.fingerprint: one})

    words = render_message(message, Millis(NOON + 14 * 60_000), "", inert_text)

    assert words.headline == "1 of 2 matters in api need you"
    assert words.lines == ("▲ urgent · api: i-1 stands still", "✓ resolved in 14 m · api: i-2 stands still")
    assert words.urgency is Urgency.URGENT


def test_a_brief_is_its_own_lines() -> None:
    message = Message("t" * 24, "all", Delivery.POST, (), brief_at=Millis(NOON))

    words = render_message(message, Millis(NOON), "", inert_text, "12 changes landed\nNeeds you:\n• one")

    assert (words.headline, words.lines) == ("12 changes landed", ("Needs you:", "• one"))
