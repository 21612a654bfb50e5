"""One run of scouts over one project: every dimension is looked along, what is new and what is gone is recorded."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event
from watchkeeper.model.fleet import EngagementId
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.scouting import (
    FindingBack,
    FindingFound,
    FindingGone,
    FindingId,
    KindId,
    LookState,
    RunId,
    ScoutFinding,
    ScoutLooked,
)
from watchkeeper.model.scouting_state import FindingStanding, ScoutState, fold_scouting
from watchkeeper.record.codec import SCOUT_KINDS
from watchkeeper.record.lock import ProcessLock
from watchkeeper.sandbox.job import Cancel
from watchkeeper.scoutdeck.names import SHELF, follow_names
from watchkeeper.scoutdeck.place import Subject, open_ground
from watchkeeper.scouts.checks.port import Check, Ground, Looked, Runs, could_not_look
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.dimension import Dimension
from watchkeeper.scouts.looking import Look, Where, judge_look

Clock = Callable[[], Millis]
FindCheck = Callable[[str, str], Check | None]
"""The check of a name, for a dimension."""

_AT_ONCE = 2
_TRIES = 20
_PARSING = frozenset({"tree", "duplication", "nested-locks"})
_PARSER = threading.Lock()
"""Held by whoever parses inside this process: Python counts the depth of its parser for all threads together, and two
that parse at once may both fail (CPython 3.11 to 3.12, ``AST constructor recursion depth mismatch``)."""


class Tools(NamedTuple):
    """What looking needs of others. ``environ`` is the user's; ``runs`` gets of it what a check names."""

    find_check: FindCheck
    runs: Runs
    environ: Mapping[str, str]
    clock: Clock


class Asked(NamedTuple):
    """By whom else was looked along a dimension: an agent's findings come as a check's do."""

    looked: Looked
    told: tuple[KindId, ...] = ()
    engagement: str = ""


class Run(msgspec.Struct, frozen=True):
    """What one run saw. ``new`` are findings that nobody knew, ``state`` is the fold after it."""

    id: RunId
    commit: Sha
    config: ScoutConfig
    looks: Mapping[str, Look]
    new: tuple[FindingId, ...]
    state: ScoutState


AskAgents = Callable[[Dimension, Ground], Sequence[Asked]]


def look(
    subject: Subject,
    dimensions: Sequence[str],
    tools: Tools,
    cancel: Cancel,
    ask: AskAgents | None = None,
) -> Run:
    """Look along ``dimensions`` (none: all that are enabled), two at a time. Blocks, for minutes.

    Each is recorded as it ends; a kill in between loses those that had not. Raises WatchkeeperError: ``scout-busy``,
    ``scout-ended``, ``unknown-dimension``, ``scout-config``, ``dimension-file``, ``no-target``.
    """
    lock = ProcessLock(subject.folder / "scout.lock")
    if not lock.acquire():
        raise WatchkeeperError(
            f"Scouts are looking at {subject.name} already (process {lock.holder()})",
            slug="scout-busy",
            hint="wait until they are done: watchkeeper findings",
            facts={"project": subject.name},
        )
    try:
        commit = subject.tip()
        known = subject.dimensions(commit)
        config = subject.config(commit, known)
        chosen = _choose(known, dimensions, config)
        run = RunId(f"s-{secrets.token_hex(4)}")
        names = follow_names(subject.log.shelf(subject.project, SHELF), subject.hub, commit)
        where = Where(subject.project, commit, names)
        with open_ground(subject, commit, config, tools.environ) as opened:
            ground = msgspec.structs.replace(opened, names=names)
            looker = _Looker(subject, run, where, tools, cancel, ask)
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                done = list(threads.map(partial(looker.look, ground), chosen))
        looks = {each.id: found for each, (found, _) in zip(chosen, done, strict=True)}
        new = tuple(each for _, ids in done for each in ids)
        return Run(run, commit, config, looks, new, subject.state())
    finally:
        lock.release()


def _choose(known: Mapping[str, Dimension], asked: Sequence[str], config: ScoutConfig) -> tuple[Dimension, ...]:
    for name in asked:
        if name not in known:
            raise WatchkeeperError(
                f"There is no dimension {name!r}",
                slug="unknown-dimension",
                hint=f"there are {', '.join(known)}",
                facts={"dimension": name},
            )
    if asked:
        return tuple(known[name] for name in dict.fromkeys(asked))
    return tuple(each for each in known.values() if config.of(each.id).enabled)


class _Looker:
    """Looks along one dimension after the other; several threads."""

    def __init__(  # noqa: PLR0917 parts, each of its own kind
        self, subject: Subject, run: RunId, where: Where, tools: Tools, cancel: Cancel, ask: AskAgents | None
    ) -> None:
        self._subject, self._run, self._where = subject, run, where
        self._tools, self._cancel, self._ask = tools, cancel, ask

    def look(self, ground: Ground, dimension: Dimension) -> tuple[Look, tuple[FindingId, ...]]:
        own = ground.scratch / dimension.id
        own.mkdir()
        ground = msgspec.structs.replace(ground, scratch=own)
        config = ground.config.of(dimension.id)
        looks = [self._check(dimension.id, name, ground) for name in config.checks or dimension.checks]
        asked = list(self._ask(dimension, ground)) if self._ask is not None and dimension.agent else []
        told = tuple(dict.fromkeys(kind for each in asked for kind in each.told))
        if self._cancel.is_set():  # what was ended by hand could not look for no reason of its own
            raise WatchkeeperError(
                f"The look along {dimension.id} was ended before it was done",
                slug="scout-ended",
                hint="watchkeeper scout, again",
                facts={"dimension": dimension.id},
            )
        found = judge_look(dimension.id, [*looks, *(each.looked for each in asked)], self._where)
        engagement = next((EngagementId(each.engagement) for each in asked if each.engagement), None)
        state, new = self._record(dimension.id, found, told, engagement)
        return msgspec.structs.replace(found, state=state), new

    def _check(self, dimension: str, name: str, ground: Ground) -> Looked:
        check = self._tools.find_check(dimension, name)
        if check is None:
            return could_not_look(name, "there is no check of that name: see docs/scouts.md for those there are")
        try:
            with _PARSER if name in _PARSING else nullcontext():
                return check.look(ground, self._tools.runs, self._cancel)
        except Exception as error:  # noqa: BLE001 a fault of ours in one check must not pass for clean, nor end the rest
            return could_not_look(name, f"it broke: {type(error).__name__}: {str(error)[:200]}")

    def _record(
        self, dimension: str, look: Look, told: tuple[KindId, ...], engagement: EngagementId | None
    ) -> tuple[LookState, tuple[FindingId, ...]]:
        """What differs from what is known, with the look itself, all or none; what it is now, and what is new."""
        for _ in range(_TRIES):
            log, project = self._subject.log, self._subject.project
            recorded = list(log.read(project, kinds=SCOUT_KINDS))
            state = fold_scouting(recorded)
            events, final, new = decide_events(state, self._run, dimension, look, self._where.commit, told)
            looked = events.pop()
            assert isinstance(looked, ScoutLooked)
            events.append(msgspec.structs.replace(looked, engagement=engagement))
            last = recorded[-1].seq if recorded else state.seq
            if log.append_if(project, events, self._tools.clock(), kinds=SCOUT_KINDS, last=last) is not None:
                return final, new
        raise WatchkeeperError(
            f"What scouts found in {self._subject.name} could not be recorded: others record too",
            slug="record-busy",
            hint="watchkeeper scout, again",
        )


def decide_events(  # noqa: PLR0917 a look, and all that it is compared with
    state: ScoutState, run: RunId, dimension: str, look: Look, commit: Sha, told: tuple[KindId, ...] = ()
) -> tuple[list[Event], LookState, tuple[FindingId, ...]]:
    """What a look changes: what is new, what is back, what is gone; what the dimension is, and what is new. Pure.

    Gone is only what a check found that has now seen everything, and says it no more. A dimension of which everything
    that was found is judged false is clean.
    """
    seen = {each.id: each for each in look.findings}
    new = tuple(each for each in seen if each not in state.findings)
    events: list[Event] = [FindingFound(run, seen[each]) for each in new]
    events += [FindingBack(each, commit) for each in seen if _is_gone(state.findings.get(each))]
    for each in state.findings.values():
        found = each.finding
        is_whole = found.dimension == dimension and found.check in look.whole
        if is_whole and found.id not in seen and each.gone is None:
            events.append(FindingGone(found.id, commit))
    holding = sum(_holds(state.findings.get(each)) for each in seen)
    final = look.state
    if final is LookState.FOUND and not holding:
        final = LookState.CLEAN
    events.append(ScoutLooked(run, dimension, final, commit, look.reason, look.checked, holding, len(new), told))
    return events, final, new


def _is_gone(standing: FindingStanding | None) -> bool:
    return standing is not None and standing.gone is not None


def _holds(standing: FindingStanding | None) -> bool:
    """Nobody settled it otherwise: what is not known yet holds."""
    return standing is None or msgspec.structs.replace(standing, gone=None).holds


def sources_of(ground: Path, findings: Sequence[ScoutFinding]) -> Iterator[tuple[str, bytes]]:
    """The bytes of the files that findings are in; a file that is not there has none."""
    for path in dict.fromkeys(each.path for each in findings):
        place = ground / path
        if place.is_file() and not place.is_symlink():
            yield path, place.read_bytes()
