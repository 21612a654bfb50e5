"""Hooks are put into configuration that people wrote, and taken out again without a trace."""

from __future__ import annotations

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gitrepo import GitRepo, contents_of
from watchkeeper.agents.hooks import VENDORS
from watchkeeper.agents.install import Scope, config_path, perform, plan_install
from watchkeeper.agents.jsonspans import parse_json
from watchkeeper.agents.shimcopy import command_line, shim_place
from watchkeeper.cli.main import run
from watchkeeper.model.errors import WatchkeeperError

MERGED = [name for name, vendor in VENDORS.items() if any(file.is_shared for file in vendor.setup.files)]

TIDY = """\
{
  "theme": "dark",
  "hooks": {
    "%s": [
      {
        "hooks": [
          { "type": "command", "command": "theirs" }
        ]
      }
    ]
  },
  "naïve": "文"
}
"""
COMMENTED = """\
// My settings, do not touch.
{
\t"hooks": { // all of theirs
\t\t"%s": [ /* one */
\t\t\t{"hooks": [{"type": "command", "command": "theirs"}]}, // last, with a comma
\t\t],
\t\t"Other": []
\t},
\t"url": "http://example.org//x", // not "} a comment"
}"""
STYLES = {
    "tidy": TIDY,
    "with-crlf": TIDY.replace("\n", "\r\n"),
    "without-newline": TIDY.rstrip(),
    "with-tabs-and-comments": COMMENTED,
    "with-bom": "\ufeff" + TIDY,
    "on-one-line": '{"a":1,"hooks":{"%s":[{"hooks":[{"command":"theirs"}]}],"Other":[]},"b":[]}',
    "without-hooks": '{\n    "permissions": {"allow": ["theirs"]},\n\n    "x": [1,2]   \n}\n\n',
    "ended-by-a-comment": '{\n  "a": "theirs" // last\n}\n',
    "empty-object": "{}",
    "empty-file": "",
    "blank-file": " \n",
    "empty-lists": '{ "hooks": { "%s": [ ] } }  ',
}


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without any agent, and no program of one on the path."""
    home, programs = tmp_path / "user", tmp_path / "programs"
    for folder in (home, programs):
        folder.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "/usr/bin/git")
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    return home


def config_of(name: str, project: Path | None = None) -> Path:
    setup = VENDORS[name].setup
    return config_path(setup, setup.files[0], Scope(os.environ, project))


def written(name: str, style: str, mode: int = 0o640) -> Path:
    """The vendor's configuration, in a style, with hooks of others for one of the vendor's own events."""
    text = STYLES[style]
    path = config_of(name)
    path.parent.mkdir(parents=True)
    path.write_bytes((text % VENDORS[name].setup.entries[-1].event if "%s" in text else text).encode())
    path.chmod(mode)
    return path


def installed_commands(path: Path) -> list[str]:
    found = parse_json(path.read_text(encoding="utf-8")).value()
    assert isinstance(found, dict)
    texts = json.dumps(found["hooks"], ensure_ascii=False)
    return [part for part in texts.split('"') if "watchkeeper-hook.py" in part]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", MERGED)
def test_what_was_installed_and_removed_left_every_byte_and_the_mode_as_they_were(name: str, style: str) -> None:
    path = written(name, style)
    before = path.read_bytes()

    assert run(["hooks", "install", name, "--yes"]) == 0
    there = path.read_bytes()
    assert installed_commands(path) == [command_line(Path(os.environ["WATCHKEEPER_HOME"]), name)] * len(
        VENDORS[name].setup.entries
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert run(["hooks", "install", name, "--yes"]) == 0
    assert path.read_bytes() == there, "installed twice is installed once"

    assert run(["hooks", "remove", name, "--yes"]) == 0
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("style", [style for style, text in STYLES.items() if "theirs" in text])
@pytest.mark.parametrize("name", MERGED)
def test_an_edit_by_hand_in_between_is_all_that_stays(name: str, style: str) -> None:
    path = written(name, style)
    before = path.read_bytes()
    run(["hooks", "install", name, "--yes"])
    path.write_bytes(path.read_bytes().replace(b"theirs", b"theirs, edited"))

    assert run(["hooks", "remove", name, "--yes"]) == 0
    assert path.read_bytes() == before.replace(b"theirs", b"theirs, edited")


@pytest.mark.parametrize("name", MERGED)
def test_hooks_that_others_add_to_a_file_of_ours_stay_and_work(name: str) -> None:
    path = config_of(name)
    run(["hooks", "install", name, "--yes"])
    event = VENDORS[name].setup.entries[0].event
    text = path.read_text()
    path.write_text(text.replace(f'"{event}": [', f'"{event}": [\n      {{"hooks": [{{"command": "theirs"}}]}},', 1))

    assert run(["hooks", "remove", name, "--yes"]) == 0
    assert parse_json(path.read_text()).value() == {
        **VENDORS[name].setup.extra,
        "hooks": {event: [{"hooks": [{"command": "theirs"}]}]},
    }


@pytest.mark.parametrize("name", VENDORS)
def test_where_nothing_was_nothing_is_left(name: str, user: Path) -> None:
    assert run(["hooks", "install", name, "--yes"]) == 0
    assert contents_of(user)
    assert run(["hooks", "remove", name, "--yes"]) == 0

    assert list(user.rglob("*")) == []
    assert not shim_place(Path(os.environ["WATCHKEEPER_HOME"])).exists()


@pytest.mark.parametrize("name", VENDORS)
def test_a_checkouts_configuration_is_another_one(name: str, git_repo: GitRepo, user: Path) -> None:
    git_repo.commit(files={"a.py": ""})
    before = contents_of(git_repo.path)

    assert run(["hooks", "install", name, "--project", "--yes", "--repo", str(git_repo.path)]) == 0
    assert config_of(name, git_repo.path).exists()
    assert list(user.rglob("*")) == []
    assert run(["hooks", "remove", name, "--project", "--yes", "--repo", str(git_repo.path)]) == 0
    assert contents_of(git_repo.path) == before


def test_without_a_name_those_agents_are_meant_that_are_found(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (user / ".codex").mkdir()
    (user / ".gemini").mkdir()

    assert run(["hooks", "install", "--yes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [file["agent"] for file in document["files"]] == ["codex", "gemini"]
    assert all(file["changed"] and "+" in file["difference"] for file in document["files"])


def test_where_no_agent_is_found_one_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hooks", "install", "--yes"]) == 2
    assert "no-agent-found" in capsys.readouterr().err


def test_a_name_that_no_agent_has_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("install", "remove", "status"):
        assert run(["hooks", action, "codexx"]) == 2
        assert "did you mean codex?" in capsys.readouterr().err


def test_a_link_stays_a_link_and_what_it_leads_to_is_changed(user: Path) -> None:
    real = user / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text('{"theirs": 1}')
    path = config_of("claude")
    path.parent.mkdir()
    path.symlink_to(real)

    run(["hooks", "install", "claude", "--yes"])
    assert path.is_symlink()
    assert "watchkeeper-hook.py" in real.read_text()
    run(["hooks", "remove", "claude", "--yes"])
    assert path.is_symlink()
    assert real.read_text() == '{"theirs": 1}'


@pytest.mark.parametrize(
    "content",
    [
        b'{"hooks": ',
        b"\xff\xfe{}",
        b"[]",
        b'{"hooks": []}',
        b'{"hooks": {"Stop": {}}}',
        b'{"a": 1} {"b": 2}',
        b"{a: 1}",
    ],
)
def test_a_file_that_is_not_what_its_vendor_reads_is_refused_and_nothing_is_changed(
    content: bytes, user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (user / ".codex").mkdir()
    path = config_of("claude")
    path.parent.mkdir()
    path.write_bytes(content)
    before = contents_of(user)

    assert run(["hooks", "install", "codex", "claude", "--yes"]) == 5
    said = capsys.readouterr().err
    assert "hooks-config-unreadable" in said
    assert str(path) in said
    assert contents_of(user) == before


def test_somebody_elses_file_in_the_place_of_ours_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    path = config_of("opencode")
    path.parent.mkdir(parents=True)
    path.write_text("export const Mine = () => ({});\n")

    assert run(["hooks", "install", "opencode", "--yes"]) == 5
    assert "hooks-foreign-file" in capsys.readouterr().err
    assert path.read_text() == "export const Mine = () => ({});\n"


def test_without_consent_and_nobody_to_ask_nothing_is_changed_but_the_difference_is_shown(
    user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("claude", "tidy")
    before = contents_of(user)

    assert run(["hooks", "install", "claude"]) == 2
    said = capsys.readouterr().err
    assert "hooks-consent" in said
    assert f"--- {path}" in said
    assert "+" in said
    assert contents_of(user) == before


@pytest.mark.parametrize(("typed", "happens"), [(b"n\n", False), (b"y\n", True)])
def test_at_a_terminal_it_asks_and_does_what_is_answered(typed: bytes, happens: bool) -> None:
    path = written("claude", "tidy")
    before = path.read_bytes()
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "hooks", "install", "claude"],
        stdin=theirs, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)

    assert done.returncode == 0
    assert b"Change these files?" in done.stderr
    assert (path.read_bytes() != before) == happens
    assert (b"nothing was changed" in done.stdout) != happens


def test_a_file_that_changes_while_it_is_asked_about_is_left_alone() -> None:
    path = written("claude", "tidy")
    home = Path(os.environ["WATCHKEEPER_HOME"])
    plans = plan_install(["claude"], Scope(os.environ), home)
    path.write_text('{"new": 1}')

    with pytest.raises(WatchkeeperError) as raised:
        perform(plans, home)
    assert raised.value.slug == "hooks-config-changed"
    assert path.read_text() == '{"new": 1}'


def test_entries_are_taken_out_also_where_the_record_of_them_is_lost() -> None:
    path = written("codex", "tidy")
    value = parse_json(path.read_text()).value()
    run(["hooks", "install", "codex", "--yes"])
    shutil.rmtree(os.environ["WATCHKEEPER_HOME"])

    assert run(["hooks", "remove", "--yes"]) == 0
    plain = parse_json(path.read_text()).value()
    assert isinstance(plain, dict)
    assert {key: each for key, each in plain["hooks"].items() if each} == value["hooks"]  # type: ignore[index,call-overload]
    assert installed_commands(path) == []


def test_a_record_that_cannot_be_read_is_said_and_nothing_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    path = written("codex", "tidy")
    run(["hooks", "install", "codex", "--yes"])
    (record,) = (Path(os.environ["WATCHKEEPER_HOME"]) / "hooks" / "records").iterdir()
    record.write_text("{}")
    before = path.read_bytes()

    assert run(["hooks", "remove", "--yes"]) == 5
    assert "hooks-record" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can edit for somebody else")
def test_a_file_stays_its_owners() -> None:
    path = written("codex", "tidy")
    os.chown(path, 1234, 1234)
    for action in ("install", "remove"):
        run(["hooks", action, "codex", "--yes"])
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    path = written("codex", "tidy")
    path.parent.chmod(0o500)

    assert run(["hooks", "install", "codex", "--yes"]) == 5
    assert "hooks-config-not-written" in capsys.readouterr().err


def test_remove_without_anything_installed_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hooks", "remove"]) == 0
    assert "no hooks are installed" in capsys.readouterr().out


def test_variables_that_move_a_vendors_folder_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "elsewhere"))
    run(["hooks", "install", "codex", "--yes"])

    assert installed_commands(tmp_path / "elsewhere" / "hooks.json")
