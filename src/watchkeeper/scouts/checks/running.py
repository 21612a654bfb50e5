"""Programs of checks, run in the sandbox: what they see, what they may use, and nothing of ours beside it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from watchkeeper.sandbox.job import Cancel, Job, Limits, Network, Outcome
from watchkeeper.sandbox.run import Sandbox
from watchkeeper.scouts.checks.port import Ground

OWN = Path(sys.prefix, "bin")
"""Where the programs are that were installed with Watchkeeper."""

_MEMORY_MB = 3_000
_OUTPUT = 32 << 20


class SandboxRuns:
    """``port.Runs`` over a sandbox."""

    def __init__(self, sandbox: Sandbox, cancel: Cancel | None = None) -> None:
        self._sandbox, self._cancel = sandbox, cancel

    def run(
        self,
        command: Sequence[str],
        ground: Ground,
        *,
        wall_s: float,
        network: Network = Network.NONE,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """In the tree, with its own scratch folder; the user's programs first, then those that came with us."""
        path = os.pathsep.join([ground.tools, str(OWN)])
        job = Job(
            command=tuple(command),
            folder=ground.folder,
            environment={"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **(variables or {})},
            limits=Limits(wall_s=wall_s, memory_mb=_MEMORY_MB, output_bytes=_OUTPUT, flood_bytes=_OUTPUT),
            network=network,
            writable=(ground.scratch,),
            readable=(Path(sys.prefix), *_environments(path), *_packages(path)),
        )
        return self._sandbox.run(job, cancel=self._cancel)


def find_program(name: str, ground: Ground) -> str | None:
    """Where a program is; None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join([ground.tools, str(OWN)]))


def _packages(path: str) -> tuple[Path, ...]:
    """Where programs of npm's lie that are on the path: each is a link into its package, beside what that needs."""
    folders = [Path(each) for each in path.split(os.pathsep) if each.endswith("node_modules/.bin")]
    return tuple(dict.fromkeys(folder.parent for folder in folders if folder.is_dir()))


def _environments(path: str) -> tuple[Path, ...]:
    """The virtual environments of programs on the path: what they import lies beside them."""
    folders = [Path(each).parent for each in path.split(os.pathsep) if each.startswith("/")]
    return tuple(dict.fromkeys(folder for folder in folders if (folder / "pyvenv.cfg").is_file()))
