"""The scenarios that a database watch has to tell, against real servers: found when, sides right, twin silent.

    python benchmarks/database_scenarios.py [--only 7 8a]

Each runs in a process of its own with a deadline, beside its negative twin, and the watch is as nobody has configured
it. A scenario that needs what is not installed is listed as skipped; ``in part`` are those of which something is not
done, which is named. Ends with 1 when anything that is not skipped is wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from time import monotonic

from figures import record_figures, render_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "packages" / "watchkeeper-tag" / "src"))
import scenario_client
import scenario_seed
import scenario_static
import scenario_waits
from dbwatching import own_server
from postgres import find_programs
from scenario_rows import Case, Found, run_case

CASES = (*scenario_seed.CASES, *scenario_client.CASES, *scenario_static.CASES, *scenario_waits.CASES)
_SETTINGS = {"max_connections": "200", "shared_preload_libraries": "pg_stat_statements"}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NUMBER", nargs="+", default=[], help="these, and no figures are kept")
    options = parser.parse_args(arguments)
    if find_programs() is None:
        print("SKIPPED: PostgreSQL is not installed; no scenario was run")
        return 0
    cases = sorted((each for each in CASES if not options.only or each.number in options.only), key=order)
    began = monotonic()
    results: list[tuple[Case, Found, float]] = []
    with own_server(**_SETTINGS) as server:
        for case in cases:
            started = monotonic()
            results.append((case, run_case(case, server), monotonic() - started))
            print(f"{case.number} {results[-1][1].verdict} {results[-1][2]:.1f} s", file=sys.stderr)
    print(
        render_table(
            ("no", "what", "found", "ms", "parties", "twin silent", "verdict", "note"),
            [cells(*each) for each in results],
        )
    )
    print(summary(results, monotonic() - began))
    if not options.only:
        print(record_figures("database_scenarios", figures(results, monotonic() - began)))
    return 1 if any(found.verdict == "wrong" for _, found, _ in results) else 0


def order(case: Case) -> tuple[int, str]:
    """By number, then letter."""
    number, letter = re.fullmatch(r"(\d+)([a-z]?)", case.number).groups()  # type: ignore[union-attr]
    return int(number), letter


def cells(case: Case, found: Found, _: float) -> tuple[str, ...]:
    if found.skipped:
        return case.number, case.what, "-", "-", "-", "-", "skipped", found.skipped
    note = "; ".join(filter(None, (found.note, found.lacks and f"NOT DONE: {found.lacks}")))
    told = found.kind if found.is_found else f"{found.kind or 'nothing'} (WRONG)"
    ms = "-" if found.ms is None else f"{found.ms:.0f}"
    return case.number, case.what, told, ms, word(found.parties), word(found.is_silent), found.verdict, note


def word(answer: bool | None) -> str:
    return "not asked" if answer is None else "yes" if answer else "NO"


def summary(results: list[tuple[Case, Found, float]], seconds: float) -> str:
    verdicts = [found.verdict for _, found, _ in results]
    counts = ", ".join(f"{verdicts.count(each)} {each}" for each in ("right", "in part", "wrong", "skipped"))
    scenarios = {order(case)[0] for case, _, _ in results}
    waits = sorted(found.ms for _, found, _ in results if found.ms is not None)
    spread = (
        f"; told after {waits[len(waits) // 2]:.0f} ms (median of {len(waits)}), {waits[-1]:.0f} ms at most"
        if waits
        else ""
    )
    return f"{len(scenarios)} scenarios in {len(results)} lines: {counts}{spread}; {seconds:.0f} s in all"


def figures(results: list[tuple[Case, Found, float]], seconds: float) -> dict[str, object]:
    rows = []
    for case, found, took in results:
        ms = None if found.ms is None else round(found.ms, 1)
        rows.append(
            {
                "number": case.number,
                "what": case.what,
                **found._asdict(),
                "ms": ms,
                "verdict": found.verdict,
                "seconds": round(took, 1),
            }
        )
    return {"summary": summary(results, seconds), "rows": rows}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
