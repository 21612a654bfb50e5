"""Findings dealt to days and taken the way of real ones: events, folds, kinds, groups, independence, candidates."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha
from watchkeeper.model.scouting import (
    FindingFound,
    FindingId,
    KindAssigned,
    KindId,
    LookState,
    RunId,
    ScoutFinding,
    ScoutLooked,
)
from watchkeeper.model.scouting_state import ScoutState, StandardsState, fold_scouting
from watchkeeper.scouts.convergence.candidates import find_candidates
from watchkeeper.scouts.convergence.catalogue import builtin_catalogue
from watchkeeper.scouts.convergence.clustering import LEAST_ALIKE, Item, cluster
from watchkeeper.scouts.convergence.independence import DAY
from watchkeeper.scouts.convergence.matching import Bar, assign, measure_of, text_of
from watchkeeper.scouts.convergence.words import Measure
from watchkeeper.scouts.keys import finding_id

_BEGAN = 1_000 * DAY


class Told(NamedTuple):
    """A finding as a scout tells it. ``shape`` is a digest of its code; ``told`` what its run had been told."""

    project: str
    text: str
    shape: str = ""
    told: tuple[str, ...] = ()


class Days(NamedTuple):
    """For each day the candidates with their independent projects; how often a finding's kind became another one."""

    candidates: list[dict[str, int]]
    changed: int

    def projects(self, kind: str) -> int:
        return self.candidates[-1].get(kind, 0)

    def first_day(self, kind: str, projects: int = 1) -> int | None:
        """The first day on which it was a candidate with so many projects, from 1."""
        return next((day for day, each in enumerate(self.candidates, 1) if each.get(kind, 0) >= projects), None)


def live(
    told: Sequence[Told], days: int, chance: random.Random, bar: Bar | None = None, least: float = LEAST_ALIKE
) -> Days:
    """Deal the findings and live the days: a project's findings keep their order, a day is one run of each project."""
    dealt = _deal(told, days, chance)
    states: dict[ProjectId, ScoutState] = {ProjectId(each.project): ScoutState() for each in told}
    catalogue, seq, changed = builtin_catalogue(), 0, 0
    candidates: list[dict[str, int]] = []
    for day in range(days):
        now = Millis(_BEGAN + day * DAY)
        found = {project: list(_events(project, dealt.get((project, day), ()), day)) for project in states}
        for project, events in found.items():
            seq = _fold(states, project, events, now, seq)
        before = {each.finding.id: each.kind_id for state in states.values() for each in state.findings.values()}
        for project, state in list(states.items()):
            new = [each.finding for each in state.findings.values() if not each.kind_id]
            said = [each for each in assign(new, catalogue, bar) if isinstance(each, KindAssigned)]
            seq = _fold(states, project, said, now, seq)
        for said_of, event in _grouped(states, measure_of(catalogue), least):
            seq = _fold(states, said_of, [event], now, seq)
        after = {each.finding.id: each.kind_id for state in states.values() for each in state.findings.values()}
        changed += sum(bool(kind) and after[key] != kind for key, kind in before.items())
        found_now = find_candidates(states, StandardsState(), now, catalogue.severity_of)
        candidates.append({each.kind: each.count for each in found_now})
    return Days(candidates, changed)


def _deal(
    told: Sequence[Told], days: int, chance: random.Random
) -> dict[tuple[ProjectId, int], list[tuple[int, Told]]]:
    numbered: dict[str, list[tuple[int, Told]]] = {}
    for number, each in enumerate(told):
        numbered.setdefault(each.project, []).append((number, each))
    dealt: dict[tuple[ProjectId, int], list[tuple[int, Told]]] = {}
    for project, findings in sorted(numbered.items()):
        moments = sorted(chance.randrange(days) for _ in findings)
        for day, each in zip(moments, findings, strict=True):
            dealt.setdefault((ProjectId(project), day), []).append(each)
    return dealt


def _events(project: ProjectId, findings: Sequence[tuple[int, Told]], day: int) -> Iterator[Event]:
    run = RunId(f"s-{project}-{day}")
    for number, each in findings:
        identity = finding_id(project, "agent", "gaps", str(number), "", each.text, 0)
        finding = ScoutFinding(identity, "gaps", "agent", "gaps", str(number), each.text, shape=each.shape)
        yield FindingFound(run, finding)
    told = tuple(KindId(kind) for _, each in findings for kind in each.told)
    yield ScoutLooked(run, "gaps", LookState.FOUND, Sha(""), found=len(findings), new=len(findings), told=told)


def _fold(
    states: dict[ProjectId, ScoutState], project: ProjectId, events: Sequence[Event], now: Millis, seq: int
) -> int:
    recorded = [Recorded(Seq(seq + number), now, project, each) for number, each in enumerate(events, 1)]
    states[project] = fold_scouting(recorded, states[project])
    return seq + len(events)


def _grouped(
    states: Mapping[ProjectId, ScoutState], measure: Measure, least: float
) -> Iterator[tuple[ProjectId, KindAssigned]]:
    of_project: dict[FindingId, ProjectId] = {}
    items, known = [], {}
    for project, state in states.items():
        for each in state.findings.values():
            if not each.kind_id or each.kind_id.startswith("cluster-"):
                of_project[each.finding.id] = project
                items.append(Item(each.finding.id, each.at, text_of(each.finding)))
                if each.kind_id:
                    known[each.finding.id] = KindId(each.kind_id)
    for event in cluster(items, known, measure, least):
        yield of_project[event.id], event
