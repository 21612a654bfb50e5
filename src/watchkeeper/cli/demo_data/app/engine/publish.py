"""Publishing."""

from datetime import UTC, datetime

from engine import db
from engine.stages import read_stage_field, update_stage_field


class NotApproved(RuntimeError):
    """The stage was not approved yet."""


def publish(stage_id):
    """Makes an approved stage public."""
    if read_stage_field(stage_id, "status") != "approved":
        raise NotApproved(stage_id)
    update_stage_field(stage_id, "status", "published")
    content = db.connect("content")
    try:
        content.execute(
            "UPDATE content SET published_at = ? WHERE id = (SELECT content_id FROM stages WHERE id = ?)",
            (datetime.now(UTC).isoformat(), stage_id),
        )
    finally:
        content.close()
