"""How many references of a real project are resolved, by language.

    python benchmarks/resolution.py [FOLDER ...] [--samples 40]

For every source file below each folder (Django's and rxjs's published sources where none is given): every reference is
followed, and counted as resolved (to a symbol of the project), outside (a builtin or another package), ambiguous
(several definitions of that name), unknown receiver (an attribute of something whose type nobody says) or unresolved.
``--samples`` shows that many random references of each class that is not understood.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from figures import record_figures
from sources import python_project, typescript_projects
from watchkeeper.code.languages import find_language
from watchkeeper.code.resolution import UNKNOWN, Outcome
from watchkeeper.code.resolve import Resolver
from watchkeeper.conflicts.of_trees import index_of

SKIPPED = frozenset({"node_modules", ".git", "dist", "__pycache__"})
CONFIGURATION = frozenset({"package.json", "tsconfig.json", "jsconfig.json"})
SMALLEST = 20_000
SEED = 20260101


class Missed(NamedTuple):
    """A reference that was not understood."""

    outcome: str
    place: str
    chain: tuple[str, ...]
    text: str


class Measured(NamedTuple):
    """What one language's files of a project gave."""

    row: dict
    missed: list[Missed]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--samples", type=int, default=0)
    options = parser.parse_args(arguments)
    figures = {}
    for folder in options.folders or [python_project(), *typescript_projects()]:
        for language, (row, missed) in measure(folder).items():
            figures[f"{folder.name}/{language}"] = row
            print_row(folder.name, language, row)
            for sample in sampled(missed, options.samples):
                print(f"    {sample.outcome:16} {'  '.join(sample.chain)}\n        {sample.place}: {sample.text}")
    record_figures("resolution", figures)
    return 0


def print_row(name: str, language: str, row: dict) -> None:
    shares = ", ".join(f"{what} {count:,} ({count / row['references']:.1%})" for what, count in row["by"].items())
    print(f"{name:20} {language:12} {row['lines']:>9,} lines  {row['references']:>9,} references: {shares}")
    if row["lines"] < SMALLEST:
        print(f"    (fewer than {SMALLEST:,} lines: too small to say much)")


def measure(root: Path) -> dict[str, Measured]:
    """Counts by language; unresolved ones whose receiver is unknown are told apart from names nobody defines."""
    sources = {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not SKIPPED & set(path.relative_to(root).parts) and is_read(path)
    }
    index = index_of(sources)
    resolver = Resolver(index)
    found: dict[str, Measured] = {}
    for path, source in sources.items():
        language = find_language(path)
        if language is None:
            continue
        empty = {"lines": 0, "files": 0, "references": 0, "by": Counter(), "seconds": 0.0}
        row, missed = found.setdefault(language.name, Measured(empty, []))
        row["lines"] += source.count(b"\n")
        row["files"] += 1
        outcomes = list(follow(path, source, resolver, row))
        row["references"] += len(outcomes)
        row["by"].update(each.outcome for each in outcomes)
        missed += (each for each in outcomes if each.outcome not in ("resolved", "outside"))
    return {
        name: Measured({**row, "by": dict(row["by"].most_common()), "seconds": round(row["seconds"], 2)}, missed)
        for name, (row, missed) in found.items()
    }


def is_read(path: Path) -> bool:
    return find_language(path.name) is not None or path.name in CONFIGURATION


def follow(path: str, source: bytes, resolver: Resolver, row: dict) -> Iterator[Missed]:
    """Every reference of a file with its outcome."""
    language = find_language(path)
    reading = language.read(source, bodies=True)
    lines = source.split(b"\n")
    for symbol in reading.symbols:
        for reference in symbol.references:
            started = time.perf_counter()
            found = resolver.resolve(path, symbol.qualname, reference.chain, reference.form)
            row["seconds"] += time.perf_counter() - started
            blind = found.outcome is Outcome.UNRESOLVED and is_blind(resolver, path, symbol.qualname, reference.chain)
            outcome = "unknown receiver" if blind else found.outcome.value
            text = lines[reference.line - 1].decode(errors="replace").strip() if reference.line <= len(lines) else ""
            yield Missed(outcome, f"{path}:{reference.line}", reference.chain, text[:120])


def is_blind(resolver: Resolver, path: str, holder: str, chain: tuple[str, ...]) -> bool:
    """Whether nothing is known of the thing whose attribute is asked for."""
    return chain[0] == "?" or (len(chain) > 1 and resolver.resolve(path, holder, chain[:-1]).value == UNKNOWN)


def sampled(missed: list[Missed], count: int) -> list[Missed]:
    """``count`` of each class, always the same ones."""
    dice = random.Random(SEED)
    by_class: dict[str, list[Missed]] = {}
    for each in missed:
        by_class.setdefault(each.outcome, []).append(each)
    return [each for some in by_class.values() for each in dice.sample(some, min(count, len(some)))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
