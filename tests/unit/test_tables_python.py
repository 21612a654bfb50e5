"""Tables that Python code reads, writes, locks and defines."""

from __future__ import annotations

import pytest

from lock_variants import application
from watchkeeper.code.resources.tables import EXTRACTOR
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import Access, ResourceReading

HEAD = """from sqlalchemy import delete, insert, select, text, update

from engine.database import SessionLocal, engine
from engine.models import Content, ContentStage


def work(session, conn, cursor, content_id, value, sql):
"""
LINE = HEAD.count("\n") + 1


def read(body: str) -> ResourceReading:
    source = (HEAD + "".join(f"    {line}\n" for line in body.split("\n"))).encode()
    return EXTRACTOR.extract("engine/work.py", source, MemoryTree({**application(""), "engine/work.py": source}))


def told(access: Access) -> str:
    return f"{access.mode} {access.resource.name}({' '.join(access.columns)})"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('cursor.execute("UPDATE content SET a = %s, b = 1 WHERE id = %s", (1, 2))', ["write content(a b)"]),
        ('cursor.execute("INSERT INTO job (a, b) VALUES ($1,$2)")', ["write job(a b)"]),
        ('cursor.execute("DELETE FROM public.job WHERE id = ?", (1,))', ["write job(*)"]),
        ('conn.execute(text("SELECT id FROM job WHERE a = :x FOR UPDATE"))', ["lock job(id a)"]),
        ('conn.execute(text("SELECT j.id FROM job j JOIN content c ON c.id = j.content_id"))',
         ["read content(id)", "read job(id content_id)"]),
        ('conn.execute(text("INSERT INTO job (a) SELECT b FROM content"))', ["read content(b)", "write job(a)"]),
        ('conn.execute(text("WITH x AS (SELECT 1 FROM job) UPDATE content SET a = 1 FROM x"))',
         ["write content(a)", "read job()"]),
        ('conn.execute(text("ALTER TABLE content DROP COLUMN a"))', ["define content(a)"]),
        ('conn.execute(text("DROP TABLE content"))', ["remove content()"]),
        ('conn.execute(text("LOCK TABLE content IN EXCLUSIVE MODE"))', ["lock content()"]),
        ("session.execute(update(Content).where(Content.id == 1).values(current_stage=value))",
         ["write content(current_stage)"]),
        ("session.execute(insert(ContentStage).values(stage=value))", ["write content_stage(stage)"]),
        ("session.execute(delete(Content))", ["write content(*)"]),
        ("session.scalars(select(Content.current_stage)).all()", ["read content(current_stage)"]),
        ("session.add(ContentStage(content_id=1, stage=value))", ["write content_stage(content_id stage)"]),
        ("row = session.get(Content, 1)\nrow.current_stage = value",
         ["read content()", "write content(current_stage)"]),
        ("for row in session.scalars(select(Content)):\n    row.pipeline_status = value",
         ["read content()", "write content(pipeline_status)"]),
        ("session.query(Content).filter_by(id=1).update({Content.current_stage: value})",
         ["write content(current_stage)"]),
        ("session.get(Content, 1, with_for_update=True)", ["lock content()"]),
        ('conn.execute(text("SELECT 1"))', []),
        ('print("UPDATE content SET a = 1")', []),
        ("value.current_stage = 1", []),
        ("value.update(current_stage=1)", []),
    ],
)  # fmt: skip
def test_tables_and_columns_are_named(body: str, expected: list[str]) -> None:
    reading = read(body)
    assert sorted(map(told, reading.accesses)) == sorted(expected)
    assert reading.not_analysed == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("conn.execute(sql)", "a statement from elsewhere: sql"),
        ('conn.execute(text(f"UPDATE {sql} SET a = 1"))', "SQL whose table is named when it runs"),
        ('conn.execute(text("UPDATE SET WHERE"))', "SQL that does not parse"),
        ("session.execute(update(sql).values(a=1))", "update of an unknown table: sql"),
    ],
)
def test_what_cannot_be_seen_is_said(body: str, reason: str) -> None:
    reading = read(body)
    assert reading.accesses == ()
    assert [(each.line, each.reason) for each in reading.not_analysed] == [(LINE, reason)]


def test_a_part_that_is_put_in_makes_the_rest_less_sure() -> None:
    (access,) = read('conn.execute(text(f"UPDATE content SET a = {value}"))').accesses
    assert (told(access), access.confidence) == ("write content(a)", Confidence.LIKELY)


def test_an_access_names_its_connection_and_what_is_open_there() -> None:
    body = (
        "with SessionLocal() as own:\n    own.add(ContentStage(stage=value))\n"
        '    with engine.begin() as other:\n        other.execute(text("DELETE FROM job"))\n'
        '    own.execute(text("DELETE FROM slot"))'
    )
    own = "".join(f"    {line}\n" for line in body.split("\n"))
    source = HEAD.replace("session, conn, cursor, ", "").encode() + own.encode()
    tree = MemoryTree({**application(""), "engine/work.py": source})
    first, second, third = EXTRACTOR.extract("engine/work.py", source, tree).accesses
    assert (first.connection, first.held) == ("SessionLocal()", ())
    assert (second.connection, second.held) == ("engine.begin()", ("SessionLocal()",))
    assert (third.connection, third.held) == ("SessionLocal()", ())
    assert (second.symbol, second.line, second.text) == ("work", LINE + 3, 'other.execute(text("DELETE FROM job"))')


DJANGO_MODELS = b"""from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=9)


class Post(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    title = models.CharField(max_length=9)

    class Meta:
        db_table = "articles"
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Author.objects.filter(pk=pk).update(name='x')", ["write blog_author(name)"]),
        ("Author.objects.create(name='x')", ["write blog_author(name)"]),
        ("Post.objects.select_for_update().get(pk=pk)", ["lock articles()"]),
        ("post = Post.objects.get(pk=pk)\npost.save()", ["read articles()", "write articles(*)"]),
        ("post = Post.objects.get(pk=pk)\npost.save(update_fields=['title'])",
         ["read articles()", "write articles(title)"]),
        ("Post(title='x', author_id=1).save()", ["write articles(title author_id)"]),
        ("pk.objects.create(name='x')", []),
        ("pk.save()", []),
    ],
)  # fmt: skip
def test_django_names_its_tables(body: str, expected: list[str]) -> None:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    source = f"from blog.models import Author, Post\n\n\ndef work(pk):\n{lines}".encode()
    tree = MemoryTree({"blog/models.py": DJANGO_MODELS, "blog/views.py": source})
    assert sorted(map(told, EXTRACTOR.extract("blog/views.py", source, tree).accesses)) == sorted(expected)


def test_a_models_own_methods_write_its_table() -> None:
    method = b"\n    def rename(self, name):\n        self.title = name\n        self.save(update_fields=['title'])\n"
    source = DJANGO_MODELS + method
    accesses = EXTRACTOR.extract("blog/models.py", source, MemoryTree({"blog/models.py": source})).accesses
    assert [(told(each), each.symbol) for each in accesses] == [("write articles(title)", "Post.rename")] * 2


def test_a_file_of_sql_is_read_statement_by_statement() -> None:
    text = b"-- a; b\nCREATE TABLE job (id int, note text DEFAULT ';');\n\nUPDATE job\nSET note = 'x';\n"
    reading = EXTRACTOR.extract("db/1.sql", text, MemoryTree({}))
    assert [(each.line, told(each)) for each in reading.accesses] == [
        (2, "define job(id note)"),
        (4, "write job(note)"),
    ]


def test_a_mail_class_with_a_models_name_is_not_taken_for_the_model() -> None:
    source = b"from flask_mail import Content\n\n\ndef send(session):\n    session.add(Content(current_stage='x'))\n"
    tree = MemoryTree({**application(""), "engine/work.py": source})
    assert EXTRACTOR.extract("engine/work.py", source, tree).accesses == ()


ALEMBIC = b"""from alembic import op
import sqlalchemy as sa


def upgrade():
    op.add_column("content", sa.Column("locale", sa.String()))
    op.create_index("ix", "content", ["stage"])
    op.drop_table("job")
    op.execute("UPDATE content SET locale = 'en'")
"""
DJANGO_MIGRATION = b"""from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.AddField(model_name="author", name="locale", field=models.CharField()),
        migrations.DeleteModel(name="Old"),
        migrations.RunSQL("UPDATE blog_author SET locale = 'en'"),
    ]
"""


def test_migrations_define_tables() -> None:
    tree = MemoryTree({})
    alembic = EXTRACTOR.extract("migrations/versions/1.py", ALEMBIC, tree).accesses
    assert list(map(told, alembic)) == [
        "define content(locale)", "define content(stage)", "remove job()", "write content(locale)",
    ]  # fmt: skip
    django = EXTRACTOR.extract("blog/migrations/0002_x.py", DJANGO_MIGRATION, tree).accesses
    assert list(map(told, django)) == ["define blog_author(locale)", "remove blog_old()", "write blog_author(locale)"]
