"""What the record says of incidents, deployments and landings, and what of an incident is taken into it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import msgspec

from watchkeeper.app import Place, find_log, now, open_analysis, open_cache, open_log, read_state
from watchkeeper.blaming.asking import AskedCommand
from watchkeeper.blaming.code import HubCode
from watchkeeper.blaming.credit import HubBlame
from watchkeeper.conflicts.standing import State
from watchkeeper.database.ledger import KINDS, Ledger, read_ledger
from watchkeeper.database.ports import JournalEntry
from watchkeeper.database.sources import Work
from watchkeeper.database.tracing import Tracing
from watchkeeper.database.verdict import Side, Verdict, decide_verdict, pair_of
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.incident_state import IncidentState, fold_incidents
from watchkeeper.model.incidents import Incident, Origin
from watchkeeper.record.config import DatabaseConfig

_MOST_CHANGES = 100
_INCIDENT_KINDS = ("incident-opened", "incident-changed", "incident-ended", "revision-deployed")


class Concluding:
    """Traces incidents, and takes what follows for the two changes into the record. A ``Tracer``."""

    def __init__(self, place: Place, tracing: Tracing, blame: HubBlame) -> None:
        self._place, self._tracing, self._blame = place, tracing, blame

    async def trace(self, incident: Incident, journals: Mapping[int, JournalEntry]) -> Incident:
        """The incident with attributions, the conflict of its pair, and the rules that missed it. Never raises.

        What follows for the conflict is recorded before this returns; where it cannot be, the incident names none.
        """
        return await asyncio.to_thread(self.trace_now, incident, journals)

    def trace_now(self, incident: Incident, journals: Mapping[int, JournalEntry]) -> Incident:
        """The same, at once. Blocks."""
        traced = self._tracing.trace_now(incident, journals)
        try:
            return self._concluded(traced)
        except WatchkeeperError:
            return traced

    def _concluded(self, traced: Incident) -> Incident:
        pair = pair_of(traced)
        if len(pair) < 2:
            return traced
        with open_log(self._place.home) as log:
            state = read_state(log, self._place.project)
            sides = self._sides(pair, state)
            verdict = decide_verdict(traced, sides, state) if sides else Verdict()
            if verdict.events:
                log.append(self._place.project, verdict.events, now())
        return msgspec.structs.replace(traced, conflict=verdict.conflict, missed=verdict.missed)

    def _sides(self, pair: Sequence[Origin], state: State) -> tuple[Side, ...]:
        """Both changes under all their names; none where one of them began after the other was in: it saw it."""
        found: list[tuple[Side, Work]] = []
        for origin in pair:
            assert origin.commit is not None
            works = self._blame.works_of(origin.commit, origin.path, origin.code)
            same = [each for each in works if (each.agent, each.issue) == (origin.agent, origin.issue)]
            work = next(iter([*same, *works]), Work())
            names = [*([work.change] if work.change else []), *self._names(origin.commit, state)]
            found.append((Side(origin, tuple(dict.fromkeys(names)) or (ChangeId(origin.commit[:10]),)), work))
        for (side, _), (_, other) in (found, found[::-1]):
            if other.before is not None and side.origin.commit and self._is_in(side.origin.commit, other.before):
                return ()
        return tuple(side for side, _ in found)

    def _names(self, commit: Sha, state: State) -> list[ChangeId]:
        """The changes of the record that have the commit as their own."""
        newest = sorted(state.changes.values(), key=lambda each: -(each.landed_at or each.since))[:_MOST_CHANGES]
        return [
            each.id
            for each in newest
            if each.head is not None
            and self._is_in(commit, each.head)
            and not (each.base is not None and self._is_in(commit, each.base))
        ]

    def _is_in(self, commit: Sha, tip: Sha) -> bool:
        try:
            return self._blame.is_before(commit, tip)
        except WatchkeeperError:  # it is gone with its branch
            return False


class RecordedDeployments:
    """What was said to run, as the record has it at the moment. ``environment`` ``""``: the only one there is."""

    def __init__(self, place: Place, environment: str = "", *, ask: Callable[[], Sha | None] = lambda: None) -> None:
        self._place, self._environment, self._ask = place, environment, ask

    def find(self, database: str) -> Sha | None:
        """As ``watchkeeper deployed`` said, else as the configured command does; None where nobody says."""
        del database  # one database of a project is in one environment
        deployed = read_incidents(self._place).deployed
        known = deployed.get(self._environment)
        if known is None and not self._environment and len(deployed) == 1:
            known = next(iter(deployed.values()))
        return known.revision if known is not None else self._ask()


@contextmanager
def open_tracing(place: Place, database: str = "") -> Iterator[Concluding]:
    """What traces incidents of one of the place's databases, closed at the end.

    ``database`` is its name in the configuration (``[database.NAME]``), which says where it is, and what to ask where
    nobody says what runs. Creates the project's folder in the state folder. Raises WatchkeeperError.
    """
    known = place.config.database.get(database, DatabaseConfig())
    ask = AskedCommand(place, known.revision_command)
    with open_analysis(place) as analysis, open_cache(place.home) as cache:
        code, blame = HubCode(place, analysis, cache), HubBlame(analysis.hub, lambda: read_place_ledger(place))
        deployed = RecordedDeployments(place, known.environment, ask=ask)
        tracing = Tracing(code, blame, deployed)
        warming = threading.Thread(target=_warm, args=(code, deployed, database), name="index")
        try:
            warming.start()
            yield Concluding(place, tracing, blame)
        finally:
            code.close()
            if warming.ident is not None:
                warming.join()


def _warm(code: HubCode, deployed: RecordedDeployments, database: str) -> None:
    """Have the index of what runs before the first incident asks for it: a large project's takes half a minute."""
    with suppress(WatchkeeperError):
        revision = deployed.find(database)
        if revision is not None:
            code.index(revision)


def read_incidents(place: Place) -> IncidentState:
    """What the project's record says of incidents and deployments now. Raises WatchkeeperError."""
    log = find_log(place.home)
    if log is None:
        return IncidentState()
    with log:
        return fold_incidents(log.read(place.project, kinds=_INCIDENT_KINDS))


def read_place_ledger(place: Place) -> Ledger:
    """What the record says of landings and of who worked on them; of a fleet, what all its hosts do."""
    log = find_log(place.home)
    if log is None:
        return Ledger()
    with log:
        own = list(log.read(place.project, kinds=KINDS))
        shared = list(log.read(place.shared, kinds=KINDS)) if place.shared != place.project else []
        return read_ledger(sorted([*own, *shared], key=lambda each: each.seq))


def read_code_around(place: Place, origins: Sequence[Origin], context: int) -> Mapping[str, list[tuple[int, str]]]:
    """Lines around each origin as the commit that runs has them, by ``path:line``; what is gone is left out.

    Reads the hub only where there is one. Raises WatchkeeperError.
    """
    from watchkeeper.repos.hub import open_hub

    found: dict[str, list[tuple[int, str]]] = {}
    if not origins:
        return found
    with open_hub(place.repository, place.home / "projects" / place.project) as hub:
        for origin in origins:
            with suppress(WatchkeeperError):
                entry = hub.objects.find_entry(origin.revision or Sha(""), origin.path)
                content = hub.objects.read(entry.sha) if entry is not None and entry.is_text_file else None
                lines = (content or b"").decode("utf-8", "replace").splitlines()
                first = max(0, origin.line - 1 - context)
                shown = [(first + n + 1, text[:200]) for n, text in enumerate(lines[first : origin.line + context])]
                if shown:
                    found[f"{origin.path}:{origin.line}"] = shown
    return found
