"""How changes are called: as short as can be, and each name once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import msgspec


class Nameable(msgspec.Struct, frozen=True):
    """``place`` is what stays the same while it is watched (a folder, a ref); ``name`` the branch, ``""`` for none."""

    place: str
    name: str
    folder: str = ""


def name_all(items: Sequence[Nameable], taken: Mapping[str, str]) -> dict[str, str]:
    """A name for each place: its branch, else its folder; with the folder where two would be equal.

    ``taken`` are the names given before: they stay while they still say the truth, whoever comes later.
    """
    wanted = {item.place: _wanted(item) for item in items}
    names: dict[str, str] = {}
    for item in items:
        before = taken.get(item.place, "")
        if before and _says(before, wanted[item.place]) and before not in names.values():
            names[item.place] = before
    crowd = Counter(wanted[item.place] for item in items if item.place not in names)
    used = set(names.values())
    for item in items:
        if item.place in names:
            continue
        short = wanted[item.place]
        alone = crowd[short] == 1 and short not in used
        name = short if alone else _long(item, short, used)
        names[item.place] = name
        used.add(name)
    return names


def _wanted(item: Nameable) -> str:
    return item.name or PurePath(item.folder).name or item.place


def _says(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted} (")


def _long(item: Nameable, short: str, used: set[str]) -> str:
    """The name with as much of the folder as it takes."""
    parts = PurePath(item.folder).parts if item.folder else (item.place,)
    for count in range(1, len(parts) + 1):
        name = f"{short} ({'/'.join(parts[-count:])})"
        if name not in used:
            return name
    return f"{short} ({item.place})"
