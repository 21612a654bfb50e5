"""Tests that report in the name of the plugin that watches them: what they write is seen, and is not believed."""

from __future__ import annotations

import pytest

from gitrepo import GitRepo
from landingscene import PYTEST, Verbs, begin, finish

SHAPES = "SCALE = 2\n\n\ndef width(n):\n    return n * SCALE\n"
TEST_SHAPES = "from shapes import width\n\n\ndef test_width():\n    assert width(1) == 2\n"
SKETCH = {"shapes.py": SHAPES, "test_shapes.py": TEST_SHAPES}
ROUNDED = SHAPES.replace("    return", "    if n < 0:\n        n = -n\n        n = n + 0\n    return")
REPORT = """
import json, os, pathlib

FOLDER = pathlib.Path(os.environ["WATCHKEEPER_WITNESS"])
BODY = json.dumps({"outcomes": {"test_z.py::test_z": ["passed", 0, ""]}, "lines": {"": {"shapes.py": [6, 7]}}})


def test_forge():
    (FOLDER / "1.json").write_text(BODY)
"""
STALE = REPORT.replace('"1.json").write_text(BODY)', '"1.json").write_text("0" * 64 + chr(10) + BODY)')
HIDDEN_END = """
import os, pathlib


def test_end():
    for each in pathlib.Path(os.environ["WATCHKEEPER_WITNESS"]).glob("*"):
        each.unlink()
    os._exit(0)
"""
GUESSED_KEY = HIDDEN_END.replace(
    "    os._exit(0)",
    """    folder = os.environ["WATCHKEEPER_WITNESS"]
    pathlib.Path(folder + ".key").write_text("0" * 32)
    os._exit(0)""",
)
SEARCH = """
import os, pathlib


def test_search():
    folder = pathlib.Path(os.environ["WATCHKEEPER_WITNESS"])
    found = [each.name for each in folder.parent.rglob("*") if "key" in each.name]
    told = pathlib.Path("/proc/self/environ").read_bytes() + repr(dict(os.environ)).encode()
    assert found == []
    assert b"KEY" not in told.replace(b"KEYRING", b"")
"""


@pytest.fixture
def verbs(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(git_repo, capfd)


@pytest.mark.parametrize("forging", [REPORT, STALE], ids=["not signed", "signed wrongly"])
def test_a_test_that_claims_in_a_report_of_its_own_that_lines_were_executed_is_sent_back(
    git_repo: GitRepo, verbs: Verbs, forging: str
) -> None:
    begin(git_repo, SKETCH, landing="wait_risk = 19")
    finish(git_repo, "forges", {"shapes.py": ROUNDED, "test_forge.py": forging})

    ended = verbs.land("forges")["forges/1"]

    assert ended["state"] == "bounced", ended
    assert "in the name of Watchkeeper's plugin" in ended["reason"]


@pytest.mark.parametrize("ending", [HIDDEN_END, GUESSED_KEY], ids=["marks taken away", "a key that is guessed"])
def test_a_test_that_ends_the_run_and_takes_its_marks_away_hides_no_failure(
    git_repo: GitRepo, verbs: Verbs, ending: str
) -> None:
    begin(git_repo, SKETCH)
    finish(git_repo, "hides", {"test_a.py": ending, "test_b.py": "def test_b():\n    assert 0\n"})

    ended = verbs.land("hides")["hides/1"]

    assert ended["state"] == "bounced"
    assert "ended before all tests had run" in ended["reason"]


def test_the_key_is_nowhere_while_tests_run(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SKETCH)
    finish(git_repo, "searches", {"test_search.py": SEARCH})

    assert verbs.land("searches")["searches/1"]["state"] == "landed"


COMMANDS = {
    "one": f"{PYTEST}",
    "two, one after another": f"{PYTEST} test_shapes.py && {PYTEST} test_more.py",
    "one that only says its version": f"{PYTEST} --version && {PYTEST}",
    "one with workers": f"{PYTEST} -p xdist -n 2",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_plugin_itself_leaves_is_believed_however_pytest_is_started(
    git_repo: GitRepo, verbs: Verbs, name: str
) -> None:
    begin(
        git_repo, {**SKETCH, "test_more.py": "def test_it():\n    pass\n"}, landing="wait_risk = 4", test=COMMANDS[name]
    )
    covered = f"{TEST_SHAPES}\n\ndef test_negative():\n    assert width(-1) == 2\n"
    finish(git_repo, "rounded", {"shapes.py": ROUNDED, "test_shapes.py": covered})

    assert verbs.land("rounded")["rounded/1"]["state"] == "landed"

    assert verbs("queue", "rounded")["entry"]["measured"] == [
        "the run executed all of the 3 changed lines of shapes.py that do something"
    ]


def test_of_two_at_the_same_time_nothing_is_taken_for_executed(git_repo: GitRepo, verbs: Verbs) -> None:
    both = f"{PYTEST} test_shapes.py & first=$!; {PYTEST} test_more.py; wait $first"
    slow = "import time\n\n\ndef test_it():\n    time.sleep(2)\n"
    begin(git_repo, {**SKETCH, "test_more.py": slow, "test_shapes.py": slow}, landing="wait_risk = 4", test=both)
    finish(git_repo, "rounded", {"shapes.py": ROUNDED})

    ended = verbs.land("rounded")["rounded/1"]

    assert ended["state"] == "held"
    assert "not measured" in ended["reason"]
