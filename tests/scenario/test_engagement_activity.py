"""Whether a program does something is seen of real processes and real files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.engagements.activity import has_written, is_busy, measure

SPINS = "while True: pass"
SLEEPS = "import time; print(1, flush=True); time.sleep(600)"
ALLOCATES = "x = bytearray(80 << 20); print(1, flush=True); import time; time.sleep(600)"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@contextmanager
def running(*command: str, until_said: bool = False) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, start_new_session=True)
    try:
        if until_said:
            assert process.stdout is not None
            process.stdout.readline()
        yield process.pid
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def until_used(pid: int, seconds: float) -> None:
    end = time.monotonic() + 20
    while measure(pid).cpu_s < seconds:
        assert time.monotonic() < end


def test_who_computes_is_busy_also_below_a_parent_that_only_waits() -> None:
    with running(PARENT, SPINS) as pid:
        before = measure(pid)
        until_used(pid, before.cpu_s + 0.3)

        assert is_busy(before, measure(pid), 0.5)


def test_who_sleeps_is_not_busy() -> None:
    with running(SLEEPS, until_said=True) as pid:
        before = measure(pid)

        assert not is_busy(before, measure(pid), 1.0)


def test_who_is_gone_is_not_busy_and_takes_nothing() -> None:
    with running(SLEEPS) as pid:
        before = measure(pid)
    now = measure(pid)

    assert before.processes
    assert not now.processes
    assert not is_busy(before, now, 1.0)
    assert measure(0).processes == frozenset()


def test_the_memory_of_a_whole_tree_is_counted() -> None:
    with running(ALLOCATES, until_said=True) as pid:
        assert measure(pid).memory_mb > 80


def test_a_write_is_seen_wherever_it_is_and_what_tools_keep_is_not(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for folder in ("", "deep", "deep/er", ".git"):
        (tmp_path / folder / "a").write_text("")
    newest = max(each.lstat().st_ctime for each in [tmp_path, *tmp_path.rglob("*")])

    assert not has_written(tmp_path, newest)
    (tmp_path / ".git" / "a").write_text("again")
    assert not has_written(tmp_path, newest)
    (tmp_path / "deep" / "er" / "a").write_text("again")
    assert has_written(tmp_path, newest)
    assert not has_written(tmp_path / "gone", 0.0)


def test_a_tree_that_is_too_large_is_not_walked_to_its_end(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}").write_text("")

    assert has_written(tmp_path, 0.0, most=1)
    assert not has_written(tmp_path, time.time() + 100, most=10)
