"""One look of the desk that kills itself right before or right after its n-th step that outlives it."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchkeeper.app import now
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import find_scope, open_scope_log
from watchkeeper.desk import closing
from watchkeeper.desk.closing import Closer
from watchkeeper.desk.surveyor import Surveyor
from watchkeeper.record.log import Log
from watchkeeper.record.shelf import Shelf


def look_and_die(repo: Path, when: str, number: int) -> bool:
    """In a process of its own; whether it was killed, else it took fewer steps. ``when``: ``before`` or ``after``."""
    child = os.fork()
    if child == 0:
        try:
            _look(repo, when, number)
        except BaseException:  # noqa: BLE001 - what fails in the child has to fail the test
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def look(repo: Path) -> None:
    """One look, whole."""
    scope = find_scope(None, repo, os.environ)
    with open_scope_log(scope, os.environ) as log:
        reader = Reader(log, scope, now)
        Surveyor(reader, now).look()
        Closer(reader, os.environ, now).look()


def _look(repo: Path, when: str, number: int) -> None:
    left = [number]

    def mortal(step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = step(*args, **options)
            if left[0] == 0 and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return taken

    for kind, name in ((Log, "append"), (Log, "append_if"), (Shelf, "put")):
        setattr(kind, name, mortal(getattr(kind, name)))
    scope = find_scope(None, repo, os.environ)
    with open_scope_log(scope, os.environ) as log:
        reader = Reader(log, scope, now)
        Surveyor(reader, now).look()
        Closer(reader, os.environ, now, write=mortal(closing.write_whole)).look()
