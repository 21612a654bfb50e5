"""A SQLite file under the database watch: what an application with the tag inside says of it, and nothing else."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbwatching import LIMITS, Watched, wait_until, watching
from gitrepo import GitRepo
from tagged import PACKAGE
from watchkeeper.app import find_place, now, open_log
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.sqlite import SqliteFile
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import (
    DatabaseSeen,
    DatabaseUnseen,
    EndReason,
    Incident,
    IncidentEnded,
    IncidentKind,
    IncidentOpened,
    Role,
)

BASE = """\
def publish(connect):
    session = connect()
    # begin
    session.execute("SELECT count(*) FROM content")
    # end
    session.commit()
"""
IN_SESSION = "# begin\n    session.execute(\"UPDATE content SET stage = 'out' WHERE id = 1\")"
SECOND = "{}\n    other = connect()\n    other.execute(\"UPDATE content SET status = 'out' WHERE id = 2\")\n"
RUN = """
import sqlite3, sys, threading, time
from pathlib import Path
from watchkeeper_tag import Tagging
from watchkeeper_tag.sqlite import connect_with
from stages import publish
connect = connect_with(Tagging(Path.cwd()))
threading.Thread(target=sys.stdin.read, name="end").start()
print("ready", flush=True)
while any(each.name == "end" for each in threading.enumerate()):
    made = []
    try:
        publish(lambda: made.append(connect(sys.argv[1], timeout=0.05, check_same_thread=False)) or made[-1])
    except sqlite3.OperationalError as error:
        assert "locked" in str(error)
    for each in made:
        each.close()
    time.sleep(0.05)
"""
NESTED = BASE.replace("# begin", IN_SESSION).replace("# end", SECOND.format("# end"))
AFTERWARDS = NESTED.replace("    other =", "    session.commit()\n    other =")
ELSEWHERE = NESTED.replace("other.execute", "other.execute(\"ATTACH ':memory:' AS m\"); session.execute")
THREAD = """\
import threading


def write(session):
    session.execute("UPDATE content SET stage = 'out' WHERE id = 1")


def publish(connect):
    session, other = connect(), connect()
    holder = threading.Thread(target=write, args=(session,))
    holder.start()
    holder.join()
    other.execute("UPDATE content SET status = 'out' WHERE id = 2")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "shop.db"
    with sqlite3.connect(place) as made:
        made.execute("CREATE TABLE content (id INTEGER PRIMARY KEY, stage TEXT, status TEXT)")
        made.execute("INSERT INTO content (id) VALUES (1), (2)")
    made.close()
    return place


@contextmanager
def application(folder: Path, file: Path, sockets: Path) -> Iterator[None]:
    """Calls ``publish`` of the folder's ``stages.py`` over and over, until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "run.py", str(file)], cwd=folder, text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "WATCHKEEPER_TAG_DIR": str(sockets)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield
        _, errors = running.communicate(timeout=20)
        assert running.returncode == 0, errors


@contextmanager
def watching_file(file: Path, sockets: Path) -> Iterator[Watched]:
    journals = SocketJournals(sockets, answer_s=2.0)
    server = SqliteFile(f"sqlite:///{file}", sockets, journals.count, now)
    with watching("", settings=Settings("shop", 50, LIMITS), server=server, journals=journals) as watched:
        yield watched


@contextmanager
def calling(text: str, file: Path) -> Iterator[Watched]:
    """A watch beside an application whose function is ``text``."""
    folder, sockets = file.parent / "app", file.parent / "sockets"
    folder.mkdir()
    (folder / "stages.py").write_text(text)
    (folder / "run.py").write_text(RUN)
    with application(folder, file, sockets):
        wait_until(lambda: list(sockets.glob("*.sock")), "the journal's socket")
        with watching_file(file, sockets) as watched:
            yield watched


def sites(incident: Incident) -> Sequence[tuple[Role, str]]:
    return [(each.role, each.tag.site if each.tag else "") for each in incident.parties]


def line(text: str, of: str) -> str:
    return f"stages.py:{1 + next(number for number, each in enumerate(text.splitlines()) if of in each)}"


def test_a_nested_write_to_another_row_is_told_with_both_lines(file: Path) -> None:
    with calling(NESTED, file) as watched:
        found = watched.until_opened(IncidentKind.SELF_DEADLOCK)
        ended = watched.until_ended()
        watched.looks(50)

    assert [each.kind for each in watched.opened] == [IncidentKind.SELF_DEADLOCK], "the timeout is no second fault"
    assert (found.by, found.relation, found.is_certain) == ("client", "content", True)
    assert sites(found) == [(Role.HOLDER, line(NESTED, "stage =")), (Role.WAITER, line(NESTED, "status ="))]
    assert (ended.id, ended.reason) == (found.id, EndReason.UNKNOWN)


def test_who_was_kept_waiting_by_another_thread_is_told_with_both_lines(file: Path) -> None:
    with calling(THREAD, file) as watched:
        found = watched.until_opened(IncidentKind.LOCK_WAIT)

    assert sites(found) == [(Role.HOLDER, line(THREAD, "stage =")), (Role.WAITER, line(THREAD, "status ="))]
    assert [each.kind for each in watched.opened] == [IncidentKind.LOCK_WAIT]


@pytest.mark.parametrize("text", [AFTERWARDS, ELSEWHERE], ids=["after the commit", "over the same connection"])
def test_writes_that_wait_for_nobody_are_silent(file: Path, text: str) -> None:
    with calling(text, file) as watched:
        watched.looks(60)

    assert watched.opened == []


def test_what_is_not_seen_is_said_and_more_where_no_process_speaks(file: Path, tmp_path: Path) -> None:
    with watching_file(file, tmp_path / "sockets") as watched:
        alone = watched.until_told(DatabaseUnseen)
    with calling(AFTERWARDS, file) as watched:
        among = watched.until_told(DatabaseUnseen)

    assert alone.is_partial
    assert f"no process with watchkeeper-tag in {tmp_path / 'sockets'}" in alone.reason
    assert among.is_partial
    assert "no process" not in among.reason


def test_a_file_that_is_not_there_is_unseen_until_it_is(file: Path, tmp_path: Path) -> None:
    hidden = file.rename(tmp_path / "elsewhere")
    with watching_file(file, tmp_path / "sockets") as watched:
        told = watched.until_told(DatabaseUnseen)
        hidden.rename(file)
        seen = watched.until_told(DatabaseSeen)

    assert (told.is_partial, told.reason) == (False, f"{file}: No such file or directory")
    assert seen.server == "SQLite 3"


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with watching_file(tmp_path, tmp_path / "sockets") as watched:
        told = watched.until_told(DatabaseUnseen)

    assert (told.is_partial, told.reason) == (False, f"{tmp_path} is no file")


def test_the_watch_keeps_no_writer_of_the_file_waiting(file: Path, tmp_path: Path) -> None:
    with watching_file(file, tmp_path / "sockets") as watched:
        watched.looks(1)
        with sqlite3.connect(file, timeout=0) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            watched.looks(3)
            writer.execute("UPDATE content SET stage = 'x'")
        writer.close()

    assert watched.opened == []


def test_two_agents_changes_are_named_by_the_verb_and_recorded(file: Path, tmp_path: Path) -> None:
    repo = GitRepo.create(tmp_path / "shop")
    repo.commit("stages", {"stages.py": BASE, "run.py": RUN})
    for agent, issue, text in (
        ("agent-a", "101", BASE.replace("# begin", IN_SESSION)),
        ("agent-b", "102", BASE.replace("# end", SECOND.format("# end"))),
    ):
        repo.git("checkout", "-q", "-b", agent, "main")
        repo.commit(f"mirror a stage\n\nAgent: {agent}\nIssue: {issue}\n", {"stages.py": text})
    repo.git("checkout", "-q", "main")
    for agent in ("agent-a", "agent-b"):
        repo.git("merge", "-q", "--no-edit", agent)
    environ = {
        **os.environ, "WATCHKEEPER_HOME": str(tmp_path / "home"), "WATCHKEEPER_TAG_DIR": str(tmp_path / "sockets"),
        "WATCHKEEPER_DSN": f"sqlite:///{file}",
    }  # fmt: skip

    assert repo.path.joinpath("stages.py").read_text() == NESTED
    with (
        application(repo.path, file, tmp_path / "sockets"),
        subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "db", "watch", "--json"],
            cwd=repo.path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as watch,
    ):  # fmt: skip
        assert watch.stdout is not None
        told = (json.loads(each) for each in watch.stdout)
        incident = next(each for each in told if each["kind"] == "incident-opened")["event"]["incident"]
        next(each for each in told if each["kind"] == "incident-ended")
        watch.terminate()

    found = {each["role"]: each["attribution"]["origins"][0] for each in incident["parties"]}
    assert (incident["kind"], incident["database"]) == ("self-deadlock", "shop.db")
    assert {role: (each["agent"], each["issue"]) for role, each in found.items()} == {
        "holder": ("agent-a", "101"), "waiter": ("agent-b", "102"),
    }  # fmt: skip
    place = find_place(repo.path, environ)
    with open_log(place.home) as log:
        recorded = [type(each.event) for each in log.read(place.project)]
    assert recorded.count(IncidentOpened) == recorded.count(IncidentEnded) == 1


def test_looking_once_is_refused_for_it_could_only_be_green(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "db", "watch", f"sqlite:///{file}", "--once", "--json"],
        cwd=file.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["slug"] == "database-once"
