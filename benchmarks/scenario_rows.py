"""One scenario of the database watch: what it is, what came of it, and its run in a process with a deadline."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import psycopg
from _pytest.outcomes import Skipped

from dbwatching import OwnServer, Watched, prepare, wait_until
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import Incident, IncidentKind, Role

SETTINGS = Settings("shop")
"""As a watch is that nobody has configured: five looks a second."""

_GRACE_S = 8.0


class Found(NamedTuple):
    """What came of a scenario. ``parties`` and ``is_silent`` (the negative twin) are None where nobody asked.

    ``ms`` is from the beginning of the first wait, by the server's clock, to when the watch had told it. ``lacks`` says
    what the scenario wants besides, and the product does not do.
    """

    kind: str = ""
    is_found: bool = False
    ms: float | None = None
    parties: bool | None = None
    is_silent: bool | None = None
    note: str = ""
    lacks: str = ""
    skipped: str = ""

    @property
    def verdict(self) -> str:
        """``skipped``, ``wrong``, ``in part`` or ``right``."""
        if self.skipped:
            return "skipped"
        if not self.is_found or self.parties is False or self.is_silent is False:
            return "wrong"
        return "in part" if self.lacks else "right"


class Bench(NamedTuple):
    """A server for all scenarios, and a folder for one."""

    server: OwnServer
    folder: Path

    def database(self, name: str = "shop") -> str:
        """The address of a new database with the seed application's tables."""
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            full = f"{name}_{os.getpid()}"
            connection.execute(f"CREATE DATABASE {full}".encode())
        dsn = self.server.dsn.replace("dbname=postgres", f"dbname={full}")
        prepare(dsn)
        return dsn

    def place(self, name: str) -> Path:
        """A new folder."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made


class Case(NamedTuple):
    """One line of the table."""

    number: str
    what: str
    run: Callable[[Bench], Found]
    deadline_s: float = 45.0


class DeadlineError(Exception):
    """The scenario took too long."""


def run_case(case: Case, server: OwnServer) -> Found:
    """In a process of its own, which is asked to end at its deadline and ended soon after, with all its children."""
    folder = Path(tempfile.mkdtemp(prefix="wk-sc-", dir="/tmp"))
    ours, theirs = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_child, args=(case, Bench(server, folder), theirs))
    process.start()
    theirs.close()
    found = Found(note=f"gave no answer within {case.deadline_s + _GRACE_S:.0f} s and was ended")
    try:
        if ours.poll(case.deadline_s + _GRACE_S):
            found = ours.recv()
    except EOFError:
        found = Found(note="its process died without an answer")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _child(case: Case, bench: Bench, answer: Connection) -> None:
    os.setsid()
    for name in [each for each in os.environ if each.startswith("WATCHKEEPER_")]:
        del os.environ[name]  # where programs are unpacked was read before; the product knows no such variables
    os.environ["WATCHKEEPER_HOME"] = str(bench.folder / "home")
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, case.deadline_s)
    try:
        found = case.run(bench)
    except Skipped as skipped:
        found = Found(skipped=f"needs what is not here: {skipped.msg}")
    except BaseException as error:  # noqa: BLE001 whatever it is, it is the scenario's result
        if os.environ.get("SCENARIO_TRACE"):
            traceback.print_exc()
        found = Found(note=f"{type(error).__name__}: {str(error)[:300]}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer.send(found)
    answer.close()


def _ring(*_: object) -> None:
    raise DeadlineError("the scenario's deadline")


def first_told(watched: Watched, *kinds: IncidentKind, timeout_s: float = 20.0) -> tuple[Incident, float]:
    """The first incident of these kinds, or of any, and the milliseconds from its wait's beginning until now."""

    def told() -> Incident | None:
        return next((each for each in watched.opened if not kinds or each.kind in kinds), None)

    words = " or ".join(each.value for each in kinds) or "an incident"
    incident = wait_until(told, f"{words} of {[each.kind.value for each in watched.opened]}", timeout_s)
    return incident, time.time() * 1000 - incident.since


def backends(incident: Incident, role: Role) -> set[int]:
    """The connections that have this role."""
    return {each.backend for each in incident.parties if each.role is role}


def symbols(incident: Incident) -> dict[str, str]:
    """Function by role, as tags say."""
    return {each.role.value: each.tag.symbol for each in incident.parties if each.tag}
