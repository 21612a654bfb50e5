"""How many decisions are found in a repository's own past, and how many of a judged sample really are some.

``python benchmarks/decisions_found.py CLONE [--commits N] [--sample FILE]``: CLONE is only read. Each of the last N
commits that is no merge is looked at as a landed change. ``--sample`` writes up to 12 of each kind, drawn with a fixed
seed, as lines of JSON for a person to judge; what he judged stands in ``benchmarks/data/decisions-judged.json`` by
project and id, with one word (``decision`` or ``noise``) and why. Precision counts judged ones alone.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from figures import record_figures, render_share, render_table, wilson
from natural_pairs import name_of
from scratch import ROOT
from watchkeeper.app import Analysis, find_place, open_analysis
from watchkeeper.conflicts.standing import State
from watchkeeper.controlroom.landings import LandedEntry, LandingReader
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.scope import ProjectSource
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.ids import ChangeId, Seq, Sha
from watchkeeper.model.incident_state import IncidentState
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.model.review import Decision
from watchkeeper.model.review_state import ReviewState
from watchkeeper.repos.history import Commit, read_log
from watchkeeper.review.decisions import find_decisions
from watchkeeper.review.looking import look_at

JUDGED = ROOT / "benchmarks" / "data" / "decisions-judged.json"
SEED = 7
_OF_EACH = 12


class _Looked(NamedTuple):
    commit: Commit
    decisions: tuple[Decision, ...]


def main() -> int:
    """Prints what was found and how much of it was right, writes ``results/decisions_found-NAME.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, metavar="CLONE")
    parser.add_argument("--commits", type=int, default=600, metavar="N", help="the last N commits (600)")
    parser.add_argument("--until", default="HEAD", metavar="REV", help="the newest commit that counts (HEAD)")
    parser.add_argument("--sample", type=Path, metavar="FILE", help="write a sample to judge, a line of JSON each")
    options = parser.parse_args()
    name, began = name_of(options.clone), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="watchkeeper-decisions-") as home:
        looked = list(_look(options.clone, options.commits, options.until, home))
    took = time.monotonic() - began
    if options.sample:
        options.sample.write_text("".join(f"{json.dumps(each)}\n" for each in _sample(looked)))
    known: Mapping[str, Mapping[str, str]] = json.loads(JUDGED.read_text()).get(name, {}) if JUDGED.exists() else {}
    figures = _count(looked, known)
    rows = [[kind, row["found"], _share(row)] for kind, row in figures["kinds"].items()]  # type: ignore[union-attr, attr-defined]
    print(render_table(["kind", "found", "of a judged sample decisions"], rows))
    print(f"{figures['found']} in {figures['commits']} commits, {took / max(len(looked), 1):.2f} s each")
    figures["seconds_a_commit"] = round(took / max(len(looked), 1), 3)
    figures["newest"] = looked[0].commit.sha if looked else None
    command = f"python benchmarks/decisions_found.py CLONE --commits {options.commits} --until {figures['newest']}"
    record_figures(f"decisions_found-{name}", figures, command=command)
    return 0


def _look(clone: Path, count: int, until: str, home: str) -> Iterator[_Looked]:
    place = find_place(clone, {"WATCHKEEPER_HOME": home})
    project = ProjectPicture(
        ProjectSource(name_of(clone), place), State(), FleetState(), LandingReader().picture(), IncidentState(),
        ReviewState(),
    )  # fmt: skip
    commits = read_log(place.repository, [place.repository.resolve(until)], limit=count * 2)
    with open_analysis(place) as analysis:
        for commit in [each for each in commits if len(each.parents) == 1][:count]:
            yield _Looked(commit, _decisions(project, analysis, commit))


def _decisions(project: ProjectPicture, analysis: Analysis, commit: Commit) -> tuple[Decision, ...]:
    change = ChangeId(commit.sha[:10])
    entry = Entry(
        EntryId(f"{change}/1"), change, commit.sha, commit.parents[0], title=commit.subject, author=commit.author,
        is_picked=True,
    )  # fmt: skip
    landed = LandedEntry(entry, commit.sha, Sha(commit.parents[0]), commit.committed_at, Seq(0), past_queue=True)
    try:
        return find_decisions(project.source.name, look_at(project.source.place, analysis, project, landed))
    except WatchkeeperError as fault:
        print(f"NOT LOOKED AT {commit.sha[:10]}: {fault.message}")
        return ()


def _sample(looked: list[_Looked]) -> Iterator[dict[str, object]]:
    by_kind: dict[str, list[tuple[Commit, Decision]]] = {}
    for each in looked:
        for decision in each.decisions:
            by_kind.setdefault(decision.kind.value, []).append((each.commit, decision))
    chosen = random.Random(SEED)
    for kind in sorted(by_kind):
        found = by_kind[kind]
        for commit, decision in chosen.sample(found, min(_OF_EACH, len(found))):
            yield {
                "kind": kind,
                "id": decision.id,
                "subject_of_commit": commit.subject,
                **msgspec.to_builtins(decision),
            }


def _count(looked: list[_Looked], judged: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    kinds: Counter[str] = Counter()
    right: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for decision in (decision for each in looked for decision in each.decisions):
        kinds[decision.kind.value] += 1
        word = judged.get(decision.id, {}).get("is", "")
        told[decision.kind.value] += bool(word)
        right[decision.kind.value] += word == "decision"
    rows = {
        kind: {
            "found": count,
            "judged": told[kind],
            "decisions": right[kind],
            "interval": wilson(right[kind], told[kind]),
        }
        for kind, count in kinds.most_common()
    }
    return {
        "commits": len(looked),
        "with_decisions": sum(1 for each in looked if each.decisions),
        "found": kinds.total(),
        "judged": told.total(),
        "decisions": right.total(),
        "precision": wilson(right.total(), told.total()),
        "kinds": rows,
    }


def _share(row: Mapping[str, int]) -> str:
    return render_share(row["decisions"], row["judged"]) if row["judged"] else "not judged"


if __name__ == "__main__":
    raise SystemExit(main())
