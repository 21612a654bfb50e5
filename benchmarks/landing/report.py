"""Tables, the demands and whether they are met, and where somebody else is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import NamedTuple

from figures import render_table
from landing.grid import OURS, RIVALS, Played
from landing.measure import Figures
from landing.world import Setting

MOST_OF_ORACLE = 1.3
MOST_RUNS = 0.85
LEAST_RECALL = 0.95
MOST_FALSE = 0.01


class Demand(NamedTuple):
    """One promise, the worst that was measured, and whether it holds."""

    words: str
    worst: str
    holds: bool


def check_demands(played: Sequence[Played]) -> list[Demand]:
    """The promises for one and two slots, over the cells that :func:`landing.grid.demanded` made."""
    rivals = [name for name in RIVALS if name.startswith(("bors", "zuul"))]
    one = [each for each in played if each.cell.setting.slots == 1 and each.cell.setting.rate == 5]
    flaky = [each for each in played if each.cell.setting.flake == 0.05]
    ours = [each.figures[OURS] for each in played]
    return [
        _at_most("P95 not above bors (4, 8, 16) and zuul: ratio to the best of them", 1.0, played, _to_best(rivals)),
        _at_most("P95 of the oracle without batches", MOST_OF_ORACLE, played, _to_best(["oracle"])),
        _at_most("runs per landed change, one slot, 5 changes/h", MOST_RUNS, one, lambda it: it[OURS].runs_per_landed),
        _pooled("precision of named sets", 1.0, [(each.precision, each.sets_named) for each in ours]),
        _pooled("recall of named sets", LEAST_RECALL, [(each.recall, each.sets_due) for each in ours]),
        _at_most("false bounces at 5 % flakes", MOST_FALSE, flaky, lambda it: it[OURS].false_bounces),
        _at_most("times that main was red", 0, played, lambda it: it[OURS].main_red),
    ]


def _to_best(names: Sequence[str]) -> Callable[[dict[str, Figures]], float]:
    return lambda it: (it[OURS].p95 or 0) / min(it[name].p95 or 1 for name in names)


def _at_most(words: str, most: float, played: Sequence[Played], value: Callable[[dict[str, Figures]], float]) -> Demand:
    worst = max(played, key=lambda each: value(each.figures))
    found = value(worst.figures)
    return Demand(f"{words}: at most {most:g}", f"{found:.3g} ({name_of(worst.cell.setting)})", found <= most)


def _pooled(words: str, least: float, parts: Sequence[tuple[float | None, int]]) -> Demand:
    total = sum(count for _, count in parts)
    hits = round(sum((share or 0) * count for share, count in parts))
    share = hits / total if total else 0.0
    return Demand(f"{words}: at least {least:g}", f"{share:.3f} ({hits}/{total})", share >= least)


def name_of(setting: Setting) -> str:
    """What is special about a world."""
    values = asdict(setting)
    special = [each for each in fields(Setting) if each.name not in ("rate", "slots", "changes", "flake")]
    extra = [f"{each.name} {values[each.name]}" for each in special if values[each.name] != each.default]
    return ", ".join([f"{setting.rate:g}/h", f"{setting.slots} slots", f"{100 * setting.flake:g} % flakes", *extra])


COLUMNS = "arm P50 P95 P99 decided95 /oracle landed/h runs min stopped% false% prec recall toname red over".split()


def render_cell(played: Played) -> str:
    """All arms of a cell, one a line."""
    oracle = played.figures["oracle"].p95 or 1.0
    rows = [[name, *_cells(each, oracle)] for name, each in played.figures.items()]
    return f"\n{name_of(played.cell.setting)}\n{render_table(COLUMNS, rows)}"


def _cells(it: Figures, oracle: float) -> list[str]:
    return [
        *(_number(each, 0) for each in (it.p50, it.p95, it.p99, it.decided_p95)),
        _number(it.p95 / oracle if it.p95 is not None else None, 2),
        _number(it.landed_per_hour, 1),
        _number(it.runs_per_landed, 2),
        _number(it.slot_minutes_per_landed, 1),
        _number(100 * it.stopped, 0),
        _number(100 * it.false_bounces, 2),
        _number(it.precision, 2),
        _number(it.recall, 2) if it.sets_named else "-",
        _number(it.runs_to_name, 1),
        str(it.main_red),
        str(it.passed_over),
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def find_losses(played: Sequence[Played]) -> Iterator[str]:
    """Where a rival's P95 is better by more than a twentieth."""
    for each in played:
        ours = each.figures[OURS]
        better = {
            name: round(figures.p95)
            for name, figures in each.figures.items()
            if name in RIVALS and figures.p95 is not None and ours.p95 is not None and figures.p95 * 1.05 < ours.p95
        }
        if better:
            best = min(better, key=lambda name: better[name])
            others = f", and {len(better) - 1} more" if len(better) > 1 else ""
            yield f"{name_of(each.cell.setting)}: P95 {ours.p95:.0f}, {best} {better[best]}{others}"


def document(played: Sequence[Played]) -> list[dict[str, object]]:
    """Every figure of every arm, for the file."""
    return [
        {
            "setting": asdict(each.cell.setting),
            "seeds": list(each.cell.seeds),
            "arms": {name: figures.document() for name, figures in each.figures.items()},
        }
        for each in played
    ]
