"""What a job's process is given: an environment built from nothing, and ports that nobody else has."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.sandbox.job import Job, Network


def build_environment(job: Job, temporary: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """All variables of the job: its own, and defaults that name no secret. Only ``PATH`` is taken from ``environ``.

    Without network, proxies that lead nowhere are named too: where no wall cuts the network off, well-behaved
    programs stay offline at least.
    """
    defaults = {
        "HOME": str(temporary / "home"),
        "LANG": "C.UTF-8",
        "PATH": _absolute(environ.get("PATH", os.defpath)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERM": "dumb",
        "TMPDIR": str(temporary / "tmp"),
    }
    return {**defaults, **(_OFFLINE if job.network is Network.NONE else {}), **job.environment}


@contextmanager
def reserve_ports(count: int) -> Iterator[tuple[int, ...]]:
    """Free TCP ports of 127.0.0.1 that no other job of this process gets until the block ends.

    Raises: WatchkeeperError where the machine has none left.
    """
    ports = _take(count)
    try:
        yield ports
    finally:
        with _lock:
            _taken.difference_update(ports)


_OFFLINE = {
    **dict.fromkeys(
        ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"
    ),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"),
    "GOFLAGS": "-mod=mod",
    "GOPROXY": "off",
    "PIP_NO_INDEX": "1",
    "UV_OFFLINE": "1",
    "npm_config_offline": "true",
}
_lock = threading.Lock()
_taken: set[int] = set()


def _absolute(path: str) -> str:
    """Relative folders in ``PATH`` would mean folders of the untrusted tree."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if folder.startswith("/"))


def _take(count: int) -> tuple[int, ...]:
    """All sockets are held until all ports are known, so that none comes twice."""
    found: list[int] = []
    with _lock, ExitStack() as stack:
        while len(found) < count:
            try:
                port = stack.enter_context(_bound()).getsockname()[1]
            except OSError as error:
                raise WatchkeeperError(
                    f"no free port on 127.0.0.1: {error.strerror}", slug="no-free-port", hint="end programs that listen"
                ) from error
            if port not in _taken:
                found.append(port)
        _taken.update(found)
    return tuple(found)


def _bound() -> socket.socket:
    """Not SO_REUSEADDR: a port that lingers is not free for a job that does without it."""
    handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        handle.bind(("127.0.0.1", 0))
    except OSError:
        handle.close()
        raise
    return handle
