"""The table of static checks: every module of this package that has a ``CHECK`` is a row.

A static check is pure: it sees a tree and says what is certainly wrong in it. What it cannot be sure of it leaves out:
its findings are compared between trees, and one that comes and goes with an uncertainty would be called emergent.
Adding a check is adding one file here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol

from watchkeeper.code.collector import paused_collector
from watchkeeper.code.memory import Memory, RememberingTree
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import CheckReport, CheckState, Finding


class StaticCheck(Protocol):
    """One check: a tree in, findings out."""

    @property
    def name(self) -> str:
        """``names``, ``calls`` ...; ``Finding.check`` of all its findings."""

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterable[Finding]:
        """What is wrong in the files ``roots`` of the tree; other files are looked at where these lead to.

        What it finds for one root is worth a ``recall``: in the next tree most roots are as they were.
        """


@cache
def static_checks() -> Mapping[str, StaticCheck]:
    """All checks by name, in the order of their names."""
    found: dict[str, StaticCheck] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        check: StaticCheck | None = getattr(module, "CHECK", None)
        if check is not None:
            found[check.name] = check
    return dict(sorted(found.items()))


def run_static(
    tree: SourceTree, roots: Sequence[str], names: Collection[str] | None = None, memory: Memory | None = None
) -> tuple[CheckReport, ...]:
    """One report for each check, or for each of ``names``. Never raises, whatever the files hold.

    A check that fails on what it meets says so in its report: it clears nothing. What was found in other trees is used
    where it holds: from ``memory``, by default one that all trees of the process share. Raises KeyError for a name that
    no check has.
    """
    table = static_checks()
    chosen = table.values() if names is None else [table[name] for name in table if name in names]
    if unknown := sorted(set(names or ()) - table.keys()):
        raise KeyError(f"no static check is called {', '.join(unknown)}")
    remembering = RememberingTree(tree, _memory() if memory is None else memory)
    with paused_collector():
        return tuple(_run(check, remembering, roots) for check in chosen)


@cache
def _memory() -> Memory:
    return Memory()


def _run(check: StaticCheck, tree: SourceTree, roots: Sequence[str]) -> CheckReport:
    try:
        findings = sorted(check.find(tree, roots), key=lambda finding: (finding.path, finding.line, finding.key))
    except Exception as error:  # noqa: BLE001  # untrusted text must not take the others down
        reason = f"the check ended on {type(error).__name__}: {error}"
        return CheckReport(check.name, state=CheckState.COULD_NOT_RUN, reason=reason[:300])
    return CheckReport(check.name, tuple(findings), reason=_unread(tree, roots))


def _unread(tree: SourceTree, roots: Sequence[str]) -> str:
    """Which of the files no check could read, for people."""
    from watchkeeper.code.languages import find_language

    unread = [path for path in roots if tree.source(path) is not None and find_language(path) is None]
    return f"not looked at: {', '.join(unread[:5])}{' ...' if len(unread) > 5 else ''}" if unread else ""
