"""What the processes of a fleet take while it is at work: seconds of processor by kind, memory, agents at once."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path

from processes import family, own_cpu_s

_EACH_S = 1.0
_TICK = os.sysconf("SC_CLK_TCK")


class Sampler:
    """Looks at a fleet's daemon and all below it once a second. Memory is PSS: what is shared counts once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_mb = 0.0
        self.peak_by: dict[str, float] = {}
        self.peak_count: dict[str, int] = {}
        self.most: Counter[str] = Counter()
        self.agents: list[int] = []
        self.cpu: dict[str, float] = {}
        self._thread.start()

    def end(self) -> None:
        """One last look, and no more."""
        self._stop.set()
        self._thread.join()
        self.cpu = self._look_cpu()

    def _run(self) -> None:
        while not self._stop.wait(_EACH_S):
            self._look_memory()

    def _look_memory(self) -> None:
        by: Counter[str] = Counter()
        count: Counter[str] = Counter()
        for pid, kind in self._kinds():
            by[kind] += _pss_mb(pid)
            count[kind] += 1
        self.agents.append(count["agents"])
        for kind, taken in by.items():
            self.most[kind] = max(self.most[kind], taken)
        if (total := sum(by.values())) > self.peak_mb:
            self.peak_mb, self.peak_by, self.peak_count = total, dict(by), dict(count)

    def _look_cpu(self) -> dict[str, float]:
        """Of those that have ended their parents tell: the children of the fleet's daemon apart from the watches'."""
        found: Counter[str] = Counter()
        watches = {pid for pid, kind in self._kinds() if kind == "watch daemons"}
        for pid, kind in self._kinds():
            found[kind] += sum(own_cpu_s(pid).get(each, 0.0) for each in (pid,))
            ended = _ended_cpu_s(pid)
            if pid == self._pid:
                found["ended children of the fleet's daemon"] += ended
            elif kind == "landing queues":
                found["ended children of landing queues"] += ended
            elif pid in watches or kind == "helpers of watch daemons":
                found["ended children of watch daemons"] += ended
        return dict(found)

    def _kinds(self) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = [(self._pid, "fleet daemon")]
        above: dict[int, str] = {self._pid: "fleet daemon"}
        for pid in family(self._pid):
            if pid == self._pid:
                continue
            kind = _kind(pid, above)
            above[pid] = kind
            found.append((pid, kind))
        return found


def _kind(pid: int, above: dict[int, str]) -> str:
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        parent = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return "gone"
    if any(each.endswith("day_agent.py") for each in words):
        return "agents" if Path(words[0]).name.startswith("python") and "guard" not in " ".join(words) else "guardians"
    if "land" in words and "--serve" in words:
        return "landing queues"
    if "--kept" in words:
        return "watch daemons"
    if above.get(parent) in ("watch daemons", "helpers of watch daemons", "landing queues"):
        return "helpers of watch daemons"
    return "agents" if above.get(parent) == "agents" else "git and tests of engagements"


def _ended_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[13:15]) / _TICK


def _pss_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def wait_until(condition, seconds: float, each_s: float = 1.0) -> bool:  # type: ignore[no-untyped-def]
    """Whether it came true in time."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(each_s)
    return True
