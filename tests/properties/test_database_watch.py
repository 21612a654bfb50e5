"""Whatever a server, a statement, a log or a process says: the watch is total, and tells the same in any order."""

from __future__ import annotations

import random
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.database.classify import Stall, classify
from watchkeeper.database.deadlocktext import deadlock_incident, read_deadlocks
from watchkeeper.database.journals import read_answer
from watchkeeper.database.keeping import Kept, Limits, keep, threshold
from watchkeeper.database.normalised import normalised
from watchkeeper.database.ports import Journal, JournalEntry, Pool, PoolWaiter
from watchkeeper.database.sighting import Backend, Sighting, Wants
from watchkeeper.database.tags import split_tag
from watchkeeper.database.wait_graph import render_lines, render_svg
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import IncidentChanged, IncidentEnded, IncidentOpened

PIDS = st.integers(0, 7)
TIMES = st.integers(0, 10_000).map(Millis)
TEXT = st.text(max_size=60) | st.sampled_from(
    ["/*wk:sym=f,pid=7,task=1*/ UPDATE content SET a = 1", "/*wk:sym=g,pid=7,task=2*/ SELECT 1", "/*wk:sym=f,pi"]
)
WANTS = st.builds(
    Wants, st.sampled_from(["relation", "tuple", "transactionid", "advisory"]),
    st.sampled_from(["AccessExclusiveLock", "ShareLock"]), TEXT, st.sampled_from(["", "content"]), st.none() | TIMES,
)  # fmt: skip
BACKENDS = st.lists(
    st.builds(
        Backend, pid=PIDS, database=st.sampled_from(["shop", "other"]), application=TEXT,
        client=st.sampled_from(["", "10.0.0.1"]), kind=st.sampled_from(["client backend", "autovacuum worker"]),
        leader=st.none() | PIDS, state=st.sampled_from(["", "active", "idle", "idle in transaction"]),
        wait=st.sampled_from(["", "ClientRead"]),
        transaction_since=st.none() | TIMES, statement_since=st.none() | TIMES,
        state_since=st.none() | TIMES, statement=TEXT, blockers=st.lists(PIDS, max_size=3).map(tuple),
        ahead=st.lists(PIDS, max_size=2).map(tuple), wants=st.none() | WANTS,
    ),
    max_size=8, unique_by=lambda each: each.pid,
)  # fmt: skip
JOURNALS = st.builds(
    Journal,
    st.lists(st.builds(JournalEntry, PIDS, st.integers(0, 2), task=st.sampled_from(["", "1"])), max_size=4).map(tuple),
    st.lists(
        st.builds(
            Pool, st.integers(0, 2), limit=st.integers(0, 3), out=st.integers(0, 3),
            waiters=st.lists(st.builds(PoolWaiter, holds=st.lists(PIDS, max_size=3).map(tuple)), max_size=3).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)  # fmt: skip
LIMITS = Limits()


@given(BACKENDS, JOURNALS, st.randoms(use_true_random=False))
def test_the_order_of_the_backends_does_not_matter(
    backends: list[Backend], journal: Journal, order: random.Random
) -> None:
    shuffled = list(backends)
    order.shuffle(shuffled)

    def found(these: list[Backend]) -> set[Stall]:
        return set(classify(Sighting(Millis(10_000), Millis(0), tuple(these)), journal))

    assert found(backends) == found(shuffled)


@given(st.lists(st.tuples(st.integers(0, 3_000), BACKENDS, JOURNALS), max_size=6))
def test_there_is_one_open_incident_for_each_fingerprint_and_each_end_had_a_beginning(
    looks: list[tuple[int, list[Backend], Journal]],
) -> None:
    kept, at, open_now = Kept(), 10_000, set[str]()
    for later, backends, journal in looks:
        at += later
        stalls = classify(Sighting(Millis(at), Millis(0), tuple(backends)), journal)
        kept, told = keep(kept, stalls, Millis(at), "shop", LIMITS)
        for event in told:
            match event:
                case IncidentOpened(incident):
                    assert incident.id not in open_now
                    open_now.add(incident.id)
                case IncidentChanged(incident):
                    assert incident.id in open_now
                case IncidentEnded(id=ended):
                    open_now.remove(ended)
        prints = [each.incident.fingerprint for each in kept.open]
        assert len(prints) == len(set(prints))
        assert {each.incident.id for each in kept.open} == open_now


@given(st.lists(BACKENDS, max_size=6))
def test_what_never_lasts_long_enough_is_never_told(looks: list[list[Backend]]) -> None:
    kept, at = Kept(), 20_000
    for backends in looks:
        at += 200
        stalls = classify(Sighting(Millis(at), Millis(0), tuple(backends)))
        short = [each for each in stalls if at - each.since < threshold(each, LIMITS)]
        kept, told = keep(kept, short, Millis(at), "shop", LIMITS)
        assert told == ()


@given(BACKENDS, JOURNALS)
def test_every_incident_can_be_drawn_and_its_drawing_is_well_formed(backends: list[Backend], journal: Journal) -> None:
    stalls = classify(Sighting(Millis(10_000), Millis(0), tuple(backends)), journal)
    _, told = keep(Kept(), stalls, Millis(10_000_000), "shop", LIMITS)
    for event in told:
        assert isinstance(event, IncidentOpened)
        svg = render_svg(event.incident)
        root = ET.fromstring(svg)
        assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {
            "svg", "title", "defs", "marker", "path", "rect", "g", "text", "line",
        }  # fmt: skip
        assert len(render_lines(event.incident)) >= len(event.incident.parties)


@given(st.text(max_size=300) | st.text(max_size=200).map(lambda each: f"/*wk:{each}"))
def test_any_statement_has_a_tag_or_none(statement: str) -> None:
    tag, rest = split_tag(statement)
    assert rest in statement
    if tag is not None:
        assert all(each.isprintable() and len(each) <= 400 for each in (tag.symbol, tag.site, tag.set, tag.task))
        assert 0 <= tag.process <= 2**53


@given(st.text(max_size=200), st.integers(0, 400))
def test_a_tag_that_is_cut_never_says_anything_else_than_the_whole_one(symbol: str, cut: int) -> None:
    from urllib.parse import quote

    whole = f"/*wk:rev=923af8b7ebb8,sym={quote(symbol, safe='_./:<>-')},at=a.py:3,pid=7,task=3*/ SELECT 1"
    full, _ = split_tag(whole)
    part, _ = split_tag(whole[:cut])
    assert full is not None
    if part is not None and cut:
        for name in part.__struct_fields__:
            assert getattr(part, name) in (getattr(full, name), "", 0)


@given(st.text(max_size=500))
def test_any_text_is_normalised_and_normalising_again_changes_nothing_of_its_size(text: str) -> None:
    assert len(normalised(text)) <= 4_000
    assert len(normalised(text).splitlines()) <= 1


@given(st.text(max_size=400), st.sampled_from(["text", "csv", "json"]))
def test_any_log_can_be_read(text: str, kind: str) -> None:
    waits = "Process 1 waits for x; blocked by process 2.\n\tProcess 2 waits for y; blocked by process 1."
    detail = f"2026 DETAIL:  {waits}\n\t{text}\n"
    for each in (*read_deadlocks(text, kind), *read_deadlocks(detail, kind)):
        deadlock_incident(each, "shop", Millis(1))


@given(st.binary(max_size=300))
def test_any_answer_of_a_process_can_be_read(line: bytes) -> None:
    read_answer(line, 7)
