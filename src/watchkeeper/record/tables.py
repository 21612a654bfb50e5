"""The tables of the record, as the newest migration leaves them."""

from __future__ import annotations

import sqlalchemy as sa

REVISIONS = ("0001", "0002")
"""All migrations, the oldest first; a record at another one was written by a newer version."""

METADATA = sa.MetaData()

LOG_HEAD = sa.Table(
    "log_head",
    METADATA,
    # One row. Raising its number is the first thing an append does: it orders the writers on every engine, and unlike
    # an autoincrement column it leaves no gap where a transaction fails.
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
)

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),  # milliseconds since the epoch, UTC
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # the event's tag
    sa.Column("subject", sa.Text, nullable=False),  # the conflict or change that it is about, or ""
    sa.Column("payload", sa.Text, nullable=False),  # the event as JSON, its tag included
    sa.Index("events_of_project", "project", "seq"),
    sa.Index("events_of_subject", "project", "subject", "seq"),
)

KEPT = sa.Table(
    "kept",
    METADATA,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("shelf", sa.Text, primary_key=True),  # what sort of state it is
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
