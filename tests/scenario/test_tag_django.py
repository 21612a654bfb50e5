"""Django with tags, in a process of its own: its settings are global."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres
from tagged import PACKAGE

pytestmark = pytest.mark.postgresql
APPLICATION = """
import json, os, sys
import django
from django.conf import settings
from django.db import connections, models, transaction
from watchkeeper_tag import NestedWriteError, Tagging
from watchkeeper_tag.django import install

database = {"ENGINE": "django.db.backends.postgresql", "HOST": sys.argv[1], "USER": "test", "NAME": sys.argv[2],
            "OPTIONS": {"options": "-c lock_timeout=1000"}}
is_app = sys.argv[3] == "app"
os.environ["WATCHKEEPER_REVISION"] = "feed"
settings.configure(
    DATABASES={"default": database, "second": dict(database)}, USE_TZ=True,
    INSTALLED_APPS=["watchkeeper_tag.django"] if is_app else [],
)
django.setup()
if not is_app:
    install(Tagging(os.getcwd(), "feed", mode=sys.argv[3], publish=False))


class Content(models.Model):
    title = models.TextField()

    class Meta:
        app_label = "app"
        db_table = "content"


def rename(alias, row):
    with transaction.atomic():
        content = Content.objects.get(pk=1)
        content.title = "a"
        if sys.argv[6:] == ["savepoint"]:
            try:
                with transaction.atomic():
                    content.save()
                    raise ValueError
            except ValueError:
                pass
        else:
            content.save()
        Content.objects.using(alias).filter(pk=row).update(title="b")


def shown():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        return cursor.fetchone()[0]


try:
    rename(sys.argv[4], int(sys.argv[5]))
    end = "ends"
except NestedWriteError as error:
    end = str(error)
print(json.dumps({"end": end, "shown": shown()}))
"""


@pytest.fixture(scope="module")
def server(postgresql: str) -> tuple[str, str]:
    name = postgres.create_database(postgresql)
    with psycopg.connect(f"host={postgresql} user=test dbname={name}", autocommit=True) as made:
        made.execute("CREATE TABLE content (id serial PRIMARY KEY, title text NOT NULL)")
        made.execute("INSERT INTO content (title) VALUES ('x'), ('y')")
    return postgresql, name


def run(server: tuple[str, str], folder: Path, *words: str) -> dict[str, Any]:
    (folder / "app.py").write_text(APPLICATION)
    done = subprocess.run(
        [sys.executable, "app.py", *server, *words], cwd=folder, env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_second_alias_of_the_same_database_is_refused_and_statements_are_tagged(
    server: tuple[str, str], tmp_path: Path
) -> None:
    found = run(server, tmp_path, "raise", "second", "1")

    assert "app.py:" in found["end"]
    assert "holds it uncommitted" in found["end"]
    assert found["shown"].startswith("/*wk:rev=feed,sym=shown,at=app.py:")


@pytest.mark.parametrize("words", [("default", "1"), ("second", "2")])
def test_the_same_alias_and_another_row_go_on(server: tuple[str, str], tmp_path: Path, words: tuple[str, str]) -> None:
    assert run(server, tmp_path, "raise", *words)["end"] == "ends"


def test_what_a_savepoint_gave_back_is_free(server: tuple[str, str], tmp_path: Path) -> None:
    assert run(server, tmp_path, "raise", "second", "1", "savepoint")["end"] == "ends"


def test_as_an_installed_application_it_tags_without_another_line(server: tuple[str, str], tmp_path: Path) -> None:
    found = run(server, tmp_path, "app", "second", "2")

    assert found["shown"].startswith("/*wk:rev=feed,sym=shown,at=app.py:")
