"""What a change decides by what it adds, alters and takes away. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from watchkeeper.model.footprint import Footprint
from watchkeeper.model.resources import AccessMode, ResourceKind
from watchkeeper.model.review import DecisionKind
from watchkeeper.review.decisions.found import Found
from watchkeeper.risk.facts import RiskFacts, SurfaceChange
from watchkeeper.risk.points import PointKind
from watchkeeper.risk.words import count_of, list_names

_MOST_NAMES = 4
_AUTH_BY_DEED = 4
"""Grade of what a change does to access control, not where it lies or how it is called."""
_ADDED = {
    PointKind.NEW_DEPENDENCY: (DecisionKind.DEPENDENCY, "adds the dependency {}"),
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


def find_in_surface(facts: RiskFacts, footprint: Footprint) -> Iterator[Found]:
    """New things that others may use, and things that are gone; names of one file are told together."""
    versions = _versions(footprint)
    public: dict[str, list[SurfaceChange]] = {}
    gone: dict[tuple[PointKind, str], list[SurfaceChange]] = {}
    for each in facts.surface:
        if each.kind is PointKind.NEW_PUBLIC:
            public.setdefault(each.place.path, []).append(each)
        elif each.kind in _ADDED:
            yield _added(each, versions)
        elif each.kind in _GONE and each.is_sure:
            key = each.place.path if each.kind in _TOGETHER else each.name
            gone.setdefault((each.kind, key), []).append(each)
    yield from (_public(path, group) for path, group in public.items())
    yield from (_gone(kind, group) for (kind, _), group in gone.items())


def find_in_access(facts: RiskFacts) -> Iterator[Found]:
    """Checks that are gone, protections that are switched off. That a file is about access is no decision."""
    for each in facts.touched:
        if each.kind is PointKind.AUTH and each.grade >= _AUTH_BY_DEED:
            title = f"changes who may do what: {each.place.path} {each.what}"
            what = each.what.rpartition(": ")[2].removeprefix("no longer checks ")
            yield Found(
                DecisionKind.AUTH, title, each.what, f"auth:{each.place.path}", path=each.place.path,
                line=each.place.line, names=(what,),
            )  # fmt: skip


def _added(each: SurfaceChange, versions: Mapping[str, str]) -> Found:
    kind, said = _ADDED[each.kind]
    name = plain_name(each.kind, each.name)
    subject = {DecisionKind.DEPENDENCY: name, DecisionKind.ENVIRONMENT: f"env:{name}"}.get(kind, f"{kind.value}:{name}")
    choice = f"{name} {versions[each.name]}" if versions.get(each.name) else name
    names = (name, *((name.partition(" ")[2],) if kind is DecisionKind.ROUTE else ()))
    return Found(kind, said.format(name), choice, subject, path=each.place.path, line=each.place.line, names=names)


def _public(path: str, group: Sequence[SurfaceChange]) -> Found:
    names = tuple(each.name.rpartition(":")[2] for each in group)
    told = list_names(names, _MOST_NAMES)
    title = f"offers {count_of(len(group), 'new public name')} in {path}: {told}"
    return Found(
        DecisionKind.PUBLIC_SYMBOL, title, told, f"public:{path}", path=path, line=group[0].place.line,
        names=tuple(name.rpartition(".")[2] for name in names),
    )  # fmt: skip


def _gone(kind: PointKind, group: Sequence[SurfaceChange]) -> Found:
    names = tuple(plain_name(kind, each.name) for each in group)
    what, first = _GONE[kind], group[0]
    told = list_names(names, _MOST_NAMES)
    many = f"{len(group)} {what}s of {first.place.path}" if len(group) > 1 else f"the {what}"
    subject = f"deleted:{what}:{first.place.path if kind in _TOGETHER else names[0]}"
    return Found(
        DecisionKind.DELETED_FEATURE, f"takes away {many}: {told}", told, subject, path=first.place.path,
        line=first.place.line, names=tuple(name.rpartition(".")[2] for name in names),
    )  # fmt: skip


def plain_name(kind: PointKind, name: str) -> str:
    """A dependency without its ecosystem, a symbol without its module, a setting without its file."""
    if kind in (PointKind.NEW_DEPENDENCY, PointKind.REMOVED_PUBLIC, PointKind.REMOVED_SETTING):
        return name.rpartition(":")[2]
    return name


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
