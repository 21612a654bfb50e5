"""Programs that live only as long as we do, with everything that they start: agents are run so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import watchkeeper
from watchkeeper.model.errors import WatchkeeperError

_SOURCE = str(Path(watchkeeper.__file__).parent.parent)
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from watchkeeper.sandbox.guardian.agent import main; main()"


def guard_command(command: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command that runs ``command`` under a guardian, which ends with this process; to be started by this one.

    About 15 ms and 10 MB for each. Raises: WatchkeeperError (``agent-not-started``) where there is no such program.
    """
    name = command[0] if command else ""
    program = shutil.which(name, path=environment.get("PATH", os.defpath)) if name else None
    if program is None:
        raise WatchkeeperError(
            f"there is no program {name or '(empty command)'} on the PATH that the agent gets",
            slug="agent-not-started",
            hint="see that it is installed; PATH is the service's, which may be another than your shell's",
        )
    return (sys.executable, "-I", "-S", "-c", _PROGRAM, _SOURCE, str(os.getpid()), program, *command[1:])
