"""The demonstration with the real programs: what it tells is what they did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from installed import CACHE


def test_two_real_agents_are_told_within_their_turn_and_both_land(goose: Path, codex: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "demo", "--json", "--agents", str(CACHE)],
        capture_output=True, text=True, timeout=200, check=False, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]

    assert next(each["missing"] for each in said if each["type"] == "crew") == ""
    told = [each for each in said if each["type"] == "told"]
    assert {each["channel"] for each in told} <= {"steer", "hook"}
    assert told
    assert all(each["is_in_request"] for each in told), "their programs asked their model with it"
    (back,) = [each for each in said if each["type"] == "returned"]
    assert back["partners"] == ["goose" if back["agent"] == "codex" else "codex"]
    assert any(each["is_repair"] for each in said if each["type"] == "finished")
    assert (said[-1]["closed"], said[-1]["tests"]) == (2, "all 9 tests pass")
    assert not list(tmp_path.glob("watchkeeper-demo-*"))
