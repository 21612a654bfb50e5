"""Golden cases: one readable file each, that holds a rule, a base, two changes and the conflicts expected of them.

    The rule, in one sentence.

    --- base: engine/stages.py
    ...whole text...
    --- A: engine/stages.py
    ...whole text; only files that A changes...
    --- B: engine/old.py (deleted)
    === expected
    major write-write engine.stages:update_stage_field

Expected lines are ``severity kind subject``, the loudest first, or ``nothing``. ``pytest --update tests/golden``
rewrites them; the diff is for people to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from watchkeeper.conflicts.of_trees import conflicts_of_trees
from watchkeeper.model.conflicts import Conflict

_SECTION = re.compile(r"--- (base|A|B): (\S+)( \(deleted\))?")
_EXPECTED = "=== expected"
NOTHING = "nothing"


class Case(msgspec.Struct, frozen=True):
    """A parsed case: files by path; a side's None means that it deletes the file."""

    rule: str
    base: dict[str, str]
    sides: dict[str, dict[str, str | None]]
    expected: tuple[str, ...]


def parse_case(text: str) -> Case:
    """Reads a case. Raises ValueError where it is not one."""
    body, marker, expected = text.partition(f"\n{_EXPECTED}\n")
    if not marker:
        raise ValueError(f"no line {_EXPECTED!r}")
    rule: list[str] = []
    files: dict[str, dict[str, list[str] | None]] = {"base": {}, "A": {}, "B": {}}
    current: list[str] = rule
    for line in body.split("\n"):
        section = _SECTION.fullmatch(line)
        if section is None:
            current.append(line)
            continue
        owner, path, deleted = section.groups()
        current = []
        files[owner][path] = None if deleted else current
    texts = {owner: {path: _text(lines) for path, lines in found.items()} for owner, found in files.items()}
    base = {path: text for path, text in texts.pop("base").items() if text is not None}
    return Case(" ".join(rule).strip(), base, texts, tuple(line for line in expected.split("\n") if line))


def analyse(case: Case) -> tuple[Conflict, ...]:
    """All conflicts between the case's two changes, by the whole pipeline in memory."""
    base = {path: text.encode() for path, text in case.base.items()}
    sides = {
        name: {path: text.encode() if text is not None else None for path, text in files.items()}
        for name, files in case.sides.items()
    }
    return conflicts_of_trees(base, sides)


def update_expected(path: Path, lines: Iterable[str]) -> None:
    """Rewrites the expected section of a case file."""
    body, _, _ = path.read_text(encoding="utf-8").partition(f"\n{_EXPECTED}\n")
    path.write_text("\n".join([body, _EXPECTED, *lines, ""]), encoding="utf-8")


def _text(lines: list[str] | None) -> str | None:
    if lines is None:
        return None
    return "\n".join([*lines, ""]) if lines != [""] else ""
