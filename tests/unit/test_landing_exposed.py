"""What no test of a run executed counts as risk before a change lands; a person looks, and the run's pass is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landingworld import World
from watchkeeper.landing.entering import hold, release
from watchkeeper.landing.exposed import highest_risk
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.view import view_outcome, view_queue
from watchkeeper.landing.waiters import Place
from watchkeeper.model.events import Recorded
from watchkeeper.model.exposure import Exposure, Measured, lines_of, spans_of
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.landing import EntryHeld, EntryId, EntryReleased, RunEnded, Verdict
from watchkeeper.risk.exposure import complete, worst

A, B, C = (EntryId(f"{name}/1") for name in "abc")
SIZE = Exposure({"size": (6,)}, {"x.py": ((12, 20),)})
MISSED = Measured({"x.py": ((12, 20),)}, {"x.py": 9})
COVERED = Measured({}, {"x.py": 9})
BLIND = Measured(unseen=("which changed lines tests execute: not known",))
THRESHOLD = 8


def world(*, threshold: int = THRESHOLD, slots: int = 1) -> World:
    return World(Policy(slots=slots, wait_risk=threshold))


def holds(scene: World) -> list[EntryHeld]:
    return [event for event in scene.events if isinstance(event, EntryHeld)]


def test_lines_that_no_test_executed_make_a_change_wait_before_it_lands() -> None:
    scene = world()
    scene.measured[A] = MISSED
    scene.arrive(A, risk=6, exposure=SIZE)

    scene.settle()

    assert scene.main == ()
    (held,) = holds(scene)
    assert held.risk > 6
    assert "lines 12-20 of x.py: no test of the run executed them" in held.reason
    assert view_queue(scene.queue).rows[0].risk == held.risk


@pytest.mark.parametrize(
    ("measured", "threshold"),
    [(COVERED, THRESHOLD), (BLIND, 90), (MISSED, 90), (MISSED, 101)],
    ids=["all were executed", "nobody could tell, of too little", "it is under the threshold", "nobody waits by risk"],
)
def test_a_change_lands_where(measured: Measured, threshold: int) -> None:
    scene = world(threshold=threshold)
    scene.measured[A] = measured
    scene.arrive(A, risk=6, exposure=SIZE)

    scene.settle()

    assert scene.main == (A,)
    assert holds(scene) == []


def test_what_was_not_measured_is_said_to_be_so_and_never_to_be_executed() -> None:
    scene = world()
    scene.measured[A] = BLIND
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.settle()
    entry = scene.queue.entries[A].entry
    events = [Recorded(Seq(n), Millis(n), ProjectId("p"), event) for n, event in enumerate(scene.events, 1)]

    outcome = view_outcome(scene.queue, entry, events)

    assert outcome.measured == ("not measured: which changed lines tests execute: not known",)
    assert (outcome.state, outcome.risk) == ("held", 6)


def test_what_nobody_could_measure_waits_where_it_could_reach_the_threshold() -> None:
    scene = world()
    scene.measured[A] = BLIND
    scene.arrive(A, risk=6, exposure=SIZE)

    scene.settle()

    assert scene.main == ()
    (held,) = holds(scene)
    assert held.risk == highest_risk(scene.queue.entries[A].entry)
    assert "not measured: which changed lines tests execute: not known" in held.reason
    scene.record(*release(scene.queue, A, "me"))
    scene.settle()
    assert scene.main == (A,)
    assert len(scene.asked) == 1


def test_a_part_that_could_not_be_measured_counts_as_if_nothing_executed_it() -> None:
    both = Exposure({"size": (6,)}, {"x.py": ((12, 20),), "y.py": ((1, 30),)})
    scene = world()
    scene.measured[A] = Measured({}, {"x.py": 9}, ("which changed lines of y.py tests execute: it is not there",))
    scene.arrive(A, risk=6, exposure=both)

    scene.settle()

    (held,) = holds(scene)
    assert "y.py" in held.reason


def test_a_person_who_let_it_go_over_the_threshold_is_not_asked_again_for_what_nobody_measured() -> None:
    scene = world()
    scene.measured[A] = BLIND
    scene.arrive(A, risk=9, exposure=SIZE)
    scene.record(EntryHeld(A, "its risk is 9", "watchkeeper"), EntryReleased(A, "me"))

    scene.settle()

    assert scene.main == (A,)


@pytest.mark.parametrize(("threshold", "is_watched"), [(THRESHOLD, True), (90, False), (101, False)])
def test_a_run_looks_only_where_what_it_sees_could_decide_something(threshold: int, *, is_watched: bool) -> None:
    scene = world(threshold=threshold)
    scene.measured[A] = COVERED
    scene.arrive(A, risk=6, exposure=SIZE)

    scene.settle()

    assert scene.main == (A,)
    assert bool(scene.watched) is is_watched
    assert len(scene.asked) == 1


def test_a_batch_is_watched_for_the_one_of_it_that_may_wait() -> None:
    scene = world()
    scene.measured[B] = COVERED
    scene.arrive(A)
    scene.arrive(B, risk=6, exposure=SIZE)

    scene.settle()

    assert scene.main == (A, B)
    assert len(scene.watched) == 1


def test_a_tree_that_passed_while_nobody_looked_is_watched_once_a_lower_threshold_asks_for_it() -> None:
    scene = world(threshold=90)
    scene.measured[A] = MISSED
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.step()
    scene.policy = Policy(wait_risk=THRESHOLD)
    scene.end()

    scene.settle()

    assert scene.main == ()
    assert [ask.tree for ask in scene.asked] == [scene.asked[0].tree] * 2
    assert len(scene.watched) == 1
    assert holds(scene)[0].id == A


def test_a_tree_that_passed_while_nobody_looked_lands_where_it_cannot_reach_the_lower_threshold() -> None:
    scene = world(threshold=90)
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.step()
    scene.policy = Policy(wait_risk=60)
    scene.end()

    scene.settle()

    assert scene.main == (A,)
    assert len(scene.asked) == 1


def test_where_the_tests_can_be_watched_nowhere_it_waits_and_is_not_run_for_ever() -> None:
    scene = world(threshold=90)
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.step()
    scene.policy = Policy(wait_risk=THRESHOLD)
    scene.end()
    scene.step()
    while scene.running:
        (run,) = scene.running
        del scene.running[run]
        scene.record(RunEnded(run, Verdict.COULD_NOT_RUN, reason="no memory"))
        scene.step()

    assert len(scene.asked) == 4
    assert "not measured" in holds(scene)[0].reason


SPANS = st.lists(st.integers(1, 60), min_size=1, max_size=40).map(spans_of)


@given(st.dictionaries(st.sampled_from(["x.py", "y.py", "z.py"]), SPANS, max_size=3), st.data())
def test_whatever_a_run_says_the_risk_is_at_most_the_highest(
    lines: dict[str, tuple[tuple[int, int], ...]], data: st.DataObject
) -> None:
    exposure = Exposure({"size": (6,), "auth": (12, 5)}, lines)
    missed, of = {}, {}
    for path, spans in lines.items():
        there = data.draw(st.lists(st.sampled_from(lines_of(spans)), unique=True))
        left = data.draw(st.lists(st.sampled_from(there), unique=True)) if there else []
        if data.draw(st.booleans()):
            of[path] = len(there)
            missed |= {path: spans_of(left)} if left else {}
    measured = Measured(missed, of)

    assert complete(exposure, measured).score <= worst(exposure, measured).score <= worst(exposure).score


def test_once_a_person_lets_it_go_on_it_lands_without_another_run() -> None:
    scene = world()
    scene.measured[A] = MISSED
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.settle()
    runs = len(scene.asked)

    scene.record(*release(scene.queue, A, "me"))
    scene.settle()

    assert scene.main == (A,)
    assert len(scene.asked) == runs
    assert len(holds(scene)) == 1


def test_a_release_before_the_run_does_not_cover_what_the_run_found() -> None:
    scene = world()
    scene.measured[A] = MISSED
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.record(*hold(scene.queue, A, "look at it", "me"), EntryReleased(A, "me"))

    scene.settle()

    assert scene.main == ()
    assert scene.queue.entries[A].place is Place.HELD


def test_others_of_its_batch_land_without_it_and_its_own_pass_is_kept() -> None:
    scene = world()
    scene.measured |= {B: MISSED, A: COVERED}
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.arrive(B, risk=6, exposure=SIZE)
    scene.settle()
    assert scene.main == (A,)
    assert scene.queue.entries[B].place is Place.HELD
    runs = len(scene.asked)

    scene.record(*release(scene.queue, B, "me"))
    scene.settle()

    assert scene.main == (A, B)
    assert len(scene.asked) == runs  # the sum passed before A landed alone


def test_what_lands_is_judged_by_the_run_of_its_own_tree() -> None:
    """With more on top, tests of another change may execute its lines: that is another tree."""
    scene = world(slots=2)
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.measured[A] = MISSED
    scene.step()
    first = next(iter(scene.running))
    scene.arrive(B)
    scene.step()
    second = next(run for run in scene.running if run != first)

    scene.end(first)
    scene.step()
    assert scene.queue.entries[A].place is Place.HELD

    assert second not in scene.running  # it was on top of A, which does not land now
    scene.settle()
    assert scene.main == (B,)


def test_a_newer_revision_is_looked_at_anew() -> None:
    scene = world()
    scene.measured[A] = MISSED
    scene.arrive(A, risk=6, exposure=SIZE)
    scene.settle()
    scene.record(*release(scene.queue, A, "me"))
    scene.settle()
    newer = EntryId("a/2")
    scene.measured[newer] = MISSED

    scene.arrive(newer, risk=6, exposure=SIZE)
    scene.settle()

    assert scene.queue.entries[newer].place is Place.HELD


def test_a_run_that_did_not_look_undoes_nothing() -> None:
    scene = world()
    scene.measured[A] = MISSED
    scene.fails_once("t")
    scene.arrive(A, risk=6, exposure=SIZE)

    scene.settle()

    assert scene.queue.entries[A].place is Place.HELD
    assert "t" in scene.queue.flakes.seen


def test_lines_and_their_runs_are_the_same() -> None:
    assert spans_of([5, 1, 2, 3, 9, 9]) == ((1, 3), (5, 5), (9, 9))
    assert lines_of(spans_of([5, 1, 2])) == (1, 2, 5)
    assert spans_of([]) == ()
