"""Every way in which a program fails to look, for every program: never clean. And that the real ones do look."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from scouting import COMMIT, Tree
from watchkeeper.model.ids import ProjectId
from watchkeeper.model.scouting import LookState
from watchkeeper.scouts.checks.audits import NpmAudit, PipAudit
from watchkeeper.scouts.checks.port import Check, Looked
from watchkeeper.scouts.checks.programs import (
    BANDIT,
    COMPLEXITY,
    JSCPD,
    RUFF_ERRORS,
    RUFF_SPEED,
    SECRETS,
    SEMGREP,
    VULTURE,
)
from watchkeeper.scouts.checks.tooling import ToolCheck
from watchkeeper.scouts.config import ScoutConfig
from watchkeeper.scouts.looking import Where, judge_look

CLEAN = 'def add(a, b):\n    """The sum."""\n    return a + b\n\n\nprint(add(1, 2))\n'
DEPTH = 10
_LOOPS = [f"{'    ' * (depth + 1)}for i{depth} in range(n):" for depth in range(DEPTH)]
NESTED = "\n".join(["def f(n):", *_LOOPS, f"{'    ' * (DEPTH + 1)}print(n)", ""])
FAULTS: dict[str, tuple[ToolCheck, str, str]] = {
    "ruff errors": (RUFF_ERRORS, "B012", "def f():\n    try:\n        print()\n    finally:\n        return 1\n"),
    "ruff speed": (RUFF_SPEED, "ASYNC251", "import time\n\n\nasync def f():\n    time.sleep(1)\n"),
    "bandit": (BANDIT, "B103", "import os\n\nos.chmod('x', 0o777)\n"),
    "vulture": (VULTURE, "unreachable-code-after", "def f():\n    return 1\n    print(2)\n\n\nf()\n"),
    "detect-secrets": (SECRETS, "aws-access-key", "KEY = 'AKIAIOSFODNN7EXAMQLE'\n"),
    "complexipy": (
        COMPLEXITY, "complex-function",
        NESTED,
    ),
    "semgrep": (
        SEMGREP, "request-to-command",
        "import os\n\nimport flask\n\n\ndef f():\n    os.system('rm ' + flask.request.args['name'])\n",
    ),
}  # fmt: skip
EVERY = [*FAULTS, "pip-audit", "npm-audit", "jscpd"]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path, {"add.py": CLEAN, "requirements.txt": "requests==2.31.0\n"})
    made.write("package.json", '{"name": "x", "version": "1.0.0"}')
    made.write("package-lock.json", '{"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}')
    made.config = ScoutConfig(tools=("semgrep", "jscpd"))
    return made


def check_of(name: str) -> Check:
    others: dict[str, Check] = {"pip-audit": PipAudit(), "npm-audit": NpmAudit(), "jscpd": JSCPD}
    return others.get(name) or FAULTS[name][0]


def program_of(name: str) -> str:
    return {"npm-audit": "npm", "ruff errors": "ruff", "ruff speed": "ruff"}.get(name, name)


def state_of(look: Looked) -> LookState:
    return judge_look("any", [look], Where(ProjectId("p"), COMMIT)).state


WRITES = """
import sys
given = sys.argv[1:]
for flag in ("-o", "--output", "--output-file"):
    if flag in given:
        place = given[given.index(flag) + 1]
        import os
        if os.path.isdir(place):
            place = os.path.join(place, "jscpd-report.json")
        open(place, "w").write(TEXT)
sys.stdout.write(TEXT)
sys.exit(CODE)
"""


def writes(text: str, code: int = 0) -> str:
    return f"TEXT, CODE = {text!r}, {code}\n{WRITES}"


FAILURES = {
    "it crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
    "it ends with a traceback": "raise RuntimeError('the index is gone')\n",
    "it ends with another code": writes("{}", 77),
    "it says nothing and is content": "",
    "it writes an empty report": writes(""),
    "it writes half a report": writes('{"results": [{"test_id": "B10'),
    "it writes another version's report": writes('{"version": 9, "items": []}'),
    "it finds nothing, in good form": None,
}
NOTHING = {
    "ruff errors": "[]", "ruff speed": "[]", "vulture": "",
    "bandit": '{"errors": [], "results": [], "metrics": {"_totals": {"loc": 3}}}',
    "detect-secrets": '{"version": "1.5.0", "plugins_used": [{"name": "x"}], "results": {}}',
    "complexipy": "[]", "semgrep": '{"results": [], "errors": [], "paths": {"scanned": ["add.py"]}}',
    "pip-audit": '{"dependencies": [{"name": "requests", "version": "2.31.0", "vulns": []}], "fixes": []}',
    "npm-audit": '{"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"vulnerabilities": {"total": 0}}}',
    "jscpd": '{"duplicates": [], "statistics": {}}',
}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", EVERY)
def test_whatever_goes_wrong_with_a_program_nothing_is_clean(tree: Tree, name: str, failure: str) -> None:
    given = FAILURES[failure]
    tree.program(program_of(name), writes(NOTHING[name]) if given is None else given)

    look = tree.look(check_of(name))

    assert state_of(look) is LookState.COULD_NOT_LOOK, look
    assert not look.is_whole
    assert (
        program_of(name) in look.checked.reason or "index" in look.checked.reason or "registry" in look.checked.reason
    )


@pytest.mark.parametrize("name", EVERY)
def test_a_program_that_is_not_there_is_named_with_how_it_is_installed(tree: Tree, name: str) -> None:
    check = check_of(name)
    if isinstance(check, ToolCheck):
        absent = msgspec.structs.replace(check.tool, program="no-such-program")
        check = ToolCheck(absent)
    else:
        tree.tools = "/nowhere"
    if name == "pip-audit":
        pytest.skip("it is installed with Watchkeeper, and found there")

    look = tree.look(check)

    assert state_of(look) is LookState.COULD_NOT_LOOK
    assert "is not installed: " in look.checked.reason


@pytest.mark.parametrize("name", EVERY)
def test_a_program_that_never_ends_is_ended_and_has_not_looked(
    tree: Tree, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.program(program_of(name), "import time\ntime.sleep(600)\n")
    check = check_of(name)
    if isinstance(check, ToolCheck):
        check = ToolCheck(msgspec.structs.replace(check.tool, wall_s=0.5))
    else:
        monkeypatch.setattr("watchkeeper.scouts.checks.audits._WALL_S", 0.5)

    look = tree.look(check)

    assert state_of(look) is LookState.COULD_NOT_LOOK
    assert "took too long" in look.checked.reason


def test_what_floods_its_output_has_not_looked(tree: Tree) -> None:
    tree.program("vulture", "import sys\nwhile True:\n    sys.stderr.write('x' * 100_000)\n")
    look = tree.look(VULTURE)
    assert "printed too much" in look.checked.reason


def test_an_extra_that_nobody_asks_for_does_not_apply_and_one_that_is_asked_for_has_to_be_there(tree: Tree) -> None:
    tree.tools = "/nowhere"
    for check in (SEMGREP, JSCPD):
        assert state_of(tree.look(check)) is LookState.COULD_NOT_LOOK
    tree.config = ScoutConfig()
    for check in (SEMGREP, JSCPD):
        assert state_of(tree.look(check)) is LookState.NOT_APPLICABLE


def test_a_package_that_the_index_does_not_know_is_no_clean_package(tree: Tree) -> None:
    known = '{"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}'
    skipped = '{"name": "requests", "skip_reason": "Dependency not found on PyPI and could not be audited: requests"}'
    tree.program("pip-audit", writes(f'{{"dependencies": [{known}, {skipped}], "fixes": []}}', 1))

    look = tree.look(PipAudit())

    assert state_of(look) is LookState.COULD_NOT_LOOK
    assert "the index does not know requests" in look.checked.reason


@pytest.mark.parametrize("name", FAULTS)
def test_the_real_program_finds_what_is_there_and_is_clean_where_nothing_is(tree: Tree, name: str) -> None:
    check, rule, fault = FAULTS[name]
    require(tree, name)
    clean = tree.look(check)
    tree.write("pkg/fault.py", fault)
    found = tree.look(check)

    assert state_of(clean) is LookState.CLEAN, clean.checked.reason
    assert clean.checked.proof
    assert [(each.rule, each.path) for each in found.found] == [(rule, "pkg/fault.py")]
    assert state_of(found) is LookState.FOUND


def test_the_real_jscpd_finds_what_is_there_twice(tree: Tree) -> None:
    require(tree, "jscpd")
    assert state_of(tree.look(JSCPD)) is LookState.CLEAN
    twice(tree, "")
    assert [each.rule for each in tree.look(JSCPD).found] == ["clone"]


def twice(tree: Tree, folder: str) -> None:
    body = "\n".join(f"    value_{number} = source.read({number}) + other.write({number}, 'x')" for number in range(20))
    tree.write(f"{folder}a.py", f"def one(source, other):\n{body}\n")
    tree.write(f"{folder}b.py", f"def two(source, other):\n{body}\n")


EXTRAS = {
    "semgrep": os.environ.get("WATCHKEEPER_TEST_SEMGREP", ""),
    "jscpd": os.environ.get("WATCHKEEPER_TEST_JSCPD", ""),
}
"""Folders in which programs are that do not install beside Watchkeeper."""


def require(tree: Tree, name: str) -> None:
    """The program is found; one that is not installed with Watchkeeper by a variable, else it is loudly skipped."""
    if name not in EXTRAS:
        return
    if EXTRAS[name]:
        tree.tools = os.pathsep.join([EXTRAS[name], tree.tools])
    elif shutil.which(name) is None:
        pytest.skip(f"{name} is neither installed nor in WATCHKEEPER_TEST_{name.upper()}: it was NOT tried")


ALL, FAULT_ALONE = "*", "pkg/*"
"""What a setting leaves out: everything, which the canary notices, or just where the fault is."""


def settings(out: str) -> dict[str, str]:
    """All ways in which a project could tell a program to look away, or put another program in its place."""
    listed = f'["{out}"]'
    return {
        "ruff.toml": f"exclude = {listed}\n", ".ruff.toml": f"exclude = {listed}\n",
        ".bandit": f"[bandit]\nexclude = {out}\nskips = B103\n", ".semgrepignore": f"{out}\n", ".gitignore": f"{out}\n",
        "pyproject.toml": f"[tool.ruff]\nexclude = {listed}\n[tool.bandit]\nskips = ['B103']\nexclude_dirs = {listed}\n"
        f"[tool.vulture]\nexclude = {listed}\n[tool.complexipy]\nexclude = {listed}\npaths = ['none']\n",
        "setup.cfg": f"[bandit]\nexclude = {out}\n", "tox.ini": f"[bandit]\nexclude = {out}\n",
        ".jscpd.json": f'{{"ignore": ["{out}*"]}}', "complexipy.toml": f"exclude = {listed}\n",
        "package.json": f'{{"name": "x", "jscpd": {{"ignore": ["**/{out}*"]}}}}', ".npmrc": "registry=http://127.0.0.1:1/\n",
        "pip.conf": "[global]\nindex-url = http://127.0.0.1:1/\n", ".secrets.baseline": "{}",
        "sitecustomize.py": "import os\nos._exit(0)\n", "ruff.py": "raise SystemExit\n",
        "bandit.py": "raise SystemExit\n", "vulture.py": "raise SystemExit\n", "semgrep.py": "raise SystemExit\n",
    }  # fmt: skip


@pytest.mark.parametrize("out", [ALL, FAULT_ALONE])
@pytest.mark.parametrize("name", [*FAULTS, "jscpd"])
def test_nothing_that_stands_in_the_tree_can_make_a_program_look_away(tree: Tree, name: str, out: str) -> None:
    require(tree, name)
    for path, text in settings(out).items():
        tree.write(path, text)
    if name == "jscpd":
        check, rule = check_of(name), "clone"
        twice(tree, "pkg/")
    else:
        check, rule, fault = FAULTS[name]
        tree.write("pkg/fault.py", fault)

    look = tree.look(check)

    assert rule in {each.rule for each in look.found}, look.checked.reason


def test_a_file_that_semgrep_does_not_say_it_read_was_not_looked_at(tree: Tree) -> None:
    tree.write("pkg/other.py", CLEAN)
    told = '{"results": [%s], "errors": [], "paths": {"scanned": ["add.py"]}}'
    row = '{"check_id": "unsafe-yaml", "path": "PATH", "start": {"line": 1}, "extra": {"message": "m"}}'
    program = writes(told % row)
    find = "import glob\nTEXT = TEXT.replace('PATH', glob.glob('canary_*/canary.py')[0])\n"
    tree.program("semgrep", program.replace(WRITES, find + WRITES))

    look = tree.look(SEMGREP)

    assert state_of(look) is LookState.COULD_NOT_LOOK
    assert "semgrep could not read pkg/other.py" in look.checked.reason


def test_a_projects_own_rules_for_semgrep_are_asked_too(tree: Tree) -> None:
    require(tree, "semgrep")
    rule = "rules:\n  - {id: no-print, languages: [python], severity: ERROR, message: it prints, pattern: print(...)}\n"
    tree.write(".scout/semgrep/own.yml", rule)
    assert [each.rule for each in tree.look(SEMGREP).found] == ["no-print"]


@pytest.mark.parametrize("name", ["ruff errors", "bandit", "vulture"])
def test_a_file_that_a_program_cannot_read_is_named_and_what_was_found_elsewhere_is_kept(tree: Tree, name: str) -> None:
    check, rule, fault = FAULTS[name]
    tree.write("broken.py", "def f(:\n")
    tree.write("pkg/fault.py", fault)

    look = tree.look(check)

    assert state_of(look) is LookState.COULD_NOT_LOOK
    assert "broken.py" in look.checked.reason
    assert rule in {each.rule for each in look.found}


def test_no_secret_stands_in_what_is_said_of_it(tree: Tree) -> None:
    tree.write("pkg/fault.py", FAULTS["detect-secrets"][2])
    look = tree.look(SECRETS)
    assert look.found
    assert "AKIAIOSFODNN7EXAMQLE" not in repr(look)
