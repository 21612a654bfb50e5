"""A migration beside code that uses its table: which lock, how loud, and when silent."""

from __future__ import annotations

import pytest

from watchkeeper.code.database.alterations import read_alterations
from watchkeeper.code.database.sql import read_sql
from watchkeeper.code.resources.tables import EXTRACTOR
from watchkeeper.code.tree import MemoryTree
from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.conflicts.rules.resource_table_locks import find_table_lock_conflicts
from watchkeeper.conflicts.rules.resource_tables import find_table_conflicts
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.migration_files import is_migration_file, is_taken_back
from watchkeeper.model.resources import Access, AccessMode, Resource, ResourceKind, ResourceTouch

WRITE, READ = AccessMode.WRITE, AccessMode.READ
MIGRATION = "db/migrations/0002_next.sql"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE t ADD COLUMN c int", ["ADD_COLUMN t(c)"]),
        ("ALTER TABLE t ADD c int NOT NULL", ["ADD_REQUIRED t(c)"]),
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS c int NOT NULL DEFAULT 0", ["ADD_COLUMN t(c)"]),
        ("ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp()", ["VALIDATE t(c)"]),
        ("ALTER TABLE t ADD COLUMN c bigserial", ["VALIDATE t(c)"]),
        ("ALTER TABLE t ADD COLUMN p int REFERENCES public.parent(id)", ["VALIDATE t(p)", "REFERENCE parent()"]),
        ("ALTER TABLE t DROP COLUMN IF EXISTS c CASCADE", ["DROP_COLUMN t(c)"]),
        ("ALTER TABLE t RENAME COLUMN a TO b", ["RENAME t(a,b)"]),
        ("ALTER TABLE t RENAME a TO b", ["RENAME t(a,b)"]),
        ("ALTER TABLE t RENAME TO u", ["RENAME t()"]),
        ("ALTER TABLE t ALTER COLUMN c TYPE bigint USING c::bigint", ["RETYPE t(c)"]),
        ("ALTER TABLE t ALTER c SET DATA TYPE numeric(9, 2)", ["RETYPE t(c)"]),
        ("ALTER TABLE t ALTER COLUMN c SET NOT NULL", ["VALIDATE t(c)"]),
        ("ALTER TABLE t ALTER COLUMN c SET DEFAULT 4", ["BRIEF t(c)"]),
        ("ALTER TABLE t ADD CONSTRAINT x CHECK (a > 1)", ["VALIDATE t()"]),
        ("ALTER TABLE t ADD CHECK (a > 1) NOT VALID", ["NOT_VALID t()"]),
        ("ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX i", ["BRIEF t()"]),
        ("ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES parent (id)", ["FOREIGN_KEY t()", "REFERENCE parent()"]),
        ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES parent NOT VALID", ["NOT_VALID t()"]),
        ("ALTER TABLE t VALIDATE CONSTRAINT f", ["LIGHT t()"]),
        ("ALTER TABLE t DROP CONSTRAINT IF EXISTS f", ["BRIEF t()"]),
        ("ALTER TABLE t RENAME CONSTRAINT f TO g", ["BRIEF t()"]),
        ("ALTER TABLE t ADD a numeric(9, 2), DROP COLUMN b", ["ADD_COLUMN t(a)", "DROP_COLUMN t(b)"]),
        ('ALTER TABLE ONLY "Order" ADD "when" date -- for, later', ["ADD_COLUMN Order(when)"]),
        ("CREATE INDEX i ON t (c)", ["INDEX t()"]),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (c)", ["CONCURRENT t()"]),
        ("CREATE TABLE t (c int)", ["CREATE t(c)"]),
        ("DROP TABLE t", ["DROP_TABLE t()"]),
        ("TRUNCATE t", ["EMPTY t(*)"]),
        ("LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE", ["LOCK t()"]),
        ("LOCK TABLE t IN EXCLUSIVE MODE NOWAIT", ["- t()"]),
        ("LOCK TABLE t IN ROW EXCLUSIVE MODE", ["- t()"]),
        ("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE", ["- t()"]),
        ("UPDATE t SET c = 1", ["- t(c)"]),
    ],
)  # fmt: skip
def test_each_statement_is_told_by_its_lock(sql: str, expected: list[str]) -> None:
    assert [told(c.form, c.table, c.columns) for c in read_sql(sql).claims if not c.implied] == expected


def test_of_several_statements_in_one_text_each_is_told() -> None:
    found = read_sql("ALTER TABLE t ADD a int; ALTER TABLE u DROP COLUMN b;").claims
    assert [told(c.form, c.table, c.columns) for c in found] == ["ADD_COLUMN t(a)", "DROP_COLUMN u(b)"]


@pytest.mark.parametrize(
    "text", ["", "ALTER TABLE", "ALTER TABLE t", "ALTER TABLE t ,(", "ALTER TABLE t ADD", "SELECT 1"]
)
def test_what_is_no_alteration_is_none_and_no_fault(text: str) -> None:
    assert all(each.table == "t" for each in read_alterations(text))


ALEMBIC = """\
import sqlalchemy as sa
from alembic import op


def upgrade():
    {}
"""
DJANGO = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [{}]
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('op.add_column("t", sa.Column("c", sa.Integer()))', ["ADD_COLUMN t(c)"]),
        ('op.add_column("t", sa.Column("c", sa.Integer(), nullable=False))', ["ADD_REQUIRED t(c)"]),
        ('op.add_column("t", sa.Column("c", sa.Text(), nullable=False, server_default=""))', ["ADD_COLUMN t(c)"]),
        ('op.add_column("t", sa.Column("p", sa.ForeignKey("parent.id")))', ["REFERENCE parent()", "VALIDATE t(p)"]),
        ('op.drop_column("t", "c")', ["DROP_COLUMN t(c)"]),
        ('op.alter_column("t", "c", type_=sa.Text())', ["RETYPE t(c)"]),
        ('op.alter_column("t", "c", new_column_name="d")', ["RENAME t(c)"]),
        ('op.alter_column("t", "c", nullable=False)', ["VALIDATE t(c)"]),
        ('op.alter_column("t", "c", server_default=None)', ["BRIEF t(c)"]),
        ('op.create_index("i", "t", ["c"])', ["INDEX t(c)"]),
        ('op.create_index("i", "t", ["c"], postgresql_concurrently=True)', ["CONCURRENT t(c)"]),
        ('op.create_foreign_key("f", "t", "parent", ["p"], ["id"])', ["FOREIGN_KEY t()", "REFERENCE parent()"]),
        ('op.create_foreign_key("f", "t", "parent", ["p"], ["id"], postgresql_not_valid=True)', ["NOT_VALID t()"]),
        ('op.create_unique_constraint("u", "t", ["c"])', ["VALIDATE t()"]),
        ('op.rename_table("t", "u")', ["RENAME t()"]),
        ('op.drop_table("t")', ["DROP_TABLE t()"]),
    ],
)
def test_alembic_s_operations_are_told_by_their_lock(call: str, expected: list[str]) -> None:
    assert extracted("db/versions/b1.py", ALEMBIC.format(call)) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('migrations.AddField("post", "c", models.TextField(null=True))', ["ADD_COLUMN blog_post(c)"]),
        ('migrations.AddField("post", "c", models.TextField())', ["ADD_REQUIRED blog_post(c)"]),
        ('migrations.AddField("post", "c", models.TextField(default=""))', ["ADD_COLUMN blog_post(c)"]),
        ('migrations.AddField("post", "tags", models.ManyToManyField("blog.Tag"))', ["LIGHT blog_post(tags)"]),
        (
            'migrations.AddField("post", "by", models.ForeignKey("people.Person", models.CASCADE, null=True))',
            ["REFERENCE people_person()", "VALIDATE blog_post(by)"],
        ),
        ('migrations.RemoveField("post", "c")', ["DROP_COLUMN blog_post(c)"]),
        ('migrations.AlterField("post", "c", models.TextField())', ["RETYPE blog_post(c)"]),
        ('migrations.AddIndex("post", models.Index(fields=["c"], name="i"))', ["INDEX blog_post()"]),
        ('migrations.AddConstraint("post", models.CheckConstraint(check=x, name="i"))', ["VALIDATE blog_post()"]),
        ('migrations.RemoveIndex("post", "i")', ["BRIEF blog_post()"]),
        ('AddIndexConcurrently("post", models.Index(fields=["c"], name="i"))', []),
    ],
)
def test_django_s_operations_are_told_by_their_lock(call: str, expected: list[str]) -> None:
    assert extracted("blog/migrations/0002_x.py", DJANGO.format(call)) == expected


def test_an_altered_field_of_django_may_alter_words_only_and_is_less_sure() -> None:
    source = DJANGO.format('migrations.AlterField("post", "c", models.TextField())').encode()
    path = "blog/migrations/0002_x.py"
    (access,) = EXTRACTOR.extract(path, source, MemoryTree({path: source})).accesses
    assert access.confidence is Confidence.LIKELY


@pytest.mark.parametrize(
    ("sql", "mode", "columns", "expected"),
    [
        ("ALTER TABLE t ADD c int NOT NULL", WRITE, ("a",), "major"),
        ("ALTER TABLE t ADD c int", WRITE, ("a",), "minor"),
        ("ALTER TABLE t ADD c int", WRITE, ("a", "c"), "major"),
        ("ALTER TABLE t ADD CHECK (a > 1)", WRITE, ("a",), "major"),
        ("ALTER TABLE t ALTER c TYPE text", WRITE, ("a",), "major"),
        ("ALTER TABLE t ALTER c TYPE text", READ, ("c",), "major"),
        ("ALTER TABLE t ALTER c TYPE text", READ, ("a",), "minor"),
        ("ALTER TABLE t DROP COLUMN c", READ, ("c",), "major"),
        ("ALTER TABLE t DROP COLUMN c", READ, ("*",), "major"),
        ("ALTER TABLE t DROP COLUMN c", WRITE, ("a",), "minor"),
        ("ALTER TABLE t RENAME TO u", READ, ("a",), "major"),
        ("DROP TABLE t", READ, ("a",), "major"),
        ("ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES q", WRITE, ("a",), "major"),
        ("ALTER TABLE q ADD FOREIGN KEY (p) REFERENCES t", WRITE, ("a",), "minor"),
        ("CREATE INDEX i ON t (c)", WRITE, ("a",), "minor"),
        ("CREATE INDEX i ON t (c)", AccessMode.LOCK, ("a",), "minor"),
        ("TRUNCATE t", WRITE, ("a",), "major"),
        ("LOCK TABLE t", WRITE, ("a",), "major"),
    ],
)
def test_the_lock_and_the_use_say_how_loud_it_is(
    sql: str, mode: AccessMode, columns: tuple[str, ...], expected: str
) -> None:
    (found,) = conflicts(migration(sql), [use(mode, *columns)])
    assert (found.rule, found.severity.value) == ("table-locks", expected)


@pytest.mark.parametrize(
    ("sql", "mode"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (c)", WRITE),
        ("CREATE INDEX i ON t (c)", READ),
        ("CREATE INDEX i ON other (c)", WRITE),
        ("ALTER TABLE t ADD CHECK (a > 1) NOT VALID", WRITE),
        ("ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES q NOT VALID", WRITE),
        ("ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES q", READ),
        ("ALTER TABLE t VALIDATE CONSTRAINT f", WRITE),
        ("SELECT a FROM t", WRITE),
    ],
)
def test_who_does_not_wait_is_not_troubled(sql: str, mode: AccessMode) -> None:
    assert conflicts(migration(sql), [use(mode, "a")]) == []


def test_a_table_that_the_change_makes_itself_locks_nobody_out() -> None:
    made = [*migration("CREATE TABLE t (c int)"), *migration("CREATE INDEX i ON t (c)")]
    assert [each.rule for each in conflicts(made, [use(WRITE, "c")])] == ["tables"]


def test_who_gives_up_at_once_keeps_nobody_waiting() -> None:
    found = conflicts(migration("LOCK TABLE t IN EXCLUSIVE MODE NOWAIT"), [use(WRITE, "a")])
    assert [each.rule for each in found] == ["tables"]


def test_what_both_migrate_runs_one_after_the_other_and_is_no_matter_of_locks() -> None:
    theirs = migration("UPDATE t SET c = 1", "db/migrations/0003_fill.sql")
    assert [each.rule for each in conflicts(migration("CREATE INDEX i ON t (c)"), theirs)] == ["tables"]


def test_what_is_done_only_when_a_migration_is_taken_back_meets_nobody() -> None:
    back = migration("DROP TABLE t", "db/migrations/0002_next.down.sql")
    assert conflicts(back, [use(WRITE, "a")]) == []


def test_the_evidence_is_both_places_and_there_is_one_next_step() -> None:
    (found,) = conflicts(migration("CREATE INDEX i ON t (c)"), [use(WRITE, "a")])
    assert found.summary == "a migration of a builds an index on the table t, which b writes"
    assert [(each.change, each.path, each.note) for each in found.evidence] == [
        ("a", MIGRATION, "SHARE lock"),
        ("b", "shop/orders.py", "write"),
    ]
    assert found.next_step == "build it CONCURRENTLY, outside a transaction"


@pytest.mark.parametrize(
    ("path", "symbol", "migrates", "taken_back"),
    [
        ("db/migrations/0002_x.sql", "", True, False),
        ("db/migrations/0002_x.down.sql", "", True, True),
        ("prisma/migrations/2024_x/migration.sql", "", True, False),
        ("alembic/versions/b1.py", "upgrade", True, False),
        ("alembic/versions/b1.py", "downgrade", True, True),
        ("migrations/20240101_x.js", "down", True, True),
        ("engine/slow.py", "downgrade", False, False),
        ("db/structure.sql", "", False, False),
        ("migrations/README.md", "", False, False),
    ],
)
def test_migrations_are_told_by_where_they_stand(path: str, symbol: str, migrates: bool, taken_back: bool) -> None:
    assert (is_migration_file(path), is_taken_back(path, symbol)) == (migrates, taken_back)


def told(form: str, table: str, columns: tuple[str, ...]) -> str:
    return f"{getattr(form, 'name', '-')} {table}({','.join(columns)})"


def extracted(path: str, text: str) -> list[str]:
    source = text.encode()
    accesses = EXTRACTOR.extract(path, source, MemoryTree({path: source})).accesses
    return sorted(told(each.value, each.resource.name, each.columns) for each in accesses)


def migration(sql: str, path: str = MIGRATION) -> list[ResourceTouch]:
    source = f"{sql};\n".encode()
    return [ResourceTouch(path, each) for each in EXTRACTOR.extract(path, source, MemoryTree({path: source})).accesses]


def use(mode: AccessMode, *columns: str) -> ResourceTouch:
    access = Access(Resource(ResourceKind.TABLE, "t"), mode, 7, f"{mode} {columns}", "close", columns)
    return ResourceTouch("shop/orders.py", access)


def conflicts(ours: list[ResourceTouch], theirs: list[ResourceTouch]) -> list[Conflict]:
    """What both rules about tables say, the same from either side."""
    one, two = (
        Party(
            Change(id=ChangeId(name), source=Source.WORKTREE, label=name),
            Footprint(ChangeId(name), resources=tuple(touches)),
        )
        for name, touches in (("a", ours), ("b", theirs))
    )
    there, back = (
        [*find_table_lock_conflicts(pair), *find_table_conflicts(pair)] for pair in (Pair(one, two), Pair(two, one))
    )
    assert [(c.fingerprint, c.severity, c.summary) for c in there if c.rule == "table-locks"] == [
        (c.fingerprint, c.severity, c.summary) for c in back if c.rule == "table-locks"
    ]
    return there
