"""Issues that come from elsewhere are kept in step with where they come from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from watchkeeper.app import Place
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.tracking import open_sync, open_tracking

if TYPE_CHECKING:
    from watchkeeper.fleetdeck.daemon import Fleet

_AGAIN_S = 60.0
_MOST_S = 900.0
_BY = "watchkeeper"


async def keep_in_step(project: Project, fleet: Fleet, tell: Callable[[str], None]) -> None:
    """Until cancelled; nothing where the project has no tracker beside the built-in one. Faults are told once each."""
    if not project.place.config.tracker.github:
        return
    pause, said = _AGAIN_S, ""
    while True:
        try:
            await asyncio.to_thread(_sync, project.place, fleet.environ, tell)
            pause, said = _AGAIN_S, ""
        except WatchkeeperError as error:
            pause = min(_MOST_S, pause * 2)
            if error.message != said:
                tell(f"{project.name}: its issues cannot be kept in step: {error.message}")
            said = error.message
        await asyncio.sleep(pause)


def _sync(place: Place, environ: Mapping[str, str], tell: Callable[[str], None]) -> None:
    with open_tracking(place, _BY) as tracking, open_sync(place, tracking, environ, tell) as (sync, _):
        sync.run()
