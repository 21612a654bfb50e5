"""Runs a standard's check over files: places that do not keep to it, each with a key that survives moved lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from watchkeeper.code.globs import matches
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import ProjectId
from watchkeeper.model.scouting import Standard, StandardCheck, StandardId, Violation
from watchkeeper.scouts.keys import finding_id, number_equals
from watchkeeper.scouts.standards.pattern import (
    MOST_FILE,
    MOST_NESTED,
    MOST_PLACES,
    Pattern,
    find_places,
    nesting_of,
    parse_pattern,
)

CHECK = "standard"
_MOST_QUOTE = 400


class Said(Protocol):
    """What a rule says of one place: ``checks.port.Raw`` is one."""

    @property
    def line(self) -> int: ...
    @property
    def quote(self) -> str: ...
    @property
    def anchor(self) -> str: ...


class Rules(Protocol):
    """Rules (``check:rule``) that look at one file alone. Both raise UsageError for a rule that there is not."""

    def reads(self, rule: str, path: str) -> bool:
        """Whether a rule has anything to say of files that are called so."""
        ...

    def run(self, rule: str, path: str, text: str) -> Iterable[Said]:
        """What it says of a file. Raises WatchkeeperError where it cannot look."""
        ...


Clock = Callable[[], float]


class Spot(msgspec.Struct, frozen=True):
    """A violation before it has a key: ``code`` is what makes it the same one, without whitespace."""

    path: str
    line: int
    quote: str
    code: str


class Run(msgspec.Struct, frozen=True):
    """What a check found in ``files`` files. ``unlooked`` has for each path that it could not look at why."""

    spots: tuple[Spot, ...]
    files: int
    unlooked: Mapping[str, str] = {}


def run_check(
    check: StandardCheck, files: Mapping[str, str], rules: Rules, clock: Clock, *, within_s: float = 60.0
) -> Run:
    """Look at all files that are meant, by path, for at most ``within_s`` seconds.

    A file that is too large or nested too deeply, that a rule fails on, that has too many places, or for which no time
    was left is in ``unlooked``: whoever counts must not take it for clean.
    Raises UsageError (``standard-pattern``, ``standard-form``; ``standard-rule`` for a rule that there is not).
    """
    is_meant = reader_of(check, rules)
    pattern = parse_pattern(check) if check.form == "pattern" else None
    look = _looker(check, pattern, rules)
    began = clock()
    spots: list[Spot] = []
    unlooked: dict[str, str] = {}
    looked = 0
    for path, text in sorted(files.items()):
        if not is_meant(path):
            continue
        if len(text) > MOST_FILE:
            unlooked[path] = f"it has {len(text):,} characters, of at most {MOST_FILE:,}"
        elif pattern is not None and (nested := nesting_of(text)) > MOST_NESTED:
            unlooked[path] = f"it has {nested:,} brackets within each other, of at most {MOST_NESTED}"
        elif clock() - began > within_s:
            unlooked[path] = f"{within_s:g} s were not enough for the files before it"
        else:
            try:
                found = list(look(path, text))
            except WatchkeeperError as error:
                unlooked[path] = error.message
                continue
            spots += found
            looked += 1
            if len(found) >= MOST_PLACES:
                unlooked[path] = f"it has {MOST_PLACES:,} places or more"
    return Run(tuple(spots), looked, unlooked)


def reader_of(check: StandardCheck, rules: Rules) -> Callable[[str], bool]:
    """Which files, by their paths, a check looks at: no other has to be read for it. Raises as ``run_check``."""
    if check.form == "pattern":
        reads: Callable[[str], bool] = _pattern_reader(parse_pattern(check))
    else:
        _require_rule(check)
        reads = partial(rules.reads, check.body.strip())
        reads("x")  # is there such a rule?
    return lambda path: reads(path) and (not check.paths or any(matches(glob, path) for glob in check.paths))


def key_violations(standard: StandardId, project: ProjectId, spots: Sequence[Spot]) -> tuple[Violation, ...]:
    """With keys: equal places of a file are counted from the top. Ordered by path and line."""
    ordered = sorted(spots, key=lambda each: (each.path, each.line, each.code))
    ordinals = number_equals((each.path, each.code) for each in ordered)
    return tuple(
        Violation(
            finding_id(project, CHECK, standard, each.path, "", each.code, ordinal),
            each.path, each.line, each.quote[:_MOST_QUOTE],
        )
        for each, ordinal in zip(ordered, ordinals, strict=True)
    )  # fmt: skip


def find_violations(
    standard: Standard, project: ProjectId, files: Mapping[str, str], rules: Rules, clock: Clock
) -> tuple[tuple[Violation, ...], Run]:
    """All places of a project's files that do not keep to a standard. Raises as ``run_check``."""
    if standard.check is None:
        raise UsageError(
            f"standard {standard.id} has no check that can be run", slug="standard-no-check",
            hint="give a rule of a check (tree:missing-timeout) or a pattern of ast-grep",
        )  # fmt: skip
    run = run_check(standard.check, files, rules, clock)
    return key_violations(standard.id, project, run.spots), run


def _pattern_reader(pattern: Pattern) -> Callable[[str], bool]:
    return lambda path: pattern.language_of(path) is not None


def _looker(check: StandardCheck, pattern: Pattern | None, rules: Rules) -> Callable[[str, str], Iterator[Spot]]:
    if pattern is not None:
        return lambda path, text: _by_pattern(pattern, path, text)
    _require_rule(check)
    return lambda path, text: _by_rule(check.body.strip(), path, text, rules)


def _require_rule(check: StandardCheck) -> None:
    if check.form != "rule":
        raise UsageError(
            f"a check has the form rule or pattern, not {check.form!r}", slug="standard-form",
            hint="rule names a rule of a check, pattern is a rule of ast-grep as YAML",
        )  # fmt: skip


def _by_pattern(pattern: Pattern, path: str, text: str) -> Iterator[Spot]:
    language = pattern.language_of(path)
    for place in find_places(pattern, language, text) if language is not None else ():
        yield Spot(path, place.line, place.code, "".join(place.code.split()))


def _by_rule(rule: str, path: str, text: str, rules: Rules) -> Iterator[Spot]:
    for said in rules.run(rule, path, text):
        yield Spot(path, said.line, said.quote, "".join((said.anchor or said.quote).split()))
