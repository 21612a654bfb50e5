"""Checks that are known by name: how they are called, in which form they answer, and whether they are there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from watchkeeper.model.errors import UsageError
from watchkeeper.model.migration_files import PLAIN_SQL
from watchkeeper.probes.reports import Form


class CommandCheck(msgspec.Struct, frozen=True):
    """A check that is a command. ``command`` is a shell line in which ``{junit}``, ``{sarif}`` and ``{json}`` are the
    places of reports and ``{tests}`` the tests to run. ``program`` is what has to be there. ``found`` and ``clean`` are
    its exit codes when it found something and when it did not; any other means that it could not run. ``reads`` is a
    pattern of paths: the check is given those that changed, as ``{tests}``, and has nothing to do where none did.
    """

    name: str
    command: str
    form: Form
    program: str = ""
    is_tests: bool = False
    clean: tuple[int, ...] = (0,)
    found: tuple[int, ...] = (1,)
    reads: str = ""


PRESETS: Mapping[str, CommandCheck] = {
    check.name: check
    for check in (
        CommandCheck("ty", "ty check --output-format concise --no-progress .", Form.LINES, "ty"),
        CommandCheck("pyrefly", "pyrefly check --output-format min-text .", Form.LINES, "pyrefly"),
        CommandCheck(
            "mypy",
            "mypy --no-error-summary --no-color-output --hide-error-context --no-pretty --show-error-codes .",
            Form.LINES,
            "mypy",
        ),
        CommandCheck("pyright", "pyright .", Form.LINES, "pyright"),
        CommandCheck("tsc", "npx --no-install tsc --noEmit --pretty false", Form.LINES, "npx", found=(1, 2)),
        CommandCheck("eslint", "npx --no-install eslint --format json .", Form.ESLINT, "npx"),
        CommandCheck("squawk", "squawk --reporter json {tests}", Form.SQUAWK, "squawk", reads=PLAIN_SQL),
        CommandCheck("pytest", "python -m pytest -q {tests}", Form.JUNIT, "python", is_tests=True),
        CommandCheck(
            "vitest",
            "npx --no-install vitest run --reporter=junit --outputFile={junit} {tests}",
            Form.JUNIT,
            "npx",
            is_tests=True,
        ),
        CommandCheck(
            "jest", "npx --no-install jest --json --outputFile={json} {tests}", Form.JEST, "npx", is_tests=True
        ),
    )
}
"""By name."""

TESTS = "tests"
"""What the tests are called as a check, whoever runs them: a failing one proves whatever its pair is suspected of."""

STATIC = frozenset({"parse", "names", "calls", "duplicates", "locks", "migrations"})
"""Built in: they need no command."""

_BY_THEMSELVES = ("ty", "squawk")
"""Run where they are installed, though nobody asked for them."""

_PLACES = {"{sarif}": Form.SARIF, "{json}": Form.JEST, "{junit}": Form.JUNIT}


def find_checks(texts: tuple[str, ...]) -> tuple[CommandCheck, ...]:
    """The commands of ``checks``: a preset's name, or ``name: command``. Built-in static checks always run.

    Raises: UsageError for a name that is none.
    """
    found = []
    for text in texts:
        name, colon, command = (part.strip() for part in text.partition(":"))
        if colon and command and name and name != TESTS:
            found.append(CommandCheck(name, command, form_of(command)))
        elif name in PRESETS:
            found.append(PRESETS[name])
        elif name not in STATIC:
            raise UsageError(
                f"there is no check {text!r}",
                slug="unknown-check",
                hint=f"use one of {', '.join(sorted(PRESETS))}, or 'name: command' with path:line: messages",
                facts={"check": text},
            )
    return tuple(found)


def project_tests(command: str) -> CommandCheck:
    """The project's own test command as a check."""
    form = form_of(command)
    return CommandCheck(TESTS, command, Form.JUNIT if form is Form.LINES else form, is_tests=True)


def find_tests(checks: Sequence[CommandCheck], command: str) -> CommandCheck | None:
    """What runs the tests: a check that does, else the project's own test command; None where there is neither."""
    named = next((check for check in checks if check.is_tests), None)
    if named is not None:
        return msgspec.structs.replace(named, name=TESTS)
    return project_tests(command) if command else None


def form_of(command: str) -> Form:
    """In which form the command answers: by the report that it writes, else lines on its output."""
    return next((form for place, form in _PLACES.items() if place in command), Form.LINES)


def runs_pytest(command: str) -> bool:
    """Whether the command line starts pytest, as far as it shows."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return any(word.rpartition("/")[2] in {"pytest", "py.test"} for word in words)


def files_read(check: CommandCheck, paths: Iterable[str]) -> tuple[str, ...] | None:
    """Of the ``paths`` that changed those that the check reads; ``()`` where it looks at the whole tree, None where
    there is nothing for it to read.
    """
    if not check.reads:
        return ()
    pattern = re.compile(check.reads)
    return tuple(sorted(path for path in paths if pattern.search(path))) or None


def chosen_checks(texts: tuple[str, ...], *, is_set: bool) -> tuple[CommandCheck, ...]:
    """The commands of ``checks`` where the key is set, be it to none; else ``ty`` and ``squawk`` where installed.

    Raises: UsageError.
    """
    if is_set:
        return find_checks(texts)
    return tuple(PRESETS[name] for name in _BY_THEMSELVES if is_there(name))


def program_path() -> str:
    """Where programs are looked for: as the user does, then beside Watchkeeper's own."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))


def is_there(program: str) -> bool:
    """Whether a check's program can be started."""
    return shutil.which(program, path=program_path()) is not None
