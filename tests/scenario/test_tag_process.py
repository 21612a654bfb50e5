"""The socket of a tagged process: forks, those who are gone, and who asks badly."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagged import PACKAGE
from watchkeeper.database.journals import SocketJournals

PROGRAM = """
import os, sqlite3, sys
from watchkeeper_tag import Tagging
from watchkeeper_tag.journal import Link
tagging = Tagging(os.getcwd(), "feed")


def write(backend):
    link = Link(backend, "shop", lambda: True)
    tagging.journal.add(tagging, link)
    tagging.before(link, "UPDATE content SET a = 1")
    tagging.after(link, "UPDATE content SET a = 1", 1)
    return link


kept = write(7)
child = os.fork() if "fork" in sys.argv else 1
if child == 0:
    kept = write(8)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def tags() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wk-tag-") as made:
        yield Path(made)


class Running:
    def __init__(self, tags: Path, *words: str) -> None:
        (tags / "app.py").write_text(PROGRAM)
        self.process = subprocess.Popen(
            [sys.executable, "app.py", *words], cwd=tags, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "WATCHKEEPER_TAG_DIR": str(tags), "PYTHONPATH": str(PACKAGE)},
        )  # fmt: skip
        assert self.process.stdout is not None
        for _ in range(2 if "fork" in words else 1):
            assert self.process.stdout.readline() == "ready\n"

    def end(self) -> None:
        self.process.communicate(timeout=20)


def ask(tags: Path) -> dict[int, set[int]]:
    journal = asyncio.run(SocketJournals(tags, answer_s=5).ask())
    found: dict[int, set[int]] = {}
    for each in journal.entries:
        found.setdefault(each.process, set()).add(each.backend)
    return found


def test_a_child_answers_for_itself_and_its_parents_transactions_are_not_its_own(tags: Path) -> None:
    running = Running(tags, "fork")

    found = ask(tags)

    assert found.pop(running.process.pid) == {7}
    assert list(found.values()) == [{8}]
    running.end()


def test_sockets_of_who_is_gone_are_removed_and_those_of_the_living_stay(tags: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone, socket.socket(socket.AF_UNIX) as living:
        gone.bind(f"{tags}/999999.sock")
        gone.close()
        living.bind(f"{tags}/999998.sock")
        living.listen(1)
        running = Running(tags)

        assert not (tags / "999999.sock").exists()
        assert (tags / "999998.sock").exists()
    running.end()
    assert not (tags / f"{running.process.pid}.sock").exists()


def test_who_says_nothing_or_nonsense_keeps_nobody_else_waiting_for_long(tags: Path) -> None:
    running = Running(tags)
    path = str(tags / f"{running.process.pid}.sock")
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as nonsense:
        silent.connect(path)
        nonsense.connect(path)
        nonsense.sendall(b"[" * 100_000 + b"\n")

        assert ask(tags) == {running.process.pid: {7}}
    running.end()


def test_a_folder_of_somebody_else_is_not_used(tags: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away: a folder of somebody else was NOT tried")
    os.chown(tags, 65534, -1)
    running = Running(tags)

    assert list(tags.glob("*.sock")) == []
    running.end()
