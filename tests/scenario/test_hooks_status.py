"""Whether a hook that was installed really runs is said aloud, by ``hooks status`` and by doctor."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from watchkeeper.agents.shimcopy import shim_place
from watchkeeper.agents.trust import Trust, check_trust, judge_listing
from watchkeeper.cli.main import run

COMMAND = "/usr/bin/python3 -I -S /s/hooks/watchkeeper-hook.py codex || true"

CODEX = """\
#!{python} -IS
import json, sys

print("a line that is no message")
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "initialize":
        print(json.dumps({{"id": request["id"], "result": {{"userAgent": "codex"}}}}), flush=True)
        print(json.dumps({{"method": "remoteControl/status/changed", "params": {{}}}}), flush=True)
    if request["method"] == "hooks/list":
        hooks = json.loads({hooks!r})
        data = [{{"cwd": request["params"]["cwds"][0], "hooks": hooks, "warnings": [], "errors": []}}]
        print(json.dumps({{"id": request["id"], "result": {{"data": data}}}}), flush=True)
"""


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "user"
    (home / "bin").mkdir(parents=True)
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    git = Path(shutil.which("git") or "/usr/bin/git")
    (home / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home / "bin"))
    return home


def listed(*statuses: str, enabled: bool = True, command: str = COMMAND) -> list[dict[str, object]]:
    """As ``codex app-server`` answers to ``hooks/list``."""
    return [
        {
            "key": f"/u/.codex/hooks.json:stop:{place}:0", "eventName": "stop", "handlerType": "command",
            "command": command, "matcher": None, "timeoutSec": 10, "source": "user", "enabled": enabled,
            "isManaged": False, "currentHash": "sha256:e42b", "trustStatus": status,
        }
        for place, status in enumerate(statuses)
    ]  # fmt: skip


def put_codex(user: Path, hooks: list[dict[str, object]], script: str = CODEX) -> None:
    """A program that speaks as Codex's server does."""
    python = os.path.realpath(sys.executable)
    program = user / "bin" / "codex"
    program.write_text(script.format(python=python, hooks=json.dumps(hooks)))
    program.chmod(stat.S_IRWXU)


def status(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["hooks", "status"])
    return code, capsys.readouterr().out


def test_a_hook_that_runs_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    run(["hooks", "install", "claude", "opencode", "goose", "--yes"])
    code, text = status(capsys)

    assert code == 0
    assert [line.split()[:4] for line in text.splitlines()[:-1]] == [
        [line.split()[0], "ok", "hook", name]
        for line, name in zip(text.splitlines(), ["claude", "goose", "opencode"], strict=False)
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda user: (user / ".claude/settings.json").write_text("{}"), "taken out"),
        (lambda user: (user / ".claude/settings.json").unlink(), "the file is gone"),
        (lambda user: (user / ".claude/settings.json").write_text("{"), "cannot be read"),
        (lambda _user: shim_place(Path(os.environ["WATCHKEEPER_HOME"])).unlink(), "missing or of another version"),
        (lambda _user: shim_place(Path(os.environ["WATCHKEEPER_HOME"])).write_text("pass"), "of another version"),
        (
            lambda user: (user / ".claude/settings.json").write_text(
                (user / ".claude/settings.json").read_text().replace("{", '{"disableAllHooks": true,', 1)
            ),
            "no hook runs",
        ),
    ],
)
def test_a_hook_that_does_not_run_is_a_failure_with_what_to_do(
    user: Path, capsys: pytest.CaptureFixture[str], change: object, said: str
) -> None:
    run(["hooks", "install", "claude", "--yes"])
    change(user)  # type: ignore[operator]
    code, text = status(capsys)

    assert code == 1
    assert "fail" in text
    assert said in text
    assert "fix: " in text


def test_gemini_with_hooks_switched_off_is_a_failure_and_with_them_on_is_not(
    user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = user / ".gemini" / "settings.json"
    path.parent.mkdir()
    for enabled, expected in (("true", 0), ("false", 1)):
        path.write_text(f'{{"hooksConfig": {{"enabled": {enabled}}}}}')
        run(["hooks", "install", "gemini", "--yes"])
        assert status(capsys)[0] == expected
        run(["hooks", "remove", "gemini", "--yes"])


def test_without_codex_it_is_said_that_nobody_could_ask(capsys: pytest.CaptureFixture[str]) -> None:
    run(["hooks", "install", "codex", "--yes"])
    code, text = status(capsys)

    assert code == 0
    assert "warn" in text
    assert "could not check" in text
    assert "/hooks" in text


def test_a_hook_that_codex_skips_is_said_aloud_and_a_trusted_one_is_good(
    user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["hooks", "install", "codex", "--yes"])
    put_codex(user, listed("trusted", "untrusted"))
    code, text = status(capsys)
    assert code == 1
    assert "NOT TRUSTED" in text
    assert text.splitlines()[-1] == "next: start codex, run /hooks in it and trust Watchkeeper's"

    run(["doctor"])
    assert "NOT TRUSTED" in capsys.readouterr().out

    put_codex(user, listed("trusted", "trusted"))
    assert status(capsys) == (0, status(capsys)[1])
    assert "trusted" in status(capsys)[1]


@pytest.mark.parametrize(
    ("hooks", "trust"),
    [
        (listed("trusted", "managed"), Trust.TRUSTED),
        (listed("trusted", "modified"), Trust.UNTRUSTED),
        (listed("untrusted"), Trust.UNTRUSTED),
        (listed("trusted", enabled=False), Trust.OFF),
        (listed("trusted", command="theirs"), Trust.ABSENT),
        ([], Trust.ABSENT),
    ],
)
def test_what_codex_lists_is_judged_by_our_hooks_alone(
    user: Path, hooks: list[dict[str, object]], trust: Trust
) -> None:
    assert judge_listing({"data": [{"cwd": "/", "hooks": hooks}]}) is trust

    put_codex(user, [*hooks, *listed("untrusted", command="theirs")])
    assert check_trust(os.environ, user) is trust


@pytest.mark.parametrize(
    "script",
    ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho garbage\n", "#!/no/interpreter\n", "#!/bin/sh\necho '{{\"id\": 2}}'\n"],
)
def test_a_codex_that_does_not_answer_leaves_it_unknown(user: Path, script: str) -> None:
    put_codex(user, [], script)

    assert check_trust(os.environ, user) is Trust.UNKNOWN


def test_status_is_told_to_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    run(["hooks", "install", "claude", "codex", "--yes"])
    capsys.readouterr()
    run(["hooks", "status", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert [(hook["agent"], hook["standing"], hook["runs"]) for hook in document["hooks"]] == [
        ("claude", "good", True),
        ("codex", "unsure", None),
    ]


def test_doctor_has_a_line_for_each_hook_and_none_without(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor"])
    assert "hook " not in capsys.readouterr().out

    run(["hooks", "install", "claude", "--yes"])
    capsys.readouterr()
    run(["doctor"])
    assert "hook claude" in capsys.readouterr().out
