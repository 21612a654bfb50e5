"""One contract for every wall that this machine allows."""

from __future__ import annotations

import os
import select
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.sandbox.environment import reserve_ports
from watchkeeper.sandbox.job import Ending, Job, Limits, Network, Outcome
from watchkeeper.sandbox.outside import find_outside_services, refuse_outside_services
from watchkeeper.sandbox.run import Sandbox, find_fault, find_sandbox
from watchkeeper.sandbox.walls import Bubblewrap, Namespaces, Plain, Wall

WALLS: tuple[Wall, ...] = (Bubblewrap(shutil.which("bwrap") or "/usr/bin/bwrap"), Namespaces(), Plain("chosen"))


@pytest.fixture(params=WALLS, ids=lambda wall: wall.name)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    made = Sandbox(tmp_path / "jobs", request.param)
    fault = find_fault(made)
    if fault is not None:
        print(f"NOT TESTED: this machine allows no {request.param.name}: {fault}")
        pytest.skip(f"no {request.param.name} here: {fault}")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def run(sandbox: Sandbox, folder: Path, script: str, **limits: float) -> Outcome:
    given = {"wall_s": 30.0, **limits}
    job = Job(command=("sh", "-c", script), folder=folder, limits=Limits(**given))  # type: ignore[arg-type]
    return sandbox.run(job)


def test_a_command_runs_in_its_folder_and_its_end_is_told(sandbox: Sandbox, folder: Path) -> None:
    outcome = run(sandbox, folder, "pwd; echo problem >&2; echo made > made; exit 3")

    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 3)
    assert outcome.output == f"{folder}\nproblem\n".encode()
    assert (folder / "made").read_text() == "made\n"
    assert list(sandbox.folder.iterdir()) == [], "its temporary folder is gone"


def test_a_command_that_is_not_there_says_so(sandbox: Sandbox, folder: Path) -> None:
    outcome = sandbox.run(Job(command=("no-such-program",), folder=folder))

    assert (outcome.ending, outcome.exit_code) == (Ending.COULD_NOT_START, None)
    assert "no-such-program" in outcome.detail


def test_no_variable_is_inherited_but_what_the_job_names(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "secret-value")
    outcome = sandbox.run(Job(command=("env",), folder=folder, environment={"MINE": "yes"}))

    assert b"secret-value" not in outcome.output
    assert b"MINE=yes" in outcome.output
    assert f"HOME={sandbox.folder}".encode() in outcome.output


@pytest.mark.parametrize(
    ("script", "limits", "ending"),
    [
        ("trap '' TERM INT; sleep 100", {"wall_s": 0.3}, Ending.TIMED_OUT),
        ("while :; do :; done", {"cpu_s": 0.3}, Ending.TIMED_OUT),
        (f"exec {sys.executable} -c 'x = b\"a\" * (400 << 20); input()'", {"memory_mb": 120}, Ending.OUT_OF_MEMORY),
        ("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 90 & done; wait", {"processes": 8}, Ending.TOO_MANY_PROCESSES),
        ("yes", {"flood_bytes": 50_000_000}, Ending.TOO_MUCH_OUTPUT),
        ("kill -9 $$", {}, Ending.KILLED),
    ],
)
def test_each_limit_ends_the_job_and_is_named(
    sandbox: Sandbox, folder: Path, script: str, limits: dict[str, float], ending: Ending
) -> None:
    if "input()" in script:
        script = script.replace("input()", '__import__("time").sleep(90)')

    outcome = run(sandbox, folder, script, **limits)

    assert outcome.ending is ending
    assert outcome.exit_code is None


def test_much_output_keeps_its_head_and_its_tail(sandbox: Sandbox, folder: Path) -> None:
    outcome = run(sandbox, folder, "echo first; seq 1 200000; echo last", output_bytes=1000)

    assert outcome.ending is Ending.EXITED
    assert outcome.output.startswith(b"first\n1\n")
    assert outcome.output.endswith(b"200000\nlast\n")
    assert len(outcome.output) < 1100
    assert outcome.printed > 1_000_000


@pytest.fixture
def alive(folder: Path) -> Iterator[Callable[[], bool]]:
    """Whether a process lives that opened ``alive`` in the job's folder, a pipe, to write to it. Somebody has to."""
    os.mkfifo(folder / "alive")
    reader = os.open(folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(reader, select.POLLIN | select.POLLHUP)

    def is_held() -> bool:
        return not poll.poll(0)  # it hangs up when the last of them has ended, and not before there was one

    yield is_held
    os.close(reader)


def test_children_that_outlive_the_command_are_ended(sandbox: Sandbox, folder: Path, alive: Callable[[], bool]) -> None:
    outcome = run(sandbox, folder, "exec 3> alive; (setsid sleep 600 &) ; exit 0")

    assert outcome.ending is Ending.EXITED
    assert outcome.wall_s < 20
    assert not alive()


THREADS = """
import ctypes, os, threading, time
held = os.open("alive", os.O_WRONLY)
if os.fork() == 0:
    os.setsid()
    threading.Thread(target=lambda: time.sleep(600)).start()
    open("up", "w").close()
    ctypes.CDLL(None).pthread_exit(None)
os.close(held)
while not os.path.exists("up"):
    time.sleep(0.01)
time.sleep(0.2)
"""

CHAIN = """
import os, time
held = os.open("alive", os.O_WRONLY)
first = os.fork()
while first == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
os.close(held)
time.sleep(0.3)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans are not adopted")
@pytest.mark.parametrize("program", [THREADS, CHAIN], ids=["first thread has ended", "always another"])
def test_processes_that_hide_are_ended_too(
    sandbox: Sandbox, folder: Path, alive: Callable[[], bool], program: str
) -> None:
    (folder / "hide.py").write_text(program)
    outcome = run(sandbox, folder, f"{sys.executable} hide.py")

    assert outcome.ending is Ending.EXITED
    assert outcome.wall_s < 20
    assert not alive()


def test_a_job_can_be_cancelled(sandbox: Sandbox, folder: Path) -> None:
    cancel = threading.Event()
    outcomes: list[Outcome] = []
    job = Job(command=("sh", "-c", "echo > up; sleep 90"), folder=folder)
    thread = threading.Thread(target=lambda: outcomes.append(sandbox.run(job, cancel=cancel)))
    thread.start()
    while not (folder / "up").exists():
        thread.join(0.01)
    cancel.set()
    thread.join(30)

    assert [outcome.ending for outcome in outcomes] == [Ending.CANCELLED]


def test_behind_a_wall_files_network_and_processes_are_its_own(sandbox: Sandbox, folder: Path, tmp_path: Path) -> None:
    if isinstance(sandbox.wall, Plain):
        assert sandbox.isolation.level == "partial"
        assert {missing.split(":")[0] for missing in sandbox.isolation.missing} >= {"files", "network", "processes"}
        return
    (tmp_path / "mine").write_text("mine")
    outcome = run(
        sandbox,
        folder,
        f"ls {tmp_path}; echo x > {tmp_path}/new; echo x > /usr/new; wc -l < /proc/net/dev; ls -d /proc/[0-9]*",
    )

    assert sandbox.isolation.level == "full"
    assert b"mine" not in outcome.output
    assert not (tmp_path / "new").exists()
    assert not Path("/usr/new").exists()
    assert b"\n3\n" in outcome.output, "two lines of heading and the loopback"
    assert outcome.output.count(b"/proc/") < 8


def test_an_open_network_is_never_called_full(sandbox: Sandbox, folder: Path) -> None:
    outcome = sandbox.run(Job(command=("true",), folder=folder, network=Network.OPEN))

    assert outcome.exit_code == 0
    assert outcome.isolation.level == "partial"


def test_the_best_sandbox_is_found_and_works(tmp_path: Path) -> None:
    found = find_sandbox(tmp_path / "jobs")

    assert find_fault(found) is None


def test_two_reservations_never_share_a_port() -> None:
    with reserve_ports(5) as some, reserve_ports(5) as others:
        assert len({*some, *others}) == 10


def test_services_are_named_without_their_passwords_and_own_ports_are_allowed() -> None:
    found = find_outside_services(
        {"DATABASE_URL": "postgresql+psycopg://ada:secret@localhost:5432/app", "API": "https://api.acme.io/v1"},
        ["REDIS_HOST=cache\n# mysql://commented/out\nhttp://127.0.0.1:80 http://example.com"],
    )

    assert found == ("REDIS_HOST=cache", "https://api.acme.io", "postgresql+psycopg://localhost:5432")
    assert find_outside_services({"DATABASE_URL": "postgres://localhost:6001/x"}, [], own_ports=[6001]) == ()
    assert find_outside_services({"DATABASE_URL": "sqlite:///db.sqlite3"}, ["pytest -q"]) == ()


def test_a_job_that_points_at_the_users_database_is_refused(folder: Path) -> None:
    (folder / ".env").write_text("DATABASE_URL=postgres://db.internal/app\n")

    with pytest.raises(WatchkeeperError) as raised:
        refuse_outside_services(Job(command=("pytest",), folder=folder))

    assert raised.value.slug == "outside-service"
