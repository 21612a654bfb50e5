"""The landing queue beside others, in virtual time. ``--quick``: only the cells that something is promised for.

The promises are checked either way; one that does not hold makes the exit status 1.
"""

from __future__ import annotations

import argparse
import sys
import time

from figures import record_figures, render_table
from landing.grid import Cell, Played, demanded, loads, play_all, variations
from landing.report import check_demands, document, find_losses, render_cell

WORKERS = 2


def main() -> int:
    """Plays, prints, records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what something is promised for; nothing is written")
    parser.add_argument("--seeds", type=int, default=8, help="worlds for each cell that something is promised for")
    arguments = parser.parse_args()
    began = time.perf_counter()
    promised = list(demanded(range(1, arguments.seeds + 1), changes=400))
    others = [] if arguments.quick else [*loads((1,), changes=200), *variations((1,), changes=200)]
    played = list(_show([*promised, *others]))
    demands = check_demands(played[: len(promised)])
    losses = list(find_losses(played))
    print(f"\nWhere another queue's P95 is better by more than a twentieth: {len(losses)} of {len(played)} cells")
    print("\n".join(f"  {each}" for each in losses))
    rows = [("PASS" if each.holds else "FAIL", each.words, each.worst) for each in demands]
    print(f"\n{render_table(('', 'promise', 'worst'), rows)}")
    took = round(time.perf_counter() - began, 1)
    print(f"seeds 1 to {arguments.seeds} where something is promised, else 1; {took} s")
    if not arguments.quick:
        promises = [each._asdict() for each in demands]
        figures = {"wall_s": took, "promises": promises, "losses": losses, "cells": document(played)}
        print(record_figures("landing", figures, command="make bench-landing"))
    return 0 if all(each.holds for each in demands) else 1


def _show(cells: list[Cell]) -> list[Played]:
    found = []
    for played in play_all(cells, WORKERS):
        print(render_cell(played), flush=True)
        found.append(played)
    return found


if __name__ == "__main__":
    sys.exit(main())
