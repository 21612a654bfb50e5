"""The days of scripted agents: what each arm comes to, how notices are judged, and how arms are compared."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from watchkeeper.cli.experiment import report
from watchkeeper.experiment.arms import LEASE_MIN, Arm, Figures
from watchkeeper.experiment.day import play_day
from watchkeeper.experiment.playing import Setting, document, play_days, vary
from watchkeeper.experiment.tasks import (
    Day,
    Task,
    Work,
    apply_checks,
    apply_engine,
    make_day,
    write_application,
)
from watchkeeper.experiment.truth import Truth, commit, failing_checks, git

SMALL = Setting(seeds=(1, 2), agents=3, tasks=6)


def task(number: int, work: Work, read: float, fee: int = 0, desk: int = 0) -> Task:
    return Task(number, work, fee, desk, steps=(read, 10.0, 5.0, 5.0), rebase=10.0, adapt=5.0, repair=30.0)


def day_of(*tasks: Task, planted: tuple[tuple[int, int], ...] = ()) -> Day:
    return Day(1, tasks, planted)


PAIR = day_of(task(0, Work.SIGNATURE, 10.0), task(1, Work.CALLER, 20.0, desk=3), planted=((0, 1),))


def played(folder: Path, day: Day, arm: Arm, agents: int = 2, heeds: float = 1.0) -> Figures:
    folder.mkdir(parents=True)
    return play_day(folder, day, agents, arm, heeds)


def without_arm(figures: Figures) -> Figures:
    return msgspec.structs.replace(figures, arm=Arm.ALONE)


def test_a_planted_pair_escapes_where_nobody_is_told_and_the_analysis_would_have_said_so(tmp_path: Path) -> None:
    found = played(tmp_path / "day", PAIR, Arm.ALONE)
    assert [(each.earlier, each.later, each.seen) for each in found.escapes] == [(0, 1, True)]
    assert (found.planted_escaped, found.textual, found.rework, found.notices) == (1, 0, 30.0, 0)


def test_a_planted_pair_does_not_escape_where_both_are_told_and_heed(tmp_path: Path) -> None:
    found = played(tmp_path / "day", PAIR, Arm.NOTICES)
    assert (found.escapes, found.needless) == ((), 0)
    assert found.notices > 0
    assert found.rework == found.reading + 5.0


def test_a_notice_that_nobody_heeds_costs_its_reading_and_prevents_nothing(tmp_path: Path) -> None:
    found = played(tmp_path / "day", PAIR, Arm.NOTICES, heeds=0.0)
    assert len(found.escapes) == 1
    assert found.reading == 3.0 * found.notices > 0
    assert found.rework == found.reading + 30.0


def test_a_queue_sends_the_pair_back_before_it_lands_and_tells_nobody(tmp_path: Path) -> None:
    found = played(tmp_path / "day", PAIR, Arm.QUEUE)
    assert (found.escapes, found.sent_back, found.rework, found.notices) == ((), 1, 10.0, 0)


def test_what_was_heeded_in_time_is_not_sent_back_by_a_queue(tmp_path: Path) -> None:
    found = played(tmp_path / "day", PAIR, Arm.QUEUE_NOTICES)
    assert (found.escapes, found.sent_back) == ((), 0)


def test_a_textual_conflict_costs_the_same_whether_its_notice_was_heeded_or_not(tmp_path: Path) -> None:
    day = day_of(task(0, Work.BODY, 10.0), task(1, Work.BODY, 12.0))
    alone, told = (played(tmp_path / arm, day, arm) for arm in (Arm.ALONE, Arm.NOTICES))
    assert (alone.textual, told.textual) == (1, 1)
    assert told.rework - told.reading == alone.rework == 10.0


def test_who_edits_again_may_be_overtaken_once_more(tmp_path: Path) -> None:
    day = day_of(*(task(number, Work.BODY, 10.0 + 6 * number) for number in range(3)))
    found = played(tmp_path / "day", day, Arm.ALONE, agents=3)
    assert (found.landed, found.textual) == (3, 3)


def test_a_pair_that_comes_one_after_the_other_does_not_escape(tmp_path: Path) -> None:
    found = played(tmp_path / "day", PAIR, Arm.ALONE, agents=1)
    assert (found.landed, found.escapes) == (2, ())


def test_a_call_that_does_not_meet_a_changed_contract_does_not_escape(tmp_path: Path) -> None:
    day = day_of(task(0, Work.SIGNATURE, 10.0), task(1, Work.CALLER, 20.0, fee=9, desk=3))
    assert played(tmp_path / "day", day, Arm.ALONE).escapes == ()


def test_all_arms_are_equal_where_no_tasks_overlap(tmp_path: Path) -> None:
    day = make_day(3, 6, {Work.SOLO: 1})
    first, *others = [without_arm(played(tmp_path / arm, day, arm, agents=3)) for arm in Arm]
    assert others == [first] * len(others)
    assert (first.landed, first.rework, first.waiting) == (6, 0.0, 0.0)


@pytest.mark.parametrize("arm", Arm)
def test_the_same_seed_gives_the_same_figures_and_every_task_lands(tmp_path: Path, arm: Arm) -> None:
    first = played(tmp_path / "first", make_day(5, 8), arm, agents=4)
    assert (first.landed, played(tmp_path / "again", make_day(5, 8), arm, agents=4)) == (8, first)


def test_two_never_hold_one_symbol_and_the_second_waits(tmp_path: Path) -> None:
    day = day_of(*(task(number, Work.BODY, 10.0) for number in range(4)))
    leased = played(tmp_path / "leases", day, Arm.LEASES)
    assert (leased.landed, leased.most_holders, leased.textual, leased.expired) == (4, 1, 0, 0)
    assert leased.waiting > 0
    assert leased.put_off > 0
    alone = played(tmp_path / "alone", day, Arm.ALONE)
    assert (alone.most_holders, alone.put_off, alone.waiting) == (0, 0, 0.0)
    assert alone.textual > 0


def test_a_lease_that_ends_before_its_task_lets_the_next_begin(tmp_path: Path) -> None:
    day = day_of(task(0, Work.BODY, 2 * LEASE_MIN), task(1, Work.BODY, 10.0))
    found = played(tmp_path / "day", day, Arm.LEASES)
    assert (found.expired, found.waiting, found.landed) == (1, LEASE_MIN, 2)
    assert found.most_holders == 1


@pytest.mark.parametrize("work", Work)
def test_an_edit_made_twice_is_made_once(tmp_path: Path, work: Work) -> None:
    root = tmp_path / "app"
    write_application(root)
    texts = []
    for _ in range(2):
        apply_engine(root, task(7, work, 1.0))
        apply_checks(root, task(7, work, 1.0))
        texts.append({path: path.read_text() for path in root.rglob("*.py")})
    assert texts[0] == texts[1]


def application(root: Path) -> tuple[Path, str]:
    write_application(root)
    git(root, "init", "-q", "--initial-branch=main")
    return root, commit(root, "first")


def task_on(root: Path, base: str, done: Task) -> str:
    git(root, "checkout", "-q", "--detach", base)
    apply_engine(root, done)
    apply_checks(root, done)
    return commit(root, done.issue)


@pytest.mark.parametrize(
    ("work", "fee", "breaks"),
    [(Work.CALLER, 0, True), (Work.CALLER, 9, False), (Work.BODY, 0, False), (Work.SIGNATURE, 0, True)],
)
def test_a_notice_is_judged_by_merging_the_two_and_running_the_checks(
    tmp_path: Path, work: Work, fee: int, breaks: bool
) -> None:
    root, base = application(tmp_path / "app")
    one = task_on(root, base, task(1, Work.SIGNATURE, 1.0))
    two = task_on(root, base, task(2, work, 1.0, fee=fee, desk=3))
    assert Truth(root).breaks(one, two) is breaks
    assert not failing_checks(root) or breaks


def test_the_figures_of_two_days_are_told_to_people_and_programs_with_the_other_assumptions() -> None:
    days = play_days(SMALL)
    rows = vary(SMALL, days)
    text, values = "\n".join(report(SMALL, days, rows)), document(SMALL, days, rows)
    assert [(each.arm, each.seed) for each in days] == [(arm, seed) for seed in (1, 2) for arm in Arm]
    assert [(each.heeds, each.planted_in) for each in rows] == [(0.2, 10), (0.5, 10), (0.8, 10), (1.0, 10), (0.8, 0)]
    assert "heeded 0.8, none planted: escapes" in text
    assert set(msgspec.to_builtins(values["arms"])) == {arm.value for arm in Arm}
