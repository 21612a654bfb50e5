"""Whoever drives the queue is killed at random moments; the long form is ``make soak``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parents[2] / "benchmarks" / "landing_soak.py"


def test_whoever_is_killed_what_landed_was_tested_and_nothing_is_lost() -> None:
    done = subprocess.run(
        [sys.executable, SOAK, "--kills", "4", "--changes", "7", "--rounds", "merge:2", "--flake", "0", "--no-record"],
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '"kills": 0' not in done.stdout
