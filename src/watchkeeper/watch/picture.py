"""What there is to see of a watch: what it is made of, everything at one moment, and what happened in one step."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from watchkeeper.conflicts.standing import State
from watchkeeper.model.changes import Change
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.target import Target
from watchkeeper.watch.ledger import Ledger
from watchkeeper.watch.lookout import Lookout
from watchkeeper.watch.measures import WatchStatistics
from watchkeeper.watch.proving import Prover
from watchkeeper.watch.readings import Readings


def as_error(error: Exception) -> WatchkeeperError:
    """A fault of our own in one sentence."""
    return WatchkeeperError(f"Watchkeeper failed: {type(error).__name__}: {error}", slug="internal", hint="report it")


class Parts(msgspec.Struct, frozen=True):
    """What a watch is made of; ``version`` is Watchkeeper's own, ``explain`` keeps what helps to mend a fault of it."""

    repositories: tuple[Repository, ...]
    lookout: Lookout
    ledger: Ledger
    readings: Readings
    clock: Callable[[], Millis]
    version: str
    prover: Prover | None = None
    explain: Callable[[Exception], WatchkeeperError] = as_error


class Picture(msgspec.Struct, frozen=True):
    """Everything to be seen at one moment."""

    at: Millis
    target: Target | None
    changes: tuple[Change, ...]
    files: dict[str, int]
    state: State
    statistics: WatchStatistics
    is_complete: bool
    left_out: tuple[str, ...] = ()


class Update(msgspec.Struct, frozen=True):
    """Events of one step; none where only the picture changed.

    ``latency_ms`` is from the file event that caused it, None where none did.
    """

    recorded: tuple[Recorded, ...]
    latency_ms: float | None = None


def take_picture(parts: Parts, statistics: WatchStatistics) -> Picture:
    """Everything as it stands. To be called in the thread that owns the lookout: nothing moves meanwhile."""
    lookout = parts.lookout
    changes = lookout.changes
    return Picture(
        at=parts.clock(),
        target=lookout.target,
        changes=changes,
        files={change.id: lookout.count_files(change.id) for change in changes},
        state=parts.ledger.state,
        statistics=statistics,
        is_complete=lookout.is_complete,
        left_out=lookout.left_out,
    )
