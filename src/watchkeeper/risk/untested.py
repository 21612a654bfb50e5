"""Which changed lines no test executed, given the lines that tests did execute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.executable import find_lines_to_try, read_executable
from watchkeeper.risk.facts import FileFacts, Role, Untested

Executed = Mapping[str, AbstractSet[int]]
"""The lines of the change's text that tests executed, by path."""


def find_untested(
    files: Sequence[tuple[ChangedFile, FileFacts]], executed: Executed
) -> tuple[tuple[Untested, ...], tuple[str, ...]]:
    """The changed lines that no test executed; and of which files nobody can tell, in words."""
    wanted, missed = find_lines(files)
    left = {path: lines - executed.get(path, frozenset()) for path, lines in wanted.items()}
    found = [Untested(path, tuple(sorted(lines)), len(wanted[path])) for path, lines in left.items() if lines]
    return tuple(found), missed


def find_lines(
    files: Sequence[tuple[ChangedFile, FileFacts]],
) -> tuple[Mapping[str, AbstractSet[int]], tuple[str, ...]]:
    """The changed lines that tests can be seen to execute, by path; and of which files nobody can tell, in words."""
    found: dict[str, AbstractSet[int]] = {}
    missed: list[str] = []
    for file, facts in files:
        if facts.role is not Role.CODE or not facts.changed or file.now is None or file.now_path is None:
            continue
        is_python = file.now_path.endswith(".py")
        executable = read_executable(file.now) if is_python else None
        if executable is None:
            why = "it does not compile with this Python" if is_python else "no tracer sees its lines"
            missed.append(f"which changed lines of {file.now_path} tests execute: {why}")
            continue
        found[file.now_path] = find_lines_to_try(file.base or b"", file.now, executable)
    return found, tuple(missed)
