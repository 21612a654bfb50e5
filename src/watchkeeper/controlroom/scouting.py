"""What people say of findings, standards and contradictions, from whichever surface: judged, done, audited."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.controlroom.judging import Done, Judge, Person, not_there
from watchkeeper.controlroom.picture import Reader
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.scouting import ContradictionJudged, FindingId, StandardState, Verdict
from watchkeeper.scoutdeck.judging import judge
from watchkeeper.scoutdeck.standards import Held, StandardsDesk


class Scouting:
    """Thread-safe. Each raises NotAllowedError for a viewer, UsageError for what is not there, WatchkeeperError."""

    def __init__(self, reader: Reader, clock: Callable[[], Millis]) -> None:
        self._reader, self._clock, self._judge = reader, clock, Judge(reader, clock)

    def judge_finding(self, person: Person, project: str, finding: FindingId, verdict: Verdict, reason: str) -> Done:
        """What is false, or to be left, is never filed again; why it is so has to be said."""
        self._judge.judge(person, f"judge-{verdict.value}", f"{project} {finding}")
        found = self._judge.project(project)
        standing = found.scouting.findings.get(finding)
        if standing is None:
            raise not_there("finding", finding, project)
        if standing.judged is not None and (standing.judged.verdict, standing.judged.reason) == (verdict, reason):
            return Done(f"{finding} was judged so already", changed=False)
        of = found.source.shared, finding
        return Done(judge(self._reader.log, of, verdict, reason, person.who, self._clock()))

    def move_standard(self, person: Person, name: str, state: StandardState, reason: str) -> Done:
        """Adopt, enforce or retire a standard, where everything that has to be there is."""
        self._judge.judge(person, f"standard-{state.value}", name)
        desk = self._desk()
        identity = desk.get(name).standard.id
        desk.move(identity, state, person.who, reason)
        return Done(f"{identity} is {state.value}")

    def _desk(self) -> StandardsDesk:
        held = [Held(each.name, each.place) for each in self._reader.scope.projects]
        return StandardsDesk(self._reader.log, held, self._clock)

    def answer(self, person: Person, key: str, answer: str) -> Done:
        """Say what holds where two projects contradict each other."""
        self._judge.judge(person, "answer", key)
        known = self._reader.look().standards.contradictions.get(key)
        if known is None:
            raise not_there("contradiction", key, "this fleet")
        self._reader.log.append(FLEET, [ContradictionJudged(key, answer, person.who)], self._clock())
        return Done(f"what holds of {known[0].kind} is: {answer}")
