"""``prove`` with projects' own ways: setup, databases, other runners than pytest, analysers; and ``rules`` after it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gitrepo import GitRepo
from proving import (
    CENTS_IN_A,
    PYTEST,
    REORDERED_IN_A,
    TOTALS_IN_B,
    Prove,
    configured,
    key,
    only,
    prover_of,
)
from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import run
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event, RuleDemoted
from watchkeeper.model.footprint import Confidence
from watchkeeper.model.ids import ChangeId, ConflictId, Sha
from watchkeeper.model.probing import Outcome, Proof

NO_CHECKS = "checks = []"
UNITTEST_TOTALS = """\
import unittest

from totals import total


class Totals(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([1, 2]), 6)
"""
JUNIT_RUNNER = """\
import pathlib
import sys

sys.path.insert(0, ".")
cases, code = [], 0
for name in sys.argv[2:] or sorted(str(path) for path in pathlib.Path().glob("test_*.py")):
    space = {}
    exec(pathlib.Path(name).read_text(), space)
    for test in [each for each in space if each.startswith("test_")]:
        try:
            space[test]()
            cases.append(f'<testcase classname="{pathlib.Path(name).stem}" name="{test}"/>')
        except AssertionError:
            code = 1
            cases.append(f'<testcase classname="{pathlib.Path(name).stem}" name="{test}"><failure/></testcase>')
pathlib.Path(sys.argv[1]).write_text(f"<testsuite>{''.join(cases)}</testsuite>")
sys.exit(code)
"""
ANALYSER = """\
import pathlib
import sys

prices, totals = pathlib.Path("prices.py").read_text(), pathlib.Path("totals.py")
if "100" in prices and totals.exists():
    print("totals.py:2: error: adds cents to euros  [units]")
    sys.exit(1)
"""


@pytest.fixture
def prove(capsys: pytest.CaptureFixture[str]) -> Prove:
    return prover_of(capsys)


def scratch(home: Path) -> Path:
    """The only checkout that commands ran in."""
    (found,) = home.glob("projects/*/scratch/*/tree")
    return found


def test_setup_runs_once_for_trees_with_the_same_manifests_and_again_for_others(
    git_repo: GitRepo, prove: Prove, private_home: Path
) -> None:
    setup = "mkdir -p .venv && echo done >> .venv/setups"
    scene = configured(git_repo, key("setup", setup) + key("test", PYTEST) + NO_CHECKS)
    scene.write(REORDERED_IN_A, TOTALS_IN_B)

    def setups() -> int:
        return len((scratch(private_home) / ".venv" / "setups").read_text().splitlines())

    assert only(prove(scene))["outcome"] == "cleared"
    scene.write(CENTS_IN_A, {})
    assert only(prove(scene))["outcome"] == "proved"
    assert setups() == 1

    scene.write({}, {"requirements.txt": "colour\n"})
    prove(scene)
    assert setups() > 1


def test_a_setup_that_fails_is_told_with_its_last_words_and_proves_nothing(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, key("setup", "echo no such package >&2; exit 3") + key("test", PYTEST) + NO_CHECKS)
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    said = prove(scene)

    assert only(said)["outcome"] == "could-not-run"
    assert only(said)["reason"] == "tests: setup failed: exit code 3: no such package"
    assert {each["outcome"] for each in said["conflicts"]} == {"could-not-run"}


def test_a_test_command_that_points_at_the_user_s_database_is_refused(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, key("test", f"DATABASE_URL=postgres://localhost/shop {PYTEST}") + NO_CHECKS)
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    said = prove(scene)

    assert said["error"]["slug"] == "outside-service"
    assert "postgres://localhost" in said["error"]["message"]
    assert said["code"] not in (Exit.NOTHING, Exit.FOUND)


def test_a_database_is_made_for_the_run_and_one_that_cannot_be_made_is_told(git_repo: GitRepo, prove: Prove) -> None:
    asks = "import os\n\n\ndef test_database():\n    assert os.environ['DATABASE_URL'] == 'file:run.db'\n"
    table = key("test", PYTEST) + key("database", "cat database-url") + NO_CHECKS
    scene = configured(git_repo, table, {"test_database.py": asks, "database-url": "starting\nfile:run.db\n"})
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "test_database.py": asks + "\n"})

    assert only(prove(scene))["outcome"] == "cleared"

    (scene.a.path / "database-url").unlink()
    proof = only(prove(scene))
    assert proof["outcome"] == "could-not-run"
    assert "the command for the database failed" in proof["reason"]


def test_each_run_has_a_port_and_a_temporary_folder_of_its_own_and_no_network(
    git_repo: GitRepo, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = (
        "import os\nimport pathlib\nimport tempfile\n\n\ndef test_place():\n    assert int(os.environ['PORT']) > 0\n"
        "    place = pathlib.Path(tempfile.gettempdir())\n    assert place == pathlib.Path(os.environ['TMPDIR'])\n"
        "    assert list(place.iterdir()) == []\n    (place / 'left').touch()\n"
        "    assert os.environ['http_proxy'] == 'http://127.0.0.1:9'\n    assert 'SECRET' not in os.environ\n"
    )
    scene = configured(git_repo, key("test", PYTEST) + NO_CHECKS)
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "test_place.py": looks})
    monkeypatch.setenv("SECRET", "s")

    assert [only(prove(scene, *options))["outcome"] for options in ((), ("--again",))] == ["cleared"] * 2


def test_a_runner_of_one_s_own_proves_by_its_junit_report_and_clears_nothing(git_repo: GitRepo, prove: Prove) -> None:
    table = key("test", f"{sys.executable} run_tests.py {{junit}} {{tests}}") + NO_CHECKS
    scene = configured(git_repo, table, {"run_tests.py": JUNIT_RUNNER})
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))
    assert (proof["outcome"], [each["subject"] for each in proof["findings"]]) == (
        "proved",
        ["test_totals::test_total"],
    )

    scene.write({**REORDERED_IN_A, "test_prices.py": (git_repo.path / "test_prices.py").read_text()}, {})
    proof = only(prove(scene))
    assert proof["outcome"] == "not-disproved"
    assert proof["reason"] == "2 tests pass, but which lines were executed is not known (it is with pytest)"


def test_unittest_proves_by_what_it_prints(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, key("test", f"{sys.executable} -m unittest") + NO_CHECKS, {"test_prices.py": ""})
    scene.write({"prices.py": CENTS_IN_A["prices.py"]}, {**TOTALS_IN_B, "test_totals.py": UNITTEST_TOTALS})

    proof = only(prove(scene))

    assert proof["outcome"] == "proved"
    assert [each["subject"] for each in proof["findings"]] == ["test_total (test_totals.Totals.test_total)"]


RERUNS = """\
import pytest
from _pytest.runner import runtestprotocol


def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports):
        for report in reports:
            report.outcome = "rerun" if report.failed else report.outcome
            item.ihook.pytest_runtest_logreport(report=report)
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""
"""As plugins do that run a failed test again at once."""


def test_a_test_that_the_project_runs_again_at_once_counts_by_its_last_try(git_repo: GitRepo, prove: Prove) -> None:
    once = "TRIES = []\n\n\ndef test_once():\n    TRIES.append(1)\n    assert len(TRIES) > 1\n"
    scene = configured(git_repo, key("test", PYTEST) + NO_CHECKS, {"conftest.py": RERUNS})
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "test_once.py": once})
    assert only(prove(scene))["outcome"] == "cleared"

    scene.write(CENTS_IN_A, {})
    proof = only(prove(scene))
    assert (proof["outcome"], proof["findings"][0]["subject"]) == ("proved", "test_totals.py::test_total")


def test_an_analyser_of_one_s_own_proves_by_a_place_and_a_message(git_repo: GitRepo, prove: Prove) -> None:
    table = f'checks = ["units: {sys.executable} lint.py"]'
    scene = configured(git_repo, table, {"lint.py": ANALYSER})
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    said = prove(scene)

    proof = only(said)
    assert (proof["outcome"], proof["by"]) == ("proved", ["units"])
    assert [each["identity"] for each in proof["findings"]] == [["units", "units", "totals.py", "adds cents to euros"]]
    assert any(each["rule"] == "emergent-units" and each["severity"] == "blocking" for each in said["conflicts"])


def test_what_an_analyser_says_of_one_side_alone_is_not_emergent(git_repo: GitRepo, prove: Prove) -> None:
    table = f'checks = ["units: {sys.executable} lint.py"]'
    scene = configured(git_repo, table, {"lint.py": ANALYSER})
    scene.write({**CENTS_IN_A, **TOTALS_IN_B}, {"mail.py": "x = 1\n"})

    said = prove(scene)

    assert (only(said)["outcome"], said["conflicts"]) == ("not-disproved", [])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exit 127", "odd could not run: exit code 127"),
        ("echo something; exit 1", "odd could not run: it found something that cannot be read"),
    ],
)
def test_an_analyser_that_cannot_be_run_is_told_and_clears_nothing(
    git_repo: GitRepo, prove: Prove, command: str, said: str
) -> None:
    scene = configured(git_repo, key("test", PYTEST) + f'checks = ["odd: {command}"]')
    scene.write(REORDERED_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert proof["outcome"] == "not-disproved"
    assert said in proof["reason"]


def test_a_preset_of_tests_is_as_good_as_a_command_and_proves_the_suspicion(
    git_repo: GitRepo, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # whose `python` it is
    scene = configured(git_repo, NO_CHECKS)
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    said = prove(scene, "--checks", "pytest")

    assert (only(said)["outcome"], only(said)["by"]) == ("proved", ["tests"])
    assert [(each["kind"], each["outcome"]) for each in said["conflicts"]] == [("stale-read", "proved")]


def test_a_check_that_nobody_knows_is_a_usage_error(git_repo: GitRepo, prove: Prove) -> None:
    said = prove(configured(git_repo, NO_CHECKS), "--checks", "lynt")

    assert (said["error"]["slug"], said["code"]) == ("unknown-check", Exit.USAGE)


def conflict(number: int) -> Conflict:
    return Conflict(
        id=ConflictId(f"c-{number}"),
        kind=Kind.STALE_READ,
        rule="stale-read",
        severity=Severity.MAJOR,
        confidence=Confidence.SURE,
        changes=(ChangeId("a"), ChangeId("b")),
        subjects=("m:f",),
        summary="a changes what b reads",
        why="",
        evidence=(),
        next_step="talk",
        fingerprint=f"c-{number}",
    )


def history(outcomes: Sequence[Outcome]) -> list[Event]:
    events: list[Event] = []
    for number, outcome in enumerate(outcomes):
        proof = Proof((ChangeId("a"), ChangeId("b")), (), Sha(""), outcome)
        events += [ConflictOpened(conflict(number)), ConflictProbed(ConflictId(f"c-{number}"), proof)]
    return events


def test_rules_say_what_became_of_suspicions(
    git_repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit("base", {"a.py": "x = 1\n"})
    monkeypatch.chdir(git_repo.path)

    assert run(["rules"]) == Exit.NOTHING
    assert "no rule has raised anything yet" in capsys.readouterr().out
    place = find_place(Path(), os.environ)
    outcomes = [Outcome.PROVED] * 3 + [Outcome.CLEARED] * 17 + [Outcome.NOT_DISPROVED, Outcome.FLAKY]
    with open_log(place.home) as log:
        log.append(place.project, [*history(outcomes), RuleDemoted("stale-read", 3, 20)], now())

    assert run(["rules", "--json"]) == Exit.NOTHING
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "version": 1,
        "project": place.project,
        "rules": [
            {
                "rule": "stale-read", "raised": 22, "proved": 3, "cleared": 17, "not_disproved": 1, "dismissed": 0,
                "changed_course": 0, "precision": 0.15, "is_demoted": True,
            }
        ],
    }  # fmt: skip
    assert run(["rules"]) == Exit.NOTHING
    said = capsys.readouterr().out
    assert "15% of 20  shown lower" in said
    assert said.splitlines()[-1].startswith("next:")
