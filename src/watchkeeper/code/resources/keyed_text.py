"""TOML, INI, YAML and JSON as dotted keys with lines: by their layout, because parsers drop the lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_SECTION = re.compile(r"^\s*(\[{1,2})\s*([^\[\]]+?)\s*\]{1,2}\s*(?:[#;].*)?$")
_PAIR = re.compile(r"^\s*((?:\"[^\"]*\"|'[^']*'|[\w.@/$-]+)(?:\s*\.\s*[\w\"'-]+)*)\s*[=:]\s*(.*?)\s*$")
_YAML = re.compile(r"^(\s*)(\"[^\"]*\"|'[^']*'|[^\s#\-\[{&*!|>%@`\"'][^:#]*?)\s*:(?:\s+(.*?))?\s*$")
_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|//[^\n]*|/\*.*?\*/|[{}\[\]:,]|[^\s{}\[\]:,\"/]+|/|\n", re.DOTALL)


class Key(NamedTuple):
    """One key: dotted, its value as one line of text without formatting (``""``: it has keys of its own), its line."""

    name: str
    value: str
    line: int


def read_keys(path: str, text: str) -> list[Key]:
    """All keys of a configuration file, in the order of the text. Keys inside lists are part of the list's value."""
    if path.endswith((".yaml", ".yml")):
        return list(_yaml(text))
    if path.endswith((".json", ".jsonc", ".json5")):
        return list(_json(text))
    return list(_sections(text))


def _sections(text: str) -> Iterator[Key]:
    """TOML and INI. A ``[[table]]`` has no key of its own: its items are told apart by their order."""
    section, pending, is_listed = "", None, False
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        if pending is not None and (depth > 0 or (line[:1] in " \t" and line.strip())):
            pending = pending._replace(value=f"{pending.value} {_bare(line)}".strip())
            depth += _depth(line)
            continue
        if pending is not None:
            yield pending
            pending = None
        heading = _SECTION.match(line)
        if heading is not None:
            is_listed, section = heading[1] == "[[", heading[2].replace('"', "").replace("'", "")
            continue
        pair = _PAIR.match(line) if not line.lstrip().startswith(("#", ";")) else None
        if pair is not None and not is_listed:
            name = pair[1].replace('"', "").replace("'", "").replace(" ", "")
            pending = Key(f"{section}.{name}" if section else name, _bare(pair[2]), number)
            depth = _depth(pair[2])
    if pending is not None:
        yield pending


def _depth(text: str) -> int:
    text = re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", text)
    return text.count("[") + text.count("{") - text.count("]") - text.count("}")


def _bare(value: str) -> str:
    """The value without a trailing comment, outer quotes and runs of blanks."""
    value = re.sub(r"\s+#.*$", "", value).strip() if not value.startswith("#") else ""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return " ".join(value.split())[:200]


def _yaml(text: str) -> Iterator[Key]:
    """Block mappings. What is indented below a list, a scalar or a flow collection is part of that value."""
    stack: list[tuple[int, str]] = []
    last: Key | None = None
    last_indent, opaque = -1, -1
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if bare in ("---", "..."):
            stack, opaque = [], -1
            continue
        indent = len(line) - len(line.lstrip())
        is_item = bare.startswith("- ") or bare == "-"
        is_below = indent > last_indent or (is_item and indent == last_indent)
        if last is not None and is_below and (opaque >= 0 or is_item or _YAML.match(line) is None):
            opaque = last_indent
            last = last._replace(value=f"{last.value} {_bare(line)}".strip()[:400])
            continue
        opaque = -1
        match = _YAML.match(line)
        if match is None:
            continue
        if last is not None:
            yield last
        while stack and stack[-1][0] >= indent:
            stack.pop()
        name = match[2].strip("\"'")
        stack.append((indent, name))
        value = _bare(match[3] or "")
        last, last_indent = Key(".".join(part for _, part in stack), value, number), indent
        opaque = indent if value and value[0] in "|>[{" else -1
    if last is not None:
        yield last


class _Level:
    """One open object or list of a JSON text."""

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.key = ""
        self.line = 0
        self.value: list[str] = []
        self.is_value = False


def _json(text: str) -> Iterator[Key]:
    levels: list[_Level] = []
    line = 1
    for word in _TOKEN.findall(text):
        line += word.count("\n")
        if word == "\n" or word.startswith(("//", "/*")):
            continue
        level = levels[-1] if levels else None
        is_plain = all(each.bracket == "{" for each in levels)
        if word in "{[":
            levels.append(_Level(word))
        elif word in "}]":
            if level is not None:
                if level.bracket == "{" and is_plain:
                    yield from _closed(levels)
                levels.pop()
                if levels and not is_plain:
                    levels[-1].value.append("".join(level.value) + word)
        elif level is None:
            continue
        elif word == "," and level.bracket == "{" and is_plain:
            yield from _closed(levels)
        elif word == ":" and level.bracket == "{" and is_plain and not level.is_value:
            level.is_value = True
        elif level.bracket == "{" and is_plain and not level.is_value:
            level.key, level.line = word.strip('"'), line
        else:
            level.value.append(word)


def _closed(levels: list[_Level]) -> Iterator[Key]:
    level = levels[-1]
    if level.is_value:
        names = [each.key for each in levels]
        yield Key(".".join(names), "".join(level.value).strip('"')[:400], level.line)
    level.key, level.value, level.is_value = "", [], False
