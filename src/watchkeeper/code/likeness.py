"""Code that is the same but for what its author called things: digests of it. Pure.

Names that are not reached through a dot, layout and comments are left out; strings, numbers, attributes and the words
of the language stay. So a helper that was written three times under three names has one digest, and two functions that
merely have the same shape do not, since they call different things.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Iterator

_LEAST_TOKENS = 24
"""Below that code is too short to say that somebody had the same thought: ``return self._name``."""
_MOST_TEXT = 200_000
_TOKEN = re.compile(
    r"""(?P<string>(?:[rbuf]{0,2})(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`))
    |(?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<name>[^\W\d][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<dot>\.\s*(?P<attribute>[^\W\d][\w$]*))
    |(?P<sign>[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(
    "const let var function new typeof instanceof this super extends async await export default switch case throw "
    "catch interface type enum implements void undefined null true false of in do".split()
)  # fmt: skip
_KNOWN = frozenset(
    "len range print open str int float bool list dict set tuple isinstance getattr setattr hasattr sorted min max sum "
    "any all zip map filter enumerate type super ValueError TypeError KeyError RuntimeError OSError Exception "
    "console Math JSON Object Array Promise Error Number String Boolean fetch setTimeout require".split()
)
"""Names that mean the same everywhere, so that they tell code apart."""


def digest_of(text: str) -> str | None:
    """The digest of a piece of code; None where it is too short to say anything."""
    tokens = list(_normalised(text[:_MOST_TEXT]))
    if len(tokens) < _LEAST_TOKENS:
        return None
    return hashlib.sha256("\x1f".join(tokens).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _normalised(text: str) -> Iterator[str]:
    names: dict[str, str] = {}
    for found in _TOKEN.finditer(text):
        if found["comment"] is not None:
            continue
        if found["name"] is not None:
            name = found["name"]
            yield name if name in _WORDS or name in _KNOWN else names.setdefault(name, f"${len(names)}")
        elif found["attribute"] is not None:
            yield f".{found['attribute']}"
        else:
            yield found[0].replace('"', "'") if found["string"] is not None else found[0]
