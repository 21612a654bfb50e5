"""Schedules of a DBOS engine: which there are, and the one time that is made up for where nobody ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchkeeper.durable.port import Body, Schedule
from watchkeeper.model.errors import UsageError

if TYPE_CHECKING:
    from dbos import DBOS


def require_runnable(bodies: Mapping[str, Body], schedules: Sequence[Schedule]) -> None:
    """Raises UsageError (``schedule-invalid``) for times that mean nothing, or a kind that no body does."""
    for each in schedules:
        if each.kind not in bodies or not _croniter().is_valid(each.cron, second_at_beginning=True):
            wrong = f"the times {each.cron!r}" if each.kind in bodies else f"the kind {each.kind!r}"
            raise UsageError(
                f"The schedule {each.name!r} cannot be followed: {wrong} mean nothing",
                slug="schedule-invalid",
                hint='give five fields, as in "0 4 * * *", and a kind of work that there is',
                facts={"schedule": each.name, "cron": each.cron, "kind": each.kind},
            )


def declare_schedules(dbos: type[DBOS], tick: Any, schedules: Sequence[Schedule], queue: str) -> None:
    """Let these be all that there are. ``tick`` is the function that is called with the time and the kind."""
    wanted = {each.name: each for each in schedules}
    before = {each["schedule_name"]: each for each in dbos.list_schedules()}
    for name in before.keys() - wanted.keys():
        dbos.delete_schedule(name)
    for name, each in wanted.items():
        if (known := before.get(name)) is not None and known["schedule"] == each.cron:
            _make_up(dbos, name, each.cron, known["last_fired_at"])
    dbos.apply_schedules(
        [
            {"schedule_name": n, "workflow_fn": tick, "schedule": e.cron, "context": e.kind, "queue_name": queue}
            for n, e in wanted.items()
        ]
    )


def due_time(at: object) -> str:
    """The time as this version writes it, from how it was stored."""
    with suppress(ValueError):
        return datetime.fromisoformat(str(at)).astimezone(UTC).isoformat(timespec="seconds")
    return str(at)


def _make_up(dbos: type[DBOS], name: str, cron: str, last_fired: str | None) -> None:
    """Fire the newest time that passed while nobody ran; a time that was fired is known by its id."""
    now = datetime.now(UTC)
    newest = _croniter()(cron, now, second_at_beginning=True).get_prev(datetime)
    if last_fired and datetime.fromisoformat(last_fired) < newest:
        dbos.backfill_schedule(name, newest - timedelta(seconds=1), now)


def _croniter() -> Any:
    from croniter import croniter  # type: ignore[import-untyped]  # DBOS reads times with it

    return croniter
