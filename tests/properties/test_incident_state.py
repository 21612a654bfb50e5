"""Incidents and deployments are folded from events: total, idempotent, and the same wherever the fold was cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.scoring import Ending, count_rules
from watchkeeper.database.books import read_books
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event, Recorded
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.incident_state import fold_incidents
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
from watchkeeper.model.landing import Entry, EntryId, EntryQueued, LandingDone, LandingIntended
from watchkeeper.model.probing import Outcome, Proof

NAMES = ["shop", "crm"]
ids = st.sampled_from([IncidentId(f"i-{n}") for n in range(3)])
shas = st.sampled_from([Sha(letter * 40) for letter in "abcd"])
incidents = st.builds(
    Incident,
    id=ids, fingerprint=st.just("f"), kind=st.sampled_from(list(IncidentKind)), database=st.sampled_from(NAMES),
    summary=st.text(max_size=5), since=st.just(Millis(1)), seen=st.just(Millis(2)), parties=st.just(()),
)  # fmt: skip
entries = st.builds(lambda name, head: Entry(EntryId(f"{name}/1"), ChangeId(name), head), st.sampled_from("xyz"), shas)
events = st.lists(
    st.one_of(
        st.builds(IncidentOpened, incidents),
        st.builds(IncidentChanged, incidents),
        st.builds(IncidentEnded, ids, st.sampled_from(list(EndReason)), st.integers(0, 9)),
        st.builds(RevisionDeployed, st.sampled_from(["production", "staging"]), shas),
        st.builds(DatabaseSeen, st.sampled_from(["shop", "crm"])),
        st.builds(DatabaseUnseen, st.sampled_from(["shop", "crm"]), st.text(max_size=3), st.booleans()),
        st.builds(EntryQueued, entries),
        st.builds(
            LandingIntended,
            st.tuples(st.sampled_from([EntryId("x/1"), EntryId("y/1")])),
            shas,
            shas,
            shas,
            st.just("g"),
        ),
        st.builds(LandingDone, shas),
    ),
    max_size=20,
)


def numbered(found: list[Event]) -> list[Recorded]:
    return [Recorded(Seq(n), Millis(n), ProjectId("p"), each) for n, each in enumerate(found, start=1)]


@given(events, st.integers(0, 20), st.integers(0, 20))
def test_the_fold_is_the_same_wherever_it_was_cut_and_passes_over_what_it_holds(
    found: list[Event], cut: int, again: int
) -> None:
    log = numbered(found)
    whole = fold_incidents(log)

    first = fold_incidents(log[:cut])
    assert fold_incidents(log[min(cut, again) :], first) == whole


@given(events)
def test_what_is_open_was_opened_and_has_not_ended(found: list[Event]) -> None:
    state = fold_incidents(numbered(found))

    for identity, each in state.incidents.items():
        told = [
            event for event in found
            if (isinstance(event, IncidentOpened | IncidentChanged) and event.incident.id == identity)
            or (isinstance(event, IncidentEnded) and event.id == identity)
        ]  # fmt: skip
        assert isinstance(told[-1], IncidentEnded) <= (not each.is_open)
        assert each.first_at <= each.opened_at <= each.changed_at
        assert each.occurrences >= 1


@given(events)
def test_books_are_total_and_knows_only_landings_that_were_done(found: list[Event]) -> None:
    books = read_books(numbered(found))

    done = {event.new for event in found if isinstance(event, LandingDone)}
    assert {each.new for each in books.landings} <= done
    for landing in books.landings:
        assert all(books.work_of(entry).change for entry in landing.entries)


CONFLICT = Conflict(
    ConflictId("c-1"), Kind.WRITE_WRITE, "write-write", Severity.MAJOR, Confidence.SURE,
    (ChangeId("a"), ChangeId("b")), ("m:f",), "both change f", "", (), "talk", "f",
)  # fmt: skip
outcomes = st.lists(st.sampled_from(list(Outcome)), max_size=8)


def probed(outcome: Outcome) -> ConflictProbed:
    return ConflictProbed(CONFLICT.id, Proof(CONFLICT.changes, (), Sha(""), outcome))


@given(outcomes, outcomes)
def test_what_happened_at_run_time_stays_proved_and_blocking_whatever_a_merge_says(
    before: list[Outcome], after: list[Outcome]
) -> None:
    told = [*before, Outcome.PROVED_AT_RUN_TIME, *after]
    log = numbered([ConflictOpened(CONFLICT), *map(probed, told)])

    state = fold_all(log).conflicts[CONFLICT.id]

    assert state.proof is not None
    assert state.proof.outcome.is_proof
    assert state.severity is Severity.BLOCKING
    assert count_rules(log)["write-write"].endings[Ending.PROVED] == 1


@given(outcomes)
def test_both_kinds_of_proof_count_alike_for_a_rule(told: list[Outcome]) -> None:
    swap = {Outcome.PROVED: Outcome.PROVED_AT_RUN_TIME, Outcome.PROVED_AT_RUN_TIME: Outcome.PROVED}
    log = numbered([ConflictOpened(CONFLICT), *map(probed, told)])
    swapped = numbered([ConflictOpened(CONFLICT), *(probed(swap.get(each, each)) for each in told)])

    assert count_rules(log) == count_rules(swapped)
