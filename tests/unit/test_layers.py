"""What import-linter cannot see of the pure band."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import watchkeeper

SOURCE = Path(watchkeeper.__file__).parent
PURE = sorted(path for band in ("model", "code", "conflicts", "risk") for path in (SOURCE / band).rglob("*.py"))
STARTERS = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}


def test_agents_are_started_in_one_module_and_only_our_own_queue_else_through_asyncio() -> None:
    starting = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if (isinstance(node, ast.Attribute) and node.attr in STARTERS)
        or (isinstance(node, ast.alias) and node.name in STARTERS)
    }

    assert starting == {"agents/process.py", "sandbox/keeper.py"}


def test_agents_start_nothing_else_but_to_ask_whether_hooks_are_trusted() -> None:
    importing = {
        path.name
        for path in (SOURCE / "agents").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Import) and any(alias.name == "subprocess" for alias in node.names)
    }

    assert importing <= {"trust.py"}


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_pure_band_opens_prints_and_evaluates_nothing(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pathlib"
        for alias in node.names
    }

    assert not called & {"open", "print", "input", "eval", "exec", "breakpoint"}
    assert "pathlib" not in plain
    assert taken <= {"PurePosixPath", "PurePath"}, "paths here are names, not places"


def test_the_hooks_shim_stands_alone_and_imports_nothing_that_costs_time() -> None:
    tree = ast.parse((SOURCE / "agents" / "shim.py").read_bytes())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert plain == {"_signal", "_socket", "posix", "posixpath", "sys"}
    assert taken == {"_sha256", "_sha2", "hashlib"}
