"""The last step of the dispatch cascade: where every queue is empty, scouts look for work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from watchkeeper.app import Place
from watchkeeper.fleet.config import AgentEntry
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.log import Log
from watchkeeper.scoutdeck.converging import describe_solutions, try_to_converge
from watchkeeper.scoutdeck.hands import make_hands
from watchkeeper.scoutdeck.place import open_subject
from watchkeeper.scoutdeck.scouting import Wanted, find_due, scout
from watchkeeper.scoutdeck.standards import Held
from watchkeeper.scouts.config import SCOUT_FILE

_PAUSE_MS = 60_000
"""Between two looks at whether anything is due in a project."""

_FAILED_MS = 1_800_000
Tell = Callable[[str], None]


class FleetScouts:
    """``fleet.ports.Scout``: one project at a time, only along what is due, only projects that have a ``.scout.toml``.

    ``look`` asks for it and returns at once; ``run`` does it. From one loop.
    """

    def __init__(  # noqa: PLR0917 parts, each of its own kind
        self,
        places: Iterable[tuple[str, Place]],
        log: Log,
        agents: Sequence[AgentEntry],
        environ: Mapping[str, str],
        clock: Callable[[], Millis],
        tell: Tell,
    ) -> None:
        """``places`` are the projects that are worked on here, by name; ``tell`` hears what came of a look."""
        self._places = {place.shared: (name, place) for name, place in places}
        self._log, self._agents, self._environ, self._clock, self._tell = log, agents, environ, clock, tell
        self._waiting: dict[ProjectId, None] = {}
        self._rests: dict[ProjectId, Millis] = {}
        self._woken = asyncio.Event()
        self._cancel = threading.Event()

    async def look(self, project: ProjectId) -> None:
        """Every queue of the project is empty."""
        if project in self._places and self._rests.get(project, Millis(0)) <= self._clock():
            self._waiting[project] = None
            self._woken.set()

    async def run(self) -> None:
        """Until cancelled; what runs in the sandbox is ended then."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                project = next(iter(self._waiting))
                del self._waiting[project]
                await self._try(project)

    async def _try(self, project: ProjectId) -> None:
        name, place = self._places[project]
        pause = _PAUSE_MS
        try:
            if said := await self._in_thread(name, place):
                self._tell(said)
        except Exception as error:  # noqa: BLE001 a fault of ours in one project must not be tried again at once
            pause = _FAILED_MS
            words = error.message if isinstance(error, WatchkeeperError) else repr(error)
            self._tell(f"scouts cannot look at {name}: {words}")
        self._rests[project] = Millis(self._clock() + pause)

    async def _in_thread(self, name: str, place: Place) -> str:
        """Cancelled, what it runs is ended, and waited for: it writes to the record, which is closed next."""
        running = asyncio.ensure_future(asyncio.to_thread(self._scout, name, place))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._cancel.set()
            await asyncio.wait({running})
            raise

    def _scout(self, name: str, place: Place) -> str:
        """What came of it, in a sentence; ``""``: nothing was due."""
        with open_subject(place, self._log, name) as subject:
            if not subject.text(subject.tip(), SCOUT_FILE):
                return ""
            if not find_due(subject, subject.state(), self._clock()):
                return ""
            held = [Held(each, own) for each, own in self._places.values()]
            solve = partial(describe_solutions, self._log, held)
            hands = make_hands(subject, self._environ, self._clock, self._cancel, self._agents, solve)
            report = scout(subject, Wanted(due=True), hands, self._cancel)
        if report is None:
            return ""
        converged = try_to_converge(self._log, held, self._clock, self._tell)
        blind = [each for each, look in report.run.looks.items() if look.state.value == "could-not-look"]
        could_not = f"; nobody could look along {', '.join(blind)}" if blind else ""
        agreed = f"; candidates for a standard: {', '.join(converged.candidates)}" if converged.candidates else ""
        return f"scouts looked at {name}: {len(report.run.new)} new, {len(report.filed)} filed{could_not}{agreed}"
