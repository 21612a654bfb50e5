"""What processes notice themselves, as incidents."""

from __future__ import annotations

import msgspec
import pytest

from watchkeeper.database.client_events import NOTICED, OTHER, Heard, client_end, client_incident, hear
from watchkeeper.database.ports import Happening, Pool, PoolWaiter
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import EndReason, Incident, IncidentKind, Role

AT = Millis(1_000_000)
SITES = ("engine/stages.py:43", "engine/stages.py:21")


def happening(kind: str = "nested-write", **values: object) -> Happening:
    given = {"backend": 7, "text": "said so", "sites": SITES, "symbol": "update_stage", "table": "content"}
    return msgspec.convert({"process": 3, "kind": kind, "at": AT, **given, **values}, Happening)


def incident(kind: str = "nested-write", **values: object) -> Incident:
    found = client_incident(happening(kind, **values), "shop", AT)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "is_called"),
    [
        ("nested-write", IncidentKind.SELF_DEADLOCK),
        ("lock-timeout", IncidentKind.LOCK_WAIT),
        ("busy", IncidentKind.LOCK_WAIT),
        ("deadlock", IncidentKind.CYCLE),
        ("lost-update", IncidentKind.LOST_UPDATE),
        ("nested-checkout", IncidentKind.POOL),
    ],
)
def test_each_kind_of_event_is_an_incident_that_its_process_has_seen(kind: str, is_called: IncidentKind) -> None:
    found = incident(kind)

    assert (found.kind, found.by, found.database, found.relation) == (is_called, "client", "shop", "content")
    assert found.advice
    assert client_end(found).id == found.id


def test_a_kind_that_is_unknown_is_none() -> None:
    assert client_incident(happening("coffee"), "shop", AT) is None


def test_both_sides_have_their_place_in_the_code_and_only_one_its_backend() -> None:
    holder, waiter = incident(revision="0123456789ab").parties

    assert (holder.backend, holder.role, holder.tag and holder.tag.site) == (OTHER, Role.HOLDER, SITES[1])
    assert (waiter.backend, waiter.role, waiter.tag and waiter.tag.site) == (7, Role.WAITER, SITES[0])
    assert waiter.tag is not None
    assert (waiter.tag.symbol, waiter.tag.revision) == ("update_stage", "0123456789ab")


def test_a_nested_write_waits_for_its_own_task() -> None:
    assert [(each.waiter, each.holder, each.in_application) for each in incident().edges] == [
        (7, OTHER, False), (OTHER, 7, True),
    ]  # fmt: skip


def test_a_lost_update_waits_for_nobody() -> None:
    found = incident("lost-update")

    assert (found.edges, found.stuck) == ((), 0)


def test_without_the_server_s_number_the_sides_are_still_two() -> None:
    assert [each.backend for each in incident("busy", backend=0).parties] == [OTHER, NOTICED]


def test_a_lock_timeout_says_who_had_the_lock_or_that_nobody_knows() -> None:
    known, unknown = incident("lock-timeout"), incident("lock-timeout", sites=SITES[:1])

    assert known.summary.endswith("its own process had it at engine/stages.py:21")
    assert unknown.summary.endswith("who had it, its process does not know")
    assert client_end(known).reason is EndReason.BROKEN


def test_a_statement_that_was_only_slow_is_no_incident_and_one_that_waited_for_a_known_lock_is() -> None:
    slow = happening("lock-timeout", text="57014 in report", sites=SITES[:1])

    assert client_incident(slow, "shop", AT) is None
    assert incident("lock-timeout", text="57014 in report").kind is IncidentKind.LOCK_WAIT


def test_the_same_code_is_the_same_incident_whatever_process_and_line() -> None:
    again = incident(process=4, backend=9, sites=("engine/stages.py:44", "engine/stages.py:22"))

    assert again.fingerprint == incident().fingerprint
    assert again.fingerprint != incident(symbol="other").fingerprint
    assert again.fingerprint != incident(table="job").fingerprint


def test_what_had_happened_before_the_watch_is_not_told() -> None:
    heard, _ = hear(Heard(), [happening()], (), "shop", AT)
    heard, told = hear(heard, [happening()], (), "shop", AT)
    _, later = hear(heard, [happening()], (), "shop", AT)

    assert (told, later) == ((), ())


def test_what_happens_is_told_with_the_next_answer_and_once() -> None:
    heard, _ = hear(Heard(), [], (), "shop", AT)
    heard, at_once = hear(heard, [happening()], (), "shop", AT)
    heard, told = hear(heard, [happening()], (), "shop", AT)
    _, again = hear(heard, [happening()], (), "shop", AT)

    assert (at_once, len(told), again) == ((), 1, ())


def kinds_told(before: list[Happening], now: list[Happening]) -> list[IncidentKind]:
    heard, _ = hear(Heard(), before, (), "shop", AT)
    heard, _ = hear(heard, now, (), "shop", AT)
    return [each.kind for each in hear(heard, now, (), "shop", AT)[1]]


@pytest.mark.parametrize("kind", ["busy", "lock-timeout"])
@pytest.mark.parametrize("warned_before", [True, False], ids=["warned before the watch", "warned during the watch"])
def test_a_wait_that_was_foretold_is_one_fault_with_its_timeout(kind: str, warned_before: bool) -> None:
    warning, end = happening(), happening(kind, at=AT + 9)

    assert kinds_told([warning] if warned_before else [], [warning, end]) == [IncidentKind.SELF_DEADLOCK]
    assert kinds_told([warning] if warned_before else [], [end, warning]) == [IncidentKind.SELF_DEADLOCK]


@pytest.mark.parametrize(
    "other", [{"process": 4}, {"sites": (SITES[0], "jobs.py:9")}, {"sites": SITES[:1]}],
    ids=["of another process", "of another holder", "of a holder that nobody knows"],
)  # fmt: skip
def test_a_timeout_that_nobody_foretold_is_a_fault_of_its_own(other: dict[str, object]) -> None:
    warning, end = happening(), happening("busy", at=AT + 9, **other)

    assert kinds_told([warning], [warning, end]) == [IncidentKind.LOCK_WAIT]


@pytest.mark.parametrize("when", [1, 2])
def test_what_a_look_has_seen_is_not_told_twice(when: int) -> None:
    heard, _ = hear(Heard(), [], (), "shop", AT)
    heard, _ = hear(heard, [happening()], (7,) if when == 1 else (), "shop", AT)
    _, told = hear(heard, [happening()], (7,) if when == 2 else (), "shop", AT)

    assert told == ()


def test_a_fault_that_comes_again_and_again_is_told_once_in_a_minute() -> None:
    heard, counts = hear(Heard(), [], (), "shop", AT)[0], []
    for second in range(130):
        at = Millis(AT + second * 1000)
        heard, told = hear(heard, [happening(at=at)], (), "shop", at)
        counts.append(len(told))

    assert sum(counts) == 3


def test_what_is_remembered_is_bounded() -> None:
    heard, _ = hear(Heard(), [], (), "shop", AT)
    for number in range(60):
        many = [happening(at=number * 1000 + each) for each in range(200)]
        heard, _ = hear(heard, many, (), "shop", AT)

    assert heard.known is not None
    assert len(heard.known) < 6_000


CHECKOUT = happening("nested-checkout", table="")


def pool(*waiters: PoolWaiter, limit: int = 2, process: int = 3) -> Pool:
    return Pool(process, "shop", limit, 2, waiters)


def asking(backend: int, site: str = SITES[0]) -> PoolWaiter:
    return PoolWaiter("1", "update_stage", site, AT, (backend,))


FULL = pool(asking(7), asking(8))


def told_of_checkout(*answers: Pool) -> list[IncidentKind]:
    heard, told = Heard(), list[Incident]()
    for each in answers:
        heard, more = hear(heard, [CHECKOUT], (), "shop", AT, pools=(each,))
        told += more
    return [each.kind for each in told]


def test_a_second_connection_of_a_pool_that_two_answers_show_exhausted_is_an_incident_once() -> None:
    assert told_of_checkout(FULL, FULL, FULL) == [IncidentKind.POOL]


def test_it_is_told_also_where_the_pool_had_connections_to_spare_when_its_code_first_asked() -> None:
    spare = pool(asking(7), limit=5)

    assert told_of_checkout(spare, spare, FULL, FULL) == [IncidentKind.POOL]


@pytest.mark.parametrize(
    "answers",
    [
        [pool(asking(7), limit=5)] * 4,  # there are connections to spare
        [pool(asking(7))] * 4,  # all are out, and who has the other one will give it back
        [pool()] * 4,  # it has got its second connection
        [pool(asking(7), asking(8, "other.py:1"), process=4)] * 4,  # another process's pool
        [pool(asking(7, "other.py:1"), asking(8, "other.py:2"))] * 4,  # other code stands still there
        [FULL, pool(), FULL, pool()],  # it never lasts
    ],
)  # fmt: skip
def test_a_second_connection_that_will_be_had_is_no_incident(answers: list[Pool]) -> None:
    assert told_of_checkout(*answers) == []
