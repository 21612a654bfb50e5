"""Real agents of pinned versions, installed from npm into a folder of ours; nothing of the user's is touched."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSTALL_S = 600

SYSTEM = "darwin" if sys.platform == "darwin" else "linux"
MACHINE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
_GOOSE = f"@aaif/goose-binary-{SYSTEM}-{MACHINE}"


@dataclass(frozen=True)
class Pin:
    """A package of npm's, its version, and where its program lies below ``node_modules``."""

    package: str
    version: str
    program: str

    def folder(self, cache: Path) -> Path:
        """Where it is installed."""
        return cache / f"{self.package.replace('/', '+')}-{self.version}"

    def path(self, cache: Path) -> Path:
        """Its program, whether it is there or not."""
        return self.folder(cache) / "node_modules" / self.program


GOOSE = Pin(_GOOSE, "1.52.0", f"{_GOOSE}/bin/goose")
CODEX = Pin("@openai/codex", "0.169.0", ".bin/codex")


class NotInstallableError(Exception):
    """This machine cannot install an agent; the message says why."""


def install(pin: Pin, cache: Path) -> Path:
    """The agent's program, installed if it is not yet. Raises: NotInstallableError."""
    if pin.path(cache).exists():
        return pin.path(cache)
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotInstallableError("node and npm are not installed")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:  # several processes may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pin.path(cache).exists():
            _install(npm, pin, cache)
    return pin.path(cache)


def _install(npm: str, pin: Pin, cache: Path) -> None:
    folder = pin.folder(cache)
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    making.mkdir()
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(
            [npm, "install", "--prefix", str(making), *options, f"{pin.package}@{pin.version}"],
            capture_output=True, text=True, timeout=INSTALL_S, check=False, cwd=making, env={**os.environ, "CI": "1"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstallableError(f"npm install {pin.package}@{pin.version}: {error}") from error
    if done.returncode != 0:
        raise NotInstallableError(f"npm install {pin.package}@{pin.version}: {done.stderr.strip()[-500:]}")
    making.rename(folder)
    if not pin.path(cache).exists():
        raise NotInstallableError(f"{pin.package}@{pin.version} has no {pin.program} for this machine")
