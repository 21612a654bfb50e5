"""The address of a SQLite file."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.database.sqlite import is_address, parse_address
from watchkeeper.model.errors import UsageError


@pytest.mark.parametrize(
    ("dsn", "path"),
    [
        ("sqlite:///shop.db", "shop.db"),
        ("sqlite:////srv/shop.db", "/srv/shop.db"),
        ("sqlite+aiosqlite:////srv/my%20shop.db?timeout=5", "/srv/my shop.db"),
        ("SQLite:///data/shop.db", "data/shop.db"),
    ],
)
def test_an_address_names_a_file(dsn: str, path: str) -> None:
    assert parse_address(dsn) == Path(path)


@pytest.mark.parametrize(
    "dsn", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://shop.db", "sqlite:///a%00b", "sqlite://[x/a"]
)
def test_what_names_no_file_is_refused(dsn: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_address(dsn)

    assert (is_address(dsn), refused.value.slug) == (True, "database-address")


@pytest.mark.parametrize("dsn", ["postgresql://sqlite/shop", "mysql://h/sqlite", "host=sqlite: dbname=x", "shop.db"])
def test_addresses_of_servers_are_none_of_sqlite(dsn: str) -> None:
    assert not is_address(dsn)
