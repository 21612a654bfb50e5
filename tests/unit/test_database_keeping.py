"""When a stall becomes an incident, goes on, and is over."""

from __future__ import annotations

from msgspec.structs import replace

from watchkeeper.database.classify import Pace, Stall
from watchkeeper.database.keeping import Ending, Kept, Limits, end_all, keep, note, resume, with_slack
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import (
    EndReason,
    IncidentChanged,
    IncidentEnded,
    IncidentKind,
    IncidentOpened,
    Party,
    Role,
)

LIMITS = Limits()
NOTHING = Kept()
WAIT = Stall(
    IncidentKind.IDLE_HOLDER, Pace.WAIT, "x", Millis(1_000), (Party(1, Role.HOLDER), Party(2, Role.WAITER)), stuck=1,
    marks=("m",), anchor=frozenset({(1, Millis(900))}),
)  # fmt: skip
RING = replace(WAIT, kind=IncidentKind.CYCLE, pace=Pace.AT_ONCE)


def kept_after(*looks: tuple[int, tuple[Stall, ...]], kept: Kept = NOTHING) -> tuple[Kept, list[object]]:
    told: list[object] = []
    for at, stalls in looks:
        kept, more = keep(kept, stalls, Millis(at), "shop", LIMITS)
        told += more
    return kept, told


def test_a_wait_is_told_from_200_ms_on_and_not_before() -> None:
    assert kept_after((1_199, (WAIT,)))[1] == []
    assert [type(each) for each in kept_after((1_199, (WAIT,)), (1_200, (WAIT,)))[1]] == [IncidentOpened]


def test_what_follows_from_structure_is_told_at_once() -> None:
    (opened,) = kept_after((1_000, (RING,)))[1]
    assert isinstance(opened, IncidentOpened)
    assert opened.incident.is_certain


def test_it_is_over_when_it_was_away_for_a_second() -> None:
    kept, told = kept_after((1_200, (WAIT,)), (2_199, ()))
    assert [type(each) for each in told] == [IncidentOpened]
    (ended,) = kept_after((2_200, ()), kept=kept)[1]
    assert ended == IncidentEnded(told[0].incident.id, EndReason.RESOLVED, 200)


def test_contention_that_comes_and_goes_is_one_incident() -> None:
    again = replace(WAIT, since=Millis(1_500), anchor=frozenset({(7, Millis(1_400))}))
    assert [type(each) for each in kept_after((1_200, (WAIT,)), (1_400, ()), (1_800, (again,)))[1]] == [IncidentOpened]


def test_healthy_waits_do_not_keep_an_incident_open() -> None:
    healthy = [
        (at, (replace(WAIT, since=Millis(at - 20), anchor=frozenset({(at, Millis(at))})),))
        for at in range(1_300, 2_400, 100)
    ]
    assert [type(each) for each in kept_after((1_200, (WAIT,)), *healthy)[1]] == [IncidentOpened, IncidentEnded]


def test_the_same_transaction_is_the_same_incident_when_others_wait_for_it() -> None:
    more = replace(WAIT, marks=("other",), stuck=2, parties=(*WAIT.parties, Party(3, Role.WAITER)))
    kept, told = kept_after((1_200, (WAIT,)), (2_300, (more,)))
    assert [type(each) for each in told] == [IncidentOpened, IncidentChanged]
    assert told[0].incident.id == told[1].incident.id
    assert len(kept.open) == 1


def test_a_holder_that_nobody_waits_for_any_more_is_no_longer_that_incident() -> None:
    alone = Stall(
        IncidentKind.LONG_TRANSACTION, Pace.FORGOTTEN, "x", Millis(900), (Party(1, Role.HOLDER),), anchor=WAIT.anchor
    )
    assert isinstance(kept_after((1_200, (WAIT,)), (2_000, (alone,)), (2_400, (alone,)))[1][-1], IncidentEnded)


def test_what_a_ring_or_a_self_deadlock_ends_by_is_the_server() -> None:
    _, told = kept_after((1_000, (RING,)), (2_500, ()))
    assert told[-1].reason is EndReason.BROKEN


def test_what_was_done_about_it_is_said_when_it_is_over() -> None:
    kept, (opened,) = kept_after((1_200, (WAIT,)))
    kept = note(kept, opened.incident.fingerprint, "the waiter was cancelled", was_cancelled=True)
    (ended,) = kept_after((2_500, ()), kept=kept)[1]
    assert (ended.reason, ended.detail) == (EndReason.CANCELLED, "the waiter was cancelled")


def test_a_restart_ends_everything() -> None:
    kept, _ = kept_after((1_200, (WAIT,)))
    kept, (ended,) = end_all(kept, Millis(3_000), Ending(EndReason.RESTARTED))
    assert (ended.reason, kept) == (EndReason.RESTARTED, Kept())


def test_what_an_earlier_watch_left_open_goes_on_or_is_over_for_an_unknown_reason() -> None:
    _, (opened,) = kept_after((1_200, (WAIT,)))
    assert kept_after((9_000, (WAIT,)), kept=resume([opened.incident]))[1] == []
    (ended,) = kept_after((9_000, ()), kept=resume([opened.incident]))[1]
    assert ended.reason is EndReason.UNKNOWN


def test_on_a_machine_that_keeps_the_watch_waiting_waits_get_more_time_and_never_more_than_half_a_second() -> None:
    assert with_slack(LIMITS, 1).wait_ms == 205
    assert with_slack(LIMITS, 5_000).wait_ms == 500
    assert with_slack(LIMITS, -3).wait_ms == 200
