"""Run untrusted commands: in a folder, within limits, behind the best wall that this machine allows."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import watchkeeper
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.sandbox.environment import build_environment
from watchkeeper.sandbox.folders import make_folder, sweep_folders
from watchkeeper.sandbox.guardian.removal import remove_folder
from watchkeeper.sandbox.job import Cancel, Ending, Isolation, Job, Limits, Network, Outcome
from watchkeeper.sandbox.view import plan_view
from watchkeeper.sandbox.walls import Plain, Wall, list_walls


class Sandbox:
    """Runs jobs behind one wall; opened with ``find_sandbox``. Thread-safe, any number at once."""

    def __init__(self, folder: Path, wall: Wall) -> None:
        self.folder = folder
        self.wall = wall

    @property
    def isolation(self) -> Isolation:
        """How well a job without network is walled in."""
        return self.wall.isolation(Job(command=(), folder=self.folder))

    def run(self, job: Job, *, cancel: Cancel | None = None) -> Outcome:
        """Run a job and give what came of it; blocks, for ``wall_s`` at the longest and a moment to end it all.

        When this returns, nothing that the job started is alive, and its temporary folder is gone; so it is when this
        process is killed meanwhile. Never raises for what the command does. Raises: WatchkeeperError where the
        sandbox's own folder cannot be written to.
        """
        isolation = self.wall.isolation(job)
        temporary, lock = self._make_temporary()
        environment = build_environment(job, temporary, os.environ)
        program = shutil.which(job.command[0], path=environment["PATH"]) if job.command else None
        if program is None or not job.folder.is_dir():
            what = "no such program" if program is None else f"no such folder: {job.folder}"
            os.close(lock)
            remove_folder(str(temporary))
            return _not_run(isolation, f"{what}: {job.command[0] if job.command else '(empty command)'}")
        places = plan_view(job, temporary, Path.home(), os.environ)
        order = {
            **self.wall.order(job, [_absolute(program, job.folder), *job.command[1:]], places),
            "folder": os.path.realpath(job.folder),
            "environment": environment,
            "limits": _limits_of(job.limits, self.wall),
            "private_network": job.network is Network.NONE,
            "temporary": str(temporary),
            "parent": os.getpid(),
            "held": [lock],
        }
        try:
            process = _start_guardian(lock, temporary)
        finally:
            os.close(lock)
        outcome = _converse(process, order, cancel, isolation)
        if temporary.exists():  # guardian and warden were killed
            remove_folder(str(temporary))
        return outcome

    def _make_temporary(self) -> tuple[Path, int]:
        """A folder for one job, and a lock on it that says: in use."""
        try:
            place, lock = make_folder(self.folder, _PREFIX)
            for name in ("home", "tmp"):
                (place / name).mkdir()
        except OSError as error:
            raise WatchkeeperError(
                f"the sandbox's folder {self.folder} cannot be written to: {error.strerror}",
                slug="sandbox-not-writable",
                hint="look at its permissions, or set WATCHKEEPER_HOME to a folder of yours",
            ) from error
        return place, lock


def find_sandbox(folder: Path) -> Sandbox:
    """The best sandbox that works on this machine, seen by running something in it; ``isolation`` says what is missing.

    ``folder`` holds the jobs' temporary folders; what dead jobs left there is removed. Takes about 100 ms.
    """
    place = Path(os.path.realpath(folder))
    sweep_folders(place, _PREFIX)
    why = []
    for wall in list_walls():
        sandbox = Sandbox(place, wall)
        fault = find_fault(sandbox)
        if fault is None:
            return sandbox
        why.append(f"{wall.name}: {fault}")
    return Sandbox(place, Plain("; ".join(why)))


def find_fault(sandbox: Sandbox) -> str | None:
    """Why a sandbox does not work here, in words; None where it does."""
    sandbox.folder.mkdir(parents=True, exist_ok=True)
    limits = Limits(wall_s=10.0, memory_mb=None)
    outcome = sandbox.run(Job(command=("sh", "-c", "test -r /proc/self/stat"), folder=sandbox.folder, limits=limits))
    if outcome.ending is Ending.EXITED and outcome.exit_code == 0:
        return None
    said = outcome.output.decode("utf-8", "replace").strip()
    return " ".join((outcome.detail or said or outcome.ending.value).split())[:200]


_PREFIX = "job-"
_SOURCE = str(Path(watchkeeper.__file__).parent.parent)
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from watchkeeper.sandbox.guardian.main import main; main()"
_GRACE_S = 40.0
_POLL_S = 0.02


def _start_guardian(lock: int, temporary: Path) -> subprocess.Popen[bytes]:
    """In a session of its own: what a terminal sends to Watchkeeper's group does not reach it.

    Where orphans can be adopted, the process is the guardian's warden, and the guardian its child.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM, _SOURCE, str(temporary)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
        pass_fds=(lock,),
    )


def _converse(
    process: subprocess.Popen[bytes], order: dict[str, Any], cancel: Cancel | None, isolation: Isolation
) -> Outcome:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    began = time.monotonic()
    deadline = began + order["limits"]["wall_s"] + _GRACE_S
    collected: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    try:
        body = json.dumps(order).encode()
        with suppress(BrokenPipeError):
            process.stdin.write(struct.pack(">I", len(body)) + body)
            process.stdin.flush()
        _collect(process, collected, cancel, deadline)
    finally:
        _end_guardian(process)
    answer, errors = bytes(collected[process.stdout]), bytes(collected[process.stderr])
    return _read_answer(answer, errors, isolation, time.monotonic() - began)


def _collect(
    process: subprocess.Popen[bytes], collected: dict[IO[bytes], bytearray], cancel: Cancel | None, deadline: float
) -> None:
    """Everything the guardian says until it closes its outputs; tells it to cancel."""
    assert process.stdin
    is_told = False
    with selectors.DefaultSelector() as selector:
        for stream in collected:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(_POLL_S if cancel is not None and not is_told else 1.0):
                chunk = os.read(key.fd, 1 << 16)
                collected[key.fileobj] += chunk  # type: ignore[index]
                if not chunk:
                    selector.unregister(key.fileobj)
            if cancel is not None and not is_told and cancel.is_set():
                is_told = True
                with suppress(BrokenPipeError):
                    os.write(process.stdin.fileno(), b"c")


def _end_guardian(process: subprocess.Popen[bytes]) -> None:
    """Its pipe closes, so that it ends what is left; it is killed only where it hangs."""
    assert process.stdin
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def _read_answer(answer: bytes, errors: bytes, isolation: Isolation, wall_s: float) -> Outcome:
    size = struct.unpack(">I", answer[:4])[0] if len(answer) >= 4 else None
    if size is None or len(answer) < 4 + size:
        said = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Outcome(
            ending=Ending.KILLED, exit_code=None, output=b"", printed=0, wall_s=wall_s, cpu_s=0.0, peak_mb=0.0,
            isolation=isolation, detail=f"its guardian was killed{': ' + said if said else ''}",
        )  # fmt: skip
    told = json.loads(answer[4 : 4 + size])
    told["ending"] = Ending(told["ending"])
    return Outcome(**told, output=answer[4 + size :], isolation=isolation)


def _not_run(isolation: Isolation, detail: str) -> Outcome:
    return Outcome(
        ending=Ending.COULD_NOT_START, exit_code=None, output=b"", printed=0, wall_s=0.0, cpu_s=0.0, peak_mb=0.0,
        isolation=isolation, detail=detail,
    )  # fmt: skip


def _limits_of(limits: Limits, wall: Wall) -> dict[str, Any]:
    return {
        "wall_s": limits.wall_s,
        "cpu_s": limits.cpu_s,
        "memory_mb": limits.memory_mb,
        "processes": limits.processes,
        "output_bytes": limits.output_bytes,
        "flood_bytes": limits.flood_bytes,
        "file_mb": limits.file_mb,
        "tasks": _task_limit(limits, wall),
    }


def _task_limit(limits: Limits, wall: Wall) -> int | None:
    """A bound by the kernel against forks that are faster than the guardian looks; it counts all of a user's threads.

    Only without a wall: behind one, the end of the first process ends all others at once. root is never bound.
    """
    if limits.processes is None or os.geteuid() == 0 or not isinstance(wall, Plain) or sys.platform != "linux":
        return None
    mine = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 names only
        with suppress(OSError):
            if name.isdigit() and Path("/proc", name).stat().st_uid == os.geteuid():
                mine += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return mine + 8 * limits.processes + 64


def _absolute(program: str, folder: Path) -> str:
    """``./run`` means the job's folder, not ours."""
    return program if program.startswith("/") else str(folder / program)
