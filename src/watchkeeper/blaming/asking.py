"""What a configured command says runs: asked at most once a minute, behind the walls of the sandbox."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

from watchkeeper.app import Place
from watchkeeper.model.ids import Sha
from watchkeeper.record.home import make_home
from watchkeeper.sandbox.job import Job, Limits, Network
from watchkeeper.sandbox.run import find_sandbox

_KEPT_S = 60.0
_WALL_S = 15.0
_COMMIT = re.compile(r"\b[0-9a-f]{7,64}\b")


class AskedCommand:
    """Runs a shell line and takes the last commit id that it prints. It sees the repository and the network."""

    def __init__(self, place: Place, line: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._line, self._clock = place, line, clock
        self._asked = float("-inf")
        self._known: Sha | None = None

    def __call__(self) -> Sha | None:
        """The commit; None where the command fails, or prints none that the repository has. Blocks, seconds at most."""
        if not self._line:
            return None
        if self._clock() - self._asked > _KEPT_S:
            self._asked = self._clock()
            self._known = self._ask()
        return self._known

    def _ask(self) -> Sha | None:
        folder = make_home(self._place.home) / "projects" / self._place.project / "asking"
        folder.mkdir(parents=True, exist_ok=True)
        seen = self._place.repository.found_at or self._place.repository.common_dir
        job = Job(
            command=("/bin/sh", "-c", self._line),
            folder=folder,
            environment={"WATCHKEEPER_REPOSITORY": str(seen), "PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            limits=Limits(wall_s=_WALL_S, memory_mb=1024, output_bytes=64 * 1024),
            network=Network.OPEN,
            readable=(seen, self._place.repository.common_dir),
        )
        done = find_sandbox(folder.parent / "jobs").run(job)
        if done.exit_code != 0:
            return None
        found = _COMMIT.findall(done.output.decode("utf-8", "replace"))
        return self._place.repository.find_commit(found[-1]) if found else None
