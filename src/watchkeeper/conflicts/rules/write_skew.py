"""write-skew: each change alters what the other relies on; together they may keep no promise that each keeps alone."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.conflicts.pair import Pair, make_conflict, short
from watchkeeper.model.conflicts import Conflict, Kind, Severity

RULE = "write-skew"


def join_write_skew(pair: Pair, found: Sequence[Conflict]) -> Sequence[Conflict]:
    """Replaces the loudest stale read of each direction by one conflict, one step louder than the quieter of the two.

    Only edges at ``minor`` and ``major`` count: two weak guesses do not make a strong one, and what breaks for certain
    is told by itself.
    """
    writers = {party.id for party in (pair.first, pair.second)}
    loudest: dict[str, Conflict] = {}
    for conflict in found:
        writer = conflict.evidence[0].change
        if Severity.MINOR.rank <= conflict.severity.rank < Severity.BLOCKING.rank:
            known = loudest.get(writer)
            if known is None or conflict.severity.rank > known.severity.rank:
                loudest[writer] = conflict
    if loudest.keys() != writers:
        return found
    one, two = (loudest[party.id] for party in (pair.first, pair.second))
    joined = _join(pair, one, two)
    return [joined, *(conflict for conflict in found if conflict is not one and conflict is not two)]


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
