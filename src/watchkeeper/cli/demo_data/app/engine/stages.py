"""Stages of an article, and the one place that changes them."""

from engine import db, history

FIELDS = ("title", "body", "status", "reviewer")


class UnknownField(ValueError):
    """There is no such field in a stage."""


def update_stage_field(stage_id, field, value):
    """Writes one field of a stage and raises its revision, which it gives back."""
    if field not in FIELDS:
        raise UnknownField(field)

    content = db.connect("content")
    try:
        content.execute("BEGIN IMMEDIATE")
        content.execute(f"UPDATE stages SET {field} = ?, revision = revision + 1 WHERE id = ?", (value, stage_id))
        (revision,) = db.fetch_one(content, "SELECT revision FROM stages WHERE id = ?", stage_id)

        history.record(content, stage_id, field, value, revision)
        content.execute("COMMIT")
    except BaseException:
        content.rollback()
        raise
    finally:
        content.close()

    return revision


def read_stage_field(stage_id, field):
    """The value of one field."""
    if field not in FIELDS:
        raise UnknownField(field)
    content = db.connect("content")
    try:
        row = db.fetch_one(content, f"SELECT {field} FROM stages WHERE id = ?", stage_id)
    finally:
        content.close()
    return row[0] if row else None
