"""What a MariaDB server's rows and status say, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.database.advice import advise
from watchkeeper.database.holder_history import Past, find_taking
from watchkeeper.database.innodb_status import read_latest_deadlock, ring_incident, schema_and_table
from watchkeeper.database.mariadb import parse_address
from watchkeeper.database.mariadb_rows import (
    Rows,
    read_client,
    read_processes,
    read_sighting,
    read_transactions,
)
from watchkeeper.database.ports import Ages
from watchkeeper.database.rights import missing_history, missing_process
from watchkeeper.database.sighting import Backend, Engine, Sighting
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import IncidentKind, Party, Role

NOW = 1_000_000.5
AT = Millis(int(NOW * 1000))
UPDATE = "UPDATE content SET a = 1 WHERE id = 1"
STATUS = """
------------------------
LATEST DETECTED DEADLOCK
------------------------
2026-11-26 13:00:37 0x76ff067686c0
*** (1) TRANSACTION:
TRANSACTION 35, ACTIVE 0 sec starting index read
LOCK WAIT 3 lock struct(s), heap size 1128, 2 row lock(s), undo log entries 1
MariaDB thread id 12, OS thread handle 130837697169088, query id 61 localhost root Updating
/*wk:sym=publish*/ UPDATE job SET state = 'b' WHERE id = 1
*** WAITING FOR THIS LOCK TO BE GRANTED:
RECORD LOCKS space id 5 page no 3 n bits 320 index PRIMARY of table `shop`.`job` trx id 35 lock_mode X locks rec waiting
Record lock, heap no 5 PHYSICAL RECORD: n_fields 6; compact format; info bits 0
 0: len 4; hex 80000001; asc     ;;

*** CONFLICTING WITH:
RECORD LOCKS space id 5 page no 3 n bits 320 index PRIMARY of table `shop`.`job` trx id 34 lock_mode X locks rec

*** (2) TRANSACTION:
TRANSACTION 34, ACTIVE 0 sec starting index read
MariaDB thread id 11, OS thread handle 130837697476288, query id 60 localhost root Updating
/*wk:sym=requeue*/ UPDATE content
 SET a = 1 WHERE id = 2
*** WAITING FOR THIS LOCK TO BE GRANTED:
RECORD LOCKS space id 5 page no 3 n bits 320 index PRIMARY of table `shop`.`content` trx id 34 lock_mode X waiting
*** CONFLICTING WITH:
RECORD LOCKS space id 5 page no 3 n bits 320 index PRIMARY of table `shop`.`content` trx id 35 lock_mode X
*** WE ROLL BACK TRANSACTION (2)
------------
TRANSACTIONS
------------
Trx id counter 37
"""


def process(
    connection: int, command: str = "Query", age: float = 500, statement: str = UPDATE, state: str = ""
) -> tuple[object, ...]:
    return (connection, "app", "localhost", "shop", command, state, age, statement, 100 + connection, NOW)


def look(
    *processes: tuple[object, ...], transactions: tuple[tuple[object, ...], ...] = (), also: tuple[int, ...] = (),
    **more: object,
) -> Sighting:  # fmt: skip
    read, at = read_processes(processes)
    rows = Rows(at, read_transactions(transactions), processes=read, **more)  # type: ignore[arg-type]
    return read_sighting(rows, Millis(0), Ages(), also, {})[0]


HOLDER = (23, "RUNNING", NOW - 2, None, None, 5)
WAITER = (24, "LOCK WAIT", NOW - 1, NOW - 0.5, "24:5:3:4", 6)
LATER = (25, "LOCK WAIT", NOW - 1, NOW - 0.5, "25:5:3:4", 7)
LOCKS = tuple((f"{trx}:5:3:4", trx, "X", "RECORD", "`shop`.`content`") for trx in (23, 24, 25))
WAITS = ((24, 23, "23:5:3:4"), (25, 23, "23:5:3:4"), (25, 24, "24:5:3:4"))


def by_pid(sighting: Sighting) -> dict[int, Backend]:
    return {each.pid: each for each in sighting.backends}


def test_a_waiter_names_the_holder_and_who_only_stands_ahead() -> None:
    seen = by_pid(
        look(
            process(5, "Sleep", statement=""), process(6), process(7),
            transactions=(HOLDER, WAITER, LATER), locks=LOCKS, waits=WAITS,
        )
    )  # fmt: skip

    assert (seen[5].state, seen[5].blockers, seen[5].holds) == ("idle in transaction", (), ("content X",))
    assert (seen[6].blockers, seen[6].ahead) == ((5,), ())
    assert (seen[7].blockers, seen[7].ahead) == ((5, 6), (6,))
    assert seen[6].wants is not None
    assert (seen[6].wants.what, seen[6].wants.relation) == ("a row of content", "content")


def test_a_wait_whose_statement_is_over_by_now_is_none() -> None:
    gone = look(
        process(5, "Sleep", age=1), process(6, "Sleep", age=1), transactions=(HOLDER, WAITER), locks=LOCKS, waits=WAITS
    )

    assert not any(each.wants for each in gone.backends)


def test_a_wait_is_said_to_be_no_older_than_it_is() -> None:
    """InnoDB names the second in which it began, and the first look the moment in which it was there."""
    read, at = read_processes([process(5, "Sleep"), process(6)])
    fresh = (24, "LOCK WAIT", int(NOW), int(NOW), "24:5:3:4", 6)
    old = (24, "LOCK WAIT", int(NOW), int(NOW) - 60, "24:5:3:4", 6)

    def since(waiter: tuple[object, ...], before: dict[tuple[int, int, str], Millis]) -> Millis | None:
        rows = Rows(at, read_transactions((HOLDER, waiter)), LOCKS, WAITS[:1], read)
        wants = by_pid(read_sighting(rows, Millis(0), Ages(), (), before)[0])[6].wants
        return wants.since if wants else None

    assert since(fresh, {}) == AT
    assert since(fresh, {(6, 106, "24:5:3:4"): Millis(AT - 150)}) == AT - 150
    assert since(fresh, {(6, 105, "24:5:3:4"): Millis(AT - 150)}) == AT  # of an earlier statement
    assert since(old, {}) == (int(NOW) - 60) * 1000 + 999


def test_healthy_transactions_are_not_listed_and_old_ones_are() -> None:
    young, old = (23, "RUNNING", NOW - 1, None, None, 5), (24, "RUNNING", NOW - 60, None, None, 6)

    assert list(by_pid(look(process(5, age=1), process(6, age=1), transactions=(young, old)))) == [6]
    assert list(by_pid(look(process(5, age=1), transactions=(young,), also=(5,)))) == [5]


def test_who_waits_for_a_table_stands_behind_the_schema_change_and_that_behind_the_reader() -> None:
    waits = "Waiting for table metadata lock"
    seen = by_pid(
        look(
            process(5, "Sleep", statement=""),
            process(6, statement="/*wk:sym=m*/ ALTER TABLE content ADD x int", state=waits),
            process(7, statement="SELECT * FROM content", state=waits),
            transactions=(HOLDER,),
            metadata=(
                (5, "MDL_SHARED_READ", "shop", "content"),
                (6, "MDL_SHARED_UPGRADABLE", "shop", "content"),
                (8, "MDL_SHARED_READ", "shop", "job"),
            ),
        )
    )

    assert (seen[6].blockers, seen[6].wants and seen[6].wants.mode) == ((5,), "MDL_EXCLUSIVE")
    assert (seen[7].blockers, seen[7].ahead, seen[7].wants and seen[7].wants.relation) == ((6,), (6,), "content")


def test_a_client_has_an_address_and_a_port_over_tcp_alone() -> None:
    assert read_client("10.0.0.7:51122") == ("10.0.0.7", 51122)
    assert read_client("localhost:51122") == ("127.0.0.1", 51122)
    assert read_client("localhost") == ("", -1)


def past(*statements: str) -> tuple[Past, ...]:
    return tuple(Past(f"statement/sql/{each.split()[0].lower()}", each) for each in statements)


@pytest.mark.parametrize(
    ("statements", "taking"),
    [
        ((UPDATE, "SELECT count(*) FROM job"), UPDATE),
        ((UPDATE, "INSERT INTO job VALUES (1)", "SELECT 1"), UPDATE),
        (("SELECT id FROM content FOR UPDATE", "SELECT 1"), "SELECT id FROM content FOR UPDATE"),
        ((UPDATE, "COMMIT", "DELETE FROM job", "SELECT 1"), "DELETE FROM job"),
        (("SELECT 1", "SELECT 2"), "SELECT 2"),
        ((UPDATE, "COMMIT"), ""),
        (("UPDATE content_stage SET a = 1", "SELECT 1"), "UPDATE content_stage SET a = 1"),
    ],
)
def test_of_a_transaction_s_statements_the_one_that_wrote_the_table_took_the_lock(
    statements: tuple[str, ...], taking: str
) -> None:
    assert find_taking(past(*statements), relation="content") == taking


def test_the_last_deadlock_is_read_with_both_statements_and_who_waited_for_whom() -> None:
    ring = read_latest_deadlock(STATUS)
    assert ring is not None
    found = ring_incident(ring, "shop", AT)

    assert (found.kind, found.by, found.relation) == (IncidentKind.CYCLE, "log", "job")
    assert {each.backend: each.tag and each.tag.symbol for each in found.parties} == {11: "requeue", 12: "publish"}
    assert {(each.waiter, each.holder) for each in found.edges} == {(11, 12), (12, 11)}
    assert found.parties[0].statement == "UPDATE content\n SET a = 1 WHERE id = 2"
    assert "1213" in found.advice[-1]


def test_a_status_without_a_deadlock_has_none() -> None:
    assert read_latest_deadlock(STATUS.replace("LATEST DETECTED DEADLOCK", "LATEST FOREIGN KEY ERROR")) is None


@given(
    st.lists(st.sampled_from([*STATUS.splitlines(keepends=True), "*** (3) TRANSACTION:\n", "x" * 9000]), max_size=60)
)
def test_whatever_the_status_says_it_is_read_or_not_and_never_raises(lines: list[str]) -> None:
    ring = read_latest_deadlock("".join(lines))

    assert ring is None or len(ring_incident(ring, "shop", AT).parties) >= 2


@given(st.data())
def test_whatever_the_rows_say_there_is_a_sighting(data: st.DataObject) -> None:
    numbers = st.integers(0, 5)
    draw = data.draw
    moments = st.none() | st.floats(0, 2e9)
    transactions = draw(st.lists(st.tuples(
        numbers, st.sampled_from(["LOCK WAIT", "RUNNING"]), moments, moments,
        st.none() | st.sampled_from(["a", "b"]), numbers), max_size=6))  # fmt: skip
    locks = draw(st.lists(st.tuples(
        st.sampled_from(["a", "b"]), numbers, st.just("X"), st.sampled_from(["RECORD", "TABLE"]), st.text(max_size=9)),
        max_size=6))  # fmt: skip
    waits = draw(st.lists(st.tuples(numbers, numbers, st.sampled_from(["a", "b"])), max_size=6))
    processes = draw(st.lists(st.builds(
        process, numbers, st.sampled_from(["Sleep", "Query"]), st.floats(-5, 1e9), st.text(max_size=20),
        st.sampled_from(["", "Waiting for table metadata lock"])), max_size=6))  # fmt: skip
    metadata = draw(
        st.lists(st.tuples(numbers, st.just("MDL_EXCLUSIVE"), st.just("shop"), st.text(max_size=3)), max_size=6)
    )

    sighting = look(
        *processes, transactions=tuple(transactions), locks=tuple(locks), waits=tuple(waits), metadata=tuple(metadata)
    )

    assert all(each.pid not in each.blockers for each in sighting.backends)


def test_a_partition_is_its_table() -> None:
    assert schema_and_table("`shop`.`content` /* Partition `p0` */") == ("shop", "content")


def test_advice_for_mariadb_speaks_its_language() -> None:
    parties = (Party(5, Role.HOLDER), Party(6, Role.WAITER))
    for kind in IncidentKind:
        said = " ".join(advise(kind, parties, "content", Engine.MARIADB))
        assert "pg_" not in said
        assert "ALTER ROLE" not in said
    assert advise(IncidentKind.IDLE_HOLDER, parties, "content", Engine.MARIADB)[0].startswith("KILL 5;")


def test_missing_rights_are_said_with_the_statement_that_gives_them() -> None:
    assert "GRANT PROCESS ON *.* TO 'wa''tch'@'%';" in missing_process("wa'tch@%")
    assert "setup_consumers SET ENABLED = 'YES'" in missing_history("consumer", "watch@%")
    assert "GRANT SELECT ON performance_schema.* TO 'watch'@'%';" in missing_history("right", "watch@%")


def test_an_address_is_read_in_parts() -> None:
    found = parse_address("mariadb://us%40er:p%2Fw@db.example:3307/shop?unix_socket=/run/m.sock")

    assert found == {
        "host": "db.example", "port": 3307, "user": "us@er", "password": "p/w", "database": "shop",
        "unix_socket": "/run/m.sock",
    }  # fmt: skip


@pytest.mark.parametrize(
    "dsn", ["mysql://u:sesame@[x", "mysql://u:sesame@h:port/x", "mysql://u:sesame@h/x?sesame=1", "sesame://h/x"]
)
def test_an_address_that_cannot_be_understood_is_not_repeated(dsn: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(dsn)

    assert caught.value.slug == "database-address"
    assert "sesame" not in str(caught.value)
