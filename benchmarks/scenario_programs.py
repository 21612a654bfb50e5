"""Programs of the scenarios that have an application of their own, with ``watchkeeper-tag`` inside."""

# ruff: noqa: E501 -- the texts are programs, as wide as they are
from __future__ import annotations

from collections.abc import Sequence

START = """
import asyncio, os, sys, threading, time
from sqlalchemy import create_engine, event, text
from watchkeeper_tag import Tagging
from watchkeeper_tag.sqlalchemy import install
import engine.database as database
tagging = Tagging(os.getcwd(), os.environ["REVISION"], mode="warn")
install(database.engine, tagging)
engine = database.engine
from engine.models import Base
Base.metadata.create_all(engine)
with engine.begin() as connection:
    connection.exec_driver_sql("INSERT INTO content (id) SELECT generate_series(1, 40)")
    connection.exec_driver_sql("INSERT INTO slot (name) VALUES ('one')")


def stay():
    print("done", flush=True)
    threading.Event().wait(15)  # it can be asked what it has noticed


"""
"""What all of them begin with: tags, a published journal, tables."""

WORK = '''"""Both writes of a content."""
import threading

from sqlalchemy import text

from engine.database import SessionLocal, engine


def update_stage(content_id, wait=None):
    with SessionLocal() as session:
        session.execute(text("UPDATE content SET current_stage = 'a' WHERE id = :id"), {"id": content_id})
        if wait:
            wait()
        update_status(content_id)
        session.commit()


def update_status(content_id):
    with engine.begin() as conn:
        conn.execute(text("UPDATE content SET pipeline_status = 'b' WHERE id = :id"), {"id": content_id + 20})


def hold(content_id, until):
    with engine.begin() as conn:
        conn.execute(text("UPDATE content SET current_stage = 'a' WHERE id = :id"), {"id": content_id})
        until()


def touch(content_id):
    with engine.begin() as conn:
        conn.execute(text("UPDATE content SET pipeline_status = 'b' WHERE id = :id"), {"id": content_id})
'''
"""``engine/work.py``. ``update_stage`` writes a row, and another one over a second connection."""

POOL = (
    START.replace(
        "import engine.database as database\n",
        """import engine.database as database
database.engine = create_engine(os.environ["DATABASE_URL"], pool_size=5, max_overflow=10, pool_timeout=30)
database.SessionLocal.configure(bind=database.engine)
""",
    )
    + """
from engine.work import update_stage
gate = threading.Barrier(CALLERS)
callers = [threading.Thread(target=update_stage, args=(row, lambda: gate.wait(10)), daemon=True) for row in range(1, CALLERS + 1)]
for each in callers:
    each.start()
for each in callers:
    each.join(20)
stay()
"""
)

CALM_POOL = POOL.replace("CALLERS", "15").replace("update_stage", "hold")
"""As many callers, who hold one connection each at the same time."""

RACE = (
    START
    + """
from engine.publish import publish_content
from engine.requeue import requeue_job
gate, mine = threading.Barrier(2), threading.local()


@event.listens_for(engine, "after_cursor_execute")
def meet(connection, cursor, statement, parameters, context, executemany):
    mine.count = getattr(mine, "count", 0) + 1
    if TOGETHER and mine.count == 1:
        gate.wait(10)  # both have their first row


def often(call):
    for _ in range(1 if TOGETHER else 30):
        try:
            call(1)
        except Exception as error:
            print(type(error).__name__, flush=True)


threads = [threading.Thread(target=often, args=(each,)) for each in (requeue_job, publish_content)]
for each in threads:
    each.start()
for each in threads:
    each.join(20)
stay()
"""
)

ORDER = '''"""One of two jobs."""
from sqlalchemy import text

from engine.database import engine


def {name}(content_id):
    with engine.begin() as conn:
        conn.execute(text("{first}"), {{"id": content_id}})
        conn.execute(text("{second}"), {{"id": content_id}})
'''

TASKS = '''"""Tasks of one event loop."""
import asyncio
import os

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

other = create_async_engine(os.environ["DATABASE_URL"])


async def update_status(row):
    async with other.begin() as two:
        await two.execute(text("UPDATE content SET pipeline_status = 'b' WHERE id = :id"), {"id": row})


async def same_task():
    async with other.begin() as one:
        await one.execute(text("UPDATE content SET current_stage = 'a' WHERE id = 1"))
        await update_status(1)


async def hold(held):
    async with other.begin() as one:
        await one.execute(text("UPDATE content SET current_stage = 'a' WHERE id = 1"))
        held.set()
        await asyncio.sleep(1.5)


async def innocent():
    held = asyncio.Event()
    holding = asyncio.create_task(hold(held))
    await held.wait()
    await asyncio.create_task(update_status(1))
    await holding
'''
"""``engine/tasks.py``."""

ASYNC = (
    START
    + """
from engine.tasks import innocent, other, same_task
install(other, tagging)
try:
    asyncio.run(same_task() if SAME else innocent())
except Exception as error:
    print(error, flush=True)
stay()
"""
)

CALLER = (
    (
        START
        + """
import subprocess
from engine.work import hold, touch
if len(sys.argv) > 2:
    touch(1)
    sys.exit()


def call():
    words = [sys.executable, "-c", os.environ["AGAIN"], sys.argv[1], "inner"]
    program = subprocess.Popen(words)
    if TOGETHER:
        program.wait()
    else:
        time.sleep(0.05)  # two requests that have nothing to do with each other, and are soon over
        programs.append(program)


programs = []
hold(1, call)
for each in programs:
    each.wait()
stay()
"""
    )
    .replace(
        "Base.metadata.create_all(engine)\n",
        "inner = len(sys.argv) > 2\nif not inner:\n    Base.metadata.create_all(engine)\n",
    )
    .replace(
        "with engine.begin() as connection:\n    connection.exec",
        "with engine.begin() as connection:\n    inner or connection.exec",
        1,
    )
    .replace("\n    connection.exec", "\n    inner or connection.exec")
)

PATIENCE = (
    START
    + """
from engine.work import hold, touch


@event.listens_for(engine, "begin")
def patience(connection):
    connection.exec_driver_sql("SET LOCAL lock_timeout = 60")


held, over = threading.Event(), threading.Event()
holder = threading.Thread(target=hold, args=(1, lambda: (held.set(), over.wait(5))))
holder.start()
held.wait(5)
try:
    touch(ROW)
except Exception as error:
    print(type(error.orig).__name__, flush=True)
over.set()
holder.join()
stay()
"""
)

LOST = (
    START
    + """
from engine.stages import update_stage_field
update_stage_field(1, "new")
stay()
"""
)

OVERWRITE = """
import sys
import django
from django.conf import settings
from django.db import connection, models
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": sys.argv[1], "PORT": sys.argv[2],
    "USER": "test", "NAME": sys.argv[3]}}, INSTALLED_APPS=[], USE_TZ=True)
django.setup()


class Content(models.Model):
    current_stage = models.TextField(null=True)
    pipeline_status = models.TextField(null=True)

    class Meta:
        app_label = "shop"
        db_table = "content"


stale = Content.objects.get(pk=1)
Content.objects.filter(pk=1).update(pipeline_status="done")
stale.current_stage = "new"
stale.save(**({"update_fields": ["current_stage"]} if sys.argv[4] == "fields" else {}))
print(Content.objects.get(pk=1).pipeline_status)
"""

DJANGO_MODELS = (
    "from django.db import models\n\n\nclass Content(models.Model):\n    current_stage = models.TextField(null=True)\n"
    "    pipeline_status = models.TextField(null=True)\n"
)

HELPERS = (
    'from sqlalchemy import text\n\n\ndef mark_content(conn, content_id):\n    conn.execute(text("UPDATE content SET '
    'pipeline_status = \'x\' WHERE id = :id"), {"id": content_id})\n\n\ndef mark_job(conn, content_id):\n'
    '    conn.execute(text("UPDATE job SET state = \'x\' WHERE content_id = :id"), {"id": content_id})\n'
)

MISSES_HEAD = (
    "from pathlib import Path\n\nfrom sqlalchemy import select, text, update\n\nfrom engine.models import Content\n"
    "from blog.models import Author, Post\n\n\n"
)

BLOG = (
    "from django.db import models\n\n\nclass Author(models.Model):\n    name = models.TextField()\n\n\nclass Post(models.Model):\n"
    "    author = models.ForeignKey(Author, on_delete=models.CASCADE)\n    title = models.TextField()\n    published = models.Manager()\n"
)

MISSES: Sequence[tuple[str, str]] = (
    ("an untyped parameter", "def f(row):\n    row.status = 'x'\n"),
    ("self.c", "class A:\n    def f(self):\n        self.content.current_stage = 'x'\n"),
    ("a dict of objects", "def f(rows):\n    rows[1].current_stage = 'x'\n"),
    ("a callee's parameter in a comprehension",
     "def g(row):\n    row.current_stage = 'x'\n\n\ndef f(session):\n    return [g(each) for each in session.scalars(select(Content))]\n"),
    ("values(**kw)", "def f(session, **kw):\n    session.execute(update(Content).values(**kw))\n"),
    ("SQL from a file", "def f(conn):\n    conn.execute(text(Path('x.sql').read_text()))\n"),
    ("an unknown method run(sql)", "def f(db):\n    db.run('UPDATE content SET current_stage = 1')\n"),
    ("Django's related managers", "def f(author):\n    author.post_set.update(title='x')\n"),
    ("a foreign key's object", "def f(pk):\n    post = Post.objects.get(pk=pk)\n    post.author.name = 'x'\n    post.author.save()\n"),
    ("a manager of the project's own", "def f():\n    Post.published.update(title='x')\n"),
)  # fmt: skip

PUBLISH = """def publish(pk):
    content = Content.objects.get(pk=pk)
    content.current_stage = "new"
"""
