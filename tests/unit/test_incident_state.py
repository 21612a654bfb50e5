"""What the record's events say of incidents and deployments: open, over, how often, since when."""

from __future__ import annotations

from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha
from watchkeeper.model.incident_state import IncidentState, fold_incidents
from watchkeeper.model.incidents import (
    DatabaseSeen,
    DatabaseUnseen,
    EndReason,
    Incident,
    IncidentChanged,
    IncidentEnded,
    IncidentId,
    IncidentKind,
    IncidentOpened,
    RevisionDeployed,
)

ONE, TWO = IncidentId("i-1"), IncidentId("i-2")


def incident(name: IncidentId = ONE, summary: str = "stands still") -> Incident:
    return Incident(name, name, IncidentKind.IDLE_HOLDER, "shop", summary, Millis(1), Millis(2), ())


def after(*events: Event) -> IncidentState:
    recorded = [Recorded(Seq(n), Millis(n * 100), ProjectId("p"), each) for n, each in enumerate(events, start=1)]
    return fold_incidents(recorded)


def test_an_incident_is_open_from_its_first_event_until_it_ends() -> None:
    opened = after(IncidentOpened(incident()))
    ended = after(IncidentOpened(incident()), IncidentEnded(ONE, EndReason.BROKEN, 1_500, "by the server"))

    assert [each.incident.id for each in opened.open_incidents()] == [ONE]
    assert list(ended.open_incidents()) == []
    assert (ended.incidents[ONE].ended, ended.incidents[ONE].lasted_ms) == (EndReason.BROKEN, 1_500)


def test_the_same_fault_again_is_a_second_occurrence_and_knows_when_it_was_first() -> None:
    state = after(
        IncidentOpened(incident()), IncidentEnded(ONE, EndReason.RESOLVED, 10), IncidentOpened(incident())
    ).incidents[ONE]

    assert (state.occurrences, state.first_at, state.opened_at, state.is_open) == (2, 100, 300, True)


def test_opened_again_while_it_is_open_is_the_same_occurrence() -> None:
    """A watch that was started anew in the middle of a hang tells it again."""
    state = after(IncidentOpened(incident()), IncidentOpened(incident(summary="traced")))

    assert (state.incidents[ONE].occurrences, state.incidents[ONE].opened_at) == (1, 100)
    assert state.incidents[ONE].incident.summary == "traced"


def test_what_is_better_known_afterwards_does_not_open_it_again() -> None:
    state = after(
        IncidentOpened(incident()), IncidentEnded(ONE, EndReason.RESOLVED, 10), IncidentChanged(incident(summary="x"))
    )

    assert not state.incidents[ONE].is_open
    assert state.incidents[ONE].incident.summary == "x"


def test_an_end_of_an_unknown_incident_makes_none() -> None:
    assert after(IncidentEnded(TWO, EndReason.RESOLVED, 10)).incidents == {}


def test_an_environment_runs_what_was_said_last_since_it_was_said_first() -> None:
    old, new = Sha("a" * 40), Sha("b" * 40)
    state = after(
        RevisionDeployed("production", old),
        RevisionDeployed("production", new, "ada"),
        RevisionDeployed("production", new, "bob"),
        RevisionDeployed("staging", old),
    )

    found = state.runs_in("production")
    assert found is not None
    assert (found.revision, found.since, found.by) == (new, 200, "bob")
    assert state.runs_in("nowhere") is None


def test_a_database_is_seen_again_after_it_was_not() -> None:
    away = after(DatabaseSeen("shop", "PostgreSQL 15"), DatabaseUnseen("shop", "refused"))
    back = after(DatabaseUnseen("shop", "refused"), DatabaseSeen("shop", "PostgreSQL 15"))

    assert not away.databases["shop"].is_seen
    assert away.databases["shop"].server == "PostgreSQL 15"
    assert back.databases["shop"].is_seen
    assert after(DatabaseUnseen("shop", "no pg_monitor", is_partial=True)).databases["shop"].is_seen
