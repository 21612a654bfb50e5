"""Real agents of pinned versions, installed from npm into the project's cache; nothing of the user's is touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from watchkeeper.demo.installing import CODEX, GOOSE, INSTALL_S, MACHINE, SYSTEM, NotInstallableError, Pin
from watchkeeper.demo.installing import install as install_in

__all__ = ["CODEX", "GOOSE", "NotInstallableError", "Pin", "find_python", "install", "install_openhands"]

CACHE = Path(__file__).parents[2] / ".cache" / "agents"

OPENCODE = Pin("opencode-ai", "1.18.33", f"opencode-{SYSTEM}-{MACHINE}/bin/opencode")
GEMINI = Pin("@google/gemini-cli", "0.61.0", ".bin/gemini")
COPILOT = Pin("@github/copilot", "1.0.102", ".bin/copilot")
CODEX_ACP = Pin("@agentclientprotocol/codex-acp", "2.6.0", ".bin/codex-acp")


def install(pin: Pin) -> Path:
    """The agent's program, installed if it is not yet. Raises: NotInstallableError."""
    return install_in(pin, CACHE)


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
