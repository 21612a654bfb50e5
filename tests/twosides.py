"""An incident between two changes, for tests of what follows from it."""

from __future__ import annotations

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.events import ChangeAppeared, Event, Recorded
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.incidents import Attribution, Incident, IncidentId, IncidentKind, Origin, Party, Role, Tier

A, B = ChangeId("agent/1"), ChangeId("agent/2")


def origin(change: ChangeId, line: int) -> Origin:
    commit = Sha(("a" if change == A else "b") * 40)
    return Origin("engine/stages.py", line, "update_stage_field", f"line {line}", Sha("c" * 40), commit, change=change)


def incident(holder: Origin | None, waiter: Origin | None) -> Incident:
    parties = tuple(
        Party(number, role, attribution=Attribution(Tier.TAG, (each,)) if each else Attribution())
        for number, role, each in ((1, Role.HOLDER, holder), (2, Role.WAITER, waiter))
    )
    return Incident(
        IncidentId("i-00000001"), "f" * 64, IncidentKind.SELF_DEADLOCK, "shop", "it hangs", Millis(0), Millis(1),
        parties,
        relation="content", advice=("cancel the waiter",),
    )  # fmt: skip


HANG = incident(origin(A, 21), origin(B, 43))
CHANGES = [ChangeAppeared(Change(each, Source.WORKTREE, each)) for each in (A, B)]


def state(*events: Event) -> State:
    return fold_all(Recorded(Seq(n + 1), Millis(n), ProjectId("p"), each) for n, each in enumerate(events))
