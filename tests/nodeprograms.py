"""Node, and packages of npm's in pinned versions that tests of Node programs need, in the project's cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "node"
PACKAGES = ("pg@8.23.1", "drizzle-orm@0.45.4")
OLDEST = 18
INSTALL_S = 300


class NotThereError(Exception):
    """This machine has no Node that could run it, or cannot install the packages; the message says why."""


def find_node() -> str:
    """The path of Node. Raises: NotThereError, also where it is too old."""
    found = shutil.which("node")
    if found is None:
        raise NotThereError("node is not installed")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    major = said.removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST:
        raise NotThereError(f"node is {said or 'broken'}, and has to be {OLDEST} or newer")
    return found


def install_packages() -> Path:
    """The folder above ``node_modules``; installed if they are not yet. Raises: NotThereError."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotThereError("npm is not installed")
    folder = CACHE / "+".join(PACKAGES)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # several processes may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(npm, folder)
    return folder


def _install(npm: str, folder: Path) -> None:
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(
            [npm, "install", "--prefix", str(making), *options, *PACKAGES],
            capture_output=True, text=True, timeout=INSTALL_S, check=False, cwd=making, env={**os.environ, "CI": "1"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotThereError(f"npm install {' '.join(PACKAGES)}: {error}") from error
    if done.returncode != 0:
        raise NotThereError(f"npm install {' '.join(PACKAGES)}: {done.stderr.strip()[-500:]}")
    making.rename(folder)
