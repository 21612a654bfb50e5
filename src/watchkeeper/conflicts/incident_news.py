"""What incidents of databases say that the sessions at work on their code have to know. Pure, and total."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from watchkeeper.model.ids import ChangeId
from watchkeeper.model.incidents import (
    Incident,
    IncidentChanged,
    IncidentEnded,
    IncidentEvent,
    IncidentId,
    IncidentOpened,
    Origin,
)

_MOST = 64
_LIKELY = 0.5


class IncidentNews(msgspec.Struct, frozen=True):
    """An incident as it was told last. Its cause is still in the code when it is over."""

    incident: Incident
    is_over: bool = False

    @property
    def changes(self) -> frozenset[ChangeId]:
        """The changes whose lines its parties run."""
        return frozenset(each.change for each in self.origins() if each.change)

    @property
    def symbols(self) -> frozenset[str]:
        """The functions in which its parties are, without their modules."""
        return frozenset(each.symbol.rpartition(":")[2] for each in self.origins() if each.symbol)

    def origins(self) -> Iterator[Origin]:
        """The likeliest line of each party: what is one of several guesses concerns nobody."""
        for party in self.incident.parties:
            if party.attribution.origins and party.attribution.origins[0].confidence >= _LIKELY:
                yield party.attribution.origins[0]


def hear_incident(news: dict[IncidentId, IncidentNews], event: IncidentEvent) -> None:
    """Take in one event; the newest sixty-four are kept."""
    match event:
        case IncidentOpened(incident) | IncidentChanged(incident):
            news.pop(incident.id, None)
            news[incident.id] = IncidentNews(incident)
            while len(news) > _MOST:
                del news[next(iter(news))]
        case IncidentEnded(id=identity) if identity in news:
            news[identity] = IncidentNews(news[identity].incident, is_over=True)
        case _:
            pass
