"""The incident's demonstration, as ``make demo-incident`` runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import postgres
from tagged import PACKAGE

pytestmark = pytest.mark.postgresql


def test_both_agents_are_named_while_the_server_sees_no_deadlock() -> None:
    if postgres.find_programs() is None:
        pytest.skip("PostgreSQL is not installed")

    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "demo", "--incident", "--tag", str(PACKAGE)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "git merge agent-a agent-b: clean, both times" in done.stdout
    assert "pg_stat_database.deadlocks after 2 s of it: 0" in done.stdout
    assert "agent-a, issue 101: content.current_stage = value" in done.stdout
    assert "agent-b, issue 102: pipeline.execute(" in done.stdout
    assert "0 rows are half written" in done.stdout
