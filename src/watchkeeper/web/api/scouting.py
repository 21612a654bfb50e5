"""What the API tells of scouts and standards, and what can be said of them through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from watchkeeper.controlroom.judging import Done
from watchkeeper.controlroom.scouting import Scouting
from watchkeeper.model.ids import Seq
from watchkeeper.model.scouting import ContradictionFound, FindingId, StandardState, Verdict
from watchkeeper.model.scouting_state import FindingStanding, LookStanding, StandardStanding
from watchkeeper.web.api.operations import PAGING, Asking, Operation, Parameter
from watchkeeper.web.api.views import Because, DoneView, FindingJudgement, StandardMove

_ONE = "/projects/{project}"
_ALL = Parameter("all", "boolean", "also what is gone, refuted or judged", default=False)


class LookList(msgspec.Struct, frozen=True):
    """The last look along each dimension."""

    seq: Seq
    items: tuple[LookStanding, ...]


class FindingList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[FindingStanding, ...]


class StandardList(msgspec.Struct, frozen=True):
    """``contradictions`` are those that nobody has answered."""

    seq: Seq
    total: int
    items: tuple[StandardStanding, ...]
    contradictions: tuple[ContradictionFound, ...]


def _looks(asking: Asking) -> LookList:
    picture = asking.picture()
    return LookList(picture.seq, tuple(asking.project(picture).scouting.looks.values()))


def _findings(asking: Asking) -> FindingList:
    picture = asking.picture()
    every = asking.project(picture).scouting.findings.values()
    found = [each for each in every if asking.query["all"] or (each.holds and each.refuted is None)]
    found.sort(key=lambda each: (-each.finding.severity * each.finding.confidence, each.finding.path, each.finding.id))
    return FindingList(picture.seq, len(found), asking.cut(tuple(found)))


def _one_finding(asking: Asking) -> FindingStanding:
    return asking.find(asking.project(asking.picture()).scouting.findings, "finding")


def _standards(asking: Asking) -> StandardList:
    picture = asking.picture()
    found = tuple(picture.standards.standards.values())
    waiting = tuple(found for found, judged in picture.standards.contradictions.values() if judged is None)
    return StandardList(picture.seq, len(found), asking.cut(found), waiting)


def _one_standard(asking: Asking) -> StandardStanding:
    return asking.find(asking.picture().standards.standards, "standard")


def _acts(asking: Asking) -> Scouting:
    return Scouting(asking.room.reader, asking.room.reader.clock)


def _judge(asking: Asking) -> Done:
    verdict, reason = Verdict(asking.body.verdict), asking.body.reason
    of = asking.path["project"], FindingId(asking.path["finding"])
    return _acts(asking).judge_finding(asking.person, *of, verdict, reason)


def _move(asking: Asking) -> Done:
    state = StandardState(asking.body.state)
    return _acts(asking).move_standard(asking.person, asking.path["standard"], state, asking.body.reason)


def _answer(asking: Asking) -> Done:
    return _acts(asking).answer(asking.person, asking.path["contradiction"], asking.body.reason)


def _post(name: str, path: str, about: str, body: type[msgspec.Struct], act: Callable[[Asking], Done]) -> Operation:
    def run(asking: Asking) -> DoneView:
        done = act(asking)
        return DoneView(done.sentence, done.changed)

    return Operation(name, "POST", path, about, DoneView, run, body)


def _read(
    name: str,
    path: str,
    about: str,
    answer: type[msgspec.Struct],
    run: Callable[[Asking], Any],
    *parameters: Parameter,
) -> Operation:
    return Operation(name, "GET", path, about, answer, run, None, parameters, etag=True)


SCOUTING = (
    _read("looks", f"{_ONE}/looks", "What scouts looked at, and how each dimension ended.", LookList, _looks),
    _read("findings", f"{_ONE}/findings", "What scouts found, the gravest first.", FindingList, _findings,
          *PAGING, _ALL),
    _read("finding", f"{_ONE}/findings/{{finding}}", "One finding.", FindingStanding, _one_finding),
    _read("standards", "/standards", "What every project is held to, and contradictions.", StandardList, _standards,
          *PAGING),
    _read("standard", "/standards/{standard}", "One standard, with its censuses.", StandardStanding, _one_standard),
    _post("judge-finding", f"{_ONE}/findings/{{finding}}/judge", "A finding is true, or false, or left.",
          FindingJudgement, _judge),
    _post("move-standard", "/standards/{standard}/move", "A standard is proposed, adopted, enforced or retired.",
          StandardMove, _move),
    _post("answer", "/contradictions/{contradiction}/answer", "What holds where two projects disagree.", Because,
          _answer),
)  # fmt: skip
"""All of it: reads, then acts."""
