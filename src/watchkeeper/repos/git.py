"""Run git on repositories that are not ours: read-only, without their programs, within limits.

A repository's configuration can name programs (hooks, fsmonitor, filters, credential helpers, signature checkers) and
reach the network (lazy fetches). Every command here runs with those switched off through ``GIT_CONFIG_*`` variables,
which override all configuration files and take any key. Paths cross this border as text in UTF-8 with
``surrogateescape``, so that names in any encoding survive the round trip.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

import msgspec

from watchkeeper.model.errors import GitError, NotARepositoryError, WatchkeeperError

OLDEST_GIT = (2, 38)
DEFAULT_TIMEOUT_S = 60.0
MAX_OUTPUT = 512 * 1024 * 1024

SAFE_CONFIG: Mapping[str, str] = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.untrackedCache": "keep",  # used where it is there; nothing is written with optional locks off
    "core.pager": "cat",
    "core.askPass": "",
    "credential.helper": "",
    "protocol.allow": "never",  # a lazy fetch of a partial clone fails instead of reaching the network
    "submodule.recurse": "false",
    "status.submoduleSummary": "false",
    "log.showSignature": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


class GitResult(msgspec.Struct, frozen=True):
    """What a command printed and its exit code."""

    code: int
    output: bytes
    errors: str


class Special(msgspec.Struct, frozen=True):
    """What the few commands need that write into the user's repository or speak to his remotes.

    ``variables`` are set as they are. ``held`` are descriptors (locks) that git keeps open, so that they are held until
    git too has ended, whatever became of us. ``network``: his credentials and ssh may be used; nothing asks him.
    """

    variables: Mapping[str, str] = {}
    held: tuple[int, ...] = ()
    network: bool = False


def run_git(
    folder: Path,
    *args: str,
    config: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    allowed: Iterable[int] = (0,),
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_output: int = MAX_OUTPUT,
    isolated: bool = False,
    special: Special | None = None,
) -> GitResult:
    """Run one git command in ``folder`` and give what it printed; blocks.

    ``isolated`` leaves out the user's and the system's configuration too. Runs in its own process group, which is
    killed at ``timeout_s`` or beyond ``max_output`` bytes, and reaped.

    Raises: GitError (git missing, exit code not in ``allowed``, too slow, too much output), NotARepositoryError.
    """
    process = start_git(folder, args, config=config, isolated=isolated, special=special)
    try:
        output, errors = _converse(process, stdin, time.monotonic() + timeout_s, max_output)
        code = process.wait(timeout=max(1.0, timeout_s))
    except (_TooSlowError, subprocess.TimeoutExpired) as error:
        raise GitError(
            f"git {_name(args)} in {show_path(str(folder))} took longer than {timeout_s:.0f} s",
            slug="git-too-slow",
            hint="look at the disk, or run `watchkeeper doctor`",
        ) from error
    except _TooMuchError as error:
        raise GitError(
            f"git {_name(args)} in {show_path(str(folder))} printed more than {max_output // 1024 // 1024} MB",
            slug="git-too-much-output",
            hint="exclude generated folders with .gitignore",
        ) from error
    finally:
        end_process(process)
    result = GitResult(code, output, errors.decode("utf-8", "replace").strip())
    if code not in tuple(allowed):
        raise explain_failure(folder, args, result)
    return result


def start_git(
    folder: Path,
    args: Iterable[str],
    *,
    config: Mapping[str, str] | None = None,
    isolated: bool = False,
    errors: IO[bytes] | None = None,
    special: Special | None = None,
) -> subprocess.Popen[bytes]:
    """Start git with pipes on its streams (``errors``: a file for what it complains), in its own process group.

    Raises: GitError where git cannot be started, NotARepositoryError where ``folder`` does not exist.
    """
    special = special or Special()
    safe = {key: value for key, value in SAFE_CONFIG.items() if not (special.network and key in _NETWORK_KEYS)}
    known = {name: os.environ[name] for name in _NETWORK_VARIABLES if special.network and name in os.environ}
    try:
        return subprocess.Popen(
            ["git", "--no-optional-locks", *(encode_path(arg) for arg in args)],
            cwd=folder,
            env=git_environment({**safe, **(config or {})}, isolated=isolated) | known | dict(special.variables),
            pass_fds=special.held,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors is None else errors,
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        if folder.is_dir():
            raise GitError("git is not installed", slug="git-missing", hint="install git 2.38 or newer") from error
        raise NotARepositoryError(
            f"there is no folder {show_path(str(folder))}", slug="no-such-folder", hint="check the path"
        ) from error
    except PermissionError as error:
        raise GitError(
            f"git cannot run in {show_path(str(folder))}: {error.strerror}",
            slug="folder-unreadable",
            hint=f"look at the permissions: ls -ld {show_path(str(folder))}",
        ) from error
    except OSError as error:  # no process, memory or file descriptor left
        raise GitError(
            f"git cannot be started: {error.strerror}", slug="git-not-started", hint="look at the limits: ulimit -a"
        ) from error


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process's group, close its pipes and reap it."""
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it ended between the two calls
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        _close(stream)


def git_environment(config: Mapping[str, str], *, isolated: bool = False) -> dict[str, str]:
    """This process's environment with every ``GIT_*`` variable replaced by ours.

    Only ``GIT_CONFIG_GLOBAL``, ``GIT_CONFIG_SYSTEM``, ``GIT_CONFIG_NOSYSTEM`` and ``GIT_EXEC_PATH`` stay: they say
    where the user's own files are. What git sets for its hooks (``GIT_DIR``, ``GIT_INDEX_FILE`` ...) must not leak in.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    pairs = {f"GIT_CONFIG_KEY_{index}": key for index, key in enumerate(config)}
    values = {f"GIT_CONFIG_VALUE_{index}": value for index, value in enumerate(config.values())}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} if isolated else {}
    return {
        **kept,
        **pairs,
        **values,
        **alone,
        "GIT_CONFIG_COUNT": str(len(config)),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def explain_failure(folder: Path, args: Iterable[str], result: GitResult) -> WatchkeeperError:
    """The error for a failed command, with what to do about it."""
    text, where = result.errors, show_path(str(folder))
    if "dubious ownership" in text:
        return GitError(
            f"{where} belongs to another user, so git does not open it",
            slug="dubious-ownership",
            hint=f"if you trust it: git config --global --add safe.directory {where}",
        )
    if "not a git repository" in text:
        return NotARepositoryError(
            f"{where} is not in a git repository", slug="not-a-repository", hint="run it inside one, or give --repo DIR"
        )
    if _NOT_FETCHED.search(text):
        return GitError(
            f"an object that {where} needs was never fetched, and nothing is fetched behind your back",
            slug="object-missing",
            hint=f"fetch what is missing: git -C {where} fetch --refetch --no-filter",
        )
    if _CORRUPT.search(text):
        return GitError(
            f"the repository at {where} is damaged: {_first_line(text)}",
            slug="repository-damaged",
            hint=f"run `git -C {where} fsck`",
        )
    command = " ".join(show_path(arg) for arg in [arg for arg in args if not arg.startswith("-")][:2])
    return GitError(
        f"git {command} failed in {where} with code {result.code}: {_first_line(text)}",
        slug="git-failed",
        hint=f"run it by hand in {where}",
    )


@cache
def get_git_version() -> tuple[int, ...]:
    """The version of the git on PATH. Raises: GitError where it is missing or older than 2.38."""
    text = run_git(Path("/"), "version").output.decode("ascii", "replace")
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    version = tuple(int(part) for part in found.groups(default="0")) if found else (0, 0)
    if version < OLDEST_GIT:
        raise GitError(
            f"git is too old: {text.strip()}", slug="git-too-old", hint="install git 2.38 or newer and put it on PATH"
        )
    return version


def decode_path(path: bytes) -> str:
    """A path as git prints it, as text that ``encode_path`` turns back into the same bytes."""
    return path.decode("utf-8", "surrogateescape")


def encode_path(path: str) -> bytes:
    """The bytes of a path that ``decode_path`` gave."""
    return path.encode("utf-8", "surrogateescape")


def local_path(root: Path, path: str) -> Path:
    """Where a path of a repository is on this machine, whatever encoding its file names are in."""
    return root / os.fsdecode(encode_path(path))


def show_path(path: str) -> str:
    """A path for people: one line, printable, whatever bytes it is made of."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class _TooSlowError(Exception):
    pass


class _TooMuchError(Exception):
    pass


_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"})
_NETWORK_KEYS = frozenset({"protocol.allow", "credential.helper"})
_NETWORK_VARIABLES = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_PROXY_COMMAND")
_NOT_FETCHED = re.compile(r"lazy fetching disabled|promisor remote|transport '[^']*' not allowed")
_CORRUPT = re.compile(
    r"bad tree object|bad object|corrupt|unable to read (tree|[0-9a-f]{40})|index file (smaller|open)|"
    r"bad signature|missing (blob|tree|commit)|inflate:|does not point to a valid object|bad index file"
)
_CHUNK = 1 << 16


def _converse(process: subprocess.Popen[bytes], stdin: bytes, deadline: float, max_output: int) -> tuple[bytes, bytes]:
    """Feed ``stdin`` and collect both outputs at once, so that no pipe fills up and blocks."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    collected: dict[IO[bytes], list[bytes]] = {process.stdout: [], process.stderr: []}
    pending, total = memoryview(stdin), 0
    with selectors.DefaultSelector() as selector:
        if pending:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            _close(process.stdin)
        for stream in collected:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in _wait_ready(selector, deadline):
                if key.fileobj is process.stdin:
                    pending = _feed(process.stdin, pending)
                    if not pending:
                        selector.unregister(process.stdin)
                        _close(process.stdin)
                    continue
                chunk = os.read(key.fd, _CHUNK)
                total += len(chunk)
                if total > max_output:
                    raise _TooMuchError
                if chunk:
                    collected[key.fileobj].append(chunk)  # type: ignore[index]
                else:
                    selector.unregister(key.fileobj)
    return b"".join(collected[process.stdout]), b"".join(collected[process.stderr])


def _wait_ready(selector: selectors.BaseSelector, deadline: float) -> list[tuple[selectors.SelectorKey, int]]:
    ready = selector.select(max(0.0, deadline - time.monotonic()))
    if not ready and time.monotonic() >= deadline:
        raise _TooSlowError
    return ready


def _feed(stream: IO[bytes], pending: memoryview) -> memoryview:
    try:
        return pending[os.write(stream.fileno(), pending[:_CHUNK]) :]
    except BlockingIOError:
        return pending
    except BrokenPipeError:  # git does not want the rest; its exit code says why
        return pending[:0]


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(BrokenPipeError):  # unsent bytes to a process that is gone
            stream.close()


def _name(args: Iterable[str]) -> str:
    return next((arg for arg in args if not arg.startswith("-")), "")


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("hint:")]
    return show_path(lines[0].removeprefix("fatal: ").removeprefix("error: ")) if lines else "no message"
