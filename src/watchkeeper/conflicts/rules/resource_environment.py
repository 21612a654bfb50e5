"""Environment variables: defaults that differ, values that differ, and a variable that goes while another reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchkeeper.conflicts.meeting import Doing, both_define, is_told_as_text, meeting
from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind, ResourceTouch

RULE = "environment"
_KIND = ResourceKind.ENVIRONMENT
_NOTHING = frozenset({"", "none", "null", "undefined"})


def find_environment_conflicts(pair: Pair) -> Iterator[Conflict]:
    """What both do to one variable."""
    for name, one, two in both_define(pair, _KIND):
        if one.path == two.path and one.access.value != two.access.value and not is_told_as_text(pair, one, two):
            yield _differ(pair, name, one, two, "value")
    first, second = Doing(pair.first, _KIND), Doing(pair.second, _KIND)
    for name in sorted(first.read.keys() & second.read.keys()):
        left, right = _with_default(first.read[name]), _with_default(second.read[name])
        if left is None or right is None or left.access.value == right.access.value:
            continue
        if not is_told_as_text(pair, left, right):
            yield _differ(pair, name, left, right, "default")
    for goer, reader in pair.directions():
        yield from _gone(pair, goer, reader)


def _with_default(touches: Sequence[ResourceTouch]) -> ResourceTouch | None:
    return next((each for each in touches if each.access.value), None)


def _differ(pair: Pair, name: str, one: ResourceTouch, two: ResourceTouch, what: str) -> Conflict:
    return meeting(
        pair,
        f"{RULE}-{what}",
        Severity.MAJOR if what == "value" or (_says(one) and _says(two)) else Severity.MINOR,
        name,
        [(pair.first, one, f"its {what}"), (pair.second, two, f"its {what}")],
        summary=f"{pair.first.label} and {pair.second.label} give the environment variable {name} different {what}s",
        why=f"the {what} that holds depends on which place is looked at",
        next_step=f"agree on one {what} of {name} and state it in one place",
    )


def _says(touch: ResourceTouch) -> bool:
    """Whether a default is a value, and not a word for there being none."""
    return touch.access.value.strip("\"'").lower() not in _NOTHING


def _gone(pair: Pair, goer: Party, reader: Party) -> Iterator[Conflict]:
    """The variable is no longer defined, or what read it reads another one now, and the other side newly reads it."""
    going, reading = Doing(goer, _KIND), Doing(reader, _KIND)
    gone = {name: (touch, "removes") for name, touch, _ in going.removed_under(reading)}
    for name, touch in _renamed(going, reading):
        gone.setdefault(name, (touch, "reads another variable in place of"))
    for name, (touch, how) in sorted(gone.items()):
        needed = reading.newly_used(name)
        is_sure = how == "removes"
        yield meeting(
            pair,
            f"{RULE}-gone",
            Severity.MAJOR if is_sure and not needed[0].access.value else Severity.MINOR,
            name,
            [(goer, touch, how), (reader, needed[0], "newly reads it")],
            summary=f"{goer.label} {how} the environment variable {name}, which {reader.label} newly reads",
            why=f"{reader.label} was written while {name} was the variable's name",
            next_step=f"have {reader.label} read what {goer.label} defines in place of {name}",
            confidence=Confidence.SURE if is_sure else Confidence.LIKELY,
        )


def _renamed(going: Doing, reading: Doing) -> Iterator[tuple[str, ResourceTouch]]:
    """Variables that one side no longer reads where it now reads another, and that the other side newly reads."""
    for name in sorted(going.unread.keys() & reading.read.keys() - going.read.keys() - reading.unread.keys()):
        dropped = going.unread[name][0]
        fresh = [each for touches in going.read.values() for each in touches if each.path == dropped.path]
        if name not in reading.defined and any(each.access.symbol == dropped.access.symbol for each in fresh):
            yield name, dropped
