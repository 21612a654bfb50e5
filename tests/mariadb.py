"""A MariaDB server of the tests' own, where the programs for one are installed or unpacked.

Debian's packages need no installing: ``apt-get download mariadb-server-core mariadb-server liburing2 libaio1 libnuma1
libpmem1 libsnappy1v5``, each unpacked with ``dpkg -x`` into one folder, and ``WATCHKEEPER_TEST_MARIADB`` names it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pymysql
import pytest

from dbwatching import TIMEOUT_S, wait_until

VARIABLE = "WATCHKEEPER_TEST_MARIADB"
_UNPACKED = os.environ.get(VARIABLE, "")  # now: each test begins without such variables
_SCRIPTS = (
    "mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
)  # fmt: skip
HISTORY = (
    "--performance-schema=ON",
    "--performance-schema-consumer-events-statements-current=ON",
    "--performance-schema-consumer-events-statements-history=ON",
)


class Programs(NamedTuple):
    """Where a server's parts are; ``root`` is ``/`` where it is installed."""

    server: Path
    root: Path

    @property
    def plugins(self) -> Path:
        return self.root / "usr/lib/mysql/plugin"

    @property
    def environment(self) -> dict[str, str]:
        libraries = [str(each) for each in sorted(self.root.glob("usr/lib/*-linux-gnu"))]
        return {} if self.root == Path("/") else {"LD_LIBRARY_PATH": ":".join(libraries)}


def find_programs() -> Programs | None:
    """The unpacked server, else the installed one; None where there is neither."""
    roots = [Path(_UNPACKED)] if _UNPACKED else []
    for root in [*roots, Path("/")]:
        server = root / "usr/sbin/mariadbd"
        if server.exists() and (root / "usr/share/mysql" / _SCRIPTS[0]).exists():
            return Programs(server, root)
    return None


class Server:
    """A running server, on a socket in its own folder and a port of loopback. ``root`` needs no password."""

    def __init__(self, programs: Programs, folder: Path, options: Sequence[str]) -> None:
        self._programs, self.folder, self._options = programs, folder, options
        self._user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir()
        if os.getuid() == 0:
            os.chown(folder, self._user, -1)
            os.chown(folder / "data", self._user, -1)
        self._make_tables()
        self.start()

    @property
    def path(self) -> str:
        return str(self.folder / "s.sock")

    @property
    def has_metadata_locks(self) -> bool:
        return (self._programs.plugins / "metadata_lock_info.so").exists()

    def address(self, database: str = "", user: str = "root") -> str:
        return f"mysql://{user}@localhost/{database}?unix_socket={self.path}"

    def connect(self, database: str | None = None, user: str = "root", **options: Any) -> Any:
        return pymysql.connect(unix_socket=self.path, user=user, database=database, **options)

    def execute(self, *statements: str) -> None:
        connection = self.connect(autocommit=True)
        with connection, connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)

    def uptime(self) -> int:
        """Whole seconds since it was started."""
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Uptime'")
            return int(cursor.fetchone()[1])

    def has_waited_for(self, seconds: float) -> bool:
        """Whether anybody waits for a row since then, as far as the server tells: in whole seconds."""
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.innodb_trx"
                " WHERE trx_wait_started < now(6) - INTERVAL %s SECOND",
                (seconds,),
            )
            return bool(cursor.fetchone()[0])

    def start(self) -> None:
        log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                str(self._programs.server), *self._base(), f"--socket={self.path}", "--skip-networking",
                f"--pid-file={self.folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0", *self._options,
            ],
            **self._as_user(), stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        log.close()
        wait_until(self._answers, "the MariaDB server")

    def stop(self) -> None:
        """At once, as in a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(TIMEOUT_S)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2_000:]
        with socket.socket(socket.AF_UNIX) as tried:
            if tried.connect_ex(self.path) != 0:
                return False
        with suppress(pymysql.OperationalError):
            self.connect(connect_timeout=2).close()
            return True
        return False

    def _make_tables(self) -> None:
        scripts = self._programs.root / "usr/share/mysql"
        given = b"create database mysql;\nuse mysql;\n" + b"".join((scripts / each).read_bytes() for each in _SCRIPTS)
        subprocess.run(
            [
                str(self._programs.server), *self._base(), "--bootstrap", "--log-warnings=0",
                "--enforce-storage-engine=",
            ],
            **self._as_user(), input=given, check=True, capture_output=True, timeout=120,
        )  # fmt: skip

    def _base(self) -> list[str]:
        return [
            "--no-defaults", f"--datadir={self.folder / 'data'}", f"--basedir={self._programs.root / 'usr'}",
            f"--plugin-dir={self._programs.plugins}", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
        ]  # fmt: skip

    def _as_user(self) -> dict[str, Any]:
        dropped = {"user": self._user, "extra_groups": []} if os.getuid() == 0 else {}
        return {**dropped, "cwd": "/", "env": {**os.environ, **self._programs.environment}}


@contextmanager
def running_server(*options: str) -> Iterator[Server]:
    """A server until the end of the block; skips, loudly, where there is none."""
    programs = find_programs()
    if programs is None:
        pytest.skip(f"MariaDB is neither installed nor in {VARIABLE}: watching it was NOT checked")
    folder = Path(tempfile.mkdtemp(prefix="wk-maria-", dir="/tmp"))
    server = None
    try:
        server = Server(programs, folder, options)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def prepare(server: Server, database: str = "shop") -> None:
    """The tables of the seed application, in short, with three rows."""
    server.execute(
        f"CREATE OR REPLACE DATABASE {database}",
        f"CREATE TABLE {database}.content (id int PRIMARY KEY, current_stage text, pipeline_status text) ENGINE=InnoDB",
        f"CREATE TABLE {database}.job (id int PRIMARY KEY, state text) ENGINE=InnoDB",
        f"INSERT INTO {database}.content (id) VALUES (1), (2), (3)",
        f"INSERT INTO {database}.job (id) VALUES (1), (2), (3)",
    )


class Clients:
    """Connections in transactions, and statements that are sent in threads because they wait. A timeout ends them."""

    def __init__(self, server: Server, database: str = "shop", timeout_s: int = 8) -> None:
        self._server, self._database, self._timeout_s = server, database, timeout_s
        self._connections: list[Any] = []
        self._threads: list[threading.Thread] = []
        self.errors: list[int] = []

    def open(self, timeout_s: int | None = None) -> Any:
        seconds = timeout_s or self._timeout_s
        command = f"SET SESSION innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
        connection = self._server.connect(self._database, init_command=command)
        self._connections.append(connection)
        return connection

    def run(self, connection: Any, *statements: str) -> None:
        with connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)
                cursor.fetchall()

    def send(self, connection: Any, *statements: str) -> None:
        """In a thread; what fails is rolled back, as an application would."""

        def work() -> None:
            try:
                self.run(connection, *statements)
                connection.commit()
            except pymysql.MySQLError as error:
                self.errors.append(error.args[0])
                if connection.open and error.args[0] in (1205, 1213):
                    connection.rollback()

        thread = threading.Thread(target=work)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        for each in self._threads:
            each.join(TIMEOUT_S)
            assert not each.is_alive()

    def close(self) -> None:
        killer = self._server.connect(autocommit=True)
        with killer, killer.cursor() as cursor:
            for each in self._connections:
                with suppress(pymysql.MySQLError):
                    cursor.execute(f"KILL {each.thread_id()}")
        self.join()
        for each in self._connections:
            with suppress(pymysql.MySQLError):
                each.close()


@contextmanager
def clients(server: Server, **options: Any) -> Iterator[Clients]:
    made = Clients(server, **options)
    try:
        yield made
    finally:
        made.close()
