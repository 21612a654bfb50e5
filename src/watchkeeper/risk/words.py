"""Numbers and names as words, and whether a text asks for a thing."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LEAST_NAME = 3


def count_of(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def list_names(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def render_lines(lines: Sequence[int], most: int = 4) -> str:
    """``3-5, 9``: runs of lines, the first of them."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    told = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:most]]
    return ", ".join(told) + (f" and {len(runs) - most} more" if len(runs) > most else "")


def is_asked_for(name: str, intent: str) -> bool:
    """Whether the text names the thing: the last part of a symbol's name, or the whole of any other."""
    word = re.split(r"[:.]", name)[-1] if ":" in name and " " not in name else name
    if len(word) < _LEAST_NAME or not intent:
        return False
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", intent) is not None
