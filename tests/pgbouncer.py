"""A PgBouncer of the tests' own, in transaction mode, where its program is installed or unpacked.

Debian's packages need no installing: ``apt-get download pgbouncer libevent-2.1-7 libc-ares2``, each unpacked with
``dpkg -x`` into one folder, and ``WATCHKEEPER_TEST_PGBOUNCER`` names it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from dbwatching import TIMEOUT_S, wait_until

VARIABLE = "WATCHKEEPER_TEST_PGBOUNCER"
_UNPACKED = os.environ.get(VARIABLE, "")  # now: each test begins without such variables


class Program(NamedTuple):
    """The pooler, and where its libraries are."""

    path: Path
    environment: dict[str, str]


def find_program() -> Program | None:
    """The unpacked pooler, else the installed one; None where there is neither."""
    unpacked = Path(_UNPACKED) / "usr/sbin/pgbouncer"
    if _UNPACKED and unpacked.exists():
        libraries = ":".join(str(each) for each in sorted(Path(_UNPACKED).glob("usr/lib/*-linux-gnu")))
        return Program(unpacked, {"LD_LIBRARY_PATH": libraries})
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    return Program(Path(found), {}) if found else None


@contextmanager
def running_pooler(server: str, database: str, sessions: int = 2) -> Iterator[str]:
    """The address of ``database`` through a pooler with so many sessions for all; skips, loudly, where there is none.

    ``server`` is the folder of the server's socket. As root the pooler drops to an unprivileged user, as the server.
    """
    program = find_program()
    if program is None:
        pytest.skip(f"PgBouncer is neither installed nor in {VARIABLE}: poolers in transaction mode were NOT checked")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        Path(folder).chmod(0o755)
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n{database} = host={server} port=5432 dbname={database} user=test\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {sessions}\nserver_round_robin = 1\n"
        )
        dropped = {"user": pwd.getpwnam("nobody").pw_uid, "extra_groups": []} if os.getuid() == 0 else {}
        with subprocess.Popen(
            [str(program.path), "-q", str(settings)],
            cwd="/", env={**os.environ, **program.environment}, stderr=subprocess.DEVNULL, **dropped,
        ) as pooler:  # fmt: skip
            dsn = f"host=127.0.0.1 port={port} user=test dbname={database}"
            try:
                wait_until(lambda: _answers(dsn, pooler), "the pooler")
                yield dsn
            finally:
                pooler.terminate()
                pooler.wait(TIMEOUT_S)


def _answers(dsn: str, pooler: subprocess.Popen[bytes]) -> bool:
    assert pooler.poll() is None, "PgBouncer did not start"
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
