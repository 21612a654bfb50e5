"""How people let agents ask: what goes into an agent's configuration, and a block in AGENTS.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib

import pytest

from gitrepo import GitRepo
from watchkeeper.cli.main import run
from watchkeeper.mcp.agentsmd import BEGIN

RULES = b"# Rules\r\n\r\nTabs, no \xff spaces."


@pytest.fixture
def repo(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    git_repo.commit(files={"src/a.py": ""})
    monkeypatch.chdir(git_repo.path / "src")
    return git_repo


def test_a_block_is_shown_then_written_then_removed_and_the_file_is_as_it_was(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    path = repo.write("AGENTS.md", RULES, executable=True)
    before = path.stat().st_mode

    assert run(["mcp", "--agents-md"]) == 0
    said = capsys.readouterr()
    assert path.read_bytes() == RULES
    assert "+## Other agents work here at the same time" in said.err
    assert said.out.endswith("next: watchkeeper mcp --agents-md --write\n")

    assert run(["mcp", "--agents-md", "--write"]) == 0
    assert path.read_bytes().startswith(RULES + b"\r\n" + BEGIN)
    assert run(["mcp", "--agents-md", "--write"]) == 0
    assert "nothing to change" in capsys.readouterr().out
    assert path.read_bytes().count(BEGIN) == 1

    assert run(["mcp", "--agents-md", "--remove"]) == 0
    assert (path.read_bytes(), path.stat().st_mode) == (RULES, before)


def test_a_file_that_was_made_for_the_block_goes_with_it_and_one_that_is_missing_stays_missing(repo: GitRepo) -> None:
    path = repo.path / "AGENTS.md"
    assert run(["mcp", "--agents-md", "--remove"]) == 0
    assert not path.exists()
    assert run(["mcp", "--agents-md", "--write"]) == 0
    assert path.exists()
    assert run(["mcp", "--agents-md", "--remove"]) == 0
    assert not path.exists()


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(repo: GitRepo) -> None:
    target = repo.write("CLAUDE.md", "mine\n")
    (repo.path / "AGENTS.md").symlink_to("CLAUDE.md")
    assert run(["mcp", "--agents-md", "--write"]) == 0
    assert (repo.path / "AGENTS.md").is_symlink()
    assert BEGIN in target.read_bytes()


def test_the_configuration_that_is_printed_starts_a_server_from_any_folder(
    repo: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["mcp", "--print-config", "codex"]) == 0
    said = capfd.readouterr()
    assert "~/.codex/config.toml" in said.err
    server = tomllib.loads(said.out)["mcp_servers"]["watchkeeper"]
    assert server["args"] == ["mcp", "--state", os.environ["WATCHKEEPER_HOME"]]
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}

    done = subprocess.run(
        [server["command"], *server["args"]],
        input=json.dumps({**asked, "params": params}) + "\nno json \x00\n",
        env={},
        cwd="/", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    answer = json.loads(done.stdout.splitlines()[0])
    assert answer["result"]["serverInfo"]["name"] == "watchkeeper"
    assert answer["result"]["protocolVersion"] == "2025-06-18"


@pytest.mark.parametrize(
    "argv",
    [
        ["--write"],
        ["--remove"],
        ["--agents-md", "--write", "--remove"],
        ["--agents-md", "--http", "0"],
        ["--print-config", "codex", "--http", "0"],
        ["--http", "70000"],
        ["--print-config", "nobody"],
    ],
)
def test_what_does_not_go_together_is_refused(
    repo: GitRepo, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mcp", *argv]) == 2
    assert not (repo.path / "AGENTS.md").exists()


def test_without_the_extra_it_is_said_what_to_install(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name == "watchkeeper.mcp.server" or name.split(".")[0] == "mcp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)

    assert run(["mcp"]) == 5
    assert "next: pip install 'watchkeeper[mcp]'" in capsys.readouterr().err
    assert run(["mcp", "--print-config", "claude"]) == 0
