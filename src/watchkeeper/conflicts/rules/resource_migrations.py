"""Migrations: two children of one parent, two migrations of one number, a parent that is gone."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.meeting import Doing, both_define, meeting
from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind, ResourceTouch

RULE = "migrations"
_STRICT = ("flyway ", "supabase ", "alembic ", "django ")


def find_migration_conflicts(pair: Pair) -> Iterator[Conflict]:
    """Git merges files that stand beside each other; the deployment that runs them does not."""
    heads = set()
    for name, one, two in both_define(pair, ResourceKind.MIGRATION):
        if " after " in name:
            if one.access.value != two.access.value:
                heads |= {one.path, two.path}
                yield _two_heads(pair, name, one, two)
        elif one.path not in heads and one.path != two.path:
            yield from _one_number(pair, name, one, two)
    for remover, user in pair.directions():
        yield from _parent_gone(pair, remover, user)


def _two_heads(pair: Pair, name: str, one: ResourceTouch, two: ResourceTouch) -> Conflict:
    sequence, _, parent = name.partition(" after ")
    first, second = one.access.value, two.access.value
    return meeting(
        pair,
        f"{RULE}-heads",
        Severity.BLOCKING,
        name,
        [(pair.first, one, f"{first} after {parent}"), (pair.second, two, f"{second} after {parent}")],
        summary=f"{pair.first.label} and {pair.second.label} each add a migration after {parent} in {sequence}",
        why=f"{first} and {second} have the same parent: merged, the sequence has two heads and does not run",
        next_step=f"give one of {first} and {second} the other as its parent",
    )


def _one_number(pair: Pair, name: str, one: ResourceTouch, two: ResourceTouch) -> Iterator[Conflict]:
    sequence, _, number = name.partition(" is ")
    if one.access.value == two.access.value and not name.startswith(("alembic ", "django ")):
        return
    severity = Severity.BLOCKING if name.startswith(_STRICT) else Severity.MAJOR
    if name.startswith("prisma "):
        severity = Severity.MINOR
    yield meeting(
        pair,
        f"{RULE}-number",
        severity,
        name,
        [(pair.first, one, f"number {number}"), (pair.second, two, f"number {number}")],
        summary=f"{pair.first.label} and {pair.second.label} each add a migration numbered {number} in {sequence}",
        why=f"{one.path} and {two.path} claim the same place in the sequence; which runs first is left to chance",
        next_step=f"give the later of {one.path} and {two.path} the next free number",
    )


def _parent_gone(pair: Pair, remover: Party, user: Party) -> Iterator[Conflict]:
    removed = Doing(remover, ResourceKind.MIGRATION).removed_under(Doing(user, ResourceKind.MIGRATION))
    for name, gone, needed in removed:
        sequence, _, identity = name.partition(" is ")
        yield meeting(
            pair,
            f"{RULE}-gone",
            Severity.BLOCKING,
            name,
            [(remover, gone, "removed"), (user, needed, "relied on")],
            summary=f"{remover.label} removes migration {identity} of {sequence}, on which {user.label} builds",
            why=f"{needed.access.value} names {identity}, which is not there after the merge",
            next_step=f"give {needed.access.value} a parent that {remover.label} keeps",
        )
