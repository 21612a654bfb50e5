"""Does prevention pay? The figures of ``watchkeeper experiment``, kept in ``results/experiment.json``.

Real repository, edits, merges, analysis and checks; simulated clock and agents.
"""

from __future__ import annotations

import time

from figures import record_figures
from watchkeeper.cli.experiment import answer, document, play_all, summarise, table

DAYS, AGENTS, TASKS = 3, 6, 60


def main() -> None:
    """Plays the days, prints the table and records the figures."""
    began = time.perf_counter()
    played = play_all(range(1, DAYS + 1), AGENTS, TASKS)
    spans = {arm: summarise([each for each in played if each.arm == arm]) for arm in ("alone", "notices", "leases")}
    print("\n".join([*table(spans), answer(spans)]))
    took = round(time.perf_counter() - began, 1)
    print(record_figures("experiment", {"wall_s": took, **document(AGENTS, TASKS, played, spans)}))


if __name__ == "__main__":
    main()
