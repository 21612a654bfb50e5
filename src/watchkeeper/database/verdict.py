"""What an incident says of the two changes behind it: a suspicion that was right, or a conflict nobody saw. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.conflicts.emergent import RUN_TIME
from watchkeeper.conflicts.pair import fingerprint_of
from watchkeeper.conflicts.standing import ConflictState, State, Status
from watchkeeper.database.ranking import short_symbol
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Sha
from watchkeeper.model.incidents import Incident, IncidentKind, Origin
from watchkeeper.model.probing import Outcome, Proof

_LOCKS = frozenset({IncidentKind.CYCLE, IncidentKind.SELF_DEADLOCK, IncidentKind.IDLE_HOLDER, IncidentKind.POOL})
_MOST_WORDS = 240


class Side(msgspec.Struct, frozen=True):
    """One of the two changes: the line that it brought, and all names under which the record may know it.

    ``names`` begin with the one by which people know it; never empty.
    """

    origin: Origin
    names: tuple[ChangeId, ...]

    @property
    def name(self) -> ChangeId:
        return self.names[0]


class Verdict(msgspec.Struct, frozen=True):
    """The conflict of the pair, what is to be recorded of it, and the rules that looked at the pair and missed it."""

    conflict: ConflictId | None = None
    events: tuple[Event, ...] = ()
    missed: tuple[str, ...] = ()


def decide_verdict(incident: Incident, sides: Sequence[Side], state: State) -> Verdict:
    """What follows for the pair; nothing where it is no pair of two changes. Recorded once, however often it hangs."""
    if len(sides) != 2 or set(sides[0].names) & set(sides[1].names):
        return Verdict()
    first, second = sides
    told = [each for each in state.conflicts.values() if _is_pair(each.conflict.changes, first, second)]
    suspected = [each for each in told if each.conflict.rule != RUN_TIME]
    about = [each for each in suspected if _is_about(each.conflict, incident, sides)]
    missed = _missed(incident, sides, suspected, state)
    if about:
        return Verdict(_best(about).conflict.id, _probed(about, incident, sides), missed)
    conflict = _make(incident, sides)
    known = state.conflicts.get(conflict.id)
    events: list[Event] = []
    if known is None or known.status is Status.CLOSED:
        events.append(ConflictOpened(conflict))
    if known is None or known.proof is None or known.proof.outcome is not Outcome.PROVED_AT_RUN_TIME:
        events.append(ConflictProbed(conflict.id, _proof(incident, sides, conflict.id, conflict.changes)))
    return Verdict(conflict.id, tuple(events), missed)


def pair_of(incident: Incident) -> tuple[Origin, ...]:
    """The two lines that two different works brought, the holder's first; fewer where fewer are known for sure."""
    found: list[Origin] = []
    for party in incident.parties:
        best = next((each for each in party.attribution.origins if _is_work(each)), None)
        if best is not None and best.confidence >= 0.5 and all(_work(best) != _work(each) for each in found):
            found.append(best)
    return tuple(found[:2])


def _is_work(origin: Origin) -> bool:
    return origin.commit is not None and bool(origin.agent or origin.issue or origin.engagement)


def _work(origin: Origin) -> tuple[str, ...]:
    return (origin.engagement,) if origin.engagement else (origin.agent, origin.issue)


def _is_pair(changes: Sequence[ChangeId], one: Side, other: Side) -> bool:
    if len(changes) != 2:
        return False
    a, b = changes
    return (a in one.names and b in other.names) or (b in one.names and a in other.names)


def _is_about(conflict: Conflict, incident: Incident, sides: Sequence[Side]) -> bool:
    """Whether a suspicion warned of these functions or this table, or of everything that the merge of both does."""
    table = f"table {incident.relation}"
    symbols = {short_symbol(side.origin.symbol) for side in sides} - {""}
    for subject in conflict.subjects:
        if subject == table or short_symbol(subject) in symbols:
            return True
        if any(short_symbol(subject).startswith(f"{symbol}:") for symbol in symbols):
            return True
    words = " ".join(conflict.subjects)
    return any(symbol in words for symbol in symbols) or (bool(incident.relation) and f" {incident.relation}" in words)


def _best(told: Sequence[ConflictState]) -> ConflictState:
    return max(told, key=lambda each: (each.status is Status.OPEN, each.severity.rank, each.conflict.id))


def _probed(told: Iterable[ConflictState], incident: Incident, sides: Sequence[Side]) -> tuple[Event, ...]:
    """Each suspicion that was right is proved, and once: the same fault tomorrow proves nothing more."""
    return tuple(
        ConflictProbed(each.conflict.id, _proof(incident, sides, each.conflict.id, each.conflict.changes))
        for each in told
        if each.proof is None or each.proof.outcome is not Outcome.PROVED_AT_RUN_TIME
    )


def _proof(incident: Incident, sides: Sequence[Side], conflict: ConflictId, changes: tuple[ChangeId, ...]) -> Proof:
    ordered = sorted(sides, key=lambda side: not changes or changes[0] not in side.names)
    commits = tuple(side.origin.commit for side in ordered if side.origin.commit is not None)
    runs = next((side.origin.revision for side in sides if side.origin.revision is not None), None)
    return Proof(
        changes=changes,
        trees=commits,
        merged=runs or Sha(""),
        outcome=Outcome.PROVED_AT_RUN_TIME,
        by=(f"database {incident.database}",),
        reason=f"{incident.id}: {incident.summary}"[:_MOST_WORDS],
        conflicts=(conflict,),
    )


def _make(incident: Incident, sides: Sequence[Side]) -> Conflict:
    ordered = sorted(sides, key=lambda side: side.name)
    names = tuple(side.name for side in ordered)
    symbols = tuple(dict.fromkeys(f"{side.origin.path}:{side.origin.symbol}" for side in ordered))
    fingerprint = fingerprint_of(RUN_TIME, names, (incident.kind.value, incident.relation, *symbols))
    evidence = tuple(
        Evidence(side.name, side.origin.path, side.origin.line, side.origin.code, "as it runs") for side in ordered
    )
    return Conflict(
        id=ConflictId(f"c-{fingerprint[:8]}"),
        kind=Kind.EMERGENT,
        rule=RUN_TIME,
        severity=Severity.BLOCKING,
        confidence=Confidence.SURE,
        changes=names,
        subjects=(*symbols, *((f"table {incident.relation}",) if incident.relation else ())),
        summary=f"{names[0]} and {names[1]} together stood still in {incident.database}: {incident.summary}"[:400],
        why="it happened where the code runs, and no rule had said so before",
        evidence=evidence,
        next_step=incident.advice[0] if incident.advice else f"watchkeeper incident {incident.id}",
        fingerprint=fingerprint,
    )


def _missed(
    incident: Incident, sides: Sequence[Side], suspected: Sequence[ConflictState], state: State
) -> tuple[str, ...]:
    """The rules whose kind of thing it is and that said nothing of the pair, where both were looked at at all."""
    looked_at = {*state.changes, *(name for each in state.conflicts.values() for name in each.conflict.changes)}
    if not all(looked_at & set(side.names) for side in sides):
        return ()
    raised = {each.conflict.rule.removeprefix("emergent-") for each in suspected}
    return tuple(rule for rule, applies in _applying(incident, sides).items() if applies and rule not in raised)


def _applying(incident: Incident, sides: Sequence[Side]) -> Mapping[str, bool]:
    places = {(side.origin.path, side.origin.symbol) for side in sides}
    return {
        "locks": incident.kind in _LOCKS,
        "tables": bool(incident.relation) and " " not in incident.relation,
        "write-write": len(places) == 1,
    }
