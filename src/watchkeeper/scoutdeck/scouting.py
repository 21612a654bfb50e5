"""A whole run over one project: look, say what kind, try, file; and what became of what was filed before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.model.events import Event
from watchkeeper.model.ids import Millis
from watchkeeper.model.scouting import FindingId, FindingTried, LookState, ScoutLooked
from watchkeeper.model.scouting_state import ScoutState
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scoutdeck.filing import file_all, judge_by_issues, plan_for, tell_blindness
from watchkeeper.scoutdeck.looking import AskAgents, Run, Tools, look
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scoutdeck.resolving import resolve_mended
from watchkeeper.scoutdeck.sorting import sort_kinds
from watchkeeper.scoutdeck.trying import Trying, try_by_agent, try_by_code
from watchkeeper.scouts.cadence import next_look
from watchkeeper.scouts.convergence.catalogue import builtin_catalogue
from watchkeeper.scouts.filing import Filing, is_fit
from watchkeeper.scouts.precision import Precision, precisions
from watchkeeper.tracking import FleetLedger


class Wanted(msgspec.Struct, frozen=True):
    """What a run is to do. No ``dimensions``: all that are enabled; ``due``: only those whose time has come."""

    dimensions: tuple[str, ...] = ()
    due: bool = False
    files: bool = True


class Report(msgspec.Struct, frozen=True):
    """What a run did. ``filed`` are the issues; ``waiting`` what is fit to be filed and was not, for want of room."""

    run: Run
    state: ScoutState
    tried: tuple[FindingTried, ...] = ()
    filed: tuple[Filing, ...] = ()
    waiting: int = 0
    blind_filed: int = 0
    blind_closed: int = 0

    @property
    def is_green(self) -> bool:
        """Every dimension is clean, or does not apply: nobody was blind, and nothing holds."""
        return all(each.state in (LookState.CLEAN, LookState.NOT_APPLICABLE) for each in self.run.looks.values())


class Hands(NamedTuple):
    """What a run works with: ways to look, to ask agents, to try; how rules did in the projects ``known``, and how
    other projects solved what was found, as markdown (``solve``)."""

    tools: Tools
    trying: Trying
    ask: AskAgents | None = None
    known: Sequence[ScoutState] = ()
    solve: Callable[[], Mapping[FindingId, str]] = dict


def scout(subject: Subject, wanted: Wanted, hands: Hands, cancel: Cancel) -> Report | None:
    """Everything, in order, recorded step by step: killed anywhere, the next run goes on. Blocks for minutes.

    None: it is not time yet. Raises WatchkeeperError as ``look`` does.
    """
    clock = hands.tools.clock
    _learn(subject, clock())
    resolve_mended(subject, hands.tools.environ)
    dimensions = _due(subject, wanted, clock())
    if wanted.due and not dimensions:
        return None
    run = look(subject, dimensions, hands.tools, cancel, hands.ask)
    state = _add(subject, run.state, list(_left_off(run)), clock())
    state = _add(subject, state, sort_kinds(state, builtin_catalogue()), clock())
    tried = try_by_code(subject, state, run.commit, hands.trying)
    state = _add(subject, state, tried, clock())
    known = _rates(hands, state)
    for event in try_by_agent(subject, state, (run.commit, run.config), hands.trying, known):
        tried.append(event)
        state = _add(subject, state, [event], clock())
    filings: tuple[Filing, ...] = ()
    planned = plan_for(subject, state, run.config, known, clock(), hands.solve())
    if wanted.files:
        filings = planned
        file_all(subject, filings, clock)
        state = subject.state()
    began, ended = tell_blindness(subject.log, subject.name, state, clock) if wanted.files else (0, 0)
    told = tuple(each for each in tried if isinstance(each, FindingTried))
    fit = _count_waiting(state, known)
    return Report(run, state, told, filings, fit, began, ended)


def rates(states: Sequence[ScoutState]) -> dict[str, Precision]:
    """How rules and dimensions did, over all projects."""
    return precisions(each for state in states for each in state.findings.values())


def find_due(subject: Subject, state: ScoutState, now: Millis) -> tuple[str, ...]:
    """The enabled dimensions whose time has come. Raises UsageError."""
    commit = subject.tip()
    known = subject.dimensions(commit)
    config = subject.config(commit, known)
    enabled = [each for each in known if config.of(each).enabled]
    return tuple(each for each in enabled if next_look(state.looks.get(each), config.of(each).cadence_hours) <= now)


def _due(subject: Subject, wanted: Wanted, now: Millis) -> tuple[str, ...]:
    if not wanted.due:
        return wanted.dimensions
    due = find_due(subject, subject.state(), now)
    return tuple(each for each in due if not wanted.dimensions or each in wanted.dimensions)


def _learn(subject: Subject, now: Millis) -> None:
    """What became of issues since the last run."""
    judged = list(judge_by_issues(subject.state(), FleetLedger(subject.log, subject.project).state()))
    subject.log.append(subject.project, judged, now)


def _left_off(run: Run) -> Iterator[ScoutLooked]:
    """Dimensions along which nobody looks any more: who could not look there once is not blind for ever."""
    for name, standing in run.state.looks.items():
        is_off = not run.config.of(name).enabled and name not in run.looks
        if is_off and standing.look.state is not LookState.NOT_APPLICABLE:
            yield ScoutLooked(run.id, name, LookState.NOT_APPLICABLE, run.commit, "it is not looked along any more")


def _rates(hands: Hands, state: ScoutState) -> dict[str, Precision]:
    return rates([state, *hands.known])


def _add(subject: Subject, state: ScoutState, events: Sequence[Event], now: Millis) -> ScoutState:
    """Record them; the fold after them."""
    if not events:
        return state
    subject.log.append(subject.project, list(events), now)
    return subject.state()


def _count_waiting(state: ScoutState, known: dict[str, Precision]) -> int:
    return sum(is_fit(each, known) for each in state.holding())
