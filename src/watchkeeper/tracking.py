"""The composition root of issues: the record as a tracker, and GitHub beside it, wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from watchkeeper.app import Place, find_log, now, open_log
from watchkeeper.forge.builtin import Builtin, comes_from_elsewhere
from watchkeeper.forge.names import project_name
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.fleet import FleetEvent
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.record.config import PROJECT_FILE, find_user_file
from watchkeeper.record.home import make_home
from watchkeeper.record.lock import ProcessLock

if TYPE_CHECKING:
    # Imported where it is used: whoever does not ask GitHub does not wait for its client.
    from watchkeeper.forge.asking import Pace
    from watchkeeper.forge.github import GitHubTracker
    from watchkeeper.forge.port import Draft
    from watchkeeper.forge.sync import Sync
    from watchkeeper.model.events import Recorded
    from watchkeeper.record.log import Log
    from watchkeeper.record.shelf import Shelf

_IMPORTED = "imported"
_IDS = "ids"
"""What the ids of a repository's issues begin with, whatever it is called later."""


class FleetLedger:
    """A project's issues and engagements in ``log``; implements ``forge.port.Ledger``. Not for two threads at once."""

    def __init__(self, log: Log, project: ProjectId, clock: Callable[[], Millis] = now) -> None:
        self._log, self._project, self._clock = log, project, clock
        self._state = FleetState()

    def state(self) -> FleetState:
        """What is known, as new as it gets."""
        self._state = fold_fleet(self.events(self._state.seq), self._state)
        return self._state

    def events(self, after: Seq = Seq(0)) -> Iterator[Recorded]:
        """What was recorded of them after that number, in order."""
        from watchkeeper.record.codec import FLEET_KINDS

        return self._log.read(self._project, after=after, kinds=FLEET_KINDS)

    def record(self, events: Sequence[FleetEvent], seen: Seq) -> bool:
        """Record them, all or none, if ``seen`` is still the newest of the fleet's events; False: it is not."""
        from watchkeeper.record.codec import FLEET_KINDS

        recorded = self._log.append_if(self._project, events, self._clock(), kinds=FLEET_KINDS, last=seen)
        return recorded is not None


@dataclass(frozen=True)
class Tracking:
    """The issues of one project. ``imported`` is where what files said of issues is kept."""

    ledger: FleetLedger
    issues: Builtin
    log: Log
    imported: Shelf


def read_fleet(place: Place, *, of_fleet: bool = False) -> FleetState:
    """The issues and engagements of the project; ``of_fleet``: those of the fleet itself. Creates nothing.

    Raises WatchkeeperError.
    """
    log = find_log(place.home)
    if log is None:
        return FleetState()
    with log:
        return FleetLedger(log, FLEET if of_fleet else place.shared).state()


@contextmanager
def open_tracking(place: Place, by: str) -> Iterator[Tracking]:
    """The project's issues, to work on as ``by``; closed at the end. Raises WatchkeeperError."""
    with open_log(place.home) as log:
        ledger = FleetLedger(log, place.shared)
        builtin = Builtin(ledger, find_name(place, ledger.state()), by=by, clock=now)
        yield Tracking(ledger, builtin, log, log.shelf(place.shared, _IMPORTED))


def find_name(place: Place, state: FleetState) -> str:
    """What the ids of new issues begin with: as those before, else the name of the repository's folder."""
    filed = next((each for each in state.issues if not comes_from_elsewhere(each)), None)
    if filed is not None:
        return filed.rpartition("#")[0]
    folder = place.repository.common_dir
    return project_name(folder.parent.name if folder.name == ".git" else folder.name)


def read_imported(shelf: Shelf) -> dict[str, Draft]:
    """By source, what files said of issues the last time they were imported."""
    import msgspec

    from watchkeeper.forge.port import Draft

    found = {}
    for source, value in shelf.read().items():
        try:
            found[source] = msgspec.json.decode(value, type=Draft)
        except (msgspec.MsgspecError, ValueError):
            continue  # written by another version: what the file says now counts
    return found


def keep_imported(shelf: Shelf, drafts: Sequence[Draft]) -> None:
    """Remember what a file said."""
    import msgspec

    shelf.put({draft.source: msgspec.json.encode(draft) for draft in drafts})


def name_file(place: Place, path: Path) -> str:
    """How a file is called in the sources of its issues: within the checkout by its place there."""
    whole, top = path.resolve(), place.repository.found_at
    if top is not None and whole.is_relative_to(top.resolve()):
        return whole.relative_to(top.resolve()).as_posix()
    return str(whole)


def find_token(place: Place, environ: Mapping[str, str]) -> str:
    """The token, ``""`` where there is none. Raises UsageError (``tracker-token``) for what cannot be one."""
    name = place.config.tracker.token_env
    token = environ.get(name, "").strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(
            f"What the variable {name} holds cannot be a token: it has spaces, or signs that no token has",
            slug="tracker-token",
            hint=f"export {name} with the token alone",
        )
    return token


def require_github(place: Place, environ: Mapping[str, str]) -> None:
    """Raises UsageError: ``tracker-missing`` where no repository is configured, ``tracker-config`` where the
    project's own file says where to send a token: whoever can change a branch could send it anywhere.
    """
    settings = place.settings
    if not place.config.tracker.github:
        raise UsageError(
            "No tracker is configured beside the built-in one",
            slug="tracker-missing",
            hint='put [tracker] github = "owner/name" into watchkeeper.toml',
        )
    user_file = str(find_user_file(environ))
    for key in ("tracker.api", "tracker.token_env"):
        origin = settings.origins[key]
        if origin.endswith(PROJECT_FILE) and origin != user_file:
            raise UsageError(
                f"{origin} sets {key}, which says where a token goes: a project's file may not",
                slug="tracker-config",
                hint=f"set {key} in {user_file}, or export WATCHKEEPER_{key.upper().replace('.', '_')}",
                facts={"file": origin, "key": key},
            )


@contextmanager
def open_sync(
    place: Place, tracking: Tracking, environ: Mapping[str, str], say: Callable[[str], None], pace: Pace | None = None
) -> Iterator[tuple[Sync, GitHubTracker]]:
    """What makes the configured tracker and the record one; closed at the end. Asks which repository it is.

    ``say`` hears of what is waited for and of renamed repositories. One process at a time: two could do one thing
    there twice. Raises WatchkeeperError (``tracker-busy`` where another is at it).
    """
    require_github(place, environ)
    token = find_token(place, environ)
    try:
        from watchkeeper.forge.asking import Pace
        from watchkeeper.forge.github import GitHubTracker
    except ImportError as error:
        raise WatchkeeperError(
            "What speaks to GitHub is not installed",
            slug="tracker-not-installed",
            hint="pip install 'watchkeeper[github]'",
            facts={"reason": str(error)},
        ) from error
    from watchkeeper.forge.github_reading import BY
    from watchkeeper.forge.sync import Sync

    configured = place.config.tracker
    lock = ProcessLock(make_home(place.home) / "projects" / place.project / "sync.lock")
    if not lock.acquire():
        raise WatchkeeperError(
            f"Another sync of this project is going on{f' (process {lock.holder()})' if lock.holder() > 0 else ''}",
            slug="tracker-busy",
            hint="wait until it is done, then: watchkeeper issue sync",
        )
    pace = pace or Pace(now, sleep, say)
    with _held(lock), GitHubTracker(configured.github, api=configured.api, token=token, pace=pace) as tracker:
        shelf = tracking.log.shelf(place.shared, f"github-{tracker.repository().id}")
        ids = shelf.read().get(_IDS, b"").decode()
        if not ids:
            ids = tracker.ids
            shelf.put({_IDS: ids.encode()})
        tracker.keep_ids(ids)
        yield Sync(tracker, tracking.ledger, shelf, ids=ids, their=BY, clock=now), tracker


@contextmanager
def _held(lock: ProcessLock) -> Iterator[None]:
    try:
        yield
    finally:
        lock.release()
