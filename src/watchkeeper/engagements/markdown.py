"""What a paper says, line by line: without examples and comments, by its headings. Pure.

Lines are divided at line feeds alone, so that a number is the same line of the paper wherever it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*\s*$")
"""Its marks, and its words."""

_FENCED = re.compile(r"(?ms)^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*\s*?$|\Z)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class Section(msgspec.Struct, frozen=True):
    """A heading, and the words below it up to the next one of its level, without the headings between."""

    level: int
    title: str
    body: str


def prose(text: str) -> str:
    """The text without fenced examples and comments; where nothing ends them, the text does. Its lines stay."""
    for hidden in (_FENCED, _COMMENT):
        text = hidden.sub(lambda found: "\n" * found[0].count("\n"), text)
    return text


def sections(text: str) -> Iterator[Section]:
    """Each heading of the prose, in order."""
    lines = prose(text).split("\n")
    heads = [(number, found) for number, line in enumerate(lines) if (found := HEADING.match(line))]
    for place, (number, found) in enumerate(heads):
        level = len(found[1])
        end = next((after for after, other in heads[place + 1 :] if len(other[1]) <= level), len(lines))
        body = "\n".join(line for line in lines[number + 1 : end] if not HEADING.match(line))
        yield Section(level, found[2], body)


def said_chars(text: str) -> int:
    """How many letters and digits its prose has."""
    return sum(char.isalnum() for char in prose(text))


def words_of(text: str) -> list[str]:
    """Its words in their order, as they are compared."""
    return re.findall(r"\w+", text.casefold())
