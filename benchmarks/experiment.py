"""Does prevention pay? The figures of ``watchkeeper experiment --vary``, kept in ``results/experiment.json``.

Real repository, edits, merges, analysis and checks; simulated clock and agents.
"""

from __future__ import annotations

import time

from figures import record_figures
from watchkeeper.cli.experiment import report
from watchkeeper.experiment.playing import Setting, document, play_days, vary

DAYS, TASKS = 10, 40


def main() -> None:
    """Plays the days, prints the tables and records the figures."""
    began = time.perf_counter()
    setting = Setting(tuple(range(1, DAYS + 1)), tasks=TASKS)
    played = play_days(setting)
    record_figures("experiment", document(setting, played, ()))
    rows = vary(setting, played)
    print("\n".join(report(setting, played, rows)))
    took = round(time.perf_counter() - began, 1)
    print(record_figures("experiment", {"wall_s": took, **document(setting, played, rows)}))


if __name__ == "__main__":
    main()
