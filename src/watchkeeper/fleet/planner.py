"""What is started now, and why nothing else is: a pure function of what is recorded, configured and measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from watchkeeper.fleet.budgets import narrower, over, set_aside, share, total
from watchkeeper.fleet.config import AgentEntry, FleetConfig, ProjectEntry
from watchkeeper.fleet.dependencies import Dependencies
from watchkeeper.fleet.hours import Moment, find_next_day, find_quiet_end, is_quiet, parse_quiet
from watchkeeper.fleet.plan import Beside, Machine, Plan, Start, Stop
from watchkeeper.fleet.ready import Candidate, Looked, Outlook, clock, look, some
from watchkeeper.model.fleet import Budget, Choice, Dispatch, EngagementId, IssueId, Spend, Stage
from watchkeeper.model.fleet_state import EngagementStanding, FleetState
from watchkeeper.model.ids import Millis

FOR_AGENT = "agent-"
"""A label that begins so names who is to work on the issue first."""

_LOOK_AGAIN_MS = 30_000
"""Memory comes and goes without an event."""

Likely = Mapping[IssueId, tuple[str, ...]]
"""What each issue will probably touch; an issue that is not in it touches nothing that anybody knows of."""


def plan(
    states: Mapping[str, FleetState],
    config: FleetConfig,
    moment: Moment,
    machine: Machine,
    spent: Mapping[str, Spend],
    *,
    likely: Likely | None = None,
    troubles: Mapping[str, str] | None = None,
    refused: Mapping[IssueId, str] | None = None,
    others: Iterable[FleetState] = (),
) -> Plan:
    """Decide about every open issue of every project in ``states``, by name. The same input gives the same plan.

    ``spent`` is what each project has spent today, those of other hosts too; ``troubles`` says why a project cannot be
    worked on, ``refused`` why an issue could not be started a moment ago; ``others`` are projects that only
    dependencies lead to. Of the day's budgets what those at work may still spend is set aside. A project without an
    open issue has one decision, about itself.
    """
    projects = [each for each in config.projects if each.name in states]
    outlook = Outlook(Dependencies((*states.values(), *others)), config.fleet, moment, refused or {})
    looked = {each.name: look(states[each.name], outlook) for each in projects}
    desks = [
        _Desk(each, states[each.name], looked[each.name], spent.get(each.name, Spend()), likely or {})
        for each in projects
    ]
    room = _Room(config, moment, machine, desks, total(spent.values()))
    for desk in desks:
        desk.closed = room.closed_for(desk, (troubles or {}).get(desk.name, ""))
    _give_out(room, desks)
    decisions = {desk.name: tuple(room.decisions(desk)) for desk in desks}
    starts = tuple(start for desk in desks for start in desk.starts)
    scouts = () if room.closed else tuple(desk.name for desk in desks if desk.is_empty)
    return Plan(decisions, starts, _stops(room, desks), scouts, room.wake_at(desks))


class _Desk:
    """A project while it is decided about: who is at work, who is started, what waits, and why nothing more is."""

    def __init__(self, entry: ProjectEntry, state: FleetState, looked: Looked, spent: Spend, likely: Likely) -> None:
        self.entry, self.name, self.state, self.spent = entry, entry.name, state, spent
        self.live = tuple(state.live())
        self.waits = looked.waits
        self.candidates = list(looked.candidates)
        self.starts: list[Start] = []
        self.told: dict[IssueId, tuple[str, ...]] = {}  # what started issues will touch although others do
        self.passed: list[Dispatch] = []  # about candidates that cannot be started now
        self.closed = ""
        self.last_start = max((each.began for each in state.engagements.values()), default=Millis(0))
        self.turn = 0  # after how many starts of this look it had its own
        self._likely = likely
        self._ahead = {each: set(likely.get(each, ())) for each in self._unlanded()}

    @property
    def is_empty(self) -> bool:
        """There is nothing to do here but to look for something."""
        waits = any(each.until is not None or each.decision.choice is Choice.BLOCK for each in self.waits)
        return not (self.live or self.starts or self.candidates or self.passed or self.closed or waits)

    def clash(self, candidate: Candidate) -> tuple[tuple[IssueId, ...], tuple[str, ...]]:
        """Issues before it that will probably touch the same, and what."""
        mine = set(self._likely.get(candidate.issue.issue.id, ()))
        met = {issue: mine & theirs for issue, theirs in self._ahead.items() if mine & theirs}
        return tuple(met), tuple(sorted(set().union(*met.values())) if met else ())

    def go_ahead(self, candidate: Candidate) -> None:
        """Whoever comes later goes after it, also while it waits itself: or it might wait for ever."""
        issue = candidate.issue.issue.id
        self._ahead[issue] = set(self._likely.get(issue, ()))

    def _unlanded(self) -> Iterator[IssueId]:
        for standing in self.state.open_issues():
            last = self.state.engagements.get(standing.attempts[-1]) if standing.attempts else None
            has_change = last is not None and last.effect is not None and last.effect.change is not None
            if last is not None and (not last.is_over or (last.stage is Stage.DONE and has_change)):
                yield standing.issue.id


class _Room:
    """What the fleet as a whole has left: slots, memory, money."""

    def __init__(self, config: FleetConfig, moment: Moment, machine: Machine, desks: list[_Desk], spent: Spend) -> None:
        self.config, self.fleet, self.moment, self.machine = config, config.fleet, moment, machine
        self.live = [each for desk in desks for each in desk.live]
        self.starts: list[Start] = []
        self.spent = spent
        self.closed = self._closed()
        here = [each for each in self.live if _is_here(each, machine.host)]
        self._memory = {each.engagement.id: self._estimate(each) for each in here}
        self._begun_mb = 0

    def _closed(self) -> str:
        fleet = self.fleet
        if reason := over(self.spent, fleet.budget):
            return f"the fleet's budget of today is spent: {reason}"
        if len(self.live) + len(self.starts) >= fleet.concurrency:
            return f"all slots of the fleet are taken ({fleet.concurrency})"
        host = self.config.find_host(self.machine.host)
        here = sum(_is_here(each, self.machine.host) for each in self.live)
        if host.concurrency and here + len(self.starts) >= host.concurrency:
            return f"all slots of {host.name} are taken ({host.concurrency})"
        return ""

    def closed_for(self, desk: _Desk, trouble: str) -> str:
        """Why nothing more is started in a project, whatever the issue; ``""``: something may be."""
        entry, quiet = desk.entry, parse_quiet(self.config.quiet_of(desk.entry)) or ()
        if trouble:
            return f"it cannot be worked on: {trouble}"
        if entry.host and self.machine.host and entry.host.lower() != self.machine.host.lower():
            return f"{entry.host} works on it"
        if is_quiet(quiet, self.moment):
            end = find_quiet_end(quiet, self.moment)
            return f"quiet hours until {clock(end, self.moment)}" if end is not None else "it is always quiet"
        if not self._agents(entry):
            return self._no_agent(entry)
        if reason := over(desk.spent, entry.budget):
            return f"its budget of today is spent: {reason}"
        if len(desk.live) + len(desk.starts) >= entry.concurrency:
            return f"all slots of {entry.name} are taken ({entry.concurrency})"
        return ""

    def agent_for(self, desk: _Desk, candidate: Candidate) -> AgentEntry:
        """The one that the issue's label names, else the preferred one; after a failure the next."""
        agents, labels = self._agents(desk.entry), candidate.issue.issue.labels
        named = next((at for at, each in enumerate(agents) if f"{FOR_AGENT}{each.name}" in labels), 0)
        return agents[(named + candidate.failures) % len(agents)]

    def lacks_memory(self, agent: AgentEntry) -> bool:
        """There is not memory enough for one more. Those at work may still grow to what they usually take."""
        most, free = self.fleet.memory_mb, self.machine.free_mb
        grown = sum(max(0, wanted - self._used(identity)) for identity, wanted in self._memory.items())
        taken = sum(self._memory.values()) + self._begun_mb
        return (most > 0 and taken + agent.memory_mb > most) or (
            free is not None and free - self.fleet.keep_free_mb - grown - self._begun_mb < agent.memory_mb
        )

    def fits_alone(self, agent: AgentEntry) -> bool:
        """There would be memory enough if no other agent were at work."""
        most, free = self.fleet.memory_mb, self.machine.free_mb
        given_back = sum(map(self._used, self._memory))
        return (not most or agent.memory_mb <= most) and (
            free is None or agent.memory_mb <= free + given_back - self.fleet.keep_free_mb
        )

    def find_budget(self, desk: _Desk) -> Budget | str:
        """What one more engagement of a project may spend, else why none may."""
        own = total([desk.spent, *map(set_aside, desk.live), *(_as_spend(each.budget) for each in desk.starts)])
        begun = [*map(set_aside, self.live), *(_as_spend(start.budget) for start in self.starts)]
        each = self.fleet.engagement_budget
        slots = self.fleet.concurrency - len(self.live) - len(self.starts)
        of_fleet = share(self.fleet.budget, each, total([self.spent, *begun]), slots, self.fleet.concurrency)
        slots = desk.entry.concurrency - len(desk.live) - len(desk.starts)
        of_project = share(desk.entry.budget, each, own, slots, desk.entry.concurrency)
        if isinstance(of_fleet, str):
            self.closed = f"of the fleet's budget, {of_fleet}"
            return self.closed
        return f"of its budget, {of_project}" if isinstance(of_project, str) else narrower(of_fleet, of_project)

    def start(self, desk: _Desk, candidate: Candidate, agent: AgentEntry, budget: Budget, beside: Beside) -> None:
        """Give the slot away, although it will probably touch the same as those beside it."""
        again = f"; try {candidate.attempt}, by {agent.name}" if candidate.attempt > 1 else ""
        said = "a person let it go on" if candidate.issue.is_overruled else candidate.why
        why = f"{said}; priority {candidate.issue.issue.priority}, the first of {desk.name} that is free{again}"
        issue = candidate.issue.issue.id
        start = Start(desk.name, issue, candidate.atom, agent.name, candidate.attempt, budget, why, beside)
        desk.starts.append(start)
        desk.told[start.issue] = beside.likely
        self.starts.append(start)
        desk.turn = len(self.starts)
        self._begun_mb += agent.memory_mb
        self.closed = self._closed()
        desk.closed = self.closed_for(desk, "")

    def decisions(self, desk: _Desk) -> Iterator[Dispatch]:
        """One for each open issue, and one for the project."""
        yield from (each.decision for each in desk.waits)
        yield from desk.passed
        for start in desk.starts:
            yield Dispatch(Choice.START, start.why, start.issue, start.agent, likely=desk.told[start.issue])
        reason = desk.closed or self.closed
        for candidate in desk.candidates:
            yield Dispatch(Choice.IDLE, reason or "it was not its turn", candidate.issue.issue.id)
        yield _of_project(desk, reason)

    def wake_at(self, desks: list[_Desk]) -> Millis | None:
        """The earliest moment at which time alone may change something."""
        found = [each.until for desk in desks for each in desk.waits if each.until is not None]
        for desk in desks:
            quiet = parse_quiet(self.config.quiet_of(desk.entry)) or ()
            if is_quiet(quiet, self.moment) and (end := find_quiet_end(quiet, self.moment)) is not None:
                found.append(end)
        reasons = [self.closed, *(desk.closed for desk in desks), *(e.why for desk in desks for e in desk.passed)]
        if any("budget" in reason for reason in reasons):
            found.append(find_next_day(self.moment))
        if any("memory" in reason for reason in reasons):
            found.append(Millis(self.moment.at + _LOOK_AGAIN_MS))
        return min((each for each in found if each > self.moment.at), default=None)

    def _agents(self, entry: ProjectEntry) -> tuple[AgentEntry, ...]:
        return tuple(each for each in self.config.agents_of(entry) if each.name not in self.machine.absent)

    def _no_agent(self, entry: ProjectEntry) -> str:
        wanted = self.config.agents_of(entry)
        if not wanted:
            return "no agent is configured: write [agent.NAME]"
        return "; ".join(f"{each.name}: {self.machine.absent[each.name]}" for each in wanted)

    def _estimate(self, standing: EngagementStanding) -> int:
        known = {each.name: each.memory_mb for each in self.config.agents}
        usual = known.get(standing.engagement.agent, AgentEntry("", ()).memory_mb)
        return max(usual, self._used(standing.engagement.id))

    def _used(self, identity: EngagementId) -> int:
        return self.machine.used_mb.get(identity, 0)


def _is_here(standing: EngagementStanding, host: str) -> bool:
    """Its driver is a process of this machine, or it has none yet: else it takes no memory here."""
    driven_at = standing.host.lower()
    return not host or not driven_at or host.lower() in {driven_at, driven_at.partition(".")[0]}


def _give_out(room: _Room, desks: list[_Desk]) -> None:
    """Slot after slot, until none is free or nobody can use one."""
    while not room.closed:
        able = [desk for desk in desks if desk.candidates and not desk.closed]
        if not able:
            return
        _serve(room, _next_desk(desks, able))


def _next_desk(desks: list[_Desk], able: list[_Desk]) -> _Desk:
    """Whoever waited longest; every second start is for a project in focus, where one can use it."""
    last = max(desks, key=lambda desk: (desk.turn, desk.last_start, desk.name))
    wants_focus = not (last.entry.focus and (last.turn or last.last_start))
    return min(able, key=lambda desk: (desk.entry.focus is not wants_focus, desk.turn, desk.last_start, desk.name))


def _serve(room: _Room, desk: _Desk) -> None:
    """Start the first issue of a project that nothing holds back; say of those before it what does."""
    while desk.candidates and not desk.closed:
        candidate = desk.candidates[0]
        issue = candidate.issue.issue.id
        after, likely = desk.clash(candidate)
        desk.go_ahead(candidate)
        orders = room.fleet.clashes == "order" and not candidate.issue.is_overruled
        if after and orders:
            del desk.candidates[0]
            why = f"it will probably touch {some(likely)}, as {some(after)} does"
            desk.passed.append(Dispatch(Choice.ORDER, why, issue, after=after, likely=likely))
            continue
        agent = room.agent_for(desk, candidate)
        if not room.fits_alone(agent):
            del desk.candidates[0]
            why = f"too little memory, even for {agent.name} alone: it takes {agent.memory_mb} MB"
            desk.passed.append(Dispatch(Choice.IDLE, why, issue))
            continue
        if room.lacks_memory(agent):
            # Nobody who needs less goes before: where small ones always do, a large one never fits.
            room.closed = f"too little memory: {agent.name} takes {agent.memory_mb} MB"
            return
        budget = room.find_budget(desk)
        if isinstance(budget, str):
            desk.closed = budget
            return
        del desk.candidates[0]
        room.start(desk, candidate, agent, budget, Beside(after, likely))
        return


def _of_project(desk: _Desk, reason: str) -> Dispatch:
    at_work = [*(each.engagement.issue for each in desk.live), *(each.issue for each in desk.starts)]
    if at_work:
        more = f"; {reason}" if reason and desk.candidates else ""
        return Dispatch(Choice.START, f"at work on {', '.join(sorted(at_work))}{more}")
    if desk.closed:
        return Dispatch(Choice.IDLE, desk.closed)
    if desk.candidates and reason:
        return Dispatch(Choice.IDLE, reason)
    decided = [each.decision for each in desk.waits] + desk.passed
    if not decided:
        return Dispatch(Choice.IDLE, "no issue is open")
    counts = {word: sum(each.choice is choice for each in decided) for choice, word in _STANDING.items()}
    return Dispatch(Choice.IDLE, "no issue is free: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n))


_STANDING = {
    Choice.HOLD: "need a person",
    Choice.BLOCK: "wait for others or for landing",
    Choice.ORDER: "would touch the same as others",
    Choice.IDLE: "are put off or rest",
    Choice.START: "are at work",
}


def _stops(room: _Room, desks: list[_Desk]) -> tuple[Stop, ...]:
    """Over budget means stop now."""
    whole = over(room.spent, room.fleet.budget)
    found = []
    for desk in desks:
        own = over(desk.spent, desk.entry.budget)
        for each in desk.live:
            alone = over(each.spend, each.engagement.seal.budget)
            if alone:
                found.append(Stop(desk.name, each.engagement.id, f"its budget is spent: {alone}"))
            elif whole or own:
                whose = f"the budget of {desk.name}" if own else "the fleet's budget"
                found.append(Stop(desk.name, each.engagement.id, f"{whose} of today is spent: {own or whole}"))
    return tuple(found)


def _as_spend(budget: Budget) -> Spend:
    return Spend(budget.money, budget.tokens, budget.minutes)
