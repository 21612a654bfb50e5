"""Scenarios of which the application itself has to tell: pools, tasks, processes, lost updates, timeouts, SQLite."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

import scenario_programs as programs
from dbwatching import Watched, wait_until
from gitrepo import GitRepo
from lock_variants import application
from scenario_rows import SETTINGS, Bench, Case, Found, first_told, symbols
from scenario_seed import BY_NAME, tracing_of
from tracingscene import Deployed, hanging
from watchkeeper.model.incidents import Incident, IncidentKind, Party, Role
from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.psycopg import install
from watchkeeper_tag.sqlite import connect_with

FILES: Mapping[str, str | bytes] = {
    **application(""),
    "engine/work.py": programs.WORK,
    "engine/tasks.py": programs.TASKS,
}


def alone(bench: Bench, name: str, files: Mapping[str, str | bytes] = FILES) -> Deployed:
    """A repository that has the application and nothing else."""
    repo = GitRepo.create(bench.folder / f"{name}_repo")
    head = repo.commit("an application", files)
    return Deployed(repo, head, head, head, head)


def ends_silently(bench: Bench, program: str, files: Mapping[str, str | bytes] = FILES) -> tuple[bool, Watched]:
    """Whether the watch tells nothing while a program runs and after it has ended its work."""
    with hanging(
        bench.server, alone(bench, "twin", files), bench.place("twin"), "journal", settings=SETTINGS, call=program
    ) as watched:
        watched.looks(25)
        return watched.opened == [], watched


def tells(
    bench: Bench, program: str, *kinds: IncidentKind, files: Mapping[str, str | bytes] = FILES
) -> tuple[Incident, float]:
    with hanging(
        bench.server, alone(bench, "app", files), bench.place("app"), "journal", settings=SETTINGS, call=program
    ) as watched:
        return first_told(watched, *kinds)


def find_pool(bench: Bench) -> Found:
    program = programs.POOL.replace("CALLERS", "15")
    place = bench.place("app")
    with hanging(bench.server, alone(bench, "app"), place, "journal", settings=SETTINGS, call=program) as watched:
        incident, ms = first_told(watched, IncidentKind.POOL)
        waits = ungranted(bench.server.dsn)
        full = wait_until(lambda: next((x for x in watched.latest.values() if x.stuck == 15), None), "all fifteen")
    holders = {each.tag.symbol for each in full.parties if each.tag}
    right = "update_status" in full.summary and holders == {"update_stage"} and waits == 0 and len(full.parties) == 15
    quiet, _ = ends_silently(bench, programs.CALM_POOL)
    note = f"15 on other rows, {waits} lock waits; twin: 15 with one connection each"
    return Found(incident.kind.value, ms < 1_000, ms, right, quiet, note)


def ungranted(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return int(row[0]) if row else -1


def find_opposite(bench: Bench) -> Found:
    """Agents c and d, whose functions take two rows in the opposite order; merged cleanly."""
    content, slot = (
        "UPDATE content SET pipeline_status = 'x' WHERE id = :id", "UPDATE slot SET name = 'x' WHERE id = :id",
    )  # fmt: skip
    requeue = programs.ORDER.format(name="requeue_job", first=slot, second=content)
    publish = programs.ORDER.format(name="publish_content", first=content, second=slot)
    repo = GitRepo.create(bench.folder / "app_repo")
    base = repo.commit("an application", FILES)
    commits = []
    for agent, issue, path, text in (("c", 201, "requeue", requeue), ("d", 202, "publish", publish)):
        repo.git("checkout", "-q", "-b", f"agent-{agent}", base)
        commits.append(repo.commit(f"{path}\n\nAgent: agent-{agent}\nIssue: {issue}\n", {f"engine/{path}.py": text}))
    repo.git("checkout", "-q", "main")
    for agent in "cd":
        repo.git("merge", "-q", "--no-ff", "-m", f"merge {agent}", f"agent-{agent}")
    deployed = Deployed(repo, repo.head, base, *commits)
    program, place = programs.RACE.replace("TOGETHER", "True"), bench.place("app")
    with (
        tracing_of(deployed, say=False) as tracing,
        hanging(bench.server, deployed, place, "journal", tracing, settings=SETTINGS, call=program) as watched,
    ):
        incident, ms = first_told(watched, IncidentKind.CYCLE)
    named = {first_of(each) for each in incident.parties}
    right = named == {("engine/requeue.py", "agent-c", "201"), ("engine/publish.py", "agent-d", "202")}
    same = {
        **FILES,
        "engine/requeue.py": requeue,
        "engine/publish.py": publish.replace(content, "Q").replace(slot, content).replace("Q", slot),
    }
    quiet, _ = ends_silently(bench, programs.RACE.replace("TOGETHER", "False"), same)
    return Found(
        incident.kind.value, ms < 1_000, ms, right, quiet, "before deadlock_timeout (1 s); twin: the same order"
    )


def first_of(party: Party) -> tuple[str, str, str]:
    origin = next(iter(party.attribution.origins), None)
    return (origin.path, origin.agent, origin.issue) if origin else ("", "", "")


def find_task(bench: Bench) -> Found:
    incident, ms = tells(bench, programs.ASYNC.replace("SAME", "True"))
    told = symbols(incident)
    right = told.get("waiter") == "update_status" and told.get("holder") == "same_task"
    return Found(incident.kind.value, incident.kind is IncidentKind.SELF_DEADLOCK, ms, right, None, "its twin is 9c")


def find_no_task(bench: Bench) -> Found:
    incident, ms = tells(bench, programs.ASYNC.replace("SAME", "False"))
    told = symbols(incident)
    threads = {each.tag.thread for each in incident.parties if each.tag}
    tasks = {each.task for each in incident.parties}
    right = (
        (told.get("holder"), told.get("waiter")) == ("hold", "update_status") and len(threads) == 1 and len(tasks) == 2
    )
    is_found = incident.kind is IncidentKind.IDLE_HOLDER and not incident.is_certain
    note = "one slept for 1.5 s in its transaction: no self-deadlock, one thread, two tasks"
    return Found(incident.kind.value, is_found, ms, right, is_found, note)


def find_processes(bench: Bench) -> Found:
    program = programs.CALLER.replace("TOGETHER", "True")
    os.environ["AGAIN"] = program
    incident, ms = tells(bench, program)
    told = symbols(incident)
    processes = {each.process for each in incident.parties}
    right = (told.get("holder"), told.get("waiter")) == ("hold", "touch") and len(processes) == 2
    calm = programs.CALLER.replace("TOGETHER", "False")
    os.environ["AGAIN"] = calm
    quiet, _ = ends_silently(bench, calm)
    lacks = "that both serve one request: a tag with its number would be no constant, so it is no self-deadlock"
    return Found(
        incident.kind.value,
        incident.kind is IncidentKind.IDLE_HOLDER,
        ms,
        right,
        quiet,
        "the outer waits for the inner process",
        lacks,
    )


def find_prepared(bench: Bench) -> Found:
    """A tag that named its task would make each call another statement."""
    dsn = bench.database()
    counts = [asyncio.run(prepared(dsn, is_named=each)) for each in (False, True)]
    note = f"of 40 tasks {counts[0]} statement is prepared; with a task's own name in front {counts[1]}"
    return Found("reused", counts[0] == 1, None, None, counts[1] != 1, f"{note} (the twin: nothing is used again)")


async def prepared(dsn: str, *, is_named: bool) -> int:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as one:
        install(one, Tagging(Path(__file__).parent, "abcdef0123456789", publish=False))

        async def write(number: int) -> None:
            name = f"/* task {number} */ " if is_named else ""
            await one.execute(f"{name}UPDATE content SET current_stage = 'a' WHERE id = %s".encode(), (1,))

        for number in range(40):
            await asyncio.create_task(write(number))
        row = await (await one.execute("SELECT count(*) FROM pg_prepared_statements")).fetchone()
        return int(row[0]) if row else -1


def find_lost(bench: Bench) -> Found:
    incident, ms = tells(bench, programs.LOST, IncidentKind.LOST_UPDATE, files=BY_NAME["V7"].files)
    sites = [each.tag.site for each in incident.parties if each.tag]
    right = len(set(sites)) == 2 and all(each.startswith("engine/stages.py:") for each in sites)
    quiet, _ = ends_silently(bench, programs.LOST, BY_NAME["V5"].files)
    return Found(
        incident.kind.value,
        incident.relation == "content_stage",
        ms,
        right,
        quiet,
        "told by its process; nothing ever waits",
    )


def find_timeout(bench: Bench) -> Found:
    """The wait is over before a look could tell it."""
    incident, ms = tells(bench, programs.PATIENCE.replace("ROW", "1"))
    sites = {each.role: each.tag.site for each in incident.parties if each.tag}
    lines = programs.WORK.splitlines()

    def text(role: Role) -> str:
        path, _, line = sites.get(role, "").rpartition(":")
        return lines[int(line) - 1] if path == "engine/work.py" else ""

    right = "current_stage" in text(Role.HOLDER) and "pipeline_status" in text(Role.WAITER)
    is_found = incident.kind is IncidentKind.LOCK_WAIT and incident.by == "client"
    quiet, _ = ends_silently(bench, programs.PATIENCE.replace("ROW", "2"))
    return Found(
        incident.kind.value, is_found, ms, right, quiet, "55P03 after 60 ms, told by its process; twin: another row"
    )


def find_sqlite(bench: Bench) -> Found:
    folder = bench.place("sqlite")
    for name in "ab":
        with sqlite3.connect(folder / f"{name}.db") as made:
            made.execute("CREATE TABLE content (id INTEGER PRIMARY KEY, a TEXT)")
            made.execute("INSERT INTO content VALUES (1, 'x'), (2, 'y')")
        made.close()
    connect = connect_with(Tagging(Path(__file__).parent, mode="raise", publish=False))
    one, two, other = connect(folder / "a.db"), connect(folder / "a.db"), connect(folder / "b.db")
    one.execute("UPDATE content SET a = 'b' WHERE id = 1")
    began = time.perf_counter()
    words = ""
    try:
        two.execute("UPDATE content SET a = 'c' WHERE id = 2")
    except NestedWriteError as error:
        words = str(error)
    ms = (time.perf_counter() - began) * 1000
    other.execute("UPDATE content SET a = 'c' WHERE id = 2")
    for each in (one, two, other):
        each.close()
    right = words.count(f"{Path(__file__).name}:") == 2
    return Found(
        "nested-write",
        bool(words),
        None,
        right,
        True,
        f"refused after {ms:.1f} ms, before it is sent, by its process; twin: another file",
    )


CASES = (
    Case("7", "pool of 15, 15 callers, no lock wait", find_pool, 60),
    Case("8a", "opposite order of two functions", find_opposite, 60),
    Case("9b", "asyncio: one task over two connections", find_task),
    Case("9c", "asyncio: two innocent tasks", find_no_task),
    Case("10", "two processes of one request", find_processes),
    Case("19", "prepared statements are used again", find_prepared),
    Case("26", "update that met no row", find_lost),
    Case("30", "SQLite: nested write of another row", find_sqlite),
    Case("33", "lock_timeout: told from its error", find_timeout),
)
