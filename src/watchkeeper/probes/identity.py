"""What a tool's message is about, said in the same way whatever else stands in the tree. Pure.

Analysers write into their messages what differs from tree to tree though the fault is the same: lines, the folder of
the checkout, and the members of a union in the order in which they were met.
"""

from __future__ import annotations

import re

LONGEST = 400


def stable_subject(message: str, folder: str = "") -> str:
    """The message for comparing: without numbers and ``folder``, the members of each union in order.

    ``A | B`` is one with ``B | A``. Where a tool left members out (``... omitted 3 union elements``), which ones is
    chance, so that the whole union counts as one word.
    """
    text = message.replace(f"{folder.rstrip('/')}/", "") if folder.strip("/") else message
    text = _QUOTED.sub(lambda quoted: quoted[0][0] + _in_order(quoted[0][1:-1]) + quoted[0][-1], text)
    return shorten(_NUMBER.sub("#", text))


def shorten(message: str) -> str:
    """On one line, and not longer than a person reads."""
    text = " ".join(message.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


_QUOTED = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"|'[^'\n]*'")
_NUMBER = re.compile(r"\b(?:0x[0-9a-fA-F]+|\d+)\b")
_OMITTED = re.compile(r"omitted \d+ (?:union|literal)")
_SEPARATORS = (", ", " = ", " -> ", ": ", " | ")
"""Of what stands in a type, those that bind least first."""
_OPEN, _CLOSE = "([{", ")]}"
_DEEPEST = 12


def _in_order(text: str, depth: int = 0) -> str:
    """A type with its unions in order; what is nested too deep stays as it is."""
    if depth > _DEEPEST or "|" not in text:
        return text
    for separator in _SEPARATORS:
        parts = _split(text, separator)
        if len(parts) > 1:
            return _join(separator, [_in_order(part, depth + 1) for part in parts])
    return _inside(text, depth)


def _inside(text: str, depth: int) -> str:
    """What stands in brackets, each by itself."""
    done, level, start = [], 0, 0
    for at, char in enumerate(text):
        if char in _OPEN:
            level += 1
            if level == 1:
                done.append(text[start : at + 1])
                start = at + 1
        elif char in _CLOSE and level > 0:
            level -= 1
            if level == 0:
                done.append(_in_order(text[start:at], depth + 1))
                start = at
    return "".join([*done, text[start:]])


def _join(separator: str, parts: list[str]) -> str:
    if separator != " | ":
        return separator.join(parts)
    if any(_OMITTED.search(part) for part in parts):
        return "…"
    return separator.join(sorted(set(parts)))


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        if char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth = max(0, depth - 1)
        elif depth == 0 and text.startswith(separator, at) and at >= start:
            parts.append(text[start:at])
            start = at + len(separator)
    return [*parts, text[start:]]
