"""The incident, with real agents: two persons start Goose and Codex, both add a second write to one function.

Their hooks are installed as a user installs them, the daemon runs as a user runs it, and the model says what its script
says. What each agent was told is looked for in the requests that its model received.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitrepo import GitRepo
from homes import codex_environment, goose_environment
from scripted_model import ScriptedModel, Step

STAGES = '''def update_stage_field(pool, stage, value):
    """Set the value of a stage."""
    conn = pool.get()
    conn.execute("UPDATE stages SET value = %s WHERE id = %s", (value, stage))
    conn.commit()
    return value
'''
FILE = "engine/stages.py"
TOLD = "Watchkeeper: "
PATIENCE_S = 120


class Stage:
    """A repository with a daemon, and two agents' homes with hooks in them."""

    def __init__(self, repo: GitRepo, folder: Path, model: ScriptedModel) -> None:
        self.repo, self.folder, self.model = repo, folder, model
        repo.write(FILE, STAGES)
        repo.commit("the engine")
        self.state = folder / "state"

    def watchkeeper(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *arguments],
            cwd=self.repo.path,
            env={**(environment or os.environ), "WATCHKEEPER_HOME": str(self.state)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def install(self, agent: str, environment: Mapping[str, str]) -> None:
        self.watchkeeper("hooks", "install", agent, "--yes", environment=environment)

    def start(self, command: list[str], environment: Mapping[str, str], worktree: Path) -> subprocess.Popen[bytes]:
        with (self.folder / f"{Path(command[0]).name}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=worktree,
                env={**environment, "WATCHKEEPER_HOME": str(self.state)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def notices(self) -> list[tuple[str, str, str]]:
        """What was recorded of notices: the kind, the session or what became of it, the channel."""
        found = []
        for line in self.watchkeeper("log", "--json", "--limit", "1000").splitlines():
            document = json.loads(line)
            if document["kind"].startswith("notice-"):
                event = document["event"]
                session = event.get("notice", {}).get("session", "")
                found.append((document["kind"], session, event.get("channel", "")))
        return found


@pytest.fixture
def stage(git_repo: GitRepo, tmp_path: Path, model: ScriptedModel) -> Iterator[Stage]:
    made = Stage(git_repo, tmp_path, model)
    made.watchkeeper("up")
    try:
        yield made
    finally:
        made.watchkeeper("down")


def scripts(model: ScriptedModel, folder: Path, goose: Path, codex: Path) -> None:
    """Goose edits first, then Codex; then Goose wants to edit again."""
    edited, go = folder / "edited", folder / "go"
    first = {"path": str(goose / FILE), "old": "    return value", "new": MIRROR}
    again = {"path": str(goose / FILE), "old": "    return status", "new": "    return status or value"}
    other = {"path": str(codex / FILE), "old": "    conn = pool.get()", "new": "    conn = pool.get()\n" + CONTENT}
    model.script(
        "goose",
        Step("I mirror it.", [("edit", first)]),
        Step("I wait.", [("bash", {"command": f"touch {edited}"})]),
        Step("I go on.", [("edit", again)], wait_file=str(go)),
        Step("I try again.", [("edit", again)]),
        Step("I try once more: it may have become graver.", [("edit", again)]),
        Step("I am done."),
    )
    model.script(
        "codex",
        Step("I write content too.", [("edit", other)], wait_file=str(edited)),
        Step("I let it go on.", [("bash", {"command": f"touch {go}"})]),
        Step("I am done."),
    )


MIRROR = '    status = conn.execute("UPDATE content SET status = %s", (value,))\n    return status'
CONTENT = (
    '    mirror = pool.get()\n    mirror.execute("UPDATE content SET value = %s WHERE stage = %s", (value, stage))\n'
)


def run_both(stage: Stage, programs: tuple[Path, Path], worktrees: tuple[Path, Path]) -> None:
    goose_home, codex_home = stage.folder / "goose-home", stage.folder / "codex-home"
    at_goose = goose_environment(goose_home, stage.model.base_url("goose"))
    at_codex = codex_environment(codex_home, stage.model.base_url("codex"))
    stage.install("goose", at_goose)
    stage.install("codex", at_codex)
    scripts(stage.model, stage.folder, *worktrees)
    bypass = ["--dangerously-bypass-hook-trust", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check"]
    running = [
        stage.start([str(programs[0]), "run", "--with-builtin", "developer", "-t", "go"], at_goose, worktrees[0]),
        stage.start([str(programs[1]), "exec", *bypass, "go"], at_codex, worktrees[1]),
    ]
    try:
        for each in running:
            each.wait(PATIENCE_S)
    finally:
        for each in running:
            if each.poll() is None:
                each.kill()
                each.wait()


def assert_told(stage: Stage, goose_file: Path) -> None:
    model = stage.model
    codex = model.request_of_step("codex", 1).text
    assert TOLD in codex, "with the answer to its edit, before it chose anything else"
    assert "update_stage_field" in codex[codex.index(TOLD) :]
    assert TOLD not in model.request_of_step("goose", 2).text, "nothing was to be told yet"
    goose = model.request_of_step("goose", 3).text
    assert TOLD in goose, "its next edit was held back once, and it was told why"
    assert "update_stage_field" in goose[goose.index(TOLD) :]
    assert "return status or value" in goose_file.read_text(), "held back once for each notice, not for ever"
    notices = stage.notices()
    queued = {session for kind, session, _ in notices if kind == "notice-queued"}
    assert {each.partition("-")[0] for each in queued} == {"goose", "codex"}
    assert ("notice-delivered", "", "hook") in notices


@pytest.mark.xdist_group("agents")
def test_agents_in_two_worktrees_are_told_before_their_next_edit(goose: Path, codex: Path, stage: Stage) -> None:
    trees = stage.repo.worktree("mirror"), stage.repo.worktree("dual-write")
    run_both(stage, (goose, codex), (trees[0].path, trees[1].path))
    assert_told(stage, trees[0].path / FILE)


@pytest.mark.xdist_group("agents")
def test_agents_in_one_checkout_are_told_before_their_next_edit(goose: Path, codex: Path, stage: Stage) -> None:
    here = stage.repo.path
    run_both(stage, (goose, codex), (here, here))
    assert_told(stage, here / FILE)
    log = stage.watchkeeper("log")
    assert "goose-1 in main appeared" in log, "each has a change of its own"
    assert "main@" not in log, "and it stands, though both have ended: none is gone"
    assert "closed" not in log
