"""The judge of the soak of notices finds each fault: a soak that cannot fail would show nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from notice_plans import Expected, Plan
from notice_truth import FAULTS, Story, Verdict, judge
from scripted_agent import Agent, Told, notices_of
from watchkeeper.model.agents import Channel, Heed, Notice, NoticeId, Session, SessionId
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import (
    ConflictOpened,
    Event,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Recorded,
    SessionBegan,
)
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq

MADE = 100.0


def text(other: str, *, severity: str = "major", number: int = 101, conflict: str = "c-1") -> str:
    return (
        f"Watchkeeper: {severity} conflict {conflict} with {other} (a «claude» session, at work for 1 min).\n"
        f"You and another live change write the same thing: «w1 and w2 both change rate_{number}»"
    )


class Scene:
    """Two sessions that met once, both told in time, the matter mended; and a third whom it does not concern."""

    def __init__(self) -> None:
        self.one, self.two, self.third = (
            Agent(f"r0x{number}", "claude", Path(f"/w{number}"), Path("shim"), {}) for number in range(3)
        )
        for each in (self.one, self.two, self.third):
            each.began = 0.0
        self.plan = Plan(0, "write-write", (101, 102), ("major",), made=MADE, made_wall=MADE, over=MADE + 20)
        self.plan.expected = [
            Expected(self.one, [self.two], MADE, MADE),
            Expected(self.two, [self.one], MADE, MADE, is_saver=True),
        ]
        self.plan.heed = {self.one: "heeded", self.two: "heeded"}
        self.events: list[tuple[float, Event]] = [
            (0, SessionBegan(Session(SessionId(f"claude-{number}"), "claude", f"r0x{number}", f"/w{number}")))
            for number in range(3)
        ]
        self.count = 0
        self.tell(self.one, text("claude-1"), MADE + 3)
        self.tell(self.two, text("claude-0"), MADE + 0.1)
        self.plans = [self.plan]

    def tell(self, agent: Agent, said: str, at: float) -> None:
        agent.told += notices_of(f'{{"additionalContext": {_quoted(said)}}}', at, 1)
        self.count += 1
        notice = NoticeId(f"n-{self.count}")
        session = SessionId(f"claude-{agent.name[-1]}")
        self.events.append((MADE + 0.05, NoticeQueued(Notice(notice, session, Severity.MAJOR, said))))
        self.events.append((at, NoticeDelivered(notice, Channel.HOOK)))
        self.events.append((at + 5, NoticeSettled(notice, Heed.HEEDED, "")))

    def judge(self) -> Verdict:
        log = [
            Recorded(Seq(number), Millis(round(at * 1000)), ProjectId("p"), event)
            for number, (at, event) in enumerate(self.events)
        ]
        return judge(self.plans, [([self.one, self.two, self.third], Story(log))], MADE + 60, within_s=10)


def _quoted(said: str) -> str:
    return '"' + said.replace("\n", "\\n") + '"'


def test_what_is_as_planned_has_no_fault_and_is_measured() -> None:
    verdict = Scene().judge()
    assert verdict.sentences == []
    assert [round(each) for each in verdict.saver_ms] == [100]
    assert [round(each) for each in verdict.other_ms] == [3000]
    assert [round(each) for each in verdict.queued_ms] == [50, 50]


def drop(scene: Scene) -> None:
    scene.one.told.clear()
    del scene.events[3:6]


def drop_though_recorded(scene: Scene) -> None:
    scene.one.told.clear()


def tell_late(scene: Scene) -> None:
    scene.one.told[:] = [each._replace(at=MADE + 11) for each in scene.one.told]


def tell_twice(scene: Scene) -> None:
    scene.tell(scene.two, text("claude-0"), MADE + 1)


def tell_as_another_conflict(scene: Scene) -> None:
    scene.tell(scene.two, text("claude-0", severity="blocking", conflict="c-2"), MADE + 1)


def tell_graver_without_proof(scene: Scene) -> None:
    scene.tell(scene.two, text("claude-0", severity="blocking"), MADE + 1)


def tell_a_third(scene: Scene) -> None:
    scene.tell(scene.third, text("claude-0"), MADE + 1)


def blame_a_third(scene: Scene) -> None:
    scene.one.told.clear()
    del scene.events[3:6]
    scene.tell(scene.one, text("claude-2"), MADE + 1)


def blame_nobody(scene: Scene) -> None:
    scene.one.told.clear()
    del scene.events[3:6]
    scene.tell(scene.one, text("x").replace("x (a «claude» session, at work for 1 min)", "the change «w2»"), MADE + 1)


def tell_when_it_is_over(scene: Scene) -> None:
    scene.one.told[:] = [each._replace(at=MADE + 23) for each in scene.one.told]


def tell_of_a_near_miss(scene: Scene) -> None:
    scene.plans.append(Plan(0, "docstring", (106, 107), (), made=MADE))
    scene.tell(scene.one, text("claude-1", number=106, conflict="c-3"), MADE + 1)


def tell_of_nothing_planned(scene: Scene) -> None:
    scene.tell(scene.one, text("claude-1", number=999, conflict="c-3"), MADE + 1)


def answer_with_noise(scene: Scene) -> None:
    scene.one.told += notices_of("Traceback (most recent call last)", MADE + 1, 2)


def tell_without_a_record(scene: Scene) -> None:
    del scene.events[4]


def forget_what_came_of_it(scene: Scene) -> None:
    scene.events[5] = (MADE + 5, NoticeSettled(NoticeId("n-1"), Heed.UNANSWERED, ""))


def call_it_less(scene: Scene) -> None:
    scene.plan.severities = ("blocking",)


def blame_a_session_for_what_nobody_told_of(scene: Scene) -> None:
    scene.plan.is_unattributed = True
    seen = Evidence(ChangeId("main@claude-2"), "pkg/area5.py", 1, "    whole_101 = step_101 * 9")
    scene.events.append((MADE, ConflictOpened(_conflict(seen))))


def _conflict(seen: Evidence) -> Conflict:
    changes = (ChangeId("main@claude-2"), ChangeId("w1"))
    return Conflict(
        ConflictId("c-9"), Kind.WRITE_WRITE, "write-write", Severity.MAJOR, Confidence.SURE, changes, ("rate_101",), "",
        "", (seen,), "", "f",
    )  # fmt: skip


def meet_again(scene: Scene, other: Agent) -> None:
    """A second meeting of the first session that stands."""
    plan = Plan(0, "write-write", (103, 104), ("major",), made=MADE + 4, made_wall=MADE + 4)
    plan.expected = [Expected(scene.one, [other], MADE + 4, MADE + 4), Expected(other, [scene.one], MADE + 4, MADE + 4)]
    scene.plans.append(plan)
    scene.tell(scene.one, text(f"claude-{other.name[-1]}", number=103), MADE + 5)
    scene.tell(other, text("claude-0", number=103), MADE + 5)
    both = text(f"claude-{other.name[-1]}", conflict="c-3").replace("rate_101", "rate_101 and rate_103")
    scene.tell(scene.one, both, MADE + 6)


def test_one_conflict_of_two_meetings_is_a_fault() -> None:
    scene = Scene()
    meet_again(scene, scene.two)
    assert dict(scene.judge().faults) == {"wrong_party": 1}


@pytest.mark.parametrize(
    ("spoil", "faults"),
    [
        (drop, {"missed"}),
        (drop_though_recorded, {"missed", "unheard"}),
        (tell_late, {"missed"}),
        (tell_twice, {"duplicate"}),
        (tell_as_another_conflict, {"duplicate"}),
        (tell_graver_without_proof, {"duplicate"}),
        (tell_a_third, {"wrong_party"}),
        (blame_a_third, {"wrong_party"}),
        (blame_nobody, {"wrong_party"}),
        (tell_when_it_is_over, {"wrong_party", "missed"}),
        (tell_of_a_near_miss, {"wrong_party"}),
        (tell_of_nothing_planned, {"wrong_party"}),
        (answer_with_noise, {"wrong_party", "unrecorded"}),
        (tell_without_a_record, {"unrecorded", "wrong_heed"}),
        (forget_what_came_of_it, {"wrong_heed"}),
        (call_it_less, {"wrong_words"}),
        (blame_a_session_for_what_nobody_told_of, {"blamed"}),
    ],
)
def test_each_fault_is_counted(spoil: Callable[[Scene], None], faults: set[str]) -> None:
    scene = Scene()
    spoil(scene)
    verdict = scene.judge()
    assert {each for each in FAULTS if verdict.faults[each]} == faults, verdict.sentences


def test_the_notices_in_an_answer_are_told_apart_in_every_vendors_form() -> None:
    both = f"{_quoted(text('codex-1') + chr(10) * 2 + text('codex-2', severity='blocking', conflict='c-2'))}"
    for answer in (
        f'{{"additionalContext": {both}}}',
        f'{{"hookSpecificOutput": {{"hookEventName": "PostToolUse", "additionalContext": {both}}}}}',
        f'{{"decision": "block", "reason": {both}}}',
    ):
        found = notices_of(answer, 1.0, 1)
        assert [(each.conflict, each.severity, each.names) for each in found] == [
            ("c-1", "major", ("codex-1",)),
            ("c-2", "blocking", ("codex-2",)),
        ]
    assert notices_of("", 1.0, 1) == ()
    assert [each.conflict for each in notices_of('{"additionalContext": "hello"}', 1.0, 1)] == [""]
    assert isinstance(notices_of("[1]", 1.0, 1)[0], Told)
