"""Draws pairs that Watchkeeper spoke up about, for a person to judge: the same ones every time.

``python benchmarks/judge_sample.py FILE...``: files written by ``natural_pairs.py --reports`` and ``replay_noise.py
--reports``. One report of each pair counts, the gravest. The verdicts are a person's: wanted, not wanted, unclear.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.cli.documents import conflict_document
from watchkeeper.model.conflicts import Conflict

SEED = 20261125


def render_reports(heads: Sequence[str], conflicts: Sequence[Conflict]) -> str:
    """What was told of a pair, the gravest first, as one line of JSON."""
    told = sorted(conflicts, key=lambda conflict: (-conflict.severity.rank, conflict.rule, conflict.subjects))
    return msgspec.json.encode({"heads": list(heads), "reports": [conflict_document(each) for each in told]}).decode()


def main() -> int:
    """Prints the sample: repository, the two heads, the report and its evidence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--clean", type=int, default=15, metavar="N", help="pairs that git merges cleanly (15)")
    parser.add_argument("--textual", type=int, default=5, metavar="N", help="pairs that git stops at (5)")
    options = parser.parse_args()
    drawn = _draw(options.files, options.clean, options.textual)
    for number, (name, heads, report) in enumerate(drawn, start=1):
        print(f"{number}. {name} {heads[0]} {heads[1]}")
        print(f"   {report['severity']} {report['rule']}: {report['summary']} ({report['why']})")
        for item in report["evidence"][:4]:
            print(f"   {item['change'][:12]} {item['path']}:{item['line']}: {item['text'][:110]}")
    return 0


def _draw(files: Sequence[Path], most_clean: int, most_textual: int) -> list[tuple[str, list[str], dict[str, Any]]]:
    clean, textual = [], []
    for file in sorted(files, key=lambda path: path.stem):
        for line in file.read_text().splitlines():
            told = json.loads(line)
            stopped = any(report["rule"] == "text" for report in told["reports"])
            (textual if stopped else clean).append((file.stem, told["heads"], told["reports"][0]))
    choose = random.Random(SEED)
    return [
        *choose.sample(sorted(clean, key=lambda each: each[1]), min(most_clean, len(clean))),
        *choose.sample(sorted(textual, key=lambda each: each[1]), min(most_textual, len(textual))),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
