"""What every durable engine promises, on SQLite and on PostgreSQL; whoever runs it is a process that is killed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from durablehost import Child, Effects, now_ms, running, wait_until
from watchkeeper.durable.port import Condition, Work, WorkId
from watchkeeper.model.errors import WatchkeeperError

Run = Callable[..., AbstractContextManager[Child]]

ONE = Work(WorkId("e-1"), "six", "one")
WAITS = Work(WorkId("e-2"), "six", "waits 2")
RESULT = "15"
SLEEP_MS = 5_000


@pytest.fixture
def effects(tmp_path: Path) -> Effects:
    return Effects(tmp_path / "effects")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("new_database"))
    (tmp_path / "engine").mkdir()
    return str(tmp_path / "engine")


@pytest.fixture
def host(store: str) -> str:
    """The name of a host that is started again: on SQLite there is but one."""
    return "local" if store.startswith("/") else "host-a"


@pytest.fixture
def run(store: str, effects: Effects, host: str) -> Run:
    return lambda *words, name=host: running(store, name, effects, *words)


def test_work_is_done_step_by_step_and_its_result_is_kept(run: Run, effects: Effects) -> None:
    with run() as child:
        assert child.enqueue(ONE) == "e-1"
        done = child.wait_for("e-1", "done")

    assert (done.result, done.tries, done.work) == (RESULT, 1, ONE)
    assert effects.steps_of("one") == list("012345")


def test_killed_in_a_step_it_goes_on_there_and_what_ended_is_not_run_again(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits") == list("012"), "the third step is running")
        child.kill()
    effects.gate.touch()

    with run() as child:
        done = child.wait_for("e-2", "done")

    assert (done.result, done.tries) == (RESULT, 2)
    assert effects.steps_of("waits") == list("0122345")


def test_a_known_id_is_never_run_again(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(ONE)
        child.wait_for("e-1", "done")
    with run() as child:
        assert child.enqueue(ONE) == "e-1"
        child.enqueue(Work(WorkId("e-9"), "six", "later"))
        child.wait_for("e-9", "done")

        assert child.standing("e-1").result == RESULT

    assert effects.steps_of("one") == list("012345")


def test_of_one_dedup_name_there_is_one_that_is_not_over(run: Run, effects: Effects) -> None:
    first = Work(WorkId("e-1"), "six", "first 2", dedup="issue 7")
    second = Work(WorkId("e-2"), "six", "second", dedup="issue 7")
    with run() as child:
        assert child.enqueue(first) == "e-1"
        wait_until(lambda: effects.steps_of("first") == list("012"), "it runs")
        assert child.enqueue(second) == "e-1"

        effects.gate.touch()
        child.wait_for("e-1", "done")
        assert child.enqueue(second) == "e-2"
        child.wait_for("e-2", "done")

    assert effects.steps_of("second") == list("012345")


def test_the_more_urgent_is_begun_first(run: Run, effects: Effects) -> None:
    with run("one") as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits"), "the only place is taken")
        for number, priority in enumerate([2, 4, 0, 2, 1]):
            child.enqueue(Work(WorkId(f"p{priority}-{number}"), "six", f"p{priority}-{number}", priority))
        effects.gate.touch()
        child.wait_for("p4-1", "done")

    begun = [name for name, step, _ in effects.lines() if step == "0" and name != "waits"]
    assert begun == ["p0-2", "p1-4", "p2-0", "p2-3", "p4-1"]


def test_cancelling_lets_a_step_end_and_begins_none(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits") == list("012"), "the third step is running")
        child.ask("cancel", "e-2")
        assert child.standing("e-2").condition is Condition.CANCELLED
        effects.gate.touch()
        child.enqueue(ONE)
        child.wait_for("e-1", "done")

        assert child.standing("e-2").condition is Condition.CANCELLED
        assert child.standing("e-2").result == ""
        assert effects.steps_of("waits") == list("012")


def test_a_cancelled_one_that_is_resumed_goes_on_after_its_last_step(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits") == list("012"), "the third step is running")
        child.ask("cancel", "e-2")
        effects.gate.touch()
        child.enqueue(ONE)
        child.wait_for("e-1", "done")

        assert child.ask("resume", "e-2", "") is True
        done = child.wait_for("e-2", "done")
        assert child.ask("resume", "e-2", "") is False

    assert done.result == RESULT
    assert effects.steps_of("waits")[:3] == list("012")
    assert effects.steps_of("waits")[-3:] == list("345")


def test_a_queued_one_that_is_cancelled_never_starts_and_the_rest_does(run: Run, effects: Effects) -> None:
    with run("one") as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits"), "the only place is taken")
        child.enqueue(ONE)
        child.enqueue(Work(WorkId("e-3"), "six", "three"))
        child.ask("cancel", "e-1")
        effects.gate.touch()
        child.wait_for("e-3", "done")

    assert effects.steps_of("one") == []


def test_what_has_been_over_for_long_is_forgotten_at_a_start_and_what_is_not_over_is_not(
    run: Run, effects: Effects
) -> None:
    with run() as child:
        child.enqueue(ONE)
        child.wait_for("e-1", "done")
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits") == list("012"), "it runs")
        child.kill()
    with run() as child:
        assert child.standing("e-1").result == RESULT
        child.kill()
    effects.gate.touch()

    with run("forgetful") as child:
        assert child.ask("list", ["e-1"]) == []
        assert child.wait_for("e-2", "done").result == RESULT


def test_what_a_step_raises_fails_the_work_and_says_what_it_was(run: Run) -> None:
    with run() as child:
        child.enqueue(Work(WorkId("e-1"), "fails", "0"))
        failed = child.wait_for("e-1", "failed")
        child.enqueue(Work(WorkId("e-2"), "nobody knows it"))
        unknown = child.wait_for("e-2", "failed")

    assert "break: ZeroDivisionError" in failed.error
    assert "nobody knows it" in unknown.error


def test_what_is_not_over_is_listed_and_what_is_over_is_not(run: Run, effects: Effects) -> None:
    with run("one") as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits"), "it runs")
        child.enqueue(ONE)
        listed = {each["work"]["id"]: each["condition"] for each in child.ask("list")}
        effects.gate.touch()
        child.wait_for("e-1", "done")

        assert listed == {"e-2": "running", "e-1": "queued"}
        assert child.ask("list") == []
        assert child.ask("list", []) == []
        assert child.ask("list", ["never heard of"]) == []


def test_a_sleep_that_should_be_over_is_not_begun_again(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(Work(WorkId("e-1"), "sleeper", str(SLEEP_MS)))
        wait_until(effects.lines, "it sleeps")
        child.kill()
    wait_until(lambda: now_ms() > int(effects.lines()[0][2]) + SLEEP_MS, "it should be awake by now")

    with run() as child:
        until = int(child.wait_for("e-1", "done").result)

    assert [line[1] for line in effects.lines()] == ["sleeps", "sleeps", "wakes"]
    again, woken = (int(line[2]) for line in effects.lines()[1:])
    assert until < again
    assert woken - again < SLEEP_MS


def test_a_sleep_ends_not_before_its_time_also_by_who_goes_on_with_it(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(Work(WorkId("e-1"), "sleeper", str(SLEEP_MS)))
        wait_until(effects.lines, "it sleeps")
        child.kill()

    with run() as child:
        until = int(child.wait_for("e-1", "done").result)

    (woken,) = [int(line[2]) for line in effects.lines() if line[1] == "wakes"]
    assert woken >= until


def test_a_sleeper_that_is_cancelled_does_not_wake_up(run: Run, effects: Effects) -> None:
    with run("one") as child:
        child.enqueue(Work(WorkId("e-3"), "sleeper", "600000"))
        wait_until(effects.lines, "it sleeps")
        child.ask("cancel", "e-3")
        child.enqueue(ONE)
        child.wait_for("e-3", "cancelled")
        wait_until(lambda: effects.steps_of("one") == list("012345"), "the only place is free again")

    assert "wakes" not in [line[1] for line in effects.lines()]


def test_closing_leaves_what_runs_to_the_next_start(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(WAITS)
        child.enqueue(Work(WorkId("e-3"), "sleeper", "600000"))
        wait_until(lambda: len(effects.lines()) == 4, "both run")
        child.ask("close", 0.1)
        with pytest.raises(WatchkeeperError, match="engine-closed"):
            child.standing("e-2")
        effects.gate.touch()

    with run() as child:
        assert child.wait_for("e-2", "done").result == RESULT
        assert child.standing("e-3").condition is Condition.RUNNING


def test_a_schedule_fires_once_for_each_time_until_it_is_taken_away(run: Run, effects: Effects) -> None:
    with run("ticking") as child:
        wait_until(lambda: len(effects.lines()) >= 3, "it ticked")
        child.ask("close", 5)
    times = [line[1] for line in effects.lines()]

    with run() as child:
        _let_pass(child, "e-1", 2_500)  # what was fired already is done
        ticked = len(effects.lines())
        _let_pass(child, "e-2", 2_500)

        assert [line[0] for line in effects.lines()[ticked:]] == ["sleeper", "sleeper"]

    assert all(earlier < later for earlier, later in pairwise(times))


def test_of_the_times_that_passed_while_nobody_ran_the_newest_is_made_up_for(run: Run, effects: Effects) -> None:
    with run("ticking") as child:
        wait_until(lambda: len(effects.lines()) >= 2, "it ticked twice")
        child.kill()
    before = [line[1] for line in effects.lines()]
    wait_until(lambda: _seconds_since(before[-1]) > 5, "time goes by")

    with run("ticking") as child:
        wait_until(lambda: len(effects.lines()) > len(before) + 3, "it ticks")
        made_up = child.ask("list", [f"sched-each-second-{_later(before[-1], seconds)}" for seconds in (2, 3)])
    after = [line[1] for line in effects.lines()[len(before) :]]

    assert made_up == [], "not one for each time that was missed"
    # What ran when the process died may be run again, as any step; and no other time.
    assert set(after) & set(before) <= {before[-1]}
    assert len(after) == len(set(after))
    assert _seconds_since(min(set(after) - set(before))) < _seconds_since(before[-1]) - 3


def test_a_changed_body_goes_on_with_the_work_of_the_old_one(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits") == list("012"), "the third step is running")
        child.kill()
    effects.gate.touch()

    with run("changed") as child:
        assert child.wait_for("e-2", "done").result == RESULT

    assert effects.steps_of("waits") == [*"012", "changed", *"2345"]


def test_work_of_an_older_version_waits_for_a_host_that_has_it(run: Run, effects: Effects) -> None:
    with run() as child:
        child.enqueue(WAITS)
        wait_until(lambda: effects.steps_of("waits") == list("012"), "the third step is running")
        child.kill()
    effects.gate.touch()

    with run("newer") as child:
        child.enqueue(ONE)
        child.wait_for("e-1", "done")
        assert child.standing("e-2").condition is Condition.RUNNING
    with run() as child:
        assert child.wait_for("e-2", "done").result == RESULT


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_the_work_of_a_dead_host_is_resumed_by_another_once(new_database: str, effects: Effects) -> None:
    with running(new_database, "host-a", effects) as one, running(new_database, "host-b", effects) as two:
        one.enqueue(WAITS)
        wait_until(lambda: len(effects.steps_of("waits")) == 3, "one of the two is in the third step")
        victim = effects.lines()[-1][2]
        dead, other = (one, two) if victim == "host-a" else (two, one)
        dead.kill()
        effects.gate.touch()
        other.enqueue(ONE)
        other.wait_for("e-1", "done")
        assert other.standing("e-2").condition is Condition.RUNNING, "nobody takes it by himself"

        assert other.ask("resume", "e-2", "somebody else") is False
        assert other.ask("resume", "e-2", victim) is True
        done = other.wait_for("e-2", "done")
        assert other.ask("resume", "e-2", victim) is False

    assert (done.result, done.host == victim, done.tries) == (RESULT, False, 2)
    assert effects.steps_of("waits") == list("0122345")


def test_a_second_process_in_the_same_folder_is_refused_with_the_first_ones_number(
    tmp_path: Path, effects: Effects
) -> None:
    from watchkeeper.durable.dbos_engine import open_file_engine

    with running(str(tmp_path), "local", effects) as child, pytest.raises(WatchkeeperError) as raised:
        open_file_engine(tmp_path)

    assert raised.value.slug == "engine-busy"
    assert raised.value.facts["process"] == str(child.process.pid)
    open_file_engine(tmp_path).close()


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, effects: Effects) -> None:
    (tmp_path / "durable.db").write_bytes(b"this is no database " * 1000)

    with running(str(tmp_path), "local", effects) as child:
        child.enqueue(ONE)
        child.wait_for("e-1", "done")

    (aside,) = tmp_path.glob("durable.db.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert (tmp_path / "durable.db").stat().st_mode & 0o077 == 0


def _let_pass(child: Child, id_: str, milliseconds: int) -> None:
    child.enqueue(Work(WorkId(id_), "sleeper", str(milliseconds)))
    child.wait_for(id_, "done")


def _seconds_since(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


def _later(time: str, seconds: int) -> str:
    return (datetime.fromisoformat(time) + timedelta(seconds=seconds)).isoformat()
