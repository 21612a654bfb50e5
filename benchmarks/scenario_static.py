"""Scenarios that are told before anything runs, of two unmerged changes in real git; and a server of another make."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

import scenario_programs as programs
from dbwatching import tag, watching
from gitrepo import GitRepo
from hangscene import BASE, IN_SESSION, STAGES, with_second
from lock_variants import SECOND, application
from scenario_rows import SETTINGS, Bench, Case, Found, first_told
from watchkeeper.app import check
from watchkeeper.code.resources.tables import EXTRACTOR
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.incidents import IncidentKind, Role
from watchkeeper.watch.check import CheckReport

HAS_PYMYSQL = importlib.util.find_spec("pymysql") is not None
if HAS_PYMYSQL:
    import mariadb  # now: where its programs are unpacked is read from the environment
    from watchkeeper.database.mariadb import MariaDbServer

HAS_DJANGO = importlib.util.find_spec("django") is not None

Files = Mapping[str, str | bytes]
_HEAVY = (Severity.MAJOR, Severity.BLOCKING)


class Looked:
    """Two branches of a new repository, compared once; ``ms`` is what that took, without starting a program."""

    def __init__(self, folder: Path, base: Files, one: Files, two: Files, *, two_on_one: bool = False) -> None:
        self.repo = GitRepo.create(folder)
        self.repo.commit("base", base)
        self.repo.switch("one")
        self.repo.commit("one", one)
        self.repo.git("checkout", "-q", "one" if two_on_one else "main")
        self.repo.switch("two")
        self.repo.commit("two", two)
        self.repo.git("checkout", "-q", "main")
        began = time.perf_counter()
        self.report: CheckReport = check(folder, ["one", "two"], base="one" if two_on_one else None)
        self.ms = (time.perf_counter() - began) * 1000

    @property
    def rules(self) -> dict[str, Severity]:
        """The rules that told anything, with the gravest severity that is shown by default."""
        return {each.rule: each.severity for each in self.report.conflicts if each.severity is not Severity.INFO}

    @property
    def places(self) -> set[tuple[str, str]]:
        return {(item.change, item.path) for each in self.report.conflicts for item in each.evidence}


def prove(repo: GitRepo) -> dict[str, Any]:
    """What ``prove`` says of both branches on their virtual merge."""
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "prove", "one", "two", "--json", "--severity", "info"],
        cwd=repo.path, env=os.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout or done.stderr)
    return found


def proved(repo: GitRepo, rule: str) -> list[str]:
    """The messages of a rule that holds on the merge and on neither parent."""
    return [each["message"] for proof in prove(repo)["proofs"] for each in proof["findings"] if each["rule"] == rule]


def find_disjoint_columns(bench: Bench) -> Found:
    looked = Looked(bench.folder / "app", application(BASE), {STAGES: IN_SESSION}, {STAGES: with_second(SECOND)})
    messages = proved(looked.repo, "nested-lock")
    both = {("one", STAGES), ("two", STAGES)}
    named = "update_stage_field" in str(messages)
    is_found = any(each in _HEAVY for each in looked.rules.values()) and len(messages) == 1
    quiet = Looked(
        bench.folder / "twin",
        application(BASE),
        {"engine/one.py": writer("one", "content", "note")},
        {"engine/two.py": writer("two", "content_stage", "note")},
    )
    note = "current_stage and pipeline_status; proved on the merge; twin: one column name in two tables"
    note = f"compared in {looked.ms:.0f} ms; {note}"
    return Found("nested-lock", is_found, None, named and both <= looked.places, not quiet.rules, note)


def writer(name: str, table: str, column: str) -> str:
    head = "from sqlalchemy import text\n\nfrom engine.database import engine\n\n\n"
    sql = f"UPDATE {table} SET {column} = :v WHERE id = :id"
    return f'{head}def {name}(row):\n    with engine.begin() as conn:\n        conn.execute(text("{sql}"), row)\n'


def find_overwrite(bench: Bench) -> Found:
    """That a stale ``save()`` loses the other's write is run on a real server, then looked for in the two changes."""
    if not HAS_DJANGO:
        return Found(skipped="needs Django")
    bench.database()
    truth = [saved(bench, how) for how in ("whole", "fields")]
    head = "from shop.models import Content\n\n\n"
    status = f'{head}def finish(pk):\n    Content.objects.filter(pk=pk).update(pipeline_status="done")\n'

    def stage(how: str) -> str:
        return f"{head}{programs.PUBLISH}    content.save({how})\n"

    looks = [
        Looked(
            bench.folder / name,
            {"shop/models.py": programs.DJANGO_MODELS},
            {"shop/one.py": stage(how)},
            {"shop/two.py": status},
        )
        for name, how in (("app", ""), ("twin", 'update_fields=["current_stage"]'))
    ]
    right = {("one", "shop/one.py"), ("two", "shop/two.py")} <= looks[0].places
    note = f"on the server the other's value is then {truth[0]!r}, with update_fields {truth[1]!r}"
    rule = next(iter(looks[0].rules), "")
    lacks = "nothing tells it at run time: a write that met its row leaves nothing to see"
    is_found = bool(rule) and truth == ["None", "done"]
    note = f"compared in {looks[0].ms:.0f} ms; {note}"
    return Found(rule, is_found, None, right, not looks[1].rules, note, lacks)


def saved(bench: Bench, how: str) -> str:
    name = f"shop_{os.getpid()}"
    words = ["127.0.0.1", str(bench.server.port), name, how]
    with psycopg.connect(bench.server.dsn.replace("dbname=postgres", f"dbname={name}")) as connection:
        connection.execute("UPDATE content SET current_stage = NULL, pipeline_status = NULL")
    done = subprocess.run(
        [sys.executable, "-c", programs.OVERWRITE, *words], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def find_migrations(bench: Bench) -> Found:
    notes, found, right, quiet = [], True, True, True
    for kind, text in (("alembic", alembic), ("django", django_migration)):
        path = {"alembic": "migrations/versions/{}.py", "django": "shop/migrations/{}.py"}[kind]
        base = {path.format("0001_initial"): text("0001_initial", "")}
        one = {path.format("0002_one"): text("0002_one", "0001_initial")}
        two = {path.format("0002_two"): text("0002_two", "0001_initial")}
        after = {path.format("0003_two"): text("0003_two", "0002_one")}
        looked = Looked(bench.folder / kind, base, one, two)
        calm = Looked(bench.folder / f"{kind}_twin", base, one, after, two_on_one=True)
        found = found and looked.rules.get("migrations-heads") is Severity.BLOCKING
        right = right and {("one", next(iter(one))), ("two", next(iter(two)))} <= looked.places
        quiet = quiet and "migrations-heads" not in calm.rules
        notes.append(f"{looked.ms:.0f} ms ({kind})")
    return Found(
        "migrations-heads", found, None, right, quiet, f"compared in {', '.join(notes)}; twin: one after the other"
    )


def alembic(name: str, parent: str) -> str:
    down = repr(parent) if parent else "None"
    head = f'"""{name}"""\nfrom alembic import op\n\nrevision = "{name}"\ndown_revision = {down}\n\n\n'
    return f"{head}def upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"


def django_migration(name: str, parent: str) -> str:
    del name
    after = f'[("shop", "{parent}")]' if parent else "[]"
    head = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
    return f"{head}    dependencies = {after}\n    operations = []\n"


def through_helpers(name: str, first: str, second: str) -> str:
    head = f"from engine.database import engine\nfrom engine.marks import {first}, {second}\n\n\n"
    calls = f"        {first}(conn, content_id)\n        {second}(conn, content_id)\n"
    return f"{head}def {name}(content_id):\n    with engine.begin() as conn:\n{calls}"


def find_opposite_helpers(bench: Bench) -> Found:
    base = {**application(""), "engine/marks.py": programs.HELPERS}
    one = {"engine/requeue.py": through_helpers("requeue_job", "mark_job", "mark_content")}
    messages, took = [], 0.0
    for name, order in (("app", ("mark_content", "mark_job")), ("twin", ("mark_job", "mark_content"))):
        looked = Looked(
            bench.folder / name, base, one, {"engine/publish.py": through_helpers("publish_content", *order)}
        )
        began = time.perf_counter()
        messages.append(proved(looked.repo, "opposite-order"))
        took = took or (time.perf_counter() - began) * 1000
    text = " ".join(messages[0])
    right = "requeue_job" in text and "publish_content" in text
    return Found(
        "opposite-order",
        bool(messages[0]),
        None,
        right,
        not messages[1],
        f"proved on the merge in {took:.0f} ms, with the program's start",
    )


def find_not_analysed(bench: Bench) -> Found:
    """Each is either named by its table, or listed in the output of ``check``; what is neither is a silent miss."""
    files = {
        f"app/miss_{number}.py": f"{programs.MISSES_HEAD}{text}" for number, (_, text) in enumerate(programs.MISSES)
    }
    base = {**application(""), "blog/models.py": programs.BLOG}
    plain = "def f(conn):\n    conn.execute(text('UPDATE content SET current_stage = 1'))\n"
    calm = {"app/calm.py": f"{programs.MISSES_HEAD}{plain}"}
    looked = Looked(bench.folder / "app", base, files, calm)
    listed = {each.path for each in looked.report.not_analysed}
    tree = MemoryTree(
        {path: text.encode() if isinstance(text, str) else text for path, text in {**base, **files}.items()}
    )
    named = {path for path, text in files.items() if is_named(tree, path, text.encode())}
    silent = [programs.MISSES[number][0] for number, path in enumerate(files) if path not in listed | named]
    note = f"of ten {len(named)} are named by their table by now, {len(listed - named)} listed as not analysed"
    lacks = f"{len(silent)} are missed in silence: {', '.join(silent)}" if silent else ""
    return Found(
        "not analysed",
        bool(listed | named),
        None,
        None,
        "app/calm.py" not in listed,
        f"{note}; twin: plain SQL is not listed",
        lacks,
    )


def is_named(tree: MemoryTree, path: str, source: bytes) -> bool:
    return any(each.mode.value == "write" for each in EXTRACTOR.extract(path, source, tree).accesses)


def find_mariadb(bench: Bench) -> Found:
    del bench
    if not HAS_PYMYSQL:
        return Found(skipped="needs pymysql")
    update, other = (
        "UPDATE content SET current_stage = 'a' WHERE id = 1",
        "UPDATE content SET pipeline_status = 'b' WHERE id = {}",
    )
    with mariadb.running_server(*mariadb.HISTORY) as server:
        mariadb.prepare(server)
        made = MariaDbServer(server.address("shop"))
        with mariadb.clients(server) as app, watching("", settings=SETTINGS, server=made, log=made) as watched:
            one, two = app.open(), app.open()
            app.run(one, tag(sym="stage", at="a.py:1") + update, "SELECT count(*) FROM job")
            app.send(two, other.format(2))
            app.join()
            watched.looks(5)
            quiet = watched.opened == []
            app.send(two, tag(sym="status", at="c.py:3") + other.format(1))
            incident, ms = first_told(watched, IncidentKind.IDLE_HOLDER)
            holder = next(each for each in incident.parties if each.role is Role.HOLDER)
            right = (holder.statement, holder.tag and holder.tag.symbol) == (update, "stage")
            one.rollback()
            app.join()
            app.run(one, "UPDATE job SET state = 'a' WHERE id = 1")
            app.run(two, update)
            app.send(one, tag(sym="requeue", at="r.py:1") + other.format(1))
            app.send(two, tag(sym="publish", at="p.py:1") + "UPDATE job SET state = 'b' WHERE id = 1")
            ring, _ = first_told(watched, IncidentKind.CYCLE)
    right = right and {each.tag.symbol for each in ring.parties if each.tag} == {"requeue", "publish"}
    note = f"holder's UPDATE by performance_schema's history; the deadlock, soon over, by {ring.by}; twin: another row"
    return Found(incident.kind.value, True, ms, right, quiet, note)


CASES = (
    Case("2", "disjoint columns of one table", find_disjoint_columns),
    Case("27", "Django save() overwrites another's column", find_overwrite),
    Case("28", "same-parent migrations in two branches", find_migrations),
    Case("29", "opposite order through helpers", find_opposite_helpers),
    Case("31", "MariaDB: holder by history, deadlock by log", find_mariadb, 60),
    Case("34", "known misses are listed as not analysed", find_not_analysed),
)
