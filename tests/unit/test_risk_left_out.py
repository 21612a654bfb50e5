"""Tests that stand where they stood and that nobody finds any more, and the twins of such edits that hide none."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risking import kinds_of, risk_of
from watchkeeper.risk.left_out import read_settings

TEST = "def test_it():\n    assert 1 + 1 == 2\n"
TREE = {
    "app.py": "A = 1\n",
    "tests/test_a.py": TEST,
    "tests/slow/test_b.py": TEST,
    "extra/test_c.py": TEST,
    "build_tools/make.py": "A = 1\n",
    "tests/conftest.py": "A = 1\n",
    "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests", "extra"]\naddopts = "-q"\n',
}


def ini(paths: str = '["tests", "extra"]', options: str = '"-q"', more: str = "") -> str:
    return f"[tool.pytest.ini_options]\ntestpaths = {paths}\naddopts = {options}\n{more}"


HIDES: dict[str, Mapping[str, str]] = {
    "a path fewer": {"pyproject.toml": ini('["tests"]')},
    "a path that is deeper": {"pyproject.toml": ini('["tests/slow", "extra"]')},
    "an ignored folder": {"pyproject.toml": ini(options='"-q --ignore=tests/slow"')},
    "an ignored file, in two words": {"pyproject.toml": ini(options='["-q", "--ignore", "tests/test_a.py"]')},
    "an ignored glob": {"pyproject.toml": ini(options='"--ignore-glob=*/test_b*"')},
    "a test that is deselected": {"pyproject.toml": ini(options='"--deselect tests/test_a.py::test_it"')},
    "only some by a word": {"pyproject.toml": ini(options="\"-k 'not slow'\"")},
    "only some by a mark": {"pyproject.toml": ini(options="\"-m 'not slow'\"")},
    "a folder that is not entered": {"pyproject.toml": ini(more='norecursedirs = ["slow"]\n')},
    "files of another name": {"pyproject.toml": ini(more='python_files = ["check_*.py"]\n')},
    "a configuration that goes before": {"pytest.ini": "[pytest]\ntestpaths = tests\n"},
    "a list of conftest": {"tests/conftest.py": 'collect_ignore = ["test_a.py"]\n'},
    "a folder of conftest": {"tests/conftest.py": 'collect_ignore = ["slow"]\n'},
    "a glob of conftest": {"tests/conftest.py": 'collect_ignore_glob = ["*_b.py"]\n'},
    "a list that grows": {"tests/conftest.py": 'collect_ignore = []\ncollect_ignore.append("test_a.py")\n'},
    "a list that is added to": {"tests/conftest.py": 'collect_ignore = []\ncollect_ignore += ["test_a.py"]\n'},
    "a list that is computed": {"tests/conftest.py": "import os\ncollect_ignore = os.listdir('.')\n"},
    "a hook that ignores": {"tests/conftest.py": "def pytest_ignore_collect(path):\n    return True\n"},
    "a hook that drops": {"tests/conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = items[:1]\n"},
    "a new conftest": {"extra/conftest.py": 'collect_ignore = ["test_c.py"]\n'},
    "a pattern of setup.cfg": {"pyproject.toml": "A = 1\n", "setup.cfg": "[tool:pytest]\ntestpaths =\n    tests\n"},
}  # fmt: skip

HIDES_NONE: dict[str, Mapping[str, str]] = {
    "a path more": {"pyproject.toml": ini('["tests", "extra", "more"]')},
    "a path that holds all": {"pyproject.toml": ini('["."]')},
    "paths in another order": {"pyproject.toml": ini('["extra/", "./tests"]')},
    "an ignored folder without tests": {"pyproject.toml": ini(options='"-q --ignore=build_tools"')},
    "an ignored folder that is not there": {"pyproject.toml": ini(options='"--ignore=nowhere"')},
    "another option": {"pyproject.toml": ini(options='"-q -x --strict-markers"')},
    "a folder without tests that is not entered": {"pyproject.toml": ini(more='norecursedirs = ["build_tools"]\n')},
    "files of more names": {"pyproject.toml": ini(more='python_files = ["test_*.py", "check_*.py"]\n')},
    "a configuration that says the same": {"pytest.ini": "[pytest]\ntestpaths = tests extra\n"},
    "a list of conftest without tests": {"tests/conftest.py": 'collect_ignore = ["setup.py"]\n'},
    "an empty list": {"tests/conftest.py": "collect_ignore = []\n"},
    "a hook that sorts": {"tests/conftest.py": "def pytest_collection_modifyitems(items):\n    items.sort()\n"},
    "another hook": {"tests/conftest.py": "def pytest_configure(config):\n    config.x = 1\n"},
    "the words in a comment": {"tests/conftest.py": '# collect_ignore = ["test_a.py"]\nA = 1\n'},
}  # fmt: skip


@pytest.mark.parametrize("name", HIDES)
def test_an_edit_that_hides_tests_which_still_stand_is_a_point_with_a_reason(name: str) -> None:
    risk = risk_of(TREE, HIDES[name])

    (point,) = [each for each in risk.points if each.kind.value == "test-skipped"]
    assert point.path in HIDES[name]
    assert "now" in point.reason


@pytest.mark.parametrize("name", HIDES_NONE)
def test_an_edit_that_hides_none_is_no_point(name: str) -> None:
    assert "test-skipped" not in kinds_of(TREE, HIDES_NONE[name])


@pytest.mark.parametrize("name", HIDES)
def test_what_gives_the_tests_back_is_no_point(name: str) -> None:
    before = {**TREE, **HIDES[name]}

    assert "test-skipped" not in kinds_of(before, {path: TREE.get(path) for path in HIDES[name]})


def test_the_reason_names_the_files_that_are_left_out() -> None:
    risk = risk_of(TREE, {"pyproject.toml": ini('["extra"]')})

    reasons = [each.reason for each in risk.points if each.kind.value == "test-skipped"]
    assert reasons == ["pyproject.toml now leaves out tests/slow/test_b.py, tests/test_a.py"]


@pytest.mark.parametrize(("to", "is_hidden"), [("tests/checks_a.py", True), ("tests/test_z.py", False)])
def test_a_file_of_tests_under_a_name_that_nobody_looks_for_is_a_point(to: str, *, is_hidden: bool) -> None:
    kinds = kinds_of(TREE, {}, moves={"tests/test_a.py": to})

    assert ("test-skipped" in kinds) is is_hidden


def test_files_that_are_deleted_are_not_left_out() -> None:
    kinds = kinds_of(TREE, {"extra/test_c.py": None, "pyproject.toml": ini('["tests"]')})

    assert "test-skipped" not in kinds


def test_what_an_environment_of_tox_leaves_out_is_told_by_its_line() -> None:
    before, after = "[testenv]\ncommands = pytest -q\n", "[testenv]\ncommands = pytest -q --ignore=tests/slow\n"

    assert "test-skipped" in kinds_of({**TREE, "tox.ini": before}, {"tox.ini": after})
    assert "test-skipped" not in kinds_of({**TREE, "tox.ini": after}, {"tox.ini": before})


@given(st.binary(max_size=200), st.sampled_from(["pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg"]))
def test_any_configuration_is_read_or_said_to_be_unreadable(source: bytes, path: str) -> None:
    read_settings(path, source)


@given(st.text(max_size=80))
def test_any_value_of_an_option_is_read_or_said_to_be_unreadable(value: str) -> None:
    for text in (f"[pytest]\naddopts = {value}\n", f"[pytest]\ntestpaths = {value}\n"):
        read_settings("pytest.ini", text.encode("utf-8", "surrogatepass"))
    read_settings("pyproject.toml", f"[tool.pytest.ini_options]\naddopts = '''{value}'''\n".encode("utf-8", "replace"))
