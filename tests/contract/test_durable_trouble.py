"""How the engine answers mistakes and trouble; what it must not say or do."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from durablehost import wait_until
from watchkeeper.durable.dbos_engine import DbosEngine, open_file_engine, open_url_engine
from watchkeeper.durable.port import Condition, Schedule, StepFailed, Steps, Stopped, Work, WorkId
from watchkeeper.model.errors import UsageError, WatchkeeperError


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DbosEngine]:
    opened = open_file_engine(tmp_path)
    yield opened
    opened.close(patience_s=0)


def nothing(_: Steps, argument: str) -> str:
    return argument


def test_without_dbos_it_is_said_which_package_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dbos", None)

    with pytest.raises(WatchkeeperError) as raised:
        open_file_engine(tmp_path)

    assert (raised.value.slug, raised.value.hint) == ("engine-missing", "pip install 'watchkeeper[fleet]'")


def test_one_process_runs_one_engine_and_a_refused_one_takes_nothing(engine: DbosEngine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(WatchkeeperError, match="runs workflows already"):
        open_file_engine(tmp_path / "other")

    engine.close()
    open_file_engine(tmp_path / "other").close()
    open_file_engine(tmp_path).close()


@pytest.mark.parametrize("schedule", [Schedule("s", "every day", "do"), Schedule("s", "0 4 * * *", "undo")])
def test_a_schedule_that_cannot_be_followed_is_refused_before_anything_runs(
    engine: DbosEngine, schedule: Schedule
) -> None:
    with pytest.raises(UsageError) as raised:
        engine.start({"do": nothing}, [schedule])

    assert raised.value.slug == "schedule-invalid"
    with pytest.raises(WatchkeeperError, match="not running"):
        engine.list_work()
    engine.start({"do": nothing}, [Schedule("s", "0 4 * * *", "do")])


def test_an_unreachable_server_is_an_error_without_its_password_and_closing_works() -> None:
    engine = open_url_engine("postgresql://ada:s3cret@127.0.0.1:1/fleet", host="a/1", may_act=lambda: True)
    try:
        with pytest.raises(WatchkeeperError) as raised:
            engine.start({})
    finally:
        engine.close()

    assert raised.value.slug == "engine-failed"
    assert "s3cret" not in raised.value.message + str(raised.value.facts)


def test_nothing_of_the_engine_is_printed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from watchkeeper.durable.dbos_engine import open_file_engine\n"
        "engine = open_file_engine(Path(sys.argv[1]))\n"
        "engine.start({})\n"
        "engine.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")


def test_the_command_line_loads_no_engine() -> None:
    program = "import sys, watchkeeper.__main__, watchkeeper.cli.log, watchkeeper.app; print('dbos' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "False"


def test_a_body_may_catch_what_a_step_raised_and_go_on_the_same_way_each_time(engine: DbosEngine) -> None:
    said: list[str] = []

    def careful(steps: Steps, _: str) -> str:
        try:
            steps.step("may fail", lambda: str(1 // 0))
        except StepFailed as failed:
            said.append(f"{failed.name}: {failed.reason}")
        return steps.step("instead", lambda: "something else")

    engine.start({"careful": careful})
    engine.enqueue(Work(WorkId("e-1"), "careful"))
    done = _wait(engine, "e-1", Condition.DONE)

    assert done == "something else"
    assert said == ["may fail: ZeroDivisionError: integer division or modulo by zero"]


def test_a_body_may_enqueue_and_ask(engine: DbosEngine) -> None:
    def splits(steps: Steps, argument: str) -> str:
        steps.step("split", lambda: engine.enqueue(Work(WorkId("part"), "nothing", argument)))
        return str(len(engine.list_work(ids=[WorkId("part")])))

    engine.start({"splits": splits, "nothing": nothing})
    engine.enqueue(Work(WorkId("whole"), "splits", " «text»\n'"))

    assert _wait(engine, "whole", Condition.DONE) == "1"
    assert _wait(engine, "part", Condition.DONE) == " «text»\n'"


def test_what_is_no_text_fails_the_work(engine: DbosEngine) -> None:
    engine.start({"wrong": lambda *_: 7})  # type: ignore[dict-item]
    engine.enqueue(Work(WorkId("e-1"), "wrong"))
    _wait(engine, "e-1", Condition.FAILED)

    (standing,) = engine.list_work(ids=[WorkId("e-1")])
    assert "gave no text but int" in standing.error


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_text_of_any_kind_is_kept_and_comes_back(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    odd = "a\0b \udcff\ud800 «é» \n\u202e'\"\\"

    def same(steps: Steps, argument: str) -> str:
        return steps.step("say", lambda: argument)

    def breaks(steps: Steps, argument: str) -> str:
        raise ValueError(argument)

    if kind == "sqlite":
        engine = open_file_engine(tmp_path)
    else:
        engine = open_url_engine(request.getfixturevalue("new_database"), host="a/1", may_act=lambda: True)
    try:
        engine.start({"same": same, "breaks": breaks})
        engine.enqueue(Work(WorkId("e-1"), "same", odd))
        engine.enqueue(Work(WorkId("e-2"), "breaks", odd))
        assert _wait(engine, "e-1", Condition.DONE) == odd
        _wait(engine, "e-2", Condition.FAILED)
        (failed,) = engine.list_work(ids=[WorkId("e-2")])
        assert failed.error.startswith("ValueError: a")
        assert {each.work.argument for each in engine.list_work(ids=[WorkId("e-1"), WorkId("e-2")])} == {odd}
    finally:
        engine.close()


def test_a_body_that_gives_itself_up_is_run_again_by_the_next_start(tmp_path: Path) -> None:
    runs: queue.Queue[str] = queue.Queue()

    def gives_up(steps: Steps, _: str) -> str:
        before = runs.qsize()
        runs.put("run")
        if before == 0:
            raise Stopped("later")
        return steps.step("end", lambda: "ended")

    first = open_file_engine(tmp_path)
    first.start({"gives up": gives_up})
    first.enqueue(Work(WorkId("e-1"), "gives up"))
    wait_until(runs.qsize, "it ran")
    first.close()
    second = open_file_engine(tmp_path)
    try:
        second.start({"gives up": gives_up})
        assert _wait(second, "e-1", Condition.DONE) == "ended"
    finally:
        second.close()


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_while_a_host_is_not_sure_of_itself_no_step_begins_and_then_it_does(new_database: str) -> None:
    sure, begun = threading.Event(), threading.Event()

    def waits(steps: Steps, _: str) -> str:
        begun.set()
        return steps.step("act", lambda: str(sure.is_set()))

    engine = open_url_engine(new_database, host="a/1", may_act=lambda: not begun.is_set() or sure.is_set())
    try:
        engine.start({"waits": waits})
        engine.enqueue(Work(WorkId("e-1"), "waits"))
        assert begun.wait(timeout=60)
        assert [each.condition for each in engine.list_work()] == [Condition.RUNNING]
        sure.set()
        assert _wait(engine, "e-1", Condition.DONE) == "True"
    finally:
        engine.close()


def _wait(engine: DbosEngine, work: str, condition: Condition) -> str:
    wait_until(
        lambda: [each.condition for each in engine.list_work(ids=[WorkId(work)])] == [condition], f"{work} {condition}"
    )
    return engine.list_work(ids=[WorkId(work)])[0].result
