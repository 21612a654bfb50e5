"""How right the detector is on the published pairs and on every cross of their patches: ``make accuracy``.

Ends with 1 when a conflicting pair is not reported at ``minor`` or above, or the control is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from crosses import Cross, read_labels, write_labels
from detection import Detect, at_least, open_detector, render_worst, semantic
from figures import record_figures, render_share, render_table, wilson
from pairs import Pair, prepare_repositories, read_pairs
from watchkeeper.model.conflicts import Conflict, Severity


class Judged(msgspec.Struct, frozen=True):
    """A cross with what the detector said of it."""

    cross: Cross
    conflicts: tuple[Conflict, ...]

    def is_alarm(self, severity: Severity) -> bool:
        return bool(at_least(semantic(self.conflicts), severity))


def main() -> int:
    """Prints both tables, writes ``results/accuracy.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--relabel", action="store_true", help="make the labels of the crosses anew by running the tests"
    )
    options = parser.parse_args()
    pairs = read_pairs()
    repositories = prepare_repositories(pairs)
    if options.relabel:
        write_labels(pairs, repositories)
    with ExitStack() as stack:
        detectors = {name: stack.enter_context(open_detector(repo)) for name, repo in repositories.items()}
        wrong, pair_figures = _measure_pairs(pairs, detectors)
        cross_figures = _measure_crosses(detectors)
    path = record_figures("accuracy", {"pairs": pair_figures, "crosses": cross_figures})
    print(f"\nfigures: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 1 if wrong else 0


def _measure_pairs(pairs: tuple[Pair, ...], detectors: dict[str, Detect]) -> tuple[int, dict[str, object]]:
    rows, wrong, found = [], 0, 0
    for pair in pairs:
        conflicts = detectors[pair.package](*pair.branches, "main")
        reported = bool(at_least(conflicts, Severity.MINOR))
        found += reported and pair.conflicts
        wrong += reported != pair.conflicts
        verdict = "ok" if reported == pair.conflicts else "MISSED" if pair.conflicts else "FALSE ALARM"
        rows.append([pair.name, "conflict" if pair.conflicts else "control", *render_worst(conflicts), verdict])
    print(render_table(["pair", "truth", "severity", "rule", "subject", ""], rows))
    conflicting = sum(pair.conflicts for pair in pairs)
    print(f"\nfound at minor and above: {render_share(found, conflicting)}")
    return wrong, {"conflicting": conflicting, "found_at_minor": found, "wrong": wrong}


def _measure_crosses(detectors: dict[str, Detect]) -> dict[str, object]:
    judged = [Judged(c, detectors[c.package](c.one, c.other, "main")) for c in read_labels()]
    rows = [
        [
            f"{j.cross.one} x {j.cross.other}",
            j.cross.label,
            "yes" if j.cross.published else "",
            *render_worst(j.conflicts),
        ]
        for j in judged
    ]
    print("\n" + render_table(["cross", "label", "published", "severity", "rule", "subject"], rows) + "\n")
    counts = {label: sum(j.cross.label == label for j in judged) for label in _LABELS}
    figures: dict[str, object] = {"labels": counts}
    for name, some in (("all", judged), ("unpublished", [j for j in judged if not j.cross.published])):
        figures[name] = {s.value: _measure_at(name, s, some) for s in (Severity.MINOR, Severity.MAJOR)}
    print(f"labels: {', '.join(f'{count} {label}' for label, count in counts.items())}")
    return figures


_LABELS = ("conflict", "clean", "same edit", "textual")


def _measure_at(name: str, severity: Severity, judged: Sequence[Judged]) -> dict[str, object]:
    """Recall over true conflicts; false alarms over what is clean or the same edit. What git reports is neither."""
    true = [j for j in judged if j.cross.label == "conflict"]
    harmless = [j for j in judged if j.cross.label in {"clean", "same edit"}]
    hits, false = sum(j.is_alarm(severity) for j in true), sum(j.is_alarm(severity) for j in harmless)
    print(f"{name} crosses at {severity} and above: recall {render_share(hits, len(true))}, ", end="")
    print(f"false alarms {render_share(false, len(harmless))}")
    return {
        "recall": [hits, len(true)],
        "recall_interval": wilson(hits, len(true)),
        "false_alarms": [false, len(harmless)],
        "false_alarms_interval": wilson(false, len(harmless)),
    }


if __name__ == "__main__":
    raise SystemExit(main())
