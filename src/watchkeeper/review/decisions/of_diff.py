"""What a change decides by what it adds, alters and takes away. Pure.

What was merely carried to another place was decided before, and is silent; so is a new name that the change itself
uses, since it is a part of what was asked for, and nothing that others were offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.footprint import Edit, Footprint, Write
from watchkeeper.model.reading import CALLABLES, SymbolKind
from watchkeeper.model.resources import AccessMode, ResourceKind
from watchkeeper.model.review import DecisionKind
from watchkeeper.review.decisions.defaults import is_data_file, told_value
from watchkeeper.review.decisions.found import Found
from watchkeeper.review.decisions.moved import Moves, without_moved_routes
from watchkeeper.risk.areas import guards_in, switched_off_in
from watchkeeper.risk.facts import RiskFacts, Role, SurfaceChange
from watchkeeper.risk.files import role_of
from watchkeeper.risk.points import PointKind
from watchkeeper.risk.public import is_public
from watchkeeper.risk.words import count_of, list_names

_MOST_NAMES = 4
_MANY = 4
"""So many new dependencies of one file are one decision: a file of tools that was written anew."""
_BY_DEED = 4
"""Grade of what a change does to access control, not where it lies or how it is called."""
_OFFERED = frozenset({SymbolKind.FUNCTION, SymbolKind.CLASS, SymbolKind.ENUM, SymbolKind.INTERFACE, SymbolKind.TYPE})
_ADDED = {
    PointKind.NEW_TABLE: (DecisionKind.TABLE, "adds the table {}"),
    PointKind.NEW_ROUTE: (DecisionKind.ROUTE, "adds the route {}"),
    PointKind.NEW_ENVIRONMENT: (DecisionKind.ENVIRONMENT, "reads the new environment variable {}"),
}
_GONE = {
    PointKind.REMOVED_ROUTE: "route",
    PointKind.REMOVED_COMMAND: "command",
    PointKind.REMOVED_OPTION: "option",
    PointKind.REMOVED_TABLE: "table",
    PointKind.REMOVED_PUBLIC: "public name",
    PointKind.REMOVED_SETTING: "setting",
    PointKind.REMOVED_ENVIRONMENT: "environment variable",
}
_TOGETHER = frozenset({PointKind.REMOVED_PUBLIC, PointKind.REMOVED_SETTING, PointKind.REMOVED_ENVIRONMENT})
_USUAL = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|USER|SHELL|TERM|TMPDIR|PWD|CI|DEBIAN_FRONTEND|PYTHON[A-Z]+|PIP_\w+|UV_\w+"
)
"""Variables that the system and its tools have a meaning for: nobody has to set them because of this."""


_VARIABLES = (PointKind.NEW_ENVIRONMENT, PointKind.REMOVED_ENVIRONMENT)
_BUILDS = re.compile(r"(^|/)([\w-]+\.)?Dockerfile(\.[\w-]+)?$")


class Seen(NamedTuple):
    """A change, as decisions are read from it."""

    files: Sequence[ChangedFile]
    footprint: Footprint
    facts: RiskFacts
    moves: Moves


def find_in_surface(seen: Seen) -> Iterator[Found]:
    """New things that others may use, and things that are gone; names of one file are told together."""
    gone: dict[tuple[PointKind, str], list[SurfaceChange]] = {}
    dependencies: dict[str, list[SurfaceChange]] = {}
    deleted = {write.name: write for write in seen.footprint.writes if write.edit is Edit.DELETED}
    for each in without_moved_routes(seen.facts.surface, seen.footprint):
        if each.kind is PointKind.NEW_DEPENDENCY:
            dependencies.setdefault(each.place.path, []).append(each)
        elif each.kind in _VARIABLES and (_USUAL.fullmatch(each.name) or _BUILDS.search(each.place.path)):
            continue
        elif each.kind in _ADDED:
            yield _added(each, _defaults(seen.footprint))
        elif each.kind in _GONE and each.is_sure and not _went(each, deleted, seen.moves) and not _is_data(each):
            key = each.place.path if each.kind in _TOGETHER else each.name
            gone.setdefault((each.kind, key), []).append(each)
    versions = _versions(seen.footprint)
    for path, group in dependencies.items():
        yield from _dependencies(path, group, versions)
    yield from (_gone(kind, group) for (kind, _), group in gone.items())


def find_offered(seen: Seen) -> Iterator[Found]:
    """Public names that the change adds and does not use itself, by file."""
    bases, registered = _bases(seen.files), _registered(seen.files)
    offered: dict[str, list[Write]] = {}
    spared = {file.place for file in seen.files if role_of(file.place, file.now) is not Role.CODE}
    for write in seen.footprint.writes:
        if write.path not in spared and _is_new_and_public(write, bases, registered) and not seen.moves.came(write):
            word = write.key.qualname.rpartition(".")[2]
            if not seen.moves.names(word, write.path, write.after):
                offered.setdefault(write.path, []).append(write)
    for path, group in offered.items():
        names = tuple(dict.fromkeys(each.key.qualname for each in group))
        told = list_names(names, _MOST_NAMES)
        title = f"offers {count_of(len(names), 'new public name')} in {path}: {told}"
        yield Found(
            DecisionKind.PUBLIC_SYMBOL, title, told, f"public:{path}", path=path, line=group[0].line,
            names=tuple(name.rpartition(".")[2] for name in names),
        )  # fmt: skip


def find_in_access(seen: Seen) -> Iterator[Found]:
    """Checks that are gone from what is still there, and protections that are switched off. That a file is about
    access is no decision, nor that a page went together with its check.
    """
    spared = {file.place for file in seen.files if role_of(file.place, file.now) is not Role.CODE}
    before_by_path = {file.base_path: file.base for file in seen.files}
    now_by_path = {file.now_path: file for file in seen.files}
    for write in seen.footprint.writes:
        if write.is_test or write.path in spared or write.kind not in CALLABLES or write.reachable:
            continue
        if write.edit in (Edit.MODIFIED, Edit.RENAMED):
            place = write.successor.path if write.successor is not None else write.path
            before = _guards(before_by_path.get(write.key.path), write.before)
            after = _guards_now(now_by_path.get(place), write)
            lost = [each for each in before if each not in after]
            if lost and len(after) < len(before):
                yield _access(f"{write.name} no longer checks {lost[0]}", lost[0], write.path, write.line)
    yield from _switched_off(seen)


def _switched_off(seen: Seen) -> Iterator[Found]:
    gone = {off for line in seen.moves.gone if (off := switched_off_in(line)) is not None}
    for each in seen.facts.touched:
        what = each.what.partition(": ")[2]
        is_off = each.kind is PointKind.AUTH and each.grade >= _BY_DEED and each.what.startswith("switches")
        if is_off and what not in gone:
            yield _access(f"{each.place.path} {each.what}", what, each.place.path, each.place.line)


def _access(what: str, name: str, path: str, line: int) -> Found:
    title = f"changes who may do what: {what}"
    return Found(DecisionKind.AUTH, title, what, f"auth:{path}", path=path, line=line, names=(name,))


def _guards(source: bytes | None, spans: Sequence[tuple[int, int]]) -> list[str]:
    lines = source.decode("utf-8", "replace").splitlines() if source is not None else []
    return [guard for first, last in spans for line in lines[first - 1 : last] for guard in guards_in(line)]


def _guards_now(file: ChangedFile | None, write: Write) -> list[str]:
    """The checks of a symbol as it is now, also where it went to another place."""
    if file is None:
        return []
    spans = write.after
    if not spans and write.successor is not None and file.now_reading is not None:
        found = [each for each in file.now_reading.symbols if each.qualname == write.successor.qualname]
        spans = found[0].spans if found else ()
    return _guards(file.now, spans)


def _is_new_and_public(
    write: Write, bases: Mapping[tuple[str, str], bool], registered: AbstractSet[tuple[str, str]]
) -> bool:
    """A function or class of a module, or a method of a class that inherits nothing: others may be overrides.

    What is decorated, and a class that inherits, is used by whoever knows the decorator or the base, not by its name.
    """
    if write.edit is not Edit.ADDED or write.imports or write.is_test or not is_public(write.key):
        return False
    owner, _, _ = write.key.qualname.rpartition(".")
    if not owner:
        return write.kind in _OFFERED and (write.path, write.key.qualname) not in registered
    return write.kind is SymbolKind.METHOD and bases.get((write.path, owner)) is False


def _bases(files: Sequence[ChangedFile]) -> dict[tuple[str, str], bool]:
    """Whether each class of the base inherits anything; a new one is told by itself, with its methods."""
    return {
        (file.place, symbol.qualname): bool(symbol.bases)
        for file in files
        if file.base_reading is not None
        for symbol in file.base_reading.symbols
        if symbol.kind is SymbolKind.CLASS
    }


def _is_data(each: SurfaceChange) -> bool:
    return each.kind is PointKind.REMOVED_SETTING and is_data_file(each.place.path)


def _registered(files: Sequence[ChangedFile]) -> frozenset[tuple[str, str]]:
    """Functions with a decorator, and classes with a base, of the change's texts."""
    return frozenset(
        (file.place, symbol.qualname)
        for file in files
        if file.now_reading is not None
        for symbol in file.now_reading.symbols
        if (symbol.kind is SymbolKind.FUNCTION and symbol.decorators)
        or (symbol.kind is SymbolKind.CLASS and symbol.bases)
    )


def _went(each: SurfaceChange, deleted: Mapping[str, Write], moves: Moves) -> bool:
    write = deleted.get(each.name)
    return each.kind is PointKind.REMOVED_PUBLIC and write is not None and moves.went(write)


def _added(each: SurfaceChange, defaults: Mapping[str, str]) -> Found:
    """Of an environment variable the choice is what is taken where it is not set: two may choose differently."""
    kind, said = _ADDED[each.kind]
    name = each.name
    default = told_value(name, defaults[name]) if kind is DecisionKind.ENVIRONMENT and name in defaults else ""
    choice = f"{default} by default" if default else name
    subject = f"env:{name}" if kind is DecisionKind.ENVIRONMENT else f"{kind.value}:{name}"
    names = (name, *((name.partition(" ")[2].partition(" ")[0],) if kind is DecisionKind.ROUTE else ()))
    return Found(
        kind, said.format(name), choice, subject, path=each.place.path, line=each.place.line, names=names[-1:]
    )  # fmt: skip


def _dependencies(path: str, group: Sequence[SurfaceChange], versions: Mapping[str, str]) -> Iterator[Found]:
    named = [(each, each.name.rpartition(":")[2]) for each in group]
    if len(named) >= _MANY:
        names = tuple(name for _, name in named)
        told = list_names(names, _MOST_NAMES)
        yield Found(
            DecisionKind.DEPENDENCY, f"adds {len(names)} dependencies in {path}: {told}", told, ",".join(names),
            path=path, line=group[0].place.line, names=names,
        )  # fmt: skip
        return
    for each, name in named:
        choice = f"{name} {versions[each.name]}" if versions.get(each.name) else name
        yield Found(
            DecisionKind.DEPENDENCY, f"adds the dependency {name}", choice, name, path=path, line=each.place.line,
            names=(name,),
        )  # fmt: skip


def _gone(kind: PointKind, group: Sequence[SurfaceChange]) -> Found:
    names = tuple(_plain_name(kind, each.name) for each in group)
    what, first = _GONE[kind], group[0]
    told = list_names(names, _MOST_NAMES)
    many = f"{len(group)} {what}s of {first.place.path}" if len(group) > 1 else f"the {what}"
    subject = f"deleted:{what}:{first.place.path if kind in _TOGETHER else names[0]}"
    return Found(
        DecisionKind.DELETED_FEATURE, f"takes away {many}: {told}", told, subject, path=first.place.path,
        line=first.place.line, names=tuple(name.rpartition(".")[2] for name in names),
    )  # fmt: skip


def _plain_name(kind: PointKind, name: str) -> str:
    """A symbol without its module, a setting without its file."""
    return name.rpartition(":")[2] if kind in (PointKind.REMOVED_PUBLIC, PointKind.REMOVED_SETTING) else name


def _defaults(footprint: Footprint) -> dict[str, str]:
    """What is taken where an environment variable is not set, by its name."""
    return {
        touch.access.resource.name: touch.access.value
        for touch in footprint.resources
        if touch.access.resource.kind is ResourceKind.ENVIRONMENT
        and touch.is_new
        and touch.access.mode is AccessMode.READ
        and 0 < len(touch.access.value) < 80
    }


def _versions(footprint: Footprint) -> dict[str, str]:
    """What a manifest asks for, by dependency."""
    return {
        touch.access.resource.name: touch.access.value
        for touch in footprint.resources
        if touch.access.resource.kind is ResourceKind.DEPENDENCY
        and touch.is_new
        and touch.access.mode is AccessMode.DEFINE
        and len(touch.access.value) < 40
    }
