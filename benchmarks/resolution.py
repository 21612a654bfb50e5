"""How many references of a real project are resolved, by language.

    python benchmarks/resolution.py FOLDER [FOLDER ...]

For every source file below each folder: every reference is followed, and counted as resolved (to a symbol of the
project), outside (a builtin or another package), ambiguous (several definitions of that name) or unresolved.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from figures import record_figures
from watchkeeper.code.languages import find_language
from watchkeeper.code.resolve import Resolver
from watchkeeper.conflicts.of_trees import index_of

SKIPPED = frozenset({"node_modules", ".git", "dist", "__pycache__"})
SMALLEST = 20_000


def main(folders: list[str]) -> int:
    if not folders:
        print(__doc__)
        return 2
    figures = {}
    for folder in folders:
        for language, row in measure(Path(folder)).items():
            figures[f"{Path(folder).name}/{language}"] = row
            shares = ", ".join(
                f"{name} {count:,} ({count / row['references']:.1%})" for name, count in row["by"].items()
            )
            print(
                f"{Path(folder).name:20} {language:12} {row['lines']:>9,} lines  "
                f"{row['references']:>9,} references: {shares}"
            )
            if row["lines"] < SMALLEST:
                print(f"    (fewer than {SMALLEST:,} lines: too small to say much)")
    record_figures("resolution", figures)
    return 0


def measure(root: Path) -> dict[str, dict]:
    """Counts by language; unresolved ones whose receiver is unknown are told apart from names nobody defines."""
    sources = {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not SKIPPED & set(path.parts) and find_language(path.name)
    }
    index = index_of(sources)
    resolver = Resolver(index)
    rows: dict[str, dict] = {}
    for path, source in sources.items():
        language = find_language(path)
        row = rows.setdefault(language.name, {"lines": 0, "files": 0, "references": 0, "by": Counter(), "seconds": 0.0})
        row["lines"] += source.count(b"\n")
        row["files"] += 1
        reading = language.read(source, bodies=True)
        started = time.perf_counter()
        for symbol in reading.symbols:
            for reference in symbol.references:
                found = resolver.resolve(path, symbol.qualname, reference.chain, reference.form)
                blind = found.outcome.value == "unresolved" and reference.chain[0] == "?"
                row["by"]["unknown receiver" if blind else found.outcome.value] += 1
                row["references"] += 1
        row["seconds"] += time.perf_counter() - started
    return {name: {**row, "by": dict(row["by"].most_common())} for name, row in rows.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
