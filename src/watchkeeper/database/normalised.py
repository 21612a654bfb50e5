"""A statement without what differs from call to call: what makes two of them the same fault. Pure.

A scanner and no parser: what the server shows may be cut anywhere, or be in a dialect that no parser takes (sqlglot
fails on ``VALUES ($1,$2)``), and it is asked for while something hangs. Linear in the statement, which is cut first.
"""

from __future__ import annotations

import re

_MOST = 4_000
_HOLE = "?"

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<text>[eEbBxXnN]?'(?:[^'\\]|''|\\.)*(?:'|$) | \$(?P<quote>[A-Za-z_]*)\$.*?(?:\$(?P=quote)\$|$))
  | (?P<name>"(?:[^"]|"")*(?:"|$))
  | (?P<hole>\$\d+ | %\(\w+\)s | %s | (?<!:):[A-Za-z_]\w* | \?(?![|&?-]))
  | (?P<cast>::\s*[A-Za-z_][\w.]*(?:\s*\(\d+(?:\s*,\s*\d+)?\))?(?:\[\])?)
  | (?P<number>(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LIST = re.compile(r"\( \?(?: , \?)+ \)")
_LISTS = re.compile(r"\( \? \)(?: , \( \? \))+")
_BREAK = re.compile(r"[^\S ]")
_PLAIN = re.compile(r'"[a-z_][a-z0-9_]*"')


def normalised(statement: str) -> str:
    """The statement in one line: literals and parameters are ``?``, lists of them one, no comments and casts.

    Total, and at most 4,000 characters. Names in quotes keep their case, everything else is in lower case.
    """
    text = statement[:_MOST]
    tokens = list[str]()
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None, "the last alternative takes any character"
        at = found.end()
        match found.lastgroup if found.lastgroup != "quote" else "text":
            case "space" | "cast":
                continue
            case "comment":
                at = _end_of_comment(text, at)
            case "text" | "hole" | "number":
                tokens.append(_HOLE)
            case "name":
                name = _BREAK.sub(" ", found.group())
                tokens.append(name[1:-1] if _PLAIN.fullmatch(name) else name)
            case _:
                tokens.append(found.group().lower())
    return _shortened(" ".join(tokens).strip(" ;"))[:_MOST]


def _end_of_comment(text: str, at: int) -> int:
    """Comments of PostgreSQL are nested."""
    depth = 1
    for mark in re.finditer(r"/\*|\*/", text[at:]):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return at + mark.end()
    return len(text)


def _shortened(text: str) -> str:
    """Lists of any length are one: of values in a condition, and of rows in an insert."""
    return _LISTS.sub("( ? )", _LIST.sub("( ? )", text))
