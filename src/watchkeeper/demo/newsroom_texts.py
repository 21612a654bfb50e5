"""The application of the incident's demonstration, and what two agents type into it. Texts."""

from __future__ import annotations

MODELS = '''"""Tables of the newsroom."""
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Content(Base):
    __tablename__ = "content"
    id: Mapped[int] = mapped_column(primary_key=True)
    current_stage: Mapped[str | None]
    pipeline_status: Mapped[str | None]


class ContentStage(Base):
    __tablename__ = "content_stage"
    id: Mapped[int] = mapped_column(primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    stage: Mapped[str]
'''

DATABASE = '''"""The engine, with tags in front of its statements."""
import os

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from watchkeeper_tag.sqlalchemy import install

engine = create_engine(os.environ["DATABASE_URL"], pool_size=5)
SessionLocal = sessionmaker(engine)
install(engine)
'''

STAGES = '''"""Stages of content."""
from sqlalchemy import func, select, text

from engine.database import SessionLocal, engine
from engine.models import Content, ContentStage


def update_stage_field(content_id, value):
    """Move a piece of content to another stage."""
    with SessionLocal() as session:
        session.add(ContentStage(content_id=content_id, stage=value))
        session.flush()
        stages = select(func.count(ContentStage.id)).where(ContentStage.content_id == content_id)
        reached = session.scalar(stages)
        session.commit()
    return reached
'''

SERVE = '''"""Handles one request after the other, as production does."""
import sys

from engine.database import SessionLocal, engine
from engine.models import Base, Content
from engine.stages import update_stage_field

Base.metadata.create_all(engine)
with SessionLocal() as session:
    session.merge(Content(id=1))
    session.commit()
for line in sys.stdin:
    update_stage_field(1, line.strip())
    print("handled", flush=True)
'''

TITLES = {
    "agent-a": ("101", "Keep the current stage on the content itself"),
    "agent-b": ("102", "The pipeline has to know a new stage at once"),
}
"""The issue of each agent, and its title."""

EDITS = {
    "agent-a": (
        "        session.add(ContentStage(content_id=content_id, stage=value))\n",
        """        content = session.get(Content, content_id)
        content.current_stage = value
        session.add(ContentStage(content_id=content_id, stage=value))
""",
    ),
    "agent-b": (
        "        session.commit()\n    return",
        """        with engine.begin() as pipeline:
            mirror = text("UPDATE content SET pipeline_status = :status WHERE id = :id")
            pipeline.execute(mirror, {"status": value, "id": content_id})
        session.commit()
    return""",
    ),
}
"""What each agent replaces by what, in ``engine/stages.py``."""

FILES = {
    "engine/__init__.py": "",
    "engine/models.py": MODELS,
    "engine/database.py": DATABASE,
    "engine/stages.py": STAGES,
    "serve.py": SERVE,
    ".gitignore": "__pycache__/\n",
}
