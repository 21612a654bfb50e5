"""Real agents of pinned versions, installed from npm into the project's cache; nothing of the user's is touched."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "agents"
INSTALL_S = 600


@dataclass(frozen=True)
class Pin:
    """A package of npm's, its version, and where its program lies below ``node_modules``."""

    package: str
    version: str
    program: str

    @property
    def folder(self) -> Path:
        return CACHE / f"{self.package.replace('/', '+')}-{self.version}"

    @property
    def path(self) -> Path:
        return self.folder / "node_modules" / self.program


_SYSTEM = "darwin" if sys.platform == "darwin" else "linux"
_MACHINE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
_GOOSE = f"@aaif/goose-binary-{_SYSTEM}-{_MACHINE}"

GOOSE = Pin(_GOOSE, "1.52.0", f"{_GOOSE}/bin/goose")
CODEX = Pin("@openai/codex", "0.169.0", ".bin/codex")
OPENCODE = Pin("opencode-ai", "1.18.33", f"opencode-{_SYSTEM}-{_MACHINE}/bin/opencode")
GEMINI = Pin("@google/gemini-cli", "0.61.0", ".bin/gemini")
COPILOT = Pin("@github/copilot", "1.0.102", ".bin/copilot")
CODEX_ACP = Pin("@agentclientprotocol/codex-acp", "2.6.0", ".bin/codex-acp")


class NotInstallableError(Exception):
    """This machine cannot install an agent; the message says why."""


def install(pin: Pin) -> Path:
    """The agent's program, installed if it is not yet. Raises: NotInstallableError."""
    if pin.path.exists():
        return pin.path
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotInstallableError("node and npm are not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # several test processes want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pin.path.exists():
            _install(npm, pin)
    return pin.path


def _install(npm: str, pin: Pin) -> None:
    making = pin.folder.with_name(pin.folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.rmtree(pin.folder, ignore_errors=True)
    making.mkdir()
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    done = subprocess.run(
        [npm, "install", "--prefix", str(making), *options, f"{pin.package}@{pin.version}"],
        capture_output=True, text=True, timeout=INSTALL_S, check=False, cwd=making, env={**os.environ, "CI": "1"},
    )  # fmt: skip
    if done.returncode != 0:
        raise NotInstallableError(f"npm install {pin.package}@{pin.version}: {done.stderr.strip()[-500:]}")
    making.rename(pin.folder)
    if not pin.path.exists():
        raise NotInstallableError(f"{pin.package}@{pin.version} has no {pin.program} for this machine")


OPENHANDS_VERSION = "1.16.0"


def install_openhands() -> Path:
    """OpenHands' program, in a virtual environment of its own; it needs Python 3.12. Raises: NotInstallableError."""
    folder = CACHE / f"openhands-{OPENHANDS_VERSION}"
    program = folder / "bin" / "openhands"
    if program.exists():
        return program
    python = find_python((3, 12))
    if python is None:
        raise NotInstallableError("there is no Python 3.12 here")
    CACHE.mkdir(parents=True, exist_ok=True)
    for command in (
        [python, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", f"openhands=={OPENHANDS_VERSION}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise NotInstallableError(f"{' '.join(command[1:4])}: {done.stderr.strip()[-500:]}")
    return program


def find_python(version: tuple[int, int]) -> str | None:
    """A Python of exactly this minor version that runs, on PATH or among those that pyenv keeps."""
    name = f"python{version[0]}.{version[1]}"
    kept = sorted(Path.home().glob(f".pyenv/versions/{version[0]}.{version[1]}.*/bin/{name}"), reverse=True)
    for each in (shutil.which(name), *map(str, kept)):
        if each and subprocess.run([each, "-c", ""], capture_output=True, timeout=60, check=False).returncode == 0:
            return each
    return None
