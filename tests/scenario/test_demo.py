"""The demonstration, as a new user runs it where node is missing: all of it is played, and says what it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from watchkeeper.cli.demo_fleet import find_programs, read_works
from watchkeeper.demo.minds import apply, take_out


def play(tmp_path: Path, *words: str) -> tuple[int, list[dict[str, object]], str]:
    """What ``watchkeeper demo --json`` says in a place of its own where npm is not to be found."""
    programs, temporary, home = tmp_path / "bin", tmp_path / "t", tmp_path / "home"
    for folder in (programs, temporary, home):
        folder.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    for found in (each for folder in ("/usr/bin", "/bin") for each in sorted(Path(folder).iterdir())):
        if found.name not in {"node", "nodejs", "npm", "npx"} and not os.path.lexists(programs / found.name):
            (programs / found.name).symlink_to(found)
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    environment = {**kept, "PATH": str(programs), "HOME": str(home), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "demo", "--json", *words],
        capture_output=True, text=True, timeout=200, check=False, env=environment, cwd=home,
    )  # fmt: skip
    assert not list(temporary.iterdir()), "nothing is left behind"
    assert not list(home.iterdir())
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_without_node_two_scripts_play_the_agents_and_the_demo_says_so(tmp_path: Path) -> None:
    code, said, errors = play(tmp_path, "--agents", str(tmp_path / "cache"))

    assert code == 0, (said[-1:], errors)
    kinds = [each["type"] for each in said]
    crew = next(each for each in said if each["type"] == "crew")
    assert "node and npm are not installed" in str(crew["missing"])
    assert kinds.count("engaged") == kinds.count("landed") == 2
    assert kinds.count("returned") == 1
    back = next(each for each in said if each["type"] == "returned")
    assert back["partners"] == ["codex" if back["agent"] == "goose" else "goose"]
    assert "nested lock" in str(back["reason"])
    brief = said[-1]
    assert (brief["issues"], brief["closed"], brief["repaired"]) == (2, 2, 1)
    assert brief["tests"] == "all 9 tests pass"


def test_nothing_is_installed_that_nobody_asked_for() -> None:
    found = find_programs(None, as_json=True)

    assert found.goose is None
    assert "--agents" in found.missing


def test_the_repair_takes_out_what_the_second_change_put_in(tmp_path: Path) -> None:
    first, second = read_works()
    (tmp_path / "engine").mkdir()
    (tmp_path / "tests").mkdir()
    stages = tmp_path / "engine" / "stages.py"
    stages.write_text("".join(f"\n{edit.after}\n" for work in (first, second) for edit in work.edits if edit.after))
    apply(tmp_path, first.edits)
    alone = stages.read_text()
    apply(tmp_path, second.edits)
    assert stages.read_text() != alone

    take_out(tmp_path, second.repair)

    assert stages.read_text() == alone
    assert (tmp_path / "tests" / "test_status_sync.py").exists(), "its test stays"
