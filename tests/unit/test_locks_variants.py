"""The locks check on the incident and on twenty arrangements whose truth was found by running them."""

from __future__ import annotations

import pytest

from lock_variants import ASSIGN, COUNT, HEAD, SECOND, VARIANTS, Variant, application
from watchkeeper.code.checks.locks import CHECK
from watchkeeper.code.database.files import open_database, read_database
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.findings import Finding

STAGES = "engine/stages.py"
RECORD = "session.add(ContentStage(content_id=content_id, stage=value))\n        session.flush()"


def stages(*statements: str) -> dict[str, bytes]:
    body = "".join(f"        {each}\n" for each in statements)
    head = "def update_stage_field(content_id, value):\n    with SessionLocal() as session:\n"
    return application(f"{HEAD}{head}{body}        session.commit()\n")


BASE = stages(RECORD, COUNT)
A = stages(ASSIGN, RECORD, COUNT)
B = stages(RECORD, COUNT, SECOND)
MERGED = stages(ASSIGN, RECORD, COUNT, SECOND)


def look(files: dict[str, bytes], *roots: str) -> list[Finding]:
    return list(CHECK.find(MemoryTree(files), roots or (STAGES,)))


def nested(files: dict[str, bytes]) -> list[Finding]:
    return [each for each in look(files) if each.rule == "nested-lock"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_what_hangs_is_predicted_and_what_does_not_hang_is_not(variant: Variant) -> None:
    assert bool(nested(variant.files)) is variant.hangs


def test_the_incident_is_in_the_merge_and_in_none_of_its_parts() -> None:
    assert [len(nested(tree)) for tree in (BASE, A, B)] == [0, 0, 0]
    (found,) = nested(MERGED)
    assert found.message.startswith("nested lock: would hang: update_stage_field writes content in session (line "), (
        found.message
    )
    assert "and again over engine.begin() (line" in found.message
    assert found.subject == "update_stage_field: content: session then engine.begin()"
    assert not any(character.isdigit() for character in "".join(found.key))


def test_the_second_connection_is_told_of_one_change_alone() -> None:
    assert [[each.rule for each in look(tree)] for tree in (BASE, A, B)] == [[], [], ["second-connection"]]


def test_moved_lines_leave_the_identity_as_it_is() -> None:
    moved = {**MERGED, STAGES: b"\n\n\n" + MERGED[STAGES]}
    assert [each.key for each in look(moved)] == [each.key for each in look(MERGED)]
    assert [each.line for each in look(moved)] != [each.line for each in look(MERGED)]


def helper(parameters: str, arguments: str, body: str) -> dict[str, bytes]:
    files = stages(ASSIGN, "session.flush()", f"record_status({arguments})")
    text = files[STAGES].decode().replace("pool =", "from engine.status import record_status\n\npool =")
    status = (
        "from sqlalchemy import text\n\nfrom engine.database import engine\n\n\n"
        f"def record_status({parameters}):\n    {body}\n"
    )
    return {**files, STAGES: text.encode(), "engine/status.py": status.encode()}


UPDATE = 'text("UPDATE content SET pipeline_status = :v WHERE id = :id"), {"v": value, "id": content_id}'


def test_a_helper_with_a_connection_of_its_own_is_followed() -> None:
    body = f"with engine.begin() as conn:\n        conn.execute({UPDATE})"
    files = helper("content_id, value", "content_id, value", body)
    (found,) = nested(files)
    assert "engine/status.py:8" in found.message
    assert [key.qualname for key in found.involved] == ["update_stage_field", "record_status"]


def test_a_helper_that_uses_the_callers_session_is_silent() -> None:
    files = helper("session, content_id, value", "session, content_id, value", f"session.execute({UPDATE})")
    assert look(files) == []


def test_a_commit_in_between_ends_the_wait() -> None:
    assert nested(stages(ASSIGN, "session.commit()", SECOND)) == []


def test_a_way_that_returns_does_not_reach_what_follows() -> None:
    early = "if value is None:\n            content = session.get(Content, content_id)\n"
    early += '            content.current_stage = ""\n            session.flush()\n            return'
    assert nested(stages(early, SECOND)) == []


ORDER = """from sqlalchemy import text

from engine.database import engine


def {name}(content_id):
    with engine.begin() as conn:
        conn.execute(text("{first}"), {{"id": content_id}})
        conn.execute(text("{second}"), {{"id": content_id}})
"""
JOB = "UPDATE job SET state = 'x' WHERE content_id = :id"
CONTENT = "UPDATE content SET pipeline_status = 'x' WHERE id = :id"


def two(first: tuple[str, str], second: tuple[str, str]) -> list[Finding]:
    files = application("")
    files["engine/requeue.py"] = ORDER.format(name="requeue_job", first=first[0], second=first[1]).encode()
    files["engine/publish.py"] = ORDER.format(name="publish_content", first=second[0], second=second[1]).encode()
    return look(files, "engine/requeue.py", "engine/publish.py")


def test_two_functions_that_lock_two_tables_crosswise_are_told_once() -> None:
    (found,) = two((JOB, CONTENT), (CONTENT, JOB))
    assert (found.rule, found.subject) == ("opposite-order", "content and job: publish_content and requeue_job")
    assert "each can hold what the other waits for" in found.message


def test_the_same_order_in_both_is_silent() -> None:
    assert two((JOB, CONTENT), (JOB, CONTENT)) == []


def test_the_opposite_order_of_two_other_tables_is_silent() -> None:
    assert two((JOB, CONTENT), (CONTENT, "UPDATE slot SET name = 'x' WHERE id = :id")) == []


def test_receivers_of_signals_are_no_connections() -> None:
    source = (
        b"def register(task_submitted, other, conn):\n    task_submitted.connect(other)\n    other.connect(register)\n"
    )
    assert look({"signals.py": source}, "signals.py") == []


def test_a_connection_that_no_pool_gave_does_not_drain_one() -> None:
    body = "    with psycopg.connect() as one:\n        one.execute('SELECT a FROM t')\n"
    source = f"import psycopg\n\n\ndef copy():\n{body}        with psycopg.connect() as two:\n            pass\n"
    assert look({"copy.py": source.encode()}, "copy.py") == []


DJANGO_MODELS = b"""from django.db import models


class Content(models.Model):
    stage = models.CharField(max_length=9)
    status = models.CharField(max_length=9)
"""
DJANGO = """from django.db import transaction

from shop.models import Content


def publish(pk):
    with transaction.atomic():
        content = Content.objects.get(pk=pk)
        content.stage = "x"
        content.save(update_fields=["stage"])
        Content.objects{using}.filter(pk=pk).update(status="y")
"""


def test_django_over_a_second_alias_hangs_and_over_the_same_one_does_not() -> None:
    def django(using: str) -> list[Finding]:
        files = {"shop/models.py": DJANGO_MODELS, "shop/views.py": DJANGO.format(using=using).encode()}
        return look(files, "shop/views.py")

    (found,) = django('.using("second")')
    assert found.rule == "nested-lock"
    assert "shop_content" in found.message
    assert django("") == []


def test_a_function_read_alone_is_what_the_whole_file_has() -> None:
    twice = b"\n\ndef twice(session):\n    session.flush()\n\n\ndef twice(session):\n    return 1\n"
    for variant in VARIANTS:
        files = {**variant.files, STAGES: variant.files[STAGES] + twice}
        tree = MemoryTree(files)
        for path, source in files.items():
            whole = read_database(path, source, tree).procedures
            find = open_database(path, source, tree)
            names = {name for name in whole if name not in ("", "Migration")}
            assert {name: find(name) for name in names} == {name: whole[name] for name in names}
            assert find("nothing_of_that_name") is None
