"""Nothing that a job started outlives it, also where Watchkeeper does not live to see to it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchkeeper.sandbox.guardian.output import Kept
from watchkeeper.sandbox.guardian.processes import find_descendants, list_processes, list_with_ps

WATCHKEEPER = """
import sys
from collections.abc import Iterator
from pathlib import Path
from watchkeeper.sandbox.job import Job
from watchkeeper.sandbox.run import Sandbox, find_fault
from watchkeeper.sandbox.walls import Bubblewrap, Namespaces, Plain
wall = {"bubblewrap": Bubblewrap("/usr/bin/bwrap"), "namespaces": Namespaces(), "plain": Plain()}[sys.argv[1]]
sandbox = Sandbox(Path(sys.argv[2]), wall)
fault = find_fault(sandbox)
if fault:
    print("FAULT", fault, flush=True)
    sys.exit(0)
print("RUNS", flush=True)
outcome = sandbox.run(Job(command=(sys.executable, "-c", sys.argv[3]), folder=Path(sys.argv[4])))
print(outcome.ending, outcome.detail, flush=True)
"""

DAEMON = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("up", "w").close()
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


WALLS = ("bubblewrap", "namespaces", "plain")


class Running:
    """A Watchkeeper whose job has started a daemon; ``ends`` waits until whoever the job started has ended."""

    def __init__(self, wall: str, folder: Path) -> None:
        self._work, self.jobs = folder / "work", folder / "jobs"
        self._work.mkdir()
        os.mkfifo(self._work / "alive")
        # Whoever lives holds the writing end of this pipe: its end is the end of them all.
        script = "import os; held = os.open('alive', os.O_WRONLY)\n" + DAEMON
        self._reader = os.open(self._work / "alive", os.O_RDONLY | os.O_NONBLOCK)
        self.process = subprocess.Popen(
            [sys.executable, "-c", WATCHKEEPER, wall, str(self.jobs), script, str(self._work)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        line = self.read_line()
        if line.startswith("FAULT"):
            self.close()
            pytest.skip(f"no {wall} here: {line}")
        while not (self._work / "up").exists():
            assert self.process.poll() is None
            select.select([], [], [], 0.01)

    def read_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def guards(self) -> tuple[int, int]:
        """The job's warden and its guardian."""
        (warden,) = (each.pid for each in find_descendants(self.process.pid, 1000) if each.parent == self.process.pid)
        (guardian,) = (each.pid for each in find_descendants(warden, 1000) if each.parent == warden)
        return warden, guardian

    def has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN | select.POLLHUP)
        return bool(poll.poll(20_000))

    def is_swept(self) -> bool:
        for _ in range(2000):
            if not list(self.jobs.iterdir()):
                return True
            select.select([], [], [], 0.01)
        return False

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        os.close(self._reader)


@pytest.fixture(params=WALLS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    made = Running(request.param, tmp_path)
    yield made
    made.close()


def test_after_kill_9_of_watchkeeper_not_even_a_daemon_is_left(running: Running) -> None:
    running.process.kill()

    assert running.has_ended(), "a process of the job still holds its pipe"
    assert running.is_swept(), "the guardian removes what the job left"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no warden")
@pytest.mark.parametrize("victim", ["warden", "guardian"])
def test_after_kill_9_of_one_who_guards_the_other_ends_the_job_and_watchkeeper_is_told(
    running: Running, victim: str
) -> None:
    warden, guardian = running.guards()
    os.kill(warden if victim == "warden" else guardian, signal.SIGKILL)

    assert running.has_ended(), "a process of the job still holds its pipe"
    assert running.read_line().startswith("killed ")
    assert running.is_swept(), "whoever is left removes what the job left"


def test_output_of_any_length_is_held_in_bounded_memory() -> None:
    kept = Kept(1000)
    for _ in range(3000):
        kept.add(b"x" * 65536)
    kept.add(b"end")

    assert kept.total == 3000 * 65536 + 3
    assert kept.render().endswith(b"xend")
    assert len(kept.render()) < 1100


def test_ps_and_proc_tell_the_same_of_a_process() -> None:
    child = subprocess.Popen(["sleep", "600"])
    try:
        said, read = list_with_ps()[child.pid], list_processes()[child.pid]
        assert (said.parent, said.group) == (read.parent, read.group)
        assert child.pid in {process.pid for process in find_descendants(os.getpid(), 1000)}
    finally:
        child.kill()
        child.wait()


def test_the_guardian_needs_nothing_but_the_standard_library() -> None:
    program = "import sys; import watchkeeper.sandbox.guardian.main; print(*sys.modules)"
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {source!r}); {program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stdout.split()}

    assert loaded - {"__main__", "watchkeeper", "pwd", "grp", *sys.stdlib_module_names} <= {
        "sitecustomize",
        "usercustomize",
    }
