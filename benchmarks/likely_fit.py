"""Fits the table of weights of the likely footprint to one project's past, and writes it.

    python benchmarks/likely_fit.py --repository PATH --since 2020-09-01 --until 2024-01-01

Only changes that landed before ``--until`` are used: what is measured later is not known here. The weights are those
of logistic regressions, so that a likelihood is a frequency. Run it twice: the second look is at candidates that the
first table chose.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from likely_history import read_history
from likely_replay import issue_of, replay
from scratch import ROOT
from watchkeeper.fleet import likely, likely_weights
from watchkeeper.fleet.evidence import ask, file_candidates, symbol_candidates, together_with

TABLE = ROOT / "src" / "watchkeeper" / "fleet" / "likely_weights.py"
_ROUNDS = 12
_RIDGE = 1.0
_EVERY = 3  # of what was not touched every third is taken, and counts three times

Row = tuple[tuple[float, ...], float, float]
"""Evidence, whether it was touched, and how often the row counts."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--since", default="2020-09-01")
    parser.add_argument("--until", default="2024-01-01")
    options = parser.parse_args()
    first, files, symbols = _rows(options.repository, options.since, options.until)
    tables = {"FILE_FIRST": fit(first), "FILE": fit(files), "SYMBOL": fit(symbols)}
    lines = [
        line for line in TABLE.read_text().splitlines() if not line.startswith(tuple(f"{name} = " for name in tables))
    ]
    at = lines.index("HUB_SHARE = " + repr(likely_weights.HUB_SHARE))
    told = [f"{name} = ({', '.join(f'{weight:.3f}' for weight in table)})" for name, table in tables.items()]
    TABLE.write_text("\n".join([*lines[:at], *told, *lines[at:]]) + "\n")
    print("\n".join(told))


def _rows(clone: Path, since: str, until: str) -> tuple[list[Row], list[Row], list[Row]]:
    first: list[Row] = []
    files: list[Row] = []
    symbols: list[Row] = []
    for asked in replay(clone, read_history(clone, since, until)):
        atlas, past = asked.survey.atlas, asked.survey.past
        for with_note in (False, True) if asked.landed.note or asked.landed.body else (False,):
            question = ask(issue_of(asked.landed, with_note=with_note), atlas, past)
            candidates = file_candidates(question, atlas, past)
            early = {e.key.path: likely.probability(likely_weights.FILE_FIRST, e.numbers) for e in candidates}
            pulled = together_with(early, past)
            late = {}
            for each in candidates:
                path, hit = each.key.path, each.key.path in asked.truth.files
                numbers = (*each.numbers, pulled.get(path, 0.0))
                late[path] = likely.probability(likely_weights.FILE, numbers)
                first.append((each.numbers, float(hit), 1.0))
                files.append((numbers, float(hit), 1.0))
            found = symbol_candidates(question, likely.looked_into(late), atlas, past)
            rows = ((each.numbers, each.key in asked.truth.symbols) for each in found)
            symbols += [
                (n, float(hit), 1.0 if hit else _EVERY) for i, (n, hit) in enumerate(rows) if hit or i % _EVERY == 0
            ]
    return first, files, symbols


def fit(rows: Sequence[Row]) -> list[float]:
    """The weights of a logistic regression with a constant, by Newton's method."""
    width = len(rows[0][0]) + 1
    weights = [0.0] * width
    for _ in range(_ROUNDS):
        gradient = [-_RIDGE * w if i else 0.0 for i, w in enumerate(weights)]
        hessian = [[_RIDGE * (i == j) for j in range(width)] for i in range(width)]
        for numbers, touched, count in rows:
            x = (1.0, *numbers)
            chance = 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(map(_times, weights, x))))))
            error, spread = count * (touched - chance), count * chance * (1 - chance)
            for i, one in enumerate(x):
                if one:
                    gradient[i] += error * one
                    row, scaled = hessian[i], spread * one
                    for j in range(i + 1):
                        row[j] += scaled * x[j]
        step = _solve(_mirrored(hessian), gradient)
        weights = [w + s for w, s in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-4:
            break
    return weights


def _times(one: float, two: float) -> float:
    return one * two


def _mirrored(matrix: list[list[float]]) -> list[list[float]]:
    return [[matrix[max(i, j)][min(i, j)] for j in range(len(matrix))] for i in range(len(matrix))]


def _solve(matrix: list[list[float]], right: Iterable[float]) -> list[float]:
    """Gauss with pivots."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, size):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    found = [0.0] * size
    for i in reversed(range(size)):
        found[i] = (rows[i][-1] - sum(rows[i][j] * found[j] for j in range(i + 1, size))) / rows[i][i]
    return found


if __name__ == "__main__":
    main()
