"""Figures with what is needed to believe them: tree, machine, command; and the arithmetic of small samples."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scratch import ROOT, GitFailedError, git

RESULTS = ROOT / "benchmarks" / "results"


def record_figures(name: str, figures: Mapping[str, object], *, command: str = "") -> Path:
    """Writes ``benchmarks/results/NAME.json`` and returns its path. ``command`` is what makes them anew."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {
        "command": command or f"python benchmarks/{name}.py",
        "date": datetime.now(UTC).date().isoformat(),
        "tree": _tree(),
        "machine": {
            "cpus": os.cpu_count(),
            "system": platform.system(),
            "arch": platform.machine(),
            "python": sys.version.split()[0],
        },
        "figures": figures,
    }
    path.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n")
    return path


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion; (0, 1) for an empty sample."""
    if total == 0:
        return (0.0, 1.0)
    z = 1.959964
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return (max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def render_share(hits: int, total: int) -> str:
    """``7/9 = 77.8 % [45.3, 93.7]``."""
    low, high = wilson(hits, total)
    share = 100 * hits / total if total else 0.0
    return f"{hits}/{total} = {share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def render_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns padded to their widest cell."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _tree() -> str:
    """The id of the product's tree, and whether there are edits on top of it."""
    try:
        tree = git(ROOT, "rev-parse", "HEAD:src").strip()
        dirty = git(ROOT, "status", "--porcelain", "--", "src").strip()
    except GitFailedError:
        return "unknown"
    return f"{tree} with uncommitted edits" if dirty else tree
