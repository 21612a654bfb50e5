"""Connections to the engine's two databases."""

import os
import sqlite3
from pathlib import Path

PATIENCE_S = 3.0


def data_folder():
    """Where both databases are."""
    return Path(os.environ.get("ENGINE_DATA", "data"))


def connect(name):
    """A connection to ``content`` or ``legacy``. Waits for locks that others hold."""
    return sqlite3.connect(data_folder() / f"{name}.db", timeout=PATIENCE_S, isolation_level=None)


def fetch_one(connection, statement, *values):
    """The first row, or None."""
    return connection.execute(statement, values).fetchone()
