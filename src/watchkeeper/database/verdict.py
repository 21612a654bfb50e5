"""What an incident says of two changes: a conflict that is proved where it hurt, and the rules that missed it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from watchkeeper.conflicts.emergent import RUN_TIME
from watchkeeper.conflicts.pair import fingerprint_of
from watchkeeper.conflicts.standing import ConflictState, State
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed
from watchkeeper.model.ids import ChangeId, ConflictId, Sha
from watchkeeper.model.incidents import Incident, Origin, Role
from watchkeeper.model.probing import Outcome, Proof

LOOKING = ("write-write", "tables", "locks")
"""The rules, and the check, that are there to see two changes lock each other."""

_LOCKS = "locks"


class Verdict(NamedTuple):
    """What is to be recorded, the conflict that it is about, and who has looked at the two changes in vain."""

    events: tuple[ConflictOpened | ConflictProbed, ...] = ()
    conflict: ConflictId | None = None
    missed: tuple[str, ...] = ()


def judge(incident: Incident, state: State) -> Verdict:
    """Both sides' changes as a conflict of theirs; nothing where a side is not traced, or both are one change.

    ``state`` is the project's as it is recorded. The same incident judged again records nothing new.
    """
    sides = _sides(incident)
    if sides is None:
        return Verdict()
    changes = (_change(sides[0]), _change(sides[1]))
    known = [each for each in state.conflicts.values() if set(changes) <= set(each.conflict.changes)]
    about = [each for each in known if _is_about(each.conflict, sides, incident)]
    missed = tuple(_missed(about)) if set(changes) <= state.changes.keys() else ()
    proved = next((each for each in about if each.proof is not None and each.proof.outcome.is_proof), None)
    if proved is not None and proved.proof is not None and proved.proof.outcome is Outcome.PROVED_AT_RUN_TIME:
        return Verdict((), proved.conflict.id, missed)
    # Which checks had proved it before is kept: they have missed nothing.
    proof = _proof(incident, sides, changes, proved.proof.by if proved is not None and proved.proof is not None else ())
    best = proved or max(about, key=lambda each: each.severity.rank, default=None)
    if best is not None:
        return Verdict((ConflictProbed(best.conflict.id, proof),), best.conflict.id, missed)
    made = _conflict(incident, sides, changes)
    return Verdict((ConflictOpened(made), ConflictProbed(made.id, proof)), made.id, missed)


def _sides(incident: Incident) -> tuple[Origin, Origin] | None:
    """The likeliest line of each side, of two changes."""
    holder = _best(incident, (Role.HOLDER, Role.BOTH))
    waiters = [*_bests(incident, (Role.WAITER, Role.BOTH))]
    if holder is None:
        return None
    other = next((each for each in waiters if _change(each) != _change(holder)), None)
    return (holder, other) if other is not None else None


def _bests(incident: Incident, roles: Sequence[Role]) -> Iterator[Origin]:
    for party in incident.parties:
        origins = party.attribution.origins
        if party.role in roles and origins and origins[0].commit is not None:
            yield origins[0]


def _best(incident: Incident, roles: Sequence[Role]) -> Origin | None:
    return next(_bests(incident, roles), None)


def _change(origin: Origin) -> ChangeId:
    """By its name in the record; else by its commit."""
    return origin.change or ChangeId((origin.commit or "")[:10])


def _is_about(conflict: Conflict, sides: Sequence[Origin], incident: Incident) -> bool:
    names = {each.symbol.rpartition(":")[2] for each in sides if each.symbol} | {incident.relation}
    subjects = {part for subject in conflict.subjects for part in (subject, subject.rpartition(":")[2])}
    return bool((names - {""}) & subjects)


def _missed(about: Sequence[ConflictState]) -> Iterator[str]:
    rules = {each.conflict.rule for each in about}
    checks = {name for each in about if each.proof is not None for name in each.proof.by}
    for name in LOOKING:
        is_found = name in checks if name == _LOCKS else any(rule.startswith(name) for rule in rules)
        if not is_found:
            yield name


def _proof(
    incident: Incident, sides: Sequence[Origin], changes: tuple[ChangeId, ChangeId], before: tuple[str, ...]
) -> Proof:
    ordered = sorted(zip(changes, sides, strict=True), key=lambda each: each[0])
    revision = next((each.revision for each in sides if each.revision is not None), Sha(""))
    return Proof(
        changes=tuple(change for change, _ in ordered),
        trees=tuple(origin.commit or Sha("") for _, origin in ordered),
        merged=revision,
        outcome=Outcome.PROVED_AT_RUN_TIME,
        by=(*before, f"incident {incident.id}"),
        reason=f"{incident.kind.value} in {incident.database}: {incident.summary}",
    )


def _conflict(incident: Incident, sides: Sequence[Origin], changes: tuple[ChangeId, ChangeId]) -> Conflict:
    names = tuple(sorted(changes))
    subjects = tuple(dict.fromkeys(each.symbol or each.path for each in sides))
    mark = fingerprint_of(RUN_TIME, names, (*subjects, incident.relation))
    evidence = tuple(
        Evidence(change, each.path, each.line, each.code, note)
        for change, each, note in zip(changes, sides, ("holds", "waits"), strict=True)
    )
    return Conflict(
        id=ConflictId(f"c-{mark[:8]}"),
        kind=Kind.EMERGENT,
        rule=RUN_TIME,
        severity=Severity.BLOCKING,
        confidence=Confidence.SURE if min(each.confidence for each in sides) >= 1.0 else Confidence.LIKELY,
        changes=names,
        subjects=subjects,
        summary=f"{incident.kind.value} in {incident.database}: {incident.summary}",
        why="it happened where the code runs",
        evidence=evidence,
        next_step=incident.advice[0] if incident.advice else "see the incident",
        fingerprint=mark,
    )
