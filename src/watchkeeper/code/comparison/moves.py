"""What the files of one change say together: a symbol that went from one and came in another was moved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.model.footprint import Edit, Write
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import CLASS_KINDS, VALUE_KINDS

_MOST_RENAMES = 60


def find_moves(writes: Sequence[Write]) -> tuple[Write, ...]:
    """Joins a symbol deleted in one file with its equal added in another: it was moved, not deleted."""
    places: dict[tuple[str, str], list[Write]] = {}
    for write in writes:
        if write.edit is Edit.ADDED and not write.imports and write.digest and write.kind not in VALUE_KINDS:
            places.setdefault((write.key.qualname, write.digest), []).append(write)
    bound = {write.key for write in writes if write.edit is Edit.ADDED and write.imports}
    joined = tuple(_moved(write, places, reachable=write.key in bound) for write in writes)
    return _with_members(joined)


def _with_members(writes: Sequence[Write]) -> tuple[Write, ...]:
    """A class that went from one file and came in another, with most of its members, was moved with all of them."""
    added = {write.key for write in writes if write.edit is Edit.ADDED}
    gone = [write for write in writes if write.edit in (Edit.DELETED, Edit.RENAMED)]
    places: dict[SymbolKey, SymbolKey] = {w.key: w.successor for w in gone if w.successor and w.kind in CLASS_KINDS}
    for write in gone:
        if write.kind in CLASS_KINDS and write.key not in places:
            found = _same_class_elsewhere(write.key, writes)
            if found is not None:
                places[write.key] = found
    return tuple(_following(write, places, added) if write.edit is Edit.DELETED else write for write in writes)


def _same_class_elsewhere(key: SymbolKey, writes: Sequence[Write]) -> SymbolKey | None:
    new = [w.key for w in writes if w.edit is Edit.ADDED and w.kind in CLASS_KINDS and w.key.qualname == key.qualname]
    if len(new) != 1:
        return None
    prefix = f"{key.qualname}."
    sides = [
        {w.key.qualname for w in writes if w.key.path == place.path and w.key.qualname.startswith(prefix)}
        for place in (key, new[0])
    ]
    shared = len(sides[0] & sides[1])
    return new[0] if shared * 2 >= len(sides[0] | sides[1]) else None


def _following(write: Write, places: Mapping[SymbolKey, SymbolKey], added: AbstractSet[SymbolKey]) -> Write:
    owner, _, last = write.key.qualname.rpartition(".")
    new_owner = places.get(SymbolKey(write.key.path, owner))
    if new_owner is None:
        return write
    successor = SymbolKey(new_owner.path, f"{new_owner.qualname}.{last}")
    if successor not in added:
        return write
    return msgspec.structs.replace(write, edit=Edit.RENAMED, successor=successor, detail=f"moved to {successor.path}")


def _moved(write: Write, places: Mapping[tuple[str, str], Sequence[Write]], *, reachable: bool) -> Write:
    new = places.get((write.key.qualname, write.digest), ()) if write.edit is Edit.DELETED else ()
    if len(new) != 1 or new[0].key == write.key:
        return write
    return msgspec.structs.replace(
        write, edit=Edit.RENAMED, successor=new[0].key, detail=f"moved to {new[0].path}", reachable=reachable
    )


def drop_mere_renames(
    writes: Sequence[Write], texts: Iterable[tuple[str, Mapping[str, tuple[str, str]]]]
) -> tuple[Write, ...]:
    """Takes back the modifications that only follow a rename of the same change: they keep the behaviour.

    The symbol stays written (its text did change), but nothing that others rely on.
    """
    names = {
        (write.key.qualname.rpartition(".")[2], write.successor.qualname.rpartition(".")[2])
        for write in writes
        if write.successor is not None
    }
    names = {(old, new) for old, new in names if old != new}
    if not names or len(names) > _MOST_RENAMES:
        return tuple(writes)
    following = {
        SymbolKey(path, qualname)
        for path, changed in texts
        for qualname, (before, after) in changed.items()
        if _renamed(before, names) == _renamed(after, names)
    }
    return tuple(
        msgspec.structs.replace(write, aspects=frozenset(), detail="follows a rename")
        if write.edit is Edit.MODIFIED and write.key in following
        else write
        for write in writes
    )


def _renamed(text: str, names: Iterable[tuple[str, str]]) -> str:
    for old, new in sorted(names):
        text = re.sub(rf"\b{re.escape(old)}\b", new, text)
    return text
