"""The whole analysis without git or disk: texts in, conflicts out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping

from golden.casefile import Case
from watchkeeper.code.footprint import ChangedFile, build_footprint, compare_file
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language
from watchkeeper.conflicts.detect import find_conflicts
from watchkeeper.conflicts.pair import Pair, Party, TextClash
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.reading import Reading, Status
from watchkeeper.repos.merging import clash_lines


def analyse(case: Case) -> tuple[Conflict, ...]:
    """All conflicts between the case's two changes."""
    base = {path: text.encode() for path, text in case.base.items()}
    sides = {name: {p: _encoded(t) for p, t in files.items()} for name, files in case.sides.items()}
    parties = [_party(name, base, files) for name, files in sides.items()]
    clashes = tuple(_clashes(base, sides["A"], sides["B"]))
    return find_conflicts(Pair(first=parties[0], second=parties[1], clashes=clashes))


def _encoded(text: str | None) -> bytes | None:
    return text.encode() if text is not None else None


def _party(name: str, base: Mapping[str, bytes], now: Mapping[str, bytes | None]) -> Party:
    outlines = {path: reading for path in base if (reading := _read(path, base[path], bodies=False)) is not None}
    words = Counter(word for text in base.values() for word in set(text.decode().split()))
    index = ProjectIndex(outlines, base.keys(), frequency=words)
    files = [_changed(path, base.get(path), content) for path, content in now.items()]

    def bodies(path: str) -> Reading | None:
        return _read(path, base[path], bodies=True) if path in base else None

    change = Change(id=ChangeId(name), source=Source.BRANCH, label=name)
    return Party(change, build_footprint(change.id, files, [compare_file(file) for file in files], index, bodies))


def _changed(path: str, before: bytes | None, now: bytes | None) -> ChangedFile:
    kind = TouchKind.ADDED if before is None else TouchKind.DELETED if now is None else TouchKind.MODIFIED
    reading = _read(path, now, bodies=True) if now is not None else None
    unreadable = reading is not None and reading.status is Status.UNKNOWN
    return ChangedFile(
        kind=kind,
        base_path=path if before is not None else None,
        now_path=path if now is not None else None,
        base=before,
        now=now,
        base_reading=_read(path, before, bodies=True) if before is not None else None,
        now_reading=None if unreadable else reading,
        unknown=reading.reason if unreadable and reading is not None else "",
        digest=hashlib.sha1(now, usedforsecurity=False).hexdigest() if now is not None else "",
    )


def _read(path: str, source: bytes, *, bodies: bool) -> Reading | None:
    language = find_language(path)
    return language.read(source, bodies=bodies) if language is not None else None


def _clashes(
    base: Mapping[str, bytes], one: Mapping[str, bytes | None], two: Mapping[str, bytes | None]
) -> Iterator[TextClash]:
    """What git would say: overlapping or touching edits, a file deleted here and edited there, or added twice."""
    for path in sorted(one.keys() & two.keys()):
        before, ours, theirs = base.get(path), one[path], two[path]
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            yield TextClash(path, "modify/delete")
        elif before is None:
            yield TextClash(path, "add/add")
        else:
            lines = clash_lines(before, ours, theirs)
            if lines:
                yield TextClash(path, "content", tuple(c.ours for c in lines), tuple(c.theirs for c in lines))
