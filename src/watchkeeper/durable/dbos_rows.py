"""What a DBOS engine says of a piece of work, as our value."""

from __future__ import annotations

from typing import Any

from watchkeeper.durable.dbos_schedules import due_time
from watchkeeper.durable.dbos_store import read_back
from watchkeeper.durable.port import Condition, Work, WorkId, WorkStanding
from watchkeeper.model.ids import Millis

WORK, TICK = "work", "tick"
"""The names of our two workflows: what somebody enqueued, and what was due."""

_CONDITIONS = {
    "ENQUEUED": Condition.QUEUED,
    "DELAYED": Condition.QUEUED,
    "PENDING": Condition.RUNNING,
    "SUCCESS": Condition.DONE,
    "CANCELLED": Condition.CANCELLED,
}


def standing_of(status: Any) -> WorkStanding:
    """The value of a row, as ``DBOS.list_workflows`` gives one."""
    given = [*(status.input or {}).get("args", ()), "", ""]
    kind, argument = (given[1], due_time(given[0])) if status.name == TICK else map(read_back, given[:2])
    return WorkStanding(
        work=Work(
            WorkId(status.workflow_id), str(kind), str(argument), max(0, (status.priority or 1) - 1),
            status.deduplication_id or "",
        ),
        condition=_CONDITIONS.get(status.status, Condition.FAILED),
        host=status.executor_id or "",
        result=read_back(status.output) if isinstance(status.output, str) else "",
        error=" ".join(read_back(str(status.error)).split()) if status.error else "",
        tries=status.recovery_attempts or 0,
        queued_at=Millis(status.created_at or 0),
        began_at=Millis(status.dequeued_at or 0),
    )  # fmt: skip
