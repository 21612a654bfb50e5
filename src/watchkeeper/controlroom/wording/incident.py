"""Incidents in words: one clause for each event."""

from __future__ import annotations

from typing import assert_never

from watchkeeper.model.incidents import (
    DatabaseSeen,
    DatabaseUnseen,
    IncidentChanged,
    IncidentEnded,
    IncidentEvent,
    IncidentOpened,
    RevisionDeployed,
)
from watchkeeper.model.printing import printable


def describe_incidents(event: IncidentEvent) -> str:
    """What happened, in one clause."""
    match event:
        case IncidentOpened(incident):
            where = printable(incident.database)
            return f"{incident.id} {incident.kind.value} in {where}: {printable(incident.summary)}"
        case IncidentChanged(incident):
            return f"{incident.id} changed: {printable(incident.summary)}"
        case IncidentEnded():
            detail = f": {printable(event.detail)}" if event.detail else ""
            return f"{event.id} is over after {event.lasted_ms / 1000:.1f} s ({event.reason.value}{detail})"
        case RevisionDeployed():
            return f"{event.revision[:10]} runs in {printable(event.environment)}"
        case DatabaseUnseen():
            how = "is seen in part" if event.is_partial else "cannot be seen"
            return f"database {printable(event.database)} {how}: {printable(event.reason)}"
        case DatabaseSeen():
            server = f" ({printable(event.server)})" if event.server else ""
            return f"database {printable(event.database)} is watched{server}"
        case _:
            assert_never(event)
