"""The check ``tree``: the project's own rules over syntax trees, one look for each dimension. Needs no program."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache

from watchkeeper.sandbox.job import Cancel
from watchkeeper.scouts.checks.port import Ground, Looked, Runs, could_not_look, looked, not_applicable
from watchkeeper.scouts.rules.reading import Reading, missed, read_tree
from watchkeeper.scouts.rules.registry import rules_of

NAME = "tree"
_MOST_NAMED = 8


class TreeCheck:
    """Runs the rules of one dimension over all files of a tree."""

    name = NAME

    def __init__(self, dimension: str) -> None:
        self.dimension = dimension

    def look(self, ground: Ground, runs: Runs, cancel: Cancel) -> Looked:  # noqa: ARG002 it starts no program
        """Looks at every file that a rule can read. A file that cannot be read is named, never passed over."""
        rules = rules_of(self.dimension)
        if not rules:
            return not_applicable(NAME, f"no rule over syntax trees is of the dimension {self.dimension}")
        if unproven := _missed(self.dimension):
            return could_not_look(NAME, f"{NAME}: planted faults were not told from their twins: {', '.join(unproven)}")
        reading = read_tree(ground.files, ground.read, rules, cancel.is_set)
        if cancel.is_set():
            return could_not_look(NAME, f"{NAME}: stopped after {reading.files} files", reading.found)
        if not (reading.files or reading.broken):
            return not_applicable(NAME, f"no file that a rule of the dimension {self.dimension} can read")
        if reading.broken:
            return could_not_look(NAME, _unread(reading), reading.found)
        proof = (
            f"{len(rules)} planted faults found and their {len(rules)} innocent twins passed, all files read to the end"
        )
        return looked(NAME, reading.found, what=_what(reading, len(rules)), proof=proof)


@cache
def _missed(dimension: str) -> tuple[str, ...]:
    """Once a process: neither the rules nor what is planted for them changes."""
    return missed(rules_of(dimension))


def _unread(reading: Reading) -> str:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return (
        f"{NAME}: {len(reading.broken)} of {reading.files} files could not be read whole "
        f"(Python as {python}): {_named(reading.broken)}. Mend them, or leave them out with `ignore` in .scout.toml"
    )


def _what(reading: Reading, rules: int) -> str:
    text = f"{reading.files} files, {rules} rules"
    return f"{text}; left out: {_named(reading.left_out)}" if reading.left_out else text


def _named(files: Sequence[str]) -> str:
    more = len(files) - _MOST_NAMED
    return ", ".join(files[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
