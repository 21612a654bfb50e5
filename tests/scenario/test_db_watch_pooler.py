"""The database watch through PgBouncer in transaction mode, where each question may get another session.

Where it is not on the path: ``PGBOUNCER=/path/to/pgbouncer``, with its libraries on ``LD_LIBRARY_PATH``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dbwatching import clients, own_server, prepare, tag, wait_until, watching
from watchkeeper.model.incidents import DatabaseUnseen, IncidentKind

pytestmark = pytest.mark.postgresql
PROGRAM = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Of the server itself, and of the pooler before it, which has two sessions for all."""
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed: poolers in transaction mode were NOT checked")
    with own_server() as server, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        prepare(server.dsn)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\npostgres = host=127.0.0.1 port={server.port} dbname=postgres user=test\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 2\nserver_round_robin = 1\n"
            + ("user = nobody\n" if os.getuid() == 0 else "")
        )
        Path(folder).chmod(0o755)
        with subprocess.Popen([PROGRAM, "-q", str(settings)], stderr=subprocess.DEVNULL) as pooler:
            dsn = f"host=127.0.0.1 port={port} user=test dbname=postgres"
            try:
                wait_until(lambda: answers(dsn), "the pooler")
                yield server.dsn, dsn
            finally:
                pooler.terminate()


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def test_through_a_pooler_a_self_deadlock_is_told_and_no_session_is_relied_on(addresses: tuple[str, str]) -> None:
    direct, pooled = addresses
    with clients(direct) as app, watching(pooled) as watched, psycopg.connect(pooled, autocommit=True) as stranger:
        watched.looks(3)
        # Another client of the pooler leaves its own settings behind, and holds one of the two sessions for a while.
        stranger.execute("SET statement_timeout = '1ms'")
        with stranger.transaction():
            one, other = app.open(), app.open()
            pids = [one.info.backend_pid, other.info.backend_pid]
            one.execute((tag(sym="f", pid=7, task=1) + "UPDATE content SET current_stage = 'a' WHERE id = 1").encode())
            app.send(other, tag(sym="f", pid=7, task=1) + "UPDATE content SET pipeline_status = 'b' WHERE id = 1")
            found = watched.until_opened(IncidentKind.SELF_DEADLOCK)
        watched.looks(10)

    assert [each.backend for each in found.parties] == pids
    assert not any(isinstance(each, DatabaseUnseen) for each in watched.events)


def test_through_a_pooler_a_healthy_database_is_silent(addresses: tuple[str, str]) -> None:
    with watching(addresses[1]) as watched:
        watched.looks(10)

    assert watched.opened == []
