"""What a run works with, on this machine: the sandbox, the checks, and how rules did everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from watchkeeper.fleet.config import AgentEntry
from watchkeeper.model.events import Recorded
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import FindingId, StandardState
from watchkeeper.model.scouting_state import ScoutState, StandardsState, fold_scouting, fold_standards
from watchkeeper.record.codec import SCOUT_KINDS
from watchkeeper.record.log import Log
from watchkeeper.sandbox.job import Cancel
from watchkeeper.sandbox.run import find_sandbox
from watchkeeper.scoutdeck.agents import AgentScouts, Settled
from watchkeeper.scoutdeck.looking import Tools
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scoutdeck.registry import DECISIVE, find_check, rules_of
from watchkeeper.scoutdeck.scouting import Hands
from watchkeeper.scoutdeck.trying import Trying
from watchkeeper.scouts.checks.drift import StandardsCheck
from watchkeeper.scouts.checks.port import Check
from watchkeeper.scouts.checks.running import SandboxRuns


def make_hands(  # noqa: PLR0917 parts, each of its own kind
    subject: Subject,
    environ: Mapping[str, str],
    clock: Callable[[], Millis],
    cancel: Cancel,
    agents: Sequence[AgentEntry] = (),
    solve: Callable[[], Mapping[FindingId, str]] = dict,
) -> Hands:
    """``agents`` are those of ``fleet.toml``; without them programs look alone. Raises WatchkeeperError."""
    runs = SandboxRuns(find_sandbox(Path(subject.folder, "jobs")), cancel)
    standards = fold_standards(subject.log.read(FLEET, kinds=SCOUT_KINDS))
    scouts = AgentScouts(subject, agents, environ, clock, cancel, settled_by(standards))
    known = read_all(subject.log)
    others = tuple(state for project, state in known.items() if project != subject.project)
    trying = Trying(rules_of, DECISIVE, scouts.refuter)
    drift = StandardsCheck(subject.project, standards, clock())

    def find(dimension: str, name: str) -> Check | None:
        return drift if name == drift.name else find_check(dimension, name)

    return Hands(Tools(find, runs, environ, clock), trying, scouts.look, others, solve)


def settled_by(standards: StandardsState) -> Settled:
    """What the checks of adopted standards find: agents are told to leave it out."""
    held = [
        each.standard
        for each in standards.standards.values()
        if each.state in (StandardState.ADOPTED, StandardState.ENFORCED)
    ]
    return Settled(tuple(each.kind for each in held), tuple(each.title for each in held))


def read_all(log: Log) -> dict[ProjectId, ScoutState]:
    """What scouts found in every project of the record. Raises WatchkeeperError."""
    by_project: dict[ProjectId, list[Recorded]] = {}
    for recorded in log.read(None, kinds=SCOUT_KINDS):
        by_project.setdefault(recorded.project, []).append(recorded)
    return {project: fold_scouting(events) for project, events in by_project.items()}
