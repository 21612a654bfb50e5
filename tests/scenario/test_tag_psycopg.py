"""Plain psycopg and asyncio with tags: slots, prepared statements, the socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres
from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.answering import answer
from watchkeeper_tag.psycopg import configure_async, install, watch_pool
from watchkeeper_tag.statements import Lock

pytestmark = pytest.mark.postgresql
UPDATE = "UPDATE content SET a = a + 1 WHERE id = %s"


@pytest.fixture(scope="module")
def dsn(postgresql: str) -> str:
    told = f"host={postgresql} user=test dbname={postgres.create_database(postgresql)}"
    with psycopg.connect(told, autocommit=True) as made:
        made.execute("CREATE TABLE content (id int PRIMARY KEY, a int)")
        made.execute("INSERT INTO content VALUES (1, 0), (2, 0)")
    return told


def tagging(**more: object) -> Tagging:
    return Tagging(Path(__file__).parent, "abcdef0123456789", **{"publish": False, **more})  # type: ignore[arg-type]


def test_the_server_shows_where_a_statement_comes_from(dsn: str) -> None:
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as looks:
        install(one, tagging())
        one.execute(UPDATE, (1,))

        shown = looks.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (one.info.backend_pid,)).fetchone()

    assert shown is not None
    assert shown[0].startswith(
        "/*wk:rev=abcdef012345,sym=test_the_server_shows_where_a_statement_comes_from,at=test_tag"
    )
    assert ",task=" in shown[0]


def test_two_tasks_of_one_thread_are_two_and_one_task_over_two_connections_is_one(dsn: str) -> None:
    told = tagging(mode="raise")

    async def write(row: int, ready: asyncio.Event, go: asyncio.Event) -> int:
        async with await psycopg.AsyncConnection.connect(dsn) as one:
            install(one, told)
            await one.execute(UPDATE, (row,))
            ready.set()
            await go.wait()
            found = told.journal.find(one)
            assert found is not None
            return found.slot

    async def innocent() -> list[int]:
        go, ready = asyncio.Event(), [asyncio.Event(), asyncio.Event()]
        tasks = [asyncio.create_task(write(row, ready[row - 1], go)) for row in (1, 2)]
        for each in ready:
            await each.wait()
        go.set()
        return list(await asyncio.gather(*tasks))

    async def nested() -> None:
        async with (
            await psycopg.AsyncConnection.connect(dsn) as one,
            await psycopg.AsyncConnection.connect(dsn) as two,
        ):
            install(one, told)
            install(two, told)
            await one.execute(UPDATE, (1,))
            with pytest.raises(NestedWriteError):
                await two.execute(UPDATE, (1,))

    assert len(set(asyncio.run(innocent()))) == 2
    asyncio.run(nested())


def test_statements_stay_prepared_over_many_tasks(dsn: str) -> None:
    """A tag that named its task would be another statement each time, and none would be prepared."""
    told = tagging()

    async def run() -> int:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as one:
            install(one, told)

            async def write() -> None:
                await one.execute(UPDATE, (1,))

            for _ in range(40):
                await asyncio.create_task(write())
            rows = await (await one.execute("SELECT count(*) FROM pg_prepared_statements")).fetchone()
            assert rows is not None
            return int(rows[0])

    assert asyncio.run(run()) == 1


def test_a_committed_write_is_forgotten_and_a_savepoints_rollback_gives_back(dsn: str) -> None:
    told = tagging(mode="raise")
    with psycopg.connect(dsn) as one, psycopg.connect(dsn, autocommit=True) as two:
        install(one, told)
        install(two, told)
        one.execute(UPDATE, (1,))
        one.commit()
        two.execute(UPDATE, (1,))

        with one.transaction():
            with one.transaction(force_rollback=True):
                one.execute(UPDATE, (1,))
            with one.transaction():
                one.execute(UPDATE, (2,))
                raise psycopg.Rollback
            two.execute(UPDATE, (1,))
            two.execute(UPDATE, (2,))
            with one.transaction():
                one.execute(UPDATE, (2,))
            with pytest.raises(NestedWriteError):
                two.execute(UPDATE, (2,))


def test_a_connection_that_is_closed_or_cut_holds_nothing(dsn: str) -> None:
    told = tagging(mode="raise")
    closed, cut = psycopg.connect(dsn), psycopg.connect(dsn)
    with psycopg.connect(dsn, autocommit=True) as other:
        for each in (closed, cut, other):
            install(each, told)
        closed.execute(UPDATE, (1,))
        closed.close()
        other.execute(UPDATE, (1,))
        cut.execute(UPDATE, (1,))
        other.execute("SELECT pg_terminate_backend(%s)", (cut.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            cut.execute("SELECT 1")

        other.execute(UPDATE, (1,))
    cut.close()


def test_copy_and_streams_are_tagged_and_kept(dsn: str) -> None:
    told = tagging()
    with psycopg.connect(dsn) as one:
        install(one, told)
        cursor = one.cursor()
        (shown,) = cursor.stream("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        with cursor.copy("COPY content (id, a) FROM STDIN") as copy:
            copy.write_row((9, 9))
        found = told.journal.find(one)
        assert found is not None
        assert [(each.claim.table, each.claim.lock) for each in found.held] == [("content", Lock.INSERT)]
        one.rollback()

    assert shown[0].startswith("/*wk:rev=")


def test_statements_stay_prepared_over_many_threads(dsn: str) -> None:
    """One connection that goes from thread to thread, as in a pool: each has a slot, of few."""
    told = tagging()
    with psycopg.connect(dsn, autocommit=True) as one:
        install(one, told)
        one.prepare_threshold = 0
        for _ in range(30):
            thread = threading.Thread(target=one.execute, args=(UPDATE, (1,)))
            thread.start()
            thread.join()
        rows = one.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%%UPDATE%%'").fetchall()

    assert {each[0].partition(",task=")[2][:2] for each in rows} <= {"1*", "2*"}


def test_others_may_ask_what_a_backend_has_written(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_TAG_DIR", str(tmp_path / "tags"))
    told = tagging(publish=True)
    with psycopg.connect(dsn) as one:
        install(one, told)
        one.execute(UPDATE, (1,))
        one.execute("SELECT count(*) FROM content")
        (path,) = (tmp_path / "tags").glob("*.sock")
        assert path.stat().st_mode & 0o077 == 0

        state = ask(path, {"v": 1, "ask": "state", "backends": [one.info.backend_pid]})
        nothing = ask(path, {"v": 1, "ask": "state", "backends": [1]})
        wrong = ask(path, ["what"])

    (connection,) = state["connections"]
    (write,) = connection["writes"]
    assert (write["table"], write["columns"], write["lock"]) == ("content", ["a"], "no key update")
    assert write["symbol"] == "test_others_may_ask_what_a_backend_has_written"
    assert write["site"].startswith("test_tag_psycopg.py:")
    assert connection["last"]["site"] != write["site"], "the last statement is another, and innocent"
    assert connection["thread"] == threading.get_native_id()
    assert nothing["connections"] == []
    assert "error" in wrong


def ask(path: Path, question: object):  # type: ignore[no-untyped-def]
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        asking.sendall(json.dumps(question).encode() + b"\n")
        read = b""
        while part := asking.recv(65536):
            read += part
    return json.loads(read)


def test_a_pool_of_psycopg_tells_who_waits_and_what_he_holds(dsn: str) -> None:
    pools = pytest.importorskip("psycopg_pool", reason="psycopg_pool is not installed: its pools were NOT checked")
    told = tagging()
    with pools.ConnectionPool(
        dsn, min_size=2, max_size=2, name="shop", configure=lambda each: install(each, told)
    ) as pool:
        watch_pool(pool, told)
        with pool.connection() as one:
            one.execute(UPDATE, (1,))
        with pool.connection() as one:
            one.execute(UPDATE, (1,))
        assert told.journal.events == [], "one after the other is nothing"

        both, end = threading.Barrier(2), threading.Event()

        def work(row: int) -> None:
            with pool.connection() as one:
                one.execute(UPDATE, (row,))
                both.wait(10)
                with contextlib.suppress(pools.PoolTimeout), pool.connection(timeout=2) as other:
                    other.execute("SELECT 1")
                end.wait(10)

        threads = [threading.Thread(target=work, args=(row,)) for row in (1, 2)]
        for each in threads:
            each.start()
        shown: dict[str, Any] = {}
        for _ in range(400):
            shown = json.loads(answer(told, b'{"v":1,"ask":"state"}'))["pools"][0]
            if len(shown["waiters"]) == 2:
                break
            end.wait(0.005)
        end.set()
        for each in threads:
            each.join()

    assert (shown["name"], shown["limit"], shown["out"]) == ("shop", 2, 2)
    assert {len(each["holds"]) for each in shown["waiters"]} == {1}
    assert "nested-checkout" in [each["kind"] for each in told.journal.events]


def test_a_pool_of_psycopg_in_asyncio_is_told_of_as_well(dsn: str) -> None:
    pools = pytest.importorskip("psycopg_pool", reason="psycopg_pool is not installed: its pools were NOT checked")
    told = tagging()

    async def nested() -> None:
        async with pools.AsyncConnectionPool(
            dsn, min_size=2, max_size=2, open=False, configure=configure_async(told)
        ) as pool:
            watch_pool(pool, told)
            async with pool.connection() as one:
                await one.execute(UPDATE, (1,))
                async with pool.connection() as other:
                    await other.execute("SELECT 1")

    asyncio.run(nested())

    assert [each["kind"] for each in told.journal.events] == ["nested-checkout"]
