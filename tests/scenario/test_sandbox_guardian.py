"""Nothing that a job started outlives it, also where Watchkeeper does not live to see to it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from watchkeeper.sandbox.guardian.output import Kept
from watchkeeper.sandbox.guardian.processes import find_descendants, list_processes, list_with_ps

WATCHKEEPER = """
import sys
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
sandbox.run(Job(command=(sys.executable, "-c", sys.argv[3]), folder=Path(sys.argv[4])))
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


@pytest.mark.parametrize("wall", ["bubblewrap", "namespaces", "plain"])
def test_after_kill_9_of_watchkeeper_not_even_a_daemon_is_left(wall: str, tmp_path: Path) -> None:
    work, jobs = tmp_path / "work", tmp_path / "jobs"
    work.mkdir()
    os.mkfifo(work / "alive")
    # Whoever lives holds the writing end of this pipe: its end is the end of them all.
    script = "import os; held = os.open('alive', os.O_WRONLY)\n" + DAEMON
    reader = os.open(work / "alive", os.O_RDONLY | os.O_NONBLOCK)
    watchkeeper = subprocess.Popen(
        [sys.executable, "-c", WATCHKEEPER, wall, str(jobs), script, str(work)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert watchkeeper.stdout
        line = watchkeeper.stdout.readline()
        if line.startswith("FAULT"):
            pytest.skip(f"no {wall} here: {line}")
        while not (work / "up").exists():
            assert watchkeeper.poll() is None
            select.select([], [], [], 0.01)
    finally:
        watchkeeper.send_signal(signal.SIGKILL)
        watchkeeper.wait()
        assert watchkeeper.stdout
        watchkeeper.stdout.close()

    poll = select.poll()
    poll.register(reader, select.POLLIN | select.POLLHUP)
    assert poll.poll(20_000), "a process of the job still holds its pipe"
    os.close(reader)
    for _ in range(2000):
        if not list(jobs.iterdir()):
            break
        select.select([], [], [], 0.01)
    assert not list(jobs.iterdir()), "the guardian removes what the job left"


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
