"""What a file offers besides its definitions: the names that it imports, and those that it exports."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from watchkeeper.code.comparison.sides import Sides, bindings, digest_of
from watchkeeper.model.footprint import Aspect, Edit, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Import, SymbolKind


def compare_imports(sides: Sides) -> Iterator[Write]:
    """The names that the file imports no more, or newly, or from elsewhere."""
    old = bindings(sides.base)
    new = bindings(sides.now)
    for local, item in old.items():
        if local in new or local in sides.new or sides.now is None or sides.is_hidden(local):
            continue
        yield _binding(sides, local, item, Edit.DELETED, "import removed")
    for local, item in new.items():
        if local not in old and local not in sides.old:
            yield _binding(sides, local, item, Edit.ADDED, "import added")
        elif local in old and _meaning(old[local]) != _meaning(item):
            yield _binding(sides, local, item, Edit.MODIFIED, f"now imported from {item.module or '.'}")


def compare_exports(sides: Sides) -> Iterator[Write]:
    """Names that can no longer be imported from here, although they may still be defined."""
    if not sides.language.has_exports or sides.base is None or sides.now is None or sides.is_hidden(""):
        return
    now = {export.public for export in sides.now.reading.exports}
    stars = any(export.public == "*" for export in sides.now.reading.exports)
    for export in sides.base.reading.exports:
        gone = export.public not in now and export.public != "*"
        if not gone or is_offered_otherwise(sides, export.public, export.local):
            continue
        if not (stars and export.public != "default") and not _is_deleted(sides, export.local):
            item = Import(local=export.public, module=export.module, level=0, name=export.local, line=export.line)
            write = _binding(sides, export.public, item, Edit.DELETED, "no longer exported")
            yield msgspec.structs.replace(write, name=export.local if export.public == "default" else export.public)


def is_offered_otherwise(sides: Sides, name: str, local: str = "") -> bool:
    """Whether a CommonJS module spells the same offer in another way: ``module.exports = { f }``, or an object that
    has ``f`` and is exported as a whole."""
    if sides.base is None or sides.now is None:
        return False
    old, now = sides.base.reading.whole, sides.now.reading.whole
    if not old or not now:
        return False
    if name == "default" or (name,) == old:  # whoever took the object finds its members on the module
        known = sides.old.get(local or name)
        return known is not None and known.kind is SymbolKind.VARIABLE
    owner, _, member = name.rpartition(".")
    if (owner,) == old:
        return any(export.public == member for export in sides.now.reading.exports)
    return not owner and len(now) == 1 and f"{now[0]}.{name}" in sides.new


def _is_deleted(sides: Sides, local: str) -> bool:
    return local in sides.old and local not in sides.new


def _binding(sides: Sides, local: str, item: Import, edit: Edit, detail: str) -> Write:
    span = ((item.line, item.line),)
    gone = edit is Edit.DELETED
    return Write(
        key=SymbolKey(sides.path, local),
        kind=SymbolKind.VARIABLE,
        edit=edit,
        name=local,
        path=sides.path if gone else sides.now_path,
        aspects=frozenset({Aspect.VALUE}) if edit is Edit.MODIFIED else frozenset(),
        before=span if gone else (),
        after=() if gone else span,
        hunks=span,
        detail=detail,
        line=item.line,
        text=sides.base_line(item.line) if gone else sides.now_line(item.line),
        digest=digest_of(repr(_meaning(item))),
        imports=True,
    )


def _meaning(item: Import) -> tuple[str, int, str]:
    return item.module, item.level, item.name
