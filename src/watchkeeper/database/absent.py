"""What stands in for the ports of a watch that has nobody to ask: no traces, no journals, no processes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from watchkeeper.database.ports import Journal, JournalEntry
from watchkeeper.model.incidents import Incident


class NullTracer:
    """Traces nothing: what is not asked for stays unattributed."""

    async def trace(self, incident: Incident, journals: Mapping[int, JournalEntry]) -> Incident:
        del journals
        return incident


class NoJournals:
    """Where no process can be asked."""

    async def ask(self, backends: Collection[int] = ()) -> Journal:
        del backends
        return Journal()


class NoProcesses:
    """Where clients are on other machines."""

    async def find(self, clients: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        del clients
        return {}
