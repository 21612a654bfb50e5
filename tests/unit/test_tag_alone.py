"""What lives in other people's applications brings nothing with it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PACKAGES = Path(__file__).parents[2] / "packages"
PYTHON = PACKAGES / "watchkeeper-tag"
NODE = PACKAGES / "watchkeeper-tag-node"
FRAMEWORKS = {"sqlalchemy", "psycopg", "django"}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_package_depends_on_nothing_and_imports_only_the_framework_that_a_module_is_for() -> None:
    assert tomllib.loads((PYTHON / "pyproject.toml").read_text())["project"]["dependencies"] == []
    for path in (PYTHON / "src").rglob("*.py"):
        own = {path.stem, path.parent.name} & FRAMEWORKS
        assert imported(path) - sys.stdlib_module_names - {"watchkeeper_tag"} <= own, path


def test_importing_it_imports_no_framework_and_starts_nothing() -> None:
    program = (
        "import sys, threading; sys.path.insert(0, sys.argv[1]); import watchkeeper_tag; "
        f"print(sorted({FRAMEWORKS!r} & set(sys.modules)), threading.active_count())"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", program, str(PYTHON / "src")], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[] 1"


def test_the_package_for_node_depends_on_nothing_either() -> None:
    assert json.loads((NODE / "package.json").read_text()).get("dependencies", {}) == {}
    for path in (NODE / "src").glob("*.js"):
        named = re.findall(r"""(?:from|import|require\()\s*['"]([^'"]+)""", path.read_text())
        assert all(each.startswith(("node:", "./")) for each in named), path
