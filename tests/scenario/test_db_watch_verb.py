"""``watchkeeper db watch`` as a person starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from dbwatching import Clients, clients, prepare, wait_until
from gitrepo import GitRepo
from watchkeeper.app import find_place, open_log
from watchkeeper.model.incidents import IncidentEnded, IncidentKind, IncidentOpened

pytestmark = pytest.mark.postgresql


@pytest.fixture
def dsn(postgresql: str) -> str:
    dsn = f"host={postgresql} user=test password=sesame dbname={postgres.create_database(postgresql)}"
    prepare(dsn)
    return dsn


@pytest.fixture
def app(dsn: str) -> Iterator[Clients]:
    with clients(dsn) as made:
        yield made


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "watchkeeper", "db", "watch", *arguments],
        cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def hang(app: Clients, dsn: str) -> None:
    one, other = app.open(), app.open()
    one.execute("UPDATE content SET current_stage = 'a' WHERE id = 1")
    app.send(other, "UPDATE content SET pipeline_status = 'b' WHERE id = 1")
    from watchkeeper.database.ports import Ages
    from watchkeeper.database.postgres import PostgresServer

    async def waits() -> bool:
        server = PostgresServer(dsn)
        sighting = await server.look(Ages())
        await server.close()
        since = [each.wants.since for each in sighting.backends if each.wants and each.wants.since]
        return any(sighting.at - each > 250 for each in since)

    import asyncio

    wait_until(lambda: asyncio.run(waits()), "a wait of 250 ms")


def test_one_look_tells_people_who_waits_for_whom_and_what_to_do(dsn: str, app: Clients, tmp_path: Path) -> None:
    hang(app, dsn)
    done = run(tmp_path, "--once", WATCHKEEPER_DSN=dsn)

    assert done.returncode == 1, done.stderr
    assert "idle-holder i-" in done.stdout
    assert "  waits for shop (" in done.stdout
    assert "do: SELECT pg_terminate_backend(" in done.stdout
    assert "not in a repository: nothing is recorded" in done.stderr
    assert "sesame" not in done.stdout + done.stderr


def test_one_look_at_a_healthy_database_finds_nothing(dsn: str, tmp_path: Path) -> None:
    done = run(tmp_path, "--once", "--dsn-env", "DATABASE_URL", DATABASE_URL=dsn)

    assert (done.returncode, done.stdout.splitlines()[-2]) == (0, "nothing stands still")


def test_in_a_repository_it_is_recorded_and_a_second_watch_goes_on_with_what_is_open(
    dsn: str, app: Clients, git_repo: GitRepo
) -> None:
    git_repo.commit("base", {"a.py": b"a = 1\n"})
    hang(app, dsn)
    first = run(git_repo.path, "--once", "--json", "--name", "shop", WATCHKEEPER_DSN=dsn)
    second = run(git_repo.path, "--once", "--json", "--name", "shop", WATCHKEEPER_DSN=dsn)
    app.close()

    command = [sys.executable, "-m", "watchkeeper", "db", "watch", "--json", "--name", "shop", "--poll", "50"]
    with subprocess.Popen(command, cwd=git_repo.path, env={**os.environ, "WATCHKEEPER_DSN": dsn}) as watch:
        place = find_place(git_repo.path, os.environ)
        with open_log(place.home) as log:

            def ended() -> list[IncidentEnded]:
                return [each.event for each in log.read(place.project) if isinstance(each.event, IncidentEnded)]

            wait_until(ended, "the end")
            events = [each.event for each in log.read(place.project)]
        watch.send_signal(signal.SIGINT)

    assert [json.loads(line)["kind"] for line in first.stdout.splitlines()] == ["database-seen", "incident-opened"]
    assert [json.loads(line)["kind"] for line in second.stdout.splitlines()] == ["database-seen"]
    assert second.returncode == 1
    opened = [each.incident for each in events if isinstance(each, IncidentOpened)]
    assert [(each.kind, each.database) for each in opened] == [(IncidentKind.IDLE_HOLDER, "shop")]
    assert watch.returncode == 0


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:sesame@127.0.0.1:1/x?connect_timeout=1", "postgresql://u:sesame@[nonsense", "sesame=sesame"]
)
def test_no_password_is_in_any_error(dsn: str, tmp_path: Path) -> None:
    done = run(tmp_path, "--once", WATCHKEEPER_DSN=dsn)

    assert done.returncode in (2, 4)
    assert "sesame" not in done.stdout + done.stderr


def test_without_an_address_it_says_how_to_give_one(tmp_path: Path) -> None:
    done = run(tmp_path)

    assert done.returncode == 2
    assert "[database-address]" in done.stderr
