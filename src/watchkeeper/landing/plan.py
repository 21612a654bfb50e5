"""What to do next, as data: logged, shown, compared in tests, and performed by the driver. Values."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Candidate, DiagnosisId, EntryId, LandingEvent, Purpose, RunId


class Build(NamedTuple):
    """Let git merge a candidate; a few hundredths of a second."""

    candidate: Candidate


class Ask(NamedTuple):
    """Run a tree, all of it (``tests`` empty) or these tests. Takes a slot."""

    candidate: Candidate
    tree: Sha
    tests: tuple[str, ...]
    purpose: Purpose
    diagnosis: DiagnosisId = DiagnosisId("")


class Stop(NamedTuple):
    """End a run that nobody needs any more."""

    run: RunId
    reason: str


class Land(NamedTuple):
    """Move the target branch from ``onto`` to a commit of ``tree``, which holds ``entries`` in this order.

    ``notes`` are recorded with it. ``red`` fail in it as they do on ``onto``, because of others.
    """

    onto: Sha
    entries: tuple[EntryId, ...]
    tree: Sha
    is_lane: bool = False
    notes: tuple[LandingEvent, ...] = ()
    red: tuple[str, ...] = ()


class Plan(NamedTuple):
    """Decisions are recorded first, and the plan made anew; what else there is can be done in any order."""

    decisions: tuple[LandingEvent, ...] = ()
    land: Land | None = None
    stops: tuple[Stop, ...] = ()
    builds: tuple[Build, ...] = ()
    asks: tuple[Ask, ...] = ()
