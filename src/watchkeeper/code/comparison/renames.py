"""Which deleted and added names of one file are the same definition under another name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from watchkeeper.code.comparison.sides import Sides
from watchkeeper.model.reading import CLASS_KINDS, VALUE_KINDS, Symbol, SymbolKind

_SIMILAR = 0.6
_MOST_NAMES = 60


def find_renames(sides: Sides, deleted: Sequence[str], added: Sequence[str]) -> dict[str, str]:
    """Deleted -> added names, classes with their members. Nothing where there are too many to compare."""
    found: dict[str, str] = {}
    if not deleted or not added or len(deleted) * len(added) > _MOST_NAMES**2:
        return found
    for old_name in sorted(deleted, key=lambda name: name.count(".")):
        owner, _, last = old_name.rpartition(".")
        moved_owner = found.get(owner, owner)
        kept = f"{moved_owner}.{last}" if moved_owner else last
        if moved_owner != owner and kept in sides.new:
            found[old_name] = kept
            continue
        best = _best_match(sides, old_name, moved_owner, [n for n in added if n not in found.values()])
        if best is not None:
            found[old_name] = best
    return found


def _best_match(sides: Sides, old_name: str, owner: str, candidates: Sequence[str]) -> str | None:
    old = sides.old[old_name]
    if old.kind in VALUE_KINDS and old.kind is not SymbolKind.VARIABLE:
        return None
    before = _without_name(sides.normal_before(old), old)
    best, best_ratio = None, _SIMILAR
    for name in candidates:
        new = sides.new[name]
        if new.kind is not old.kind or name.rpartition(".")[0] != owner:
            continue
        ratio = _similarity(before, _without_name(sides.normal_now(new), new), best_ratio)
        if old.kind in CLASS_KINDS:
            ratio = max(ratio, _shared_members(old_name, name, sides.old, sides.new))
        if ratio > best_ratio or (ratio == 1.0 and best is None):
            best, best_ratio = name, ratio
    return best


def _without_name(text: str, symbol: Symbol) -> str:
    return text.replace(symbol.qualname.rpartition(".")[2], "\0")


def _similarity(before: str, after: str, floor: float) -> float:
    if before == after:
        return 1.0
    short, long = sorted((len(before), len(after)))
    if not long or 2 * short / (short + long) <= floor:
        return 0.0
    matcher = SequenceMatcher(None, before.split(), after.split(), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() > floor else 0.0


def _shared_members(old_name: str, new_name: str, old: dict[str, Symbol], new: dict[str, Symbol]) -> float:
    before = {name[len(old_name) + 1 :] for name in old if name.startswith(f"{old_name}.")}
    after = {name[len(new_name) + 1 :] for name in new if name.startswith(f"{new_name}.")}
    return len(before & after) / len(before | after) if before and after else 0.0
