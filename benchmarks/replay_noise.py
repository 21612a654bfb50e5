"""How often ``watchkeeper replay`` speaks up about a repository's own past, beside the usual "same file" alarm.

``python benchmarks/replay_noise.py CLONE [--merges N] [--reports FILE]``: CLONE is only read. Nobody has labelled these
pairs: nearly all of them were fine, so what is counted is alarms, not hits. ``--reports`` keeps what was told of each
pair as one line of JSON, for a person to judge (``judge_sample.py``).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from figures import record_figures, render_share, render_table, wilson
from judge_sample import render_reports
from natural_pairs import name_of
from watchkeeper.app import find_place, replay
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.watch.replay import ReplayReport

_LEVELS = (Severity.MINOR, Severity.MAJOR, Severity.BLOCKING)


def main() -> int:
    """Prints alarms per pair, writes ``results/replay-NAME.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, metavar="CLONE")
    parser.add_argument("--merges", type=int, default=500, metavar="N", help="the last N merges (500)")
    parser.add_argument(
        "--reports", type=Path, metavar="FILE", help="write what was told, a line of JSON for each pair"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watchkeeper-replay-") as home:
        try:
            report = replay(find_place(options.clone, {"WATCHKEEPER_HOME": home}), merges=options.merges)
        except WatchkeeperError as fault:
            raise SystemExit(f"{options.clone}: {fault}") from fault
    if options.reports:
        options.reports.write_text("".join(f"{line}\n" for line in _reports(report)))
    pairs = len(report.pairs)
    counts = _count(report)
    print(render_table(["told", "pairs"], [[label, render_share(count, pairs)] for label, count in counts.items()]))
    figures: dict[str, object] = {
        "changes": report.changes,
        "pairs": pairs,
        "skipped": report.skipped,
        "found_in": report.sort.value,
        "newest": max(report.pairs, key=lambda each: each.pair.later.position).pair.later.landing if pairs else None,
    }
    figures |= {label: [count, *wilson(count, pairs)] for label, count in counts.items()}
    figures["rules at major"] = dict(report.count_rules(Severity.MAJOR))
    record_figures(
        f"replay-{name_of(options.clone)}",
        figures,
        command=f"python benchmarks/replay_noise.py CLONE --merges {options.merges}",
    )
    return 0


def _count(report: ReplayReport) -> dict[str, int]:
    told = {f"{level.value} and above": report.count_at(level) for level in _LEVELS}
    return {"same file": report.count_same_file(), **told}


def _reports(report: ReplayReport) -> Iterator[str]:
    for each in report.pairs:
        told = tuple(c for c in each.conflicts if c.severity.rank >= Severity.MINOR.rank)
        if told:
            yield render_reports((each.pair.earlier.head, each.pair.later.head), told)


if __name__ == "__main__":
    raise SystemExit(main())
