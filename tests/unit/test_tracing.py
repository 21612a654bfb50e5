"""Which lines parties are traced to, decided over code held in memory: rings, pools, what is cut, what is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import pytest

from lock_variants import ASSIGN, COUNT, HEAD, SECOND, VARIANTS, application
from watchkeeper.code.tree import MemoryTree
from watchkeeper.database.codeindex import CodeIndex, read_index
from watchkeeper.database.finding import Case, Found, find_all, parse_site
from watchkeeper.database.ports import JournalEntry, JournalWrite, PoolWaiter
from watchkeeper.database.sources import Work, Written
from watchkeeper.database.statements import fit, read_statement, read_waiting, tables_in
from watchkeeper.database.tracing import Tracing
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.incidents import Edge, Incident, IncidentId, IncidentKind, Party, Role, Tag, Tier

STAGES = "engine/stages.py"
UPDATE = "UPDATE content SET pipeline_status = $1 WHERE id = $2"
COUNTED = "SELECT count(content_stage.id) AS count_1 FROM content_stage WHERE content_stage.content_id = $1::INTEGER"
JOBS = '''"""Jobs."""
from sqlalchemy import text

from engine.database import engine


def requeue_job(content_id):
    with engine.begin() as conn:
        conn.execute(text("UPDATE job SET state = 'queued' WHERE content_id = :id"), {"id": content_id})
        conn.execute(text("UPDATE content SET pipeline_status = 'queued' WHERE id = :id"), {"id": content_id})


def publish_content(content_id):
    with engine.begin() as conn:
        conn.execute(text("UPDATE content SET current_stage = 'published' WHERE id = :id"), {"id": content_id})
        conn.execute(text("UPDATE job SET state = 'done' WHERE content_id = :id"), {"id": content_id})
'''


def index(stages: str, **more: str) -> CodeIndex:
    files = application(stages) | {f"engine/{name}.py": text.encode() for name, text in more.items()}
    return read_index(MemoryTree(files))


def stages(*statements: str) -> str:
    body = "".join(f"        {each}\n" for each in statements)
    head = "def update_stage_field(content_id, value):\n    with SessionLocal() as session:\n"
    return f"{HEAD}{head}{body}        session.commit()\n"


SEED = stages(ASSIGN, COUNT, SECOND)
SECOND_LINE = max(n for n, each in enumerate(SEED.splitlines(), start=1) if "conn.execute(" in each)


def hang(kind: IncidentKind = IncidentKind.IDLE_HOLDER, **changes: object) -> Incident:
    holder = Party(1, Role.HOLDER, "idle in transaction", COUNTED, holds=("content RowExclusiveLock",))
    waiter = Party(2, Role.WAITER, "active", UPDATE, wants="transaction 7 ShareLock")
    made = Incident(
        IncidentId("i-1"), "f", kind, "shop", "stands still", Millis(1), Millis(2), (holder, waiter), (Edge(2, 1),),
        relation="content",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def ring() -> Incident:
    held = ("content RowExclusiveLock", "job RowExclusiveLock")
    one = "UPDATE content SET pipeline_status = 'queued' WHERE id = $1"
    two = "UPDATE job SET state = 'done' WHERE content_id = $1"
    parties = (
        Party(1, Role.BOTH, "active", one, holds=held, wants="transaction 8 ShareLock"),
        Party(2, Role.BOTH, "active", two, holds=held, wants="transaction 7 ShareLock"),
    )
    return hang(IncidentKind.CYCLE, parties=parties, edges=(Edge(1, 2), Edge(2, 1)), relation="")


def lines(found: Found) -> list[int]:
    return [line.line for each in found.candidates for line in each.lines]


def line_of(text: str, part: str) -> int:
    return next(n for n, each in enumerate(text.splitlines(), start=1) if part in each)


def test_the_holder_is_found_by_what_it_holds_and_not_by_its_last_statement() -> None:
    found = find_all(Case(hang(), {}, lambda: index(SEED)))

    assert lines(found[1]) == [line_of(SEED, "content.current_stage = value")]
    assert (
        lines(found[2]) == [line_of(SEED, "        conn.execute(") + 0]
        or "conn.execute(" in SEED.splitlines()[lines(found[2])[0] - 1]
    )
    assert {each.tier for each in found.values()} == {Tier.INDEX}


def test_every_assignment_of_one_flush_is_told() -> None:
    two = f"{ASSIGN}\n        content.stage_updated_at = value"
    text = stages(two, COUNT, SECOND)

    found = find_all(Case(hang(), {}, lambda: index(text)))

    assert lines(found[1]) == [line_of(text, "current_stage = value"), line_of(text, "stage_updated_at = value")]


@pytest.mark.parametrize("variant", [each for each in VARIANTS if not each.hangs], ids=lambda each: each.name)
def test_code_that_does_not_fit_what_is_seen_is_no_candidate(variant) -> None:  # type: ignore[no-untyped-def]
    """Statements of tables that the code never writes lead nowhere."""
    parties = (
        Party(
            1, Role.HOLDER, "idle in transaction", "SELECT 1", holds=("invoice RowExclusiveLock",), application="web"
        ),
        Party(2, Role.WAITER, "active", "UPDATE invoice SET paid = $1", process=42, application="worker"),
    )
    found = find_all(Case(hang(parties=parties, relation="invoice"), {}, lambda: index(variant.source)))

    assert [each.tier for each in found.values()] == [Tier.UNATTRIBUTED, Tier.UNATTRIBUTED]
    assert "process 42 (worker)" in found[2].reason


def test_in_a_ring_each_side_is_told_by_what_it_waits_with_and_what_it_holds() -> None:
    found = find_all(Case(ring(), {}, lambda: index(SEED, jobs=JOBS)))

    assert {line_of(JOBS, "pipeline_status = 'queued'"), line_of(JOBS, "SET state = 'queued'")} == set(
        lines(found[1])[:2]
    )
    assert {line_of(JOBS, "SET state = 'done'"), line_of(JOBS, "current_stage = 'published'")} == set(
        lines(found[2])[:2]
    )


def test_a_statement_that_the_server_cut_off_is_still_read() -> None:
    whole = "UPDATE content SET pipeline_status = $1, pipeline_updated_at = now() WHERE " + "id = 1 OR " * 300
    cut = read_statement(f"/*wk:sym=f*/ {whole[:1000]}")

    assert [(each.table, each.columns) for each in cut] == [("content", ("pipeline_status", "pipeline_updated_at"))]


def test_a_read_that_waits_for_a_row_has_a_locking_clause_that_was_cut_off() -> None:
    whole = "SELECT id FROM content WHERE id IN (" + "1, " * 500 + "1) FOR UPDATE"

    def modes(wants: str) -> list[str]:
        return [each.mode.value for each in read_waiting(whole[:1000], wants)]

    assert modes("a row of content ExclusiveLock") == modes("transaction 7 ShareLock") == ["lock"]
    assert modes("content AccessShareLock") == modes("") == ["read"]
    assert read_waiting(whole, "transaction 7 ShareLock") == read_statement(whole), "what is whole says it itself"


def test_what_holds_and_wants_say_about_tables() -> None:
    told = ("content RowExclusiveLock", "a row of public.job ExclusiveLock", 'audit.event ShareLock', "transaction 7 x",
            "advisory lock 4 ExclusiveLock")  # fmt: skip
    assert tables_in(told) == {"content", "job", "audit.event"}


def test_a_statement_fits_by_table_and_columns_whatever_values_it_has() -> None:
    sent = [each for routine in index(SEED).routines for each in routine.sent if routine.symbol == "update_stage_field"]
    best = max(
        sent, key=lambda each: fit(read_statement("UPDATE content SET pipeline_status = 'x' WHERE id = 4"), each)
    )

    assert [made.columns for made in best.made] == [("pipeline_status",)]
    assert all(fit(read_statement("DELETE FROM slot WHERE id = 4"), each) == 0 for each in sent)


def test_a_journal_tells_all_writes_of_the_table_and_the_assignment_before_the_flush() -> None:
    writes = (
        JournalWrite("slot", (), "f", "a.py:1", "", Millis(1)),
        JournalWrite("content", ("x",), "f", "a.py:9", "a.py:4", Millis(2)),
        JournalWrite("content", ("y",), "f", "a.py:9", "a.py:5", Millis(3)),
        JournalWrite("slot", (), "f", "a.py:12", "", Millis(4)),
    )
    found = find_all(Case(hang(), {1: JournalEntry(1, 7, writes=writes)}))

    assert (found[1].tier, lines(found[1])) == (Tier.JOURNAL, [4, 5])


def test_of_a_journal_without_that_table_the_latest_write_counts() -> None:
    writes = (
        JournalWrite("slot", (), "f", "a.py:1", "", Millis(9)), JournalWrite("job", (), "f", "a.py:3", "", Millis(4)),
    )  # fmt: skip
    assert lines(find_all(Case(hang(), {1: JournalEntry(1, 7, writes=writes)}))[1]) == [1]


def test_a_holders_tag_alone_is_no_line() -> None:
    """It says where its innocent last statement stands."""
    incident = hang()
    tag = Tag("abc", "update_stage_field", f"{STAGES}:24")
    tagged = msgspec.structs.replace(incident.parties[0], tag=tag)
    alone = msgspec.structs.replace(incident, parties=(tagged, incident.parties[1]))

    (told, with_code) = (find_all(Case(alone, {}, load, "no index"))[1] for load in (lambda: None, lambda: index(SEED)))

    assert (told.tier, told.candidates) == (Tier.UNATTRIBUTED, ())
    assert "need not be what locked" in told.reason
    assert (with_code.tier, lines(with_code)) == (Tier.TAG, [line_of(SEED, "current_stage = value")])


def test_in_an_exhausted_pool_the_line_that_asks_for_another_connection_is_told() -> None:
    holders = tuple(
        Party(n, Role.HOLDER, "idle in transaction", COUNTED, holds=("content RowExclusiveLock",)) for n in (1, 2)
    )
    found = find_all(Case(hang(IncidentKind.POOL, parties=holders, edges=()), {}, lambda: index(SEED)))

    assert (
        lines(found[1]) == lines(found[2]) == [line_of(SEED.replace(HEAD, "\n" * HEAD.count("\n")), "engine.begin()")]
    )


def test_in_an_exhausted_pool_processes_say_both_where_they_ask_and_what_they_keep() -> None:
    wrote = JournalWrite("content", symbol="update_stage", site="a.py:9", set="a.py:7", at=Millis(2))
    last = JournalWrite(symbol="count", site="a.py:11", at=Millis(3))
    asks = PoolWaiter("1", "update_status", "b.py:43", Millis(4), (1,))
    entries = {
        1: JournalEntry(1, 70, writes=(wrote,), last=last, waits=(asks,)),
        2: JournalEntry(2, 70, last=last, waits=(asks,)),
        3: JournalEntry(3, 70, writes=(wrote,), last=last),
    }
    holders = tuple(Party(n, Role.HOLDER, "idle in transaction") for n in (1, 2, 3))

    found = find_all(Case(hang(IncidentKind.POOL, parties=holders, edges=()), entries, lack="no code"))

    assert [lines(found[n]) for n in (1, 2)] == [[43, 7], [43, 11]]
    assert found[1].tier is Tier.JOURNAL
    assert found[3].tier is Tier.UNATTRIBUTED  # it asks for none: nothing is said of it that is not known


@pytest.mark.parametrize(
    "text", ["", "a.py", "a.py:", ":3", "a.py:x", "/etc/passwd:3", "../a.py:3", "a.py:-1", "a.py:٣"]
)
def test_a_site_that_is_none_is_none(text: str) -> None:
    assert parse_site(text) is None


class Repository:  # its methods are the ports': what they are given matters to real ones
    """Two commits: ``base``, and what agents wrote on top of it."""

    def __init__(
        self, works: Mapping[int, tuple[str, str]], code: CodeIndex | None = None, runs: str = "r" * 40
    ) -> None:
        self._works, self._code, self._runs = works, code, runs

    def resolve(self, revision: str) -> Sha | None:
        return Sha(self._runs) if self._runs.startswith(revision) else None

    def find_path(self, revision: Sha, path: str) -> str | None:  # noqa: ARG002
        return path

    def index(self, revision: Sha) -> CodeIndex | None:  # noqa: ARG002
        return self._code

    def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:  # noqa: ARG002
        found = {}
        for line in lines:
            commit, agent = self._works.get(line, ("base", ""))
            works = (Work(agent, agent[-1:]),) if agent else ()
            found[line] = Written(line, f"line {line}", Sha(commit), "subject", "Ada", works)
        return found

    def is_before(self, old: Sha, new: Sha) -> bool:  # noqa: ARG002
        return old == "base"

    def find(self, database: str) -> Sha | None:  # noqa: ARG002
        return Sha(self._runs)


def traced(repository: Repository, incident: Incident) -> Incident:
    return Tracing(repository, repository, repository).trace_now(incident, {})


def test_base_code_is_not_blamed_and_the_other_side_is() -> None:
    """The holder's line was there before the change that brought the second connection."""
    told = traced(Repository({SECOND_LINE: ("new", "agent-b")}, index(SEED)), hang())

    holder, waiter = told.parties
    assert [(each.agent, each.issue, each.commit) for each in holder.attribution.origins] == [("", "", "base")]
    assert "no recent change" in holder.attribution.reason
    assert [each.agent for each in waiter.attribution.origins] == ["agent-b"]
    assert "no recent change" not in waiter.attribution.reason


def test_while_two_revisions_run_each_party_is_blamed_at_its_own() -> None:
    class Two(Repository):
        def resolve(self, revision: str) -> Sha | None:
            return Sha(revision * 40)

    incident = hang(IncidentKind.LOCK_WAIT)
    tags = (Tag("a", "f", "x.py:1"), Tag("b", "g", "x.py:2"))
    parties = tuple(
        msgspec.structs.replace(p, role=Role.WAITER, tag=t) for p, t in zip(incident.parties, tags, strict=True)
    )
    told = traced(Two({}), msgspec.structs.replace(incident, parties=parties))

    assert [each.attribution.origins[0].revision for each in told.parties] == ["a" * 40, "b" * 40]


def test_an_index_that_is_not_ready_is_said_and_not_waited_for() -> None:
    told = traced(Repository({}), hang())

    assert "is not known yet" in told.parties[0].attribution.reason
    assert told.parties[0].attribution.tier is Tier.UNATTRIBUTED


def test_git_that_fails_ends_no_attribution() -> None:
    class Broken(Repository):
        def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:  # noqa: ARG002
            raise GitError("no such file", slug="not-in-revision", hint="look")

    told = traced(Broken({}, index(SEED)), hang())

    assert [each.commit for each in told.parties[0].attribution.origins] == [None]
    assert "nobody is named" in told.parties[0].attribution.reason


def test_identity_kind_and_edges_stay_as_they_were() -> None:
    before = hang()
    after = traced(Repository({}, index(SEED)), before)

    assert (after.id, after.fingerprint, after.kind, after.edges) == (before.id, "f", before.kind, before.edges)
    assert [each.backend for each in after.parties] == [1, 2]


def test_among_many_that_fit_alike_none_is_called_certain_and_the_newer_one_comes_first() -> None:
    """Twenty functions with the same statements: without tags nobody can tell, and a cut list must not hide that."""
    twins = {f"a{n}": SEED.replace("update_stage_field", f"field_{n}") for n in range(19)}
    told = traced(Repository({SECOND_LINE: ("new", "agent-b")}, index(SEED, **twins)), hang())

    for party in told.parties:
        assert party.attribution.origins[0].confidence == 0.05
        assert "20 places fit" in party.attribution.reason
    assert "perhaps" in told.summary
