"""A short storm of kills over a fleet; the long one is ``benchmarks/fleet_storm.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STORM = Path(__file__).parents[2] / "benchmarks" / "fleet_storm.py"


@pytest.mark.timeout(600)
def test_killed_at_random_a_fleet_loses_nothing_and_works_on_no_issue_twice(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"

    done = subprocess.run(
        [sys.executable, str(STORM), "--kills", "5", "--issues", "4", "--seed", "3", "--out", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures = json.loads(out.read_text())
    assert figures["wrong"] == {}
    assert figures["kills"] >= 1
    assert figures["landed"] == figures["issues"] >= 4
