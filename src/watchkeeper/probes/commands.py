"""Run a command on a tree: a scratch checkout, set up where its inputs changed, under the sandbox's limits."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from watchkeeper.model.findings import CheckReport
from watchkeeper.model.ids import Sha
from watchkeeper.probes.presets import CommandCheck, program_path, runs_pytest
from watchkeeper.probes.programs import find_environments
from watchkeeper.probes.reports import (
    Form,
    ReportUnreadableError,
    TestEnd,
    TestResult,
    parse_eslint,
    parse_jest,
    parse_junit,
    parse_lines,
    parse_sarif,
    parse_squawk,
    parse_unittest,
)
from watchkeeper.probes.runs import EVERYTHING, Ran, Selection, could_not_run
from watchkeeper.probes.setup_inputs import setup_digest
from watchkeeper.probes.witness import (
    INSIDE,
    is_forged,
    is_unfinished,
    keep_findable,
    make_key,
    read_left,
    read_witness,
    witness_environment,
)
from watchkeeper.record.cache import ReadingCache, ReadingKey
from watchkeeper.repos.git import local_path
from watchkeeper.repos.scratch import ScratchPool, ScratchTree
from watchkeeper.sandbox.environment import reserve_ports
from watchkeeper.sandbox.folders import open_folder
from watchkeeper.sandbox.job import Cancel, Ending, Job, Limits, Network
from watchkeeper.sandbox.job import Outcome as JobOutcome
from watchkeeper.sandbox.outside import refuse_outside_services
from watchkeeper.sandbox.run import Sandbox

REPORTS = "report-"
"""How the folders begin in which commands leave reports."""
_MOST_RUNS = 400
_LONGEST_NAMES = 100_000
"""A shell line may have 128 kB on Linux; where the tests' names do not fit, all tests run."""
_RUN_FORMAT = 4
_POLITELY = ("nice", "-n", "10")
"""A proof never takes the processor from whoever works, the watch itself among them."""
_NO_TESTS = (0, 5)
"""How a runner ends that had no test to run; 5 is pytest's, and unittest's."""
_OUTPUT = 4 * 1024 * 1024


class ProjectCommands(msgspec.Struct, frozen=True):
    """What a project says of how it is set up and tested, as shell lines; ``""`` where it says nothing.

    ``database`` prints, on its last line, the address of a database that is made for the run; it ends with the run.
    """

    setup: str = ""
    test: str = ""
    database: str = ""
    test_timeout_s: float = 600.0


class RunStore:
    """What commands said of trees, kept over the end of a process: equal trees, checks and configurations say equal
    things. May lose anything at any time.
    """

    def __init__(self, cache: ReadingCache) -> None:
        self._cache = cache

    def find(self, check: CommandCheck, tree: Sha, selection: Selection, project: ProjectCommands) -> Ran | None:
        """What it said before; None where that is not known."""
        key = _run_key(check, tree, selection, project)
        data = self._cache.get_many([key]).get(key)
        try:
            return msgspec.msgpack.decode(data, type=Ran) if data is not None else None
        except msgspec.DecodeError:
            return None  # written by another version

    def keep(self, check: CommandCheck, tree: Sha, selection: Selection, project: ProjectCommands, ran: Ran) -> None:
        """Remember it."""
        key = _run_key(check, tree, selection, project)
        with suppress(UnicodeEncodeError):  # a test's name that is no text
            self._cache.put_many({key: msgspec.msgpack.encode(ran)})


def _run_key(check: CommandCheck, tree: Sha, selection: Selection, project: ProjectCommands) -> ReadingKey:
    told = json.dumps(msgspec.to_builtins((check, selection, project, program_path()))).encode("ascii")
    return ReadingKey(tree, f"run:{check.name}", _RUN_FORMAT, hashlib.blake2b(told, digest_size=12).hexdigest())


class CommandRunner:
    """Runs checks on trees and remembers what they said of each tree. Blocks; safe for several threads."""

    def __init__(
        self,
        pool: ScratchPool,
        sandbox: Sandbox,
        project: ProjectCommands,
        folder: Path,
        store: RunStore | None = None,
    ) -> None:
        """``folder`` is where reports are left while a command runs, ``store`` what earlier processes ran."""
        self._pool = pool
        self._sandbox = sandbox
        self._project = project
        self._folder = folder
        self._store = store
        self._known: OrderedDict[tuple[CommandCheck, Sha, Selection], Ran] = OrderedDict()
        self.runs = 0

    def run(
        self, check: CommandCheck, tree: Sha, selection: Selection = EVERYTHING, *, cancel: Cancel | None = None
    ) -> Ran:
        """What the check says of the tree. The same is never run twice; what could not be run is tried again.

        A selection is for tests. Raises: GitError for a tree that is not there.
        """
        key = (check, tree, selection)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        kept = self._store.find(check, tree, selection, self._project) if self._store is not None else None
        ran = kept or self._run(check, tree, selection, cancel)
        if ran.could_run:
            if self._store is not None and kept is None:
                self._store.keep(check, tree, selection, self._project, ran)
            self._known[key] = ran
            while len(self._known) > _MOST_RUNS:
                self._known.popitem(last=False)
        return ran

    def _run(self, check: CommandCheck, tree: Sha, selection: Selection, cancel: Cancel | None) -> Ran:
        with self._pool.checkout(tree) as scratch, open_folder(self._folder, REPORTS) as place:
            files = [file for file in selection.files if local_path(scratch.path, file).is_file()]
            if selection.files and not files:
                return Ran(CheckReport(check.name), is_empty=True)
            if check.reads and not _can_name(scratch.path, files):
                return could_not_run(check.name, f"{len(files)} changed files are too many to be named in one command")
            why = self._set_up(scratch, cancel) if check.is_tests else ""
            if why:
                return could_not_run(check.name, why)
            selection = msgspec.structs.replace(selection, files=tuple(files))
            return self._perform(check, scratch, place, selection, cancel)

    def set_up_in(self, folder: Path, *, cancel: Cancel | None = None) -> str:
        """Set the project up in a folder of somebody else's; why that failed, ``""`` where it did not.

        Again is harmless where the project's command is. Raises: WatchkeeperError (a full disk).
        """
        command = self._project.setup
        if not command:
            return ""
        outcome = self._sandbox.run(_setup_job(command, folder, {"PATH": program_path()}), cancel=cancel)
        is_well = outcome.ending is Ending.EXITED and outcome.exit_code == 0
        return "" if is_well else f"setup failed: {_why(outcome)}"

    def _set_up(self, scratch: ScratchTree, cancel: Cancel | None) -> str:
        """Why the checkout could not be set up; ``""`` where it is."""
        command = self._project.setup
        if not command:
            return ""
        digest = setup_digest(command, scratch.path)
        if scratch.notes.get("setup") == digest:
            return ""
        scratch.notes.pop("setup", None)
        scratch.save_notes()
        job = _setup_job(command, scratch.path, _environment(scratch))
        outcome = self._run_in(scratch, job, cancel)
        if outcome.ending is Ending.EXITED and outcome.exit_code == 0:
            scratch.notes["setup"] = digest
            scratch.save_notes()
            return ""
        return f"setup failed: {_why(outcome)}"

    def _perform(
        self, check: CommandCheck, scratch: ScratchTree, place: Path, selection: Selection, cancel: Cancel | None
    ) -> Ran:
        with reserve_ports(1) as (port,):
            key = make_key()
            job = self._job(check, scratch, place, selection, port=port, key=key)
            refuse_outside(job, is_walled=self._sandbox.isolation.level == "full")
            started = time.monotonic()
            outcome = self._run_in(scratch, job, cancel)
        if check.is_tests:
            ran = read_tests(check, outcome, place, scratch.path, key)
        else:
            ran = read_findings(check, outcome, scratch.path, place)
        isolation: str = outcome.isolation.level
        if outcome.isolation.missing:
            isolation = f"{isolation}: without {', '.join(outcome.isolation.missing)}"
        code = outcome.exit_code if outcome.ending is Ending.EXITED else None
        wall = time.monotonic() - started
        return msgspec.structs.replace(ran, wall_s=wall, isolation=isolation, exit_code=code)

    def _run_in(self, scratch: ScratchTree, job: Job, cancel: Cancel | None) -> JobOutcome:
        """One command in a checkout, whose caches are kept only where it ends by itself."""
        with scratch.one_run() as ended:
            outcome = self._sandbox.run(job, cancel=cancel)
            if outcome.ending is Ending.EXITED:
                ended()
        self.runs += 1
        return outcome

    def _job(
        self, check: CommandCheck, scratch: ScratchTree, place: Path, selection: Selection, *, port: int, key: str
    ) -> Job:
        environment = {**_environment(scratch), "PORT": str(port)}
        # Absolute: a test command may begin with `cd`.
        command = fill(check.command, place, [str(local_path(scratch.path, file)) for file in selection.files])
        if check.is_tests:
            environment |= witness_environment(place, scratch.path, selection, environment, key)
            command = keep_findable(command)
            command = _with_database(self._project.database, command) if self._project.database else command
        return Job(
            command=(*_POLITELY, "/bin/sh", "-c", command),
            folder=scratch.path,
            environment=environment,
            limits=Limits(wall_s=self._project.test_timeout_s, output_bytes=_OUTPUT),
            writable=(place,),
            readable=(INSIDE, *find_environments(command, environment["PATH"])),
        )


def _setup_job(command: str, folder: Path, environment: Mapping[str, str]) -> Job:
    return Job(
        command=(*_POLITELY, "/bin/sh", "-c", command),
        folder=folder,
        environment=environment,
        limits=Limits(wall_s=1800.0, output_bytes=_OUTPUT),
        readable=find_environments(command, environment["PATH"]),
        network=Network.OPEN,
    )


def refuse_outside(job: Job, *, is_walled: bool) -> None:
    """A command that names the user's own database or service is not run; behind a wall its ``.env`` is harmless.

    Raises: WatchkeeperError (``outside-service``).
    """
    refuse_outside_services(msgspec.structs.replace(job, folder=Path("/nonexistent")) if is_walled else job)


def _can_name(folder: Path, files: Sequence[str]) -> bool:
    """Whether a shell line has room for the names: without them a check would read nothing, and find nothing."""
    return sum(len(shlex.quote(str(local_path(folder, file)))) + 1 for file in files) <= _LONGEST_NAMES


def fill(command: str, place: Path, tests: Sequence[str]) -> str:
    """The shell line with its places filled in. Tests go to ``{tests}``, else to the end of a line that runs pytest."""
    named = " ".join(shlex.quote(test) for test in tests)
    named = named if len(named) <= _LONGEST_NAMES else ""
    for name in ("junit", "sarif", "json"):
        command = command.replace(f"{{{name}}}", shlex.quote(str(place / name)))
    if "{tests}" in command:
        return command.replace("{tests}", named)
    return f"{command} {named}" if named and runs_pytest(command) else command


def read_findings(check: CommandCheck, outcome: JobOutcome, folder: Path, place: Path) -> Ran:
    """What an analyser said; it could not run where it ended otherwise than it does."""
    if outcome.ending is not Ending.EXITED:
        return could_not_run(check.name, _why(outcome))
    if outcome.exit_code not in (*check.clean, *check.found):
        return could_not_run(check.name, _why(outcome))
    if outcome.printed > len(outcome.output):
        return could_not_run(check.name, "it printed too much to be read whole")
    text, root = outcome.output.decode("utf-8", "replace"), str(folder)
    try:
        match check.form:
            case Form.SARIF:
                findings = parse_sarif(check.name, read_left(place / "sarif") or outcome.output, root)
            case Form.ESLINT:
                findings = parse_eslint(check.name, outcome.output, root)
            case Form.SQUAWK:
                findings = parse_squawk(check.name, outcome.output, root)
            case _:
                findings = parse_lines(check.name, text, root)
    except ReportUnreadableError as error:
        return could_not_run(check.name, str(error))
    if outcome.exit_code not in check.clean and not findings:
        return could_not_run(check.name, f"it found something that cannot be read: {_why(outcome)}")
    return Ran(CheckReport(check.name, findings))


def read_tests(check: CommandCheck, outcome: JobOutcome, place: Path, folder: Path, key: str) -> Ran:
    """Which tests ran and how they ended: from inside pytest, else from the report, else from the output.

    ``folder`` is the checkout: a test's name is the same in all of them. ``key`` is what the plugin was given to sign
    with.
    """
    if outcome.ending is not Ending.EXITED:
        return could_not_run(check.name, _why(outcome))
    if is_forged(place, key):
        return could_not_run(check.name, "something wrote a report in the name of Watchkeeper's plugin for pytest")
    if outcome.exit_code == 0 and is_unfinished(place, key):
        return could_not_run(check.name, f"pytest was ended before all tests had run: {_why(outcome)}")
    witnessed = read_witness(place, key)
    if witnessed is not None:
        ran = _ran(check, outcome, witnessed.tests, witnessed.executed, has_witness=True)
        return msgspec.structs.replace(ran, ended_early=witnessed.ended_early)
    try:
        if data := read_left(place / "junit"):
            return _ran(check, outcome, parse_junit(data, str(folder)), {})
        if data := read_left(place / "json"):
            return _ran(check, outcome, parse_jest(data, str(folder)), {})
    except ReportUnreadableError as error:
        return could_not_run(check.name, str(error))
    failed = parse_unittest(outcome.output.decode("utf-8", "replace"))
    if outcome.exit_code == 0 and _is_cut_unittest(check.command, outcome):
        return could_not_run(check.name, f"unittest was ended before all tests had run: {_why(outcome)}")
    if outcome.exit_code == 0:
        return Ran(CheckReport(check.name), (TestResult("the test command", TestEnd.PASSED),))
    if failed:
        return Ran(CheckReport(check.name), failed)
    return could_not_run(check.name, f"no test can be told from its output: {_why(outcome)}")


def _is_cut_unittest(command: str, outcome: JobOutcome) -> bool:
    """Whether unittest, by itself and with all that it printed to be seen, does not say how many tests it ran."""
    is_plain = re.search(r"-m\s+unittest\b", command) is not None and not re.search(r"[|>;&]", command)
    return (
        is_plain
        and outcome.printed <= len(outcome.output)
        and not re.search(rb"^Ran \d+ test", outcome.output, re.MULTILINE)
    )


def _ran(
    check: CommandCheck,
    outcome: JobOutcome,
    tests: tuple[TestResult, ...],
    executed: Mapping[str, frozenset[int]],
    *,
    has_witness: bool = False,
) -> Ran:
    if not tests and outcome.exit_code not in _NO_TESTS:
        return could_not_run(check.name, f"no test ran: {_why(outcome)}")
    if tests and outcome.exit_code != 0 and not any(test.is_failure for test in tests):
        return could_not_run(check.name, f"it failed, but no test did: {_why(outcome)}")
    if all(test.end is TestEnd.SKIPPED for test in tests):
        return Ran(CheckReport(check.name), is_empty=True)
    return Ran(CheckReport(check.name), tests, executed, has_witness)


def _environment(scratch: ScratchTree) -> dict[str, str]:
    """The project's own programs first, then the user's, then those that come with Watchkeeper."""
    folder = scratch.path
    own = [folder / ".venv" / "bin", folder / "venv" / "bin", folder / "node_modules" / ".bin"]
    places = [*(str(place) for place in own if place.is_dir()), program_path()]
    return {"PATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1", "CI": "true", **scratch.environment}


def _with_database(database: str, command: str) -> str:
    """The database is made within the job: whatever it starts is ended with the job."""
    failed = "{ echo 'the command for the database failed' >&2; exit 97; }"
    made = f'made="$({{ {database}\n}})" || {failed}\n'  # its own exit code: a pipe would have that of `tail`
    return f'{made}DATABASE_URL="$(printf "%s\\n" "$made" | tail -n 1)"\nexport DATABASE_URL\n{command}'


def _why(outcome: JobOutcome) -> str:
    """How it ended, with the last line that it printed."""
    lines = [line.strip() for line in outcome.output.decode("utf-8", "replace").splitlines() if line.strip()]
    said = f": {lines[-1][:200]}" if lines else ""
    if outcome.ending is Ending.EXITED:
        return f"exit code {outcome.exit_code}{said}"
    return f"{outcome.detail or outcome.ending.value.replace('-', ' ')}{said}"
