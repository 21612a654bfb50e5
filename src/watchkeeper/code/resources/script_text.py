"""JavaScript and TypeScript as text: comments blanked, and where strings are, so that patterns look at code only."""

from __future__ import annotations

import re
from collections.abc import Iterator

SUFFIXES = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""",
    re.DOTALL,
)


class Script:
    """Text of the same length in which comments are blanks; ``find`` skips what stands inside a string."""

    def __init__(self, text: str) -> None:
        parts, at = [], 0
        self._strings: list[tuple[int, int]] = []
        for token in _TOKEN.finditer(text):
            if token.lastgroup == "comment":
                parts += [text[at : token.start()], re.sub(r"[^\n]", " ", token.group())]
                at = token.end()
            elif "${" not in token.group():  # code stands inside a template
                self._strings.append(token.span())
        self.text = "".join([*parts, text[at:]])

    def find(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Matches that begin in code, in the order of the text."""
        spans = iter(self._strings)
        span = next(spans, None)
        for match in pattern.finditer(self.text):
            while span is not None and span[1] <= match.start():
                span = next(spans, None)
            if span is None or not span[0] <= match.start() < span[1]:
                yield match
