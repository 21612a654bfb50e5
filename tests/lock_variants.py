"""Twenty arrangements of two connections in one function, and whether they hang a PostgreSQL server's client.

``STAGES`` is a small real application; a variant replaces the body of ``update_stage_field``. The truth was found by
running each of them: with a lock timeout of 1.5 s standing for "for ever".
"""

# ruff: noqa: E501, ISC004 -- the texts are a program's, as wide as they are
from __future__ import annotations

from typing import NamedTuple

MODELS = '''"""Tables."""
from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Content(Base):
    __tablename__ = "content"
    id: Mapped[int] = mapped_column(primary_key=True)
    current_stage: Mapped[str | None]
    stage_updated_at: Mapped[str | None]
    pipeline_status: Mapped[str | None]
    pipeline_updated_at: Mapped[str | None]


class ContentStage(Base):
    __tablename__ = "content_stage"
    id: Mapped[int] = mapped_column(primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    stage: Mapped[str]
    note: Mapped[str | None]


class Slot(Base):
    __tablename__ = "slot"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
'''

DATABASE = '''"""The engine and its sessions."""
import os

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

engine = create_engine(os.environ["DATABASE_URL"], pool_size=5)
SessionLocal = sessionmaker(engine)
QuietSession = sessionmaker(engine, autoflush=False)
'''

HEAD = '''"""Stages of content."""
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select, text

from engine.database import QuietSession, SessionLocal, engine
from engine.models import Content, ContentStage, Slot

pool = ThreadPoolExecutor(2)


def set_status(content_id, value):
    with engine.begin() as conn:
        conn.execute(
            text("UPDATE content SET pipeline_status = :v, pipeline_updated_at = now() WHERE id = :id"),
            {"v": value, "id": content_id},
        )


'''

INSERT = "session.add(ContentStage(content_id=content_id, stage=value))"
ASSIGN = "content = session.get(Content, content_id)\n        content.current_stage = value"
COUNT = "session.scalar(select(func.count(ContentStage.id)).where(ContentStage.content_id == content_id))"
SECOND = (
    'with engine.begin() as conn:\n            conn.execute(\n                text("UPDATE content SET pipeline_status = '
    ':v WHERE id = :id"),\n                {"v": value, "id": content_id},\n            )'
)


class Variant(NamedTuple):
    """One arrangement: its name, what it does, whether it hangs, and the function's statements."""

    name: str
    about: str
    hangs: bool
    statements: tuple[str, ...]
    parameters: str = "content_id, value"
    factory: str = "SessionLocal"

    @property
    def is_fixed_on(self) -> bool:
        """Whether the rules were made to fit it: those with odd numbers. The others measure them."""
        return self.name[1:].isdigit() and int(self.name[1:]) % 2 == 1

    @property
    def source(self) -> str:
        body = "".join(f"        {statement}\n" for statement in self.statements)
        head = f"def update_stage_field({self.parameters}):\n    with {self.factory}() as session:\n"
        return f"{HEAD}{head}{body}        session.commit()\n"

    @property
    def files(self) -> dict[str, bytes]:
        return application(self.source)


def application(stages: str) -> dict[str, bytes]:
    """The whole application with one text of ``engine/stages.py``."""
    texts = {"engine/__init__.py": "", "engine/models.py": MODELS, "engine/database.py": DATABASE}
    return {path: text.encode() for path, text in {**texts, "engine/stages.py": stages}.items()}


def _second(sql: str, values: str) -> str:
    return f'with engine.begin() as conn:\n            conn.execute(text("{sql}"), {values})'


VARIANTS = (
    Variant("V1", "assign, flush, then a second connection", True, (ASSIGN, "session.flush()", SECOND)),
    Variant("V2", "assigned but not flushed", False, (ASSIGN, SECOND)),
    Variant("V3", "assign, autoflush by an unrelated SELECT", True, (ASSIGN, COUNT, SECOND)),
    Variant("V4", "as V3 with autoflush=False", False, (ASSIGN, COUNT, SECOND), factory="QuietSession"),
    Variant("V5", "the second connection first", False, (SECOND, ASSIGN, "session.flush()")),
    Variant(
        "V6", "another row", False,
        (ASSIGN, "session.flush()",
         _second("UPDATE content SET pipeline_status = :v WHERE id = :id", '{"v": value, "id": other_id}')),
        parameters="content_id, other_id, value",
    ),
    Variant(
        "V7", "the second connection updates the row that the session inserted", False,
        ("stage = ContentStage(content_id=content_id, stage=value)", "session.add(stage)", "session.flush()",
         _second("UPDATE content_stage SET note = :v WHERE id = :id", '{"v": value, "id": stage.id}')),
    ),
    Variant(
        "V8", "child inserted, then the parent FOR UPDATE", True,
        (INSERT, "session.flush()", _second("SELECT id FROM content WHERE id = :id FOR UPDATE", '{"id": content_id}')),
    ),
    Variant(
        "V8b", "child inserted, then the parent FOR NO KEY UPDATE", False,
        (INSERT, "session.flush()",
         _second("SELECT id FROM content WHERE id = :id FOR NO KEY UPDATE", '{"id": content_id}')),
    ),
    Variant(
        "V9", "the session only reads, then FOR UPDATE", False,
        ("content = session.get(Content, content_id)",
         _second("SELECT id FROM content WHERE id = :id FOR UPDATE", '{"id": content_id}')),
    ),
    Variant("V10", "get(with_for_update)", True,
            ("content = session.get(Content, content_id, with_for_update=True)", SECOND)),
    Variant("V11", "a savepoint in the same session", False,
            (ASSIGN, "session.flush()", "with session.begin_nested():\n            session.execute(\n"
             '                text("UPDATE content SET pipeline_status = :v WHERE id = :id"),\n'
             '                {"v": value, "id": content_id},\n            )')),
    Variant("V12", "in a pool's thread, awaited", True,
            (ASSIGN, "session.flush()", "future = pool.submit(set_status, content_id, value)", "future.result()")),
    Variant("V13", "the same unique key in both", True,
            ("session.add(Slot(name=value))", "session.flush()",
             _second("INSERT INTO slot (name) VALUES (:n) ON CONFLICT DO NOTHING", '{"n": value}'))),
    Variant("V14", "the same advisory lock", True,
            ('session.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": content_id})',
             _second("SELECT pg_advisory_xact_lock(:k)", '{"k": content_id}'))),
    Variant("V15", "the session only reads, the second connection alters the table", True,
            ("content = session.get(Content, content_id)",
             _second("ALTER TABLE content ADD COLUMN IF NOT EXISTS extra text", "{}"))),
    Variant("V16", "a plain read over the second connection", False,
            (ASSIGN, "session.flush()",
             _second("SELECT pipeline_status FROM content WHERE id = :id", '{"id": content_id}'))),
    Variant("V17", "SKIP LOCKED", False,
            (ASSIGN, "session.flush()",
             _second("SELECT id FROM content WHERE id = :id FOR UPDATE SKIP LOCKED", '{"id": content_id}'))),
    Variant("V18", "child inserted over the second connection, the parent's non-key column written", False,
            (ASSIGN, "session.flush()",
             _second("INSERT INTO content_stage (content_id, stage) VALUES (:id, :v)",
                     '{"v": value, "id": content_id}'))),
    Variant("V19", "another table", False,
            (ASSIGN, "session.flush()",
             _second("UPDATE slot SET name = :v WHERE id = :id", '{"v": value, "id": content_id}'))),
)  # fmt: skip
