"""Runs one rule of the scouts over a tiny project that is written down in a test."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.rules.reading import read_tree
from watchkeeper.scouts.rules.registry import RULES

PYTHON = "app/a.py"
SCRIPT = "app/a.tsx"


def say(rule: str, files: Mapping[str, str | bytes]) -> list[Raw]:
    """What the rule says of the files."""
    asked = [each for each in RULES if each.id == rule]
    assert asked, f"there is no rule {rule}"
    texts = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    found = read_tree(tuple(sorted(texts)), lambda path: texts.get(path, b""), asked, lambda: False).found
    return [raw for raw in found if raw.rule == rule]


def lines(rule: str, text: str, path: str = PYTHON) -> list[int]:
    """The lines of one file that the rule means; the text may be indented as a whole."""
    return [raw.line for raw in say(rule, {path: textwrap.dedent(text).lstrip("\n")})]
