"""SQLAlchemy with tags, sync and asyncio, on a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import postgres
from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.sqlalchemy import install

pytestmark = pytest.mark.postgresql
UPDATE = sa.text("UPDATE content SET note = 'n' WHERE id = :id")
SHOWN = sa.text("SELECT query FROM pg_stat_activity WHERE pid = :pid")


class Base(DeclarativeBase):
    pass


class Content(Base):
    __tablename__ = "content"
    id: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str | None]
    note: Mapped[str | None]


@pytest.fixture(scope="module")
def url(postgresql: str) -> str:
    told = f"postgresql+psycopg://test@/{postgres.create_database(postgresql)}?host={postgresql}"
    engine = sa.create_engine(told)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Content(id=number) for number in range(1, 4)])
        session.commit()
    engine.dispose()
    return told


def tagging(**more: object) -> Tagging:
    return Tagging(Path(__file__).parent, "abcdef0123456789", **{"publish": False, **more})  # type: ignore[arg-type]


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(url, connect_args={"options": "-c lock_timeout=300"})
    yield made
    made.dispose()


def kinds(told: Tagging) -> list[object]:
    return [each["kind"] for each in told.journal.events]


def backend(session: Session) -> int:
    return int(session.scalar(sa.text("SELECT pg_backend_pid()")) or 0)


def test_a_flush_names_the_line_of_the_assignment_and_what_follows_it_does_not(engine: sa.Engine) -> None:
    told = install(engine, tagging())
    with Session(engine) as session, engine.connect() as looks:
        content = session.get_one(Content, 1)
        pid = backend(session)
        content.stage = "new"
        session.flush()
        flushed = looks.execute(SHOWN, {"pid": pid}).scalar_one()
        looks.rollback()  # what a transaction has seen of other sessions, it sees until its end
        session.execute(UPDATE, {"id": 1})
        later = looks.execute(SHOWN, {"pid": pid}).scalar_one()

    line = next(
        n for n, each in enumerate(Path(__file__).read_text().splitlines(), 1) if 'content.stage = "new"' in each
    )
    assert f",set=test_tag_sqlalchemy.py:{line}," in flushed
    assert "set=" not in later
    assert kinds(told) == ["nested-checkout"]


def test_a_savepoint_that_is_rolled_back_holds_nothing(engine: sa.Engine) -> None:
    install(engine, tagging(mode="raise"))
    with Session(engine) as session, engine.connect() as other:
        inner = session.begin_nested()
        session.execute(UPDATE, {"id": 1})
        with pytest.raises(NestedWriteError):
            other.execute(UPDATE, {"id": 1})
        inner.rollback()

        other.execute(UPDATE, {"id": 1})


def test_two_engines_of_different_pools_make_no_nested_checkout_and_a_disposed_one_is_watched_on(url: str) -> None:
    told = tagging()
    one, other = sa.create_engine(url), sa.create_engine(url)
    for each in (one, other):
        install(each, told)
    with one.connect() as first, other.connect() as second:
        first.execute(UPDATE, {"id": 1})
        second.execute(UPDATE, {"id": 2})
    assert kinds(told) == []

    one.dispose()
    with one.connect() as first:
        first.execute(UPDATE, {"id": 1})
        with one.connect() as second:
            second.execute(UPDATE, {"id": 2})
    assert kinds(told) == ["nested-checkout"]
    assert len(told.journal.pools) == 2
    for each in (one, other):
        each.dispose()


def test_a_timeout_names_both_sides_also_of_two_threads(engine: sa.Engine) -> None:
    told = install(engine, tagging())
    with engine.connect() as holder, ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: holder.execute(UPDATE, {"id": 1})).result()
        with engine.connect() as waiter, pytest.raises(sa.exc.OperationalError):
            waiter.execute(UPDATE, {"id": 1})

    (event,) = (each for each in told.journal.events if each["kind"] == "lock-timeout")
    assert event["table"] == "content"
    assert len(event["sites"]) == 2  # type: ignore[arg-type]


def test_innocent_threads_wait_for_each_other_and_nobody_is_accused(engine: sa.Engine) -> None:
    told = install(engine, tagging(mode="raise"))
    is_held, ends = threading.Event(), []

    def hold() -> None:
        with engine.begin() as connection:
            connection.execute(UPDATE, {"id": 1})
            is_held.set()
            connection.execute(sa.text("SELECT pg_sleep(0.1)"))

    def follow() -> None:
        is_held.wait(10)
        with engine.begin() as connection:
            connection.execute(UPDATE, {"id": 1})
            ends.append("ends")

    threads = [threading.Thread(target=each) for each in (hold, follow)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert ends == ["ends"]
    assert kinds(told) == []


def run_async(url: str, work: object, **more: object) -> Tagging:
    async def main() -> Tagging:
        engine = create_async_engine(url, connect_args={"options": "-c lock_timeout=300"})
        told = install(engine, tagging(**more))
        try:
            await work(engine)  # type: ignore[operator]
        finally:
            await engine.dispose()
        return told

    return asyncio.run(main())


def test_in_asyncio_the_line_of_the_coroutine_is_shown_and_a_task_that_waits_for_itself_is_refused(url: str) -> None:
    async def rename(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session, engine.connect() as other:
            content = await session.get_one(Content, 1)
            pid = (await session.execute(sa.text("SELECT pg_backend_pid()"))).scalar_one()
            content.stage = "async"
            await session.flush()
            shown = (await other.execute(SHOWN, {"pid": pid})).scalar_one()
            assert ",sym=test_in_asyncio" in shown
            assert ".rename,at=test_tag_sqlalchemy.py:" in shown
            assert ",set=test_tag_sqlalchemy.py:" in shown
            with pytest.raises(NestedWriteError, match="the same task"):
                await other.execute(UPDATE, {"id": 1})

    run_async(url, rename, mode="raise")


def test_in_asyncio_two_tasks_are_two(url: str) -> None:
    async def both(engine: AsyncEngine) -> None:
        held = asyncio.Event()

        async def hold() -> None:
            async with engine.begin() as connection:
                await connection.execute(UPDATE, {"id": 1})
                held.set()
                await connection.execute(sa.text("SELECT pg_sleep(0.1)"))

        async def follow() -> None:
            await held.wait()
            async with engine.begin() as connection:
                await connection.execute(UPDATE, {"id": 1})

        await asyncio.gather(hold(), follow())

    assert kinds(run_async(url, both, mode="raise")) == []


def test_in_asyncio_a_task_that_awaits_the_one_that_would_wait_for_it_is_refused(url: str) -> None:
    async def parent(engine: AsyncEngine) -> None:
        async def child() -> None:
            async with engine.begin() as connection:
                await connection.execute(UPDATE, {"id": 1})

        async with engine.begin() as connection:
            await connection.execute(UPDATE, {"id": 1})
            with pytest.raises(NestedWriteError, match="the task that waits for this one"):
                await asyncio.gather(child())

    run_async(url, parent, mode="raise")


def test_sqlite_is_guarded_as_a_whole_and_databases_in_memory_are_one_each(tmp_path: Path) -> None:
    told = tagging(mode="raise")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db", connect_args={"timeout": 0.1})
    memory = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    for each in (engine, memory):
        install(each, told)
    Base.metadata.create_all(engine)
    with engine.connect() as one, engine.connect() as other:
        one.execute(sa.insert(Content), {"id": 1})
        with pytest.raises(NestedWriteError, match="the database"):
            other.execute(sa.insert(Content), {"id": 2})
        other.execute(sa.select(Content)).all()
    with memory.connect() as one, memory.connect() as other:
        for each in (one, other):
            each.execute(sa.text("CREATE TABLE content (id int)"))
            each.execute(sa.text("INSERT INTO content VALUES (1)"))
    for each in (engine, memory):
        each.dispose()
