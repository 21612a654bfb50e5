"""What happened to a stage."""


def record(connection, stage_id, field, value, revision):
    """Notes one change of a stage, in the caller's transaction."""
    connection.execute("INSERT INTO history VALUES (?, ?, ?, ?)", (stage_id, field, value, revision))


def changes_of(connection, stage_id):
    """Fields that were changed, the oldest first."""
    rows = connection.execute("SELECT field FROM history WHERE stage_id = ? ORDER BY revision", (stage_id,))
    return [field for (field,) in rows]
