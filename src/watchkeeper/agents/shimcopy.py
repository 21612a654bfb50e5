"""What is installed: copies of the shim and of OpenCode's plugin with their values set, and the command line."""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib import resources
from pathlib import Path

from watchkeeper.agents.insertion import MARK
from watchkeeper.model.errors import WatchkeeperError

DEADLINE_S = 2.0
"""How long an agent waits at most. Below what every vendor allows: Codex gives the end of a session three seconds."""


def shim_place(home: Path) -> Path:
    """Where the copy lies: always there, for Codex trusts a hook by its command line."""
    return home / "hooks" / MARK


def render_shim(home: Path, deadline_s: float = DEADLINE_S) -> bytes:
    """The shim for this state folder."""
    text = _source("watchkeeper.agents", "shim.py")
    text = _set(text, 'HOME = ""\n', f"HOME = {str(home)!a}\n")
    return _set(text, "DEADLINE_S = 2.0\n", f"DEADLINE_S = {deadline_s!r}\n").encode()


def render_plugin(home: Path, deadline_s: float = DEADLINE_S) -> bytes:
    """OpenCode's plugin for this state folder."""
    text = _source("watchkeeper.agents.hooks", "opencode_plugin.js")
    text = _set(text, 'const HOME = "";\n', f"const HOME = {json.dumps(str(home))};\n")
    return _set(text, "const DEADLINE_MS = 2000;\n", f"const DEADLINE_MS = {round(deadline_s * 1000)};\n").encode()


def command_line(home: Path, agent: str) -> str:
    """What a vendor runs. Raises WatchkeeperError where the state folder's name cannot be written in a file.

    It ends well whatever happens: where the shim is gone, Python ends with 2, which vendors take for a denial.
    """
    python = os.path.realpath(sys.executable)
    line = f"{shlex.join([python, '-I', '-S', str(shim_place(home)), agent])} || true"
    if not line.isprintable():
        raise WatchkeeperError(
            f"The state folder {str(home)!a} has a name that no configuration file can hold",
            slug="hooks-home",
            hint="choose another place: export WATCHKEEPER_HOME=/path/to/folder",
        )
    return line


def _source(package: str, name: str) -> str:
    return (resources.files(package) / name).read_text(encoding="utf-8")


def _set(text: str, line: str, value: str) -> str:
    assert text.count(line) == 1, f"{line!r} is set once in the copy"
    return text.replace(line, value)
