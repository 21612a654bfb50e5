"""A rule of ast-grep as a person writes it, read without trusting it, and run over one text."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.scouting import StandardCheck

SUFFIXES = {
    "python": (".py", ".pyi"),
    "javascript": (".js", ".jsx", ".mjs", ".cjs"),
    "typescript": (".ts", ".mts", ".cts"),
    "tsx": (".tsx",),
}
"""The languages of patterns. Any other name ends the process inside the library, so none may reach it."""

MOST_BODY, MOST_FILE, MOST_PLACES = 20_000, 1_000_000, 1_000
MOST_NESTED = 200
"""Brackets within brackets of a text: what looks for something within something takes the square of their number."""

_MOST_NODES, _MOST_DEPTH = 500, 20
_BRACKETS = re.compile(r"[()\[\]{}]")
_RULE_KEYS = ("rule", "constraints", "utils")
_OTHER_KEYS = ("id", "language", "message", "severity", "note")


class Place(NamedTuple):
    """A match: 1-based first line, and its code."""

    line: int
    code: str


class Pattern(msgspec.Struct, frozen=True):
    """A rule that the library takes, made by ``parse_pattern`` alone, and the languages that it is for."""

    config: dict[str, object]
    languages: tuple[str, ...]

    def language_of(self, path: str) -> str | None:
        """The language as which a file is read; None: the rule is not for it."""
        return next((each for each in self.languages if path.endswith(SUFFIXES[each])), None)


def parse_pattern(check: StandardCheck) -> Pattern:
    """The rule of a check of the form ``pattern``, tried on an empty text of each of its languages.

    YAML is read as plain values: no tags, no anchors.
    Raises UsageError (``standard-pattern``): what is wrong, and where.
    """
    if len(check.body) > MOST_BODY:
        raise _wrong(f"it has {len(check.body):,} characters, of at most {MOST_BODY:,}")
    told = _read(check.body)
    if not isinstance(told, dict) or "rule" not in told:
        raise _wrong("it needs a key rule")
    for key in told:
        if key not in _RULE_KEYS + _OTHER_KEYS:
            raise _wrong(f"the key {key!r} is none of {', '.join(_RULE_KEYS + _OTHER_KEYS)}")
    languages = check.languages or ((str(told["language"]).lower(),) if "language" in told else ())
    if not languages:
        raise _wrong("it does not say for which languages it is")
    for language in languages:
        if language not in SUFFIXES:
            raise _wrong(f"{language!r} is none of the languages {', '.join(SUFFIXES)}")
    _require_small(told)
    pattern = Pattern({key: told[key] for key in _RULE_KEYS if key in told}, tuple(languages))
    for language in languages:
        find_places(pattern, language, "")
    return pattern


def find_places(pattern: Pattern, language: str, text: str) -> tuple[Place, ...]:
    """Where a text matches, from the top, at most 1,000 places. Text that does not parse matches what it can.

    Blocks: about 10 ms per 1,000 lines, longer for rules that look far.
    Raises UsageError (``standard-pattern``) where the library refuses the rule.
    """
    if language not in SUFFIXES:
        raise _wrong(f"{language!r} is none of the languages {', '.join(SUFFIXES)}")
    try:
        from ast_grep_py import SgRoot
    except ImportError as error:
        raise _not_installed("ast-grep", error) from error
    try:
        nodes = SgRoot(text, language).root().find_all(pattern.config)  # type: ignore[call-overload]
        found = {(each.range().start.index, each.range().end.index): each for each in nodes[:MOST_PLACES]}
        return tuple(Place(each.range().start.line + 1, each.text()) for _, each in sorted(found.items()))
    except Exception as error:
        raise _wrong(str(error).partition("Stack backtrace")[0].strip()) from error


def _not_installed(what: str, error: ImportError) -> WatchkeeperError:
    return WatchkeeperError(
        f"{what}, which patterns of standards are run with, is not installed",
        slug="scouts-not-installed",
        hint="pip install 'watchkeeper[scouts]'",
        facts={"reason": str(error)},
    )


def nesting_of(text: str) -> int:
    """How many brackets are open at once at most. Those in texts and comments count too: it is a guess, and cheap."""
    depth = most = 0
    for each in _BRACKETS.findall(text):
        if each in "([{":
            depth += 1
            most = max(most, depth)
        elif depth:
            depth -= 1
    return most


def _read(body: str) -> object:
    """Plain values. Events are looked at first: an alias can make a few lines as large as a disk."""
    try:
        import yaml
    except ImportError as error:
        raise _not_installed("PyYAML", error) from error
    try:
        for event in yaml.parse(body, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _wrong("anchors and aliases of YAML are not read")
        return yaml.safe_load(body)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(f"it is no YAML: {' '.join(str(error).split())}") from error


def _require_small(told: object) -> None:
    left = [(told, 0)]
    seen = 0
    while left:
        value, depth = left.pop()
        seen += 1
        if seen > _MOST_NODES or depth > _MOST_DEPTH:
            raise _wrong(f"it is too large: at most {_MOST_NODES} values, {_MOST_DEPTH} deep")
        if isinstance(value, dict):
            left += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            left += [(each, depth + 1) for each in value]


def _wrong(what: str) -> UsageError:
    return UsageError(
        f"the pattern cannot be run: {what}",
        slug="standard-pattern",
        hint="a rule of ast-grep: rule with pattern, kind, regex, has, inside, not, all or any",
    )
