"""Services that a job would reach and that are not its own: the user's database, a broker, a host on the network."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.sandbox.job import Job


def find_outside_services(
    environment: Mapping[str, str], texts: Iterable[str], own_ports: Collection[int] = ()
) -> tuple[str, ...]:
    """What is named in variables and texts (a command, an ``.env``), as ``scheme://host:port``, without passwords.

    A database or broker is the user's own on any host, this one too, unless its port is one of ``own_ports``; a web
    address is outside unless its host is this machine. Comments in texts are not read.
    """
    named = [f"{name}={value}" for name, value in environment.items()]
    lines = [line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = {service for line in [*named, *lines] for service in _services(line, frozenset(own_ports))}
    return tuple(sorted(found))


def refuse_outside_services(job: Job, own_ports: Collection[int] = ()) -> None:
    """Look at a job's command, variables and the ``.env`` files of its folder.

    Raises: WatchkeeperError where one of them points at a service that is not the job's own.
    """
    found = find_outside_services(job.environment, [" ".join(job.command), *_env_files(job.folder)], own_ports)
    if found:
        raise WatchkeeperError(
            f"the command would reach {', '.join(found)}, which is not its own, so it is not run",
            slug="outside-service",
            hint="let the tests use a database of their own, or name one for each run in watchkeeper.toml",
            facts={"services": " ".join(found)},
        )


_SERVICES = (
    r"(?:jdbc:)?(?:postgres(?:ql)?|mysql|mariadb|mssql|sqlserver|oracle|cockroachdb|redshift|mongodb|rediss?|valkey|"
    r"amqps?|kafka|nats|clickhouse|elasticsearch|cassandra|memcached?|ldaps?|smtps?|s3|ssh|ftps?)(?:\+[\w-]+)*"
)
_URL = re.compile(
    rf"(?<![\w+])(?P<scheme>{_SERVICES}|https?|wss?)://(?:[^\s/@'\"]*@)?(?P<host>\[[0-9a-fA-F:.]+\]|[^\s/:?#'\",;)\]]*)"
    r"(?::(?P<port>\d+))?",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"\b(?P<name>(?:PG|POSTGRES|POSTGRESQL|MYSQL|MARIADB|DB|DATABASE|REDIS|MONGO|MONGODB|RABBITMQ|KAFKA|AMQP)_?"
    r"(?:HOST|HOSTADDR|SERVER))\s*=\s*['\"]?(?P<host>[^\s'\"]+)"
)
_PATTERNS = frozenset({".example", ".sample", ".template", ".dist"})
"""Endings of ``.env`` files that nobody reads as they are."""
_HERE = frozenset({"", "localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1", "testserver"})  # noqa: S104 names, not bound
_RESERVED = (".test", ".example", ".invalid", ".localhost", "example.com", "example.org", "example.net")


def _services(line: str, own_ports: frozenset[int]) -> Iterator[str]:
    for match in _URL.finditer(line):
        scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
        is_here = host in _HERE or host.startswith("127.")
        if is_here and port is not None and int(port) in own_ports:
            continue
        if scheme in {"http", "https", "ws", "wss"} and (is_here or host.endswith(_RESERVED)):
            continue
        yield f"{scheme}://{host}{f':{port}' if port else ''}"
    for match in _HOST.finditer(line):
        if not own_ports or match["host"].lower() not in _HERE:
            yield f"{match['name']}={match['host']}"


def _env_files(folder: Path) -> Iterator[str]:
    """As far as a person would write one: what is larger is no ``.env``."""
    for place in sorted(folder.glob(".env*")):
        with suppress(OSError):
            if (
                place.suffix not in _PATTERNS
                and place.is_file()
                and not place.is_symlink()
                and place.stat().st_size < 1 << 20
            ):
                yield place.read_text("utf-8", "replace")
