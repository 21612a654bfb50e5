"""The tables of both databases."""

from engine import db

CONTENT = """
CREATE TABLE IF NOT EXISTS content (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, published_at TEXT);
CREATE TABLE IF NOT EXISTS stages (
    id INTEGER PRIMARY KEY, content_id INTEGER, title TEXT, body TEXT, status TEXT, reviewer TEXT, revision INTEGER
);
CREATE TABLE IF NOT EXISTS history (stage_id INTEGER, field TEXT, value TEXT, revision INTEGER);
"""

LEGACY = """
CREATE TABLE IF NOT EXISTS articles (stage_id INTEGER PRIMARY KEY, title TEXT, body TEXT, status TEXT, reviewer TEXT);
"""


def create_tables():
    """Creates what is missing in both databases."""
    db.data_folder().mkdir(parents=True, exist_ok=True)
    for name, tables in (("content", CONTENT), ("legacy", LEGACY)):
        connection = db.connect(name)
        connection.executescript(tables)
        connection.close()
