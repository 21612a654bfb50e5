"""Real git repositories for tests: small, deterministic, isolated from the user's configuration."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

START = 1_700_000_000
"""Seconds since the epoch of the first commit; each further command is a minute later."""

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


class GitRepo:
    """A checkout in a folder: ``GitRepo.create(tmp_path / "repo")``, then write, commit, branch, add worktrees.

    Every command gets a date a minute after the one before, so the same calls give the same commit ids.
    """

    def __init__(self, path: Path, clock: list[int] | None = None) -> None:
        self.path = path
        self._clock = clock if clock is not None else [START]

    @classmethod
    def create(cls, path: Path, *, bare: bool = False) -> GitRepo:
        """A new repository with the branch ``main`` and no commits."""
        path.mkdir(parents=True, exist_ok=True)
        repo = cls(path)
        repo.git("init", "-q", *(["--bare"] if bare else []))
        return repo

    def git(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run git in this checkout and give its standard output, stripped; fails the test when git fails."""
        return self.git_bytes(*args, stdin=stdin, env=env).decode("utf-8", "surrogateescape").strip()

    def git_bytes(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """Like ``git``, with the output as it is."""
        self._clock[0] += 60
        result = subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=isolated_environment(self._clock[0]) | dict(env or {}),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, f"git {' '.join(args)}: {result.stderr.decode('utf-8', 'replace')}"
        return result.stdout

    def write(self, path: str | bytes, text: str | bytes, *, executable: bool = False) -> Path:
        """Write a file of the checkout, with its folders; text as UTF-8, without touching line ends."""
        target = Path(os.fsdecode(os.path.join(os.fsencode(self.path), os.fsencode(path))))  # noqa: PTH118 names may be bytes
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        if executable:
            target.chmod(0o755)
        return target

    def remove(self, path: str) -> None:
        """Delete a file of the checkout without telling git."""
        (self.path / path).unlink()

    def commit(self, message: str = "change", files: Mapping[str, str | bytes] | None = None) -> str:
        """Write ``files``, commit everything in the checkout, and give the commit's id."""
        for path, text in (files or {}).items():
            self.write(path, text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Create a branch without switching to it."""
        self.git("branch", name, start)

    def switch(self, name: str) -> None:
        """Check out a branch, creating it where it does not exist."""
        known = self.git("branch", "--list", "--format=%(refname:short)", name)
        self.git("checkout", "-q", *([] if known else ["-b"]), name)

    def worktree(self, name: str, branch: str | None = None, start: str = "HEAD") -> GitRepo:
        """A worktree in a folder beside this checkout, on ``branch`` (created from ``start``; None: detached)."""
        path = self.path.parent / name
        if branch is None:
            self.git("worktree", "add", "-q", "--detach", str(path), start)
        elif self.git("branch", "--list", branch):
            self.git("worktree", "add", "-q", str(path), branch)
        else:
            self.git("worktree", "add", "-q", "-b", branch, str(path), start)
        return GitRepo(path, self._clock)

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


def isolated_environment(seconds: int = START) -> dict[str, str]:
    """An environment in which git sees no configuration of this machine and a fixed identity and date."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return (
        kept
        | IDENTITY
        | {
            "GIT_AUTHOR_DATE": f"{seconds} +0000",
            "GIT_COMMITTER_DATE": f"{seconds} +0000",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "main",
            "GIT_CONFIG_KEY_1": "protocol.file.allow",
            "GIT_CONFIG_VALUE_1": "always",
            "GIT_CONFIG_KEY_2": "maintenance.auto",
            "GIT_CONFIG_VALUE_2": "false",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
    )


def contents_of(folder: Path) -> dict[str, str]:
    """Every file below a folder, ``.git`` included, by its content and time."""
    return {
        str(path.relative_to(folder)): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
