"""The command that agents run: asks a real socket, prints its answer, and never gets in an agent's way."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitrepo import GitRepo, contents_of
from hookserver import HookServer
from watchkeeper.agents import shim
from watchkeeper.agents.shimcopy import command_line, render_shim, shim_place
from watchkeeper.agents.sockets import socket_path
from watchkeeper.repos.repository import find_repository

PAYLOAD = b'{"hook_event_name":"PreToolUse","session_id":"s"}'


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder with a short name, whose sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="wk-", dir="/tmp") as folder:
        yield Path(folder, "state")


def install(home: Path, deadline_s: float = 20.0) -> Path:
    """A copy of the shim. The deadline is long where the answer counts: the machine may be busy."""
    place = shim_place(home)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(render_shim(home, deadline_s))
    return place


def run(
    copy: Path, folder: Path, payload: bytes = PAYLOAD, agent: str = "codex", env: Mapping[str, str] | None = None
) -> bytes:
    """What the shim prints; it must always end well and complain of nothing."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(copy), agent],
        input=payload, cwd=folder, env=dict(env or {}), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def project_of(repo: GitRepo) -> str:
    return find_repository(repo.path).project


def test_the_payload_reaches_the_daemon_as_it_is_and_its_answer_is_printed_as_it_is(
    git_repo: GitRepo, home: Path
) -> None:
    payload = b'{"text":"\xff\x00 n\xc3\xb6 \\ud83d"}' * 50_000
    answer = b'{"hookSpecificOutput":{}}\n\xff' * 50_000
    with HookServer(home, project_of(git_repo), answer) as server:
        printed = run(install(home), git_repo.path, payload)

    assert printed == answer
    assert server.requests == [(f"watchkeeper 1 hook codex {quote(str(git_repo.path))}", payload)]


def test_the_project_is_found_from_any_checkout_of_it(git_repo: GitRepo, home: Path) -> None:
    git_repo.commit(files={"src/deep/a.py": ""})
    tree = git_repo.worktree("ünter wegs", "side")
    bare = GitRepo.create(git_repo.path.parent / "bare.git", bare=True)
    bare.git("fetch", "-q", str(git_repo.path), "main:main")
    hung = bare.worktree("hung", "other", "main")
    git_repo.git("submodule", "add", "-q", str(bare.path), "sub")
    copy = install(home)

    for folder in (git_repo.path, git_repo.path / "src" / "deep", tree.path, hung.path, git_repo.path / "sub"):
        project = find_repository(folder).project
        with HookServer(home, project, b"found") as server:
            assert run(copy, folder) == b"found"
        assert server.requests[0][0].endswith(f" {quote(str(folder))}")


def test_a_folder_whose_name_is_no_text_is_told_byte_for_byte(git_repo: GitRepo, home: Path) -> None:
    git_repo.commit(files={"a.py": ""})
    tree = git_repo.worktree(os.fsdecode(b"b\xffd %"), "side")
    with HookServer(home, project_of(git_repo), b"found") as server:
        assert run(install(home), tree.path) == b"found"

    assert unquote_to_bytes(server.requests[0][0].split(" ")[-1]) == os.fsencode(tree.path)


def test_a_link_to_a_checkout_leads_to_its_project(git_repo: GitRepo, home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(git_repo.path)
    with HookServer(home, project_of(git_repo), b"found"):
        assert run(install(home), tmp_path / "link") == b"found"


def test_outside_of_a_repository_or_in_one_without_daemon_nothing_is_printed(
    git_repo: GitRepo, home: Path, tmp_path: Path
) -> None:
    copy = install(home)
    (tmp_path / "odd" / ".git").mkdir(parents=True)
    (tmp_path / "odder").mkdir()
    (tmp_path / "odder" / ".git").write_bytes(b"gitdir: \xff\x00nowhere")
    with HookServer(home, "0" * 16, b"of another project"):
        for folder in (tmp_path, tmp_path / "odd", tmp_path / "odder", git_repo.path):
            assert run(copy, folder) == b""


def test_without_a_daemon_the_payload_is_taken_all_the_same(git_repo: GitRepo, home: Path) -> None:
    # An agent that writes into a closed pipe may take the hook for broken.
    assert run(install(home), git_repo.path, b"x" * 3_000_000) == b""


def test_a_flood_is_taken_and_dropped(git_repo: GitRepo, home: Path) -> None:
    with HookServer(home, project_of(git_repo), b"answer") as server:
        assert run(install(home), git_repo.path, b"x" * (65 << 20)) == b""
    assert server.requests == []


def test_a_daemon_that_was_killed_leaves_a_socket_that_does_no_harm(git_repo: GitRepo, home: Path) -> None:
    with HookServer(home, project_of(git_repo)) as server:
        os.link(server.path, server.path.with_suffix(".left"))
    server.path.with_suffix(".left").rename(server.path)

    assert run(install(home), git_repo.path) == b""


@pytest.mark.parametrize("half", [b"", b'{"decision":"bl'])
def test_after_its_deadline_it_gives_up_and_prints_no_half_answer(git_repo: GitRepo, home: Path, half: bytes) -> None:
    started = time.monotonic()
    with HookServer(home, project_of(git_repo), half, hang=True):
        assert run(install(home, deadline_s=0.3), git_repo.path) == b""
    assert time.monotonic() - started < 30


def test_an_agent_that_never_ends_its_payload_is_not_waited_for(git_repo: GitRepo, home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(install(home, deadline_s=0.3)), "codex"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=git_repo.path,
    )  # fmt: skip
    with process:
        assert process.stdin
        process.stdin.write(PAYLOAD)
        process.stdin.flush()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("agent", "told"),
    [("codex", ("cwd", '"{}"')), ("goose", ("working_dir", '"{}"')), ("cursor", ("workspace_roots", '["{}"]'))],
)
def test_the_folder_that_the_payload_tells_counts_before_the_hooks_own(
    git_repo: GitRepo, home: Path, tmp_path: Path, agent: str, told: tuple[str, str]
) -> None:
    key, value = told
    other = GitRepo.create(tmp_path / "other")
    for gap in ("", " "):
        payload = f'{{"event":"PreToolUse","{key}":{gap}{value.format(git_repo.path)}}}'.encode()
        with HookServer(home, project_of(git_repo), b"told"), HookServer(home, project_of(other), b"own"):
            assert run(install(home), other.path, payload, agent) == b"told"
            assert run(install(home), other.path, f'{{"{key}":{value.format("/no/where")}}}'.encode(), agent) == b"own"
            assert run(install(home), other.path, f'{{"{key}":{value.format("/u002f")}}}'.encode(), agent) == b"own"


def test_a_folder_that_the_model_wrote_does_not_pose_as_the_sessions(
    git_repo: GitRepo, home: Path, tmp_path: Path
) -> None:
    other = GitRepo.create(tmp_path / "other")
    payload = f'{{"tool_input":{{"working_dir":"{other.path}"}},"working_dir":"{git_repo.path}"}}'.encode()
    with HookServer(home, project_of(git_repo), b"right"), HookServer(home, project_of(other), b"wrong"):
        assert run(install(home), tmp_path, payload, "goose") == b"right"
        assert run(install(home), git_repo.path, payload, "codex") == b"right"


def test_where_the_hook_runs_elsewhere_the_vendors_variable_tells_the_project(
    git_repo: GitRepo, home: Path, tmp_path: Path
) -> None:
    with HookServer(home, project_of(git_repo), b"found"):
        assert run(install(home), tmp_path, env={"CURSOR_PROJECT_DIR": str(git_repo.path)}) == b"found"
        assert run(install(home), tmp_path, env={"CURSOR_PROJECT_DIR": "repo"}) == b""


def test_the_variable_for_the_state_folder_wins_over_the_one_it_was_made_for(
    git_repo: GitRepo, home: Path, tmp_path: Path
) -> None:
    copy = install(home)
    with HookServer(tmp_path / "elsewhere", project_of(git_repo), b"there"):
        assert run(copy, git_repo.path) == b""
        assert run(copy, git_repo.path, env={"WATCHKEEPER_HOME": str(tmp_path / "elsewhere")}) == b"there"
        assert run(copy, git_repo.path, env={"WATCHKEEPER_HOME": "~/elsewhere/", "HOME": str(tmp_path)}) == b"there"
        assert run(copy, git_repo.path, env={"WATCHKEEPER_HOME": "../elsewhere"}) == b""


def test_a_socket_in_a_folder_that_others_may_write_to_is_not_asked(git_repo: GitRepo, home: Path) -> None:
    with HookServer(home, project_of(git_repo), b"forged") as server:
        server.path.parent.chmod(0o777)
        assert run(install(home), git_repo.path) == b""
    assert server.requests == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket to somebody else")
def test_a_socket_of_somebody_else_is_not_asked(git_repo: GitRepo, home: Path) -> None:
    with HookServer(home, project_of(git_repo), b"forged") as server:
        os.chown(server.path, 65534, -1)
        assert run(install(home), git_repo.path) == b""
    assert server.requests == []


def test_a_state_folder_with_a_long_name_has_its_socket_elsewhere(git_repo: GitRepo, tmp_path: Path) -> None:
    home = tmp_path / ("long " * 30)
    with HookServer(home, project_of(git_repo), b"found") as server:
        assert run(install(home), git_repo.path) == b"found"
    assert len(os.fsencode(server.path)) <= 100


def test_nothing_is_written_to_disk(git_repo: GitRepo, home: Path, tmp_path: Path) -> None:
    copy = install(home)
    with HookServer(home, project_of(git_repo), b"answer"):
        before = contents_of(tmp_path), contents_of(home)
        run(copy, git_repo.path, env={"HOME": str(tmp_path)})
        assert (contents_of(tmp_path), contents_of(home)) == before


@pytest.mark.parametrize("agent", ["", "../codex", "co dex", "codex\n", "ünder"])
def test_a_name_that_no_agent_has_is_not_passed_on(git_repo: GitRepo, home: Path, agent: str) -> None:
    with HookServer(home, project_of(git_repo), b"answer") as server:
        assert run(install(home), git_repo.path, agent=agent) == b""
    assert server.requests == []


def test_the_command_line_ends_well_where_the_shim_or_python_is_gone(git_repo: GitRepo, home: Path) -> None:
    # Python ends with 2 where it cannot open its file: most vendors take that for a denial of the tool.
    line = command_line(home, "codex")
    gone = line.replace(shlex.quote(os.path.realpath(sys.executable)), "/no/python")

    for each in (line, gone):
        done = subprocess.run(["sh", "-c", each], cwd=git_repo.path, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, b"")
    assert subprocess.run(["sh", "-c", line.removesuffix(" || true")], capture_output=True, check=False).returncode == 2


def test_the_command_line_works_where_the_state_folder_has_blanks_and_quotes(git_repo: GitRepo, tmp_path: Path) -> None:
    home = tmp_path / "Ada's stäte $HOME"
    install(home)
    line = command_line(home, "codex")
    with HookServer(home, project_of(git_repo), b"found"):
        done = subprocess.run(
            ["/bin/sh", "-c", line], input=PAYLOAD, cwd=git_repo.path, env={}, capture_output=True, check=True
        )
    assert done.stdout == b"found"


PARTS = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=30)


@given(st.lists(PARTS, min_size=1, max_size=6), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_shim_and_daemon_agree_where_the_socket_is(parts: list[str], project: str) -> None:
    home = Path("/", *parts)

    assert os.fsencode(socket_path(home, project)) == shim.socket_path(os.fsencode(home), project)


@given(st.lists(PARTS, min_size=1, max_size=6))
def test_shim_and_pathlib_spell_a_state_folder_alike(parts: list[str]) -> None:
    spelled = "/".join(["", *parts, ""])
    os.environ["WATCHKEEPER_HOME"], before = spelled, os.environ["WATCHKEEPER_HOME"]
    try:
        shim.posix.environ[b"WATCHKEEPER_HOME"] = os.fsencode(spelled)
        assert shim.find_home() == os.fsencode(Path(spelled).expanduser().absolute())
    finally:
        os.environ["WATCHKEEPER_HOME"] = before


@given(st.binary(min_size=1, max_size=60))
def test_a_folder_is_quoted_as_urls_are(path: bytes) -> None:
    assert shim.quote(path).decode("ascii") == quote(path)
