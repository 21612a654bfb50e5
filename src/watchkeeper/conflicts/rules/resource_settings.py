"""Settings: one key set to two values, or taken away while the other side's new code reads it."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.meeting import Doing, both_define, is_told_as_text, meeting
from watchkeeper.conflicts.pair import Pair
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind

RULE = "setting"
_KIND = ResourceKind.SETTING


def find_setting_conflicts(pair: Pair) -> Iterator[Conflict]:
    """What git merges line by line though it is one key."""
    before = [Doing(party, _KIND).undefined for party in (pair.first, pair.second)]
    for name, one, two in both_define(pair, _KIND):
        if all(name in known for known in before):
            continue  # the key stands there already, and stays one: git stops at its line, or joins the parts of a list
        if one.path != two.path or one.access.value == two.access.value or is_told_as_text(pair, one, two):
            continue
        yield meeting(
            pair,
            f"{RULE}-value",
            Severity.MAJOR,
            name,
            [(pair.first, one, "sets it"), (pair.second, two, "sets it")],
            summary=f"{pair.first.label} and {pair.second.label} set {name} to different values",
            why="git merges both lines; the last one holds, or the file does not load",
            next_step=f"agree on one value of {name}",
        )
    for goer, reader in pair.directions():
        for name, gone, needed in Doing(goer, _KIND).removed_under(Doing(reader, _KIND)):
            yield meeting(
                pair,
                f"{RULE}-gone",
                Severity.MINOR if needed.access.value else Severity.MAJOR,
                name,
                [(goer, gone, "removes it"), (reader, needed, "newly reads it")],
                summary=f"{goer.label} removes the setting {name}, which {reader.label} newly reads",
                why=f"after the merge {name} is read and nowhere set",
                next_step=f"keep {name}, or have {reader.label} read what took its place",
            )
