"""What landed, joined with all that the record says of it: its run, its conflicts, its decisions, who made it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.controlroom.landings import LandedEntry
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import CloseReason
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Seq, Sha
from watchkeeper.model.probing import Outcome
from watchkeeper.model.resources import ResourceKind
from watchkeeper.model.review import ChangeSurveyed, WrongHow
from watchkeeper.model.review_state import ChangeStanding, DecisionStanding
from watchkeeper.watch.discovery import landed_id


class LandedChange(NamedTuple):
    """A surveyed change in the target branch. ``landing`` None: the queue's events do not tell how it came there.

    ``conflicts`` are those that it is a side of; ``decisions`` what it decided.
    """

    project: str
    standing: ChangeStanding
    landing: LandedEntry | None = None
    conflicts: tuple[ConflictState, ...] = ()
    decisions: tuple[DecisionStanding, ...] = ()

    @property
    def survey(self) -> ChangeSurveyed:
        return self.standing.survey

    @property
    def commit(self) -> Sha:
        return self.survey.commit

    @property
    def at(self) -> Millis:
        """When it landed."""
        return self.landing.at if self.landing is not None else self.survey.landed_at or self.standing.at

    @property
    def past_queue(self) -> bool:
        return self.landing.past_queue if self.landing is not None else not self.survey.entry

    @property
    def is_tested(self) -> bool:
        """A whole run of the tests passed on the very tree that landed."""
        return self.landing is not None and self.landing.tested is not None

    @property
    def is_reverted(self) -> bool:
        """It was taken out again."""
        return any(each.how is WrongHow.REVERT for each in self.standing.wrong)

    @property
    def names(self) -> frozenset[ChangeId]:
        """By what conflicts know it."""
        own = {self.survey.change} if self.survey.change else set[ChangeId]()
        return frozenset({*own, landed_id(self.commit)})

    @property
    def evidence(self) -> tuple[Seq, ...]:
        """The events that say so."""
        return (*((self.landing.seq,) if self.landing is not None else ()), self.standing.seq)


def find_landed(project: ProjectPicture) -> tuple[LandedChange, ...]:
    """All landed changes that were surveyed, in the order in which they landed."""
    landings = _landings(project)
    conflicts = _by_change(project.standing.conflicts.values())
    decisions: dict[str, list[DecisionStanding]] = {}
    for each in project.review.decisions.values():
        decisions.setdefault(each.decision.commit or each.decision.change, []).append(each)
    found = []
    for standing in project.review.changes.values():
        survey = standing.survey
        landing = landings.get(survey.entry) or landings.get(survey.commit)
        bare = LandedChange(project.source.name, standing, landing)
        own = {state.conflict.id: state for name in bare.names for state in conflicts.get(name, ())}
        made = tuple(decisions.get(survey.commit, ()))
        found.append(bare._replace(conflicts=tuple(own.values()), decisions=made))
    return tuple(sorted(found, key=lambda each: (each.at, each.standing.seq)))


def find_unsurveyed_landings(project: ProjectPicture) -> tuple[LandedEntry, ...]:
    """What landed and nobody has looked at yet, in order."""
    surveyed = {each.survey.entry or each.survey.commit for each in project.review.changes.values()}
    commits = set(project.review.changes)
    return tuple(
        each
        for each in project.landing.landed
        if each.entry.id not in surveyed and each.entry.head not in surveyed and each.commit not in commits
    )


class Meeting(NamedTuple):
    """Landed changes that do not go together, or may not: all sides are in the target branch.

    ``state`` is the conflict by which that is known, ``proved`` whether a run has shown it.
    """

    state: ConflictState
    changes: tuple[LandedChange, ...]
    proved: bool


def find_meetings(landed: Iterable[LandedChange]) -> tuple[Meeting, ...]:
    """Conflicts of which every side has landed, and that nobody dismissed, solved or cleared; of several between the
    same changes the gravest.
    """
    sides: dict[ConflictId, list[LandedChange]] = {}
    states: dict[ConflictId, ConflictState] = {}
    for change in landed:
        for state in () if change.is_reverted else change.conflicts:
            sides.setdefault(state.conflict.id, []).append(change)
            states[state.conflict.id] = state
    best: dict[frozenset[Sha], Meeting] = {}
    for identity, changes in sides.items():
        state = states[identity]
        newest = _newest_sides(state, changes)
        if newest is None or not _still_stands(state, newest):
            continue
        proved = state.proof is not None and state.proof.outcome.is_proof
        found = Meeting(state, newest, proved)
        key = frozenset(each.commit for each in newest)
        if key not in best or _gravity(found) > _gravity(best[key]):
            best[key] = found
    return tuple(best.values())


_AFTER = " after "
"""In the name of a migration's place: whose child it is. What only names a migration is no child of it."""


class Clash(NamedTuple):
    """Two or more landed changes that made a migration with the same parent: the branch has several heads."""

    parent: str
    changes: tuple[LandedChange, ...]


def find_migration_clashes(landed: Iterable[LandedChange]) -> tuple[Clash, ...]:
    """Same sequence, same parent, by different changes, none of which was taken out again."""
    mark = f"{ResourceKind.MIGRATION.value}:"
    children: dict[str, list[LandedChange]] = {}
    for change in landed:
        for name in () if change.is_reverted else change.survey.resources:
            if name.startswith(mark) and _AFTER in name:
                children.setdefault(name.removeprefix(mark), []).append(change)
    return tuple(Clash(parent.partition(_AFTER)[2], tuple(them)) for parent, them in children.items() if len(them) > 1)


def _landings(project: ProjectPicture) -> dict[str, LandedEntry]:
    found: dict[str, LandedEntry] = {}
    for each in project.landing.landed:
        for key in (each.commit, each.entry.head, each.entry.id):
            found.setdefault(key, each) if key == each.commit else found.update({key: each})
    return found


def _by_change(states: Iterable[ConflictState]) -> dict[ChangeId, list[ConflictState]]:
    found: dict[ChangeId, list[ConflictState]] = {}
    for state in states:
        for change in state.conflict.changes:
            found.setdefault(change, []).append(state)
    return found


def _newest_sides(state: ConflictState, changes: Iterable[LandedChange]) -> tuple[LandedChange, ...] | None:
    """One landed change for each side, the newest that landed since the conflict began; None where a side has not."""
    found: list[LandedChange] = []
    for side in state.conflict.changes:
        own = [each for each in changes if side in each.names]
        if not own:
            return None
        found.append(max(own, key=lambda each: each.at))
    sides = {each.commit: each for each in found}
    return tuple(sides.values()) if len(sides) > 1 else None


def _still_stands(state: ConflictState, sides: Iterable[LandedChange]) -> bool:
    """Nobody said that it is none, and it was not over before its sides had landed."""
    if state.status is Status.DISMISSED or state.dismissal is not None or state.heirs:
        return False
    if state.severity.rank < Severity.MAJOR.rank:
        return False
    outcome = state.proof.outcome if state.proof is not None else None
    if outcome is Outcome.CLEARED:
        return False
    if state.status is Status.OPEN:
        return True
    if state.closed is CloseReason.LANDED:
        return True
    last = max(each.at for each in sides)
    return state.closed is CloseReason.GONE and (state.changed_at >= last or any(e.past_queue for e in sides))


def _gravity(meeting: Meeting) -> tuple[bool, int, int]:
    return meeting.proved, meeting.state.severity.rank, meeting.state.seq


def conflicts_of(changes: Iterable[LandedChange]) -> Iterator[ConflictState]:
    """All conflicts of these, each once."""
    known = {state.conflict.id: state for change in changes for state in change.conflicts}
    return iter(known.values())
