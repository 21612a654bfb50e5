"""Both sides of real hangs, traced: how often the right line comes first, and how often it is among those told.

    python benchmarks/attribution.py [--only V3]

Each of the arrangements of ``tests/lock_variants.py`` that hang is taken apart into two agents' branches, merged and
deployed in a real repository, whose branch then moves on; it hangs on a real PostgreSQL server, and the watch's own
look at the server is what is traced. ``seed`` is the application alone; in ``crowd`` the other arrangements
stand in the project as well: they write the same tables with the same statements in functions of their own, and without
tags cannot be told from the one that hangs but by what is newer. They are nobody's: no agent may be named for them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from figures import record_figures, render_table
from scratch import ROOT

sys.path.insert(0, str(ROOT / "tests"))
from dbwatching import OwnServer, own_server
from lock_variants import VARIANTS, Variant
from tracingscene import STAGES, Deployed, deploy, record, stages
from watchkeeper.app import find_place, now, open_log
from watchkeeper.lockwatch.tracing import open_tracing
from watchkeeper.model.ids import Sha
from watchkeeper.model.incidents import Incident, Origin, RevisionDeployed, Role

WAYS = ("journal", "tag", "untagged")
SCENES = ("seed", "crowd")
HELD = {
    "V1": "content.current_stage = value", "V3": "content.current_stage = value", "V8": "session.add(ContentStage(",
    "V10": "with_for_update=True", "V12": "content.current_stage = value", "V13": "session.add(Slot(",
    "V14": "pg_advisory_xact_lock", "V15": "session.get(Content, content_id)",
}  # fmt: skip
WAITED = {"V12": "pool.submit"}
"""The text of the line that is to be named; of the waiter else the second connection's ``conn.execute``."""


class Row(NamedTuple):
    """What came of one side of one hang."""

    scene: str
    way: str
    variant: str
    side: str
    ms: float
    first: bool = False
    told: bool = False
    agent: bool = False  # no agent is named who has nothing to do with it
    sure: bool = False  # what comes first has at least half of the weight of all that fit
    places: int = 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", default="", help="one arrangement, and no figures are kept")
    options = parser.parse_args(arguments)
    variants = [each for each in VARIANTS if each.hangs and options.only in ("", each.name)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, own_server() as server:
        os.environ["WATCHKEEPER_HOME"] = str(Path(folder) / "home")
        for scene in SCENES:
            for variant in variants:
                rows += measure(server, Path(folder) / scene / variant.name, variant, scene)
    figures: dict[str, object] = {}
    table = []
    for scene in SCENES:
        sums = {way: summed([row for row in rows if (row.scene, row.way) == (scene, way)]) for way in WAYS}
        figures[scene] = sums
        for way in WAYS:
            cells = [sums[way][side][what] for side in ("holder", "waiter") for what in ("first", "told", "sure")]
            table.append((scene, way, *map(shown, cells)))
    said = [f"{side} {what}" for side in ("holder", "waiter") for what in ("first", "told", "sure")]
    print(render_table(("scene", "known by", *said), table))
    for row in rows:
        if not row.first:
            print(f"not first: {row.scene} {row.way} {row.variant} {row.side}" + ("" if row.told else ", and not told"))
    if not options.only:
        figures["hangs"] = [each.name for each in variants]
        figures["rows"] = [row._asdict() for row in rows]
        print(record_figures("attribution", figures))
    return 0


def measure(server: OwnServer, folder: Path, variant: Variant, scene: str) -> list[Row]:
    """Both sides of one arrangement, by each way."""
    deployed = deploy(folder / "repo", variant, beside=crowd(variant) if scene == "crowd" else {})
    place = find_place(folder / "repo", os.environ)
    rows: list[Row] = []
    with open_log(place.home) as log:
        log.append(place.project, [RevisionDeployed("production", Sha(deployed.revision), "bench")], now())
        with open_tracing(place, log) as tracing:
            for way in WAYS:
                (folder / way).mkdir()
                seen = record(server, deployed, folder / way, way)
                began = perf_counter()
                traced = tracing.trace_now(seen.incident, seen.journals)
                ms = (perf_counter() - began) * 1000
                sides = [Row(scene, way, variant.name, side, ms) for side in ("holder", "waiter")]
                rows += [judge(deployed, traced, each) for each in sides]
    return rows


def judge(deployed: Deployed, traced: Incident, row: Row) -> Row:
    """Whether the wanted line of the right agent comes first, or at all."""
    origins = next(each for each in traced.parties if each.role is Role(row.side)).attribution.origins
    wanted = HELD[row.variant] if row.side == "holder" else WAITED.get(row.variant, "conn.execute(")
    commit = deployed.a if row.side == "holder" else deployed.b

    def is_right(origin: Origin) -> bool:
        return origin.path == STAGES and wanted in origin.code and origin.commit == commit

    agent = f"agent-{'a' if row.side == 'holder' else 'b'}"
    return row._replace(
        first=bool(origins) and is_right(origins[0]),
        told=any(map(is_right, origins)),
        agent=all(each.agent in ("", agent) for each in origins),
        sure=bool(origins) and origins[0].confidence >= 0.5,
        places=len(origins),
    )


def crowd(variant: Variant) -> dict[str, str]:
    """Every other arrangement with a second connection, the same read in the middle, in a module of its own."""
    found = {}
    for each in VARIANTS:
        if each.name != variant.name and has_second(each):
            name = each.name.lower()
            found[f"engine/a_{name}.py"] = stages(each, a=True, b=True).replace("update_stage", f"{name}_stage")
    return found


def has_second(variant: Variant) -> bool:
    return any("engine.begin()" in each or "pool.submit" in each for each in variant.statements)


def summed(rows: list[Row]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for side in ("holder", "waiter"):
        own = [row for row in rows if row.side == side]
        found[side] = {
            what: [sum(getattr(row, what) for row in own), len(own)] for what in ("first", "told", "sure", "agent")
        }
    spent = sorted(row.ms for row in rows)
    found["ms"] = {"median": round(spent[len(spent) // 2], 1), "max": round(spent[-1], 1)}
    return found


def shown(counts: object) -> str:
    hits, total = counts  # type: ignore[misc]
    return f"{hits}/{total}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
