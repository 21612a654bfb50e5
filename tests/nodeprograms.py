"""Node, and packages of npm's in pinned versions that tests of Node programs need, in the project's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "node"
PACKAGES = ("pg@8.23.1", "drizzle-orm@0.45.4")
PRISMA = ("pg@8.23.1", "@prisma/adapter-pg@7.10.0", "@prisma/client@7.10.0")
PRISMA_CLI = "prisma@7.10.0"
PRISMA_SCHEMA = Path(__file__).parents[1] / "packages" / "watchkeeper-tag-node" / "test" / "prisma" / "schema.prisma"
OLDEST = (18, 0)
OLDEST_FOR_PRISMA = (20, 19)
INSTALL_S = 300


class NotThereError(Exception):
    """This machine has no Node that could run it, or cannot install the packages; the message says why."""


def find_node(oldest: tuple[int, int] = OLDEST) -> str:
    """The path of Node. Raises: NotThereError, also where it is older than ``oldest``."""
    found = shutil.which("node")
    if found is None:
        raise NotThereError("node is not installed")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < oldest:
        raise NotThereError(f"node is {said or 'broken'}, and has to be {oldest[0]}.{oldest[1]} or newer")
    return found


def install_packages() -> Path:
    """The folder above ``node_modules``; installed if they are not yet. Raises: NotThereError."""
    return _cached("+".join(PACKAGES), lambda folder: _install(folder, PACKAGES))


def install_prisma() -> Path:
    """The folder above ``node_modules`` and ``client``: Prisma's own, generated for the schema of the tests.

    Raises: NotThereError.
    """
    schema = PRISMA_SCHEMA.read_bytes()
    name = f"prisma-{PRISMA_CLI.rpartition('@')[2]}-{hashlib.sha256(schema + repr(PRISMA).encode()).hexdigest()[:12]}"
    return _cached(name, _make_prisma)


def _cached(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made whole or not at all."""
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # several processes may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = folder.with_name(folder.name + ".making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(folder)
    return folder


def _install(folder: Path, packages: tuple[str, ...]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotThereError("npm is not installed")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    _do([npm, "install", "--prefix", str(folder), *options, *packages], folder, f"npm install {' '.join(packages)}")


def _make_prisma(folder: Path) -> None:
    """The program that generates is of 300 MB and not needed again.

    It asks for an engine of its migrations, which would be downloaded and which generating does not start: told where
    one lies, it asks no further.
    """
    _install(folder, PRISMA)
    program = folder / "generating"
    program.mkdir()
    _install(program, (PRISMA_CLI,))
    shutil.copyfile(PRISMA_SCHEMA, folder / "schema.prisma")
    node = find_node(OLDEST_FOR_PRISMA)
    words = [node, str(program / "node_modules" / "prisma" / "build" / "index.js"), "generate", "--no-hints"]
    set_to = {"PRISMA_SCHEMA_ENGINE_BINARY": node, "CHECKPOINT_DISABLE": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1"}
    _do([*words, "--schema", str(folder / "schema.prisma")], folder, "prisma generate", set_to)
    shutil.rmtree(program)


def _do(words: list[str], folder: Path, what: str, more: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=INSTALL_S, check=False, cwd=folder,
            env={**os.environ, "CI": "1", **(more or {})},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotThereError(f"{what}: {error}") from error
    if done.returncode != 0:
        raise NotThereError(f"{what}: {(done.stderr or done.stdout).strip()[-500:]}")
