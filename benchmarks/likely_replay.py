"""Walks along a project's line with the survey of the product, and stops wherever a question is to be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from likely_history import History, Landed
from scratch import CACHE
from watchkeeper.code.documentation import is_documentation
from watchkeeper.fleet.pages import written_between
from watchkeeper.fleet.survey import Survey
from watchkeeper.model.fleet import Issue, IssueId
from watchkeeper.model.ids import Sha, SymbolKey
from watchkeeper.record.cache import ReadingCache
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository

WARM_UP = 400
"""So many changes before the first question are read, so that there is a past."""


class Truth(msgspec.Struct, frozen=True):
    """What a change touched of what was there before it: source files, and symbols whose own text is another."""

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
    with (
        Objects(repository.common_dir) as objects,
        ReadingCache(CACHE / f"likely-{clone.parent.name}.db", max_bytes=2**31) as cache,
    ):
        survey = Survey(repository, objects, cache, most_past=WARM_UP, budget_s=3_600)
        survey.move_to(Sha(history.line[max(0, first)]))
        for place in range(first, last + 1):
            survey.move_to(Sha(history.line[place]))
            for landed in by_fork.get(place, ()):
                truth = _truth(landed, objects, survey)
                if truth.files:
                    yield Asked(landed, survey, truth)


def issue_of(landed: Landed, *, with_note: bool) -> Issue:
    """The change as an issue: its title, with its body and note or without them."""
    body = "\n\n".join(each for each in (landed.body, landed.note) if each) if with_note else ""
    return Issue(IssueId(f"p#{landed.number}"), landed.title, body)


def _truth(landed: Landed, objects: Objects, survey: Survey) -> Truth:
    files: set[str] = set()
    symbols: set[SymbolKey] = set()
    for path in landed.files:
        before = objects.find_entry(Sha(landed.before), path)
        if before is None or not before.is_text_file or is_documentation(path):
            continue
        files.add(path)
        now = objects.find_entry(Sha(landed.commit), path)
        new = survey.page_of(path, now.sha) if now is not None else None
        symbols.update(SymbolKey(path, name) for name in written_between(survey.page_of(path, before.sha), new))
    return Truth(frozenset(files), frozenset(symbols))
