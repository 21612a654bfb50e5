"""What a change adds to what others may use, and what it takes away from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.footprint import is_test_path
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.footprint import Edit, Footprint, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import SymbolKind
from watchkeeper.model.resources import AccessMode, Resource, ResourceKind, ResourceTouch
from watchkeeper.risk.facts import Place, Role, SurfaceChange
from watchkeeper.risk.files import role_of
from watchkeeper.risk.inheritance import Inheritance
from watchkeeper.risk.options import Offer, offers_of
from watchkeeper.risk.points import PointKind
from watchkeeper.risk.public import is_aside, is_public

_NEW = {
    ResourceKind.TABLE: PointKind.NEW_TABLE,
    ResourceKind.ROUTE: PointKind.NEW_ROUTE,
    ResourceKind.ENVIRONMENT: PointKind.NEW_ENVIRONMENT,
    ResourceKind.DEPENDENCY: PointKind.NEW_DEPENDENCY,
}
_GONE = {
    ResourceKind.TABLE: PointKind.REMOVED_TABLE,
    ResourceKind.ROUTE: PointKind.REMOVED_ROUTE,
    ResourceKind.ENVIRONMENT: PointKind.REMOVED_ENVIRONMENT,
    ResourceKind.SETTING: PointKind.REMOVED_SETTING,
}
_KINDS = frozenset({SymbolKind.FUNCTION, SymbolKind.CLASS, SymbolKind.METHOD, SymbolKind.PROPERTY, SymbolKind.ENUM,
                    SymbolKind.INTERFACE, SymbolKind.TYPE})  # fmt: skip


def find_surface(files: Sequence[ChangedFile], footprint: Footprint, base: SourceTree) -> tuple[SurfaceChange, ...]:
    """All that is new, and all that is gone without a replacement. Tests and lock files offer nothing."""
    told = (*_resources(files, footprint, base), *_offers(files))
    return (*told, *(each for each in _symbols(footprint, base) if not _is_told(each, told)))


def _is_told(symbol: SurfaceChange, others: Sequence[SurfaceChange]) -> bool:
    """Whether the function is the handler of a route or command that is told already."""
    return any(
        symbol.kind in _TWICE.get(each.kind, ())
        and each.place.path == symbol.place.path
        and abs(each.place.line - symbol.place.line) <= _NEAR
        for each in others
    )


_NEAR = 3
_TWICE = {
    PointKind.NEW_ROUTE: (PointKind.NEW_PUBLIC,),
    PointKind.REMOVED_ROUTE: (PointKind.REMOVED_PUBLIC,),
    PointKind.REMOVED_COMMAND: (PointKind.REMOVED_PUBLIC,),
}


# -- resources -----------------------------------------------------------------------------------------------------


def _resources(files: Sequence[ChangedFile], footprint: Footprint, base: SourceTree) -> Iterator[SurfaceChange]:
    roles = {file.place: role_of(file.place, file.now) for file in files}
    spared = (Role.TEST, Role.GENERATED, Role.PROSE)
    touches = [t for t in footprint.resources if roles.get(t.path) not in spared and not _is_beside(t)]
    moves = [(f.base_path, f.now_path) for f in files if f.base_path and f.now_path and f.base_path != f.now_path]
    touches = [_moved(touch, moves) for touch in touches]
    after = {t.access.resource for t in touches if t.is_new and t.access.mode is not AccessMode.REMOVE}
    before = {t.access.resource for t in touches if not t.is_new or t.is_kept}
    elsewhere = _Elsewhere(files, base)
    told: set[Resource] = set()
    for touch in touches:
        resource = touch.access.resource
        if resource in told:
            continue
        kind = _what(touch, before, after, elsewhere)
        if kind is not None:
            told.add(resource)
            yield SurfaceChange(kind, resource.name, Place(touch.path, touch.access.line))


def _moved(touch: ResourceTouch, moves: Sequence[tuple[str, str]]) -> ResourceTouch:
    """The touch with the present places of files in its name: a route of a file that moved is the same route."""
    kind, name = touch.access.resource
    for old, new in moves if not touch.is_new else ():
        name = name.replace(old, new)
    if name == touch.access.resource.name:
        return touch
    return msgspec.structs.replace(touch, access=msgspec.structs.replace(touch.access, resource=Resource(kind, name)))


def _is_beside(touch: ResourceTouch) -> bool:
    """A key of a tool that the project is made with, or a variable of its own scripts: no user of it sets them."""
    kind = touch.access.resource.kind
    if kind is ResourceKind.ENVIRONMENT:
        return is_aside(touch.path)
    return kind is ResourceKind.SETTING and _TOOLS.search(touch.path) is not None


_TOOLS = re.compile(
    r"(^|/)(\.[^/]+(/.*)?|pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|mypy\.ini|package\.json|Cargo\.toml|Pipfile"
    r"|[jt]sconfig[\w.-]*\.json|[\w-]+\.config\.\w+|(mkdocs|readthedocs|codecov|appveyor)\.ya?ml|renovate\.json"
    r"|lerna\.json|(azure-pipelines|docker-compose)[\w.-]*\.ya?ml)$"
)


def _what(touch: ResourceTouch, before: set[Resource], after: set[Resource], elsewhere: _Elsewhere) -> PointKind | None:
    access, kind = touch.access, touch.access.resource.kind
    if kind is ResourceKind.TABLE:
        return _of_table(touch, before, after)
    is_defined = access.mode is AccessMode.DEFINE or kind is ResourceKind.ENVIRONMENT
    if not is_defined or touch.is_kept:
        return None
    if touch.is_new:
        is_known = kind not in _NEW or access.resource in before or elsewhere.had(access.resource)
        return None if is_known else _NEW[kind]
    is_there = kind not in _GONE or access.resource in after or elsewhere.has(access.resource)
    return None if is_there else _GONE[kind]


def _of_table(touch: ResourceTouch, before: set[Resource], after: set[Resource]) -> PointKind | None:
    """A table that is made or dropped; altering one is the migration's point."""
    access = touch.access
    is_whole = not _PART_OF_TABLE.search(access.text)
    if touch.is_new and access.mode is AccessMode.REMOVE and not touch.is_kept and is_whole:
        return PointKind.REMOVED_TABLE
    if access.mode is not AccessMode.DEFINE or not _MAKES_TABLE.search(access.text):
        return None
    if touch.is_new:
        return None if access.resource in before else PointKind.NEW_TABLE
    return PointKind.REMOVED_TABLE if touch.path.endswith(".sql") and access.resource not in after else None


_MAKES_TABLE = re.compile(r"create|model\s", re.IGNORECASE)
_PART_OF_TABLE = re.compile(r"column|field|index|constraint", re.IGNORECASE)
_MANIFEST = re.compile(
    r"(^|/)(requirements[\w./-]*\.(txt|in)|constraints[\w.-]*\.txt|pyproject\.toml|setup\.(cfg|py)|tox\.ini|Pipfile(\.lock)?"
    r"|(uv|poetry|pdm|yarn|Cargo)\.lock|package(-lock)?\.json|pnpm-lock\.yaml|Cargo\.toml|go\.(mod|sum)|environment\.ya?ml)$"
)


class _Elsewhere:
    """Whether other files know a name: a variable that is read in one more place is not new."""

    def __init__(self, files: Sequence[ChangedFile], base: SourceTree) -> None:
        self._files = files
        self._base = base
        self._changed = {path for file in files for path in (file.base_path, file.now_path) if path}
        self._known: dict[str, bool] = {}

    def had(self, resource: Resource) -> bool:
        """Whether the base knew it, in any file."""
        return self._stands(resource, [file.base for file in self._files])

    def has(self, resource: Resource) -> bool:
        """Whether the change's tree still knows it."""
        return self._stands(resource, [file.now for file in self._files if not is_test_path(file.place)])

    def _stands(self, resource: Resource, sources: Sequence[bytes | None]) -> bool:
        if resource.kind is ResourceKind.DEPENDENCY:
            return self._is_required(resource.name)
        if resource.kind is not ResourceKind.ENVIRONMENT:
            return False
        word = resource.name.encode()
        return any(source is not None and word in source for source in sources) or self._in_base(resource.name)

    def _is_required(self, name: str) -> bool:
        """Whether some manifest or lock file of the base names the package already."""
        word = re.compile(
            rf"(?<![\w-]){re.escape(name.partition(':')[2])}(?![\w-])".replace("\\-", "[-_.]"), re.IGNORECASE
        )
        texts = (self._base.source(path) or b"" for path in self._base.index.paths if _MANIFEST.search(path))
        return any(word.search(text.decode("utf-8", "replace")) for text in texts)

    def _in_base(self, name: str) -> bool:
        if name not in self._known:
            paths = (p for p in self._base.index.paths - self._changed if not is_test_path(p))
            readable = (p for p in paths if self._base.index.find_table(p) is not None)
            is_there = any(name.encode() in (self._base.source(path) or b"") for path in readable)
            self._known[name] = is_there
        return self._known[name]


# -- symbols -------------------------------------------------------------------------------------------------------


def _symbols(footprint: Footprint, base: SourceTree) -> Iterator[SurfaceChange]:
    inheritance = Inheritance(base)
    gone = {w.key for w in footprint.writes if _is_gone(w)}
    new = {SymbolKey(w.path, w.key.qualname) for w in footprint.writes if w.edit is Edit.ADDED and not w.imports}
    bound = {(w.path, w.key.qualname) for w in footprint.writes if w.imports and w.edit is not Edit.DELETED}
    replaced = {w.successor for w in footprint.writes if w.successor is not None}
    for write in footprint.writes:
        if write.imports or write.is_test or write.kind not in _KINDS or not is_public(write.key):
            continue
        owner = SymbolKey(write.key.path, write.key.qualname.rpartition(".")[0])
        if write.edit is Edit.ADDED and SymbolKey(write.path, write.key.qualname) not in replaced:
            if SymbolKey(write.path, owner.qualname) not in new:
                yield SurfaceChange(PointKind.NEW_PUBLIC, write.name, Place(write.path, write.line))
        elif write.key in gone and owner not in gone and (write.key.path, write.key.qualname) not in bound:
            offered = inheritance.offers(write.key)
            if offered is not True:
                place = Place(write.path, write.line)
                yield SurfaceChange(PointKind.REMOVED_PUBLIC, write.name, place, offered is False)


def _is_gone(write: Write) -> bool:
    return write.edit is Edit.DELETED and not write.reachable and not write.imports


# -- the command line ----------------------------------------------------------------------------------------------


def _offers(files: Sequence[ChangedFile]) -> Iterator[SurfaceChange]:
    before: dict[Offer, Place] = {}
    after: dict[Offer, Place] = {}
    for file in files:
        if file.is_binary or is_aside(file.place):
            continue
        if file.base is not None and file.base_path:
            before |= offers_of(file.base_path, file.base)
        if file.now is not None and file.now_path:
            after |= offers_of(file.now_path, file.now)
    for offer, place in before.items():
        if offer not in after:
            yield SurfaceChange(offer[0], offer[1], place)
