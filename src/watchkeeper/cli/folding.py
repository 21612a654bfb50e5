"""What the live view shows in full, and what it folds into one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.cli.output import Terminal
from watchkeeper.cli.wording import severity_counts
from watchkeeper.conflicts.standing import ConflictState
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import ConflictChanged, ConflictClosed, ConflictDismissed, ConflictOpened, ConflictProbed
from watchkeeper.model.events import Event as AnyEvent
from watchkeeper.model.ids import ConflictId
from watchkeeper.record.config import Settings

_INTERRUPTS = Severity.MAJOR
"""What is worth an interruption; below it people look by themselves."""


class Levels(NamedTuple):
    """The least severity that is shown in full, and the least that is counted in the folded line."""

    full: Severity
    folded: Severity

    def divide(self, states: Iterable[ConflictState]) -> Division:
        """Open conflicts, in their order, by how they are shown; those below both are left out."""
        known = [each for each in states if each.severity.rank >= self.folded.rank]
        full = tuple(each for each in known if each.severity.rank >= self.full.rank)
        return Division(full, tuple(each for each in known if each.severity.rank < self.full.rank))


class Division(NamedTuple):
    """Conflicts that are shown in full, and those that are only counted."""

    full: tuple[ConflictState, ...] = ()
    folded: tuple[ConflictState, ...] = ()


def levels_of(settings: Settings) -> Levels:
    """``major`` and above in full and ``minor`` folded; whoever sets ``min_severity`` gets all from there in full."""
    least = settings.config.min_severity
    return Levels(least, least) if settings.is_set("min_severity") else Levels(_INTERRUPTS, least)


def folded_lines(folded: tuple[ConflictState, ...], terminal: Terminal) -> list[str]:
    """``7 minor: watchkeeper conflicts --severity minor``; nothing where nothing is folded."""
    if not folded:
        return []
    least = min(folded, key=lambda each: each.severity.rank).severity
    return [terminal.paint("dim", f"{severity_counts(folded)}: watchkeeper conflicts --severity {least.value}")]


class Telling:
    """Which events a person is told of: those about a conflict that is, or was told of as, grave enough."""

    def __init__(self, levels: Levels, shown: Iterable[ConflictState] = ()) -> None:
        self._levels = levels
        self._told = {each.conflict.id for each in shown}

    def tells(self, event: AnyEvent) -> bool:
        """Whether the event belongs on the screen. A minor suspicion that is proved does."""
        match event:
            case ConflictOpened(conflict=conflict) | ConflictChanged(conflict=conflict):
                return self._note(conflict.id, conflict.severity.rank >= self._levels.full.rank)
            case ConflictProbed(id=identity, proof=proof):
                return self._note(identity, proof.outcome.is_proof)
            case ConflictClosed(id=identity) | ConflictDismissed(id=identity):
                return identity in self._told
            case _:
                return True

    def _note(self, identity: ConflictId, is_grave: bool) -> bool:
        if is_grave:
            self._told.add(identity)
        return identity in self._told
