"""A PostgreSQL server of the tests' own, where the programs for one are installed."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_numbers = itertools.count(1)


def find_programs() -> Path | None:
    """The folder that holds ``initdb`` and ``postgres``; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in folders if (each / "postgres").exists() and (each / "initdb").exists()), None)


@contextmanager
def running_server(programs: Path) -> Iterator[str]:
    """Start a server that listens on a socket in a temporary folder only; gives the folder, removes everything.

    PostgreSQL refuses to run as root: it is started as an unprivileged user then.
    """
    folder = Path(tempfile.mkdtemp(prefix="wk-pg-", dir="/tmp"))
    user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    if os.getuid() == 0:
        os.chown(folder, user, -1)
    try:
        _run(programs / "initdb", ["-D", str(folder / "data"), "-U", "test", "-A", "trust", "-N", "-E", "UTF8"], user)
        settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(folder / "data"), *options],
            **_as_user(user), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_ready(folder, server)
            yield str(folder)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(folder: str, statement: str) -> None:
    """Run one statement on the server's own database, outside a transaction."""
    import psycopg

    with psycopg.connect(f"host={folder} user=test dbname=postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


def create_database(folder: str) -> str:
    """The name of a new, empty database on the server."""
    name = f"test_{next(_numbers)}"
    execute(folder, f"CREATE DATABASE {name}")
    return name


def _wait_ready(folder: Path, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"host={folder} user=test dbname=postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < deadline, "PostgreSQL was not ready after 30 s"
            time.sleep(0.02)
        else:
            return


def _run(program: Path, args: list[str], user: int) -> None:
    subprocess.run([str(program), *args], **_as_user(user), cwd="/", check=True, capture_output=True, timeout=60)


def _as_user(user: int) -> dict[str, object]:
    return {"user": user, "extra_groups": []} if os.getuid() == 0 else {}
