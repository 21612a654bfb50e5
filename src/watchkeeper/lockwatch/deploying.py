"""What runs in an environment: said by a deploy script, asked of a command, or not known."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.app import Place, find_log, now
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Sha
from watchkeeper.model.incident_state import IncidentState, fold_incidents
from watchkeeper.model.incidents import RevisionDeployed
from watchkeeper.record.codec import INCIDENT_KINDS
from watchkeeper.record.log import Log
from watchkeeper.repos.git import show_path
from watchkeeper.sandbox.job import Job, Limits, Network
from watchkeeper.sandbox.run import find_sandbox

_ASK_S = 30.0


def record_deployed(place: Place, log: Log, revision: str, environment: str, by: str) -> Sha:
    """A commit runs there from now on; its id. Raises UsageError where the repository does not have it."""
    commit = place.repository.find_commit(revision)
    if commit is None:
        raise UsageError(
            f"There is no commit {show_path(revision)} in {place.repository.common_dir}",
            slug="unknown-revision",
            hint="git fetch, then the full id that was deployed: git rev-parse HEAD",
            facts={"revision": revision},
        )
    log.append(place.project, [RevisionDeployed(environment, commit, by)], now())
    return commit


def read_incidents(log: Log, place: Place, state: IncidentState | None = None) -> IncidentState:
    """Incidents and deployments of a project, as recorded until now."""
    after = state.seq if state is not None else IncidentState().seq
    return fold_incidents(log.read(place.project, kinds=INCIDENT_KINDS, after=after), state)


def ask_command(place: Place) -> Callable[[], str] | None:
    """What the project has configured to tell the revision that runs: its first word; None where nothing is.

    It runs in the sandbox, with the network: what it asks is elsewhere.
    """
    line = place.config.database.revision
    if not line:
        return None
    folder = place.repository.found_at or place.repository.common_dir
    sandbox = find_sandbox(place.home / "projects" / place.project / "sandbox")

    def ask() -> str:
        job = Job(command=("sh", "-c", line), folder=folder, network=Network.OPEN, limits=Limits(wall_s=_ASK_S))
        words = sandbox.run(job).output.decode("utf-8", "replace").split()
        return words[0][:64] if words else ""

    return ask


def find_incidents(place: Place) -> IncidentState:
    """The same, where a record is; an empty state where nothing was ever recorded. Creates nothing."""
    log = find_log(place.home)
    if log is None:
        return IncidentState()
    with log:
        return read_incidents(log, place)


class Deployments:
    """``database.sources.Deployed``: the environment's newest revision. Without a name the only one there is."""

    def __init__(self, log: Log, place: Place, environment: str, ask: Callable[[], str] | None = None) -> None:
        """``ask`` runs what the project has configured to tell the revision; its answer counts where nobody said."""
        self._log, self._place, self._environment, self._ask = log, place, environment, ask
        self._state = IncidentState()

    def find(self, database: str) -> Sha | None:  # noqa: ARG002 - one environment is watched
        self._state = read_incidents(self._log, self._place, self._state)
        known = self._state.deployed
        if self._environment:
            found = known.get(self._environment)
        else:
            found = next(iter(known.values())) if len(known) == 1 else None
        if found is not None:
            return found.revision
        return self._place.repository.find_commit(self._ask().strip()) if self._ask is not None else None
