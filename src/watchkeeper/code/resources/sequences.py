"""Sequences of migrations: which of them nobody follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from watchkeeper.code.resources.migrations import Migration


def find_heads(migrations: Iterable[Migration]) -> Mapping[str, tuple[str, ...]]:
    """The ids of each sequence that are nobody's parent, sorted.

    A squashed migration stands for those that it replaces: they are no heads, and what follows them follows it.
    """
    by_sequence: dict[str, list[Migration]] = {}
    for migration in migrations:
        by_sequence.setdefault(migration.sequence, []).append(migration)
    return {sequence: _heads(members) for sequence, members in by_sequence.items()}


def _heads(members: Sequence[Migration]) -> tuple[str, ...]:
    stands_for = {old: each.id for each in members for old in each.replaces}
    standing = [each for each in members if each.id not in stands_for]
    followed = {stands_for.get(parent, parent) for each in standing for parent in each.parents}
    return tuple(sorted({each.id for each in standing} - followed))
