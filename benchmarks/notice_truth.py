"""What scripted sessions were told, held against what is true of their script: every difference is counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from notice_plans import Expected, Plan, numbers_in
from scripted_agent import Agent, Told
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import (
    ConflictChanged,
    ConflictOpened,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Recorded,
    SessionBegan,
    SessionForged,
)

SWEPT_S = 5.0
"""So long after its process is gone a session may still count as being at work."""
FAULTS = ("missed", "duplicate", "wrong_party", "wrong_words", "wrong_heed", "unrecorded", "unheard", "blamed")


@dataclass
class Verdict:
    """Counts of faults by kind, each with a sentence; and how long it took, in milliseconds.

    ``within_s`` after the save that made a conflict a session that makes calls is told, or has been missed; for a fifth
    of it a notice may still be on its way after the save that mended it.
    """

    within_s: float = 10.0
    faults: Counter[str] = field(default_factory=Counter)
    sentences: list[str] = field(default_factory=list)
    saver_ms: list[float] = field(default_factory=list)
    other_ms: list[float] = field(default_factory=list)
    queued_ms: list[float] = field(default_factory=list)
    told: int = 0
    graver: int = 0
    forged: int = 0
    heeds: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, sentence: str) -> None:
        self.faults[kind] += 1
        self.sentences.append(f"{kind}: {sentence}")


class Story:
    """What one daemon recorded, by what it is asked for here."""

    def __init__(self, log: Iterable[Recorded]) -> None:
        self.names: dict[str, str] = {}  # what the daemon calls a session, by what its agent does
        self.queued: dict[str, NoticeQueued] = {}
        self.queued_at: dict[str, float] = {}
        self.delivered: dict[str, float] = {}
        self.heeds: dict[str, str] = {}
        self.conflicts: list[ConflictOpened | ConflictChanged] = []
        self.forged = 0
        for each in log:
            self._take(each)

    def _take(self, recorded: Recorded) -> None:
        match recorded.event:
            case SessionBegan(session):
                self.names[session.vendor_id] = session.id
            case SessionForged():
                self.forged += 1
            case NoticeQueued(notice) as event:
                self.queued.setdefault(notice.id, event)
                self.queued_at.setdefault(notice.id, recorded.at / 1000)
            case NoticeDelivered(identity):
                self.delivered.setdefault(identity, recorded.at / 1000)
            case NoticeSettled(identity, heed):
                self.heeds[identity] = heed.value
            case ConflictOpened() | ConflictChanged() as event:
                self.conflicts.append(event)
            case _:
                pass


def judge(
    plans: Sequence[Plan], crews: Sequence[tuple[Sequence[Agent], Story]], end: float, *, within_s: float
) -> Verdict:
    """Everything that was told and not told until ``end``; ``crews`` are the sessions and the record of each daemon."""
    verdict = Verdict(within_s)
    for number, (agents, story) in enumerate(crews):
        own = [plan for plan in plans if plan.repository == number]
        by_number = {each: plan for plan in own for each in plan.numbers}
        verdict.forged += story.forged
        for agent in agents:
            _judge_told(agent, by_number, story, verdict)
            _judge_record(agent, story, verdict)
        for plan in own:
            _judge_plan(plan, story, verdict, end)
    return verdict


def _judge_told(agent: Agent, plans: dict[int, Plan], story: Story, verdict: Verdict) -> None:
    """No notice that is not due: each is of one plan, to one whom it concerns, of the right words, and the first."""
    heard: dict[int, list[Told]] = {}
    for told in agent.told:
        verdict.told += 1
        about = {id(plans[each]): plans[each] for each in numbers_in(told.text) if each in plans}
        if len(about) != 1 or not told.conflict:
            verdict.note("wrong_party", f"{agent.name} is told of what was not planned: {told.text[:400]!r}")
            continue
        plan = next(iter(about.values()))
        expected = _find_expected(plan, agent)
        if expected is None or told.at < expected.since or (plan.over and told.at > plan.over + verdict.within_s / 5):
            verdict.note("wrong_party", f"{agent.name} is told of {_named(plan)} at {told.at:.1f}: {told.text[:400]!r}")
            continue
        _judge_words(told, plan, expected, story, verdict)
        before = heard.setdefault(id(plan), [])
        if before and not _is_graver(told, before[-1]):
            verdict.note("duplicate", f"{agent.name} is told again of {_named(plan)}: {told.text[:400]!r}")
        verdict.graver += bool(before) and _is_graver(told, before[-1])
        before.append(told)


def _is_graver(told: Told, before: Told) -> bool:
    """The one reason to be told again: of the same conflict, proved meanwhile."""
    if told.conflict != before.conflict:
        return False
    return Severity(told.severity).rank > Severity(before.severity).rank and "\nProved on the merge" in told.text


def _judge_words(told: Told, plan: Plan, expected: Expected, story: Story, verdict: Verdict) -> None:
    others = [each for each in expected.others if each.began <= told.at]
    right = {story.names.get(each.name, "?") for each in others if told.at < each.ended + SWEPT_S}
    has_to_name = any(told.at < each.ended for each in others)
    if not set(told.names) <= right or (has_to_name and not told.names):
        verdict.note("wrong_party", f"{expected.agent.name} hears of {told.names}, not {right}: {told.text[:300]!r}")
    if told.severity not in (*plan.severities, "blocking"):
        verdict.note("wrong_words", f"{_named(plan)} is {plan.severities}, not {told.severity}: {told.text[:300]!r}")
    if len(told.text.split()) > 120:
        verdict.note("wrong_words", f"{len(told.text.split())} words: {told.text!r}")


def _judge_plan(plan: Plan, story: Story, verdict: Verdict, end: float) -> None:
    """Everybody whom it concerns was told in time, and what came of it is recorded as it was."""
    if plan.is_unattributed:
        _judge_unattributed(plan, story, verdict)
    for each in plan.expected:
        told = plan.told(each.agent)
        until = min(plan.over or end, each.agent.ended, end)
        if told is None:
            if until - each.due >= verdict.within_s:
                verdict.note("missed", f"{each.agent.name} ({each.agent.vendor}) is not told of {_named(plan)}")
            continue
        if told - each.due > verdict.within_s:
            verdict.note("missed", f"{each.agent.name} is told of {_named(plan)} only after {told - each.due:.1f} s")
        if each.is_timed:
            (verdict.saver_ms if each.is_saver else verdict.other_ms).append((told - plan.made) * 1000)
        _judge_heed(plan, each, story, verdict)


def _judge_heed(plan: Plan, expected: Expected, story: Story, verdict: Verdict) -> None:
    agent = expected.agent
    ids = [each for each, it in story.queued.items() if _is_about(it, plan, agent, story) and each in story.delivered]
    if ids and expected.is_timed:
        verdict.queued_ms.append((story.queued_at[ids[0]] - plan.made_wall) * 1000)
    right = plan.heed.get(agent)
    found = story.heeds.get(ids[-1]) if ids else None
    if right is None:
        return
    verdict.heeds[right] += 1
    if found != right:
        verdict.note("wrong_heed", f"{agent.name}: of {_named(plan)} came {found}, not {right} ({ids})")


def _is_about(queued: NoticeQueued, plan: Plan, agent: Agent, story: Story) -> bool:
    notice = queued.notice
    is_its = notice.session == story.names.get(agent.name)
    return is_its and bool(set(plan.numbers) & set(numbers_in(notice.text)))


def _judge_record(agent: Agent, story: Story, verdict: Verdict) -> None:
    """What is recorded as delivered is what the agent heard, no more and no less."""
    session = story.names.get(agent.name)
    said = Counter(
        queued.notice.text.strip()
        for identity, queued in story.queued.items()
        if queued.notice.session == session and identity in story.delivered
    )
    heard = Counter(told.text for told in agent.told)
    for text in (heard - said).elements():
        verdict.note("unrecorded", f"{agent.name} heard, and it is not recorded: {text[:200]!r}")
    for text in (said - heard).elements():
        verdict.note("unheard", f"{agent.name} did not hear what is recorded as delivered: {text[:200]!r}")


def _judge_unattributed(plan: Plan, story: Story, verdict: Verdict) -> None:
    """What nobody told of is no session's: none but who met it is a side of a conflict that names it."""
    own = {story.names.get(each.agent.name) for each in plan.expected}
    for event in story.conflicts:
        texts = " ".join([*event.conflict.subjects, *(each.text for each in event.conflict.evidence)])
        sides = [change.partition("@")[2] for change in event.conflict.changes]
        blamed = [each for each in sides if each and each != "unattributed" and each not in own]
        if blamed and set(plan.numbers) & set(numbers_in(texts)):
            verdict.note("blamed", f"{_named(plan)}: {event.conflict.summary} {event.conflict.changes}")


def _find_expected(plan: Plan, agent: Agent) -> Expected | None:
    return next((each for each in plan.expected if each.agent is agent), None)


def _named(plan: Plan) -> str:
    return f"{plan.rule} {plan.numbers[0]} of repository {plan.repository} (made {plan.made:.1f}, over {plan.over:.1f})"


def spread(found: Iterable[float]) -> dict[str, int]:
    """Median and 99th percentile, and how many there are."""
    ranked = sorted(found)
    return {"count": len(ranked), **dict(_percentiles(ranked))} if ranked else {"count": 0}


def _percentiles(ranked: Sequence[float]) -> Iterator[tuple[str, int]]:
    for percent in (50, 99):
        yield f"p{percent}", round(ranked[min(len(ranked) - 1, len(ranked) * percent // 100)])
    yield "worst", round(ranked[-1])
