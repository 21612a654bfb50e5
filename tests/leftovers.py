"""Which test started a process that nobody waited for: noted in ``.cache/leftovers.txt`` when it is collected."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

NOTES = Path(__file__).parents[1] / ".cache" / "leftovers.txt"
_started: dict[int, str] = {}
_begin, _collect = subprocess.Popen.__init__, subprocess.Popen.__del__


def note_leftovers() -> None:
    """From now on in this process."""
    subprocess.Popen.__init__ = _note_start  # type: ignore[method-assign]
    subprocess.Popen.__del__ = _note_end  # type: ignore[method-assign]


def _note_start(self: subprocess.Popen[Any], *args: Any, **more: Any) -> None:
    _begin(self, *args, **more)
    _started[self.pid] = f"{os.environ.get('PYTEST_CURRENT_TEST', '')}: {str(args[:1])[:300]}"


def _note_end(self: subprocess.Popen[Any], *args: Any, **more: Any) -> None:
    known = _started.pop(getattr(self, "pid", 0), "")
    if known and getattr(self, "returncode", 0) is None:
        NOTES.parent.mkdir(exist_ok=True)
        with NOTES.open("a") as notes:
            notes.write(f"{known}\n")
    _collect(self, *args, **more)
