"""Which checks there are by name, and what a project's own files propose."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from watchkeeper.model.errors import UsageError
from watchkeeper.probes.presets import (
    PRESETS,
    STATIC,
    files_read,
    find_checks,
    find_tests,
    form_of,
    is_there,
    runs_pytest,
)
from watchkeeper.probes.projectfiles import find_commands
from watchkeeper.probes.reports import Form
from watchkeeper.probes.runs import Selection
from watchkeeper.probes.witness import witness_environment
from watchkeeper.record.config import ProjectConfig, load_settings, render_template


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_each_preset_is_found_by_its_name_and_says_where_its_report_is(name: str) -> None:
    (found,) = find_checks((name,))

    assert found.name == name
    assert found.program in shlex.split(found.command)
    if found.form is Form.JEST or "{junit}" in found.command:
        assert form_of(found.command) is found.form
    assert found.is_tests == (name in {"pytest", "vitest", "jest"})


def test_squawk_reads_only_the_migrations_in_plain_sql_that_changed() -> None:
    changed = {"db/migrations/0002_b.sql", "db/migrations/0001_a.sql", "db/migrations/0001_a.down.sql", "a/report.sql"}

    assert files_read(PRESETS["squawk"], changed) == ("db/migrations/0001_a.sql", "db/migrations/0002_b.sql")
    assert files_read(PRESETS["squawk"], {"a/report.sql", "db/migrations/0003.py"}) is None
    assert files_read(PRESETS["ty"], changed) == ()


def test_built_in_checks_may_be_named_and_need_no_command() -> None:
    assert find_checks(tuple(STATIC)) == ()


@pytest.mark.parametrize("text", ["nothing", "", ":", ": lint", "lint:", "tests: run"])
def test_a_check_that_nobody_knows_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_checks(("ty", text))

    assert caught.value.slug == "unknown-check"
    assert "mypy" in caught.value.hint


def test_a_command_of_one_s_own_is_a_check_and_may_have_colons() -> None:
    (found,) = find_checks(("lint : python -c 'print(\"a.py:1: x\")'",))

    assert (found.name, found.command) == ("lint", "python -c 'print(\"a.py:1: x\")'")
    assert not found.is_tests


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("lint .", Form.LINES),
        ("lint --out {sarif}", Form.SARIF),
        ("run --xml={junit}", Form.JUNIT),
        ("run > {json}", Form.JEST),
    ],
)
def test_the_report_that_a_command_writes_says_in_which_form_it_answers(command: str, form: Form) -> None:
    assert form_of(command) is form


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pytest", True),
        (".venv/bin/python -m pytest -q", True),
        ("cd backend && /opt/venv/bin/py.test", True),
        ("make test", False),
        ("python -m unittest", False),
        ("echo 'pytest -q'", False),
        ("python -m pytest_wrapper", False),
        ("pytest 'unclosed", False),
    ],
)
def test_whether_a_command_starts_pytest(command: str, expected: bool) -> None:
    assert runs_pytest(command) is expected


def test_tests_are_called_tests_whoever_runs_them() -> None:
    checks = find_checks(("ty", "pytest"))

    assert [find_tests(checks, "make test"), find_tests(checks[:1], "make test")] != [None, None]
    assert {each.name for each in (find_tests(checks, ""), find_tests((), "make test")) if each} == {"tests"}
    assert find_tests(checks[:1], "") is None


def test_a_test_check_comes_before_the_project_s_own_command() -> None:
    found = find_tests(find_checks(("pytest",)), "make test")

    assert found is not None
    assert found.command == PRESETS["pytest"].command


def test_a_program_is_there_or_it_is_not() -> None:
    assert is_there("sh")
    assert not is_there("no-such-program-anywhere")


def project(folder: Path, files: Mapping[str, str]) -> ProjectConfig:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return find_commands(folder)


def test_an_empty_folder_proposes_nothing(tmp_path: Path) -> None:
    assert find_commands(tmp_path) == ProjectConfig()
    assert find_commands(tmp_path / "missing") == ProjectConfig()


def test_a_python_package_is_installed_with_the_extras_that_its_tests_need(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "x"\n[project.optional-dependencies]\ntest = ["pytest"]\ndoc = []\n',
            "tests/test_x.py": "",
        },
    )

    assert found.setup == "python3 -m venv .venv && .venv/bin/python -m pip install --quiet -e '.[test]' pytest"
    assert found.test == ".venv/bin/python -m pytest -q"


def test_requirements_are_installed_and_a_name_cannot_become_a_command(tmp_path: Path) -> None:
    found = project(tmp_path, {"requirements.txt": "x\n", "requirements; touch owned;.txt": "", "tests/test_x.py": ""})

    assert shlex.split(found.setup)[-4:] == ["-r", "requirements.txt", "-r", "requirements; touch owned;.txt"]
    assert found.test == ".venv/bin/python -m unittest discover"


def test_pytest_in_the_requirements_is_the_runner(tmp_path: Path) -> None:
    assert project(tmp_path, {"requirements-dev.txt": "pytest\n", "setup.py": ""}).test.endswith("-m pytest -q")


def test_a_python_project_without_tests_proposes_no_test_command(tmp_path: Path) -> None:
    assert project(tmp_path, {"setup.py": ""}).test == ""


def test_a_uv_lock_is_followed_where_uv_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "uv"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "project").mkdir()
    files = {"pyproject.toml": '[project]\nname = "x"\n', "uv.lock": ""}

    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert project(tmp_path / "project", files).setup == "uv sync --frozen --all-extras"
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert project(tmp_path / "project", files).setup.startswith("python3 -m venv .venv")


@pytest.mark.parametrize(
    ("package", "test", "checks"),
    [
        ({"devDependencies": {"vitest": "3"}}, "npx --no-install vitest run --reporter=junit", ()),
        ({"devDependencies": {"jest": "30", "typescript": "5"}}, "npx --no-install jest --json", ("tsc",)),
        ({"scripts": {"test": "node --test"}, "dependencies": {"eslint": "9"}}, "npm test", ("eslint",)),
        ({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}}, "", ()),
        ({"name": "x"}, "", ()),
        ({"scripts": {"test": 5}, "dependencies": ["jest"], "devDependencies": None}, "", ()),
    ],
)
def test_a_script_project_is_tested_as_its_package_says(
    tmp_path: Path, package: Mapping[str, object], test: str, checks: tuple[str, ...]
) -> None:
    found = project(tmp_path, {"package.json": json.dumps(package)})

    assert found.test.startswith(test)
    assert bool(found.test) is bool(test)
    assert (found.setup, found.checks) == ("npm install", checks)


@pytest.mark.parametrize(
    ("lock", "setup"),
    [("package-lock.json", "npm ci"), ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"), ("yarn.lock", "yarn ins")],
)
def test_a_lock_is_installed_as_it_stands(tmp_path: Path, lock: str, setup: str) -> None:
    assert project(tmp_path, {"package.json": '{"name": "x"}', lock: ""}).setup.startswith(setup)


BROKEN = {
    "no toml": {"pyproject.toml": "["},
    "wrong types": {"pyproject.toml": "tool = 5\nproject = 5\n"},
    "wrong extras": {"pyproject.toml": "[project]\noptional-dependencies = 5\n"},
    "deep toml": {"pyproject.toml": "a = " + "[" * 20_000},
    "no json": {"package.json": "{"},
    "a list": {"package.json": "[]"},
    "deep json": {"package.json": '{"a":' + "[" * 200_000},
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_propose_less_and_never_fail(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert isinstance(project(tmp_path, files), ProjectConfig)


def test_folders_bytes_and_links_in_place_of_files_never_fail(tmp_path: Path) -> None:
    (tmp_path / "requirements-x.txt").mkdir()
    (tmp_path / "requirements-y.txt").symlink_to(tmp_path / "missing")
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe\x00")

    assert find_commands(tmp_path).setup.endswith("-r requirements.txt")


def test_what_is_proposed_is_read_back_as_it_was(tmp_path: Path) -> None:
    found = ProjectConfig(setup='a "b" \\ c\n# d', test="é {junit}", checks=('x: "y"', "ty"))
    file = tmp_path / "watchkeeper.toml"
    file.write_text(render_template("main", found))

    assert load_settings([file], {}).config.project == found


@pytest.mark.parametrize(
    "text",
    [
        "project = 5",
        "[project]\nbudget = -1",
        "[project]\nbudget = nan",
        "[project]\nbudget = 65",
        '[project]\nbudget = "much"',
        "[project]\ntest_timeout = 0",
        '[project]\nchecks = "ty"',
        "[project]\nsetup = 5",
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_key(tmp_path: Path, text: str) -> None:
    file = tmp_path / "watchkeeper.toml"
    file.write_text(text)

    with pytest.raises(UsageError) as caught:
        load_settings([file], {})

    assert caught.value.slug == "config-bad-value"
    assert caught.value.facts["key"].startswith("project")


def test_a_key_of_the_table_that_is_mistyped_is_answered_with_the_right_one(tmp_path: Path) -> None:
    file = tmp_path / "watchkeeper.toml"
    file.write_text('[project]\ntets = "pytest"\n')

    with pytest.raises(UsageError, match=r"did you mean 'project\.test'"):
        load_settings([file], {})


def test_the_table_can_be_set_in_the_environment() -> None:
    environ = {
        "WATCHKEEPER_PROJECT_TEST": "pytest",
        "WATCHKEEPER_PROJECT_CHECKS": "ty, mypy",
        "WATCHKEEPER_PROJECT_BUDGET": "1.5",
        "WATCHKEEPER_PROJECT_TEST_TIMEOUT": "60",
    }

    found = load_settings([], environ).config.project

    assert found == ProjectConfig(test="pytest", checks=("ty", "mypy"), budget=1.5, test_timeout=60)


def test_tests_that_are_run_on_a_merge_may_call_watchkeeper_themselves(tmp_path: Path) -> None:
    made = witness_environment(tmp_path, tmp_path, Selection(only=("t",)), {}, "key")
    given = [name for name in made if name.startswith("WATCHKEEPER_")]

    assert len(given) > 4
    assert load_settings([], dict.fromkeys(given, "/x")).config == load_settings([], {}).config
