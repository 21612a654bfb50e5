"""What a project's events say about run-time faults and deployments now: a fold, total and idempotent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.model.incidents import (
    DatabaseSeen,
    DatabaseUnseen,
    EndReason,
    Incident,
    IncidentChanged,
    IncidentEnded,
    IncidentId,
    IncidentOpened,
    RevisionDeployed,
)


class IncidentStanding(msgspec.Struct, frozen=True):
    """An incident as it is known now. ``occurrences`` counts how often it was opened.

    ``first_at`` is when it was seen for the first time ever, ``opened_at`` when it began last; ``ended`` None: it is
    still there, else why it is over.
    """

    incident: Incident
    first_at: Millis
    opened_at: Millis
    changed_at: Millis
    occurrences: int = 1
    ended: EndReason | None = None
    ended_at: Millis | None = None
    lasted_ms: int = 0
    detail: str = ""

    @property
    def is_open(self) -> bool:
        return self.ended is None


class Deployment(msgspec.Struct, frozen=True):
    """What runs in an environment, as somebody said. ``since`` is when that was said for this revision first."""

    environment: str
    revision: Sha
    since: Millis
    by: str = ""


class DatabaseStanding(msgspec.Struct, frozen=True):
    """Whether a database is looked at. ``reason`` says why not, or what is missing (``is_partial``)."""

    database: str
    since: Millis
    server: str = ""
    reason: str = ""
    is_partial: bool = False

    @property
    def is_seen(self) -> bool:
        return not self.reason or self.is_partial


class IncidentState(msgspec.Struct, frozen=True):
    """Incidents by id in the order in which each was seen first; what runs where; ``seq`` is the last event held."""

    incidents: Mapping[IncidentId, IncidentStanding] = {}
    deployed: Mapping[str, Deployment] = {}
    databases: Mapping[str, DatabaseStanding] = {}
    seq: Seq = Seq(0)

    def open_incidents(self) -> Iterator[IncidentStanding]:
        """Those that are not over."""
        return (each for each in self.incidents.values() if each.is_open)

    def runs_in(self, environment: str) -> Deployment | None:
        """What is deployed there; None where nobody said."""
        return self.deployed.get(environment)


def fold_incidents(events: Iterable[Recorded], state: IncidentState | None = None) -> IncidentState:
    """The state after ``events``, in their order; those up to ``state.seq`` are passed over."""
    start = state or IncidentState()
    incidents, deployed, databases = dict(start.incidents), dict(start.deployed), dict(start.databases)
    seq = start.seq
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, at = recorded.seq, recorded.at
        match recorded.event:
            case IncidentOpened(incident):
                incidents[incident.id] = _opened(incidents.get(incident.id), incident, at)
            case IncidentChanged(incident):
                incidents[incident.id] = _changed(incidents.get(incident.id), incident, at)
            case IncidentEnded() as event:
                if (known := incidents.get(event.id)) is not None and known.is_open:
                    incidents[event.id] = _ended(known, event, at)
            case RevisionDeployed() as event:
                deployed[event.environment] = _deployed(deployed.get(event.environment), event, at)
            case DatabaseSeen() as event:
                databases[event.database] = DatabaseStanding(event.database, at, event.server)
            case DatabaseUnseen() as event:
                before = databases.get(event.database)
                server = before.server if before is not None else ""
                unseen = DatabaseStanding(event.database, at, server, event.reason, event.is_partial)
                databases[event.database] = unseen
            case _:
                pass
    return IncidentState(incidents, deployed, databases, seq)


def _opened(known: IncidentStanding | None, incident: Incident, at: Millis) -> IncidentStanding:
    """Opened while it is open (a watch was started anew during a hang): still the same occurrence."""
    if known is None:
        return IncidentStanding(incident, first_at=at, opened_at=at, changed_at=at)
    if known.is_open:
        return msgspec.structs.replace(known, incident=incident, changed_at=at)
    return IncidentStanding(
        incident, first_at=known.first_at, opened_at=at, changed_at=at, occurrences=known.occurrences + 1
    )


def _changed(known: IncidentStanding | None, incident: Incident, at: Millis) -> IncidentStanding:
    """What is better known of one that is over (its code was found late) does not open it again."""
    if known is None:
        return IncidentStanding(incident, first_at=at, opened_at=at, changed_at=at)
    return msgspec.structs.replace(known, incident=incident, changed_at=at)


def _ended(known: IncidentStanding, event: IncidentEnded, at: Millis) -> IncidentStanding:
    return msgspec.structs.replace(
        known, ended=event.reason, ended_at=at, changed_at=at, lasted_ms=event.lasted_ms, detail=event.detail
    )


def _deployed(known: Deployment | None, event: RevisionDeployed, at: Millis) -> Deployment:
    since = known.since if known is not None and known.revision == event.revision else at
    return Deployment(event.environment, event.revision, since, event.by)
