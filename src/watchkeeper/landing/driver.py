"""Performs plans: one process at a time drives a project's queue. Whatever kills it, the next one goes on."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from watchkeeper.landing.book import Book
from watchkeeper.landing.exposed import is_measurable, needs_watching
from watchkeeper.landing.plan import Ask, Build, Land, Stop
from watchkeeper.landing.planner import plan
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.ports import Gate, Workshop
from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.landing import (
    CAN_RUN,
    CandidateBuilt,
    CandidateClashed,
    ConflictSet,
    Entry,
    EntryId,
    EntryWithdrawn,
    GateSet,
    Halt,
    LandingDone,
    LandingEvent,
    LandingIntended,
    LandingVoid,
    Purpose,
    QueueHalted,
    QueueResumed,
    RevertFailed,
    RevertPrepared,
    RunBegan,
    RunEnded,
    RunId,
    SetConfirmed,
    TargetMoved,
    Verdict,
)
from watchkeeper.model.landing_ports import Answer, Clashed, Moved, NotMoved, Question

_MOST_STEPS = 10_000
_PATIENCE_MS = 5_000
_FIRST_PAUSE_MS = 15_000
_MOST_PAUSE_MS = 600_000
_US = "watchkeeper"


class SettingsChangedError(Exception):
    """The commands or the way of landing are other ones now: whoever drives has to begin anew with them."""


class Statistics(msgspec.Struct, frozen=True):
    """What the driver did since it began. ``problem`` is why nothing goes on, where that is so."""

    runs: int
    builds: int
    landings: int
    problem: str = ""


class _Running(msgspec.Struct):
    cancel: threading.Event
    future: Future[Answer]
    since: Millis


class Driver:
    """Call ``step`` whenever something may have happened; it does all that can be done and does not wait for runs.

    Only one driver may exist for a project at a time (``landing.lock``). Not thread-safe; runs have threads of their
    own, which call ``on_ended``.
    """

    def __init__(
        self,
        book: Book,
        workshop: Workshop,
        gate: Gate,
        policy: Policy,
        clock: Callable[[], Millis],
        *,
        on_ended: Callable[[], None] = lambda: None,
        on_event: Callable[[LandingEvent], None] = lambda _event: None,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        """``is_current``: what has to hold is still what ``gate`` asks for; where it is not, nothing lands."""
        self._is_current = is_current
        self._book = book
        self._workshop = workshop
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._on_ended = on_ended
        self._on_event = on_event
        self._pool = ThreadPoolExecutor(policy.slots, thread_name_prefix="gate")
        self._running: dict[RunId, _Running] = {}
        self._settled: set[EntryId] = set()
        self._intents: dict[Sha, LandingIntended] = {}
        self._counts = {"runs": 0, "builds": 0, "landings": 0}
        self.problem = ""
        self._since = clock()

    def recover(self) -> None:
        """Take up what a driver that was killed left: its runs are over, its landing came true or it did not."""
        self._book.refresh()
        for event in self._book.take_news():
            self._on_event(event)
        self._make_up_for_history()
        self._tell(*(RunEnded(run, Verdict.STOPPED, reason="the queue was ended") for run in self._book.queue.runs))
        self._settle_intent()
        if self._book.queue.gate != self._gate.digest:
            self._tell(GateSet(self._gate.digest))

    def step(self) -> bool:
        """Do what can be done now; whether anything was done. Raises WatchkeeperError where the log cannot be used."""
        self._refresh()
        did = self._collect()
        try:
            did = self._follow_target() or self._resume() or did
            for _ in range(_MOST_STEPS):
                if not self._advance():
                    self.problem = ""
                    return did
                did = True
        except GitError as error:
            self._meet(error.message)
            return did
        raise RuntimeError("the plan does not come to an end")

    def statistics(self) -> Statistics:
        """What it did."""
        return Statistics(**self._counts, problem=self.problem)

    def close(self) -> None:
        """End all runs; they are told to have stopped."""
        for each in self._running.values():
            each.cancel.set()
        self._pool.shutdown(wait=True)
        ended = [RunEnded(run, Verdict.STOPPED, reason="the queue was ended") for run in self._running]
        self._running.clear()
        self._tell(*ended)

    def _advance(self) -> bool:
        """One plan, performed; whether there was anything in it."""
        todo = plan(self._book.queue, self._policy)
        if todo.decisions:
            return self._decide(todo.decisions) or True
        if todo.land is not None:
            self._land(todo.land)
            return True
        for stop in todo.stops:
            self._stop(stop)
        for build in todo.builds:
            self._build(build)
        for ask in todo.asks:
            self._ask(ask)
        return bool(todo.stops or todo.builds or todo.asks)

    def _build(self, build: Build) -> None:
        self._counts["builds"] += 1
        made = self._workshop.build(build.candidate, self._entries(build.candidate.entries))
        if isinstance(made, Clashed):
            self._tell(CandidateClashed(made.candidate, made.paths, made.reason))
        else:
            self._tell(CandidateBuilt(build.candidate, made.tree))

    def _ask(self, ask: Ask) -> None:
        run = RunId(f"r-{secrets.token_hex(4)}")
        began = RunBegan(run, ask.candidate, ask.tree, ask.purpose, self._gate.digest, ask.tests, ask.diagnosis)
        # What a probe said of the tree before counts as its first answer; whatever is asked again is run again.
        is_first = ask.purpose is Purpose.LAND and ask.tree not in self._book.queue.begun
        attempt = 0 if is_first else self._book.queue.seq
        if not self._decide((began,)):
            return
        entries = tuple(self._entries(ask.candidate.entries))
        is_needed = needs_watching(self._book.queue, ask.candidate.entries, self._policy)
        question = Question(
            ask.candidate.onto,
            entries,
            ask.tree,
            ask.tests,
            attempt,
            must_exist=ask.purpose is Purpose.AGAIN,
            is_measured=not ask.tests and is_needed and is_measurable(self._book.queue, ask.tree),
            is_plain=not is_needed,
        )
        cancel = threading.Event()
        future = self._pool.submit(self._gate.ask, question, cancel)
        self._running[run] = _Running(cancel, future, self._clock())
        self._counts["runs"] += 1
        future.add_done_callback(lambda _: self._on_ended())

    def _stop(self, stop: Stop) -> None:
        """What it says from now on counts no more."""
        running = self._running.pop(stop.run, None)
        if running is not None:
            running.cancel.set()
        self._tell(RunEnded(stop.run, Verdict.STOPPED, reason=stop.reason))

    def _collect(self) -> bool:
        """Record what ended."""
        ended = [(run, each) for run, each in self._running.items() if each.future.done()]
        for run, each in ended:
            del self._running[run]
            answer = each.future.result()
            wall = self._clock() - each.since
            details = {CAN_RUN: answer.reason} if answer.verdict is Verdict.COULD_NOT_RUN else answer.details
            said = RunEnded(run, answer.verdict, answer.failing, answer.reason, wall, details, answer.is_cut)
            self._tell(msgspec.structs.replace(said, measured=answer.measured))
        return bool(ended)

    def _land(self, land: Land) -> None:
        if not self._is_current():
            raise SettingsChangedError
        entries = self._entries(land.entries)
        commit = self._workshop.commit(land.onto, entries, land.tree, self._gate.digest)
        if isinstance(commit, NotMoved):
            self._block(commit.reason)
            return
        intent = LandingIntended(land.entries, land.onto, commit, land.tree, self._gate.digest, land.is_lane, land.red)
        if self._decide((*land.notes, intent)):
            self._settle_move(self._move(intent), intent)

    def _move(self, intent: LandingIntended) -> Moved | NotMoved:
        """Where git fails in between (a full disk), the branch says what came of it; where that is silent, it waits."""
        try:
            return self._workshop.move(intent.old, intent.new)
        except WatchkeeperError as error:
            if error.slug == "remote-unreachable":
                raise
            return Moved(intent.new) if self._workshop.holds(intent.new) else NotMoved(error.message)

    def _settle_move(self, moved: Moved | NotMoved, intent: LandingIntended) -> None:
        if isinstance(moved, Moved):
            self._counts["landings"] += 1
            self._tell(LandingDone(intent.new))
            return
        self._tell(LandingVoid(intent.new, moved.reason))
        if not moved.is_lost:
            self._block(moved.reason)
        self._follow_target()

    def _settle_intent(self) -> None:
        """Whether a landing came true that nobody saw to its end, the branch itself says."""
        intent = self._book.queue.intended
        if intent is None:
            return
        if self._workshop.holds(intent.new):
            self._tell(LandingDone(intent.new))
        else:
            self._tell(LandingVoid(intent.new, "it was interrupted before the branch was moved"))

    def _follow_target(self) -> bool:
        """Tell the queue where the branch is, where it does not know."""
        self._settle_intent()
        known, tip = self._book.queue.tip, self._workshop.tip()
        if tip is None:
            raise GitError("the target branch is gone", slug="no-target", hint="git branch --all")
        if tip.commit == known:
            return False
        if (late := self._find_late(known, tip.commit)) is not None:
            self._tell(late, LandingDone(late.new))
            return True
        adopted = self._workshop.adopted(known, tip.commit) if known is not None else None
        self._tell(TargetMoved(known, tip.commit, tip.tree, adopted or ()))
        return True

    def _find_late(self, known: Sha | None, tip: Sha) -> LandingIntended | None:
        """A landing that was given up and came true all the same: a push may arrive after nobody waits for it."""
        begun = {each.new: each for each in self._intents.values() if each.old == known}
        landed = self._workshop.landed(known, tip, {new: each.old for new, each in begun.items()}) if begun else ()
        return next((each for each in begun.values() if set(each.entries) <= set(landed)), None)

    def _resume(self) -> bool:
        """What may have passed by itself is tried again, less and less often."""
        queue = self._book.queue
        if queue.halted is None or queue.halted.why not in (Halt.CANNOT_RUN, Halt.BLOCKED):
            return False
        pause = min(_MOST_PAUSE_MS, _FIRST_PAUSE_MS * 2 ** (queue.halts - 1))
        if self._clock() < queue.halted_at + pause:
            return False
        self._tell(QueueResumed(_US))
        return True

    def _meet(self, problem: str) -> None:
        """git cannot do what has to be done: tried again at once for a while, then everybody can see that it waits."""
        if problem != self.problem:
            self.problem, self._since = problem, self._clock()
        elif self._clock() > self._since + _PATIENCE_MS and self._book.queue.halted is None:
            self._block(problem)

    def _block(self, reason: str) -> None:
        self._tell(QueueHalted(Halt.BLOCKED, reason))

    def _entries(self, names: tuple[EntryId, ...]) -> list[Entry]:
        return [self._book.queue.entries[each].entry for each in names]

    def _happen(self, event: LandingEvent) -> None:
        """What follows from an event beyond the queue."""
        match event:
            case LandingDone():
                self._settled.update(entry for each in self._book.queue.landings[-1:] for entry in each.entries)
                self._release()
            case EntryWithdrawn():
                self._settled.add(event.id)
                self._release()
            case LandingIntended():
                self._intents[event.new] = event
            case SetConfirmed():
                self._prepare_revert(event.set)
            case _:
                pass
        self._on_event(event)

    def _make_up_for_history(self) -> None:
        """What follows from earlier events, as far as a driver that was killed did not come to it."""
        intended: LandingIntended | None = None
        named: dict[EntryId, ConflictSet] = {}
        for event in self._book.history():
            match event:
                case LandingIntended():
                    intended = self._intents[event.new] = event
                case LandingDone() if intended is not None and intended.new == event.new:
                    self._settled.update(intended.entries)
                case EntryWithdrawn():
                    self._settled.add(event.id)
                case SetConfirmed():
                    named[event.set.entries[-1]] = event.set
                case RevertPrepared() | RevertFailed():
                    named.pop(event.entry, None)
                case _:
                    pass
        self._release()
        for each in named.values():
            self._prepare_revert(each)

    def _release(self) -> None:
        """Of what landed nothing is kept any more once no search can ask for it: a squash does not hold its commits."""
        for entry in sorted(self._settled - self._book.queue.entries.keys()):
            self._workshop.release(entry)
            self._settled.discard(entry)

    def _prepare_revert(self, found: ConflictSet) -> None:
        """Who broke the branch itself is taken out again, if a person says so: the commit for that is made now."""
        culprit = found.entries[-1]
        landed = next((each for each in self._book.queue.landings if culprit in each.entries), None)
        tip = self._book.queue.tip
        if culprit not in found.landed or landed is None or landed.old is None or tip is None:
            return
        entry = self._book.queue.entries[culprit].entry
        made = self._workshop.revert(tip, entry, landed.old, landed.new)
        if isinstance(made, NotMoved):
            self._tell(RevertFailed(culprit, made.reason))
        else:
            self._tell(RevertPrepared(culprit, tip, made))

    def _decide(self, events: tuple[LandingEvent, ...]) -> bool:
        is_recorded = self._book.decide(events)
        self._hear()
        return is_recorded

    def _tell(self, *events: LandingEvent) -> None:
        if events:
            self._book.tell(*events)
            self._hear()

    def _refresh(self) -> None:
        self._book.refresh()
        self._hear()

    def _hear(self) -> None:
        """What follows from everything that was recorded, by others too."""
        for event in self._book.take_news():
            self._happen(event)
