"""Days by any zone's clock: each moment is in one day, each day is closed once, however often and late one looks."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from watchkeeper.fleet.hours import Moment, find_boundary, find_date
from watchkeeper.model.events import Recorded, WatchStopped
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.review import Day, WorkLog
from watchkeeper.review.calendar import MOST_DAYS, Boundary, find_open_days
from watchkeeper.review.dayfold import in_one_time

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia",
    "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns", "Asia/Tokyo", "Antarctica/Troll",
)  # fmt: skip
HOUR = 3_600_000
FIRST = int(dt.datetime(2010, 1, 1, tzinfo=dt.UTC).timestamp() * 1000)
LAST = int(dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp() * 1000)

moments = st.integers(FIRST, LAST).map(Millis)
boundaries = st.builds(Boundary, st.integers(0, 24 * 60 - 1), st.sampled_from(ZONES).map(ZoneInfo))


@given(moments, boundaries)
@example(Millis(1_325_239_200_000), Boundary(240, ZoneInfo("Pacific/Apia")))  # the day that Samoa left out
@example(Millis(1_541_304_000_000), Boundary(0, ZoneInfo("America/Sao_Paulo")))  # midnight was left out
def test_each_moment_is_in_the_day_that_begins_before_it_and_ends_after_it(at: Millis, boundary: Boundary) -> None:
    date = find_date(Moment(at, boundary.zone), boundary.minute)

    begin = find_boundary(date, boundary.minute, boundary.zone)
    end = find_boundary(date + dt.timedelta(days=1), boundary.minute, boundary.zone)
    assert begin <= at < end
    assert end - begin <= 49 * HOUR


@given(st.dates(dt.date(2010, 1, 1), dt.date(2026, 12, 1)), boundaries)
def test_days_begin_one_after_another(date: dt.date, boundary: Boundary) -> None:
    begins = [find_boundary(date + dt.timedelta(days=n), boundary.minute, boundary.zone) for n in range(40)]

    assert begins == sorted(begins)


@given(
    moments,
    st.lists(st.tuples(st.integers(0, 9 * 24), st.none() | boundaries), min_size=1, max_size=25),
    boundaries,
)
def test_however_often_and_late_one_looks_each_day_is_closed_once(
    first: Millis, looks: list[tuple[int, Boundary | None]], boundary: Boundary
) -> None:
    logs: dict[Day, WorkLog] = {}
    gaps: set[Day] = set()
    now = first
    for hours, other in looks:
        now, boundary = Millis(now + hours * HOUR), other or boundary
        spans = find_open_days(logs, first, now, boundary)
        assert len(spans) <= MOST_DAYS
        for span in spans:
            assert span.day not in logs
            assert span.begin < span.end <= now
            if span.left_out:
                gaps.add(span.day)
            logs[span.day] = WorkLog("shop", span.day, span.begin, span.end, boundary.name, "h")
        assert find_open_days(logs, first, now, boundary) == ()

    told = list(logs.values())
    assert [each.day for each in told] == sorted(each.day for each in told)
    for one, next_ in pairwise(told):
        assert one.end == next_.begin or (next_.day in gaps and one.end < next_.begin)
    if told:
        assert told[0].begin <= first or told[0].day in gaps


@given(moments, boundaries, st.integers(0, 20 * 24))
def test_without_a_change_of_the_hour_days_begin_at_it(first: Millis, boundary: Boundary, hours: int) -> None:
    for span in find_open_days({}, first, Millis(first + hours * HOUR), boundary):
        assert span.begin == find_boundary(dt.date.fromisoformat(span.day), boundary.minute, boundary.zone)


def test_weeks_off_are_bounded_and_said() -> None:
    boundary = Boundary(240, ZoneInfo("Europe/Berlin"))
    now = Millis(FIRST + 100 * 24 * HOUR)
    last = WorkLog("shop", Day("2010-01-02"), Millis(FIRST), Millis(FIRST + 24 * HOUR), "x", "h")

    spans = find_open_days({last.day: last}, Millis(FIRST), now, boundary)

    assert len(spans) == MOST_DAYS
    assert (spans[0].day, spans[-1].day) == ("2010-03-10", "2010-04-09")
    assert spans[0].left_out == (dt.date(2010, 3, 10) - dt.date(2010, 1, 3)).days
    assert not any(each.left_out for each in spans[1:])


def test_where_nothing_was_ever_recorded_no_day_is_closed() -> None:
    assert find_open_days({}, None, Millis(LAST), Boundary(240, ZoneInfo("UTC"))) == ()


@given(st.lists(moments, max_size=30), moments)
def test_whatever_clocks_did_times_never_go_back_and_are_never_to_come(times: list[Millis], now: Millis) -> None:
    events = [Recorded(Seq(number), at, ProjectId("p"), WatchStopped()) for number, at in enumerate(times, 1)]

    told = list(in_one_time(events, now))

    assert [each.seq for each in told] == [each.seq for each in events]
    assert [each.at for each in told] == sorted(each.at for each in told)
    assert all(each.at <= now for each in told)
    assert list(in_one_time(told, now)) == told
    in_order = [msgspec.structs.replace(each, at=at) for each, at in zip(events, sorted(times), strict=True)]
    assert list(in_one_time(in_order, Millis(LAST))) == in_order
