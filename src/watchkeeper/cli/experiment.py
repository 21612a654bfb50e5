"""``watchkeeper experiment``: does prevention pay? The same days of scripted agents with and without being told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb

if TYPE_CHECKING:
    from watchkeeper.experiment.arms import Arm, Figures
    from watchkeeper.experiment.comparison import Difference, Span
    from watchkeeper.experiment.playing import Sensitivity, Setting

_TITLES = {
    "throughput": "tasks an hour",
    "lost": "lost, min",
    "rework": "  rework",
    "reading": "    reading",
    "waiting": "  waiting",
    "escapes": "escapes",
    "planted_escaped": "  of planted pairs",
    "seen": "  seen by analysis",
    "textual": "textual conflicts",
    "sent_back": "sent back by queue",
    "notices": "notices",
    "needless": "  needless",
    "put_off": "tasks put off",
    "expired": "leases that ended",
}
_WIDTH = 20


@verb(
    examples=("watchkeeper experiment", "watchkeeper experiment --days 3 --agents 12", "watchkeeper experiment --vary"),
    then="watchkeeper watch",
)
@click.option("--agents", type=click.IntRange(1, 32), default=6, show_default=True, help="How many work at once.")
@click.option("--tasks", type=click.IntRange(1, 500), default=60, show_default=True, help="How many tasks a day has.")
@click.option("--days", type=click.IntRange(2, 200), default=10, show_default=True, help="How many days are played.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The first of the days.")
@click.option(
    "--heeds", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="Chance that a notice is heeded."
)
@click.option("--planted/--no-planted", default=True, show_default=True, help="Plant one pair in ten tasks.")
@click.option("--vary", "is_varied", is_flag=True, help="Also with other chances, and without planted pairs.")
@json_option
def command(
    *, agents: int, tasks: int, days: int, seed: int, heeds: float, planted: bool, is_varied: bool, as_json: bool
) -> int:
    """Measure whether prevention pays: the same days of scripted agents alone, with notices, with leases, with a queue.

    Each day is played once in each arm, in temporary repositories and in simulated time: the repository, the edits, the
    merges, the analysis and the checks are real; the clock and the agents are not. Your own day cannot be played: the
    log has what collided, not what was typed. Takes minutes; no key, no server. Exit code 0.
    """
    from watchkeeper.experiment.arms import ASSUMPTIONS
    from watchkeeper.experiment.playing import PLANTED_IN, Setting, document, play_days, vary

    setting = Setting(tuple(range(seed, seed + days)), agents, tasks, heeds, PLANTED_IN if planted else 0)
    played = play_days(setting)
    rows = vary(setting, played) if is_varied else ()
    if as_json:
        show_document({**document(setting, played, rows), "assumptions": list(ASSUMPTIONS)})
    else:
        show([*report(setting, played, rows), "", *(f"- {each}" for each in ASSUMPTIONS)], "watchkeeper watch")
    return Exit.NOTHING


def report(setting: Setting, played: Sequence[Figures], rows: Sequence[Sensitivity]) -> Iterator[str]:
    """The figures for people: a table of the arms, the differences and what they say, and the other assumptions."""
    from watchkeeper.experiment.comparison import compare, summarise, verdict
    from watchkeeper.experiment.playing import QUESTIONS

    planted = f"one pair planted in {setting.planted_in} tasks" if setting.planted_in else "no pair planted"
    days = f"{len(setting.seeds)} days of {setting.tasks} tasks, {setting.agents} agents"
    yield f"{days}; {planted}; notices heeded with a chance of {setting.heeds:g}; mean (least to most) a day"
    yield ""
    yield from _table(summarise(played))
    yield ""
    yield "Differences of the same days: mean (95 % interval, each by itself)"
    for arm, against in QUESTIONS:
        found = compare(played, arm, against)
        yield f"{arm} less {against}: {_differences(found)}"
        yield f"  {verdict(arm, against, found)}"
    if rows:
        yield ""
        yield "notices less alone, where one assumption is another"
    for row in rows:
        said = f"heeded {row.heeds:g}, " + (f"one planted in {row.planted_in}" if row.planted_in else "none planted")
        yield f"{said}: {_differences(row.against_alone)}"


def _table(spans: Mapping[Arm, Mapping[str, Span]]) -> Iterator[str]:
    yield " " * _WIDTH + "".join(f"{arm:>{_WIDTH}}" for arm in spans)
    for name, title in _TITLES.items():
        digits = {"throughput": 2, "lost": 0, "rework": 0, "reading": 0, "waiting": 0}.get(name, 1)
        cells = [_cell(each[name], digits) for each in spans.values()]
        yield f"{title:<{_WIDTH}}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _cell(span: Span, digits: int) -> str:
    spread = 0 if digits < 2 else digits
    return f"{span.mean:.{digits}f} ({span.least:.{spread}f}-{span.most:.{spread}f})"


def _differences(found: Mapping[str, Difference]) -> str:
    words = (("escapes", "escapes", 1), ("lost", "lost min", 0), ("throughput", "tasks an hour", 2))
    return "; ".join(
        f"{title} {found[name].mean:+.{digits}f} ({found[name].low:+.{digits}f} to {found[name].high:+.{digits}f})"
        for name, title, digits in words
    )
