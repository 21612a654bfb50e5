"""What a run works with, on this machine: the sandbox, the checks, and how rules did everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from watchkeeper.fleet.config import AgentEntry
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting_state import ScoutState, fold_scouting
from watchkeeper.record.codec import SCOUT_KINDS
from watchkeeper.record.log import Log
from watchkeeper.sandbox.job import Cancel
from watchkeeper.sandbox.run import find_sandbox
from watchkeeper.scoutdeck.agents import AgentScouts
from watchkeeper.scoutdeck.looking import Tools
from watchkeeper.scoutdeck.place import Subject
from watchkeeper.scoutdeck.registry import DECISIVE, find_check, rules_of
from watchkeeper.scoutdeck.scouting import Hands
from watchkeeper.scoutdeck.trying import Trying
from watchkeeper.scouts.checks.running import SandboxRuns


def make_hands(
    subject: Subject,
    environ: Mapping[str, str],
    clock: Callable[[], Millis],
    cancel: Cancel,
    agents: Sequence[AgentEntry] = (),
) -> Hands:
    """``agents`` are those of ``fleet.toml``; without them programs look alone. Raises WatchkeeperError."""
    runs = SandboxRuns(find_sandbox(Path(subject.folder, "jobs")), cancel)
    scouts = AgentScouts(subject, agents, environ, clock, cancel)
    known = read_all(subject.log)
    others = tuple(state for project, state in known.items() if project != subject.project)
    trying = Trying(rules_of, DECISIVE, scouts.refuter)
    return Hands(Tools(find_check, runs, environ, clock), trying, scouts.look, others)


def read_all(log: Log) -> dict[ProjectId, ScoutState]:
    """What scouts found in every project of the record. Raises WatchkeeperError."""
    by_project: dict[ProjectId, list[Recorded]] = {}
    for recorded in log.read(None, kinds=SCOUT_KINDS):
        by_project.setdefault(recorded.project, []).append(recorded)
    return {project: fold_scouting(events) for project, events in by_project.items()}
