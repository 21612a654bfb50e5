"""Plays days and arms, as many at once as there are processors, each in a temporary folder of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from watchkeeper.experiment.arms import HEEDS, Arm, Figures
from watchkeeper.experiment.comparison import Difference, compare, summarise, verdict
from watchkeeper.experiment.day import play_day
from watchkeeper.experiment.tasks import make_day

PLANTED_IN = 10
MAIN_ARMS = tuple(Arm)
QUESTIONS = (
    (Arm.NOTICES, Arm.ALONE),
    (Arm.LEASES, Arm.ALONE),
    (Arm.LEASES, Arm.NOTICES),
    (Arm.QUEUE, Arm.ALONE),
    (Arm.QUEUE_NOTICES, Arm.QUEUE),
)
"""Which arm is compared with which: each prevention with none, and with what one has without it."""


class Setting(msgspec.Struct, frozen=True):
    """What is played. ``planted_in``: of how many tasks one begins a planted pair; 0 for none."""

    seeds: tuple[int, ...]
    agents: int = 6
    tasks: int = 60
    heeds: float = HEEDS
    planted_in: int = PLANTED_IN


class Sensitivity(msgspec.Struct, frozen=True):
    """What notices change against nothing, where one assumption is another."""

    heeds: float
    planted_in: int
    against_alone: dict[str, Difference]


def play_days(setting: Setting, arms: Sequence[Arm] = MAIN_ARMS) -> tuple[Figures, ...]:
    """The arms of all days, in the order of the seeds."""
    runs = [(setting, seed, arm) for seed in setting.seeds for arm in arms]
    with ProcessPoolExecutor(max_workers=min(len(runs), os.cpu_count() or 1)) as pool:
        return tuple(pool.map(_play, runs))


def vary(setting: Setting, played: Sequence[Figures]) -> tuple[Sensitivity, ...]:
    """Notices against nothing with agents that heed less or more, and without planted pairs.

    ``played`` are the days of ``setting``: nothing is told in the arm alone, so that it is the same for all chances.
    """
    alone = tuple(each for each in played if each.arm is Arm.ALONE)
    rows = []
    for heeds in (0.2, 0.5, 0.8, 1.0):
        again = heeds != setting.heeds
        told = play_days(msgspec.structs.replace(setting, heeds=heeds), [Arm.NOTICES]) if again else played
        rows.append(Sensitivity(heeds, setting.planted_in, compare((*alone, *told), Arm.NOTICES, Arm.ALONE)))
    bare = msgspec.structs.replace(setting, planted_in=0)
    if setting.planted_in:
        found = compare(play_days(bare, [Arm.ALONE, Arm.NOTICES]), Arm.NOTICES, Arm.ALONE)
        rows.append(Sensitivity(setting.heeds, 0, found))
    return tuple(rows)


def document(setting: Setting, played: Sequence[Figures], rows: Sequence[Sensitivity]) -> dict[str, object]:
    """The figures for programs."""
    compared = [(arm, against, compare(played, arm, against)) for arm, against in QUESTIONS]
    return {
        **msgspec.to_builtins(setting),
        "arms": {arm.value: msgspec.to_builtins(spans) for arm, spans in summarise(played).items()},
        "compared": [
            {
                "arm": arm.value,
                "against": against.value,
                **msgspec.to_builtins(found),
                "verdict": verdict(arm, against, found),
            }
            for arm, against, found in compared
        ],
        "sensitivity": msgspec.to_builtins(rows),
        "days": [{**msgspec.to_builtins(each), "throughput": round(each.throughput, 3)} for each in played],
    }


def _play(run: tuple[Setting, int, Arm]) -> Figures:
    setting, seed, arm = run
    day = make_day(seed, setting.tasks, every=setting.planted_in)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-experiment-", ignore_cleanup_errors=True) as folder:
        return play_day(Path(os.path.realpath(folder)), day, setting.agents, arm, setting.heeds)
