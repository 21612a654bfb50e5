"""What an incident says of two changes: a conflict that is proved where it hurt, and the rules that missed it. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from operator import eq
from typing import NamedTuple

from watchkeeper.conflicts.emergent import RUN_TIME
from watchkeeper.conflicts.pair import fingerprint_of
from watchkeeper.conflicts.standing import ConflictState, State
from watchkeeper.model.changes import Change, Source
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


IsIn = Callable[[Sha, Sha], bool]
"""Whether the second commit has the first in its history, itself included."""


def judge(incident: Incident, state: State, is_in: IsIn = eq) -> Verdict:
    """Both sides' changes as a conflict of theirs; nothing where a side is not traced, or both are one change.

    Nothing either where one was begun when the other was in the target branch: who wrote it could see the other, and no
    two changes went past each other. ``state`` is the project's as it is recorded. The same incident judged again
    records nothing new. ``is_in`` is asked a dozen times.
    """
    sides = _sides(incident)
    if sides is None or _is_one_after_the_other(sides, state, is_in):
        return Verdict()
    names = (_names(sides[0], state, is_in), _names(sides[1], state, is_in))
    known = [each for each in state.conflicts.values() if _pair_of(names, each.conflict.changes) is not None]
    about = [each for each in known if _is_about(each.conflict, sides, incident)]
    missed = tuple(_missed(about)) if _pair_of(names, state.changes) is not None else ()
    proved = next((each for each in about if each.proof is not None and each.proof.outcome.is_proof), None)
    if proved is not None and proved.proof is not None and proved.proof.outcome is Outcome.PROVED_AT_RUN_TIME:
        return Verdict((), proved.conflict.id, missed)
    best = proved or max(about, key=lambda each: each.severity.rank, default=None)
    told = _pair_of(names, best.conflict.changes) if best is not None else None
    changes = told or (names[0][0], names[1][0])
    # Which checks had proved it before is kept: they have missed nothing.
    proof = _proof(incident, sides, changes, proved.proof.by if proved is not None and proved.proof is not None else ())
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


def _names(origin: Origin, state: State, is_in: IsIn) -> tuple[ChangeId, ...]:
    """Every name by which the record may know the change: its own, then that of what landed with its commit."""
    landing = _find_landing(origin.commit, state.changes, is_in) if origin.commit is not None else None
    return tuple(dict.fromkeys((_change(origin), *((landing,) if landing is not None else ()))))


def _find_landing(commit: Sha, changes: Mapping[ChangeId, Change], is_in: IsIn) -> ChangeId | None:
    """The landed change that brought a commit. Each has all before it in it, so it is looked for by halves."""
    landed = {each.head: each for each in changes.values() if each.source is Source.LANDED and each.head is not None}
    for tip in landed.keys() - {each.base for each in landed.values()}:
        chain = list[Change]()
        at: Sha | None = tip
        while at in landed and len(chain) < len(landed):
            chain.append(landed[at])
            at = landed[at].base
        chain.reverse()  # the oldest first
        place = bisect_left(chain, True, key=lambda each: each.head is not None and is_in(commit, each.head))
        if place < len(chain) and not ((base := chain[place].base) is not None and is_in(commit, base)):
            return chain[place].id
    return None


def _pair_of(
    names: tuple[Sequence[ChangeId], Sequence[ChangeId]], among: Container[ChangeId]
) -> tuple[ChangeId, ChangeId] | None:
    """By which names both are there, as two; None where they are not."""
    pairs = ((one, two) for one in names[0] for two in names[1] if one != two)
    return next(((one, two) for one, two in pairs if one in among and two in among), None)


def _is_one_after_the_other(sides: tuple[Origin, Origin], state: State, is_in: IsIn) -> bool:
    """Whether either was begun from a commit that has the other's. Where nobody knows what it was begun from: no."""
    for one, two in (sides, sides[::-1]):
        known = state.changes.get(_change(two))
        base = two.before or (known.base if known is not None and known.source is not Source.LANDED else None)
        if base is not None and one.commit is not None and is_in(one.commit, base):
            return True
    return False


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
