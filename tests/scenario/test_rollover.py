"""Closing days: what a log says, what an empty one says, and what happens where it cannot be written."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from dayworld import ZONE, DayWorld
from watchkeeper.desk.closing import FLEET_FOLDER, worklog_path, write_whole
from watchkeeper.model.fleet import Choice, Dispatch, DispatchDecided
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.landing import Bounce, EntryBounced, EntryId, Halt, QueueHalted
from watchkeeper.model.review import Day, DayClosed, RolloverFailed, WorkLog
from watchkeeper.review.calendar import MOST_DAYS

HOUR = 3_600_000
NOON = int(dt.datetime(2026, 11, 25, 11, tzinfo=dt.UTC).timestamp() * 1000)


@pytest.fixture
def world(tmp_path: Path) -> DayWorld:
    return DayWorld(tmp_path, NOON, {"shop": ZONE})


def logs(world: DayWorld, name: str = "shop") -> list[WorkLog]:
    project = FLEET if name == "fleet" else world.project(name)
    with world.opened() as log:
        return [each.event.log for each in log.read(project) if isinstance(each.event, DayClosed)]


def failures(world: DayWorld) -> list[RolloverFailed]:
    with world.opened() as log:
        return [each.event for each in log.read(None) if isinstance(each.event, RolloverFailed)]


def test_a_days_log_says_what_shipped_and_was_completed_with_its_events(world: DayWorld) -> None:
    done, left = world.file("shop"), world.file("shop")
    world.land("shop")
    world.close("shop", done)
    world.clock.at += 20 * HOUR

    world.look()

    (log,) = logs(world)
    assert (log.project, log.day, log.zone, log.empty) == ("shop", "2026-11-25", ZONE, "")
    assert log.headline == "1 change shipped, 1 issue completed; 0 risks"
    assert [each.text for each in log.shipped] == ["Work 3 (not looked at yet, past the queue)"]
    assert [each.text for each in log.completed] == [f"{done} is closed (landed): Do 1"]
    assert [each.text for each in log.next] == [f"{left}: Do 2"]
    assert all(each.evidence for each in (*log.shipped, *log.completed, *log.next))
    text = worklog_path(world.home, "shop", log.day).read_text()
    assert text.startswith("# shop, 2026-11-25\n\n1 change shipped")
    assert "## Carry-over\n\nnothing\n" in text
    assert oct(worklog_path(world.home, "shop", log.day).parent.stat().st_mode & 0o777) == "0o700"


def test_before_the_day_is_over_nothing_is_closed(world: DayWorld) -> None:
    world.file("shop")
    world.clock.at += 15 * HOUR  # 03:00 by its clock

    world.look()

    assert logs(world) == []


EMPTY = {
    "a halted queue": ([QueueHalted(Halt.RED, "main fails")], "landing was halted: main fails"),
    "what came back": (
        [EntryBounced(EntryId("a/1"), Bounce.ALONE, "it fails")],
        "1 change went back: a/1",
    ),
    "a dispatcher that waits": (
        [DispatchDecided(Dispatch(Choice.IDLE, "the budget of the day is spent"))],
        "nothing was started: the budget of the day is spent",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_day_says_why(world: DayWorld, name: str) -> None:
    events, why = EMPTY[name]
    world.tell("shop", events)
    world.clock.at += 20 * HOUR

    world.look()

    (log,) = logs(world)
    assert why in log.empty
    assert f"**Nothing shipped:** {why}" in worklog_path(world.home, "shop", log.day).read_text()


def test_a_day_without_any_event_says_that_nothing_ran(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 44 * HOUR

    world.look()

    assert [each.empty for each in logs(world)] == [
        "", "nothing was recorded on this day: neither its watch nor an agent ran",
    ]  # fmt: skip


def test_weeks_off_are_caught_up_once_and_what_is_too_old_is_said(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 60 * 24 * HOUR

    world.look()
    world.look()

    found = logs(world)
    assert len(found) == MOST_DAYS
    assert "the logs of 29 days before this one were never written" in found[0].flags[0].text
    assert [each for log in found[1:] for each in log.flags] == []
    assert len(logs(world, "fleet")) == MOST_DAYS


def test_a_log_is_as_the_record_stood_when_its_day_ended(world: DayWorld) -> None:
    issue = world.file("shop")
    world.clock.at += 24 * HOUR
    world.close("shop", issue)
    world.clock.at += 24 * HOUR

    world.look()

    one, two = logs(world)
    assert ([each.text for each in one.next], one.completed) == ([f"{issue}: Do 1"], ())
    assert (two.next, len(two.completed)) == ((), 1)


def test_what_cannot_be_written_is_a_failure_once_and_is_tried_again(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 20 * HOUR

    def full(_path: Path, _text: str) -> None:
        raise OSError(28, "No space left on device")

    with world.opened() as log:
        closer = world.closer(log, full)
        for _ in range(4):
            closer.look()
            world.clock.at += 10_000
        assert closer.statistics.failed == 1  # it waits before it tries again
        world.clock.at += HOUR
        closer.look()
        assert closer.statistics.failed == 2

    (told,) = failures(world)
    assert (told.day, told.reason) == ("2026-11-25", "OSError: [Errno 28] No space left on device")
    assert logs(world) == []
    world.look()
    assert len(logs(world)) == 1


def test_who_runs_and_writes_nothing_has_failed(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 20 * HOUR

    with world.opened() as log:
        world.closer(log, lambda path, _text: write_whole(path, "")).look()

    (told,) = failures(world)
    assert "was written, and does not say it" in told.reason
    assert logs(world) == []


def test_of_two_that_close_the_same_day_one_is_recorded(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 20 * HOUR

    def meanwhile(path: Path, text: str) -> None:
        if path.parent.name == "shop":
            world.look()  # another process closes it between our reading and our writing
        write_whole(path, text)

    with world.opened() as log:
        closer = world.closer(log, meanwhile)
        closer.look()

    assert closer.statistics.overtaken == 1
    assert (len(logs(world)), len(logs(world, "fleet"))) == (1, 1)


def test_a_file_that_is_gone_is_written_again_from_the_record(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 20 * HOUR
    world.look()
    path = worklog_path(world.home, "shop", Day("2026-11-25"))
    text = path.read_text()
    path.unlink()

    world.look()

    assert path.read_text() == text
    assert len(logs(world)) == 1


def test_the_fleets_log_waits_for_all_projects_and_has_their_sentences(tmp_path: Path) -> None:
    world = DayWorld(tmp_path, NOON, {"shop": ZONE, "ny": "America/New_York"})
    world.land("shop")
    world.file("ny")
    world.clock.at += 17 * HOUR  # 05:00 in Berlin, 23:00 in New York

    world.look()
    early = logs(world, "fleet")
    world.clock.at += 6 * HOUR
    world.look()

    assert early == []
    (log,) = logs(world, "fleet")
    assert log.headline == "1 change shipped and 0 issues completed in 1 of 2 projects"
    assert [each.text.partition(":")[0] for each in log.shipped] == ["shop"]
    assert any(each.text.startswith("ny shipped nothing") for each in log.flags)
    assert worklog_path(world.home, FLEET_FOLDER, log.day).exists()


def test_a_project_that_has_no_log_for_hours_does_not_keep_the_fleets_back(tmp_path: Path) -> None:
    world = DayWorld(tmp_path, NOON, {"shop": ZONE, "api": ZONE})
    world.land("shop")
    world.land("api")
    world.clock.at += 20 * HOUR
    world.look()
    world.clock.at += 24 * HOUR

    def broken(path: Path, text: str) -> None:
        if path.parent.name == "api":
            raise OSError(5, "Input/output error")
        write_whole(path, text)

    with world.opened() as log:
        closer = world.closer(log, broken)
        closer.look()
        assert len(logs(world, "fleet")) == 1
        world.clock.at += 7 * HOUR
        closer.look()

    second = logs(world, "fleet")[1]
    assert "api has no log of this day: OSError: [Errno 5] Input/output error" in [each.text for each in second.flags]


def test_a_clock_that_was_set_back_loses_nothing(world: DayWorld) -> None:
    world.land("shop")
    world.clock.at += 20 * HOUR
    world.look()
    world.tell("shop", [QueueHalted(Halt.PERSON, "wait")], at=NOON)  # by a clock that is a day behind
    world.clock.at += 24 * HOUR

    world.look()

    assert [any("landing was halted" in claim.text for claim in each.flags) for each in logs(world)] == [False, True]


def test_a_project_whose_name_is_a_path_stays_in_the_folder(world: DayWorld) -> None:
    for name in ("../../etc", ".hidden", "a/b", ""):
        assert worklog_path(world.home, name, Day("2026-11-25")).parent.parent == world.home / "worklogs"


def test_names_and_titles_stay_text_in_markdown(world: DayWorld) -> None:
    world.clock.at = Millis(NOON)
    world.tell("shop", [QueueHalted(Halt.PERSON, "# <script>alert(1)</script>\n- [x](javascript:y) `z`")])
    world.clock.at += 20 * HOUR

    world.look()

    text = worklog_path(world.home, "shop", Day("2026-11-25")).read_text()
    assert "\n# <script>" not in text
    assert "\\<script\\>" in text
    assert "\\[x\\](javascript:y) \\`z\\`" in text
