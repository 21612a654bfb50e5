"""Which arms meet which worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from landing.arm import Arm
from landing.measure import Figures, measure
from landing.ours import Ours
from landing.rivals import Bors, Prefix, Serial, Zuul
from landing.speculating import BatchOracle, Oracle, SubmitQueue
from landing.world import Setting, Truth, make_truth
from watchkeeper.landing.policy import Policy

RIVALS = ("serial", "bors-4", "bors-8", "bors-16", "zuul", "github", "submitqueue", "submitqueue-97")
ORACLES = ("oracle", "oracle-batch")
ABLATIONS = ("no-quarantine", "no-wide-search", "no-only-failing", "no-adaptive-batch")
OURS, LANES = "watchkeeper", "watchkeeper-lanes"
ARMS: dict[str, Callable[[Truth], Arm]] = {
    "serial": Serial,
    "bors-4": lambda truth: Bors(truth, 4),
    "bors-8": lambda truth: Bors(truth, 8),
    "bors-16": lambda truth: Bors(truth, 16),
    "zuul": Zuul,
    "github": Prefix,
    "submitqueue": SubmitQueue,
    "submitqueue-97": lambda truth: SubmitQueue(truth, 0.97),
    "oracle": Oracle,
    "oracle-batch": BatchOracle,
    OURS: lambda truth: Ours(truth, Policy(slots=truth.setting.slots)),
    LANES: lambda truth: Ours(truth, Policy(slots=truth.setting.slots, lanes=True)),
    "no-quarantine": lambda truth: Ours(truth, Policy(slots=truth.setting.slots, quarantines=False)),
    "no-wide-search": lambda truth: Ours(truth, Policy(slots=truth.setting.slots, wide_search=False)),
    "no-only-failing": lambda truth: Ours(truth, Policy(slots=truth.setting.slots, only_failing=False)),
    "no-adaptive-batch": lambda truth: Ours(truth, Policy(slots=truth.setting.slots, batch=8)),
}
"""An arm is anything that decides about every change of a world; one more is one more line."""


@dataclass(frozen=True)
class Cell:
    """One world, the arms that meet it, and how often."""

    setting: Setting
    arms: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Played:
    """A cell and what its arms came to."""

    cell: Cell
    figures: dict[str, Figures]


def demanded(seeds: Sequence[int], changes: int) -> Iterator[Cell]:
    """A person's machine: one or two slots, up to five changes in an hour, flakes or none."""
    for rate in (1.0, 2.0, 5.0):
        for slots in (1, 2):
            for flake in (0.0, 0.01, 0.05):
                setting = Setting(rate, slots, flake, changes=changes)
                yield Cell(setting, (*RIVALS, *ORACLES, OURS), tuple(seeds))


def loads(seeds: Sequence[int], changes: int) -> Iterator[Cell]:
    """From a person's machine to a large company's."""
    for rate in (2, 5, 10, 20, 60, 120, 300):
        for slots in (1, 2, 4, 16, 64, 500):
            setting = Setting(float(rate), slots, 0.01, changes=changes)
            yield Cell(setting, (*RIVALS, *ORACLES, OURS, LANES), tuple(seeds))


def variations(seeds: Sequence[int], changes: int) -> Iterator[Cell]:
    """One thing at a time is different, at four loads; and ours without one part at a time."""
    for rate, slots in ((5, 1), (5, 2), (20, 4), (60, 16)):
        middle = Setting(float(rate), slots, 0.01, changes=changes)
        yield Cell(middle, (*ORACLES, OURS, *ABLATIONS), tuple(seeds))
        for setting in _varied(middle):
            yield Cell(setting, (*RIVALS, *ORACLES, OURS, LANES), tuple(seeds))


def _varied(middle: Setting) -> Iterator[Setting]:
    for flake in (0.0, 0.05):
        yield replace(middle, flake=flake)
    for bad in (0.0, 0.1, 0.25):
        yield replace(middle, bad=bad)
    for pair in (0.0, 0.01, 0.1):
        yield replace(middle, pair=pair)
    for durations in ("const", "bimodal"):
        yield replace(middle, durations=durations)
    for burst in (15, 50):
        yield replace(middle, burst=burst)
    for sharing in (1, 3):
        yield replace(middle, sharing=sharing)
    for missed in (0.005, 0.02):
        yield replace(middle, missed=missed)
    yield replace(middle, partial=1.0)
    yield replace(middle, staleness=0.0)


def play(cell: Cell) -> Played:
    """Every arm in the same worlds."""
    worlds = [make_truth(cell.setting, seed) for seed in cell.seeds]
    return Played(cell, {name: measure([ARMS[name](world).play() for world in worlds]) for name in cell.arms})


def play_all(cells: Sequence[Cell], workers: int) -> Iterator[Played]:
    """In the order of ``cells``."""
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(play, cells)
