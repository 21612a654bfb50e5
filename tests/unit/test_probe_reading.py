"""What came of a command: from inside pytest, from its report, from its output; never more than that says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from watchkeeper.probes import commands
from watchkeeper.probes.commands import _with_database, fill, read_findings, read_tests
from watchkeeper.probes.presets import PRESETS, CommandCheck, project_tests
from watchkeeper.probes.reports import Form
from watchkeeper.probes.runs import Selection
from watchkeeper.probes.setup_inputs import setup_digest
from watchkeeper.probes.witness import is_unfinished, read_left, read_witness, sign, witness_environment
from watchkeeper.sandbox.job import Ending, Isolation, Outcome

TREE = Path("/scratch/0/tree")
TESTS = project_tests("run {junit}")


def ended(
    code: int | None = 0, output: str = "", ending: Ending = Ending.EXITED, printed: int | None = None
) -> Outcome:
    data = output.encode()
    return Outcome(
        ending=ending,
        exit_code=code,
        output=data,
        printed=len(data) if printed is None else printed,
        wall_s=0.1,
        cpu_s=0.1,
        peak_mb=1.0,
        isolation=Isolation("full"),
    )


KEY = "0123456789abcdef"


def leave(place: Path, document: object, name: str = "1.json", key: str = KEY) -> Path:
    """A report, signed as the plugin signs it."""
    (place / "witness").mkdir(exist_ok=True)
    file = place / "witness" / name
    body = (document if isinstance(document, str) else json.dumps(document)).encode()
    file.write_bytes(sign(key, body) + b"\n" + body)
    return file


@pytest.fixture(autouse=True)
def _key(tmp_path: Path) -> None:
    """Nobody took it, or it was given back."""
    (tmp_path / "witness.key").write_text(KEY)


GOOD = {
    "outcomes": {"test_a.py::test_one": ["passed", 0.5, ""], "test_a.py::test_two": ["failed", 0.1, "assert 3 == 4"]},
    "lines": {
        "": {"a.py": [1, 2]},
        "test_a.py::test_one": {"a.py": [3]},
        "test_a.py::test_two": {"a.py": [4], "b.py": [9]},
    },
}


def test_lines_count_that_passing_tests_or_imports_executed_and_not_those_of_failing_tests(tmp_path: Path) -> None:
    leave(tmp_path, GOOD)

    found = read_witness(tmp_path, KEY)

    assert found is not None
    tests, executed, _ = found
    assert [(each.name, each.end.value, each.message, each.path) for each in tests] == [
        ("test_a.py::test_one", "passed", "", "test_a.py"),
        ("test_a.py::test_two", "failed", "assert 3 == 4", "test_a.py"),
    ]
    assert executed == {"a.py": frozenset({1, 2, 3})}


def test_what_several_processes_left_is_put_together(tmp_path: Path) -> None:
    leave(tmp_path, {"outcomes": {"t::a": ["passed", 0, ""]}, "lines": {"t::a": {"a.py": [1]}}}, "1.json")
    leave(tmp_path, {"outcomes": {"t::b": ["passed", 0, ""]}, "lines": {"t::b": {"a.py": [2]}}}, "2.json")

    found = read_witness(tmp_path, KEY)

    assert found is not None
    assert (len(found[0]), found[1]) == (2, {"a.py": frozenset({1, 2})})


@pytest.mark.parametrize(
    "document",
    [
        "not json",
        "[" * 100_000,
        5,
        [],
        {},
        {"outcomes": [], "lines": {}},
        {"outcomes": 5, "lines": {}},
        {"outcomes": {"t": 5}, "lines": {}},
        {"outcomes": {"t": [["passed"], 0, ""]}, "lines": {}},
        {"outcomes": {}, "lines": []},
        {"outcomes": {}, "lines": {"t": 5}},
        {"outcomes": {}, "lines": {"": {"a.py": 5}}},
        {"outcomes": {}, "lines": {"": {"a.py": [[1]]}}},
    ],
)
def test_what_the_plugin_cannot_have_written_is_not_believed(tmp_path: Path, document: object) -> None:
    leave(tmp_path, GOOD, "1.json")
    leave(tmp_path, document, "2.json")

    assert read_witness(tmp_path, KEY) is None


@pytest.mark.parametrize("code", [0, 1])
def test_a_report_that_the_plugin_did_not_sign_makes_the_run_say_nothing(tmp_path: Path, code: int) -> None:
    leave(tmp_path, GOOD)
    leave(tmp_path, GOOD, "2.json", "another key")

    ran = read_tests(TESTS, ended(code), tmp_path, TREE, KEY)

    assert not ran.could_run
    assert "in the name of Watchkeeper's plugin" in ran.reason


def test_a_report_that_says_something_else_than_was_signed_is_not_believed(tmp_path: Path) -> None:
    file = leave(tmp_path, GOOD)
    assert read_witness(tmp_path, KEY) is not None
    file.write_bytes(file.read_bytes().replace(b'"failed"', b'"passed"'))

    assert read_witness(tmp_path, KEY) is None


def test_a_run_that_took_the_key_and_did_not_give_it_back_did_not_come_to_its_end(tmp_path: Path) -> None:
    leave(tmp_path, GOOD)
    assert not is_unfinished(tmp_path, KEY)
    (tmp_path / "witness.key").unlink()

    assert is_unfinished(tmp_path, KEY)
    (tmp_path / "witness.key").write_text("guessed")
    assert is_unfinished(tmp_path, KEY)


def test_where_two_ran_at_once_and_one_could_not_sign_nothing_is_taken_from_either(tmp_path: Path) -> None:
    leave(tmp_path, GOOD)
    (tmp_path / "witness" / "2.keyless").touch()

    assert read_witness(tmp_path, KEY) is None
    assert not read_tests(TESTS, ended(0), tmp_path, TREE, KEY).has_witness


def test_an_outcome_that_nobody_knows_is_no_pass(tmp_path: Path) -> None:
    leave(tmp_path, {"outcomes": {"t": ["fine", 0, ""]}, "lines": {}})

    found = read_witness(tmp_path, KEY)

    assert found is not None
    assert found.tests[0].is_failure


def test_pipes_links_and_folders_in_place_of_a_report_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "secret").write_text("s")
    (tmp_path / "link").symlink_to(tmp_path / "secret")

    assert [read_left(tmp_path / name) for name in ("pipe", "link", ".", "missing")] == [b""] * 4
    assert read_left(tmp_path / "secret") == b"s"


def test_a_test_whose_name_is_no_text_is_still_written_down(tmp_path: Path) -> None:
    variables = witness_environment(tmp_path, TREE, Selection(only=("t::\udcff",), witnessed=("a.py", "b.py")), {}, KEY)

    assert (tmp_path / "only").read_text() == "t::\\udcff"
    assert variables["WATCHKEEPER_WITNESS_FILES"] == "a.py\nb.py"
    assert variables["WATCHKEEPER_WITNESS_ROOT"] == str(TREE)


def test_tests_are_read_from_the_report_where_there_is_no_plugin(tmp_path: Path) -> None:
    (tmp_path / "junit").write_text(
        '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'
    )

    ran = read_tests(TESTS, ended(1), tmp_path, TREE, KEY)

    assert [each.is_failure for each in ran.tests] == [False, True]
    assert not ran.has_witness


def test_without_a_report_a_command_that_succeeds_is_one_test_that_passes(tmp_path: Path) -> None:
    ran = read_tests(TESTS, ended(0, "ok"), tmp_path, TREE, KEY)

    assert [each.is_failure for each in ran.tests] == [False]


@pytest.mark.parametrize(
    ("outcome", "report", "said"),
    [
        (ended(None, "half", Ending.TIMED_OUT), "", "timed out: half"),
        (ended(None, "", Ending.CANCELLED), "<testsuite/>", "cancelled"),
        (ended(2, "sh: boom"), "", "no test can be told from its output: exit code 2: sh: boom"),
        (ended(0), "<testsuite", "no XML"),
        (ended(3, "usage"), "<testsuite/>", "no test ran: exit code 3: usage"),
        (ended(1, "coverage too low"), '<testsuite><testcase name="a"/></testsuite>', "it failed, but no test did"),
        (
            ended(1, "ERROR: no server"),
            "",
            "no test can be told from its output: exit code 1: ERROR: no server",
        ),
    ],
)
def test_what_says_nothing_of_any_test_could_not_run_and_says_why(
    tmp_path: Path, outcome: Outcome, report: str, said: str
) -> None:
    (tmp_path / "junit").write_text(report)

    ran = read_tests(TESTS, outcome, tmp_path, TREE, KEY)

    assert not ran.could_run
    assert said in ran.reason


@pytest.mark.parametrize(
    ("code", "report"),
    [(0, "<testsuite/>"), (5, "<testsuite/>"), (0, '<t><testcase name="a"><skipped/></testcase></t>')],
)
def test_that_there_was_no_test_to_run_is_neither_a_pass_nor_a_failure(tmp_path: Path, code: int, report: str) -> None:
    (tmp_path / "junit").write_text(report)

    ran = read_tests(TESTS, ended(code), tmp_path, TREE, KEY)

    assert ran.could_run
    assert ran.is_empty


LINT = CommandCheck("lint", "lint", Form.LINES)


@pytest.mark.parametrize(
    ("outcome", "could_run", "count"),
    [
        (ended(0, "fine"), True, 0),
        (ended(1, "a.py:1: x"), True, 1),
        (ended(0, "a.py:1: x"), True, 1),
        (ended(1, "it went wrong"), False, 0),
        (ended(2, "a.py:1: x"), False, 0),
        (ended(127, "sh: lint: not found"), False, 0),
        (ended(None, "a.py:1: x", Ending.OUT_OF_MEMORY), False, 0),
        (ended(1, "a.py:1: x", printed=10_000_000), False, 0),
    ],
)
def test_an_analyser_that_ends_otherwise_than_it_does_could_not_run(
    tmp_path: Path, outcome: Outcome, could_run: bool, count: int
) -> None:
    ran = read_findings(LINT, outcome, TREE, tmp_path)

    assert (ran.could_run, len(ran.report.findings)) == (could_run, count)
    assert bool(ran.reason) is not could_run


def test_sarif_is_read_from_its_file_else_from_the_output(tmp_path: Path) -> None:
    check = CommandCheck("scan", "scan", Form.SARIF)
    text = json.dumps({"runs": [{"results": [{"ruleId": "r", "message": {"text": "m"}}]}]})

    assert len(read_findings(check, ended(1, text), TREE, tmp_path).report.findings) == 1
    (tmp_path / "sarif").write_text(text)
    assert len(read_findings(check, ended(1, "talk"), TREE, tmp_path).report.findings) == 1
    assert not read_findings(PRESETS["eslint"], ended(1, "talk"), TREE, tmp_path).could_run


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        ("pytest -q", "pytest -q 'a b.py'"),
        ("cd x && pytest {tests} -q", "cd x && pytest 'a b.py' -q"),
        ("make test", "make test"),
        ("run --out={junit} > {json} 2> {sarif}", "run --out=/p/junit > /p/json 2> /p/sarif"),
    ],
)
def test_a_command_s_places_are_filled_in(command: str, filled: str) -> None:
    assert fill(command, Path("/p"), ["a b.py"]) == filled


def test_more_names_than_a_command_line_may_have_are_all_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_LONGEST_NAMES", 20)

    assert fill("pytest {tests} -q", Path("/p"), ["a.py", "b.py"]) == "pytest a.py b.py -q"
    assert fill("pytest {tests} -q", Path("/p"), ["a.py"] * 20) == "pytest  -q"


def test_setup_depends_on_manifests_on_its_command_and_on_the_files_that_it_names(tmp_path: Path) -> None:
    command = "sh tools/setup.sh && pip install -r requirements/dev.txt"
    files = ("pyproject.toml", "tools/setup.sh", "requirements/dev.txt")
    digests = [setup_digest(command, tmp_path), setup_digest(f"{command} -q", tmp_path)]
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one")
        digests.append(setup_digest(command, tmp_path))
    assert len(set(digests)) == len(digests)

    (tmp_path / "src.py").write_text("x = 1")

    assert setup_digest(command, tmp_path) == digests[-1]


def test_what_a_setup_makes_is_no_input_of_it(tmp_path: Path) -> None:
    command = (
        "python3 -m venv .venv && .venv/bin/python -m pip install . && node_modules/.bin/tsc && cat ./x.egg-info/a"
    )
    before = setup_digest(command, tmp_path)

    for name in (".venv/bin/python", "node_modules/.bin/tsc", "x.egg-info/a"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("made")

    assert setup_digest(command, tmp_path) == before


@pytest.mark.parametrize("command", ["sh 'unclosed", "cat /etc/hosts ../x \0", "true"])
def test_any_command_has_a_digest(tmp_path: Path, command: str) -> None:
    assert setup_digest(command, tmp_path)


@pytest.mark.parametrize(
    ("database", "code", "said"),
    [
        ("echo starting; echo postgres://h/db", 0, "postgres://h/db\n"),
        ("false", 97, ""),
        ("echo x; exit 3", 97, ""),
    ],
)
def test_a_database_that_cannot_be_made_ends_the_run(database: str, code: int, said: str) -> None:
    with os.popen(f"({_with_database(database, 'echo $DATABASE_URL')}) 2>/dev/null") as pipe:  # the shell is its judge
        output = pipe.read()
        status = pipe.close()

    assert (os.waitstatus_to_exitcode(status or 0), output) == (code, said)
