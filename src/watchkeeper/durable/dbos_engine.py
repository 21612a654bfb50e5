"""The port over DBOS: one process with a SQLite file, or several hosts with one PostgreSQL database.

DBOS recovers what its own executor left behind; that a host died, and that its work goes on elsewhere, is decided by
``durable.hosts``. Its own limits over several processes are not used on SQLite, where they do not hold.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from watchkeeper.durable.dbos_rows import TICK, WORK, standing_of
from watchkeeper.durable.dbos_schedules import declare_schedules, due_time, require_runnable
from watchkeeper.durable.dbos_store import (
    ENGINE_SCHEMA,
    EngineStore,
    explained,
    listen_only,
    open_file,
    open_url,
    read_back,
    written,
)
from watchkeeper.durable.port import (
    WORKFLOWS_VERSION,
    Body,
    Condition,
    Schedule,
    StepFailed,
    Stopped,
    Work,
    WorkId,
    WorkStanding,
)
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis

if TYPE_CHECKING:
    from dbos import DBOS, DBOSConfig

T = TypeVar("T")

_QUEUE = "watchkeeper"
_POLL_S = 0.25  # with 0.05 an idle daemon took 4.7 % of a processor, so 1.8 %
_DOUBT_S = 0.1
_LOOK_S = 1.0  # how often a sleeping body looks whether it still has its work
_RETURNED, _FAILED = "=", "!"

_IN_FLIGHT = ["ENQUEUED", "DELAYED", "PENDING"]
_OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_AT_ONCE, _FORGETTING = 500, 20

_ONE_A_PROCESS = threading.Lock()  # DBOS is a singleton; so is this


def open_file_engine(
    folder: Path,
    *,
    at_once: int = 16,
    version: str = WORKFLOWS_VERSION,
    kept_days: float = 30.0,
    on_trouble: Callable[[str], None] = lambda _: None,
) -> DbosEngine:
    """The engine of one host, in the existing folder ``folder``. Close it. What is over is known for ``kept_days``.

    Raises WatchkeeperError: ``engine-missing``, ``engine-busy`` (another process, or this one, has one open).
    """
    require_dbos()
    store = open_file(folder, on_trouble)
    return DbosEngine(
        store, host="local", at_once=at_once, version=version, kept_days=kept_days, may_act=_always,
        on_trouble=on_trouble,
    )  # fmt: skip


def open_url_engine(
    url: str,
    *,
    host: str,
    may_act: Callable[[], bool],
    at_once: int = 16,
    version: str = WORKFLOWS_VERSION,
    kept_days: float = 30.0,
    on_trouble: Callable[[str], None] = lambda _: None,
) -> DbosEngine:
    """The engine of ``host`` among others on the PostgreSQL database ``url``. Close it.

    ``host`` is a name that was never used before: the token of this run of this host. While ``may_act`` says that it
    may have been declared lost, no step begins. Raises as ``open_file_engine`` does.
    """
    require_dbos()
    return DbosEngine(
        open_url(url), host=host, at_once=at_once, version=version, kept_days=kept_days, may_act=may_act,
        on_trouble=on_trouble,
    )  # fmt: skip


def require_dbos() -> None:
    """Raises WatchkeeperError (``engine-missing``) where DBOS is not installed."""
    try:
        import dbos  # noqa: F401
    except ModuleNotFoundError as error:
        raise WatchkeeperError(
            "A fleet's work is kept by a package that is not installed: dbos",
            slug="engine-missing",
            hint="pip install 'watchkeeper[fleet]'",
        ) from error


class DbosEngine:
    """An ``Engine``. Between ``start`` and ``close`` it holds threads and connections of this process."""

    def __init__(
        self,
        store: EngineStore,
        *,
        host: str,
        at_once: int,
        version: str,
        kept_days: float,
        may_act: Callable[[], bool],
        on_trouble: Callable[[str], None],
    ) -> None:
        if not _ONE_A_PROCESS.acquire(blocking=False):
            store.close()
            raise WatchkeeperError(
                "This process runs workflows already",
                slug="engine-busy",
                hint="close the engine that is open before opening another",
                facts={"place": store.place},
            )
        self.host = host
        self._store, self._at_once, self._version, self._may_act = store, at_once, version, may_act
        self._kept_days = kept_days
        self._on_trouble = on_trouble
        self._bodies: dict[str, Body] = {}
        self._closing, self._idle, self._running = threading.Event(), threading.Condition(), 0
        self._dbos: type[DBOS] | None = None
        self._work: Any = None
        self._is_open = True

    def start(self, bodies: Mapping[str, Body], schedules: Sequence[Schedule] = ()) -> None:
        """See ``Engine.start``. Raises UsageError for a schedule whose cron or kind is not known."""
        from dbos import DBOS

        require_runnable(bodies, schedules)
        self._bodies = dict(bodies)
        listen_only(self._on_trouble)
        self._dbos = DBOS
        with explained(self._store.place):
            DBOS(config=self._config())

            @DBOS.workflow(name=WORK, max_recovery_attempts=None)
            def work(kind: str, argument: str) -> str:
                return self._run(read_back(kind), read_back(argument))

            @DBOS.workflow(name=TICK, max_recovery_attempts=None)
            def tick(at: str, kind: str) -> str:
                return self._run(kind, due_time(at))

            self._work = work
            DBOS.listen_queues([_QUEUE, self._own_queue])
            _plain(DBOS.launch)
            _plain(lambda: self._declare(DBOS, tick, schedules))

    def enqueue(self, work: Work) -> WorkId:
        """See ``Engine.enqueue``."""
        from dbos import SetEnqueueOptions, SetWorkflowID

        def put() -> WorkId:
            options: dict[str, Any] = {"priority": work.priority + 1}
            if work.dedup:
                options |= {"deduplication_id": work.dedup, "duplication_policy": "return-existing"}
            with SetWorkflowID(work.id), SetEnqueueOptions(**options):
                handle = self._launched().enqueue_workflow(
                    _queue_of(work.at), self._work, written(work.kind), written(work.argument)
                )
            return WorkId(handle.get_workflow_id())

        return self._asked(put)

    def cancel(self, id: WorkId) -> None:  # noqa: A002 the port's word
        """See ``Engine.cancel``. Says nothing of an id that nobody knows."""
        self._asked(lambda: self._launched().cancel_workflow(id))

    def resume(self, id: WorkId, *, held_by: str = "") -> bool:  # noqa: A002 the port's word
        """See ``Engine.resume``."""
        from dbos._dbos import _get_dbos_instance

        def again() -> bool:
            if held_by:  # what DBOS does for executors that its own service declares dead
                return bool(_get_dbos_instance()._sys_db.reenqueue_for_recovery(id, [held_by], _QUEUE))  # noqa: SLF001
            found = self._list(workflow_ids=[id])
            if not found or found[0].condition in (Condition.DONE, Condition.FAILED):
                return False
            self._launched().resume_workflow(id, queue_name=_QUEUE)
            return True

        return self._asked(again)

    def list_work(self, *, ids: Collection[WorkId] | None = None) -> tuple[WorkStanding, ...]:
        """See ``Engine.list_work``."""
        if ids is not None and not ids:
            return ()
        wanted: dict[str, Any] = {"status": _IN_FLIGHT} if ids is None else {"workflow_ids": list(ids)}
        return self._asked(lambda: self._list(**wanted))

    def close(self, *, patience_s: float = 5.0) -> None:
        """See ``Engine.close``."""
        if not self._is_open:
            return
        self._is_open = False
        self._closing.set()
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, timeout=patience_s)
        try:
            if self._dbos is not None:
                _plain(lambda: cast(Any, self._dbos).destroy(destroy_registry=True))
        finally:
            listen_only(lambda _: None)
            self._store.close()
            _ONE_A_PROCESS.release()

    def wait_going(self) -> None:
        """Return when a step may begin: while this host is not sure of itself, none does. Raises Stopped at the end."""
        while not self._closing.is_set():
            if self._may_act():
                return
            self._closing.wait(_DOUBT_S)
        raise Stopped("this process ends")

    def wait_closing(self, seconds: float) -> None:
        """Return after so long, at once where the engine is closed."""
        self._closing.wait(seconds)

    def require_held(self, id: WorkId) -> None:  # noqa: A002 the port's word
        """Raises Stopped where this host does not have the work any more."""
        try:
            found = _plain(lambda: self._list(workflow_ids=[id]))
        except Exception:  # noqa: BLE001 the next look will tell; a sleep does not fail for it
            return
        if found and found[0].condition is not Condition.RUNNING:
            raise Stopped(f"it is {found[0].condition}")
        if found and found[0].host != self.host:
            raise Stopped("another host has it")

    def require_open(self, error: Exception) -> None:
        """Raises Stopped for an error that comes of the engine's being closed under a step."""
        if self._closing.is_set():
            raise Stopped("this process ends") from error

    def _run(self, kind: str, argument: str) -> str:
        """A DBOS workflow's function: an Exception is recorded as its end, anything else leaves it as it is."""
        body = self._bodies.get(kind)
        if body is None:
            raise BodyFailedError(written(f"this version knows no work of kind {kind!r}"))
        with self._idle:
            self._running += 1
        try:
            self.wait_going()
            result = body(_DbosSteps(self), argument)
            return written(_required_text(result, kind))
        except Exception as error:
            self.require_open(error)
            raise BodyFailedError(written(f"{type(error).__name__}: {error}")) from error
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _config(self) -> DBOSConfig:
        from dbos import DBOSPortableJSONSerializer  # text that any version can read, and that runs nothing

        return {
            "name": "watchkeeper",
            "system_database_engine": self._store.engine,
            "dbos_system_schema": ENGINE_SCHEMA,
            "executor_id": self.host,
            "application_version": self._version,
            "serializer": DBOSPortableJSONSerializer(),
            "use_listen_notify": False,  # queues are polled either way; it would cost a connection and triggers
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": 5.0,
        }

    def _declare(self, dbos: type[DBOS], tick: Any, schedules: Sequence[Schedule]) -> None:
        dbos.register_queue(
            _QUEUE, worker_concurrency=self._at_once, polling_interval_sec=_POLL_S, on_conflict="always_update"
        )
        dbos.register_queue(
            self._own_queue, worker_concurrency=self._at_once, polling_interval_sec=_POLL_S, on_conflict="always_update"
        )
        declare_schedules(dbos, tick, schedules, _QUEUE)
        self._forget(dbos)

    @property
    def _own_queue(self) -> str:
        return _queue_of(self.host.partition("/")[0])

    def _forget(self, dbos: type[DBOS]) -> None:
        """Some of what has been over for long; the rest at the next start."""
        until = (datetime.now(UTC) - timedelta(days=self._kept_days)).isoformat()
        for _ in range(_FORGETTING):
            old = dbos.list_workflows(
                status=_OVER, completed_before=until, limit=_AT_ONCE, load_input=False, load_output=False
            )
            if not old:
                return
            dbos.delete_workflows([each.workflow_id for each in old])

    def _list(self, **wanted: Any) -> tuple[WorkStanding, ...]:
        return tuple(standing_of(each) for each in self._launched().list_workflows(name=[WORK, TICK], **wanted))

    def _launched(self) -> type[DBOS]:
        if self._dbos is None or not self._is_open:
            raise WatchkeeperError(
                "The engine of workflows is not running", slug="engine-closed", hint="watchkeeper up"
            )
        return self._dbos

    def _asked(self, call: Callable[[], T]) -> T:
        with explained(self._store.place):
            return _plain(call)


def _queue_of(host: str) -> str:
    return f"{_QUEUE}@{host.lower()}" if host else _QUEUE


class BodyFailedError(Exception):
    """What a body raised, as text that any database can keep."""


class _DbosSteps:
    """The steps of one run of one body."""

    def __init__(self, engine: DbosEngine) -> None:
        from dbos import DBOS

        self._engine, self._dbos = engine, DBOS
        self._id = WorkId(str(DBOS.workflow_id))

    def step(self, name: str, call: Callable[[], str]) -> str:
        """See ``Steps.step``."""
        from dbos._error import DBOSWorkflowCancelledError, DBOSWorkflowConflictIDError

        self._engine.wait_going()
        try:
            recorded = read_back(self._dbos.run_step({"name": name}, lambda: written(_outcome(call))))
        except DBOSWorkflowCancelledError as error:
            raise Stopped("it is cancelled") from error
        except DBOSWorkflowConflictIDError as error:
            raise Stopped("another host has it") from error
        except Exception as error:
            self._engine.require_open(error)
            raise
        if recorded.startswith(_FAILED):
            raise StepFailed(name, recorded[1:])
        return recorded[1:]

    def sleep_until(self, at: Millis) -> None:
        """See ``Steps.sleep_until``."""
        due = int(self.step("sleep_until", lambda: str(at)))
        while (left := due / 1000 - time.time()) > 0:
            self._engine.wait_closing(min(left, _LOOK_S))
            self._engine.wait_going()
            self._engine.require_held(self._id)


def _required_text(result: object, kind: str) -> str:
    if not isinstance(result, str):
        raise TypeError(f"the body of {kind!r} gave no text but {type(result).__name__}")
    return result


def _always() -> bool:
    return True


def _outcome(call: Callable[[], str]) -> str:
    """The step's end as text, its error too: an error is the same again, whichever class it had."""
    try:
        return f"{_RETURNED}{call()}"
    except Exception as error:  # noqa: BLE001 it is raised again by ``step``
        return f"{_FAILED}{type(error).__name__}: {error}"


def _plain(call: Callable[[], T]) -> T:
    """Called as from nowhere: inside of a body DBOS would take it for one of its steps."""
    return contextvars.Context().run(call)
