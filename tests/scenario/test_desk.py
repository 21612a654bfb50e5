"""The desk on a real repository: what landed is surveyed once, decided things are found, days are closed."""

from __future__ import annotations

import json

import pytest

from deskscene import Clock, open_reader, the_project
from gitrepo import GitRepo
from landingscene import Verbs, begin, finish
from watchkeeper.app import now
from watchkeeper.cli.main import run
from watchkeeper.desk import surveyor as surveyor_module
from watchkeeper.desk.surveyor import Surveyor
from watchkeeper.model.review import ChangeSurveyed, DecisionKind
from watchkeeper.review.looking import Looked

CART = "import os\n\nRETRIES = 3\n\n\ndef total(items, limit=10):\n    return sum(items[:limit])\n"
TEST = "from cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
NEW_CART = (
    "import os\n\nRETRIES = 5\n\n\ndef total(items, limit=20):\n    return sum(items[:limit])\n\n\n"
    "def cheapest(items):\n    if os.environ.get('SHOP_STRICT'):\n        raise ValueError('strict')\n"
    "    return min(items)\n"
)
NEW_TEST = TEST + "\n\ndef test_more():\n    assert total([5]) == 5\n"


@pytest.fixture
def shop(git_repo: GitRepo) -> GitRepo:
    begin(git_repo, {"cart.py": CART, "test_cart.py": TEST})
    return git_repo


def survey(repo: GitRepo) -> Surveyor:
    with open_reader(repo.path) as reader:
        surveyor = Surveyor(reader, now)
        surveyor.look()
        return surveyor


def test_what_landed_is_surveyed_once_with_its_decisions(shop: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    finish(shop, "agent-a", {"cart.py": NEW_CART, "test_cart.py": NEW_TEST})
    Verbs(shop, capfd).land("agent-a")

    first, second = survey(shop).statistics, survey(shop).statistics

    assert (first.surveyed, first.waiting, second.surveyed) == (1, 0, 0)
    with open_reader(shop.path) as reader:
        project = the_project(reader)
    (standing,) = project.review.changes.values()
    told = standing.survey
    assert (told.entry, told.change, told.title) == ("agent-a/1", "agent-a", "work of agent-a")
    assert (told.files, told.tests_added, told.tests_removed) == (2, 1, 0)
    assert {"cart.py:total", "cart.py:cheapest", "cart.py:RETRIES"} <= set(told.writes)
    assert "environment:SHOP_STRICT" in told.resources
    stat = shop.git("diff", "--numstat", "main^", "main").split()
    assert (told.lines_added, told.lines_removed) == (int(stat[0]) + int(stat[3]), int(stat[1]) + int(stat[4]))
    assert told.points
    kinds = {each.decision.kind for each in project.review.decisions.values()}
    assert kinds == {DecisionKind.DEFAULT, DecisionKind.PUBLIC_SYMBOL, DecisionKind.ENVIRONMENT}
    titles = " | ".join(each.decision.title for each in project.review.decisions.values())
    assert "the default of limit of cart:total is 20, and was 10" in titles
    assert "cart:RETRIES is 5, and was 3" in titles


def test_the_lines_that_the_queues_run_executed_are_known(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    begin(git_repo, {"cart.py": CART, "test_cart.py": TEST}, landing="wait_risk = 13")
    finish(git_repo, "agent-a", {"cart.py": NEW_CART, "test_cart.py": NEW_TEST})
    verbs = Verbs(git_repo, capfd)
    held = verbs.land("agent-a")["agent-a/1"]
    assert held["state"] == "held"  # by what the run showed
    verbs("release", "agent-a/1")
    verbs.land("agent-a")

    survey(git_repo)

    with open_reader(git_repo.path) as reader:
        (standing,) = the_project(reader).review.changes.values()
    untested = [each.reason for each in standing.survey.points if each.kind == "uncovered"]
    assert untested == ["no test executes 3 of 7 changed lines of cart.py: 11-13"]
    assert not [each for each in standing.survey.could_not if "which changed lines" in each]


def test_that_tests_ran_and_nobody_watched_them_is_told(shop: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    finish(shop, "agent-a", {"cart.py": NEW_CART, "test_cart.py": NEW_TEST})
    Verbs(shop, capfd).land("agent-a")

    survey(shop)

    with open_reader(shop.path) as reader:
        (standing,) = the_project(reader).review.changes.values()
    assert any("nobody watched which lines" in each for each in standing.survey.could_not)


def test_what_came_past_the_queue_is_surveyed_by_its_own_commit(
    shop: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    finish(shop, "agent-a", {"other.py": "def other():\n    return 1\n"})
    Verbs(shop, capfd).land("agent-a")
    past = shop.commit("past the queue", {"cart.py": NEW_CART})
    finish(shop, "agent-b", {"third.py": "def third():\n    return 1\n"})
    Verbs(shop, capfd).land("agent-b")

    assert survey(shop).statistics.surveyed == 3

    with open_reader(shop.path) as reader:
        changes = the_project(reader).review.changes
    assert changes[past].survey.entry == ""  # type: ignore[index]
    assert "cart.py:total" in changes[past].survey.writes  # type: ignore[index]
    assert [each.survey.title for each in changes.values()] == [
        "work of agent-a", "past the queue", "work of agent-b",
    ]  # fmt: skip


def test_decisions_are_accepted_questioned_and_reverted(shop: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    finish(shop, "agent-a", {"cart.py": NEW_CART, "test_cart.py": NEW_TEST})
    verbs = Verbs(shop, capfd)
    verbs.land("agent-a")
    verbs("desk", "--once")
    found = {each["decision"]["kind"]: each["decision"]["id"] for each in verbs("decisions")["decisions"]}
    assert verbs.code == 1

    accepted = verbs("decisions", "--accept", found["environment"])
    questioned = verbs("decisions", "--question", found["public-symbol"], "--reason", "who needs it?")
    again = verbs("decisions", "--question", found["public-symbol"], "--reason", "who needs it?")
    reverted = verbs("decisions", "--revert", found["default"][:8], "--reason", "nobody asked")

    assert accepted["done"][0]["changed"]
    assert questioned["done"][0]["changed"]
    assert not again["done"][0]["changed"]
    assert "cheapest" in verbs("issue", "list")["issues"][0]["title"]
    assert "revert-agent-a/1" in reverted["done"][0]["sentence"]
    finish(shop, "agent-b", {"other.py": "def other():\n    return 1\n"})
    verbs.land("agent-b")  # whoever drives the queue lands the revert first
    assert shop.git("show", "main:cart.py") + "\n" == CART
    verbs("desk", "--once")
    with open_reader(shop.path) as reader:
        review = the_project(reader).review
    wrong = [each for standing in review.changes.values() for each in standing.wrong]
    assert [each.how.value for each in wrong] == ["revert"]
    judged = {each.judged.verdict.value for each in review.decisions.values() if each.judged is not None}
    assert judged == {"accepted", "questioned", "reverted"}


def test_a_change_that_cannot_be_opened_is_told_and_not_passed_over(
    shop: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    finish(shop, "agent-a", {"cart.py": NEW_CART, "test_cart.py": NEW_TEST})
    Verbs(shop, capfd).land("agent-a")
    with open_reader(shop.path) as reader:
        project = the_project(reader)
        shelf = reader.log.shelf(project.source.project, "survey-tries")
        landed = project.landing.landed[0]
        shelf.put({f"{landed.entry.id} {landed.commit}": b"3"})  # three processes began with it, and none came back

        Surveyor(reader, now).look()

        (standing,) = the_project(reader).review.changes.values()
        assert standing.survey.could_not == ("what it changes: looking at it ended the process that looked, each time",)
        assert set(shelf.read()) == {"begin"}


def test_the_verbs_say_what_is_to_do(shop: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["decisions", "--repo", str(shop.path)]) == 0
    assert "nothing was decided that nobody asked for" in capfd.readouterr().out
    assert run(["worklog", "--repo", str(shop.path), "--json"]) == 2
    assert json.loads(capfd.readouterr().out)["error"]["slug"] == "no-worklog"


def test_a_change_on_which_our_own_code_fails_keeps_no_other_back(
    shop: GitRepo, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(shop, "agent-a", {"bad.py": "def bad():\n    return 1\n"})
    finish(shop, "agent-b", {"cart.py": NEW_CART, "test_cart.py": NEW_TEST})
    Verbs(shop, capfd).land("agent-a", "agent-b")
    real = surveyor_module.make_survey

    def broken(project: str, looked: Looked) -> ChangeSurveyed:
        if looked.landed.entry.change == "agent-a":
            raise RecursionError("too deep")
        return real(project, looked)

    monkeypatch.setattr(surveyor_module, "make_survey", broken)
    clock = Clock(now())
    with open_reader(shop.path, clock) as reader:
        surveyor = Surveyor(reader, clock)
        for _ in range(3):
            surveyor.look()
            clock.at += 130_000
        changes = {each.survey.change: each.survey for each in the_project(reader).review.changes.values()}

    assert changes["agent-a"].could_not == ("what it changes: RecursionError: too deep",)
    assert changes["agent-b"].writes
    assert (surveyor.statistics.surveyed, surveyor.statistics.unreadable) == (1, 1)
