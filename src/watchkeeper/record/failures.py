"""Faults of Watchkeeper itself: the traceback goes to a file, a sentence to the person."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.record.home import make_home

_MOST_KEPT = 50


def explain_fault(error: Exception, home: Path, program: str) -> WatchkeeperError:
    """The fault as an error that names the file with its traceback, if one could be written. Never raises."""
    saved = save_traceback(error, home, program)
    where = f"; the traceback is in {saved}" if saved else ""
    return WatchkeeperError(
        f"Watchkeeper failed: {type(error).__name__}: {error}{where}",
        slug="internal",
        hint="report it with the traceback; what else may be wrong: watchkeeper doctor",
        facts={"traceback": saved},
    )


def save_traceback(error: Exception, home: Path, program: str) -> str:
    """The file's name; ``""`` where nothing can be written, or 50 are there already: the first ones say most."""
    text = "".join(traceback.format_exception(error))
    try:
        folder = make_home(home) / "failures"
        folder.mkdir(exist_ok=True)
        if sum(1 for _ in folder.iterdir()) >= _MOST_KEPT:
            return ""
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{program}-{time.time_ns() % 10**6}.txt"
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except (OSError, WatchkeeperError):
        return ""
    return str(path)
