"""Looks at what landed, at each change once, and records what it comes to; kill it anywhere, the next one goes on.

What is recorded of a change is recorded at once: its survey, its decisions, and what it shows of earlier ones. Of
several that look at the same change only one is recorded: each append asks whether anybody was faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from watchkeeper.app import Analysis, Place, open_analysis
from watchkeeper.code.collector import paused_collector
from watchkeeper.controlroom.landings import LandedEntry
from watchkeeper.controlroom.picture import ProjectPicture, Reader
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import DecisionRecorded, Event
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.review import DecisionFound
from watchkeeper.record.log import Log
from watchkeeper.review.decisions import find_decisions, find_recorded
from watchkeeper.review.looking import Looked, find_asked, look_at, sessions_of
from watchkeeper.review.outcomes import find_from_incidents, find_wrong
from watchkeeper.review.surveying import find_unsurveyed, make_survey, make_unreadable, mark_of

LOOK_S = 2.0
_SHELF = "survey-tries"
_BEGIN = "begin"
_MOST_TRIES = 3
_AGAIN_S = (20.0, 120.0)
"""So long after each try a change is opened again that could not be: what may pass, as a full disk, gets the time."""
_KINDS = ("change-surveyed", "decision-found", "change-found-wrong")


class SurveyStatistics(msgspec.Struct, frozen=True):
    """What was done since the start."""

    surveyed: int = 0
    unreadable: int = 0
    decisions: int = 0
    wrong: int = 0
    waiting: int = 0  # landed, and not looked at yet
    overtaken: int = 0  # somebody else recorded first


class Surveyor:
    """Owned by one task; what opens code is done in a thread."""

    def __init__(self, reader: Reader, clock: Callable[[], Millis], pause_s: float = LOOK_S) -> None:
        self._reader, self._clock, self._pause_s = reader, clock, pause_s
        self._again: dict[str, Millis] = {}
        self._swept: set[str] = set()
        self._begins: dict[str, str] = {}
        self._told: dict[str, Seq] = {}
        self._statistics = SurveyStatistics()

    @property
    def statistics(self) -> SurveyStatistics:
        """As of now."""
        return self._statistics

    async def run(self) -> None:
        """Until cancelled. Raises WatchkeeperError where the record cannot be read or written."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self._pause_s)

    def look(self) -> None:
        """Survey all that landed and was not surveyed yet, in all projects. Blocks. Raises WatchkeeperError."""
        waiting = 0
        for name in self._reader.look().projects:
            waiting += self._look_at_project(name)
        self._count(waiting=waiting)

    def _look_at_project(self, name: str) -> int:
        """Gives how many still wait: for another try."""
        project = self._reader.look().projects[name]
        now = self._clock()
        todo = [each for each in self._waiting(project) if self._again.get(_mark(each), now) <= now]
        if todo:
            with _opened(project.source.place) as analysis:
                for landed in todo:
                    self._survey(name, analysis, landed)
        self._take_words(name)
        self._take_incidents(name)
        waiting = len(self._waiting(self._reader.look().projects[name]))
        if not waiting and name not in self._swept:
            _Tries(self._reader.log, project).sweep()
            self._swept.add(name)
        return waiting

    def _waiting(self, project: ProjectPicture) -> tuple[LandedEntry, ...]:
        """What has to be looked at. Where that begins is kept: the first one may be tried again after later ones."""
        name = project.source.name
        if name not in self._begins:
            shelf = self._reader.log.shelf(project.source.project, _SHELF)
            begin = shelf.read().get(_BEGIN, b"").decode("utf-8", "surrogateescape")
            if not begin and (found := find_unsurveyed(project)):
                begin = mark_of(found[0])
                shelf.put({_BEGIN: begin.encode("utf-8", "surrogateescape")})
            if not begin:
                return ()
            self._begins[name] = begin
        return find_unsurveyed(project, self._begins[name])

    # -- one change ----------------------------------------------------------------------------------------------------

    def _survey(self, name: str, analysis: Analysis | WatchkeeperError, landed: LandedEntry) -> None:
        tries = _Tries(self._reader.log, self._reader.look().projects[name])
        mark = _mark(landed)
        count = tries.begin(mark)  # recorded before it is opened: what ends the process is not opened for ever
        project = self._reader.look().projects[name]
        try:
            with paused_collector():
                looked = _look(analysis, project, landed, count)
                survey = make_survey(name, looked)
                decisions = find_decisions(name, looked)
                wrong = find_wrong(looked, survey.commit, project)
        except Exception as error:  # noqa: BLE001 - a fault of our own keeps no other change back, and is said of this one
            if count < _MOST_TRIES:
                self._again[mark] = Millis(self._clock() + int(_AGAIN_S[count - 1] * 1000))
                return
            asked = find_asked(project.fleet, landed.entry, sessions_of(project))
            if self._record(name, landed, [make_unreadable(name, landed, asked, _reason(error))]):
                self._count(unreadable=self._statistics.unreadable + 1)
        else:
            events: list[Event] = [survey, *(DecisionFound(each) for each in decisions), *wrong]
            if self._record(name, landed, events):
                self._count(
                    surveyed=self._statistics.surveyed + 1,
                    decisions=self._statistics.decisions + len(decisions),
                    wrong=self._statistics.wrong + len(wrong),
                )
        tries.end(mark)

    def _record(self, name: str, landed: LandedEntry, events: Sequence[Event]) -> bool:
        """Record a survey, unless somebody did. False: it is recorded already."""
        while True:
            project = self._reader.look().projects[name].source.project
            last = _newest(self._reader.log, project)
            now = self._reader.look().projects[name]
            if landed not in self._waiting(now):
                self._count(overtaken=self._statistics.overtaken + 1)
                return False
            if self._append(project, events, last):
                return True

    def _append(self, project: ProjectId, events: Sequence[Event], last: Seq) -> bool:
        log = self._reader.log
        return log.append_if(project, events, self._clock(), kinds=_KINDS, last=last) is not None

    # -- what others recorded ------------------------------------------------------------------------------------------

    def _take_words(self, name: str) -> None:
        """Decisions that agents told of by themselves."""
        log = self._reader.log
        project = self._reader.look().projects[name]
        identity = project.source.project
        after = self._told.get(name, Seq(0))
        new = list(log.read(identity, after=after, kinds=("decision-recorded",)))
        agents = sessions_of(project)
        changes = {key: str(each.session.change) for key, each in project.standing.sessions.items()}
        for each in new:
            assert isinstance(each.event, DecisionRecorded)
            decision = find_recorded(name, each.event, agents, changes.get(each.event.session, ""))
            while True:
                last = _newest(log, identity)
                if decision.id in self._reader.look().projects[name].review.decisions:
                    break
                if self._append(identity, [DecisionFound(decision)], last):
                    self._count(decisions=self._statistics.decisions + 1)
                    break
            self._told[name] = each.seq

    def _take_incidents(self, name: str) -> None:
        """Changes that an incident was traced to."""
        while True:
            project: ProjectPicture = self._reader.look().projects[name]
            identity = project.source.project
            last = _newest(self._reader.log, identity)
            project = self._reader.look().projects[name]
            found = find_from_incidents(project.incidents, project.review, project.landing.entries)
            if not found:
                return
            if self._append(identity, found, last):
                self._count(wrong=self._statistics.wrong + len(found))
                return

    def _count(self, **changed: int) -> None:
        self._statistics = msgspec.structs.replace(self._statistics, **changed)


class _Tries:
    """How often each change was begun with, kept across processes until it is done."""

    def __init__(self, log: Log, project: ProjectPicture) -> None:
        self._shelf = log.shelf(project.source.project, _SHELF)

    def begin(self, mark: str) -> int:
        """Count one more, and give how many that makes."""
        known: Mapping[str, bytes] = self._shelf.read()
        text = known.get(_name(mark), b"0")
        count = (int(text) if text.isdigit() else 0) + 1
        self._shelf.put({_name(mark): str(count).encode()})
        return count

    def end(self, mark: str) -> None:
        self._shelf.put({_name(mark): None})

    def sweep(self) -> None:
        """Forget what a process left that was gone between recording a survey and saying that it is done."""
        self._shelf.put(dict.fromkeys(self._shelf.read().keys() - {_BEGIN}))


def _name(mark: str) -> str:
    return mark.encode("ascii", "backslashreplace").decode()[:500]


def _look(analysis: Analysis | WatchkeeperError, project: ProjectPicture, landed: LandedEntry, count: int) -> Looked:
    """Open a change, unless it ended whoever did. Raises WatchkeeperError."""
    if count > _MOST_TRIES:
        raise _ends_process()
    if isinstance(analysis, WatchkeeperError):
        raise analysis
    return look_at(project.source.place, analysis, project, landed)


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {error}"


def _mark(landed: LandedEntry) -> str:
    return f"{landed.entry.id} {landed.commit}"


def _newest(log: Log, project: ProjectId) -> Seq:
    found = log.latest(project, limit=1, kinds=_KINDS)
    return found[-1].seq if found else Seq(0)


@contextmanager
def _opened(place: Place) -> Iterator[Analysis | WatchkeeperError]:
    """The project's code, or why it cannot be opened: then that is said of each change."""
    try:
        opening = open_analysis(place)
        analysis = opening.__enter__()
    except WatchkeeperError as error:
        yield error
        return
    try:
        yield analysis
    finally:
        opening.__exit__(None, None, None)


def _ends_process() -> WatchkeeperError:
    return WatchkeeperError(
        "looking at it ended the process that looked, each time",
        slug="survey-ends",
        hint="look at it by hand: watchkeeper risk COMMIT",
    )
