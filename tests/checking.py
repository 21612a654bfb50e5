"""Trees that fit on a page, and what the static checks say of them."""

from __future__ import annotations

from textwrap import dedent

from watchkeeper.code.checks import run_static
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.findings import CheckState, Finding


def tree_of(files: dict[str, str]) -> MemoryTree:
    return MemoryTree({path: dedent(text).lstrip("\n").encode() for path, text in files.items()})


def findings(check: str, files: dict[str, str], *roots: str) -> list[Finding]:
    """What one check finds in ``roots``, by default in all files."""
    (report,) = run_static(tree_of(files), roots or tuple(files), [check])
    assert report.state is CheckState.DONE, report.reason
    return list(report.findings)


def found(check: str, files: dict[str, str], *roots: str) -> list[tuple[str, str]]:
    """Rule and subject of each finding."""
    return [(item.rule, item.subject) for item in findings(check, files, *roots)]


def found_in(check: str, text: str) -> list[tuple[str, str]]:
    """Rule and subject of each finding in one file."""
    return found(check, {"m.py": text})
