"""A watch of a real server in a thread of its own, and clients that wait for each other in theirs."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres
from watchkeeper.database.keeping import Limits
from watchkeeper.database.ports import Server
from watchkeeper.database.postgres import PostgresServer
from watchkeeper.database.watcher import Settings, Watcher
from watchkeeper.model.incidents import Incident, IncidentChanged, IncidentEnded, IncidentKind, IncidentOpened

TIMEOUT_S = 20.0
LIMITS = Limits(gone_ms=300, change_ms=200)


def wait_until(condition: Callable[[], Any], what: str = "the condition", timeout_s: float = TIMEOUT_S) -> Any:
    """What ``condition`` gives once it gives something."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s} s"
        time.sleep(0.01)
    return found


class Watched:
    """What a running watch has told."""

    def __init__(self, watcher: Watcher, events: list[object]) -> None:
        self.watcher, self.events = watcher, events

    @property
    def opened(self) -> list[Incident]:
        return [each.incident for each in self.events if isinstance(each, IncidentOpened)]

    @property
    def ended(self) -> list[IncidentEnded]:
        return [each for each in self.events if isinstance(each, IncidentEnded)]

    @property
    def latest(self) -> dict[str, Incident]:
        told = [each for each in self.events if isinstance(each, IncidentOpened | IncidentChanged)]
        return {each.incident.id: each.incident for each in told}

    def until_opened(self, kind: IncidentKind) -> Incident:
        return wait_until(
            lambda: next((each for each in self.opened if each.kind is kind), None), f"{kind} of {self.events}"
        )

    def until_ended(self) -> IncidentEnded:
        return wait_until(lambda: next(iter(self.ended), None), f"an end of {self.events}")

    def until_told(self, kind: type) -> Any:
        return wait_until(lambda: next((each for each in self.events if isinstance(each, kind)), None), kind.__name__)

    def looks(self, count: int) -> None:
        """Wait until the database was looked at so many times more."""
        before = self.watcher.statistics().polls
        wait_until(lambda: self.watcher.statistics().polls >= before + count, f"{count} looks")


@contextmanager
def watching(
    dsn: str, *, settings: Settings | None = None, server: Server | None = None, **parts: Any
) -> Iterator[Watched]:
    """A watch that runs until the end of the block; of ``server``, else of the PostgreSQL server at ``dsn``."""
    events: list[object] = []
    chosen = settings or Settings("shop", poll_ms=50, limits=LIMITS)
    ready = threading.Event()
    made: list[Watcher] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        watcher = Watcher(server or PostgresServer(dsn), chosen, events.extend, **parts)
        made.append(watcher)
        loops.append(asyncio.get_running_loop())
        ready.set()
        await watcher.run()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(TIMEOUT_S)
    try:
        watched = Watched(made[0], events)
        wait_until(lambda: events or made[0].statistics().polls, "the first look")
        yield watched
    finally:
        loops[0].call_soon_threadsafe(made[0].stop)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


class Clients:
    """Connections, and statements that are sent in threads because they wait. Nothing hangs: a lock_timeout ends it."""

    def __init__(self, dsn: str, lock_timeout: str = "8s") -> None:
        self._dsn, self._lock_timeout = dsn, lock_timeout
        self._connections: list[psycopg.Connection[Any]] = []
        self._threads: list[threading.Thread] = []
        self.errors: list[str] = []

    def open(self, application: str = "shop", **options: Any) -> psycopg.Connection[Any]:
        settings = f"-c lock_timeout={options.pop('lock_timeout', self._lock_timeout)}"
        connection = psycopg.connect(self._dsn, application_name=application, options=settings, **options)
        self._connections.append(connection)
        return connection

    def send(self, connection: psycopg.Connection[Any], *statements: str) -> None:
        """In a thread; what fails is rolled back, as an application would."""

        def work() -> None:
            try:
                for each in statements:
                    connection.execute(each.encode())
                connection.commit()
            except psycopg.Error as error:
                self.errors.append(str(error.sqlstate))
                if not connection.closed:
                    connection.rollback()

        thread = threading.Thread(target=work)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        for each in self._threads:
            each.join(TIMEOUT_S)
            assert not each.is_alive()

    def close(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as killer:
            pids = [each.info.backend_pid for each in self._connections if not each.closed]
            for each in pids:
                killer.execute("SELECT pg_terminate_backend(%s)", (each,))
        self.join()
        for connection in self._connections:
            connection.close()


@contextmanager
def clients(dsn: str, **options: Any) -> Iterator[Clients]:
    made = Clients(dsn, **options)
    try:
        yield made
    finally:
        made.close()


class OwnServer:
    """A server that a test may stop and start again, with settings of its own, on a port of loopback too."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        programs = postgres.find_programs()
        if programs is None:
            pytest.skip("PostgreSQL is not installed: restarts, prepared transactions and its log were NOT checked")
        self._programs, self.folder = programs, folder
        self._user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
        if os.getuid() == 0:
            os.chown(folder, self._user, -1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "fsync": "off", **settings}
        self._settings["unix_socket_directories"] = str(folder)
        args = ["-D", str(folder / "data"), "-U", "test", "-A", "trust", "-N", "-E", "UTF8"]
        subprocess.run(
            [str(programs / "initdb"), *args], **self._as_user(), cwd="/", check=True, capture_output=True, timeout=60
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=test dbname=postgres"

    def start(self) -> None:
        options = [part for key, value in self._settings.items() for part in ("-c", f"{key}={value}")]
        self._process = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options],
            **self._as_user(), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._answers, "the server")

    def stop(self) -> None:
        """At once, as in a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(TIMEOUT_S)
            self._process = None

    def _as_user(self) -> dict[str, Any]:
        return {"user": self._user, "extra_groups": []} if os.getuid() == 0 else {}

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def own_server(**settings: str) -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="wk-pg-", dir="/tmp"))
    server = None
    try:
        server = OwnServer(folder, settings)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def tag(**values: object) -> str:
    """A tag as `watchkeeper-tag` writes it."""
    return "/*wk:" + ",".join(f"{key}={value}" for key, value in values.items()) + "*/ "


def roles(incident: Incident) -> Sequence[tuple[int, str]]:
    return [(each.backend, each.role.value) for each in incident.parties]


def prepare(dsn: str) -> None:
    """The tables of the seed application, in short, with two rows."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "CREATE TABLE content (id int PRIMARY KEY, current_stage text, pipeline_status text);"
            "CREATE TABLE job (id int PRIMARY KEY, state text);"
            "CREATE TABLE content_stage (id serial PRIMARY KEY, content_id int REFERENCES content, stage text);"
            "CREATE TABLE slot (id serial PRIMARY KEY, name text UNIQUE);"
            "INSERT INTO content VALUES (1), (2), (3); INSERT INTO job VALUES (1), (2), (3)"
        )
