"""The seed application as a repository: two agents' branches, merged and deployed; and its hang on a real server.

An arrangement of ``lock_variants`` is taken apart: what comes before the second connection is agent a's change, the
second connection agent b's, and the target branch moves on after the deployment so that no line is where it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from dbwatching import LIMITS, OwnServer, Watched, wait_until, watching
from gitrepo import GitRepo
from lock_variants import HEAD, Variant, application
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.ports import JournalEntry, Tracer
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import Incident, Origin

PACKAGE = Path(__file__).parents[1] / "packages" / "watchkeeper-tag" / "src"
STAGES = "engine/stages.py"
KEPT = 'print("kept")'
"""A line of the base between the two agents' lines, so that git merges them."""

BASE_READ = "session.scalar(select(func.count(ContentStage.id)).where(ContentStage.content_id == content_id))"

CALL = """
import inspect, os, sys
from engine.database import engine
if sys.argv[1] != "untagged":
    from watchkeeper_tag import Tagging
    from watchkeeper_tag.sqlalchemy import install
    install(engine, Tagging(os.getcwd(), os.environ["REVISION"], mode="warn", publish=sys.argv[1] == "journal"))
from engine.models import Base, Content, ContentStage, Slot
from engine.stages import update_stage_field
with engine.begin() as connection:
    Base.metadata.create_all(connection)
    connection.exec_driver_sql("INSERT INTO content (id) VALUES (1), (2)")
arguments = {"content_id": 1, "other_id": 2, "value": "done"}
try:
    update_stage_field(*(arguments[each] for each in inspect.signature(update_stage_field).parameters))
except Exception as error:
    print(error)
"""


class Seen(NamedTuple):
    """An incident as the watch saw it, before anybody traced it, and what processes said of their transactions."""

    incident: Incident
    journals: Mapping[int, JournalEntry]


class Deployed(NamedTuple):
    """A repository whose target branch has gone on since ``revision`` was deployed."""

    repo: GitRepo
    revision: str
    base: str
    a: str
    b: str


def split(variant: Variant) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What agent a adds, and what agent b adds: from the second connection on."""
    cut = next(n for n, each in enumerate(variant.statements) if "engine.begin()" in each or "pool.submit" in each)
    return variant.statements[:cut], variant.statements[cut:]


def stages(variant: Variant, *, a: bool, b: bool, above: str = "") -> str:
    """``engine/stages.py`` with either agent's change, or both."""
    ours, theirs = split(variant)
    between = [KEPT, BASE_READ, KEPT]
    statements = [*(ours if a else ()), *between, *(theirs if b else ())]
    body = "".join(f"        {statement}\n" for statement in statements)
    head = f"def update_stage_field({variant.parameters}):\n    with {variant.factory}() as session:\n"
    return f"{above}{HEAD}{head}{body}        session.commit()\n"


def deploy(
    folder: Path, variant: Variant, *, squash: bool = False, trailers: bool = True, beside: Mapping[str, str] = {}
) -> Deployed:
    """Base with the files ``beside``, two branches from it, both merged, deployed; then lines are put on top of all."""
    repo = GitRepo.create(folder)

    def files(**parts: bool) -> dict[str, str | bytes]:
        return dict(application(stages(variant, **parts)))

    base = repo.commit("engine: stages of content", {**files(a=False, b=False), **beside})
    said = {name: _message(name, trailers=trailers) for name in "ab"}
    repo.switch("agent-a")
    a = repo.commit(said["a"], files(a=True, b=False))
    repo.git("checkout", "-q", "main")
    repo.switch("agent-b")
    b = repo.commit(said["b"], files(a=False, b=True))
    repo.git("checkout", "-q", "main")
    for name in ("agent-a", "agent-b"):
        if squash:
            repo.git("merge", "-q", "--squash", name)
            repo.commit(f"{said[name[-1]]}")
        else:
            repo.git("merge", "-q", "--no-ff", "-m", f"Merge {name}", name)
    assert repo.git("show", f"HEAD:{STAGES}") + "\n" == stages(variant, a=True, b=True)
    revision = repo.head
    repo.commit("stages: a word on top", {STAGES: stages(variant, a=True, b=True, above="# One.\n# Two.\n# Three.\n")})
    return Deployed(repo, revision, base, a, b)


def _message(name: str, *, trailers: bool) -> str:
    number, what = {"a": (101, "the row says its stage"), "b": (102, "the pipeline's state is written")}[name]
    foot = f"\n\nAgent: agent-{name}\nIssue: {number}\n" if trailers else ""
    return f"stages: {what}{foot}"


@contextmanager
def hanging(
    server: OwnServer,
    deployed: Deployed,
    folder: Path,
    how: str,
    tracer: Tracer | None = None,
    *,
    settings: Settings | None = None,
    call: str = CALL,
) -> Iterator[Watched]:
    """The deployed application hangs while the block runs. ``how``: ``untagged``, ``tag`` or ``journal``.

    ``call`` is the program that runs in the checkout, with ``how`` as its word; the watch looks before it starts.
    """
    name = f"db_{folder.name[-40:].lower().replace('-', '_')}_{os.getpid()}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    checkout, sockets = folder / "app", folder / "s"
    sockets.mkdir(mode=0o700)
    deployed.repo.git("worktree", "add", "-q", "--detach", str(checkout), deployed.revision)
    address = f"postgresql+psycopg://test@127.0.0.1:{server.port}/{name}?options=-clock_timeout%3D15s"
    environment = {
        **os.environ,
        "DATABASE_URL": address,
        "PYTHONPATH": str(PACKAGE),
        "REVISION": deployed.revision,
        "WATCHKEEPER_TAG_DIR": str(sockets),
    }
    dsn = server.dsn.replace("dbname=postgres", f"dbname={name}")
    parts = {"processes": LocalProcesses(), "journals": SocketJournals(sockets), "tracer": tracer}
    with watching(dsn, settings=settings or Settings("shop", 50, LIMITS), **parts) as watched:
        program = subprocess.Popen(
            [sys.executable, "-c", call, how], cwd=checkout, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        reader = threading.Thread(target=lambda: watched.events.append(("said", program.stdout.read())))
        reader.start()
        try:
            yield watched
        finally:
            program.kill()
            program.wait()
            reader.join()
            program.stdout.close()
            deployed.repo.git("worktree", "remove", "--force", str(checkout))


def record(server: OwnServer, deployed: Deployed, folder: Path, how: str) -> Seen:
    """The hang as the watch tells it, with the journals that belong to it."""
    with hanging(server, deployed, folder, how) as watched:
        incident = wait_until(lambda: next(iter(watched.opened), None), f"an incident in {watched.events}")
        journals = watched.watcher._journal.by_backend() if how == "journal" else {}
        return Seen(incident, journals)


def lines_of(origins: tuple[Origin, ...]) -> list[tuple[str, int]]:
    return [(each.path, each.line) for each in origins]
