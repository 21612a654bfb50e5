"""The risk of changes held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.footprint import build_footprint, compare_file
from watchkeeper.code.languages import find_language
from watchkeeper.code.resources.of_change import Resources
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.exposure import Exposure
from watchkeeper.model.footprint import Footprint, TouchKind
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.reading import Reading
from watchkeeper.risk.assess import PointKind, Risk, RiskFacts, assess
from watchkeeper.risk.exposure import expose
from watchkeeper.risk.of_change import facts_of
from watchkeeper.risk.sensitive import Globs
from watchkeeper.risk.untested import Executed

Texts = Mapping[str, str]


def facts_of_texts(
    base: Texts,
    now: Mapping[str, str | None],
    *,
    moves: Texts | None = None,
    executed: Executed | None = None,
    sensitive: Globs | None = None,
    intent: str = "",
) -> RiskFacts:
    """The facts of a change: ``now`` are new texts by path (None deletes), ``moves`` new places by old ones."""
    files, footprint, tree = _look(base, now, moves)
    return facts_of(files, footprint, tree, executed=executed, sensitive=sensitive, intent=intent)


def change_of_texts(base: Texts, now: Mapping[str, str | None]) -> tuple[list[ChangedFile], Footprint, RiskFacts]:
    """The change's files, what they come to, and its facts."""
    files, footprint, tree = _look(base, now, None)
    return files, footprint, facts_of(files, footprint, tree)


def expose_texts(base: Texts, now: Mapping[str, str | None]) -> Exposure:
    """What a run has to measure of the change."""
    files, footprint, tree = _look(base, now, None)
    return expose(files, facts_of(files, footprint, tree))


def _look(
    base: Texts, now: Mapping[str, str | None], moves: Texts | None
) -> tuple[list[ChangedFile], Footprint, MemoryTree]:
    tree = MemoryTree({path: text.encode() for path, text in base.items()})
    files = [_file(path, path, base.get(path), text) for path, text in sorted(now.items()) if base.get(path) != text]
    files = [file for file in files if file.place not in (moves or {}).values()]
    for old, new in (moves or {}).items():
        files.append(_file(old, new, base[old], now.get(new) or base[old]))

    @cache
    def bodies(path: str) -> Reading | None:
        return tree.reading(path)

    deltas = [compare_file(file) for file in files]
    footprint = build_footprint(
        ChangeId("a"), files, deltas, tree.index, bodies=bodies, resources=Resources(tree.source)
    )
    return files, footprint, tree


def risk_of(base: Texts, now: Mapping[str, str | None], **known: object) -> Risk:
    """The risk of the change."""
    return assess(facts_of_texts(base, now, **known))  # type: ignore[arg-type]


def kinds_of(base: Texts, now: Mapping[str, str | None], **known: object) -> set[str]:
    """The kinds of its points, without size."""
    return {point.kind.value for point in risk_of(base, now, **known).points} - {PointKind.SIZE.value}


def _file(old: str, new: str, base: str | None, now: str | None) -> ChangedFile:
    kind = TouchKind.ADDED if base is None else TouchKind.DELETED if now is None else TouchKind.MODIFIED
    reading = _read(new, now)
    return ChangedFile(
        kind=TouchKind.RENAMED if old != new else kind,
        base_path=old if base is not None else None,
        now_path=new if now is not None else None,
        base=base.encode() if base is not None else None,
        now=now.encode() if now is not None else None,
        base_reading=_read(old, base),
        now_reading=reading,
        digest=hashlib.blake2b((now or "").encode(), digest_size=8).hexdigest(),
    )


def _read(path: str, text: str | None) -> Reading | None:
    language = find_language(path)
    return language.read(text.encode(), bodies=True) if language is not None and text is not None else None
