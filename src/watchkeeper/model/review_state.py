"""What is known of landed changes, decisions and days: a fold, total and idempotent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    ChangeSurveyed,
    Day,
    DayClosed,
    Decision,
    DecisionFound,
    DecisionId,
    DecisionJudged,
    RolloverFailed,
    WorkLog,
)


class ChangeStanding(msgspec.Struct, frozen=True):
    """A landed change, whether a person has read it, and whether it turned out to be wrong."""

    survey: ChangeSurveyed
    seq: Seq
    at: Millis
    reviewed: ChangeReviewed | None = None
    wrong: tuple[ChangeFoundWrong, ...] = ()


class DecisionStanding(msgspec.Struct, frozen=True):
    """A decision and what a person said of it; ``judged`` None: nobody did yet."""

    decision: Decision
    seq: Seq
    at: Millis
    judged: DecisionJudged | None = None
    judged_at: Millis | None = None


class ReviewState(msgspec.Struct, frozen=True):
    """Landed changes by commit, decisions and days, in their order. ``failed`` are days without a log yet."""

    changes: Mapping[Sha, ChangeStanding] = {}
    decisions: Mapping[DecisionId, DecisionStanding] = {}
    days: Mapping[Day, WorkLog] = {}
    failed: Mapping[Day, str] = {}
    seq: Seq = Seq(0)

    def open_decisions(self) -> tuple[DecisionStanding, ...]:
        """Those that nobody has judged yet, the oldest first."""
        return tuple(each for each in self.decisions.values() if each.judged is None)


def fold_review(events: Iterable[Recorded], state: ReviewState | None = None) -> ReviewState:
    """The state after ``events``, in their order; those up to ``state.seq`` are passed over."""
    start = state or ReviewState()
    changes, decisions = dict(start.changes), dict(start.decisions)
    days, failed, seq = dict(start.days), dict(start.failed), start.seq
    replace = msgspec.structs.replace
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, at, event = recorded.seq, recorded.at, recorded.event
        match event:
            case ChangeSurveyed():
                known = changes.get(event.commit)
                changes[event.commit] = (
                    replace(known, survey=event) if known is not None else ChangeStanding(event, seq, at)
                )
            case ChangeReviewed() if event.commit in changes:
                changes[event.commit] = replace(changes[event.commit], reviewed=event)
            case ChangeFoundWrong() if event.commit in changes:
                known = changes[event.commit]
                if all((each.how, each.by) != (event.how, event.by) for each in known.wrong):
                    changes[event.commit] = replace(known, wrong=(*known.wrong, event))
            case DecisionFound() if event.decision.id not in decisions:
                decisions[event.decision.id] = DecisionStanding(event.decision, seq, at)
            case DecisionJudged() if event.id in decisions:
                decisions[event.id] = replace(decisions[event.id], judged=event, judged_at=at)
            case DayClosed():
                days[event.log.day] = event.log
                failed.pop(event.log.day, None)
            case RolloverFailed() if event.day not in days:
                failed[event.day] = event.reason
            case _:
                pass
    return ReviewState(changes, decisions, days, failed, seq)
