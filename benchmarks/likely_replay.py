"""Walks along a project's line with the survey of the product, and stops wherever a question is to be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from likely_history import History, Landed
from scratch import CACHE
from watchkeeper.code.documentation import is_documentation
from watchkeeper.code.languages import find_language
from watchkeeper.fleet.pages import NAMED
from watchkeeper.fleet.survey import Survey
from watchkeeper.model.fleet import Issue, IssueId
from watchkeeper.model.ids import Sha, SymbolKey
from watchkeeper.model.reading import Reading, Symbol
from watchkeeper.record.cache import ReadingCache
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository

WARM_UP = 400
"""So many changes before the first question are read, so that there is a past."""


class Truth(msgspec.Struct, frozen=True):
    """What a change touched of what was there before it: source files, and symbols whose normalised text differs."""

    files: frozenset[str]
    symbols: frozenset[SymbolKey]


class Asked(msgspec.Struct, frozen=True):
    """A question at its place: the survey stands at the fork point while it is answered."""

    landed: Landed
    survey: Survey
    truth: Truth


def replay(clone: Path, history: History) -> Iterator[Asked]:
    """Every question in the order of fork points. The survey is the product's own, moved commit by commit."""
    by_fork: dict[int, list[Landed]] = defaultdict(list)
    for landed in history.landed:
        by_fork[landed.fork].append(landed)
    first, last = min(by_fork), max(by_fork)
    CACHE.mkdir(parents=True, exist_ok=True)
    repository = find_repository(clone)
    with Objects(repository.common_dir) as objects, ReadingCache(CACHE / "likely.db", max_bytes=2**31) as cache:
        survey = Survey(repository, objects, cache, most_past=WARM_UP, budget_s=3_600)
        survey.move_to(Sha(history.line[max(0, first)]))
        truths = _Truths(objects)
        for place in range(first, last + 1):
            survey.move_to(Sha(history.line[place]))
            for landed in by_fork.get(place, ()):
                truth = truths.of(landed)
                if truth.files:
                    yield Asked(landed, survey, truth)


def issue_of(landed: Landed, *, with_note: bool) -> Issue:
    """The change as an issue: its title, with its body and note or without them."""
    body = "\n\n".join(each for each in (landed.body, landed.note) if each) if with_note else ""
    return Issue(IssueId(f"p#{landed.number}"), landed.title, body)


class _Truths:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def of(self, landed: Landed) -> Truth:
        files: set[str] = set()
        symbols: set[SymbolKey] = set()
        for path in landed.files:
            before = self._objects.find_entry(Sha(landed.before), path)
            if before is None or not before.is_text_file or is_documentation(path):
                continue
            files.add(path)
            now = self._objects.find_entry(Sha(landed.commit), path)
            symbols.update(self._symbols(path, before.sha, now.sha if now is not None else None))
        return Truth(frozenset(files), frozenset(symbols))

    def _symbols(self, path: str, before: Sha, now: Sha | None) -> Iterator[SymbolKey]:
        language = find_language(path)
        if language is None:
            return
        was, text = self._read(path, before), self._objects.read(before) or b""
        new = self._objects.read(now) or b"" if now is not None else b""
        after = {each.qualname: each for each in (self._read(path, now).symbols if now is not None else ())}
        for symbol in was.symbols:
            other = after.get(symbol.qualname)
            if not _counts(symbol) or (other is not None and other.digest == symbol.digest):
                continue
            if other is None or language.normalise(text, symbol) != language.normalise(new, other):
                yield SymbolKey(path, symbol.qualname)

    def _read(self, path: str, blob: Sha) -> Reading:
        language = find_language(path)
        assert language is not None
        return language.read(self._objects.read(blob) or b"", bodies=False)


def _counts(symbol: Symbol) -> bool:
    return bool(symbol.qualname) and symbol.kind in NAMED

