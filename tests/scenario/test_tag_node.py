"""``watchkeeper-tag`` for Node: its own tests on a real server, and a Node program under the database watch."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import postgres
from dbwatching import LIMITS, wait_until, watching
from nodeprograms import OLDEST_FOR_PRISMA, NotThereError, find_node, install_packages, install_prisma
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.tags import split_tag
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import IncidentKind

pytestmark = pytest.mark.postgresql
PACKAGE = Path(__file__).parents[2] / "packages" / "watchkeeper-tag-node"
PRISMA = PACKAGE / "test" / "prisma.test.js"
FILES = sorted({*PACKAGE.glob("test/*.test.js")} - {PRISMA})
HOLDERS = (
    "SELECT pid, query FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND query LIKE '/*wk:%%'"
)


@pytest.fixture(scope="module")
def node() -> str:
    try:
        return find_node()
    except NotThereError as error:
        pytest.skip(f"{error}: watchkeeper-tag for Node was NOT checked")


@pytest.fixture(scope="module")
def modules() -> Path:
    try:
        return install_packages()
    except NotThereError as error:
        pytest.skip(f"{error}: watchkeeper-tag for Node was NOT checked")


@pytest.fixture
def environment(postgresql: str, modules: Path, tmp_path: Path) -> dict[str, str]:
    """Of a Node program: the driver, a database of its own with a table in it, and where it publishes its journal."""
    name = postgres.create_database(postgresql)
    with psycopg.connect(_dsn(postgresql, name), autocommit=True) as connection:
        connection.execute("CREATE TABLE content (id int PRIMARY KEY, stage text, status text)")
        connection.execute("INSERT INTO content VALUES (1), (2)")
    return {
        **os.environ,
        "WATCHKEEPER_TEST_MODULES": str(modules),
        "WATCHKEEPER_TEST_HOST": postgresql,
        "WATCHKEEPER_TEST_DATABASE": name,
        "WATCHKEEPER_TAG_DIR": str(tmp_path / "tags"),
    }


@pytest.fixture(scope="module")
def prisma() -> Path:
    """Prisma's client for the schema of the tests, with its adapter and the driver."""
    try:
        find_node(OLDEST_FOR_PRISMA)
        return install_prisma()
    except NotThereError as error:
        pytest.skip(f"{error}: Prisma under watchkeeper-tag for Node was NOT checked")


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.stem)
def test_its_own_tests_pass_and_none_is_skipped(node: str, environment: Mapping[str, str], file: Path) -> None:
    passes(node, environment, file)


@pytest.mark.timeout(900)  # the first time it installs
def test_prismas_own_client_is_tagged_and_guarded(node: str, prisma: Path, environment: Mapping[str, str]) -> None:
    passes(node, {**environment, "WATCHKEEPER_TEST_MODULES": str(prisma), "WATCHKEEPER_TEST_PRISMA": "1"}, PRISMA)


def passes(node: str, environment: Mapping[str, str], file: Path) -> None:
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(file)],
        cwd=PACKAGE, env=dict(environment), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    counted = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", done.stdout, re.MULTILINE)}
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert counted["tests"] == counted["pass"] > 0


def test_a_task_that_waits_for_itself_is_told_with_the_write_that_it_waits_for(
    node: str, postgresql: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """The holder's last statement, which every other tool shows, is an innocent SELECT."""
    name = environment["WATCHKEEPER_TEST_DATABASE"]
    with running(node, "nested", environment), _watch(postgresql, name, tmp_path) as watched:
        found = watched.until_opened(IncidentKind.SELF_DEADLOCK)
        journal = asyncio.run(SocketJournals(tmp_path / "tags", answer_s=1).ask())

    assert found.is_certain
    assert {each.tag.symbol for each in found.parties if each.tag} == {"setsStage", "setsStatus"}
    (holder,) = (each for each in journal.entries if each.writes)
    assert [(each.table, each.columns, each.symbol) for each in holder.writes] == [("content", ("stage",), "setsStage")]
    assert holder.last is not None
    assert holder.last.site != holder.writes[0].site
    assert [each.kind for each in journal.happenings] == ["nested-checkout", "nested-write"]


def test_two_tasks_of_a_process_that_wait_for_each_other_are_no_self_deadlock(
    node: str, postgresql: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    name = environment["WATCHKEEPER_TEST_DATABASE"]
    with running(node, "apart", environment), _watch(postgresql, name, tmp_path) as watched:
        tags = wait_until(lambda: _two_tags(postgresql, name), "both tasks' statements")
        watched.looks(12)

    assert len(set(tags)) == 2
    assert IncidentKind.SELF_DEADLOCK not in [each.kind for each in watched.opened]


def test_a_pool_whose_tasks_all_wait_for_another_connection_is_told(
    node: str, postgresql: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    name = environment["WATCHKEEPER_TEST_DATABASE"]
    with running(node, "exhausted", environment), _watch(postgresql, name, tmp_path) as watched:
        found = watched.until_opened(IncidentKind.POOL)

    assert found.is_certain
    assert len(found.parties) == 2
    assert "setsStatus" in found.summary


@contextmanager
def running(node: str, what: str, environment: Mapping[str, str]) -> Iterator[None]:
    """The program, which ends with the block."""
    process = subprocess.Popen(
        [node, "test/application.js", what], cwd=PACKAGE, env=dict(environment), stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        process.communicate(timeout=30)


def _watch(postgresql: str, name: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    journals = SocketJournals(tmp_path / "tags", answer_s=1)
    return watching(_dsn(postgresql, name), settings=Settings("shop", 50, LIMITS), journals=journals)


def _dsn(postgresql: str, name: str) -> str:
    return f"host={postgresql} user=test dbname={name}"


def _two_tags(postgresql: str, name: str) -> list[str]:
    with psycopg.connect(_dsn(postgresql, name)) as connection:
        rows = connection.execute(HOLDERS, (name,)).fetchall()
    tags = [tag for _, text in rows if (tag := split_tag(text)[0]) is not None]
    return [each.task for each in tags] if len(tags) == 2 else []
