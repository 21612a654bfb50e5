"""Files -> what all rules say of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.languages.script_syntax import read_script
from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.model.reading import Status
from watchkeeper.model.scouting import KindId
from watchkeeper.risk.facts import Role
from watchkeeper.risk.files import role_of
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.rules.project import (
    PAGES,
    PYTHON,
    SCRIPTS,
    Facts,
    Project,
    place_of,
    python_facts,
    python_words,
    script_facts,
)
from watchkeeper.scouts.rules.pythonfile import PythonFile
from watchkeeper.scouts.rules.registry import RULES
from watchkeeper.scouts.rules.rule import Files, Hit, Rule
from watchkeeper.scouts.rules.scriptfile import ScriptFile

MOST_BYTES = 1_000_000
_MOST_KEPT = 64_000_000
"""Bytes of files whose findings are kept: each dimension asks for the same files."""
_BUNDLED = re.compile(
    r"(^|/)(workbox|jquery|bootstrap|require|d3|moment|lodash|fontawesome)[\w.-]*\.js$|\.(bundle|umd|iife|chunk)\.\w+$"
)
_LONGEST_WRITTEN = 4_000
"""Characters of a line: nobody writes longer ones into a script."""
_TOO_DEEP = "an expression that is nested too deeply"
_TEMPLATE = re.compile(
    r"\{\{|(^|/)(templates?|cookiecutter[^/]*|lib2to3|fixtures?|testdata|test_data)/|\.(tmpl|tpl|j2)\."
)


class FileReading(NamedTuple):
    """What one file says. ``broken`` is why it could not be read, in whole or in part; ``left_out`` why it was not."""

    found: tuple[Raw, ...] = ()
    facts: Facts | None = None
    broken: str = ""
    left_out: str = ""


class Reading(NamedTuple):
    """What a tree says. ``files`` counts those that were read; the others are named with their reasons."""

    found: tuple[Raw, ...]
    files: int
    broken: tuple[str, ...]
    left_out: tuple[str, ...]


def read_tree(
    paths: Sequence[str], read: Callable[[str], bytes], rules: Sequence[Rule], stop: Callable[[], bool]
) -> Reading:
    """Runs the rules over all files. Equal trees give equal findings, sorted. Never raises for what is in a file."""
    wanted = {rule.id for rule in rules}
    found: list[Raw] = []
    facts: dict[str, Facts] = {}
    broken: list[str] = []
    left_out: list[str] = []
    suffixes = tuple(dict.fromkeys(suffix for rule in rules for suffix in suffixes_of(rule)))
    other = sum(path.endswith(suffixes) for path in paths if not path.endswith((*PYTHON, *SCRIPTS, *PAGES)))
    for path in paths:
        if not path.endswith((*PYTHON, *SCRIPTS, *PAGES)) or not path.endswith(suffixes):
            continue
        if stop():
            return Reading(tuple(sorted(found, key=_order)), len(facts), tuple(broken), tuple(left_out))
        one = _read_file(path.encode() + b"\0" + read(path))
        found += [raw for raw in one.found if raw.rule in wanted]
        if one.facts is not None:
            facts[path] = one.facts
        if one.broken and not _TEMPLATE.search(path):
            broken.append(f"{path} ({one.broken})")
        elif one.broken or one.left_out:
            left_out.append(f"{path} ({one.broken or one.left_out})")
    whole = Project(tuple(paths), facts, read)
    for rule in rules:
        if rule.project is not None:
            found += [_raw(rule, hit.path, hit) for hit in rule.project(whole)]
    return Reading(tuple(sorted(found, key=_order)), len(facts) + other, tuple(broken), tuple(left_out))


def read_one(path: str, source: bytes) -> FileReading:
    """What all rules that need no other file say of one. Never raises for what is in it."""
    return _read_file(path.encode() + b"\0" + source)


def read_strictly(path: str, source: bytes) -> FileReading:
    """The same, also of a file that says of itself that it is generated: whoever is held to a rule cannot leave himself
    out. Never raises for what is in it."""
    return _read_all(path.encode() + b"\0" + source)


def suffixes_of(rule: Rule) -> tuple[str, ...]:
    """How the names of the files end that a rule looks at."""
    ways = ((rule.python, PYTHON), (rule.script, SCRIPTS), (rule.page, PAGES))
    return (*rule.reads, *(suffix for way, suffixes in ways if way is not None for suffix in suffixes))


_TOO_LARGE = FileReading(left_out="larger than 1 MB")


@kept_by_content(_MOST_KEPT)
def _read_file(named: bytes) -> FileReading:
    """A file by its path, a NUL and its content. What a rule says depends on both, and on nothing else."""
    name, _, source = named.partition(b"\0")
    path = name.decode()
    if len(source) > MOST_BYTES:
        return _TOO_LARGE
    if role_of(path, source) is Role.GENERATED or _BUNDLED.search(path):
        return FileReading(left_out="generated")
    if path.endswith((".js", ".mjs", ".cjs")) and max(map(len, source.split(b"\n"))) > _LONGEST_WRITTEN:
        return FileReading(left_out="minified")
    return _read_all(named)


@kept_by_content(_MOST_KEPT)
def _read_all(named: bytes) -> FileReading:
    name, _, source = named.partition(b"\0")
    path = name.decode()
    if len(source) > MOST_BYTES:
        return _TOO_LARGE
    if path.endswith(PYTHON):
        return _read_python(path, source)
    if path.endswith(SCRIPTS):
        return _read_script(path, source)
    text = source.decode("utf-8", "replace")
    place = place_of(path)
    raws = [_raw(rule, path, hit) for rule in _at(place) if rule.page is not None for hit in rule.page(path, text)]
    return FileReading(tuple(raws), Facts())


def _read_python(path: str, source: bytes) -> FileReading:
    parsed, text = parse_source(source), source.decode("utf-8", "replace")
    if parsed.tree is None:
        return FileReading(facts=Facts(words=python_words(path, text)), broken=parsed.reason)
    file = PythonFile(path, parsed.lines, parsed.tree)
    place = place_of(path)
    broken = parsed.reason if parsed.status is not Status.PARSED and parsed.broken else ""
    raws: list[Raw] = []
    try:
        for rule in _at(place):
            raws += [_raw(rule, path, hit) for hit in (rule.python(file) if rule.python is not None else ())]
    except RecursionError:
        broken = _TOO_DEEP
    return FileReading(tuple(raws), python_facts(file, text), broken)


def _read_script(path: str, source: bytes) -> FileReading:
    root, reason = read_script(path, source)
    if root is None:
        return FileReading(left_out=reason) if "minified" in reason else FileReading(broken=reason)
    file = ScriptFile(path, root.text if root.span[0] == 0 else source.decode("utf-8", "replace"), root)
    place = place_of(path)
    raws: list[Raw] = []
    broken = ""
    try:
        for rule in _at(place):
            raws += [_raw(rule, path, hit) for hit in (rule.script(file) if rule.script is not None else ())]
    except RecursionError:
        broken = _TOO_DEEP
    return FileReading(tuple(raws), script_facts(file), broken)


def _at(place: str) -> Iterator[Rule]:
    return (rule for rule in RULES if rule.places in (place, "all"))


def _raw(rule: Rule, path: str, hit: Hit) -> Raw:
    return Raw(
        rule=rule.id,
        path=hit.path or path,
        claim=rule.claim.format(*hit.words),
        line=hit.line,
        quote=hit.quote,
        symbol=hit.symbol,
        evidence=f"read as a syntax tree: line {hit.line} of {hit.path or path}",
        disprove=rule.disprove,
        severity=rule.severity,
        confidence=rule.confidence if hit.confidence is None else hit.confidence,
        kind=KindId(rule.kind),
        anchor=hit.anchor,
    )


def _order(raw: Raw) -> tuple[str, int, str, str]:
    return raw.path, raw.line, raw.rule, raw.claim


def missed(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The rules that do not find what is planted for them, or find it in its innocent twin."""
    return tuple(rule.id for rule in rules if not _finds(rule, rule.bad) or _finds(rule, rule.good))


def _finds(rule: Rule, files: Files) -> bool:
    texts = {path: text.encode() for path, text in files.items()}
    return bool(read_tree(tuple(sorted(texts)), lambda path: texts.get(path, b""), (rule,), lambda: False).found)
