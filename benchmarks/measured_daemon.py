"""A daemon of one repository, started as its user does, with what it takes over all its lives."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from processes import family_cpu_s, family_memory_mb
from watchkeeper.app import find_place, find_socket
from watchkeeper.cli.daemon import find_standing
from watchkeeper.watch.hosting import Standing

_PATIENCE_S = 60.0
_SAMPLE_S = 1.0


class MeasuredDaemon:
    """``start`` it, ``end`` it, ``start`` it again. ``lost`` counts how often it ended by itself."""

    def __init__(self, repo: Path, env: dict[str, str]) -> None:
        self._repo, self._env = repo, env
        self.socket = find_socket(find_place(repo, env))
        self.cpu_s = self.first_mb = self.peak_mb = 0.0
        self.lost = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._before_s = 0.0
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    def start(self, worktrees: int) -> None:
        """Returns when it answers and follows so many worktrees."""
        with self._guard:
            self._before_s = self.cpu_s
            self._process = subprocess.Popen(
                [sys.executable, "-m", "watchkeeper", "up", "--foreground", "--repo", str(self._repo)],
                env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        ends = time.monotonic() + _PATIENCE_S
        while (standing := self.standing) is None or standing.worktrees < worktrees:
            if time.monotonic() > ends or self._process.poll() is not None:
                raise RuntimeError(f"the daemon of {self._repo} does not answer")
            time.sleep(0.05)
        self.first_mb = self.first_mb or family_memory_mb(self._process.pid)

    @property
    def standing(self) -> Standing | None:
        return find_standing(self.socket)

    def end(self, *, kill: bool = False) -> None:
        """End it, in order or as a crash would; nothing happens where it does not run."""
        with self._guard:
            process, self._process = self._process, None
        if process is None:
            return
        self.lost += process.poll() is not None
        self._take(process)
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
            self.lost += 1

    def close(self) -> None:
        self.end()
        self._stop.set()
        self._sampler.join(10)

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            with self._guard:
                if self._process is not None:
                    self._take(self._process)

    def _take(self, process: subprocess.Popen[bytes]) -> None:
        self.cpu_s = max(self.cpu_s, self._before_s + family_cpu_s(process.pid))
        self.peak_mb = max(self.peak_mb, family_memory_mb(process.pid))
