"""write-skew: each change alters what the other relies on; together they may keep no promise that each keeps alone."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.conflicts.pair import Pair, make_conflict, short
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.ids import ConflictId

RULE = "write-skew"


def join_write_skew(pair: Pair, found: Sequence[Conflict]) -> Sequence[Conflict]:
    """Replaces two stale reads of opposite directions by one conflict, a step louder than the quieter of the two.

    The two have to meet in a symbol or in a class: what one change does here and the other somewhere else is two
    matters, each to be looked at by itself. Only ``minor`` and ``major`` count: two weak guesses do not make a strong
    one, and what breaks for certain is told by itself.
    """
    heard = [each for each in found if Severity.MINOR.rank <= each.severity.rank < Severity.BLOCKING.rank]
    ranked = sorted(heard, key=lambda each: (-each.severity.rank, each.id))
    ones = [each for each in ranked if each.evidence[0].change == pair.first.id]
    twos = [each for each in ranked if each.evidence[0].change == pair.second.id]
    joined: list[Conflict] = []
    taken: set[ConflictId] = set()
    for one in ones:
        two = next((each for each in twos if each.id not in taken and _anchors(one) & _anchors(each)), None)
        if two is not None:
            joined.append(_join(pair, one, two))
            taken |= {one.id, two.id}
    return [*joined, *(conflict for conflict in found if conflict.id not in taken)]


def _anchors(conflict: Conflict) -> frozenset[str]:
    """The symbols it is about; of a member the class that it goes with."""
    return frozenset(_owner(each) for each in conflict.subjects)


def _owner(name: str) -> str:
    module, _, symbol = name.rpartition(":")
    owner = symbol.rpartition(".")[0]
    return f"{module}:{owner}" if owner else name


def _join(pair: Pair, one: Conflict, two: Conflict) -> Conflict:
    quieter = min(one.severity, two.severity, key=lambda severity: severity.rank)
    louder = max(one.severity, two.severity, key=lambda severity: severity.rank)
    severity = max(louder, min(quieter.raised(), Severity.MAJOR, key=_rank), key=_rank)
    names = f"{short(one.subjects[0])} and {short(two.subjects[0])}"
    return make_conflict(
        kind=Kind.WRITE_SKEW,
        rule=RULE,
        severity=severity,
        confidence=min(one.confidence, two.confidence, key=lambda confidence: confidence.rank),
        parties=(pair.first, pair.second),
        keys=sorted((one.subjects[0], two.subjects[0])),
        subjects=(one.subjects[0], two.subjects[0], *one.subjects[1:], *two.subjects[1:]),
        summary=f"{pair.first.label} and {pair.second.label} each change what the other relies on: {names}",
        why=f"{one.summary} ({one.why}); {two.summary} ({two.why})",
        evidence=(*one.evidence, *two.evidence),
        next_step="land one of them, then have the other re-read and re-test against it",
        weight=min(one.weight + two.weight, 9),
    )


def _rank(severity: Severity) -> int:
    return severity.rank
