"""Days of the experiment as values: what is planted in them, and how arms are compared."""

from __future__ import annotations

import msgspec
import pytest

from watchkeeper.experiment.arms import Arm, Figures
from watchkeeper.experiment.comparison import Difference, compare, difference, summarise, verdict
from watchkeeper.experiment.tasks import make_day


def figures(arm: Arm, seed: int, rework: float, escapes: int) -> Figures:
    blank = msgspec.convert(dict.fromkeys(Figures.__struct_fields__, 0) | {"arm": arm, "escapes": []}, Figures)
    escaped = msgspec.convert([{"earlier": None, "later": at, "seen": False} for at in range(escapes)], list)
    return msgspec.convert(
        msgspec.to_builtins(blank) | {"seed": seed, "rework": rework, "escapes": escaped, "landed": 4, "hours": 2.0},
        Figures,
    )


def test_planting_changes_the_planted_tasks_and_nothing_else() -> None:
    planted, bare = make_day(4, 40), make_day(4, 40, every=0)
    at = {number for pair in planted.planted for number in pair}
    assert (len(planted.planted), bare.planted) == (4, ())
    assert [each for each in planted.tasks if each.number not in at] == [
        each for each in bare.tasks if each.number not in at
    ]
    assert [each.steps for each in planted.tasks] == [each.steps for each in bare.tasks]


def test_a_difference_is_that_of_the_same_days_with_the_interval_of_student() -> None:
    found = difference([1.0, 2.0, 3.0])
    assert (found.mean, found.low, found.high) == (2.0, -0.484, 4.484)
    assert not found.is_apart
    assert difference([2.0, 2.1, 1.9]).is_apart


def test_days_that_differ_much_do_not_hide_a_difference_that_each_of_them_shows() -> None:
    days = [figures(Arm.ALONE, seed, 100.0 * seed, 2 * seed) for seed in range(1, 6)]
    told = [figures(Arm.NOTICES, seed, 100.0 * seed - 10 - seed / 10, 2 * seed - 1) for seed in range(1, 6)]
    found = compare([*told, *reversed(days)], Arm.NOTICES, Arm.ALONE)
    assert (found["escapes"].mean, found["escapes"].is_apart, found["lost"].is_apart) == (-1.0, True, True)
    spans = summarise([*days, *told])
    assert spans[Arm.ALONE]["rework"].most > spans[Arm.NOTICES]["rework"].least


FEWER, MORE, NONE = Difference(-5, -6, -4), Difference(20, 10, 30), Difference(-5, -12, 2)


@pytest.mark.parametrize(
    ("escapes", "lost", "said"),
    [
        (FEWER, FEWER, "pays: -5.0 escapes a day, 5 min of agents saved a day."),
        (FEWER, NONE, "pays: -5.0 escapes a day, no difference shown in agents' time."),
        (FEWER, MORE, "buys fewer escapes with time: -5.0 escapes a day, 20 min of agents more lost a day."),
        (NONE, FEWER, "pays: no difference shown in escapes, 5 min of agents saved a day."),
        (NONE, NONE, "not shown to pay: no difference shown in escapes, no difference shown in agents' time."),
        (NONE, MORE, "does not pay: no difference shown in escapes, 20 min of agents more lost a day."),
        (MORE, FEWER, "does not pay: +20.0 escapes a day, 5 min of agents saved a day."),
    ],
)
def test_what_is_said_of_an_arm_follows_from_the_intervals(escapes: Difference, lost: Difference, said: str) -> None:
    words = verdict(Arm.NOTICES, Arm.ALONE, {"escapes": escapes, "lost": lost, "throughput": NONE})
    assert words == f"notices against alone: {said}"
