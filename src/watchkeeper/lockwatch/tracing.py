"""Attribution for one project's databases, wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from watchkeeper.app import Place, open_analysis
from watchkeeper.database.tracing import Tracing
from watchkeeper.lockwatch.code import ProjectCode
from watchkeeper.lockwatch.deploying import Deployments
from watchkeeper.lockwatch.indexing import read_aside
from watchkeeper.lockwatch.ledger import Ledger
from watchkeeper.record.log import Log


@contextmanager
def open_tracing(
    place: Place, log: Log, environment: str = "", ask: Callable[[], str] | None = None
) -> Iterator[Tracing]:
    """Traces incidents to the code that runs in ``environment``, and to whose work it is. Raises WatchkeeperError."""
    with open_analysis(place) as analysis:
        folder = place.home / "projects" / place.project / "codeindex"
        code = ProjectCode(analysis, folder, partial(read_aside, place))
        ledger = Ledger(analysis.hub, log, place.project, place.shared)
        deployed = Deployments(log, place, environment, ask)
        if (revision := deployed.find("")) is not None:
            code.index(revision)  # so that it is there when something hangs
        yield Tracing(code, ledger, deployed)
