"""``watchkeeper experiment``: does prevention pay? The same day of scripted agents with and without being told.

What is simulated and what is real is said in ``experiment_day`` and printed with the figures.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb

if TYPE_CHECKING:
    from watchkeeper.cli.experiment_day import Arm, Figures

SEEDS = 3
_ARMS = ("alone", "notices", "leases")
ASSUMPTIONS = (
    "Real: the repository, worktrees, edits, merges, the analysis, the gate of leases, the checks after each landing.",
    (
        "Simulated: the clock; how long a step takes (triangular: read and edit 4-30 min each, mostly 10; checks and "
        "verify 2-15, mostly 5); the agents, whose edits follow a script."
    ),
    "One task in ten begins a planted pair: it changes a contract, and the next task relies on it. The rest are drawn.",
    "An agent takes the main branch as it is when it begins, and does not run the checks on the merge before it lands.",
    "A textual conflict costs 5-25 min (mostly 10); then the task is done again on the main branch.",
    (
        "A check that fails on the main branch is an escape; mending it costs who landed last 15-60 min (mostly 30); "
        "nobody else stops."
    ),
    (
        "A notice costs 3 min of reading and is understood with a chance of 0.8; who has understood edits again "
        "on the main branch before landing (3-15 min, mostly 6), where that has moved."
    ),
    (
        "A lease is taken on all that a task edits of what stands, when it begins, until it landed; who may not "
        "begin takes another task, or waits. What is only read needs no lease."
    ),
)


class Span(msgspec.Struct, frozen=True):
    """A figure over all seeds."""

    mean: float
    least: float
    most: float


_FIGURES: tuple[tuple[str, str, Callable[[Figures], float]], ...] = (
    ("throughput", "tasks an hour", lambda each: each.throughput),
    ("rework", "rework, min", lambda each: each.rework),
    ("waiting", "waiting, min", lambda each: each.waiting),
    ("textual", "textual conflicts", lambda each: each.textual),
    ("escapes", "escapes", lambda each: len(each.escapes)),
    ("seen", "  seen by analysis", lambda each: sum(escape.seen for escape in each.escapes)),
    ("planted_escaped", "  of planted pairs", lambda each: each.planted_escaped),
    ("notices", "notices", lambda each: each.notices),
)


@verb(examples=("watchkeeper experiment", "watchkeeper experiment --agents 12 --seed 7"), then="watchkeeper watch")
@click.option("--agents", type=click.IntRange(1, 32), default=6, show_default=True, help="How many work at once.")
@click.option("--tasks", type=click.IntRange(1, 500), default=60, show_default=True, help="How many tasks a day has.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The first of three days.")
@json_option
def command(*, agents: int, tasks: int, seed: int, as_json: bool) -> int:
    """Measure whether prevention pays: the same day of scripted agents alone, with notices, and with leases too.

    Three days are played, each three times, in temporary repositories and in simulated time: the repository, the edits,
    the merges, the analysis and the checks are real; the clock and the agents are not. Takes under a minute; no key, no
    server. Exit code 0.
    """
    played = play_all(range(seed, seed + SEEDS), agents, tasks)
    spans = {arm: summarise([each for each in played if each.arm == arm]) for arm in _ARMS}
    if as_json:
        show_document(document(agents, tasks, played, spans))
    else:
        lines = [f"{SEEDS} days of {tasks} tasks, {agents} agents; mean (least to most)", "", *table(spans), ""]
        show([*lines, answer(spans), "", *(f"- {each}" for each in ASSUMPTIONS)], "watchkeeper watch")
    return Exit.NOTHING


def play_all(seeds: Sequence[int], agents: int, tasks: int) -> tuple[Figures, ...]:
    """All arms of all days, in the order of the seeds; as many at once as there are processors."""
    from watchkeeper.cli.experiment_day import Arm

    runs = [(seed, arm, agents, tasks) for seed in seeds for arm in Arm]
    with ProcessPoolExecutor(max_workers=min(len(runs), os.cpu_count() or 1)) as pool:
        return tuple(pool.map(_play, runs))


def summarise(figures: Sequence[Figures]) -> dict[str, Span]:
    """Mean and range of each figure of one arm."""
    spans = {}
    for name, _, get in _FIGURES:
        values = [get(each) for each in figures]
        spans[name] = Span(round(statistics.fmean(values), 3), round(min(values), 3), round(max(values), 3))
    return spans


def table(spans: dict[str, dict[str, Span]]) -> list[str]:
    """A line for each figure, a column for each arm."""
    lines = [" " * 20 + "".join(f"{arm:>24}" for arm in spans)]
    for name, title, _ in _FIGURES:
        digits = 2 if name == "throughput" else 1
        cells = [
            f"{each[name].mean:.{digits}f} ({each[name].least:.{digits}f}-{each[name].most:.{digits}f})"
            for each in spans.values()
        ]
        lines.append(f"{title:<20}" + "".join(f"{cell:>24}" for cell in cells))
    return lines


def answer(spans: dict[str, dict[str, Span]]) -> str:
    """Whether prevention pays, from the figures alone."""
    said = "; ".join(
        f"{arm}: " + ", ".join(_compared(spans["alone"][name], spans[arm][name], words) for name, words in _JUDGED)
        for arm in ("notices", "leases")
    )
    return f"Does prevention pay? {_verdict(spans)} Against alone, with {said}."


_JUDGED = (("throughput", "throughput"), ("rework", "rework"), ("escapes", "escapes"))


def _verdict(spans: dict[str, dict[str, Span]]) -> str:
    paying = []
    for arm in ("notices", "leases"):
        alone, told = spans["alone"], spans[arm]
        is_better = _is_apart(alone["escapes"], told["escapes"]) and told["escapes"].mean < alone["escapes"].mean
        is_slower = (
            _is_apart(alone["throughput"], told["throughput"]) and told["throughput"].mean < alone["throughput"].mean
        )
        if is_better:
            paying.append(f"{arm} lower the escapes" + (", at the price of throughput" if is_slower else ""))
    return (
        f"Yes: {' and '.join(paying)}." if paying else "Not shown: no arm lowers the escapes beyond the range of seeds."
    )


def _is_apart(one: Span, other: Span) -> bool:
    return one.most < other.least or other.most < one.least


def _compared(alone: Span, told: Span, words: str) -> str:
    if alone.mean == told.mean:
        return f"{words} the same"
    change = f"{100 * (told.mean / alone.mean - 1):+.0f} %" if alone.mean else f"{told.mean:+.1f}"
    return f"{words} {change}" + ("" if _is_apart(alone, told) else " (within the range of seeds)")


def document(
    agents: int, tasks: int, played: Sequence[Figures], spans: dict[str, dict[str, Span]]
) -> dict[str, object]:
    """The figures for programs."""
    days = [{**msgspec.to_builtins(each), "throughput": round(each.throughput, 3)} for each in played]
    return {
        "agents": agents,
        "tasks": tasks,
        "arms": msgspec.to_builtins(spans),
        "days": days,
        "answer": answer(spans),
        "assumptions": list(ASSUMPTIONS),
    }


def _play(run: tuple[int, Arm, int, int]) -> Figures:
    from watchkeeper.cli.experiment_day import play_day
    from watchkeeper.cli.experiment_tasks import make_day

    seed, arm, agents, tasks = run
    with tempfile.TemporaryDirectory(prefix="watchkeeper-experiment-", ignore_cleanup_errors=True) as folder:
        return play_day(Path(os.path.realpath(folder)), make_day(seed, tasks), agents, arm)
