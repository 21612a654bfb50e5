"""What is to be done next with an engagement, from what is recorded of it and what is seen now. Pure.

``decide`` is asked again and again. Each answer is a few actions to perform, then events to record: whoever is killed
in between is asked the same by what is there afterwards.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.engagements.ports import Checked, Outcome
from watchkeeper.model.agents import Channel, NoticeId
from watchkeeper.model.fleet import (
    Budget,
    Effect,
    EngagementHeard,
    EngagementId,
    EngagementMoved,
    EngagementNudged,
    EngagementSnapped,
    EngagementSpent,
    Fault,
    Push,
    Spend,
    Stage,
)
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import Sha

_SELDOM = 5
"""Who is never quiet is pinned all the same, after so many times ``snap_s``."""

_TAKEN, _ON = "taken over: ", "goes on: "

Told = EngagementHeard | EngagementMoved | EngagementNudged | EngagementSnapped | EngagementSpent


class Rules(msgspec.Struct, frozen=True):
    """How long and how often. ``stuck_s``: nothing was seen for so long; ``snap_s``: no file was written for so long.

    ``nudges`` are between two starts; ``restarts``, ``repairs`` (after failed tests), ``takeovers`` and ``returns``
    (from the queue) are for good: then a person is needed.
    """

    stuck_s: float = 600.0
    snap_s: float = 60.0
    nudges: int = 1
    restarts: int = 1
    repairs: int = 1
    takeovers: int = 3
    returns: int = 3


class Holder(StrEnum):
    """Whose process drives it."""

    MINE = "mine"
    NOBODY = "nobody"  # it is free: queued, or let go of in order
    GONE = "gone"  # of one that does not live any more
    OTHER = "other"  # of one that lives


class Agent(StrEnum):
    """What the agent's program does."""

    ABSENT = "absent"
    WORKING = "working"
    IDLE = "idle"  # its turn came to its end
    FAILED = "failed"  # its turn or its process broke


class Work(msgspec.Struct, frozen=True):
    """A worktree as it was looked at: its newest snapshot, its head, how many files differ from the base.

    ``is_committed``: its head holds all of it, and is its branch. ``is_lost``: its files are gone, and ``snapshot`` is
    the last good one. ``why`` says what was done to it that no work does.
    """

    snapshot: Sha | None = None
    head: Sha | None = None
    tree: Sha | None = None
    files: int = 0
    is_committed: bool = False
    is_rewritten: bool = False
    is_lost: bool = False
    why: str = ""
    left_out: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """What the driver sees.

    ``is_swept``: nothing of an earlier driver's lives any more. ``prepared``: None: not tried yet; ``""``: the worktree
    is there and set up; else why not. ``hold``: why no agent may be started now. ``refused``: why the agent cannot be
    started at all. ``quiet_s``: for how long nothing was seen of it; ``unpinned_s``: since the last snapshot.
    ``is_pinned``: the work was pinned since the agent did anything last. ``nothing``: its reason for doing nothing.
    ``trouble``: what only a person can mend. ``ending``: how it is to end, decided before. ``stop``: a person wants it
    to end, and says why. ``heard``: warnings that its agent was told; ``is_deaf``: it hears nothing within its turn.
    """

    me: str = ""
    holder: Holder = Holder.NOBODY
    is_swept: bool = True
    prepared: str | None = None
    hold: str = ""
    agent: Agent = Agent.ABSENT
    refused: str = ""
    failure: str = ""
    session: str = ""
    quiet_s: float = 0.0
    unpinned_s: float = 0.0
    is_changed: bool = False
    is_pinned: bool = False
    work: Work | None = None
    escaped: str = ""
    spend: Spend = Spend()
    nothing: str = ""
    tested: Checked | None = None
    submitted: str | None = None
    trouble: str = ""
    ending: EngagementMoved | None = None
    stop: str = ""
    heard: tuple[tuple[NoticeId, Channel], ...] = ()
    is_deaf: bool = False


class Do(StrEnum):
    """What the driver can do. Each is harmless when done twice."""

    SWEEP = "sweep"  # end what an earlier driver left running
    PREPARE = "prepare"
    START = "start"  # the agent: it resumes its session where it has one and can
    NUDGE = "nudge"
    WARN = "warn"  # tell the agent what another host's watch has for it
    STOP = "stop"  # the agent
    SNAP = "snap"
    COMMIT = "commit"
    TEST = "test"
    SUBMIT = "submit"


class Step(msgspec.Struct, frozen=True):
    """Actions in order, then events in one piece, or neither: nothing can be done now, for the reason ``why``.

    ``ending`` is what the driver has to show again (``Seen.ending``) until it is recorded.
    """

    do: tuple[Do, ...] = ()
    tell: tuple[Told, ...] = ()
    why: str = ""
    ending: EngagementMoved | None = None


def decide(standing: EngagementStanding, seen: Seen, rules: Rules) -> Step:
    """The next step. Total: every standing and everything that can be seen has one; what is over stays over."""
    if standing.is_over:
        return Step(why=f"it is over: {standing.stage.value}")
    if seen.holder is Holder.OTHER:
        return Step(why=f"it is driven by {standing.by}")
    if seen.holder is not Holder.MINE:
        return Step(tell=_claim(standing, seen))
    if not seen.is_swept:  # whatever state it was left in is pinned first
        is_made = standing.stage not in (Stage.QUEUED, Stage.PREPARING)
        return Step(do=(Do.SWEEP, Do.SNAP) if is_made else (Do.SWEEP,))
    news = find_news(standing, seen, is_last=seen.ending is not None)
    if news:
        return Step(tell=news, ending=seen.ending)
    ending = seen.ending or _find_ending(standing, seen, rules)
    if ending is not None:
        return _end(standing, seen, ending)
    match standing.stage:
        case Stage.QUEUED | Stage.PREPARING:
            return _prepare(standing, seen)
        case Stage.WAITING:
            return _wait(standing, seen)
        case Stage.CHECKING:
            return _check(standing, seen, rules)
        case _:
            return _run(standing, seen, rules)


def come_back(standing: EngagementStanding, notice: str, rules: Rules) -> tuple[Told, ...]:
    """What is recorded of one that is done and whose change came back from the queue: its agent goes on with it.

    Nothing where it is not done. Who has come back too often needs a person.
    """
    if standing.stage is not Stage.DONE or standing.effect is None or standing.effect.change is None:
        return ()
    if standing.returns >= rules.returns:
        why = f"its change came back {standing.returns + 1} times: {_first(notice)}"
        return (EngagementMoved(_id(standing), Stage.NEEDS_PERSON, why),)
    return (EngagementMoved(_id(standing), Stage.RUNNING, f"its change came back: {_first(notice)}", notice=notice),)


def over_budget(spend: Spend, budget: Budget) -> str:
    """Why no more may be spent, in words; ``""`` while it may."""
    if 0 < budget.money <= spend.money:
        return f"{spend.money:.2f} of {budget.money:.2f} in money are spent"
    if 0 < budget.tokens <= spend.tokens:
        return f"{spend.tokens:,} of {budget.tokens:,} tokens are spent"
    if 0 < budget.minutes <= spend.minutes:
        return f"{spend.minutes:.1f} of {budget.minutes:.1f} minutes are spent"
    return ""


def _id(standing: EngagementStanding) -> EngagementId:
    return standing.engagement.id


def _first(text: str) -> str:
    return " ".join(text.split())[:300]


def _claim(standing: EngagementStanding, seen: Seen) -> tuple[Told, ...]:
    """It is mine from now on; whose driver died is counted."""
    if standing.stage is Stage.QUEUED:
        return (EngagementMoved(_id(standing), Stage.PREPARING, "its worktree is made", by=seen.me),)
    before = standing.reason.removeprefix(_TAKEN).removeprefix(_ON)
    moved = EngagementMoved(_id(standing), standing.stage, f"{_TAKEN}{before}"[:1_000], by=seen.me)
    if seen.holder is Holder.NOBODY:
        return (msgspec.structs.replace(moved, reason=f"{_ON}{before}"[:1_000]),)
    why = f"{standing.by or 'its driver'} is gone while it was {standing.stage.value}"
    return (EngagementNudged(_id(standing), Push.TAKEN, why), moved)


def find_news(standing: EngagementStanding, seen: Seen, *, is_last: bool) -> tuple[Told, ...]:
    """Facts that are not recorded yet: what is pinned, what is spent (not each penny), the session."""
    told: list[Told] = []
    work = seen.work
    if work is not None and work.snapshot is not None and work.snapshot != standing.snapshot:
        told.append(EngagementSnapped(_id(standing), work.snapshot, work.files, work.left_out))
    if _is_worth(standing.spend, seen.spend) or (is_last and seen.spend != standing.spend):
        told.append(EngagementSpent(_id(standing), seen.spend))
    if seen.session and seen.session != standing.session and standing.stage is Stage.RUNNING:
        told.append(EngagementMoved(_id(standing), standing.stage, standing.reason, by=seen.me, session=seen.session))
    told += [EngagementHeard(_id(standing), *each) for each in seen.heard if each[0] in standing.untold]
    return tuple(told)


def _is_worth(before: Spend, now: Spend) -> bool:
    return (
        now.minutes - before.minutes >= 1.0
        or now.tokens - before.tokens >= max(10_000, before.tokens // 10)
        or now.money - before.money >= max(0.10, before.money / 10)
    )


def _find_ending(standing: EngagementStanding, seen: Seen, rules: Rules) -> EngagementMoved | None:
    """What ends it whatever it is doing."""
    work = seen.work or Work()
    if seen.stop:
        return EngagementMoved(_id(standing), Stage.INTERRUPTED, seen.stop)
    if seen.escaped:
        return _failed(standing, Fault.ESCAPED, f"it wrote outside its worktree: {seen.escaped}")
    if why := over_budget(seen.spend, standing.engagement.seal.budget):
        return _failed(standing, Fault.BUDGET, why)
    if work.is_rewritten:
        return _failed(standing, Fault.REWROTE, work.why or "its base is not in its history any more")
    if standing.takeovers >= rules.takeovers:
        why = f"it was interrupted {standing.takeovers} times: {_first(standing.reason)}"
        return EngagementMoved(_id(standing), Stage.NEEDS_PERSON, why)
    if seen.trouble:
        return EngagementMoved(_id(standing), Stage.NEEDS_PERSON, seen.trouble)
    return None


def _failed(standing: EngagementStanding, fault: Fault, reason: str) -> EngagementMoved:
    return EngagementMoved(_id(standing), Stage.FAILED, reason, fault)


def _end(standing: EngagementStanding, seen: Seen, ending: EngagementMoved) -> Step:
    """No agent works and the work is pinned before it is said to be over."""
    if seen.agent is not Agent.ABSENT:
        return Step(do=(Do.STOP,), ending=ending)
    if not seen.is_pinned and standing.stage is not Stage.QUEUED:
        return Step(do=(Do.SNAP,), ending=ending)
    last = find_news(standing, seen, is_last=True)
    return Step(tell=(*last, ending), ending=ending)


def _prepare(standing: EngagementStanding, seen: Seen) -> Step:
    if seen.prepared is None:
        return Step(do=(Do.PREPARE,))
    if seen.prepared:
        return _end(standing, seen, _failed(standing, Fault.SETUP, seen.prepared))
    return Step(tell=(EngagementMoved(_id(standing), Stage.RUNNING, "its agent is started", by=seen.me),))


def _wait(standing: EngagementStanding, seen: Seen) -> Step:
    if seen.hold:
        return Step(why=seen.hold)
    return Step(tell=(EngagementMoved(_id(standing), Stage.RUNNING, "it waits no longer", by=seen.me),))


def _run(standing: EngagementStanding, seen: Seen, rules: Rules) -> Step:
    match seen.agent:
        case Agent.ABSENT if seen.refused:
            return _end(standing, seen, _failed(standing, Fault.AGENT, seen.refused))
        case Agent.ABSENT if seen.hold:
            return Step(tell=(EngagementMoved(_id(standing), Stage.WAITING, seen.hold, by=seen.me),))
        case Agent.ABSENT if seen.prepared is None:
            return Step(do=(Do.PREPARE,))  # a worktree may have been lost since
        case Agent.ABSENT if seen.prepared:
            return _end(standing, seen, _failed(standing, Fault.SETUP, seen.prepared))
        case Agent.ABSENT:
            return Step(do=(Do.START,))
        case Agent.IDLE if standing.untold:
            return Step(do=(Do.WARN,))
        case Agent.IDLE:
            effect = Effect(reason=seen.nothing) if seen.nothing else None
            done = EngagementMoved(_id(standing), Stage.CHECKING, "its agent is done", by=seen.me, effect=effect)
            return Step(tell=(done,))
        case Agent.FAILED:
            why = seen.failure or "its agent ended"
            return _again(standing, seen, rules, why, _failed(standing, Fault.AGENT, why))
        case _:
            return _watch(standing, seen, rules)


def _watch(standing: EngagementStanding, seen: Seen, rules: Rules) -> Step:
    """Its agent is at work, or seems to be."""
    if standing.untold and not seen.is_deaf:
        return Step(do=(Do.WARN,))
    if seen.quiet_s < rules.stuck_s:
        if seen.is_changed and (seen.quiet_s >= rules.snap_s or seen.unpinned_s >= _SELDOM * rules.snap_s):
            return Step(do=(Do.SNAP,))
        return Step(why="its agent is at work")
    why = f"nothing was seen of it for {seen.quiet_s / 60:.1f} min"
    if standing.spoken < rules.nudges:
        return Step(do=(Do.NUDGE,), tell=(EngagementNudged(_id(standing), Push.SPOKEN, why),))
    asked = f"{why}, also after it was spoken to and started again"
    return _again(standing, seen, rules, why, EngagementMoved(_id(standing), Stage.NEEDS_PERSON, asked, Fault.HUNG))


def _again(standing: EngagementStanding, seen: Seen, rules: Rules, why: str, ending: EngagementMoved) -> Step:
    """Its agent is started anew, from what is pinned; where that was done often enough, it ends."""
    if standing.restarts >= rules.restarts:
        return _end(standing, seen, ending)
    return Step(do=(Do.STOP, Do.SNAP), tell=(EngagementNudged(_id(standing), Push.RESTARTED, why),))


def _check(standing: EngagementStanding, seen: Seen, rules: Rules) -> Step:
    """Its agent says that it is done: whether there is an effect, and whether the tests pass."""
    if seen.agent is not Agent.ABSENT:
        return Step(do=(Do.STOP,))
    if not seen.is_pinned:
        return Step(do=(Do.SNAP,))
    work = seen.work or Work()
    if work.is_lost:
        return _recover(standing, seen, rules, work)
    if work.files == 0:
        return _end(standing, seen, _without_change(standing, seen))
    if not work.is_committed or work.head is None:
        return Step(do=(Do.COMMIT,))
    if seen.tested is None:
        return Step(do=(Do.TEST,))
    if seen.tested.outcome is Outcome.COULD_NOT_RUN:
        why = f"its tests could not be run: {seen.tested.said}"
        return _end(standing, seen, EngagementMoved(_id(standing), Stage.NEEDS_PERSON, why))
    if seen.tested.outcome is Outcome.FAILED:
        return _repair(standing, seen, rules, seen.tested)
    if seen.submitted is None:
        return Step(do=(Do.SUBMIT,))
    return _end(standing, seen, _done(standing, seen, work, seen.tested))


def _recover(standing: EngagementStanding, seen: Seen, rules: Rules, work: Work) -> Step:
    """Its agent lost its own files: it begins anew from what was pinned last."""
    if standing.restarts >= rules.restarts:
        pinned = f"; the last snapshot is {work.snapshot[:10]}" if work.snapshot is not None else ""
        ending = EngagementMoved(_id(standing), Stage.NEEDS_PERSON, f"its agent is done, and {work.why}{pinned}")
        return _end(standing, seen, ending)
    again = EngagementNudged(_id(standing), Push.RESTARTED, work.why)
    return Step(tell=(again, EngagementMoved(_id(standing), Stage.RUNNING, work.why, by=seen.me)))


def _without_change(standing: EngagementStanding, seen: Seen) -> EngagementMoved:
    nothing = seen.nothing or (standing.effect.reason if standing.effect is not None else "")
    if nothing:
        return EngagementMoved(_id(standing), Stage.DONE, f"nothing to do: {nothing}", effect=Effect(reason=nothing))
    why = "it ran to its end, changed nothing, and gave no reason"
    return _failed(standing, Fault.NO_EFFECT, why)


def _repair(standing: EngagementStanding, seen: Seen, rules: Rules, tested: Checked) -> Step:
    if standing.repairs >= rules.repairs:
        return _end(standing, seen, _failed(standing, Fault.TESTS_FAIL, tested.said or "its tests fail"))
    notice = f"Your change does not pass: {tested.said}\n{tested.details}".strip()
    back = EngagementMoved(_id(standing), Stage.RUNNING, f"its tests fail: {tested.said}", by=seen.me, notice=notice)
    return Step(tell=(back,))


def _done(standing: EngagementStanding, seen: Seen, work: Work, tested: Checked) -> EngagementMoved:
    effect = Effect(change=work.head, files=work.files, tests=tested.said)
    parts = [f"{work.files} files" if work.files != 1 else "1 file", tested.said or "the project has no test command"]
    parts += [f"without {'; '.join(work.left_out)}"] if work.left_out else []
    parts += [f"queued as {seen.submitted}"] if seen.submitted else []
    return EngagementMoved(_id(standing), Stage.DONE, ", ".join(parts), effect=effect)
