"""What can be done through the API: every act of `controlroom`, each as a POST with what it has to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.deciding import Deciding
from watchkeeper.controlroom.judging import Done
from watchkeeper.model.ids import ConflictId, Millis, Sha
from watchkeeper.model.review import DecisionId
from watchkeeper.web.api.operations import Asking, Operation
from watchkeeper.web.api.views import (
    Acknowledged,
    Asked,
    Because,
    DoneView,
    EntryAsked,
    EntryBecause,
    FoundWrong,
    IssueAsked,
    Judged,
    Noted,
    Snoozed,
)

_Act = Callable[[Actions, Asking], Done]
_ONE = "/projects/{project}"


def _acted(act: _Act) -> Callable[[Asking], DoneView]:
    def run(asking: Asking) -> DoneView:
        done = act(asking.room.actions, asking)
        return DoneView(done.sentence, done.changed)

    return run


def _post(name: str, path: str, about: str, body: type[msgspec.Struct], act: _Act) -> Operation:
    return Operation(name, "POST", path, about, DoneView, _acted(act), body)


def _of(asking: Asking) -> tuple[Any, str]:
    return asking.person, asking.path["project"]


def _deciding(asking: Asking) -> Deciding:
    return Deciding(asking.room.reader)


ACTS = (
    _post("hold", f"{_ONE}/queue/hold", "An entry waits until somebody releases it.", EntryBecause,
          lambda act, a: act.hold_entry(*_of(a), a.body.entry, a.body.reason)),
    _post("release", f"{_ONE}/queue/release", "An entry goes on.", EntryAsked,
          lambda act, a: act.release_entry(*_of(a), a.body.entry)),
    _post("withdraw", f"{_ONE}/queue/withdraw", "An entry leaves the queue; its commit stays.", EntryBecause,
          lambda act, a: act.withdraw_entry(*_of(a), a.body.entry, a.body.reason)),
    _post("bounce", f"{_ONE}/queue/bounce", "An entry goes back to who made it.", EntryBecause,
          lambda act, a: act.bounce_entry(*_of(a), a.body.entry, a.body.reason)),
    _post("jump", f"{_ONE}/queue/jump", "An entry goes before all others.", EntryAsked,
          lambda act, a: act.jump_entry(*_of(a), a.body.entry)),
    _post("halt", f"{_ONE}/queue/halt", "Nothing lands until somebody lets it go on.", Because,
          lambda act, a: act.halt_queue(*_of(a), a.body.reason)),
    _post("resume", f"{_ONE}/queue/resume", "Landing goes on.", Asked, lambda act, a: act.resume_queue(*_of(a))),
    _post("dismiss", f"{_ONE}/conflicts/{{conflict}}/dismiss", "It does not matter until it gets worse.", Because,
          lambda act, a: act.dismiss_conflict(*_of(a), ConflictId(a.path["conflict"]), a.body.reason)),
    _post("overrule", f"{_ONE}/issues/overrule", "An issue may go on that was held back.", IssueAsked,
          lambda act, a: act.overrule_issue(*_of(a), a.body.issue)),
    _post("review", f"{_ONE}/changes/{{commit}}/review", "A landed change was read.", Noted,
          lambda act, a: act.review_change(*_of(a), Sha(a.path["commit"]), a.body.note)),
    _post("wrong", f"{_ONE}/changes/{{commit}}/wrong", "A landed change is wrong.", FoundWrong,
          lambda act, a: act.find_wrong(*_of(a), Sha(a.path["commit"]), a.body.what)),
    _post("accept", f"{_ONE}/decisions/{{decision}}/accept", "A decision stands.", Judged,
          lambda act, a: act.accept_decision(*_of(a), DecisionId(a.path["decision"]), a.body.reason)),
    _post("question", f"{_ONE}/decisions/{{decision}}/question", "A decision becomes an issue.", Because,
          lambda _, a: _deciding(a).question(*_of(a), DecisionId(a.path["decision"]), a.body.reason)),
    _post("revert", f"{_ONE}/decisions/{{decision}}/revert", "The change that holds it is taken out again.", Judged,
          lambda _, a: _deciding(a).revert(*_of(a), DecisionId(a.path["decision"]), a.body.reason)),
    _post("revert-change", f"{_ONE}/changes/{{commit}}/revert", "A landed change is taken out again.", Asked,
          lambda _, a: _deciding(a).revert_change(*_of(a), Sha(a.path["commit"]))),
    _post("acknowledge", "/matters/acknowledge", "A matter is known: it is not told again until it weighs more.",
          Acknowledged, lambda act, a: act.acknowledge(a.person, a.body.fingerprint, a.body.weight)),
    _post("snooze", "/matters/snooze", "A matter is told again at a time, or when it weighs more.", Snoozed,
          lambda act, a: act.snooze(a.person, a.body.fingerprint, a.body.weight, Millis(a.body.until))),
)  # fmt: skip
"""All that is done. A viewer is refused, and that he tried is recorded."""
