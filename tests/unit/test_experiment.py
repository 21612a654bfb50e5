"""The day of scripted agents: what each arm comes to, and how it is judged."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from watchkeeper.cli import experiment_day
from watchkeeper.cli.experiment import Span, answer
from watchkeeper.cli.experiment_day import Arm, Figures, play_day
from watchkeeper.cli.experiment_tasks import Day, Task, Work, apply_checks, apply_engine, make_day, write_application


def task(number: int, work: Work, read: float, fee: int = 0, desk: int = 0) -> Task:
    return Task(number, work, fee, desk, steps=(read, 10.0, 5.0, 5.0), rebase=10.0, adapt=5.0, repair=30.0)


def day_of(*tasks: Task, planted: tuple[tuple[int, int], ...] = ()) -> Day:
    return Day(1, tasks, planted)


PAIR = day_of(task(0, Work.SIGNATURE, 10.0), task(1, Work.CALLER, 20.0, desk=3), planted=((0, 1),))


def played(folder: Path, day: Day, arm: Arm, agents: int = 2) -> Figures:
    folder.mkdir(parents=True)
    return play_day(folder, day, agents, arm)


def without_arm(figures: Figures) -> Figures:
    return msgspec.structs.replace(figures, arm=Arm.ALONE)


def test_a_planted_pair_escapes_where_nobody_is_told_and_the_analysis_would_have_said_so(tmp_path: Path) -> None:
    figures = played(tmp_path / "day", PAIR, Arm.ALONE)
    assert [(each.earlier, each.later, each.seen) for each in figures.escapes] == [(0, 1, True)]
    assert (figures.planted_escaped, figures.textual, figures.rework) == (1, 0, 30.0)


def test_a_planted_pair_does_not_escape_where_both_are_told_and_understand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_day, "UNDERSTANDS", 1.0)
    figures = played(tmp_path / "day", PAIR, Arm.NOTICES)
    assert (figures.escapes, figures.notices > 0) == ((), True)


def test_a_pair_that_comes_one_after_the_other_does_not_escape(tmp_path: Path) -> None:
    figures = played(tmp_path / "day", PAIR, Arm.ALONE, agents=1)
    assert (figures.landed, figures.escapes) == (2, ())


def test_a_call_that_does_not_meet_a_changed_contract_does_not_escape(tmp_path: Path) -> None:
    day = day_of(task(0, Work.SIGNATURE, 10.0), task(1, Work.CALLER, 20.0, fee=9, desk=3))
    assert played(tmp_path / "day", day, Arm.ALONE).escapes == ()


def test_all_arms_are_equal_where_no_tasks_overlap(tmp_path: Path) -> None:
    day = make_day(3, 6, {Work.SOLO: 1})
    first, *others = [without_arm(played(tmp_path / arm, day, arm, agents=3)) for arm in Arm]
    assert others == [first, first]
    assert (first.landed, first.rework, first.waiting) == (6, 0.0, 0.0)


@pytest.mark.parametrize("arm", Arm)
def test_the_same_seed_gives_the_same_figures_and_every_task_lands(tmp_path: Path, arm: Arm) -> None:
    day = make_day(5, 10)
    first = played(tmp_path / "first", day, arm, agents=4)
    assert (first.landed, played(tmp_path / "again", make_day(5, 10), arm, agents=4)) == (10, first)


def test_two_never_hold_one_symbol_and_the_second_waits(tmp_path: Path) -> None:
    day = day_of(*(task(number, Work.BODY, 10.0) for number in range(4)))
    leased = played(tmp_path / "leases", day, Arm.LEASES)
    assert (leased.landed, leased.most_holders, leased.textual, leased.waiting > 0) == (4, 1, 0, True)
    alone = played(tmp_path / "alone", day, Arm.ALONE)
    assert (alone.most_holders, alone.textual > 0, alone.waiting) == (0, True, 0.0)


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


def spans(escapes: Span, throughput: Span) -> dict[str, Span]:
    return {"escapes": escapes, "throughput": throughput, "rework": Span(10, 10, 10)}


def test_the_answer_is_yes_where_escapes_fall_beyond_the_range_of_seeds() -> None:
    alone, told = spans(Span(6, 5, 7), Span(4, 4, 4)), spans(Span(1, 0, 2), Span(3, 3, 3))
    said = answer({"alone": alone, "notices": told, "leases": alone})
    assert "Yes: notices lower the escapes, at the price of throughput." in said
    assert "escapes -83 %;" in said


def test_the_answer_is_not_shown_where_the_difference_is_within_the_range_of_seeds() -> None:
    alone, told = spans(Span(6, 1, 7), Span(4, 4, 4)), spans(Span(3, 2, 4), Span(4, 4, 4))
    said = answer({"alone": alone, "notices": told, "leases": told})
    assert "Not shown" in said
    assert "escapes -50 % (within the range of seeds)" in said
