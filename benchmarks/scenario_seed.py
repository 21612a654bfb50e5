"""Scenarios of the seed application: two agents' branches in real git, merged, deployed, and run on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from attribution import HELD, WAITED
from dbwatching import Watched, wait_until, watching
from gitrepo import GitRepo
from hangscene import Scene
from lock_variants import ASSIGN, COUNT, HEAD, SECOND, VARIANTS, Variant, application
from postgres import create_database, find_programs, running_server
from scenario_rows import SETTINGS, Bench, Case, Found, first_told
from tracingscene import CALL, STAGES, Deployed, deploy, hanging
from watchkeeper.app import find_place, now, open_log
from watchkeeper.code.checks.locks import CHECK
from watchkeeper.code.tree import MemoryTree
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.tracing import Tracing
from watchkeeper.lockwatch.tracing import open_tracing
from watchkeeper.model.ids import Sha
from watchkeeper.model.incidents import Attribution, Incident, IncidentKind, Party, RevisionDeployed, Role

BY_NAME = {each.name: each for each in VARIANTS}
AGENTS = {Role.HOLDER: ("agent-a", "101"), Role.WAITER: ("agent-b", "102")}


class Told(NamedTuple):
    """A hang as the watch told it: at first, and when both sides were traced; ms from the wait's beginning."""

    incident: Incident
    ms: float
    traced_ms: float
    deployed: Deployed


def party(incident: Incident, role: Role) -> Party:
    return next(each for each in incident.parties if each.role is role)


def is_named(told: Told, role: Role, text: str) -> bool:
    """Whether the first line that is told of a side is the right one, with its commit, agent and issue."""
    origins = party(told.incident, role).attribution.origins
    commit = told.deployed.a if role is Role.HOLDER else told.deployed.b
    wanted = (STAGES, commit, *AGENTS[role])
    return bool(origins) and text in origins[0].code and _who(origins[0]) == wanted


def _who(origin: object) -> tuple[str, ...]:
    return tuple(getattr(origin, name) or "" for name in ("path", "commit", "agent", "issue"))


@contextmanager
def tracing_of(deployed: Deployed, *, say: bool = True) -> Iterator[Tracing]:
    """As the watch traces in a repository; ``say``: a deploy script has told what runs."""
    place = find_place(deployed.repo.path, {"WATCHKEEPER_HOME": str(deployed.repo.path.parent / "home")})
    with open_log(place.home) as log:
        if say:
            log.append(place.project, [RevisionDeployed("production", Sha(deployed.revision), "bench")], now())
        with open_tracing(place, log) as tracing:
            yield tracing


def hang(bench: Bench, deployed: Deployed, how: str, *, say: bool = True) -> Told:
    """What the watch tells of the deployed application; it is looking when the application is started."""
    with (
        tracing_of(deployed, say=say) as tracing,
        hanging(bench.server, deployed, bench.place(f"hang_{how}"), how, tracing, settings=SETTINGS) as watched,
    ):
        incident, ms = first_told(watched)
        is_known = wait_until(lambda: _known(watched, incident.id), "what the code says")
        return Told(is_known, ms, time.time() * 1000 - incident.since, deployed)


def _known(watched: Watched, identity: str) -> Incident | None:
    incident = watched.latest[identity]
    waits = any(
        "not known yet" in each.attribution.reason or each.attribution == Attribution() for each in incident.parties
    )
    return None if waits else incident


def is_quiet(bench: Bench, files: Mapping[str, str | bytes], name: str, how: str = "journal", call: str = CALL) -> bool:
    """Whether the program ends without having waited in vain, and the watch tells nothing."""
    repo = GitRepo.create(bench.folder / f"{name}_repo")
    head = repo.commit("an application", files)
    alone = Deployed(repo, head, head, head, head)
    with hanging(bench.server, alone, bench.place(name), how, settings=SETTINGS, call=call) as watched:
        said = wait_until(lambda: next((each for each in watched.events if isinstance(each, tuple)), None), "its end")
        watched.looks(6)  # what processes notice is asked for once a second
        return b"lock timeout" not in said[1] and b"Traceback" not in said[1] and watched.opened == []


def arranged(bench: Bench, name: str, twin: Variant | str, how: str = "journal", note: str = "") -> Found:
    """One arrangement that hangs, and one beside it that does not."""
    told = hang(bench, deploy(bench.folder / "repo", BY_NAME[name]), how)
    calm = BY_NAME[twin] if isinstance(twin, str) else twin
    quiet = is_quiet(bench, calm.files, "twin", how)
    return told_as(told, IncidentKind.SELF_DEADLOCK, (HELD[name], WAITED.get(name, "conn.execute(")), quiet, note)


def told_as(told: Told, kind: IncidentKind, lines: tuple[str, str], quiet: bool | None, note: str = "") -> Found:
    """``lines`` are texts of the line that took the lock, and of the one that waits."""
    right = is_named(told, Role.HOLDER, lines[0]) and is_named(told, Role.WAITER, lines[1])
    return Found(told.incident.kind.value, told.incident.kind is kind, told.ms, right, quiet, note)


def find_incident(bench: Bench) -> Found:
    """The case itself, which the demonstration shows too: on a server of its own, for its counter of deadlocks."""
    programs = find_programs()
    if programs is None:
        return Found(skipped="needs PostgreSQL")
    with running_server(programs) as server:
        scene = Scene(bench.place("seed"), server, create_database(server))
        is_clean = bool(scene.repo.git("merge-tree", "--write-tree", "agent-a", "agent-b"))
        scene.move_on()
        commits = (scene.commits["agent-a"], scene.commits["agent-b"])
        deployed = Deployed(scene.repo, scene.deployed, "", *commits)
        (scene.root / "tags").mkdir(mode=0o700)
        parts = {"processes": LocalProcesses(), "journals": SocketJournals(scene.root / "tags")}
        with (
            tracing_of(deployed, say=False) as tracing,
            watching(scene.env["WATCHKEEPER_DSN"], settings=SETTINGS, tracer=tracing, **parts) as watched,
            scene.hanging(),
        ):
            incident, ms = first_told(watched)
            known = wait_until(lambda: _known(watched, incident.id), "what the code says")
            told = Told(known, ms, time.time() * 1000 - incident.since, deployed)
            deadlocks = scene.deadlocks()
    quiet = is_quiet(bench, BY_NAME["V5"].files, "twin")
    note = f"both named after {told.traced_ms:.0f} ms; the server's counter of deadlocks: {deadlocks}"
    found = told_as(told, IncidentKind.SELF_DEADLOCK, ("content.current_stage = value", "conn.execute("), quiet, note)
    return found._replace(is_found=found.is_found and is_clean and deadlocks == 0 and told.traced_ms < 1_000)


def find_innocent_statement(bench: Bench) -> Found:
    told = hang(bench, deploy(bench.folder / "repo", BY_NAME["V3"]), "tag")
    holder = party(told.incident, Role.HOLDER)
    blamed = {each.commit for each in holder.attribution.origins}
    alone = Variant("B", "the second agent's change alone", False, (COUNT, SECOND))
    quiet = is_quiet(bench, alone.files, "twin", "tag")
    found = told_as(told, IncidentKind.SELF_DEADLOCK, (HELD["V3"], "conn.execute("), quiet, "by tags alone")
    is_select = holder.statement.startswith("SELECT count")
    return found._replace(parties=found.parties and is_select and told.deployed.base not in blamed)


def find_flush_at_commit(bench: Bench) -> Found:
    """The assignment is sent by ``commit()``, while a second connection of the same function has the row."""
    inner = f"{SECOND}\n            session.commit()"
    variant = Variant("C", "commit() flushes inside the other transaction", True, (inner,))
    text = variant.source.replace("as session:\n", f"as session:\n        {ASSIGN}\n", 1)
    repo = GitRepo.create(bench.folder / "repo")
    base = repo.commit("engine: stages of content", application(f"{HEAD}\n"))
    b = repo.commit("second\n\nAgent: agent-a\nIssue: 101\n", application(variant.source))
    a = repo.commit("assign\n\nAgent: agent-b\nIssue: 102\n", application(text))
    told = hang(bench, Deployed(repo, a, base, b, a), "journal")  # the second connection holds, the assignment waits
    first = Variant("D", "committed before", False, (ASSIGN, "session.commit()", SECOND))
    quiet = is_quiet(bench, first.files, "twin")
    return told_as(
        told, IncidentKind.SELF_DEADLOCK, ("conn.execute(", HELD["V1"]), quiet, "not commit(), which sent it"
    )


def helper(arguments: str, body: str) -> dict[str, bytes]:
    """The seed application, whose function calls another file's."""
    call = "from engine.status import record_status\n\npool ="
    statements = (ASSIGN, "session.flush()", f"record_status({arguments})")
    source = Variant("H", "a helper", True, statements).source.replace("pool =", call)
    head = f"from sqlalchemy import text\n\nfrom engine.database import engine\n\n\ndef record_status({arguments}):\n"
    return {**application(source), "engine/status.py": f"{head}    {body}\n".encode()}


def find_helper(bench: Bench) -> Found:
    update = 'text("UPDATE content SET pipeline_status = :v WHERE id = :id"), {"v": value, "id": content_id}'
    own = helper("content_id, value", f"with engine.begin() as conn:\n        conn.execute({update})")
    callers = helper("session, content_id, value", f"session.execute({update})")
    repo = GitRepo.create(bench.folder / "repo")
    base = repo.commit("engine: stages of content", application(f"{HEAD}\n"))
    b = repo.commit("a helper\n\nAgent: agent-b\nIssue: 102\n", {"engine/status.py": own["engine/status.py"]})
    a = repo.commit("stages\n\nAgent: agent-a\nIssue: 101\n", own)
    told = hang(bench, Deployed(repo, a, base, a, b), "journal")
    holder = is_named(told, Role.HOLDER, HELD["V1"])
    first = next(iter(party(told.incident, Role.WAITER).attribution.origins), None)
    is_right = holder and first is not None and (first.path, first.agent) == ("engine/status.py", "agent-b")
    quiet = is_quiet(bench, callers, "twin")
    static = [
        any(each.rule == "nested-lock" for each in CHECK.find(MemoryTree(files), [STAGES])) for files in (own, callers)
    ]
    is_found = told.incident.kind is IncidentKind.SELF_DEADLOCK and static[0]
    return Found(told.incident.kind.value, is_found, told.ms, is_right, quiet and not static[1], "the static check too")


def find_untagged(bench: Bench) -> Found:
    told = hang(bench, deploy(bench.folder / "repo", BY_NAME["V3"]), "untagged")
    unsaid = bench._replace(folder=bench.place("unsaid"))
    blind = hang(unsaid, deploy(unsaid.folder / "repo", BY_NAME["V3"]), "untagged", say=False)
    silent = all(not each.attribution.origins for each in blind.incident.parties)
    tiers = "/".join(sorted({each.attribution.tier.value for each in told.incident.parties}))
    note = f"as one process, by {tiers}; twin: nobody said what runs, nobody is blamed"
    return told_as(told, IncidentKind.IDLE_HOLDER, (HELD["V3"], "conn.execute("), silent, note)


def find_long_statement(bench: Bench) -> Found:
    ids = ", ".join(str(each) for each in range(1, 800))

    def second(column: str) -> str:
        return (
            "with engine.begin() as conn:\n            conn.execute(text("
            f'"SELECT id FROM content WHERE {column} IN ({ids}) FOR UPDATE"), {{}})'
        )

    variant = Variant("L", "a long statement", True, (ASSIGN, "session.flush()", second("id")))
    calm = Variant("M", "of other rows", False, (ASSIGN, "session.flush()", second("id + 5000")))
    told = hang(bench, deploy(bench.folder / "repo", variant), "tag")
    quiet = is_quiet(bench, calm.files, "twin", "tag")
    note = f"{len(second('id'))} bytes, by tags alone"
    return told_as(told, IncidentKind.SELF_DEADLOCK, (HELD["V1"], "conn.execute("), quiet, note)


def find_deployed(bench: Bench) -> Found:
    """Since the deployment somebody else has written both lines anew: HEAD would blame the wrong one."""
    deployed = deploy(bench.folder / "repo", BY_NAME["V3"])
    text = (deployed.repo.path / STAGES).read_text()
    changed = text.replace("content.current_stage = value", "content.current_stage = value.strip()")
    deployed.repo.commit(
        "strip\n\nAgent: agent-z\nIssue: 900\n", {STAGES: changed.replace("conn.execute(", "conn.execute(  ")}
    )
    told = hang(bench, deployed, "journal", say=False)
    origins = [each for side in told.incident.parties for each in side.attribution.origins]
    quiet = all(each.agent != "agent-z" and each.revision == deployed.revision for each in origins)
    note = "twin: who changed the lines since is not blamed"
    return told_as(told, IncidentKind.SELF_DEADLOCK, (HELD["V3"], "conn.execute("), quiet, note)


def find_squashed(bench: Bench) -> Found:
    squashed = deploy(bench.folder / "repo", BY_NAME["V3"], squash=True)
    told = hang(bench, squashed, "untagged")
    agents = {role: party(told.incident, role).attribution.origins for role in AGENTS}
    right = all(origins and (origins[0].agent, origins[0].issue) == AGENTS[role] for role, origins in agents.items())
    bare = hang(
        bench._replace(folder=bench.place("bare")),
        deploy(bench.folder / "bare_repo", BY_NAME["V3"], squash=True, trailers=False),
        "tag",
    )
    silent = all(not each.agent for side in bare.incident.parties for each in side.attribution.origins)
    is_found = told.incident.kind is IncidentKind.IDLE_HOLDER
    return Found(
        told.incident.kind.value,
        is_found,
        told.ms,
        right,
        silent,
        "by trailers, untagged; twin: without trailers no agent is named",
    )


def find_thread(bench: Bench) -> Found:
    late = "future = pool.submit(set_status, content_id, value)"
    calm = Variant("T", "awaited by nobody before the commit", False, (ASSIGN, "session.flush()", late))
    return arranged(bench, "V12", calm)


def find_other_key(bench: Bench, name: str, old: str, new: str) -> Found:
    """The arrangement, and the same with another key in its second connection."""
    variant = BY_NAME[name]
    *before, last = variant.statements
    assert old in last
    return arranged(bench, name, variant._replace(statements=(*before, last.replace(old, new))))


CASES = (
    Case("1", "the incident: clean merge, hang, both named", find_incident, 60),
    Case("3", "holder's last statement is the base's SELECT", find_innocent_statement),
    Case("4", "autoflush by an unrelated SELECT", lambda bench: arranged(bench, "V3", "V4")),
    Case("5", "flush at commit(): the assignment's line", find_flush_at_commit),
    Case("6", "helper in another file with its own connection", find_helper),
    Case("9a", "future.result(): a wait across threads", find_thread),
    Case("11", "child inserted, parent FOR UPDATE", lambda bench: arranged(bench, "V8", "V8b")),
    Case(
        "13",
        "one unique key, ON CONFLICT DO NOTHING",
        lambda bench: find_other_key(bench, "V13", '{"n": value}', '{"n": "other"}'),
    ),
    Case("14", "one advisory lock", lambda bench: find_other_key(bench, "V14", '{"k": content_id}', '{"k": 77}')),
    Case("17", "no tags at all", find_untagged),
    Case("18", "statement longer than track_activity_query_size", find_long_statement),
    Case("20", "deployed revision is not HEAD", find_deployed),
    Case("21", "squash merges", find_squashed, 60),
)
