"""A PostgreSQL server of the tests' own, where the programs for one are installed."""

from __future__ import annotations

import itertools

from watchkeeper.demo.server import find_programs, running_server

__all__ = ["create_database", "execute", "find_programs", "running_server"]

_numbers = itertools.count(1)


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
