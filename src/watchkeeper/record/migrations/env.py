"""Alembic's entry: runs the migrations in the transaction that ``record.store`` holds open."""

from __future__ import annotations

from alembic import context

from watchkeeper.record.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by copying it
)
# No transaction of its own: the caller's is what makes an interrupted migration leave nothing behind.
context.run_migrations()
