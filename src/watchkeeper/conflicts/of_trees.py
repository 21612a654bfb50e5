"""The whole pipeline over trees held in memory: for cases that fit on a page, properties, and fuzzing. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from itertools import combinations

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.footprint import build_footprint, compare_file
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language
from watchkeeper.code.resources.of_change import Resources
from watchkeeper.code.tree import index_of
from watchkeeper.conflicts.detect import find_conflicts
from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.conflicts.touching import predict_clashes
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.footprint import Footprint, TouchKind
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.reading import Reading

Contents = Mapping[str, bytes]
Edits = Mapping[str, bytes | None]
"""New contents by path; None deletes the file."""


def conflicts_of_trees(base: Contents, changes: Mapping[str, Edits]) -> tuple[Conflict, ...]:
    """All conflicts between the changes of one base, pair by pair. Textual ones are predicted, not judged by git."""
    index = index_of(base)
    parties = [Party(_change(name), footprint_of(name, base, edits, index)) for name, edits in changes.items()]
    found: list[Conflict] = []
    for first, second in combinations(parties, 2):
        clashes = tuple(predict_clashes(first.footprint, second.footprint))
        found.extend(find_conflicts(Pair(first=first, second=second, clashes=clashes)))
    return tuple(found)


def footprint_of(name: str, base: Contents, edits: Edits, index: ProjectIndex) -> Footprint:
    """The footprint of one change held in memory."""

    @cache
    def bodies(path: str) -> Reading | None:
        return _read(path, base[path], bodies=True) if path in base else None

    files = [_file(path, base.get(path), now) for path, now in sorted(edits.items()) if base.get(path) != now]
    deltas = [compare_file(file) for file in files]
    return build_footprint(ChangeId(name), files, deltas, index, bodies=bodies, resources=Resources(base.get))


def _file(path: str, base: bytes | None, now: bytes | None) -> ChangedFile:
    kind = TouchKind.ADDED if base is None else TouchKind.DELETED if now is None else TouchKind.MODIFIED
    return ChangedFile(
        kind=kind,
        base_path=path if base is not None else None,
        now_path=path if now is not None else None,
        base=base,
        now=now,
        base_reading=_read(path, base, bodies=True) if base is not None else None,
        now_reading=_read(path, now, bodies=True) if now is not None else None,
        digest=hashlib.blake2b(now, digest_size=8).hexdigest() if now is not None else "",
    )


def _read(path: str, source: bytes, *, bodies: bool) -> Reading | None:
    language = find_language(path)
    return language.read(source, bodies=bodies) if language is not None else None


def _change(name: str) -> Change:
    return Change(id=ChangeId(name), source=Source.BRANCH, label=name)
