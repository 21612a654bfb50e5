"""Changed files -> the sensitive areas that they touch: by where they lie, what they name, and what they do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.globs import matches
from watchkeeper.model.footprint import Edit, Footprint, Write
from watchkeeper.model.resources import AccessMode, ResourceKind
from watchkeeper.risk.areas import (
    AREAS,
    PATHS,
    Area,
    deletion_in,
    guards_in,
    has_secret,
    names_in,
    strength_of,
    switched_off_in,
    words_of,
)
from watchkeeper.risk.facts import FileFacts, Place, Role, Touched
from watchkeeper.risk.files import Sides, sides_of
from watchkeeper.risk.points import PointKind

Globs = Mapping[str, Sequence[str]]
"""Areas of the user's own, by name, each with its globs of paths (as in CODEOWNERS)."""

_COMMENT = re.compile(r"^\s*(#|//|\*|/\*|--)|\s#\s.*$|\s//\s.*$")
_IMPORT = re.compile(r"^\s*(from\s+\S+\s+)?import\b|^\s*export\s+\*|require\(")
_MANY = 4


def find_touched(
    files: Sequence[tuple[ChangedFile, FileFacts]], footprint: Footprint, globs: Globs
) -> tuple[Touched, ...]:
    """The areas that the change touches, one statement for each file and area. What only tests touch does not count,
    but in areas that the user named, and keys that stand in the text."""
    found: list[Touched] = []
    looked = [(file, facts, sides_of(file) if facts.role is not Role.GENERATED else Sides()) for file, facts in files]
    moved = _moved([sides for _, facts, sides in looked if facts.role in (Role.CODE, Role.DATA)])
    for file, facts, sides in looked:
        found += _named_by_user(facts, globs)
        found += _keys(facts, sides)
        if facts.role in (Role.TEST, Role.PROSE, Role.GENERATED) or not _is_altered(file, facts):
            continue
        found += _by_path(file, facts)
        if facts.role is Role.CODE or file.now is None:
            found += _by_names(file, sides, footprint, moved)
            found += _guards(file, sides)
        found += _deletions(file, sides, moved)
    found += _migrations(footprint, {each.place.path for each in found if each.kind is PointKind.MIGRATION})
    return tuple(_strongest(found))


def _moved(files: Sequence[Sides]) -> AbstractSet[str]:
    """Lines that went in one place and came in another, word for word."""
    gone = {text for sides in files for text in sides.gone.values()}
    return gone & {text for sides in files for text in sides.new.values()}


def _is_altered(file: ChangedFile, facts: FileFacts) -> bool:
    return facts.changed > 0 or file.is_binary or file.mode_changed


def _named_by_user(facts: FileFacts, globs: Globs) -> Iterator[Touched]:
    for area, patterns in globs.items():
        for pattern in patterns:
            if matches(pattern, facts.path):
                yield Touched(PointKind.SENSITIVE, Place(facts.path), f"is of {area} ({pattern})", 4)
                break


def _keys(facts: FileFacts, sides: Sides) -> Iterator[Touched]:
    for number, line in sides.new.items():
        if has_secret(line):
            what = "has what looks like a key that a service gave out"
            yield Touched(PointKind.SECRETS, Place(facts.path, number), what, 4)
            return


def _by_path(file: ChangedFile, facts: FileFacts) -> Iterator[Touched]:
    for kind, pattern in PATHS:
        if not pattern.search(facts.path):
            continue
        if kind is PointKind.SECRETS:
            yield Touched(kind, Place(facts.path), "is a place of secrets", 4)
        elif kind is PointKind.MIGRATION:
            is_new = file.base is None
            yield Touched(kind, Place(facts.path), "is a migration" + ("" if is_new else " that may have run"), 4)
        elif kind is PointKind.DELIVERY:
            yield Touched(kind, Place(facts.path), "decides how this is built, tested or sent out")
        else:
            yield Touched(kind, Place(facts.path), "lies there by its name")


def _by_names(file: ChangedFile, sides: Sides, footprint: Footprint, moved: AbstractSet[str]) -> Iterator[Touched]:
    """Names in changed lines, and the names of the symbols that hold them."""
    symbols = [write for write in footprint.writes if write.path == file.place and _is_behaviour(write)]
    lines = [*sides.new.items(), *sides.gone.items()]
    lines = [
        (number, _COMMENT.sub("", text)) for number, text in lines if not _IMPORT.search(text) and text not in moved
    ]
    for area in AREAS:
        words = area.strong | (area.weak if _is_about(file, area) else frozenset())
        held = [(w, word) for w in symbols for word in _told(w.key.qualname, words)]
        if held:
            write, word = next((each for each in held if each[1] in area.strong), held[0])
            grade = 3 if word in area.strong else 2
            yield Touched(
                area.kind, Place(file.place, write.line), f"alters {write.name}, by its name of {word}", grade
            )
            continue
        used = [(number, word) for number, text in lines for name in names_in(text) for word in _told(name, words)]
        if used and (any(word in area.strong for _, word in used) or len(used) >= _MANY):
            number, word = next((each for each in used if each[1] in area.strong), used[0])
            yield Touched(area.kind, Place(file.place, number), f"has changed lines that name {word}", 2)


def _is_behaviour(write: Write) -> bool:
    return not write.imports and (write.edit is not Edit.MODIFIED or bool(write.aspects))


def _is_about(file: ChangedFile, area: Area) -> bool:
    """Whether the file names the area by a strong word somewhere."""
    for source in (file.now, file.base):
        text = source.decode("utf-8", "replace") if source is not None else ""
        if sum(1 for name in set(names_in(text)) if area.strong.intersection(words_of(name))) > 1:
            return True
    return False


def _told(name: str, words: frozenset[str]) -> Iterator[str]:
    return (word for word in words_of(name) if word in words)


def _guards(file: ChangedFile, sides: Sides) -> Iterator[Touched]:
    gone, new = ({n: t for n, t in s.items() if not _IMPORT.search(t)} for s in sides)
    before = Counter(guard for text in gone.values() for guard in guards_in(text))
    after = Counter(guard for text in new.values() for guard in guards_in(text))
    for guard in (before - after).keys() if file.now is not None else ():  # one that is gone as a whole opens no way in
        number = next(n for n, text in gone.items() if guard in guards_in(text))
        if sum(before.values()) > sum(after.values()):
            yield Touched(PointKind.AUTH, Place(file.place, number), f"no longer checks {guard}", 4)
        else:
            instead = ", ".join((after - before).keys())
            is_less = max(map(strength_of, after - before), default=0) < strength_of(guard)
            what = f"checks {'only ' if is_less else ''}{instead} instead of {guard}"
            yield Touched(PointKind.AUTH, Place(file.place, number), what, 4 if is_less else 3)
        return
    for number, text in new.items():
        off = switched_off_in(text)
        if off is not None and not any(switched_off_in(old) == off for old in gone.values()):
            yield Touched(PointKind.AUTH, Place(file.place, number), f"switches a protection off: {off}", 4)
            return


def _deletions(file: ChangedFile, sides: Sides, moved: AbstractSet[str]) -> Iterator[Touched]:
    known = Counter(what for text in sides.gone.values() if (what := deletion_in(text)))
    for number, text in sides.new.items():
        what = deletion_in(text)
        if what is None or _COMMENT.match(text) or text in moved:
            continue
        known[what] -= 1
        if known[what] < 0:
            yield Touched(PointKind.DELETION, Place(file.place, number), f"{what} in a new place: {text[:80]}", 4)
            return


def _migrations(footprint: Footprint, known: set[str]) -> Iterator[Touched]:
    for touch in footprint.resources:
        access = touch.access
        if (
            access.resource.kind is ResourceKind.MIGRATION
            and access.mode is AccessMode.DEFINE
            and touch.is_new
            and touch.path not in known
        ):
            known.add(touch.path)
            yield Touched(PointKind.MIGRATION, Place(touch.path, access.line), "is a migration", 4)


def _strongest(found: Sequence[Touched]) -> Iterator[Touched]:
    """One statement for each area of a file: the strongest."""
    best: dict[tuple[PointKind, str], Touched] = {}
    for each in found:
        key = (each.kind, each.place.path)
        if key not in best or best[key].grade < each.grade:
            best[key] = each
    return iter(best.values())
